// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatAnswersInPlaceOfTheLoginHost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		header string
		body   string
		hint   []string
	}{
		"a login page":                        {302, "https://proxy.example.net/login", "<html><body>Moved</body></html>", []string{"authority_host", "proxy_url"}},
		"a login page without a redirection":  {200, "", "<html><body>Sign in</body></html>", []string{"authority_host", "proxy_url"}},
		"a blocking page":                     {403, "", "\uFEFF <html><body>Blocked</body></html>", []string{"authority_host", "proxy_url"}},
		"a proxy that wants credentials":      {407, "", "", []string{"proxy_url", "NTLM"}},
		"nothing at all":                      {200, "", "", []string{"authority_host", "proxy_url"}},
		"an object without a token":           {200, "", "{}", []string{"authority_host", "proxy_url"}},
		"a token that is none":                {200, "", `{"access_token":"a\r\nb","expires_in":3599}`, []string{"authority_host", "proxy_url"}},
		"a login host that is asked too much": {429, "", `{"error":"temporarily_unavailable"}`, []string{"no other program"}},
		"a failing login host":                {503, "", "<html><body>Unavailable</body></html>", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, request := range []string{"the one for the tenant's addresses", "the one for the token"} {
				l := newLogin(t)
				answer := func(w http.ResponseWriter) {
					if c.header != "" {
						w.Header().Set("Location", c.header)
					}
					w.WriteHeader(c.status)
					io.WriteString(w, c.body)
				}
				if request == "the one for the token" {
					l.refuse = answer
				} else {
					l.refuseTenant = answer
				}
				s, _ := newSource(l, Secret{Value: testSecret})
				e := requireFailure(t, s)
				assert.Equal(t, 1, l.count()-len(l.requests), "asked once: %s", request)
				if c.status == http.StatusForbidden {
					assert.Zero(t, e.pause(), "nothing has been refused by the login host")
				}
				assert.Equal(t, len(c.hint) == 0, e.Hint() == "", e.Hint())
				for _, part := range c.hint {
					assert.Contains(t, e.Hint(), part, request)
				}
			}
		})
	}
}

func TestHowLongSignInRests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		e         Error
		rests     time.Duration
		temporary bool
	}{
		"a wrong secret":                     {Error{Status: 401, Code: 7000215}, 15 * time.Minute, false},
		"an expired secret":                  {Error{Status: 401, Code: 7000222}, 15 * time.Minute, false},
		"an unknown application":             {Error{Status: 400, Code: 700016}, 15 * time.Minute, false},
		"a wrong secret, asked to wait":      {Error{Status: 401, Code: 7000215, RetryAfter: time.Minute}, 15 * time.Minute, false},
		"a wrong secret, asked to wait long": {Error{Status: 401, Code: 7000215, RetryAfter: 20 * time.Minute}, 20 * time.Minute, false},
		"another refusal":                    {Error{Status: 400, Code: 53003}, 5 * time.Minute, false},
		"a refusal without a code":           {Error{Status: 403}, 5 * time.Minute, false},
		"a blocking page":                    {Error{Status: 403, foreign: true}, 0, false},
		"a refusal, asked to wait":           {Error{Status: 400, Code: 50196, RetryAfter: time.Minute}, time.Minute, false},
		"throttled":                          {Error{Status: 429}, time.Minute, false},
		"throttled, asked to wait":           {Error{Status: 429, RetryAfter: time.Second}, time.Second, false},
		"asked to wait for a day":            {Error{Status: 429, RetryAfter: 24 * time.Hour}, time.Hour, false},
		"in trouble":                         {Error{Status: 503}, 0, true},
		"in trouble, asked to wait":          {Error{Status: 503, RetryAfter: time.Minute}, time.Minute, false},
		"in trouble by what it says":         {Error{Status: 400, busy: true}, 0, true},
		"too slow":                           {Error{Status: 408}, 0, true},
		"being updated":                      {Error{Status: 410}, 0, false},
		"not there":                          {Error{Status: 404}, 0, false},
		"somewhere else":                     {Error{Status: 302}, 0, false},
		"not reached":                        {Error{Err: io.EOF}, 0, true},
		"a file that cannot be read":         {Error{}, 0, false},
	} {
		assert.Equal(t, c.rests, c.e.pause(), name)
		assert.Equal(t, c.temporary, c.e.Temporary(), name)
	}
}

func TestALoginHostThatAsksToBeLeftAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status     int
		retryAfter string
		rests      time.Duration
	}{
		"seconds":                      {429, "60", time.Minute},
		"a fraction":                   {429, "0.249", time.Second},
		"a date by its own clock":      {503, "Sun, 22 Nov 2026 10:02:00 GMT", 2 * time.Minute},
		"seconds, with a server error": {503, "90", 90 * time.Second},
	} {
		for _, request := range []string{"discovery", "token"} {
			t.Run(name+" "+request, func(t *testing.T) {
				t.Parallel()
				l := newLogin(t)
				answer := func(w http.ResponseWriter) {
					w.Header().Set("Date", "Sun, 22 Nov 2026 10:00:00 GMT")
					w.Header().Set("Retry-After", c.retryAfter)
					w.WriteHeader(c.status)
				}
				l.refuse = answer
				if request == "discovery" {
					l.refuseTenant = answer
				}
				s, clock := newSource(l, Secret{Value: testSecret})
				clock.pass(-time.Hour) // Its own clock is another one.
				first := requireFailure(t, s)
				assert.Equal(t, c.rests, first.RetryAfter)
				asked := l.count()
				for range 10 {
					assert.Same(t, first, requireFailure(t, s))
					clock.pass((c.rests - time.Millisecond) / 10)
				}
				assert.Equal(t, asked, l.count(), "the login host must be left alone")
				l.set(func(l *login) { l.refuse, l.refuseTenant = nil, nil })
				clock.pass(time.Second)
				_, err := s.Token(t.Context())
				require.NoError(t, err)
			})
		}
	}
}

// At Microsoft's login hosts the library first asks whether the host is one, and goes on when that fails.
func TestNothingMoreIsAskedOfWhoeverAsksToBeLeftAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		retryAfter string
		asked      int
	}{"it asks": {"60", 1}, "it does not ask": {"", 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			s, _ := newSource(newLogin(t), Secret{Value: testSecret})
			s.cfg.AuthorityHost = "https://login.microsoftonline.com"
			s.cfg.HTTPClient = &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
				asked++
				return &http.Response{
					StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {c.retryAfter}}, Body: http.NoBody, Request: r,
				}, nil
			})}
			e := requireFailure(t, s)
			assert.Equal(t, http.StatusTooManyRequests, e.Status)
			assert.Equal(t, c.asked, asked)
		})
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What the login host answers is bounded, whatever it is compressed to.
func TestAnEndlessAnswer(t *testing.T) {
	t.Parallel()
	var small bytes.Buffer
	zip := gzip.NewWriter(&small)
	io.WriteString(zip, `{"token_type":"Bearer","expires_in":3599,"access_token":"`)
	chunk := bytes.Repeat([]byte("a"), 1<<20)
	for range 100 {
		zip.Write(chunk)
	}
	io.WriteString(zip, `"}`)
	zip.Close()
	for name, status := range map[string]int{"a token": 200, "an error": 400} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogin(t)
			l.refuse = func(w http.ResponseWriter) {
				w.Header().Set("Content-Encoding", "gzip")
				w.WriteHeader(status)
				w.Write(small.Bytes())
			}
			s, _ := newSource(l, Secret{Value: testSecret})
			e := requireFailure(t, s)
			require.ErrorContains(t, e, "the answer has more than 1 MiB")
			assert.Contains(t, e.Hint(), "authority_host")
			assert.False(t, e.Temporary())
		})
	}
}

// A token that is none must not be kept for as long as it claims to last.
func TestATokenThatIsNoneIsNotKept(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	l.refuse = func(w http.ResponseWriter) { io.WriteString(w, `{"access_token":"a b","expires_in":3599}`) }
	s, _ := newSource(l, Secret{Value: testSecret})
	requireFailure(t, s)
	l.refuse = nil
	_, err := s.Token(t.Context())
	require.NoError(t, err)
}
