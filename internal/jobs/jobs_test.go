// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs_test

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestAJobFromScheduleToEnd(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := jobs.NewRegistry(10, c.now)
	j := open(t, r, jobs.Options{}).Schedule(trace.Backfill, window)
	want := jobs.Record{ID: j.ID(), Input: "one", Lane: trace.Backfill, State: jobs.Scheduled, Window: window}
	assert.Equal(t, want, j.Record())

	c.advance(time.Minute)
	j.Start(begin)
	want.State, want.Tick, want.Started = jobs.Running, begin, begin.Add(time.Minute)
	assert.Equal(t, want, j.Record())

	j.Request()
	j.Request()
	j.Retry()
	j.Waited(time.Second)
	j.Waited(2 * time.Second)
	j.Page(1000, 600, trace.Outcomes{Accepted: 6, Duplicate: 1, Held: 1, Filtered: 1, Malformed: 2, Refused: 1})
	j.Page(500, 0, trace.Outcomes{Duplicate: 5})
	c.advance(time.Minute)
	record := j.Record()
	assert.Equal(t, time.Minute, record.Duration(c.now()))

	j.End(jobs.Failed, errors.New("no more"), "do something")
	want.State, want.Finished, want.Error, want.Hint = jobs.Failed, begin.Add(2*time.Minute), "no more", "do something"
	want.Requests, want.Retries, want.ThrottleWait = 2, 1, 3*time.Second
	want.Pages, want.Bytes, want.BytesAccepted = 2, 1500, 600
	want.Rows = trace.Outcomes{Accepted: 6, Duplicate: 6, Held: 1, Filtered: 1, Malformed: 2, Refused: 1}
	assert.Equal(t, want, j.Record())
	assert.Equal(t, 15, want.Rows.Received(), "malformed rows are counted once")

	c.advance(time.Minute)
	j.Start(begin)
	j.Request()
	j.Page(1, 1, trace.Outcomes{Accepted: 1})
	j.End(jobs.Done, nil, "")
	assert.Equal(t, want, j.Record(), "after its end nothing changes")
	assert.Equal(t, time.Minute, want.Duration(c.now()))
}

func TestAJobThatIsHeldUp(t *testing.T) {
	t.Parallel()
	until := begin.Add(time.Hour)
	b := open(t, jobs.NewRegistry(10, nil), jobs.Options{})
	j := b.Schedule(trace.Live, window)
	steps := []struct {
		name   string
		do     func()
		state  jobs.State
		reason jobs.Reason
		until  time.Time
	}{
		{"for a slot", func() { j.Wait(jobs.ForSlot) }, jobs.Waiting, jobs.ForSlot, time.Time{}},
		{"paused before it ran", func() { j.Paused(until) }, jobs.Paused, "", until},
		{"resumed before it ran", j.Resume, jobs.Scheduled, "", time.Time{}},
		{"for a slot again", func() { j.Wait(jobs.ForSlot) }, jobs.Waiting, jobs.ForSlot, time.Time{}},
		{"started", func() { j.Start(begin) }, jobs.Running, "", time.Time{}},
		{"for the quota", func() { j.Wait(jobs.ForQuota) }, jobs.Waiting, jobs.ForQuota, time.Time{}},
		{"started twice", func() { j.Start(begin) }, jobs.Waiting, jobs.ForQuota, time.Time{}},
		{"for the pipeline", func() { j.Wait(jobs.ForPipeline) }, jobs.Waiting, jobs.ForPipeline, time.Time{}},
		{"resumed", j.Resume, jobs.Running, "", time.Time{}},
		{"paused", func() { j.Paused(until) }, jobs.Paused, "", until},
		{"ended", func() { j.End(jobs.Throttled, nil, "") }, jobs.Throttled, "", time.Time{}},
		{"paused too late", func() { j.Paused(until) }, jobs.Throttled, "", time.Time{}},
		{"waits too late", func() { j.Wait(jobs.ForQuota) }, jobs.Throttled, "", time.Time{}},
		{"resumed too late", j.Resume, jobs.Throttled, "", time.Time{}},
	}
	for _, step := range steps {
		step.do()
		got := j.Record()
		assert.Equal(t, step.state, got.State, step.name)
		assert.Equal(t, step.reason, got.WaitingFor, step.name)
		assert.Equal(t, step.until, got.PausedUntil, step.name)
		for _, state := range jobs.States {
			want := 0
			if state == step.state && !state.Ended() {
				want = 1
			}
			assert.Equal(t, want, b.Active(state), "%s: %s", step.name, state)
		}
	}
}

func TestOneOfManyEndsAJob(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(10, nil)
	b := open(t, r, jobs.Options{})
	j := started(b, trace.Backfill)
	finals := []jobs.State{jobs.Done, jobs.Failed, jobs.Throttled, jobs.Cancelled}
	var won atomic.Pointer[jobs.State]
	var first atomic.Int32
	var all sync.WaitGroup
	for n := range 40 {
		state := finals[n%len(finals)]
		all.Go(func() {
			j.Wait(jobs.ForQuota)
			if j.End(state, nil, "") {
				first.Add(1)
				won.Store(&state)
			}
			j.Resume()
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, first.Load())
	assert.Equal(t, *won.Load(), j.Record().State)
	_, sum := r.Series(nil, 1)
	assert.Equal(t, 1, sum[0].Jobs)
}

func TestAJobNeverEndsInAStateThatIsNotFinal(t *testing.T) {
	t.Parallel()
	b := open(t, jobs.NewRegistry(10, nil), jobs.Options{})
	for _, state := range append([]jobs.State{"", "lost"}, jobs.States...) {
		j := started(b, trace.Live)
		assert.True(t, j.End(state, nil, ""))
		assert.True(t, j.Record().State.Ended(), state)
		assert.False(t, j.End(jobs.Cancelled, nil, ""))
	}
}

func TestNobodyRecordsNothing(t *testing.T) {
	t.Parallel()
	var b *jobs.Recorder
	for _, j := range []*jobs.Job{started(b, trace.Live), b.Schedule(trace.Live, window)} {
		assert.Nil(t, j)
		j.Start(begin)
		j.Request()
		j.Retry()
		j.Waited(1)
		j.Wait(jobs.ForQuota)
		j.Paused(begin)
		j.Resume()
		j.Page(1, 1, trace.Outcomes{Accepted: 1})
		b.Offer(j, mail("x"))()
		logger(j).Info("lost")
		assert.False(t, j.End(jobs.Done, nil, ""))
		assert.Empty(t, j.ID())
		assert.Empty(t, j.Log())
		assert.Equal(t, jobs.Record{}, j.Record())
		assert.Nil(t, jobs.FromContext(jobs.WithJob(t.Context(), j)))
	}
	assert.Empty(t, b.Input())
	assert.Empty(t, b.Config())
	assert.False(t, b.Tagged(""))
	assert.False(t, b.Capturing())
	b.Offer(nil, plog.NewLogs())()
	assert.Zero(t, b.Active(jobs.Running))
	assert.Zero(t, b.RowsAccepted())
	require.NoError(t, b.Flush(t.Context()))
	require.NoError(t, b.Close(t.Context()))
}

func TestNobodyCostsNothing(t *testing.T) {
	var b *jobs.Recorder
	ctx, logs := t.Context(), mail("x")
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		j := started(b, trace.Live)
		jobs.FromContext(jobs.WithJob(ctx, j)).Request()
		j.Page(1, 1, trace.Outcomes{Accepted: 1})
		b.Offer(j, logs)()
		j.End(jobs.Done, nil, "")
	}))
}

func TestAContextCarriesAJob(t *testing.T) {
	t.Parallel()
	j := open(t, jobs.NewRegistry(10, nil), jobs.Options{}).Schedule(trace.Live, window)
	assert.Same(t, j, jobs.FromContext(jobs.WithJob(t.Context(), j)))
}

func TestIDsAscendWhateverTheClockDoes(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := open(t, jobs.NewRegistry(200_000, c.now), jobs.Options{})
	last := ""
	for n := range 70_000 {
		if n%1000 == 0 {
			c.advance(time.Duration(rand.IntN(2000)-1000) * time.Millisecond)
		}
		id := ended(b, jobs.Done).ID()
		if id <= last {
			require.Less(t, last, id)
		}
		last = id
	}
	require.Regexp(t, "^[0-9a-f]{24}$", last)
}

func TestAnInputHasOneRecorder(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(10, nil)
	b := open(t, r, jobs.Options{Input: "one"})
	_, err := r.Open(t.Context(), jobs.Options{Input: "one", TTL: time.Hour})
	require.ErrorContains(t, err, "already")
	_, err = r.Open(t.Context(), jobs.Options{Input: "two"})
	require.ErrorContains(t, err, "time to live")
	j := ended(b, jobs.Done)
	running := started(b, trace.Live)
	require.NoError(t, b.Close(t.Context()))
	require.NoError(t, b.Close(t.Context()), "closing twice is no harm")
	assert.Empty(t, all(r))
	assert.Nil(t, r.Job(j.ID()))
	assert.Nil(t, started(b, trace.Live))
	running.End(jobs.Cancelled, nil, "")
	assert.Empty(t, all(r))
	open(t, r, jobs.Options{Input: "one"})
}

func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	b := open(t, jobs.NewRegistry(10, nil), jobs.Options{})
	j := started(b, trace.Live)
	j.End(jobs.Failed, errors.New(strings.Repeat("ü", 1<<20)), strings.Repeat("x", 1<<20))
	record := j.Record()
	assert.Less(t, len(record.Error), 5000)
	assert.Less(t, len(record.Hint), 5000)
	assert.True(t, strings.HasSuffix(record.Error, "ü…"), "no half characters")
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(100, nil)
	var wg sync.WaitGroup
	for n := range 4 {
		b := open(t, r, jobs.Options{Input: strconv.Itoa(n), Storage: newStore()})
		wg.Go(func() {
			for range 200 {
				j := b.Schedule(trace.Live, window)
				wg.Go(func() { logger(j).Info("read"); j.Request() })
				j.Start(begin)
				j.Page(10, 5, trace.Outcomes{Accepted: 1})
				b.Offer(nil, mail("a"))()
				j.End(jobs.Done, nil, "")
			}
		})
	}
	for range 50 {
		wg.Go(func() {
			capture, err := r.Capture("", 0)
			if err == nil {
				defer capture.Close()
			}
			for range 20 {
				records := all(r)
				for _, record := range records[:min(3, len(records))] {
					r.Job(record.ID).Log()
				}
				if _, _, err := r.Lines(jobs.LineQuery{Text: "read", Limit: 5}); err != nil {
					t.Error(err)
				}
				r.Series(nil, 5)
				if capture != nil {
					capture.Take()
				}
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, len(all(r)), 100)
}
