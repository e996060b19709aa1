// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

var (
	anHour     = trace.Window{Start: at.Add(-hour), End: at}
	refused400 = &transport.Error{Target: "service", Status: http.StatusBadRequest}
	tooMany    = &transport.Error{Target: "service", Status: http.StatusBadRequest, Reason: transport.PageSize}
)

// shorten halves the pages until it is of no use, and returns the lengths.
func shorten(p *pages, e *transport.Error) (lengths []int) {
	for p.shorten(anHour, e) {
		lengths = append(lengths, p.size())
	}
	return lengths
}

func TestPagesHalveDownToAHundredRows(t *testing.T) {
	for most, want := range map[int][]int{
		5000: {2500, 1250, 625, 312, 156, 100},
		2000: {1000, 500, 250, 125, 100},
		150:  {100},
		101:  {100},
		100:  nil,
		10:   nil,
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &pages{most: most}
			require.Equal(t, most, p.size())
			assert.Equal(t, want, shorten(p, refused400))
			assert.Equal(t, most, p.size(), "where shorter pages do not help, they are as long as before")
		})
	}
}

func TestPagesStayShortWhereTheServiceSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pages{most: 5000}
		assert.Equal(t, []int{2500, 1250, 625, 312, 156, 100}, shorten(p, tooMany))
		assert.Equal(t, 100, p.size())
		pass(hour - time.Second)
		assert.Equal(t, 100, p.size())
		pass(time.Second)
		assert.Equal(t, 200, p.size())
	})
}

func TestPagesThatHelpedAreToldAndGrowSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reporter{}
		p := &pages{most: 5000}
		require.True(t, p.shorten(anHour, refused400))
		require.True(t, p.shorten(anHour, refused400))
		p.kept(trace.Window{Start: at.Add(time.Second), End: at.Add(hour)}, r)
		assert.Empty(t, of[PagesShrunk](r), "another window proves nothing")
		p.kept(trace.Window{Start: at.Add(-time.Minute), End: at}, r)
		p.kept(anHour, r)
		assert.Equal(t, []PagesShrunk{{From: 5000, To: 1250, Err: refused400}}, of[PagesShrunk](r), "once")

		began := time.Now()
		// grow waits until the pages are of a length.
		grow := func(length int) time.Duration {
			for p.size() != length {
				pass(time.Minute)
				require.Less(t, time.Since(began), 1000*hour)
			}
			return time.Since(began)
		}
		assert.Equal(t, hour, grow(2500))
		require.True(t, p.shorten(anHour, refused400), "it is no better")
		p.kept(anHour, r)
		for _, growth := range []time.Duration{2 * hour, 4 * hour, 8 * hour, 16 * hour, 24 * hour, 24 * hour} {
			began = time.Now()
			assert.Equal(t, growth, grow(2500))
			require.True(t, p.shorten(anHour, refused400))
			assert.Equal(t, 1250, p.size())
			p.kept(anHour, r)
		}
		began = time.Now()
		assert.Equal(t, 48*hour, grow(5000), "each step takes as long, where none fails")
		pass(100 * hour)
		assert.Equal(t, 5000, p.size())
	})
}

func TestPagesAreNotRestoredFurtherThanTheyWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r := &pages{most: 5000}, &reporter{}
		require.True(t, p.shorten(anHour, refused400))
		require.True(t, p.shorten(anHour, refused400))
		p.kept(anHour, r)
		assert.Equal(t, []int{625, 312, 156, 100}, shorten(p, refused400))
		assert.Equal(t, 1250, p.size(), "what helped before is kept")
		assert.Len(t, of[PagesShrunk](r), 1)
	})
}

func TestPagesGrowAgainEvenIfTheirWindowIsNeverRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pages{most: 5000}
		require.True(t, p.shorten(anHour, refused400), "then the job is cancelled, or the mail given up")
		pass(59 * time.Minute)
		assert.Equal(t, 2500, p.size())
		pass(time.Minute)
		assert.Equal(t, 5000, p.size())
	})
}

// Whatever windows are refused and read, pages are never longer than configured nor shorter than a hundred rows, grow no
// sooner than after an hour, and are as long as configured in the end.
func TestPagesAreAsLongAsTheyMayBe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.SampledFrom([]int{1, 99, 100, 101, 1000, 2000, 5000}).Draw(t, "most")
		p, r := &pages{most: most, changed: time.Now()}, &reporter{}
		var since time.Duration
		pass := func(d time.Duration) {
			since += d
			p.changed = p.changed.Add(-d)
		}
		last := most
		for range rapid.IntRange(1, 60).Draw(t, "windows") {
			w := trace.Window{Start: at.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "window")) * hour)}
			w.End = w.Start.Add(30 * time.Minute)
			restored := false
			switch rapid.SampledFrom([]string{"read", "refused", "refused", "too many", "time"}).Draw(t, "event") {
			case "read":
				p.kept(w, r)
			case "refused":
				restored = !p.shorten(w, refused400)
			case "too many":
				p.shorten(w, tooMany)
			case "time":
				pass(rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Minute, 3 * hour, 30 * hour}).Draw(t, "time"))
			}
			size := p.size()
			require.LessOrEqual(t, size, most)
			require.GreaterOrEqual(t, size, min(most, fewest))
			require.True(t, size <= last || restored || since >= firstGrowth, "from %d to %d", last, size)
			if size != last {
				last, since = size, 0
			}
		}
		for range 10 {
			pass(longestGrowth)
			p.size()
		}
		require.Equal(t, most, p.size())
	})
}
