// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package transport holds the HTTP rules that both services share: where a token may go, how much of a response is read,
// and what an error carries. It neither logs nor decides when to ask again.
package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// maxErrorBody bounds what is read of an error response, in bytes.
const maxErrorBody = 64 << 10

// Authorizer gives the credentials of a request, such as a bearer token.
type Authorizer interface {
	// Token returns credentials that the service should accept now.
	Token(ctx context.Context) (string, error)
	// Reject is called when the service has refused the token, so that the next one must be fresh. Claims are what the
	// service demands of it, as a JSON object; empty if it demands none.
	Reject(token, claims string)
}

// Service is what differs from service to service.
type Service interface {
	// Explain returns what is wrong by a response that is not 200.
	Explain(body []byte) (code, message string)
	// Advise returns the configuration key or permission to change after the error; it may be empty.
	Advise(e *Error) trouble.Advice
}

// Observer hears what happens to requests. It is called by the goroutine that asks and must not block.
type Observer interface {
	// Retrying is called when a request failed for the reason given and is sent again after the wait, the n-th time from 1
	// on.
	Retrying(ctx context.Context, err error, reason string, n int, wait time.Duration)
	// Throttled is called when the service asks that the tenant be left alone for the pause.
	Throttled(ctx context.Context, err error, pause time.Duration)
}

// Client asks one endpoint for pages.
type Client struct {
	// http is a copy of Options.HTTP that follows no redirect away from the endpoint.
	http *http.Client
	// last is the size of the last page in bytes.
	last atomic.Int64
	// token is the credentials that were sent last.
	token atomic.Value
	Options
}

// Options is what a client needs. All but Auth and Connections is required.
type Options struct {
	// HTTP sends the requests.
	HTTP *http.Client
	// Connections is what is known of the connections of HTTP, and to be shared by all who use them; nil means that nobody else
	// does.
	Connections *Connections
	// Endpoint is the only place that tokens are sent to.
	Endpoint *url.URL
	// FoldPath is set where the service ignores the case of paths.
	FoldPath bool
	// Auth gives the credentials of the header Authorization; nil if HTTP adds the header by itself.
	Auth Authorizer
	// Scheme is the authentication scheme of the header, such as Bearer.
	Scheme  string
	Service Service
	Quota   *Quota
	// Cap bounds the requests of this client beside Quota; nil if only that does.
	Cap *Quota
	// Lane is the lane in which all requests of the client compete, whatever lane they are of; empty if they compete in theirs.
	Lane     trace.Lane
	Retry    Retry
	Observer Observer
}

// Response is a page as received.
type Response struct {
	// Body is the page after decompression.
	Body []byte
	// ContentType is the response's media type.
	ContentType string
	// Arrived is when Body was complete.
	Arrived time.Time
	// Date is the service's clock when it answered, zero if it sends none.
	Date time.Time

	// buffers is where the memory of Body goes when it is released.
	buffers *buffers
	// secrets are those that the service was sent, and may repeat.
	secrets []string
}

// Release lets the memory of Body be used for another page of the context (Reuse). Nothing may refer to Body any more.
func (r *Response) Release() {
	if s, body := r.buffers, r.Body; s != nil {
		r.buffers, r.Body = nil, nil // before the turn of another large page begins
		s.put(body)
	}
}

// Damaged is the error of a response from target, host and path, that is not a page, because of err.
func (r *Response) Damaged(target string, err error) error {
	err = mask(err, r.secrets...)
	e := &Error{Target: target, Status: http.StatusOK, Err: err, Damaged: true}
	if !strings.Contains(r.ContentType, "json") && !strings.Contains(r.ContentType, "xml") {
		e.Err = fmt.Errorf("the response is %q: %w", r.ContentType, err)
		e.Advice.Hint = "check endpoint and proxy_url: something other than Microsoft's service seems to answer"
	}
	return e
}

// NewClient returns a client that sends the tokens of o.Auth to nobody but the endpoint. It takes a copy of o.HTTP, whose
// redirects it pins.
func NewClient(o Options) *Client {
	pinned := *o.HTTP
	pinned.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if slices.ContainsFunc(via, func(before *http.Request) bool { return before.URL.String() == req.URL.String() }) {
			return fmt.Errorf("%w a redirect in a circle", ErrForeignLink)
		}
		if len(via) >= 10 {
			return fmt.Errorf("%w more than ten redirects", ErrForeignLink)
		}
		return pin(o.Endpoint, req.URL, o.FoldPath)
	}
	if o.Connections == nil {
		o.Connections = &Connections{}
	}
	return &Client{http: &pinned, Options: o}
}

// Get reads the page at u, as soon as the quota lets the lane ask, and as often as the retry rules allow. Every error is
// an *Error, the cause of ctx, or comes from the Authorizer.
func (c *Client) Get(ctx context.Context, lane trace.Lane, u *url.URL, header http.Header) (*Response, error) {
	if err := pin(c.Endpoint, u, c.FoldPath); err != nil {
		// A service that repeats the token in its link must not bring it into the error.
		token, _ := c.token.Load().(string)
		return nil, c.failed(nil, err, repeatable(c.Scheme, token))
	}
	waits := c.Retry.waits()
	for attempt := 0; ; attempt++ {
		response, err := c.attempt(ctx, lane, u, header)
		if err == nil {
			c.Quota.Answered()
			return response, nil
		}
		// A 429 concerns the tenant even if nobody waits for the page any more.
		reason, wait, again := c.again(ctx, err, jittered(waits.NextBackOff()), attempt)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !again {
			return nil, err
		}
		c.Observer.Retrying(ctx, err, reason, attempt+1, wait)
		if err := Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// again returns why a failed request is sent again, and after which wait. A tenant that is throttled is left alone for as
// long as the service asks or the wait lasts; where that is no longer a matter of one request, it is not sent again.
func (c *Client) again(ctx context.Context, err error, wait time.Duration, attempt int) (reason string, _ time.Duration, again bool) {
	reason = c.Retry.reason(err)
	again = reason != "" && attempt < c.Retry.MaxRetries && !IsOnce(ctx)
	var e *Error
	if !errors.As(err, &e) {
		return reason, wait, again
	}
	asked := onlyIf(c.Retry.HonorRetryAfter, e.RetryAfter)
	if !e.throttled() {
		if asked > c.Retry.MaxRetryAfter {
			e.Paused = c.Quota.Pause(asked)
			c.Observer.Throttled(ctx, err, e.Paused)
			return reason, 0, false
		}
		return reason, onlyIf(asked == 0, wait) + asked, again
	}
	retries := onlyIf(again && asked <= c.Retry.MaxRetryAfter, c.Retry.MaxRetries)
	wait, again = c.Quota.Throttled(asked, wait, retries)
	if !again {
		e.Paused = wait
	}
	c.Observer.Throttled(ctx, err, wait)
	return reason, wait, again
}

type onceKey struct{}

// Once returns a context in which requests are sent once, whatever the retry rules are.
func Once(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, true) }

// IsOnce reports whether requests in the context are sent once.
func IsOnce(ctx context.Context) bool { return ctx.Value(onceKey{}) != nil }

// attempt sends one request. A token that is refused, or lacks a permission, is replaced once, if there is another.
func (c *Client) attempt(ctx context.Context, lane trace.Lane, u *url.URL, header http.Header) (*Response, error) {
	if c.Auth == nil {
		return c.get(ctx, lane, u, header, "")
	}
	token, err := c.Auth.Token(ctx)
	if err != nil {
		return nil, err
	}
	response, err := c.get(ctx, lane, u, header, token)
	var refused *Error
	if !errors.As(err, &refused) || refused.Scope() != trouble.SignIn {
		return response, err
	}
	c.Auth.Reject(token, refused.Challenge)
	fresh, signInErr := c.Auth.Token(ctx)
	switch {
	case signInErr != nil:
		return nil, signInErr
	case fresh == token:
		return nil, err
	}
	return c.get(ctx, lane, u, header, fresh)
}

func (c *Client) get(ctx context.Context, lane trace.Lane, u *url.URL, header http.Header, token string) (*Response, error) {
	if c.Cap != nil {
		// Nobody else has a part in it, so that it has no lanes.
		if err := c.Cap.Acquire(ctx, trace.Live); err != nil {
			return nil, err
		}
		defer c.Cap.Release()
	}
	if err := c.Quota.Acquire(ctx, cmp.Or(c.Lane, lane)); err != nil {
		return nil, err
	}
	defer c.Quota.Release()
	secrets := repeatable(c.Scheme, token)
	ctx, exchange := c.Connections.Begin(ctx)
	defer exchange.End()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, c.failed(nil, err, secrets)
	}
	req.Header = header.Clone()
	if token != "" {
		c.token.Store(token)
		req.Header.Set("Authorization", c.Scheme+" "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.failed(nil, exchange.Explain(err), secrets)
	}
	defer resp.Body.Close()
	resp.Body = exchange.Body(resp.Body)
	secrets = append(secrets, added(resp, header)...)
	if resp.StatusCode != http.StatusOK {
		err := c.refused(resp, secrets)
		if err.throttled() {
			c.Quota.Refused()
		}
		return nil, err
	}
	memory := buffersOf(ctx)
	body, err := c.readAll(ctx, resp, memory)
	if err != nil {
		return nil, c.failed(resp, exchange.Explain(err), secrets)
	}
	arrived := time.Now()
	return &Response{
		Body: body, ContentType: Clean(resp.Header.Get("Content-Type"), secrets...), Arrived: arrived, Date: date(resp),
		buffers: memory, secrets: secrets,
	}, nil
}

// refused turns a response other than 200 into an error.
func (c *Client) refused(resp *http.Response, secrets []string) *Error {
	// What arrived of the explanation serves, also where the rest of it does not.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	code, message := c.Service.Explain(body)
	e := &Error{
		Target:     c.target(),
		Status:     resp.StatusCode,
		Code:       Clean(code, secrets...),
		Message:    Clean(message, secrets...),
		RequestID:  Clean(resp.Header.Get("request-id"), secrets...),
		RetryAfter: RetryAfter(resp.Header, time.Now()),
		Challenge:  challenge(resp.Header),
		Claims:     sentClaims(resp),
	}
	if e.Scope() == trouble.Query {
		e.Reason = reasonOf(message)
	}
	e.Advice = c.Service.Advise(e)
	return e
}

// failed turns a request without a whole response into an error.
func (c *Client) failed(resp *http.Response, err error, secrets []string) error {
	// A url.Error repeats the URL with its query.
	if withURL, ok := errors.AsType[*url.Error](err); ok {
		err = withURL.Err
	}
	e := &Error{Target: c.target(), Err: mask(err, secrets...), Advice: adviseOnConnection(err, c.Endpoint.Host)}
	if resp != nil {
		e.Status = resp.StatusCode
		e.RequestID = Clean(resp.Header.Get("request-id"), secrets...)
	}
	return e
}

// target is what errors name: the endpoint, not the link in hand, whose path the service chooses.
func (c *Client) target() string {
	return c.Endpoint.Host + c.Endpoint.Path
}

func date(resp *http.Response) time.Time {
	t, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return t
}
