// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// table reads a table, by the names of its columns, and where it goes on.
func (s *running) table(t *testing.T, path string) (rows []map[string]string, next string) {
	t.Helper()
	response := s.do(t, request{path: path, header: map[string]string{"Accept": "text/csv"}})
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/csv; charset=utf-8; header=present", response.Header.Get("Content-Type"))
	lines, err := csv.NewReader(response.Body).ReadAll()
	require.NoError(t, err)
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	next, _ = strings.CutSuffix(response.Header.Get("Link"), `>; rel="next"`)
	return rows, strings.TrimPrefix(next, "<")
}

func TestJobsAsCSV(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	in := s.input(t, jobs.Description{ID: "one"})
	first, second := started(in.recorder, trace.Live), started(in.recorder, trace.Backfill)
	first.Page(100, 50, trace.Outcomes{Accepted: 1, Duplicate: 2, Held: 3, Filtered: 4, Malformed: 5, Refused: 6})
	first.End(jobs.Failed, errors.New(`=HYPERLINK("http://evil.example"),`+"\n"), "-1")
	second.Wait(jobs.ForQuota)

	rows, next := s.table(t, "/api/v1/jobs?limit=1&lane=")
	require.Len(t, rows, 1)
	assert.Equal(t, "waiting", rows[0]["state"])
	assert.Equal(t, "quota", rows[0]["waiting_for"])
	assert.Empty(t, rows[0]["finished"])
	rows, next = s.table(t, next)
	assert.Empty(t, next)
	require.Len(t, rows, 1)
	for name, want := range map[string]string{
		"id": first.ID(), "input": "one", "lane": "live", "state": "failed", "window_start": "2026-03-02T09:00:00Z",
		"rows_accepted": "1", "rows_refused": "6", "bytes": "100", "throttle_wait_s": "0",
		"error": `'=HYPERLINK("http://evil.example"),` + "\n", "hint": "'-1",
	} {
		assert.Equal(t, want, rows[0][name], name)
	}
}

func TestLogLinesAsCSV(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	job := started(s.input(t, jobs.Description{ID: "one"}).recorder, trace.Live)
	zap.New(job.Core()).Warn("line, with comma", zap.Int("n", 1))
	rows, next := s.table(t, "/api/v1/logs")
	assert.Empty(t, next)
	require.Len(t, rows, 1)
	assert.NotEmpty(t, rows[0]["time"])
	delete(rows[0], "time")
	assert.Equal(t, map[string]string{
		"level": "warn", "input": "one", "job": job.ID(), "message": "line, with comma", "fields": `{"n":1}`,
	}, rows[0])
}

func TestFindingsAsCSV(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	first := finding("1", "a", "bulk_mail")
	first.Key, first.Messages = "=cmd@x.example", []string{"m1", "m2"}
	s.AddFinding(first)
	s.AddFinding(finding("2", "a", "exfiltration"))
	rows, next := s.table(t, "/api/v1/findings?limit=1")
	require.Len(t, rows, 1)
	assert.Equal(t, "exfiltration", rows[0]["rule"])
	rows, next = s.table(t, next)
	assert.Empty(t, next)
	require.Len(t, rows, 1)
	for name, want := range map[string]string{
		"uid": "1", "tenant_id": "a", "rule": "bulk_mail", "key": "'=cmd@x.example", "severity": "WARN", "technique": "T1566",
		"time": "2026-11-20T12:00:00Z", "count": "5", "threshold": "3", "messages": "m1 m2", "recipients": "bob@x.example",
		"text": first.Text, "connector": "o365findings",
	} {
		assert.Equal(t, want, rows[0][name], name)
	}
	masked := s.do(t, request{path: "/api/v1/findings", header: map[string]string{"Accept": "text/csv", "Authorization": ""}})
	defer masked.Body.Close()
	text, err := io.ReadAll(masked.Body)
	require.NoError(t, err)
	assert.Contains(t, string(text), "***@contoso.com")
	assert.NotContains(t, string(text), "bob")
}

func TestOnlyWhoAsksForCSVGetsIt(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for accept, want := range map[string]string{
		"":                                "application/json",
		"*/*":                             "application/json",
		"application/json":                "application/json",
		"text/csv":                        "text/csv; charset=utf-8; header=present",
		"Text/CSV; charset=utf-8":         "text/csv; charset=utf-8; header=present",
		"text/html, text/csv;q=0.9, */*":  "text/csv; charset=utf-8; header=present",
		"text/csv;q=0, application/json":  "application/json",
		"text/csv;q=0.0":                  "application/json",
		"text/*":                          "application/json",
		"nonsense;;, text/csvx, text/csv": "text/csv; charset=utf-8; header=present",
	} {
		for _, path := range []string{"jobs", "logs", "findings"} {
			response := s.do(t, request{path: "/api/v1/" + path, header: map[string]string{"Accept": accept}})
			require.NoError(t, response.Body.Close())
			assert.Equal(t, want, response.Header.Get("Content-Type"), "%s of %s", accept, path)
		}
	}
	status, answer := s.call(t, request{path: "/api/v1/jobs?state=x", header: map[string]string{"Accept": "text/csv"}})
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Equal(t, "parameter", code(answer))
}
