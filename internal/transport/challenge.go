// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/internal/claims"
)

// maxChallenge bounds the claims of a challenge, in bytes of Base64. They have a few hundred.
const maxChallenge = 8 << 10

// demanded matches the claims of a challenge.
var demanded = regexp.MustCompile(`(?i)\bclaims="([\w+/=-]+)"`)

// challenge returns the claims that the service demands of the next token, as a JSON object; empty if it demands none
// (Microsoft's documentation "Claims challenges, claims requests, and client capabilities").
func challenge(header http.Header) string {
	for _, value := range header.Values("WWW-Authenticate") {
		match := demanded.FindStringSubmatch(value)
		if len(match) < 2 || len(match[1]) > maxChallenge {
			continue
		}
		// Both alphabets of Base64 occur, with and without padding.
		text := strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(match[1])
		decoded, err := base64.RawStdEncoding.DecodeString(text)
		var object map[string]json.RawMessage
		if err == nil && json.Unmarshal(decoded, &object) == nil && len(object) > 0 {
			return string(decoded)
		}
	}
	return ""
}

// sentClaims returns the claims of the bearer token that was sent for the response, whoever added it; nil if there was none,
// or none that can be read.
func sentClaims(resp *http.Response) *claims.Set {
	if resp.Request == nil {
		return nil
	}
	scheme, token, _ := strings.Cut(resp.Request.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	sent, ok := claims.Read(token)
	if !ok {
		return nil
	}
	return &sent
}
