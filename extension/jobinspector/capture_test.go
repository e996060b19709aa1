// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
)

// events reads server-sent events.
type events struct {
	response *http.Response
	lines    *bufio.Scanner
}

// events opens a capture and waits until it has begun.
func (s *running) events(t *testing.T, path string) *events {
	t.Helper()
	response := s.do(t, request{path: path})
	t.Cleanup(func() { response.Body.Close() })
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	e := &events{response: response, lines: bufio.NewScanner(response.Body)}
	e.lines.Buffer(nil, 1<<20)
	require.True(t, e.lines.Scan())
	require.Equal(t, ":", e.lines.Text()[:1], "a comment says that it has begun")
	return e
}

// next returns the data of the next event, with the name of the event if it has one; nil at the end of the stream.
func (e *events) next(t *testing.T) (data map[string]any) {
	t.Helper()
	name := ""
	for e.lines.Scan() {
		key, value, _ := strings.Cut(e.lines.Text(), ": ")
		switch key {
		case "event":
			name = value
		case "data":
			require.NoError(t, json.Unmarshal([]byte(value), &data))
			if name != "" {
				data["event"] = name
			}
			return data
		}
	}
	return nil
}

func TestCapture(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	one, two := s.input(t, jobs.Description{ID: "one"}), s.input(t, jobs.Description{ID: "two"})
	assert.False(t, one.recorder.Capturing())
	all, some := s.events(t, "/api/v1/capture"), s.events(t, "/api/v1/capture?input=two&limit=2")
	assert.True(t, one.recorder.Capturing())
	one.recorder.Offer(nil, record("1"))()
	two.recorder.Offer(nil, record("2\n\ndata: 3"))()
	two.recorder.Offer(nil, record("4"))()
	two.recorder.Offer(nil, record("5"))()
	assert.Equal(t, map[string]any{"time": "1970-01-01T00:00:00Z", "input": "one", "attributes": map[string]any{}, "body": "1"}, all.next(t))
	for _, want := range []string{"2\n\ndata: 3", "4", "5"} {
		assert.Equal(t, want, all.next(t)["body"])
	}
	assert.Equal(t, "2\n\ndata: 3", some.next(t)["body"])
	assert.Equal(t, "4", some.next(t)["body"])
	assert.Equal(t, map[string]any{"event": "end", "reason": "limit"}, some.next(t))
	assert.Nil(t, some.next(t))
}

func TestACaptureEndsWithItsReader(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	in := s.input(t, jobs.Description{ID: "one"})
	require.NoError(t, s.events(t, "/api/v1/capture").response.Body.Close())
	require.Eventually(t, func() bool { return !in.recorder.Capturing() }, 10*time.Second, time.Millisecond)
}

func TestACaptureOutlivesTheTimeoutsOfTheServer(t *testing.T) {
	t.Parallel()
	// An answer has no time at all.
	s := start(t, func(cfg *Config) { cfg.WriteTimeout = time.Nanosecond })
	in := s.input(t, jobs.Description{ID: "one"})
	e := s.events(t, "/api/v1/capture")
	for range 3 {
		in.recorder.Offer(nil, record("x"))()
		assert.Equal(t, "x", e.next(t)["body"])
	}
}

func TestASlowReaderIsDropped(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.writeTimeout = time.Hour
	in := s.input(t, jobs.Description{ID: "one"})
	e := s.events(t, "/api/v1/capture")
	large := record(strings.Repeat("x", 60_000))
	for range 400 { // 24 MB, more than the capture and the connection can hold
		in.recorder.Offer(nil, large)()
	}
	var last map[string]any
	for data := e.next(t); data != nil; data = e.next(t) {
		last = data
	}
	assert.Equal(t, map[string]any{"event": "end", "reason": "slow"}, last)
}

func TestAReaderThatIsStuckIsDropped(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.writeTimeout = 10 * time.Millisecond
	in := s.input(t, jobs.Description{ID: "one"})
	s.events(t, "/api/v1/capture")
	large := record(strings.Repeat("x", 60_000))
	for in.recorder.Capturing() {
		in.recorder.Offer(nil, large)()
	}
}

func TestTooManyCaptures(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for range jobs.MaxCaptures {
		s.events(t, "/api/v1/capture")
	}
	status, answer := s.call(t, request{path: "/api/v1/capture"})
	assert.Equal(t, http.StatusConflict, status)
	assert.Equal(t, "captures", code(answer))
}

func TestShutdownEndsCapturesAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	in := s.input(t, jobs.Description{ID: "one"})
	s.events(t, "/api/v1/capture")
	for range 130 {
		in.recorder.Offer(nil, record(strings.Repeat("x", 60_000)))()
	}
	began := time.Now()
	require.NoError(t, s.Shutdown(context.Background()))
	assert.Less(t, time.Since(began), 5*time.Second, "a reader that does not read does not hold it up")
	require.NoError(t, s.Shutdown(context.Background()), "twice is no harm")
	in.recorder.Offer(nil, record("too late"))()
}

func TestShutdownTellsReaders(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	e := s.events(t, "/api/v1/capture")
	require.NoError(t, s.Shutdown(context.Background()))
	assert.Equal(t, map[string]any{"event": "end", "reason": "shutdown"}, e.next(t))
}
