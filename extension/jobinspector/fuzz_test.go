// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/o365messagetrace/o365messagetrace/extension/jobinspector/internal/metadata"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Whatever is asked, the answer is one that the API may give, and no failure of the server.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][]string{
		{"GET", "jobs?limit=1&after=000000000000000a00000000", ""},
		{"GET", "jobs?from=2026-03-02T10:00:00Z&to=x", ""},
		{"GET", "jobs?q=%zz", ""},
		{"GET", "logs?level=warn&limit=1001", ""},
		{"GET", "series?range=1h", ""},
		{"GET", "top?limit=5", ""},
		{"POST", "jobs", `{"input":"o365messagetrace","window":{"start":"2026-03-02T10:00:00Z","end":"2026-03-02T11:00:00Z"}}`},
		{"POST", "jobs", `{"input":1}{}`},
		{"POST", "jobs/x/cancel", ""},
		{"GET", "findings?rule=a&rule=b", ""},
		{"HEAD", "inputs", ""},
		{"GET", "../../etc/passwd", ""},
		{"DELETE", "jobs", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], "application/json")
		f.Add(seed[0], seed[1], seed[2], "text/csv;q=0.1, */*")
	}
	cfg := createDefaultConfig().(*Config)
	i := newInspector(extensiontest.NewNopSettings(metadata.Type), cfg)
	b, err := i.Open(f.Context(), jobs.Options{Input: "o365messagetrace", TTL: time.Hour})
	require.NoError(f, err)
	in := &fakeInput{Description: jobs.Description{ID: "o365messagetrace"}, recorder: b}
	f.Cleanup(i.Register(in))
	started(b, trace.Live)
	handler := i.handler(i.guard)
	f.Fuzz(func(t *testing.T, method, path, body, accept string) {
		u, err := url.Parse("http://127.0.0.1" + apiPrefix + path)
		if err != nil || strings.Contains(path, "capture") { // which goes on until its reader leaves
			return
		}
		r, err := http.NewRequestWithContext(t.Context(), method, u.String(), strings.NewReader(body))
		if err != nil {
			return
		}
		r.Header = http.Header{"Accept": {accept}, "Content-Type": {"application/json"}, "Authorization": {"Bearer " + i.guard.token}}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Less(t, w.Code, http.StatusInternalServerError, w.Body.String())
		if w.Header().Get("Content-Type") == "application/json" && method != http.MethodHead {
			require.True(t, json.Valid(w.Body.Bytes()), w.Body.String())
		}
		for name, values := range w.Header() {
			for _, value := range values {
				require.NotContains(t, value, "\n", name)
			}
		}
	})
}

// A cell of a table that somebody opens is no formula, whatever a stranger has written.
func FuzzCell(f *testing.F) {
	for _, text := range []string{"", "=1+1", " =1", "\t=1", "-", "@a", "'=1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cell := plain(text)
		require.True(t, strings.HasSuffix(cell, text))
		if cell != "" {
			require.NotContains(t, "=+-@\t\r", cell[:1])
		}
	})
}
