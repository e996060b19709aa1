// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// asking is a queue as its users see it: people who ask and cancel, and a worker that takes.
type asking struct {
	t        *rapid.T
	queue    queue
	recorder *jobs.Recorder
	open     bool
	// all has everything that was ever asked for; waiting is what should wait, the oldest first.
	all, waiting []*asked
	// unsettled have been put and not been settled yet.
	unsettled []*asked
	// taken is what the worker has in hand, nil if nothing, and end ends its reading if it runs.
	taken   *asked
	ctx     context.Context //nolint:containedctx // that in which the job runs
	end     func()
	leaving []*asked
	// cancelled and done are how windows should end.
	cancelled, done map[*asked]bool
}

// TestEveryAskedWindowEndsInOneState has people ask, cancel and go away, and terms begin and end, in whatever order.
func TestEveryAskedWindowEndsInOneState(t *testing.T) {
	t.Parallel()
	registry := jobs.NewRegistry(jobs.MaxJobs, nil)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		recorder, err := registry.Open(t.Context(), jobs.Options{Input: fmt.Sprint("o365messagetrace/", n), TTL: time.Hour})
		require.NoError(t, err)
		defer recorder.Close(t.Context())
		a := &asking{t: t, recorder: recorder, cancelled: map[*asked]bool{}, done: map[*asked]bool{}}
		t.Repeat(map[string]func(*rapid.T){
			"open":   a.begin,
			"close":  a.close,
			"put":    a.put,
			"settle": a.settle,
			"take":   a.take,
			"finish": a.finish,
			"cancel": a.cancel,
			"left":   a.left,
			"":       a.check,
		})
		for len(a.unsettled) > 0 {
			a.settle(t)
		}
		for a.taken != nil {
			a.finish(t)
		}
		a.close(t)
		a.check(t)
		for _, each := range a.all {
			require.True(t, each.job.Record().State.Ended(), "%s", each.job.Record().State)
		}
	})
}

func (a *asking) begin(*rapid.T) {
	a.queue.open()
	a.open = true
}

func (a *asking) close(*rapid.T) {
	a.queue.close()
	a.open = false
	for _, each := range a.waiting {
		a.cancelled[each] = true
	}
	a.waiting = nil
}

func (a *asking) put(t *rapid.T) {
	w := trace.Window{Start: at.Add(time.Duration(len(a.all)) * hour), End: at.Add(time.Duration(len(a.all)+1) * hour)}
	each := &asked{job: a.recorder.Schedule(trace.Backfill, w), window: w, settled: make(chan struct{})}
	require.Equal(t, a.open && len(a.waiting) < maxWaiting, a.queue.put(each))
	if !a.open {
		each.job.End(jobs.Cancelled, nil, "")
		return
	}
	a.all, a.waiting, a.unsettled = append(a.all, each), append(a.waiting, each), append(a.unsettled, each)
}

// settle opens a window, or refuses it as Ask does.
func (a *asking) settle(t *rapid.T) {
	if len(a.unsettled) == 0 {
		return
	}
	i := rapid.IntRange(0, len(a.unsettled)-1).Draw(t, "which")
	each := a.unsettled[i]
	a.unsettled = slices.Delete(a.unsettled, i, i+1)
	refused := rapid.Bool().Draw(t, "refused")
	each.settle(refused)
	if refused {
		a.queue.remove(each)
		each.job.End(jobs.Cancelled, nil, "")
		a.waiting = slices.DeleteFunc(a.waiting, func(other *asked) bool { return other == each })
		a.cancelled[each] = true
	}
}

func (a *asking) take(t *rapid.T) {
	if a.taken != nil {
		return
	}
	a.taken = a.queue.take()
	if len(a.waiting) == 0 {
		require.Nil(t, a.taken)
		return
	}
	require.Same(t, a.waiting[0], a.taken, "the one that has waited longest")
	a.waiting = a.waiting[1:]
}

// finish has the worker begin, and at the next call end, the reading of what it has in hand.
func (a *asking) finish(t *rapid.T) {
	if a.taken == nil {
		return
	}
	each := a.taken
	if slices.Contains(a.unsettled, each) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.False(t, each.wait(ended), "the term ends before the window is open")
		a.queue.served()
		a.cancelled[each], a.taken = true, nil
		return
	}
	if a.end == nil {
		if !each.wait(t.Context()) || a.queue.isGivenUp(each) {
			require.True(t, a.cancelled[each])
			a.queue.served()
			a.taken = nil
			return
		}
		a.ctx, a.end = a.queue.begin(t.Context(), each.job)
		each.job.Start(at)
		return
	}
	state := jobs.Done
	if a.ctx.Err() != nil {
		require.ErrorIs(t, context.Cause(a.ctx), errCancelled)
		state = jobs.Cancelled
		a.cancelled[each] = true
	} else {
		a.done[each] = true
	}
	each.job.End(state, nil, "")
	a.end()
	a.queue.served()
	a.taken, a.end = nil, nil
}

func (a *asking) cancel(t *rapid.T) {
	if len(a.all) == 0 {
		return
	}
	each := rapid.SampledFrom(a.all).Draw(t, "which")
	waited, ok := a.queue.cancel(each.job.ID())
	switch {
	case slices.Contains(a.waiting, each):
		require.True(t, ok)
		require.Same(t, each, waited)
		a.waiting = slices.DeleteFunc(a.waiting, func(other *asked) bool { return other == each })
		a.cancelled[each] = true
		a.leaving = append(a.leaving, each)
	case a.taken == each && a.end != nil:
		require.True(t, ok)
		require.Nil(t, waited)
		require.ErrorIs(t, context.Cause(a.ctx), errCancelled)
	case a.taken == each && !a.cancelled[each]:
		require.True(t, ok, "it has been taken, and not begun")
		require.Same(t, each, waited)
		a.cancelled[each] = true
		a.leaving = append(a.leaving, each)
	default:
		require.False(t, ok, "it has ended")
		require.Nil(t, waited)
	}
}

func (a *asking) left(*rapid.T) {
	if len(a.leaving) > 0 {
		a.queue.left(a.leaving[0])
		a.leaving = a.leaving[1:]
	}
}

func (a *asking) check(t *rapid.T) {
	waiting, leaving := a.queue.windows()
	open := len(a.waiting)
	if a.taken != nil && !a.cancelled[a.taken] {
		open++
	}
	require.Equal(t, time.Duration(open)*hour, waiting.Duration())
	require.Equal(t, time.Duration(len(a.leaving))*hour, leaving.Duration())
	for _, each := range a.all {
		want := jobs.Scheduled
		switch {
		case a.cancelled[each]:
			want = jobs.Cancelled
		case a.done[each]:
			want = jobs.Done
		case a.taken == each && a.end != nil:
			want = jobs.Running
		}
		require.Equal(t, want, each.job.Record().State)
	}
	require.Len(t, a.queue.cancels, map[bool]int{true: 1}[a.end != nil], "nothing is left of jobs that have ended")
}

func TestOnlyAHundredWindowsMayWait(t *testing.T) {
	t.Parallel()
	var q queue
	q.open()
	for i := range maxWaiting + 5 {
		assert.Equal(t, i < maxWaiting, q.put(&asked{}), i)
	}
	q.take()
	assert.True(t, q.put(&asked{}))
	assert.False(t, q.put(&asked{}))
}

// TestTheQueueIsSafeForConcurrentUse has many ask and cancel while one reads: each window ends, whoever gets hold of it.
func TestTheQueueIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	recorder, err := jobs.NewRegistry(jobs.MaxJobs, nil).Open(t.Context(), jobs.Options{Input: "o365messagetrace", TTL: time.Hour})
	require.NoError(t, err)
	var q queue
	q.open()
	const people, windows = 8, 100
	asked := make(chan *asked, people*windows)
	var asking, cancelling, reading sync.WaitGroup
	for i := range people {
		asking.Go(func() { ask(&q, recorder, windows, i, asked) })
	}
	ids := make(chan string, people*windows)
	for range people {
		cancelling.Go(func() {
			for id := range ids {
				if waited, ok := q.cancel(id); ok && waited != nil {
					q.left(waited)
				}
			}
		})
	}
	stop := make(chan struct{})
	reading.Go(func() { serveAll(t, &q, stop) })
	var all []*jobs.Job
	go func() {
		asking.Wait()
		close(asked)
	}()
	for a := range asked {
		all = append(all, a.job)
		ids <- a.job.ID()
	}
	close(ids)
	cancelling.Wait()
	close(stop)
	reading.Wait()
	q.close()
	for _, job := range all {
		assert.True(t, job.Record().State.Ended())
	}
	assert.Len(t, all, people*windows)
	assert.Zero(t, recorder.Active(jobs.Scheduled)+recorder.Active(jobs.Running))
	assert.Empty(t, q.cancels)
	assert.Empty(t, q.leaving)
	assert.Empty(t, q.waiting)
}

// ask asks for windows, of which one in ten cannot be opened.
func ask(q *queue, recorder *jobs.Recorder, windows, person int, put chan<- *asked) {
	for n := range windows {
		w := trace.Window{Start: at.Add(time.Duration(n) * hour), End: at.Add(time.Duration(n+1) * hour)}
		a := &asked{job: recorder.Schedule(trace.Backfill, w), window: w, settled: make(chan struct{})}
		accepted := q.put(a)
		put <- a
		refused := n%10 == person
		a.settle(refused)
		if refused || !accepted {
			q.remove(a)
			a.job.End(jobs.Cancelled, nil, "")
		}
		q.windows()
	}
}

// serveAll reads what is asked for, one window after the other, until stop is closed.
func serveAll(t *testing.T, q *queue, stop <-chan struct{}) {
	for {
		if a := q.take(); a != nil && a.wait(t.Context()) {
			_, end := q.begin(t.Context(), a.job)
			a.job.Start(at)
			a.job.End(jobs.Done, nil, "")
			end()
		}
		select {
		case <-stop:
			return
		default:
			runtime.Gosched()
		}
	}
}
