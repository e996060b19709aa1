// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// asJSON decodes a text in the way that answers are.
func asJSON(t *testing.T, text string) (value map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &value))
	return value
}

func TestInputs(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	assert.Equal(t, asJSON(t, `{"items": [], "next": ""}`), s.get(t, "/api/v1/inputs"))
	rowsWaiting := 3
	in := s.input(t, jobs.Description{
		ID: "one", TenantID: "contoso.com", API: "graph", Endpoint: "https://graph.example/x", Plan: "gcc", Mode: "continuous",
		PollInterval: 5 * time.Minute, Tags: []string{"soc", "mail"},
		Health:       jobs.Health{Status: "recoverable_error", Hint: "wait", Since: begin},
		CompleteUpTo: begin, SettledUpTo: begin.Add(-time.Hour), NextTick: begin.Add(time.Minute),
		Quota:          jobs.Quota{Used: 12, Limit: 90, Interval: 5 * time.Minute},
		PausedUntil:    begin.Add(5 * time.Minute),
		Progress:       jobs.Progress{Total: 2 * time.Hour, Open: 30 * time.Minute, Share: 0.75, ETA: 90 * time.Second},
		DetailsWaiting: &rowsWaiting,
	})
	s.input(t, jobs.Description{ID: "another"})
	started(in.recorder, trace.Live).Page(1, 1, trace.Outcomes{Accepted: 7})
	in.recorder.Schedule(trace.Live, window).Wait(jobs.ForQuota)

	answer := s.get(t, "/api/v1/inputs")
	assert.Equal(t, []any{"another", "one"}, values(answer, "id"))
	assert.Equal(t, asJSON(t, `{"id": "another", "tenant_id": "", "api": "", "endpoint": "", "plan": "", "mode": "",
		"poll_interval_s": 0, "tags": [], "health": {"status": "", "hint": "", "since": null}, "complete_up_to": null,
		"settled_up_to": null, "lag_s": null, "quota": {"used": 0, "limit": 0, "interval_s": 0}, "next_tick": null,
		"paused_until": null, "backfill": null, "jobs_running": 0, "jobs_waiting": {}, "details_waiting": null, "rows_accepted": 0, "config": {"poll_interval": "0s"}}`), answer["items"].([]any)[0])
	answer = s.get(t, "/api/v1/inputs?tag=soc")
	assert.Equal(t, []any{asJSON(t, `{"id": "one", "tenant_id": "contoso.com", "api": "graph",
		"endpoint": "https://graph.example/x", "plan": "gcc", "mode": "continuous", "poll_interval_s": 300,
		"tags": ["soc", "mail"], "health": {"status": "recoverable_error", "hint": "wait", "since": "2026-03-02T10:00:00Z"},
		"complete_up_to": "2026-03-02T10:00:00Z", "settled_up_to": "2026-03-02T09:00:00Z", "lag_s": null,
		"quota": {"used": 12, "limit": 90, "interval_s": 300}, "next_tick": "2026-03-02T10:01:00Z",
		"paused_until": "2026-03-02T10:05:00Z",
		"backfill": {"total_s": 7200, "open_s": 1800, "share": 0.75, "eta_s": 90},
		"jobs_running": 1, "jobs_waiting": {"quota": 1}, "details_waiting": 3, "rows_accepted": 7, "config": {"poll_interval": "5m0s"}}`)}, answer["items"])
	lag := viewInput(&jobs.Description{LiveUpTo: begin}, nil, begin.Add(1500*time.Millisecond)).LagS
	assert.InDelta(t, 1.5, *lag, 0)
}

func TestJobs(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	one := s.input(t, jobs.Description{ID: "one", Tags: []string{"soc"}})
	two := s.input(t, jobs.Description{ID: "two"})
	live := started(one.recorder, trace.Live)
	revisit := started(two.recorder, trace.Revisit)
	revisit.End(jobs.Failed, errors.New("no"), "hint")
	waiting := one.recorder.Schedule(trace.Revisit, window)
	for query, want := range map[string][]any{
		"":                                 {waiting.ID(), revisit.ID(), live.ID()},
		"?input=one":                       {waiting.ID(), live.ID()},
		"?input=none":                      nil,
		"?tag=soc":                         {waiting.ID(), live.ID()},
		"?tag=soc&input=two":               nil,
		"?tag=none":                        nil,
		"?lane=revisit":                    {waiting.ID(), revisit.ID()},
		"?state=failed":                    {revisit.ID()},
		"?lane=revisit&state=scheduled":    {waiting.ID()},
		"?limit=3":                         {waiting.ID(), revisit.ID(), live.ID()},
		"?after=" + revisit.ID():           {live.ID()},
		"?q=NO":                            {revisit.ID()},
		"?from=2026-03-02T10:00:00Z":       {waiting.ID(), revisit.ID(), live.ID()},
		"?to=2026-03-02T10:00:00%2B01:00":  nil,
		"?input=&tag=&lane=&state=&after=": {waiting.ID(), revisit.ID(), live.ID()},
	} {
		answer := s.get(t, "/api/v1/jobs"+query)
		assert.Equal(t, want, values(answer, "id"), query)
		assert.Empty(t, answer["next"], query)
		if query != "?after="+revisit.ID() {
			assert.EqualValues(t, len(want), answer["total"], query)
		}
	}
	assert.EqualValues(t, 3, s.get(t, "/api/v1/jobs?limit=1")["total"], "on all pages")

	waiting.Wait(jobs.ForPipeline)
	live.Paused(begin)
	answer := s.get(t, "/api/v1/jobs")
	assert.Equal(t, []any{"waiting", "failed", "paused"}, values(answer, "state"))
	assert.Equal(t, []any{"pipeline", "", ""}, values(answer, "waiting_for"))
	assert.Equal(t, []any{nil, nil, "2026-03-02T10:00:00Z"}, values(answer, "paused_until"))
}

func TestPagesOfJobs(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	in := s.input(t, jobs.Description{ID: "one"})
	var want, got []any
	for range 25 {
		want = append(want, started(in.recorder, trace.Live).ID())
	}
	slices.Reverse(want)
	next := ""
	for {
		answer := s.get(t, "/api/v1/jobs?limit=10&after="+next)
		got = append(got, values(answer, "id")...)
		if next = answer["next"].(string); next == "" {
			break
		}
		started(in.recorder, trace.Live)
	}
	assert.Equal(t, want, got)
}

func TestAJobWithItsLog(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	in := s.input(t, jobs.Description{ID: "one"})
	job := started(in.recorder, trace.Backfill)
	zap.New(job.Core()).Warn("line", zap.Int("n", 1))
	zap.New(job.Core()).Debug("plain")
	job.Request()
	job.Retry()
	job.Waited(1500 * time.Millisecond)
	job.Page(100, 50, trace.Outcomes{Accepted: 1, Duplicate: 2, Held: 3, Filtered: 4, Malformed: 5, Refused: 6})
	in.recorder.Offer(job, mail("failed", ""))()
	job.End(jobs.Throttled, errors.New("too much"), "ask less")
	answer := s.get(t, "/api/v1/jobs/"+job.ID())
	for _, name := range []string{"started", "finished"} {
		at, err := time.Parse(time.RFC3339, answer[name].(string))
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now(), at, time.Minute)
		delete(answer, name)
	}
	assert.Less(t, answer["duration_s"], 60.)
	delete(answer, "duration_s")
	lines := answer["log"].([]any)
	require.Len(t, lines, 2)
	for _, line := range lines {
		delete(line.(map[string]any), "time")
	}
	assert.Equal(t, asJSON(t, `{"id": "`+job.ID()+`", "input": "one", "lane": "backfill", "state": "throttled", "waiting_for": "", "paused_until": null,
		"window": {"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z"}, "tick": "2026-03-02T10:00:00Z",
		"requests": 1, "pages": 1, "rows": {"accepted": 1, "duplicate": 2, "held": 3, "filtered": 4, "malformed": 5, "refused": 6}, "details": 0,
		"bytes": 100, "retries": 1, "throttle_wait_s": 1.5, "error": "too much", "hint": "ask less",
		"statuses": {"failed": 1}, "directions": {"other": 1}, "log": [
		{"level": "warn", "message": "line", "fields": {"n": 1}}, {"level": "debug", "message": "plain", "fields": {}}]}`), answer)

	waiting := s.get(t, "/api/v1/jobs/"+in.recorder.Schedule(trace.Live, window).ID())
	for _, name := range []string{"tick", "started", "finished"} {
		assert.Nil(t, waiting[name], name)
		assert.Contains(t, waiting, name)
	}
	assert.Equal(t, []any{}, waiting["log"])
}

func TestLogs(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	one, two := s.input(t, jobs.Description{ID: "one"}), s.input(t, jobs.Description{ID: "two", Tags: []string{"soc"}})
	a, b := started(one.recorder, trace.Live), started(two.recorder, trace.Live)
	zap.New(a.Core()).Debug("asked")
	zap.New(b.Core()).Error("failed", zap.String("why", "Asked too much"))
	for query, want := range map[string][]any{
		"":                {"failed", "asked"},
		"?input=one":      {"asked"},
		"?tag=soc":        {"failed"},
		"?level=info":     {"failed"},
		"?q=asked":        {"failed", "asked"},
		"?q=too%20much":   {"failed"},
		"?q=%22%3Cscript": nil,
	} {
		assert.Equal(t, want, values(s.get(t, "/api/v1/logs"+query), "message"), query)
	}
	answer := s.get(t, "/api/v1/logs?limit=1")
	assert.Equal(t, []any{b.ID()}, values(answer, "job"))
	assert.Equal(t, []any{"two"}, values(answer, "input"))
	answer = s.get(t, "/api/v1/logs?limit=1&after="+answer["next"].(string))
	assert.Equal(t, []any{a.ID()}, values(answer, "job"))
	assert.Empty(t, answer["next"])
}

func TestSeries(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	in := s.input(t, jobs.Description{ID: "one"})
	job := started(in.recorder, trace.Live)
	job.Page(100, 50, trace.Outcomes{Accepted: 1, Duplicate: 2})
	in.recorder.Offer(job, mail("failed", "a@contoso.com"))()
	job.End(jobs.Failed, nil, "")
	assert.Len(t, s.get(t, "/api/v1/series")["items"], 60, "as long as jobs are kept")
	sum := map[string]float64{}
	answer := s.get(t, "/api/v1/series?minutes=2&input=one")
	require.Len(t, answer["items"], 2)
	for _, item := range answer["items"].([]any) {
		for name, value := range item.(map[string]any) {
			if number, ok := value.(float64); ok {
				sum[name] += number
			}
		}
	}
	assert.Equal(t, map[string]float64{
		"rows_received": 3, "rows_accepted": 1, "bytes_received": 100, "bytes_accepted": 50,
		"jobs": 1, "failures": 1,
	}, sum)
	assert.Contains(t, values(answer, "statuses"), map[string]any{"failed": 1.})
	assert.Contains(t, values(answer, "directions"), map[string]any{"other": 1.})
	minutes := values(answer, "minute")
	assert.Less(t, minutes[0], minutes[1], "oldest first")
	assert.Zero(t, values(s.get(t, "/api/v1/series?minutes=1&input=none"), "jobs")[0])
}

func TestWrongRequests(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for path, want := range map[string]int{
		"/api/v1/jobs?stat=done":               400,
		"/api/v1/jobs?state=finished":          400,
		"/api/v1/jobs?state=done&state=failed": 400,
		"/api/v1/jobs?lane=fast":               400,
		"/api/v1/jobs?limit=0":                 400,
		"/api/v1/jobs?limit=1001":              400,
		"/api/v1/jobs?limit=x":                 400,
		"/api/v1/jobs?%zz":                     400,
		"/api/v1/jobs?from=yesterday":          400,
		"/api/v1/jobs?to=1772445600":           400,
		"/api/v1/jobs?from=2026-03-02T10:00:00Z&to=2026-03-02T10:00:00Z": 400,
		"/api/v1/top?limit=101":        400,
		"/api/v1/logs?level=fatal":     400,
		"/api/v1/logs?after=x":         400,
		"/api/v1/series?minutes=10081": 400,
		"/api/v1/inputs?input=x":       400,
		"/api/v1/capture?limit=-1":     400,
		"/api/v1/capture?input=none":   404,
		"/api/v1/jobs/none":            404,
		"/api/v1/none":                 404,
		"/api/":                        404,
		"/none.html":                   404,
	} {
		status, answer := s.call(t, request{method: http.MethodGet, path: path})
		assert.Equal(t, want, status, path)
		assert.NotEmpty(t, code(answer), path)
	}
	for _, q := range []request{
		{method: http.MethodDelete, path: "/api/v1/jobs"},
		{method: http.MethodPost, path: "/api/v1/inputs"},
		{method: http.MethodGet, path: "/api/v1/jobs/x/cancel"},
		{method: http.MethodPost, path: "/"},
		{method: http.MethodOptions, path: "/api/v1/jobs"},
	} {
		status, answer := s.call(t, q)
		assert.Equal(t, http.StatusMethodNotAllowed, status, q)
		assert.Equal(t, "method", code(answer))
	}
}

func TestThePage(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, path := range []string{"/", "/?x=y"} {
		response := s.do(t, request{method: http.MethodGet, path: path})
		response.Body.Close()
		assert.Equal(t, http.StatusOK, response.StatusCode)
		assert.Equal(t, "text/html; charset=utf-8", response.Header.Get("Content-Type"))
	}
	status, _ := s.call(t, request{method: http.MethodGet, path: "/js/"})
	assert.Equal(t, http.StatusNotFound, status, "folders are not listed")
	assert.Equal(t, false, s.get(t, "/api/v1/inspector")["read_only"])
	assert.Equal(t, true, s.get(t, "/api/v1/inspector")["capture"])
}

func TestFiftyReadersAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, func(cfg *Config) { cfg.MaxJobs, cfg.Open = 200, true })
	in := s.input(t, jobs.Description{ID: "one"})
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	for range 3 {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				job := started(in.recorder, trace.Live)
				zap.New(job.Core()).Info("line")
				job.Page(10, 5, trace.Outcomes{Accepted: 1})
				in.recorder.Offer(nil, record("x"))()
				job.End(jobs.Done, nil, "")
			}
		})
	}
	paths := []string{"inputs", "jobs", "jobs?state=done&limit=5", "logs?limit=5", "series?minutes=5", "capture?limit=5"}
	for n := range 50 {
		readers.Go(func() {
			for m := range len(paths) {
				response, err := s.client.Get(s.base + "/api/v1/" + paths[(n+m)%len(paths)])
				if err != nil {
					t.Error(err)
					return
				}
				if response.StatusCode != http.StatusOK {
					t.Error(response.Status)
				}
				var discard [1 << 10]byte
				for err == nil {
					_, err = response.Body.Read(discard[:])
				}
				response.Body.Close()
			}
		})
	}
	readers.Wait()
	close(stop)
	writers.Wait()
	assert.LessOrEqual(t, len(s.get(t, "/api/v1/jobs?limit=1000")["items"].([]any)), 200)
}
