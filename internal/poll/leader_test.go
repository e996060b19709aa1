// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestAToggleKeepsItsLatestState(t *testing.T) {
	for name, tt := range map[string]struct {
		// states are set before anybody waits, and later while somebody does.
		states, later []bool
		begins, ends  bool
	}{
		"never on":                   {},
		"on":                         {states: []bool{true}, begins: true},
		"on, while it is waited for": {later: []bool{true}, begins: true},
		"on and off again":           {states: []bool{true, false}},
		"off and on again":           {states: []bool{true, false, true}, begins: true},
		"on twice":                   {states: []bool{true, true}, later: []bool{true}, begins: true},
		"off later":                  {states: []bool{true}, later: []bool{false}, begins: true, ends: true},
		"off and on later":           {states: []bool{true}, later: []bool{false, true}, begins: true, ends: true},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T) {
				toggle := newToggle()
				ctx, cancel := context.WithCancel(t.Context())
				for _, on := range tt.states {
					toggle.set(on)
				}
				type began struct {
					context.Context
					end func()
				}
				terms := make(chan began, 1)
				go func() {
					term, end := toggle.term(ctx)
					terms <- began{term, end}
				}()
				for _, on := range tt.later {
					synctest.Wait()
					toggle.set(on)
				}
				synctest.Wait()
				require.Len(t, terms, map[bool]int{true: 1}[tt.begins])
				if !tt.begins {
					cancel()
				}
				term := <-terms
				assert.Equal(t, tt.ends || !tt.begins, term.Err() != nil)
				cancel()
				require.Error(t, term.Err(), "a term ends with what it is part of")
				term.end()
				term.end()
			})
		})
	}
}

// election elects and dismisses.
type election struct {
	mu      sync.Mutex
	started func(context.Context)
	stopped func()
}

func (e *election) elect(started func(context.Context), stopped func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.started, e.stopped = started, stopped
}

func (e *election) win(t *testing.T) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.started(t.Context())
}

func (e *election) lose() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped()
}

func TestOnlyTheLeaderPolls(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(time.Minute, 2*hour, 4*hour)}
		e := &election{}
		d := newDesk(t, s, func(o *Options) { o.Elect = e.elect })
		began := wallClock()
		d.start()
		pass(20 * time.Minute)
		assert.Empty(t, s.asked())
		assert.Equal(t, []Leadership{AwaitingElection}, of[Leadership](d.shown))
		_, ok := d.State()
		assert.False(t, ok)
		_, err := d.Ask(t.Context(), trace.Window{Start: began.Add(-hour), End: began}, false)
		require.Error(t, err)
		require.Error(t, d.Cancel("nothing"))

		e.win(t)
		pass(12 * time.Minute)
		e.lose()
		synctest.Wait()
		lost := wallClock()
		asked := len(s.asked())
		assert.NotZero(t, asked)
		_, ok = d.State()
		assert.False(t, ok)
		pass(hour)
		assert.Len(t, s.asked(), asked, "not while another one leads")
		assert.Equal(t, d.opened, d.released)

		e.win(t)
		pass(6 * time.Minute)
		d.stop()
		assert.Equal(t, []Leadership{AwaitingElection, Elected, TermEnded, Elected, TermEnded}, of[Leadership](d.shown))
		assert.Equal(t, 2, d.opened, "the state is read anew in each term")
		assert.Equal(t, 2, d.released)
		assert.Zero(t, d.missing(trace.Window{Start: began.Add(-40 * time.Minute), End: lost.Add(hour)}))
		for i := range s.mail {
			assert.LessOrEqual(t, d.sink.count(i), 1)
		}
	})
}

// TestLeadershipMayBeLostAndWonAtAnyTime has terms of a few milliseconds, in which the service does not even answer, and
// somebody who looks at the poller all the time.
func TestLeadershipMayBeLostAndWonAtAnyTime(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(time.Minute, 2*hour, 4*hour), takes: 3 * time.Millisecond}
		e := &election{}
		d := newDesk(t, s, func(o *Options) {
			o.Elect = e.elect
			// What will be read again is remembered, whoever asks for it meanwhile.
			o.Plan.Ages = []time.Duration{3 * hour}
		})
		began := wallClock()
		d.start()
		synctest.Wait()
		looking, stop := context.WithCancel(t.Context())
		var lookers sync.WaitGroup
		for range 3 {
			lookers.Go(func() {
				for looking.Err() == nil {
					if backfill, err := d.Ask(looking, trace.Window{Start: began.Add(-hour), End: began}, false); err == nil {
						_ = d.Cancel(backfill.Job.ID())
					}
					d.State()
					d.NextTick()
					pass(700 * time.Microsecond)
				}
			})
		}
		for i := range 300 {
			e.win(t)
			pass(time.Duration(i%11) * time.Millisecond)
			e.lose()
			if i%3 == 0 {
				pass(time.Duration(i%4) * time.Millisecond)
			}
		}
		e.win(t)
		stop()
		lookers.Wait()
		pass(11 * time.Minute)
		assert.Zero(t, d.missing(trace.Window{Start: began.Add(-hour), End: began.Add(9 * time.Minute)}))
		for i := range s.mail {
			assert.LessOrEqual(t, d.sink.count(i), 1)
		}
		d.stop()
		assert.Equal(t, d.opened, d.released)
		assert.Zero(t, running())
	})
}
