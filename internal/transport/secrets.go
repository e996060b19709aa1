// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// repeatable returns what a service might repeat of the credentials that it is sent: all of them, and the password that
// is within those of the scheme Basic.
func repeatable(scheme, credentials string) []string {
	secrets := []string{credentials}
	if !strings.EqualFold(scheme, "Basic") {
		return secrets
	}
	// What is no Base64 holds no password.
	decoded, _ := base64.StdEncoding.DecodeString(credentials)
	_, password, _ := strings.Cut(string(decoded), ":")
	return append(secrets, string(decoded), password)
}

// shortest is how long a header's value must be for a secret.
const shortest = 6

// harmless are the headers that Go and its instrumentation add to a request.
var harmless = map[string]bool{"User-Agent": true, "Accept-Encoding": true, "Traceparent": true, "Referer": true}

// added returns what a service might repeat of the headers that were added to a request on its way: by an extension that
// signs in, or by the configuration, where they are secret as well.
func added(resp *http.Response, asked http.Header) (secrets []string) {
	if resp.Request == nil {
		return nil
	}
	for name, values := range resp.Request.Header {
		if harmless[name] || asked.Values(name) != nil {
			continue
		}
		for _, value := range values {
			if len(value) < shortest {
				continue
			}
			scheme, credentials, _ := strings.Cut(value, " ")
			secrets = append(append(secrets, value), repeatable(scheme, credentials)...)
		}
	}
	return secrets
}
