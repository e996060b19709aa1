// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// script answers requests in order, the last answer for good, and notes when they came.
type script struct {
	answers []func() (*http.Response, error)

	mu   sync.Mutex
	came []time.Time
}

func (s *script) RoundTrip(*http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := s.answers[min(len(s.came), len(s.answers)-1)]
	s.came = append(s.came, time.Now())
	return answer()
}

// waits are those between the requests.
func (s *script) waits() (waits []time.Duration) {
	for i := 1; i < len(s.came); i++ {
		waits = append(waits, s.came[i].Sub(s.came[i-1]))
	}
	return waits
}

// at is when the n-th request came, or the present before it has.
func (s *script) at(n int) time.Time {
	if n < len(s.came) {
		return s.came[n]
	}
	return time.Now()
}

func answer(status int, headers ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		header := http.Header{}
		for i := 0; i < len(headers); i += 2 {
			header.Set(headers[i], headers[i+1])
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader("{}"))}, nil
	}
}

// tooManyAs refuses a tenant that has used up its requests, with another status than 429.
func tooManyAs(status int, headers ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		resp, err := answer(status, headers...)()
		resp.Body = io.NopCloser(strings.NewReader(`{"error": {"code": "TooManyRequests"}}`))
		return resp, err
	}
}

func fail(err error) func() (*http.Response, error) {
	return func() (*http.Response, error) { return nil, err }
}

// in asks to be asked again at a time that is d from now.
func in(status int, d time.Duration) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		return answer(status, "Retry-After", time.Now().Add(d).UTC().Format(http.TimeFormat))()
	}
}

// witness notes what it is told.
type witness struct {
	reasons []string
	counts  []int
	waits   []time.Duration
	pauses  []time.Duration
}

func (w *witness) Retrying(_ context.Context, _ error, reason string, n int, wait time.Duration) {
	w.reasons, w.counts, w.waits = append(w.reasons, reason), append(w.counts, n), append(w.waits, wait)
}

func (w *witness) Throttled(_ context.Context, _ error, pause time.Duration) {
	w.pauses = append(w.pauses, pause)
}

// rules are those of the defaults.
func rules(change func(r *Retry)) Retry {
	r := Retry{
		MaxRetries: 5, InitialInterval: time.Second, Multiplier: 2, MaxInterval: 30 * time.Second, Codes: []int{429, 503},
		HonorRetryAfter: true, MaxRetryAfter: 20 * time.Second, Timeouts: true, Resets: true,
	}
	if change != nil {
		change(&r)
	}
	return r
}

func retrying(t *testing.T, s *script, auth Authorizer, r Retry) (*Client, *witness) {
	t.Helper()
	w := &witness{}
	return NewClient(Options{
		HTTP: &http.Client{Transport: s}, Endpoint: parse(t, graphEndpoint), Auth: auth, Scheme: "Bearer", Service: service{},
		Quota: NewQuota(Rate{}), Retry: r, Observer: w,
	}), w
}

var (
	errReset = &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	errSlow  = &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
)

func TestRequestsAreSentAgain(t *testing.T) {
	t.Parallel()
	const s = time.Second
	type answers = []func() (*http.Response, error)
	ok := answer(200)
	for name, c := range map[string]struct {
		change  func(r *Retry)
		answers answers
		waits   []time.Duration
		reason  string // of each retry
		status  int    // of the error; 200 for none, 0 for an error without a response
		pause   time.Duration
	}{
		"not at all":                       {nil, answers{ok}, nil, "", 200, 0},
		"after ever longer waits":          {nil, answers{answer(503), answer(503), answer(503), ok}, []time.Duration{s, 2 * s, 4 * s}, "status", 200, 0},
		"as often as allowed":              {nil, answers{answer(503)}, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s}, "status", 503, 0},
		"up to the longest wait":           {func(r *Retry) { r.MaxInterval = 3 * s }, answers{answer(503)}, []time.Duration{s, 2 * s, 3 * s, 3 * s, 3 * s}, "status", 503, 0},
		"never at first beyond it":         {func(r *Retry) { r.InitialInterval, r.MaxInterval, r.MaxRetries = 9*s, 2*s, 2 }, answers{answer(503)}, []time.Duration{2 * s, 2 * s}, "status", 503, 0},
		"at once":                          {func(r *Retry) { r.InitialInterval, r.MaxRetries = 0, 2 }, answers{answer(503)}, []time.Duration{0, 0}, "status", 503, 0},
		"after the same wait":              {func(r *Retry) { r.Multiplier, r.MaxRetries = 1, 3 }, answers{answer(503)}, []time.Duration{s, s, s}, "status", 503, 0},
		"disabled":                         {func(r *Retry) { r.MaxRetries = 0 }, answers{answer(503)}, nil, "", 503, 0},
		"another code":                     {nil, answers{answer(500)}, nil, "", 500, 0},
		"another code that is listed":      {func(r *Retry) { r.Codes = []int{500} }, answers{answer(500), ok}, []time.Duration{s}, "status", 200, 0},
		"a code no longer listed":          {func(r *Retry) { r.Codes = []int{500} }, answers{answer(503)}, nil, "", 503, 0},
		"as the service asks":              {nil, answers{answer(503, "Retry-After", "7"), ok}, []time.Duration{7 * s}, "status", 200, 0},
		"at the time that it asks for":     {nil, answers{in(503, 9*s), ok}, []time.Duration{9 * s}, "status", 200, 0},
		"as long as may be waited":         {nil, answers{answer(503, "Retry-After", "20"), ok}, []time.Duration{20 * s}, "status", 200, 0},
		"not when that is longer":          {nil, answers{answer(503, "Retry-After", "21")}, nil, "", 503, 21 * s},
		"not at a time that is later":      {nil, answers{in(503, 21*s)}, nil, "", 503, 21 * s},
		"not after more than an hour":      {nil, answers{answer(503, "Retry-After", "86400")}, nil, "", 503, time.Hour},
		"not after more than a number":     {nil, answers{answer(429, "Retry-After", "99999999999999999999")}, nil, "", 429, time.Hour},
		"at a time that has passed":        {nil, answers{in(503, -9*s), ok}, []time.Duration{s}, "status", 200, 0},
		"at no time":                       {nil, answers{answer(503, "Retry-After", "soon"), ok}, []time.Duration{s}, "status", 200, 0},
		"with nothing honoured":            {func(r *Retry) { r.HonorRetryAfter = false }, answers{answer(503, "Retry-After", "7"), ok}, []time.Duration{s}, "status", 200, 0},
		"waits asked for are retries":      {func(r *Retry) { r.MaxRetries = 2 }, answers{answer(503, "Retry-After", "7")}, []time.Duration{7 * s, 7 * s}, "status", 503, 0},
		"throttled as long as asked":       {nil, answers{answer(429, "Retry-After", "5"), ok}, []time.Duration{5 * s}, "status", 200, 0},
		"throttled without a time":         {nil, answers{answer(429), answer(429), ok}, []time.Duration{s, 2 * s}, "status", 200, 0},
		"throttled for good":               {func(r *Retry) { r.MaxRetries = 3 }, answers{answer(429)}, []time.Duration{s, 2 * s, 4 * s}, "status", 429, 30 * s},
		"throttled for good, as asked":     {func(r *Retry) { r.MaxRetries = 2 }, answers{answer(429, "Retry-After", "7")}, []time.Duration{7 * s, 7 * s}, "status", 429, 7 * s},
		"throttled for a fraction":         {nil, answers{answer(429, "Retry-After", "4.249"), ok}, []time.Duration{5 * s}, "status", 200, 0},
		"throttled, nothing honoured":      {func(r *Retry) { r.HonorRetryAfter, r.MaxRetries = false, 1 }, answers{answer(429, "Retry-After", "7")}, []time.Duration{s}, "status", 429, 30 * s},
		"throttled and busy":               {func(r *Retry) { r.MaxRetries = 3 }, answers{answer(503), answer(429), answer(503), answer(429)}, []time.Duration{s, 2 * s, 4 * s}, "status", 429, 30 * s},
		"throttled without retries":        {func(r *Retry) { r.MaxRetries = 0 }, answers{answer(429)}, nil, "", 429, 30 * s},
		"throttled with another status":    {nil, answers{tooManyAs(400)}, nil, "", 400, 30 * s},
		"throttled as if not allowed":      {nil, answers{tooManyAs(403, "Retry-After", "9")}, nil, "", 403, 9 * s},
		"throttled and not listed":         {func(r *Retry) { r.Codes = []int{503} }, answers{answer(429, "Retry-After", "60")}, nil, "", 429, 60 * s},
		"a broken connection":              {nil, answers{fail(errReset), ok}, []time.Duration{s}, "reset", 200, 0},
		"a broken connection, switched":    {func(r *Retry) { r.Resets = false }, answers{fail(errReset)}, nil, "", 0, 0},
		"a time-out":                       {nil, answers{fail(errSlow), ok}, []time.Duration{s}, "timeout", 200, 0},
		"a time-out, switched":             {func(r *Retry) { r.Timeouts = false }, answers{fail(errSlow)}, nil, "", 0, 0},
		"a listed code and broken at last": {func(r *Retry) { r.Resets = false }, answers{answer(503), fail(errReset)}, []time.Duration{s}, "status", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: c.answers}
				client, w := retrying(t, s, &tokens{given: []string{testToken}}, rules(c.change))
				_, err := client.Get(t.Context(), trace.Live, withQuery(client.Endpoint), http.Header{})
				if c.status == 200 {
					require.NoError(t, err)
				} else {
					e := requireError(t, err)
					assert.Equal(t, c.status, e.Status)
					assert.Equal(t, c.pause, e.Paused)
				}
				waits := s.waits()
				require.Len(t, waits, len(c.waits), "%v", waits)
				asked := len(c.waits) > 0 && c.waits[0] > 4*time.Second
				for i, want := range c.waits {
					longest := want + want/10
					if asked {
						longest = want // what the service asks for is neither cut nor lengthened
					}
					assert.GreaterOrEqual(t, waits[i], want)
					assert.LessOrEqual(t, waits[i], longest)
					assert.Equal(t, waits[i], w.waits[i])
					assert.Equal(t, c.reason, w.reasons[i])
					assert.Equal(t, i+1, w.counts[i])
				}
				if c.pause > 0 {
					assert.Equal(t, c.pause, w.pauses[len(w.pauses)-1])
				}

				// A pause that the request has not waited for itself is still before the tenant.
				began := time.Now()
				require.NoError(t, client.Quota.Acquire(t.Context(), trace.Backfill))
				client.Quota.Release()
				assert.Equal(t, c.pause, time.Since(began))
			})
		})
	}
}

// While one request waits as long as the service asks, the others of the tenant must leave it alone as well.
func TestAThrottledTenantIsLeftAloneByAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func() (*http.Response, error){answer(429, "Retry-After", "9"), answer(200)}}
		client, _ := retrying(t, s, nil, rules(nil))
		began := time.Now()
		go func() {
			_, err := client.Get(t.Context(), trace.Live, client.Endpoint, http.Header{})
			assert.NoError(t, err)
		}()
		synctest.Wait()
		require.NoError(t, client.Quota.Acquire(t.Context(), trace.Live))
		assert.Equal(t, 9*time.Second, time.Since(began))
		client.Quota.Release()
		synctest.Wait()
	})
}

func TestASignInIsTriedAgainIfItMayYetWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err     error
		retries int
	}{
		"it may":     {signInError(true), 5},
		"it may not": {signInError(false), 0},
		"unknown":    {errors.New("no sign-in"), 0},
		"a shutdown": {context.Canceled, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []func() (*http.Response, error){answer(200)}}
				client, w := retrying(t, s, &tokens{err: c.err}, rules(nil))
				began := time.Now()
				_, err := client.Get(t.Context(), trace.Live, client.Endpoint, http.Header{})
				require.ErrorIs(t, err, c.err)
				assert.Empty(t, s.came)
				assert.Len(t, w.reasons, c.retries)
				if c.retries > 0 {
					assert.Equal(t, "sign_in", w.reasons[0])
					assert.GreaterOrEqual(t, time.Since(began), 31*time.Second)
				}
			})
		})
	}
}

func TestAWaitBetweenAttemptsEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func() (*http.Response, error){answer(503, "Retry-After", "15")}}
		client, _ := retrying(t, s, nil, rules(nil))
		stopped := errors.New("stopped")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 4*time.Second, stopped)
		defer cancel()
		began := time.Now()
		_, err := client.Get(ctx, trace.Live, client.Endpoint, http.Header{})
		require.ErrorIs(t, err, stopped)
		assert.Equal(t, 4*time.Second, time.Since(began))
		assert.Len(t, s.came, 1)
	})
}

func TestAnAnswerEndsTheDoublingOfPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		throttled := answer(429)
		s := &script{answers: []func() (*http.Response, error){throttled, throttled, answer(403), throttled, answer(200), throttled}}
		client, w := retrying(t, s, nil, rules(func(r *Retry) { r.MaxRetries = 0 }))
		for range 6 {
			client.Get(t.Context(), trace.Live, client.Endpoint, http.Header{})
		}
		assert.Equal(t, []time.Duration{30e9, 60e9, 120e9, 30e9}, w.pauses)
	})
}

func TestWaits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(r *Retry)
		want   []time.Duration
	}{
		"growing": {nil, []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 30e9, 30e9}},
		"static":  {func(r *Retry) { r.Multiplier, r.InitialInterval = 1, 20*time.Second }, []time.Duration{20e9, 20e9, 20e9}},
		"none":    {func(r *Retry) { r.InitialInterval = 0 }, []time.Duration{0, 0, 0}},
		"steep":   {func(r *Retry) { r.Multiplier = 1e300 }, []time.Duration{1e9, 30e9, 30e9}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rules(c.change)
			var different bool
			for i, want := range c.want {
				first := r.Wait(i + 1)
				for range 200 {
					wait := r.Wait(i + 1)
					require.GreaterOrEqual(t, wait, want)
					require.LessOrEqual(t, wait, want+want/10)
					different = different || wait != first
				}
			}
			assert.Equal(t, c.want[0] > 0, different, "receivers that failed together must not come back together")
		})
	}
}

func TestTheSchemeIsTheOneAskedFor(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"Basic", "Bearer"} {
		endpoint := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			assert.Equal(t, scheme+" "+testToken, r.Header.Get("Authorization"))
		})
		client := newTestClient(t, endpoint, &tokens{given: []string{testToken}})
		client.Scheme = scheme
		_, err := client.Get(t.Context(), trace.Live, endpoint, http.Header{})
		require.NoError(t, err)
	}
}
