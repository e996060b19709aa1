// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The login host, or whatever answers in its place, describes what is wrong.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		"", "{}", "[", `{"error":"temporarily_unavailable"}`, `{"error":1,"error_description":[]}`, "<html>", "\uFEFF{}",
		`{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret s3cr3t. Trace ID: 1"}`,
		`{"error":"invalid_client","error_description":"AADSTS99999999999999999999999: x"}`,
	} {
		f.Add(400, body)
	}
	f.Add(0, "")
	answers, err := filepath.Glob("../../testdata/service/F*-token-*.http")
	require.NoError(f, err)
	for _, name := range answers {
		body, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(400, string(body))
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		e := &Error{Status: status}
		e.describe([]byte(body), func(text string) string { return text })
		require.LessOrEqual(t, e.pause(), maxPause)
		require.GreaterOrEqual(t, e.pause(), time.Duration(0))
		for _, block := range []string{"authentication.oauth", "authentication.certificate", "authentication.basic"} {
			require.NotContains(t, (&Config{Block: block}).advice(e.Code).Hint, "%!")
		}
		if !json.Valid([]byte(body)) && body != "" && body[0] != 0xEF {
			require.Empty(t, e.Message)
		}
	})
}

// The files of a certificate are what somebody has put there.
func FuzzCertificate(f *testing.F) {
	cert := certPEM(selfSigned(f, firstKey(), 90))
	key := pkcs8PEM(f, firstKey())
	f.Add(cert, key)
	f.Add(key, cert)
	f.Add(cert+key, cert+key)
	f.Add(certPEM(selfSigned(f, ecKey(), 90)), pkcs8PEM(f, ecKey()))
	f.Add("", "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: DES-CBC,00\n\nMAA=\n-----END RSA PRIVATE KEY-----\n")
	f.Add("", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n")
	f.Fuzz(func(t *testing.T, cert, key string) {
		c := Certificate{Cert: Secret{Key: "cert_path", File: "cert.pem"}, Key: Secret{Key: "key_path", File: "key.pem"}}
		block := privateKey([]byte(key))
		if block == nil || block.Type == encrypted { // decryption takes as long as the file wants it to
			return
		}
		pair, err := c.parse(cert, block, "")
		if err != nil {
			requireSilent(t, err, key)
			return
		}
		require.NotEmpty(t, pair.chain)
		require.True(t, pair.key.PublicKey.Equal(pair.chain[0].PublicKey))
	})
}

// requireSilent sees that an error about a file repeats none of its lines.
func requireSilent(t *testing.T, err error, file string) {
	t.Helper()
	e := requireError(t, err)
	for line := range strings.Lines(file) {
		if line = strings.TrimSpace(line); len(line) > 40 {
			require.NotContains(t, e.Error()+e.Hint(), line)
		}
	}
}
