// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// windowsOf are the windows of requests for first pages, each once, in their order.
func windowsOf(requests []request) (windows []trace.Window) {
	for _, r := range requests {
		if !r.link && (len(windows) == 0 || windows[len(windows)-1] != r.window) {
			windows = append(windows, r.window)
		}
	}
	return windows
}

func TestAServiceThatRefusesLongPagesIsAskedForShorterOnes(t *testing.T) {
	for name, err := range map[string]error{
		"as page size":         refusalFor(transport.PageSize),
		"400 without a reason": refusal(400),
		"504":                  refusal(504),
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T) {
				const longest = 1000
				s := &service{mail: mailEvery(5*time.Second, 2*hour, 6*hour)}
				s.refuse = func(r request) error {
					if r.size > longest {
						return err
					}
					return nil
				}
				began := wallClock()
				d := newDesk(t, s, func(o *Options) { o.Plan.InitialLookback = 2 * hour })
				d.start()
				pass(4 * time.Minute)
				assert.Zero(t, d.missing(trace.Window{Start: began.Add(-2 * hour), End: began.Add(-time.Second)}))
				assert.Len(t, windowsOf(s.asked(isNoProbe)), 2, "no window is made shorter")
				assert.LessOrEqual(t, len(s.asked(isNoProbe)), 2*2+4, "and two pages an hour")
				shrunk := of[PagesShrunk](d.shown)
				if assert.Len(t, shrunk, 1) {
					assert.Equal(t, PagesShrunk{From: 5000, To: 625, Err: err}, shrunk[0])
				}
				assert.Empty(t, of[Trouble](d.shown), "nothing was wrong but the length of a page")

				// A longer page is tried now and then.
				pass(5 * hour)
				failed := s.asked(since(began.Add(4*time.Minute)), func(r request) bool { return r.size > longest })
				assert.LessOrEqual(t, len(failed), 3, "after an hour, two more, and four more")
				assert.NotEmpty(t, failed)
				assert.Zero(t, d.missing(trace.Window{Start: began.Add(-2 * hour), End: wallClock().Add(-6 * time.Minute)}))
				assert.Empty(t, d.shown.failing())
			})
		})
	}
}

func TestPagesGrowAgainOnceTheServiceHandsThemOut(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(10*time.Second, 2*hour, 12*hour)}
		began := wallClock()
		s.refuse = func(r request) error {
			if r.size > 1000 && wallClock().Sub(began) < 10*time.Minute {
				return refusal(504)
			}
			return nil
		}
		newDesk(t, s, nil).start()
		pass(5 * hour)
		sizes := map[int]int{}
		for _, r := range s.asked(isNoProbe, since(began.Add(time.Minute))) {
			sizes[r.size]++
		}
		assert.InDelta(t, 12, sizes[625], 1, "for an hour")
		assert.InDelta(t, 12, sizes[1250], 1)
		assert.InDelta(t, 12, sizes[2500], 1)
		assert.InDelta(t, 24, sizes[5000], 1)
	})
}

// TestAServiceThatFailsAtEveryContinuation hands out first pages, but no others.
func TestAServiceThatFailsAtEveryContinuation(t *testing.T) {
	for name, err := range map[string]error{"502": refusal(502), "silence": noAnswer(), "damage": damage()} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T) {
				s := &service{mail: mailEvery(4*time.Second, 3*hour, hour)}
				s.refuse = func(r request) error {
					if r.link {
						return err
					}
					return nil
				}
				began := wallClock()
				d := newDesk(t, s, func(o *Options) { o.Plan.InitialLookback, o.PageSize = 3*hour, 250 })
				d.start()
				pass(4 * time.Minute)
				assert.Zero(t, d.missing(trace.Window{Start: began.Add(-3 * hour), End: began.Add(-time.Second)}))
				asked := len(s.asked())
				assert.LessOrEqual(t, asked, 3*40, "an hour has four pages")
				assert.Empty(t, d.shown.failing())
				pass(5 * time.Minute)
				assert.LessOrEqual(t, len(s.asked())-asked, 2, "no storm afterwards")
				for i := range s.mail {
					assert.LessOrEqual(t, d.sink.count(i), 1)
				}
			})
		})
	}
}

func TestWindowsGetShorterWhereMailIsDenseAndLongAgain(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{}
		now := wallClock()
		// Eight hours, of which the third last is dense.
		for at := now.Add(-8 * hour); at.Before(now); at = at.Add(20 * time.Second) {
			s.mail = append(s.mail, at)
			if age := now.Sub(at); age > 2*hour && age <= 3*hour {
				for i := range 30 {
					s.mail = append(s.mail, at.Add(time.Duration(i+1)*100*time.Millisecond))
				}
			}
		}
		d := newDesk(t, s, func(o *Options) { o.Plan.InitialLookback, o.PageSize = 30*hour, 100 })
		d.start()
		pass(2 * time.Minute)
		assert.Zero(t, d.missing(trace.Window{Start: now.Add(-8 * hour), End: now.Add(-time.Second)}))
		lengths := map[time.Duration]int{}
		for _, w := range windowsOf(s.asked(isNoProbe)) {
			lengths[w.Duration()]++
		}
		assert.InDelta(t, manyGood, lengths[30*time.Minute], 1, "the next ten")
		assert.GreaterOrEqual(t, lengths[hour], 24)
	})
}
