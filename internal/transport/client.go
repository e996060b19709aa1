// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package transport holds the HTTP rules that both services share: where a token may go, how much of a response is read,
// and what an error says. It neither logs nor decides when to ask again.
package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxBody bounds a page after decompression, in bytes. The largest page, 5000 Graph rows, has about 2 MB.
const maxBody = 64 << 20

// maxErrorBody bounds what is read of an error response, in bytes.
const maxErrorBody = 64 << 10

// ErrTooLarge is a response of more than 64 MiB after decompression.
var ErrTooLarge = errors.New("the response has more than 64 MiB")

// Authorizer gives the bearer token of a request.
type Authorizer interface {
	// Token returns a token that the service should accept now.
	Token(ctx context.Context) (string, error)
	// Reject says that the service did not accept the token, so that the next one must be fresh.
	Reject(token string)
}

// Service is what differs from service to service.
type Service interface {
	// Explain returns what a response that is not 200 says is wrong.
	Explain(body []byte) (code, message string)
	// Advise returns the configuration key or permission to change after the error; it may be empty.
	Advise(e *Error) string
}

// Client asks one endpoint for pages.
type Client struct {
	http     *http.Client
	endpoint *url.URL
	auth     Authorizer
	service  Service
}

// Response is a page as received.
type Response struct {
	// Body is the page after decompression.
	Body []byte
	// ContentType is the response's media type.
	ContentType string
	// Arrived is when Body was complete.
	Arrived time.Time
	// Date is the service's clock when it answered, zero if it does not say.
	Date time.Time
}

// NewClient returns a client that sends the tokens of auth to nobody but the endpoint. It takes a copy of h, whose
// redirects it pins.
func NewClient(h *http.Client, endpoint *url.URL, auth Authorizer, service Service) *Client {
	pinned := *h
	pinned.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return fmt.Errorf("%w more than ten redirects", ErrForeignLink)
		}
		return pin(endpoint, req.URL)
	}
	return &Client{http: &pinned, endpoint: endpoint, auth: auth, service: service}
}

// Get reads the page at u. A token that is not accepted is replaced once. Every error is an *Error or comes from the
// Authorizer.
func (c *Client) Get(ctx context.Context, u *url.URL, header http.Header) (*Response, error) {
	if err := pin(c.endpoint, u); err != nil {
		return nil, &Error{Target: target(c.endpoint), Err: err, Advice: "check endpoint: the service at this address answered with a link to somewhere else"}
	}
	token, err := c.auth.Token(ctx)
	if err != nil {
		return nil, err
	}
	response, err := c.get(ctx, u, header, token)
	var refused *Error
	if !errors.As(err, &refused) || !refused.Unauthorized() {
		return response, err
	}
	c.auth.Reject(token)
	if token, err = c.auth.Token(ctx); err != nil {
		return nil, err
	}
	return c.get(ctx, u, header, token)
}

func (c *Client) get(ctx context.Context, u *url.URL, header http.Header, token string) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, c.failed(u, nil, err)
	}
	req.Header = header.Clone()
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.failed(u, nil, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, c.refused(u, resp, token)
	}
	body, err := readAll(resp)
	if err != nil {
		return nil, c.failed(u, resp, err)
	}
	arrived := time.Now()
	return &Response{Body: body, ContentType: resp.Header.Get("Content-Type"), Arrived: arrived, Date: date(resp)}, nil
}

// refused turns a response other than 200 into an error.
func (c *Client) refused(u *url.URL, resp *http.Response, token string) error {
	// What arrived of the explanation serves, also where the rest of it does not.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	code, message := c.service.Explain(body)
	e := &Error{
		Target:     target(u),
		Status:     resp.StatusCode,
		Code:       Clean(code, token),
		Message:    Clean(message, token),
		RequestID:  Clean(resp.Header.Get("request-id"), token),
		RetryAfter: retryAfter(resp, time.Now()),
	}
	e.Advice = c.service.Advise(e)
	return e
}

// failed turns a request without a whole response into an error.
func (c *Client) failed(u *url.URL, resp *http.Response, err error) error {
	e := &Error{Target: target(u), Err: err}
	// A url.Error repeats the URL with its query.
	var withURL *url.Error
	if errors.As(err, &withURL) {
		e.Err = withURL.Err
		if withURL.Timeout() {
			e.Err = fmt.Errorf("no answer in time: %w", withURL.Err)
		}
	}
	if resp != nil {
		e.Status = resp.StatusCode
		e.RequestID = Clean(resp.Header.Get("request-id"))
	}
	e.Advice = adviseOnConnection(e.Err)
	return e
}

func readAll(resp *http.Response) ([]byte, error) {
	limited := io.LimitReader(resp.Body, maxBody+1)
	body, err := io.ReadAll(limited)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the response broke off: %w", err)
	case len(body) > maxBody:
		return nil, ErrTooLarge
	}
	return body, nil
}

func target(u *url.URL) string {
	return u.Host + u.Path
}

func date(resp *http.Response) time.Time {
	t, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return t
}

// retryAfter reads both forms of Retry-After (RFC 9110, section 10.2.3): seconds and a date.
func retryAfter(resp *http.Response, now time.Time) time.Duration {
	value := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
