// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestStartABackfill(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	in := s.input(t, jobs.Description{ID: "one"})
	wish := `{"input": "one", "start": "2026-03-02T09:00:00+01:00", "end": "2026-03-02T10:00:00Z", "redeliver": true}`
	post := func(body string) (int, map[string]any) {
		return s.call(t, request{method: http.MethodPost, path: "/api/v1/jobs", body: body})
	}
	status, answer := post(wish)
	require.Equal(t, http.StatusAccepted, status, answer)
	assert.Equal(t, trace.Window{Start: begin.Add(-2 * time.Hour), End: begin}, in.window)
	assert.True(t, in.redeliver)
	assert.Equal(t, "scheduled", answer["state"])
	assert.Equal(t, "backfill", answer["lane"])
	assert.Equal(t, asJSON(t, `{"x": [{"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z"}]}`)["x"], answer["remembered"])
	assert.Equal(t, asJSON(t, `{"x": [{"start": "2026-03-02T08:00:00Z", "end": "2026-03-02T09:00:00Z"}]}`)["x"], answer["forgotten"])
	assert.Equal(t, answer["id"], s.get(t, "/api/v1/jobs/"+answer["id"].(string))["id"])

	for name, test := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"no body":          {"", 400, "body"},
		"no JSON":          {"x", 400, "body"},
		"two objects":      {wish + wish, 400, "body"},
		"misspelt":         {strings.Replace(wish, "redeliver", "redelivr", 1), 400, "body"},
		"no input":         {strings.Replace(wish, `"one"`, `""`, 1), 400, "body"},
		"unknown input":    {strings.Replace(wish, `"one"`, `"two"`, 1), 404, "unknown_input"},
		"no time":          {`{"input": "one"}`, 400, "body"},
		"no such time":     {strings.Replace(wish, "T09", "T29", 1), 400, "body"},
		"end before start": {strings.Replace(wish, "10:00:00Z", "07:00:00Z", 1), 400, "body"},
		"too large":        {wish + strings.Repeat(" ", 1<<20), 400, "body"},
	} {
		status, answer := post(test.body)
		assert.Equal(t, test.status, status, name)
		assert.Equal(t, test.code, code(answer), name)
	}
	for _, test := range []struct {
		refusal error
		status  int
	}{
		{&jobs.RefusedError{Reason: "older than the service keeps"}, 400},
		{fmt.Errorf("x: %w", &jobs.RefusedError{Reason: "not the leader", Conflict: true}), 409},
		{errors.New("odd"), 500},
	} {
		in.refusal = test.refusal
		status, answer := post(wish)
		assert.Equal(t, test.status, status)
		assert.NotEmpty(t, answer["error"].(map[string]any)["message"])
	}
}

func TestCancelAJob(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	in := s.input(t, jobs.Description{ID: "one"})
	cancel := func(id, body string) (int, map[string]any) {
		return s.call(t, request{method: http.MethodPost, path: "/api/v1/jobs/" + id + "/cancel", body: body})
	}
	job := started(in.recorder, trace.Live)
	for _, body := range []string{"", "{}"} {
		status, answer := cancel(job.ID(), body)
		assert.Equal(t, http.StatusAccepted, status)
		assert.Equal(t, job.ID(), answer["id"])
	}
	assert.Equal(t, []string{job.ID(), job.ID()}, in.cancelled)
	status, _ := cancel(job.ID(), "[]")
	assert.Equal(t, http.StatusBadRequest, status)
	status, answer := cancel("none", "")
	assert.Equal(t, http.StatusNotFound, status)
	assert.Equal(t, "unknown_job", code(answer))
	in.refusal = jobs.ErrEnded
	status, answer = cancel(job.ID(), "")
	assert.Equal(t, http.StatusConflict, status)
	assert.Equal(t, "ended", code(answer))
	in.refusal = nil
	job.End(jobs.Done, nil, "")
	status, _ = cancel(job.ID(), "")
	assert.Equal(t, http.StatusConflict, status)
	assert.Len(t, in.cancelled, 3, "what has ended is not cancelled")
}
