// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
)

// The body of an error is whatever stands between the receiver and the service.
func FuzzExplain(f *testing.F) {
	for _, body := range []string{
		"", "null", "{", "<", "\xff\xfe{\x00}\x00", "502 Bad Gateway", "<html><title>a &amp; b</title></html>",
		`{"error":{"code":"c","message":"{\"error\":{\"message\":\"|System.Exception|why\"}}"}}`,
		`{"error":{"details":[{"message":"a"}],"innererror":{"internalexception":{"message":{"value":"b"}}}}}`,
		`<?xml version="1.0" encoding="utf-16"?><s:Envelope xmlns:s="x"><s:Body><s:Fault><faultstring>a</faultstring></s:Fault></s:Body></s:Envelope>`,
	} {
		f.Add([]byte(body))
	}
	answers, err := filepath.Glob("../../testdata/service/*.http")
	require.NoError(f, err)
	for _, name := range answers {
		body, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		code, message := source.Errors{}.Explain(body)
		// JSON in JSON makes no text longer, and what is no UTF-8 becomes one character of three bytes for each.
		require.LessOrEqual(t, len(code)+len(message), 6*len(body))
	})
}
