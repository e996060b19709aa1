// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// common is a storage that several pollers use at the same time. Each write takes a while.
type common struct {
	mu sync.Mutex
	ledger.Memory
}

func (c *common) Get(ctx context.Context, key string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Memory.Get(ctx, key)
}

func (c *common) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c *common) Batch(ctx context.Context, ops ...*storage.Operation) error {
	time.Sleep(time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Memory.Batch(ctx, ops...)
}

// pair is two collectors, one of which is to lead, with one state and one pipeline.
type pair struct {
	desks     [2]*desk
	elections [2]*election
	sink      *sink
}

func newPair(t *testing.T, s *service, fenced bool) *pair {
	t.Helper()
	p := &pair{sink: &sink{times: map[string]int{}}}
	store := &common{Memory: ledger.Memory{}}
	for i := range p.desks {
		e := &election{}
		d := newDesk(t, &service{mail: s.mail, takes: s.takes}, func(o *Options) {
			o.Elect = e.elect
			o.Plan.Ages = []time.Duration{10 * time.Minute, 3 * hour}
			o.PageSize = 200
		})
		d.sink = p.sink
		d.common, d.fenced = store, fenced
		d.start()
		p.desks[i], p.elections[i] = d, e
	}
	synctest.Wait()
	return p
}

// TestTwoWhoBelieveThatTheyLeadRepeatNothing has terms that overlap by up to twenty seconds, around ticks, when pages are read.
func TestTwoWhoBelieveThatTheyLeadRepeatNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			s := &service{mail: mailEvery(time.Second, 2*hour, 2*hour), takes: time.Duration(random.IntN(300)) * time.Millisecond}
			p := newPair(t, s, true)
			p.sink.takes = time.Duration(random.IntN(2000)) * time.Millisecond
			began := wallClock()
			leader := 0
			p.elections[0].win(t)
			for range 10 {
				tick := wallClock().Truncate(5 * time.Minute).Add(5 * time.Minute)
				pass(tick.Sub(wallClock()) + time.Duration(random.IntN(4000)-1000)*time.Millisecond)
				next := 1 - leader
				p.elections[next].win(t)
				pass(time.Duration(random.IntN(20_000)) * time.Millisecond)
				p.elections[leader].lose()
				leader = next
			}
			pass(15 * time.Minute)
			until := wallClock().Add(-6 * time.Minute)
			lost, repeated := 0, 0
			for i, received := range s.mail {
				if n := p.sink.count(i); n > 1 {
					repeated += n - 1
				} else if n == 0 && received.After(began.Add(-hour)) && received.Before(until) {
					lost++
				}
			}
			assert.Zero(t, lost)
			assert.Zero(t, repeated, "seed %d", seed)
			for _, d := range p.desks {
				d.stop()
			}
		})
	})
}

// TestALeaderThatIsPausedDeliversNothingMore stands for a process that is stopped in the middle of a page, and goes on when
// another one has taken over.
func TestALeaderThatIsPausedDeliversNothingMore(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(time.Second, 2*hour, 2*hour), takes: 500 * time.Millisecond}
		p := newPair(t, s, true)
		began := wallClock()
		p.elections[0].win(t)
		pass(3 * time.Second)
		p.desks[0].service.change(func() { p.desks[0].service.takes = 2 * time.Minute })
		pass(time.Minute)
		p.elections[1].win(t)
		pass(time.Minute + 4*time.Second)
		assert.Contains(t, p.desks[0].shown.failing(), trouble.Setup, "before the election tells it")
		_, collecting := p.desks[0].State()
		assert.False(t, collecting)
		p.elections[0].lose()
		pass(20 * time.Minute)
		assert.Zero(t, p.desks[1].missing(trace.Window{Start: began.Add(-hour), End: wallClock().Add(-6 * time.Minute)}))
		for i := range s.mail {
			assert.LessOrEqual(t, p.sink.count(i), 1)
		}
		assert.Empty(t, p.desks[1].shown.failing())
	})
}

// TestTwoPollersWithOneStateSayIt has two collectors without an election.
func TestTwoPollersWithOneStateSayIt(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(10*time.Second, 2*hour, 3*hour)}
		store := &common{Memory: ledger.Memory{}}
		out := &sink{times: map[string]int{}}
		var desks []*desk
		began := wallClock()
		for range 2 {
			d := newDesk(t, &service{mail: s.mail}, nil)
			d.sink, d.common = out, store
			desks = append(desks, d)
			d.start()
			pass(7 * time.Second)
		}
		var told []string
		for range 12 {
			pass(5 * time.Minute)
			for i, d := range desks {
				for _, e := range of[Trouble](d.shown) {
					if taken := new(ledger.TakenError); assert.ErrorAs(t, e.Err, &taken) {
						told = append(told, string(rune('a'+i)))
					}
				}
				d.shown.clear()
			}
		}
		assert.Contains(t, told, "a")
		assert.Contains(t, told, "b")
		assert.Zero(t, desks[0].missing(trace.Window{Start: began.Add(-hour), End: wallClock().Add(-11 * time.Minute)}))
		desks[1].stop()
		pass(15 * time.Minute)
		desks[0].shown.clear()
		pass(30 * time.Minute)
		assert.Empty(t, of[Trouble](desks[0].shown), "alone again")
		assert.Zero(t, desks[0].missing(trace.Window{Start: began.Add(-hour), End: wallClock().Add(-6 * time.Minute)}))
	})
}

var _ collect.Source = (*service)(nil)
