// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// badQuery returns the text of the error that a query gets.
func badQuery(t *testing.T, query string) string {
	t.Helper()
	_, w := serve(t, newAPI(t), newRequest(t, endpoint+"?"+query, ""))
	require.Equal(t, http.StatusBadRequest, w.Code, "%s: %s", query, w.Body)
	var document struct {
		Error struct {
			Code    *string
			Message struct{ Lang, Value string }
		}
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &document), w.Body.String())
	require.NotNil(t, document.Error.Code)
	assert.Empty(t, *document.Error.Code)
	assert.Equal(t, "en-US", document.Error.Message.Lang)
	return document.Error.Message.Value
}

func TestSignIn(t *testing.T) {
	const page, role = "<title>401 - Unauthorized: Access is denied due to invalid credentials.</title>",
		`{"ErrorCode":"","Message":"No permission to access the report for the organization ."}`
	for name, test := range map[string]struct {
		user   string // configured
		header string
		status int
		text   string
	}{
		"nothing":            {"", "", 401, page},
		"good":               {"", "Bearer good", 200, ""},
		"lower case":         {"", "bearer  good ", 200, ""},
		"expired":            {"", "Bearer expired", 401, page},
		"no token":           {"", "Bearer", 401, page},
		"no role":            {"", "Bearer role", 403, role},
		"password, but off":  {"", basic("reader", "p:ss"), 401, page},
		"off, and no user":   {"", basic("", ""), 401, page},
		"password":           {"reader", basic("reader", "p:ss"), 200, ""},
		"in capital letters": {"reader", basic("READER", "p:ss"), 200, ""},
		"wrong password":     {"reader", basic("reader", "P:ss"), 401, page},
		"wrong user":         {"reader", basic("other", "p:ss"), 401, page},
		"damaged":            {"reader", "Basic !", 401, page},
		"token, user set":    {"reader", "Bearer good", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			if test.user != "" {
				a.User, a.Password = test.user, "p:ss"
			}
			r := newRequest(t, endpoint, "")
			r.Header.Set("Authorization", test.header)
			_, w := serve(t, a, r)
			assert.Equal(t, test.status, w.Code)
			assert.Contains(t, w.Body.String(), test.text)
			want := 0
			if test.status == 401 {
				want = 1
				assert.Equal(t, "text/html", w.Header().Get("Content-Type"))
				if test.user != "" {
					want = 2
				}
			}
			assert.Len(t, w.Header().Values("WWW-Authenticate"), want)
		})
	}
}

func basic(user, password string) string {
	r := http.Request{Header: make(http.Header)}
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}

func TestVersions(t *testing.T) {
	for name, test := range map[string]struct {
		header []string
		query  string
		want   string
	}{
		"none":       {nil, "", ""},
		"header":     {[]string{"2013-V1"}, "", ""},
		"option":     {nil, "rws-version=2013-V1", ""},
		"both":       {[]string{"2013-V1"}, "rws-version=2013-V1", "both"},
		"old header": {[]string{"2012-V1"}, "", "The version specified in the request is unsupported."},
		"old option": {nil, "rws-version=2012-V1", "The version specified in the request is unsupported."},
		"twice":      {nil, "rws-version=2013-V1&rws-version=2012-V1", "The version specified in the request is unsupported."},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRequest(t, endpoint+"?"+test.query, "application/json")
			r.Header["X-Rws-Version"] = test.header
			if test.header == nil {
				r.Header.Del("X-Rws-Version")
			}
			_, w := serve(t, newAPI(t), r)
			if test.want == "" {
				assert.Equal(t, http.StatusOK, w.Code)
				return
			}
			assert.Equal(t, http.StatusBadRequest, w.Code)
			assert.Contains(t, w.Header().Get("Content-Type"), "application/xml")
			var fault struct {
				XMLName            xml.Name
				ErrorCode, Message string
			}
			require.NoError(t, xml.Unmarshal(w.Body.Bytes(), &fault), w.Body.String())
			assert.Equal(t, "ServiceFault", fault.XMLName.Local)
			assert.Equal(t, "http://schemas.datacontract.org/2004/07/Microsoft.Exchange.Management.ReportingWebService", fault.XMLName.Space)
			assert.NotEmpty(t, fault.ErrorCode)
			assert.Contains(t, fault.Message, test.want)
		})
	}
}

func TestRowsBehindTheFirstMillion(t *testing.T) {
	for token, want := range map[string]int{"999998": 200, "999999": 500, "2000000": 500} {
		_, w := serve(t, newAPI(t), newRequest(t, endpoint+"?$skiptoken="+token, "application/json"))
		assert.Equal(t, want, w.Code, token)
		if want == 500 {
			assert.JSONEq(t, `{"odata.error":{"code":"UnknownError","message":{"lang":"","value":"An error has occurred on the server."}}}`,
				w.Body.String())
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, address := range []string{endpoint, endpoint + "?$filter=x", host + root + "Nothing"} {
		_, w := serve(t, newAPI(t), newRequest(t, address, ""))
		header := w.Header()
		assert.Equal(t, "no-cache,no-store", header.Get("Cache-Control"))
		assert.Equal(t, "2.0;", header.Get("DataServiceVersion"))
		assert.Equal(t, "2013-V1", header.Get("X-RWS-Version"))
		assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
		assert.Contains(t, header.Get("Set-Cookie"), "X-BackEndCookie=")
		assert.Contains(t, header.Get("Set-Cookie"), "path=/ecp/reportingwebservice; secure; HttpOnly")
		for _, name := range []string{"X-CalculatedBETarget", "X-DiagInfo", "X-BEServer", "X-FEServer"} {
			assert.NotEmpty(t, header.Get(name), name)
		}
	}
}
