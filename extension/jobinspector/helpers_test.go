// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/extension/jobinspector/internal/metadata"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

var (
	begin  = time.Date(2026, time.March, 2, 10, 0, 0, 0, time.UTC)
	window = trace.Window{Start: begin.Add(-time.Hour), End: begin}
)

// host is a collector with some extensions.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// fakeInput is a receiver that does what it is told to.
type fakeInput struct {
	jobs.Description
	recorder *jobs.Recorder

	mu        sync.Mutex
	refusal   error
	window    trace.Window
	redeliver bool
	cancelled []string
}

func (f *fakeInput) Describe() jobs.Description { return f.Description }

func (f *fakeInput) Recorder() *jobs.Recorder { return f.recorder }

func (f *fakeInput) Backfill(_ context.Context, w trace.Window, redeliver bool) (jobs.Backfill, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refusal != nil {
		return jobs.Backfill{}, f.refusal
	}
	f.window, f.redeliver = w, redeliver
	middle := w.Start.Add(w.Duration() / 2)
	return jobs.Backfill{
		Job:        f.recorder.Schedule(trace.Backfill, w),
		Remembered: []trace.Window{{Start: middle, End: w.End}},
		Forgotten:  []trace.Window{{Start: w.Start, End: middle}},
	}, nil
}

func (f *fakeInput) Cancel(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cancelled = append(f.cancelled, id)
	return f.refusal
}

// running is an inspector that runs for the length of a test.
type running struct {
	*inspector
	base string
	// client is what requests are sent with.
	client *http.Client
}

// start starts an inspector. The configuration may be edited before.
func start(t *testing.T, edit func(cfg *Config)) *running {
	t.Helper()
	return startOn(t, host{}, edit)
}

func startOn(t *testing.T, h component.Host, edit func(cfg *Config)) *running {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.NetAddr.Endpoint = "127.0.0.1:0"
	if edit != nil {
		edit(cfg)
	}
	require.NoError(t, cfg.Validate())
	i := newInspector(extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, i.Start(t.Context(), h))
	transport := &http.Transport{}
	t.Cleanup(func() {
		require.NoError(t, i.Shutdown(context.Background()))
		transport.CloseIdleConnections()
	})
	scheme := "http://"
	if cfg.TLS.HasValue() {
		scheme = "https://"
	}
	return &running{inspector: i, base: scheme + i.address, client: &http.Client{Transport: transport}}
}

// input adds an input.
func (s *running) input(t *testing.T, d jobs.Description) *fakeInput {
	t.Helper()
	config := map[string]any{"poll_interval": d.PollInterval.String()}
	b, err := s.Open(t.Context(), jobs.Options{Input: d.ID, Tags: d.Tags, Config: config, TTL: time.Hour})
	require.NoError(t, err)
	f := &fakeInput{Description: d, recorder: b}
	t.Cleanup(s.Register(f))
	return f
}

// request is a request of a test.
type request struct {
	method, path, body string
	host               string
	header             map[string]string
}

// do sends a request. The body must be closed.
func (s *running) do(t *testing.T, q request) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), q.method, s.base+q.path, strings.NewReader(q.body))
	require.NoError(t, err)
	if q.host != "" {
		r.Host = q.host
	}
	if s.guard.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.guard.token)
	}
	if q.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range q.header {
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	response, err := s.client.Do(r)
	require.NoError(t, err)
	return response
}

// call sends a request and returns the answer, decoded if it is JSON.
func (s *running) call(t *testing.T, q request) (status int, answer map[string]any) {
	t.Helper()
	response := s.do(t, q)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	if response.Header.Get("Content-Type") == "application/json" {
		decoder := json.NewDecoder(bytes.NewReader(body))
		require.NoError(t, decoder.Decode(&answer), string(body))
	}
	return response.StatusCode, answer
}

func (s *running) get(t *testing.T, path string) map[string]any {
	t.Helper()
	status, answer := s.call(t, request{method: http.MethodGet, path: path})
	require.Equal(t, http.StatusOK, status, answer)
	return answer
}

// values are what the items of a list have under a name.
func values(answer map[string]any, name string) (list []any) {
	for _, item := range answer["items"].([]any) {
		list = append(list, item.(map[string]any)[name])
	}
	return list
}

// code is the code of an answer that is an error.
func code(answer map[string]any) any {
	failure, _ := answer["error"].(map[string]any)
	return failure["code"]
}

func record(body string) plog.Logs {
	logs := plog.NewLogs()
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(body)
	return logs
}

// mail is a record of now with a status and, unless it is "", a sender.
func mail(status, sender string) plog.Logs {
	logs := record("x")
	row := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	row.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	row.Attributes().PutStr("o365.message_trace.status", status)
	if sender != "" {
		row.Attributes().PutStr("email.from.address", sender)
	}
	return logs
}

// started is a job of the recorder that runs.
func started(b *jobs.Recorder, lane trace.Lane) *jobs.Job {
	j := b.Schedule(lane, window)
	j.Start(begin)
	return j
}
