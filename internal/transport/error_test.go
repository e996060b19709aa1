// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

func TestARefusalSaysWhatTheServiceSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"an error of Graph": {
			400, `{"error":{"code":"BadRequest","message":"ResultSize is invalid","innerError":{"date":"2026-07-29T05:58:04"}}}`,
			"status 400: BadRequest: ResultSize is invalid (request id 4d5e6f)",
		},
		"a code alone":        {403, `{"error":{"code":"Forbidden"}}`, "status 403: Forbidden (request id 4d5e6f)"},
		"a message alone":     {503, `{"error":{"message":"busy"}}`, "status 503: busy (request id 4d5e6f)"},
		"another shape":       {500, `{"error":"boom"}`, "status 500 (request id 4d5e6f)"},
		"no JSON":             {502, "<html>Bad Gateway</html>", "status 502 (request id 4d5e6f)"},
		"half of it":          {500, `{"error":{"code":"In`, "status 500 (request id 4d5e6f)"},
		"nothing":             {404, "", "status 404 (request id 4d5e6f)"},
		"more than is read":   {500, `{"error":{"code":"X","message":"` + strings.Repeat("a", maxErrorBody) + `"}}`, "status 500 (request id 4d5e6f)"},
		"a status of no page": {204, "", "status 204 (request id 4d5e6f)"},
		"a redirect nowhere":  {302, "", "status 302 (request id 4d5e6f)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var host string
			_, err := get(t, func(w http.ResponseWriter, r *http.Request) {
				host = r.Host
				w.Header().Set("Request-Id", "4d5e6f")
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			e := requireError(t, err)
			assert.Equal(t, c.status, e.Status)
			assert.Equal(t, "request refused: "+host+endpointPath+": "+c.says, e.Error())
			assert.Equal(t, "advice on "+http.StatusText(c.status), e.Hint())
		})
	}
}

func TestRetryAfterReachesTheError(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{"17": 17 * time.Second, "0.249": time.Second} {
		_, err := get(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		assert.Equal(t, want, requireError(t, err).RetryAfter)
	}
}

// A service, or whoever answers in its name, must not get a secret into a log by repeating it.
func TestNoSecretReachesAnError(t *testing.T) {
	t.Parallel()
	echo := "token " + testToken + " of " + testAddress + " and " + strings.Replace(testAddress, "@", "%40", 1)
	header := func(name, value string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set(name, value)
			w.WriteHeader(http.StatusBadRequest)
		}
	}
	for name, answer := range map[string]func(w http.ResponseWriter){
		"in the message": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `{"error":{"code":"Forbidden","message":%q}}`, echo)
		},
		"in the code": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":{"code":%q}}`, echo)
		},
		"in the message, over several lines": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"error":{"message":"a\r\n`+testToken+`\r\n`+testAddress+`\t"}}`)
		},
		"escaped in the message": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"error":{"message":"\u0065`+testToken[1:]+` ann.o\u0027lee+trace\u0040contoso.example"}}`)
		},
		"in the request ID":                        header("Request-Id", echo),
		"with a broken byte inside the request ID": header("Request-Id", testToken[:5]+"\xFF"+testToken[5:]),
		"in Retry-After":                           header("Retry-After", echo),
		"in a location that is no URL": func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://%zz/"+echo)
			w.WriteHeader(http.StatusFound)
		},
		"in a header that is none": func(w http.ResponseWriter) { hijacked(t, w, "HTTP/1.1 200 OK\r\n"+echo+"\r\n\r\n") },
		"in a status that is none": func(w http.ResponseWriter) { hijacked(t, w, "HTTP/1.1 "+echo+"\r\n\r\n") },
		"in a protocol of its own": func(w http.ResponseWriter) { hijacked(t, w, echo+"\r\n\r\n") },
		"in a length that is none": func(w http.ResponseWriter) {
			hijacked(t, w, "HTTP/1.1 200 OK\r\nContent-Length: "+echo+"\r\n\r\n")
		},
		"in the request ID of a page that breaks off": func(w http.ResponseWriter) {
			hijacked(t, w, "HTTP/1.1 200 OK\r\nRequest-Id: "+echo+"\r\nContent-Length: 10\r\n\r\n{")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := get(t, func(w http.ResponseWriter, _ *http.Request) { answer(w) })
			requireError(t, err)
		})
	}
}

func TestTheContentTypeIsFitForALog(t *testing.T) {
	t.Parallel()
	response, err := get(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/"+testToken+" "+testAddress)
	})
	require.NoError(t, err)
	assert.Equal(t, "text/[masked] [address]", response.ContentType)
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*Error{
		"request refused: host/p: status 403: C: M (request id R)":             {Target: "host/p", Status: 403, Code: "C", Message: "M", RequestID: "R"},
		"request refused: token invalid: host/p: status 401":                   {Target: "host/p", Status: 401},
		"host/p: status 200: the response has more than 64 MiB":                {Target: "host/p", Status: 200, Err: ErrTooLarge},
		"host/p: refused to follow":                                            {Target: "host/p", Err: ErrForeignLink},
		"request refused: host/p: status 500":                                  {Target: "host/p", Status: 500, Advice: trouble.Advice{Hint: "not part of the text"}},
		"host/p: status 200: the response has more than 64 MiB (request id R)": {Target: "host/p", Status: 200, RequestID: "R", Err: ErrTooLarge},
	} {
		assert.EqualError(t, e, want)
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  *Error
		want trouble.Scope
	}{
		"a query that is refused":         {&Error{Status: 400}, trouble.Query},
		"a link that is not known":        {&Error{Status: 404}, trouble.Query},
		"a link that has gone":            {&Error{Status: 410}, trouble.Query},
		"a refusal that broke off":        {&Error{Status: 400, Err: io.ErrUnexpectedEOF}, trouble.Service},
		"no token":                        {&Error{Status: 401}, trouble.SignIn},
		"no permission":                   {&Error{Status: 403}, trouble.SignIn},
		"no quota":                        {&Error{Status: 429}, trouble.Tenant},
		"no quota, by its code":           {&Error{Status: 400, Code: "TooManyRequests"}, trouble.Tenant},
		"no quota, by its text":           {&Error{Status: 403, Message: "Your recent queries have surpassed the permitted limit, please try again later."}, trouble.Tenant},
		"no quota, of an unknown token":   {&Error{Status: 401, Code: "TooManyRequests"}, trouble.SignIn},
		"no quota, that broke off":        {&Error{Status: 400, Code: "TooManyRequests", Err: io.ErrUnexpectedEOF}, trouble.Service},
		"a pause that the service wants":  {&Error{Status: 503, Paused: time.Minute}, trouble.Tenant},
		"a service out of order":          {&Error{Status: 500}, trouble.Service},
		"a service that is busy":          {&Error{Status: 503}, trouble.Service},
		"a gateway that waits in vain":    {&Error{Status: 504}, trouble.Service},
		"a status that nobody expects":    {&Error{Status: 302}, trouble.Service},
		"no connection":                   {&Error{Err: io.ErrUnexpectedEOF}, trouble.Service},
		"no answer in time":               {&Error{Err: context.DeadlineExceeded}, trouble.Service},
		"a page that broke off":           {&Error{Status: 200, Err: io.ErrUnexpectedEOF}, trouble.Service},
		"a damaged page":                  {&Error{Status: 200, Damaged: true, Err: io.ErrUnexpectedEOF}, trouble.Window},
		"too large a page":                {&Error{Status: 200, Err: mask(ErrTooLarge)}, trouble.Window},
		"a link that leads away":          {&Error{Err: fmt.Errorf("%w a link", ErrForeignLink)}, trouble.Window},
		"a redirect that leads elsewhere": {&Error{Err: mask(ErrForeignLink)}, trouble.Window},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, c.err.Scope())
			assert.Equal(t, c.want, trouble.ScopeOf(fmt.Errorf("live: %w", c.err)), "whatever wraps it")
		})
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                       {"", ""},
		"plain":                         {"ResultSize is invalid.", "ResultSize is invalid."},
		"lines":                         {"a\r\nb\tc\x00d\u2028e", "a b c d e"},
		"space around":                  {"  a  b \n", "a b"},
		"an escape sequence":            {"\x1b[31mred", "[31mred"},
		"invalid UTF-8":                 {"a\xff\xfeb", "ab"},
		"an address":                    {"for ann@contoso.com, then", "for [address], then"},
		"an address in brackets":        {"<ann@contoso.com>", "<[address]>"},
		"an address in quotes":          {"'ann@contoso.com' and \"bob@contoso.com\"", "'[address]' and \"[address]\""},
		"an address with an apostrophe": {"dan.o'connor@contoso.com", "[address]"},
		"an address as in OData":        {"eq 'dan.o''connor@contoso.com' and", "eq '[address]' and"},
		"an address as in a URL":        {"?$filter=ann%40contoso.com", "[address]"},
		"an address with a space":       {`to "ann lee"@contoso.com`, "to [address]"},
		"addresses in a row":            {"a@x;b@y,c@z", "[address];[address],[address]"},
		"an international address":      {"jürgen@école.example", "[address]"},
		"a lone at sign":                {"10 @ 3", "10 @ 3"},
		"a secret":                      {"the s3cret.", "the [masked]."},
		"a secret, twice":               {"s3crets3cret", "[masked][masked]"},
		"a secret with a broken byte":   {"s3\xffcret", "[masked]"},
		"another secret":                {"hush", "[masked]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, Clean(c.text, "s3cret", "", "hush"))
		})
	}
}

// This side of a connection differs each time, and would make a new failure of every repetition.
func TestCleanLeavesOutThisSideOfAConnection(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "read tcp 192.0.2.1:443: reset", Clean("read tcp 127.0.0.1:52230->192.0.2.1:443: reset"))
	assert.Equal(t, "read tcp [2001:db8::1]:443: reset", Clean("read tcp [::1]:52230->[2001:db8::1]:443: reset"))
}

func TestCleanBoundsTheLength(t *testing.T) {
	t.Parallel()
	assert.Equal(t, strings.Repeat("a", maxMessage), Clean(strings.Repeat("a", maxMessage)))
	assert.Equal(t, strings.Repeat("a", maxMessage)+" …", Clean(strings.Repeat("a", maxMessage+1)))

	cut := Clean(strings.Repeat("é", maxMessage))
	assert.True(t, utf8.ValidString(cut))
	assert.Equal(t, strings.Repeat("é", maxMessage/2)+" …", cut)
	assert.True(t, utf8.ValidString(Clean("a"+strings.Repeat("é", maxMessage))), "a letter must not be cut in two")

	secret := strings.Repeat("s", 40)
	assert.NotContains(t, Clean(strings.Repeat("a", maxMessage-20)+secret, secret), "sss", "a secret is masked before the text is cut")
}
