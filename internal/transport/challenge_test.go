// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/claims"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestChallenge(t *testing.T) {
	t.Parallel()
	const wanted = `{"access_token":{"nbf":{"essential":true,"value":"1604106651"},"x":"??>>~~"}}`
	for name, c := range map[string]struct {
		values []string
		want   string
	}{
		"none":       {nil, ""},
		"no claims":  {[]string{`Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"`}, ""},
		"standard":   {[]string{`Bearer realm="", error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(wanted)) + `"`}, wanted},
		"for URLs":   {[]string{`Bearer claims="` + base64.URLEncoding.EncodeToString([]byte(wanted)) + `"`}, wanted},
		"unpadded":   {[]string{`Bearer claims="` + base64.RawURLEncoding.EncodeToString([]byte(wanted)) + `", error="insufficient_claims"`}, wanted},
		"the second": {[]string{"NTLM", `Bearer claims="` + base64.StdEncoding.EncodeToString([]byte(wanted)) + `"`}, wanted},
		"too many":   {[]string{`Bearer claims="` + base64.StdEncoding.EncodeToString([]byte(`{"x":"`+strings.Repeat("x", 8<<10)+`"}`)) + `"`}, ""},
		"no Base64":  {[]string{`Bearer claims="a"`}, ""},
		"no JSON":    {[]string{`Bearer claims="` + base64.StdEncoding.EncodeToString([]byte("{")) + `"`}, ""},
		"no object":  {[]string{`Bearer claims="` + base64.StdEncoding.EncodeToString([]byte("[1]")) + `"`}, ""},
		"no member":  {[]string{`Bearer claims="` + base64.StdEncoding.EncodeToString([]byte("{}")) + `"`}, ""},
		"null":       {[]string{`Bearer claims="` + base64.StdEncoding.EncodeToString([]byte("null")) + `"`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, challenge(http.Header{"Www-Authenticate": c.values}))
		})
	}
}

func TestSentClaims(t *testing.T) {
	t.Parallel()
	token := "x." + base64.RawURLEncoding.EncodeToString([]byte(`{"roles":["R"]}`)) + ".x"
	for header, want := range map[string]*claims.Set{
		"":                nil,
		"Bearer opaque":   nil,
		"Basic " + token:  nil,
		"Bearer " + token: {Roles: []string{"R"}},
		"bearer " + token: {Roles: []string{"R"}},
	} {
		resp := &http.Response{Request: &http.Request{Header: http.Header{"Authorization": {header}}}}
		assert.Equal(t, want, sentClaims(resp), header)
	}
	assert.Nil(t, sentClaims(&http.Response{}))
}

// A permission may have been granted since the token was issued, and a policy may demand another one.
func TestATokenThatLacksSomethingIsReplaced(t *testing.T) {
	t.Parallel()
	const wanted = `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`
	lacking := "x." + base64.RawURLEncoding.EncodeToString([]byte(`{"roles":["Mail.Read"]}`)) + ".x"
	for status, demanded := range map[int]string{http.StatusForbidden: "", http.StatusUnauthorized: wanted} {
		refuse := true
		endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if refuse || strings.HasSuffix(r.Header.Get("Authorization"), lacking) {
				if demanded != "" {
					w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_claims", claims="`+base64.StdEncoding.EncodeToString([]byte(demanded))+`"`)
				}
				w.WriteHeader(status)
			}
		})
		auth := &tokens{given: []string{lacking}}
		client := newTestClient(t, endpoint, auth)
		_, err := client.Get(t.Context(), trace.Live, endpoint, http.Header{})
		e := requireError(t, err)
		assert.Equal(t, demanded, e.Challenge)
		require.NotNil(t, e.Claims)
		assert.Equal(t, []string{"Mail.Read"}, e.Claims.Roles)
		assert.Equal(t, []string{demanded}, auth.demanded)

		refuse = false
		auth.given = []string{lacking, lacking, "another"}
		_, err = client.Get(t.Context(), trace.Live, endpoint, http.Header{})
		require.NoError(t, err, "with another token")
	}
}
