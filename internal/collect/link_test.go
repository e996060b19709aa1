// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// unwritable is a storage that can only be read.
type unwritable struct{ ledger.Memory }

func (unwritable) Batch(context.Context, ...*storage.Operation) error { return errors.New("disk full") }

func TestTheRestBehindADeadLinkIsAskedForAnew(t *testing.T) {
	dead := func(int, string) (*source.Page, error) { return nil, refusal(http.StatusBadRequest) }
	for _, tt := range []struct {
		name    string
		service *service
	}{
		{"every link is dead", &service{next: dead}},
		{"the first link is dead", &service{next: func(n int, l string) (*source.Page, error) {
			if n > 1 {
				return nil, nil
			}
			return dead(n, l)
		}}},
		{"the link leads back", &service{next: func(n int, l string) (*source.Page, error) {
			if n > 1 {
				return nil, nil
			}
			return pageOf(nil, l, nil), nil
		}}},
		{"the link leads to empty pages without end", &service{next: func(n int, _ string) (*source.Page, error) {
			return pageOf(nil, fmt.Sprint("more ", n), nil), nil
		}}},
		{"the pages do not move on", &service{next: func(n int, _ string) (*source.Page, error) {
			return pageOf(mails(2)[1:], fmt.Sprint("more ", n), nil), nil
		}}},
		{"an empty page has a link", &service{next: func(n int, l string) (*source.Page, error) {
			if n%2 == 0 {
				return nil, nil
			}
			return pageOf(nil, strings.Replace(l, "#", "#+", 1), nil), nil
		}}},
		{"a page is damaged", &service{next: func(n int, _ string) (*source.Page, error) {
			if n != 2 {
				return nil, nil
			}
			return pageOf(mails(5)[4:], "", damage()), nil
		}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.service.rows, tt.service.pageSize = mails(9), 2
				b := newBench(t, tt.service, &pipeline{})
				_, err := b.run(t.Context())
				require.NoError(t, err)
				ids := slices.Sorted(slices.Values(b.pipeline.ids()))
				assert.Len(t, slices.Compact(ids), 9)
				assert.Empty(t, b.State().Unread)
			})
		})
	}
}

func TestASecondWithMoreRowsThanAPageWhileLinksDie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rows []mailAt
		for i := range 120 {
			rows = append(rows, mailAt{age: time.Minute + time.Duration(i/3)*time.Millisecond, number: i})
		}
		s := &service{rows: rows, pageSize: 20, next: func(int, string) (*source.Page, error) { return nil, refusal(http.StatusGone) }}
		b := newBench(t, s, &pipeline{})
		_, err := b.run(t.Context())
		require.NoError(t, err)
		assert.Len(t, b.pipeline.taken, 120)
		assert.Less(t, len(s.windows), 20)
	})
}

func TestWhatCannotBeReadIsNamedAndStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// More rows in one millisecond than a page has, and links that lead nowhere.
		rows := mails(1)
		for i := range 12 {
			rows = append(rows, mailAt{age: 2 * time.Minute, number: i})
		}
		rows = append(rows, mailAt{age: 3 * time.Minute})
		s := &service{rows: rows, pageSize: 5, next: func(int, string) (*source.Page, error) { return nil, refusal(http.StatusNotFound) }}
		b := newBench(t, s, &pipeline{})
		_, err := b.run(t.Context())
		var unreadable *UnreadableError
		require.ErrorAs(t, err, &unreadable)
		require.Len(t, unreadable.Windows, 1)
		assert.True(t, unreadable.Windows[0].Contains(before(2*time.Minute)))
		assert.LessOrEqual(t, unreadable.Windows[0].Duration(), 3*time.Millisecond)
		assert.Equal(t, open(2*time.Minute+time.Second, 2*time.Minute-time.Second), b.State().Unread, "in whole seconds")
		assert.Contains(t, b.pipeline.ids(), "3m0s/0", "what is older has been read")
	})
}

func TestAForeignLinkEndsTheJob(t *testing.T) {
	foreign := &transport.Error{Target: "service", Err: fmt.Errorf("%w a link", transport.ErrForeignLink)}
	s := &service{rows: mails(9), pageSize: 2, next: func(int, string) (*source.Page, error) { return nil, foreign }}
	b := newBench(t, s, &pipeline{})
	_, err := b.run(t.Context())
	require.ErrorIs(t, err, transport.ErrForeignLink)
	assert.Len(t, s.windows, 1, "it is not asked for anew")
	assert.Len(t, b.pipeline.taken, 2)
}

func TestADamagedServiceEndsTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{rows: mails(9), pageSize: 2, first: func(int, trace.Window) (*source.Page, error) { return pageOf(nil, "", damage()), nil }}
		b := newBench(t, s, &pipeline{})
		_, err := b.run(t.Context())
		var damaged *transport.Error
		require.ErrorAs(t, err, &damaged)
		assert.True(t, damaged.Damaged)
		assert.Len(t, s.windows, 3, "once, and again as often as the rules allow")
	})
}

func TestNothingIsCountedAsReadWhileTheOrderIsWrong(t *testing.T) {
	rows := mails(6)
	rows[0], rows[1] = rows[1], rows[0]
	s := &service{rows: rows, pageSize: 3, next: func(int, string) (*source.Page, error) { return nil, errDie }}
	b := newBench(t, s, &pipeline{})
	_, err := b.run(t.Context())
	require.ErrorIs(t, err, errDie)
	assert.Equal(t, time.Hour, b.State().Unread.Duration())
	assert.Len(t, b.pipeline.taken, 3)
}

func TestADeadLinkDividesTheRestAtTheOldestRow(t *testing.T) {
	s := &service{rows: mails(9), pageSize: 3}
	s.next = func(n int, _ string) (*source.Page, error) {
		if n == 1 {
			return nil, refusal(http.StatusGone)
		}
		return nil, nil
	}
	b := newBench(t, s, &pipeline{})
	_, err := b.run(t.Context())
	require.NoError(t, err)
	edge := before(3*time.Minute - time.Millisecond)
	assert.Equal(t, []trace.Window{hour, {Start: edge, End: hour.End}, {Start: hour.Start, End: edge}}, s.windows)
	assert.Len(t, b.pipeline.taken, 9)
}

// A service that hands out nothing but links is left alone for longer and longer, and then until the next tick.
func TestDeadLinksWithoutARow(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		next func(n int, link string) (*source.Page, error)
		// most is how many requests a job may take, and waits how long it waits in all.
		most  int
		waits time.Duration
	}{
		"links that lead nowhere":   {func(int, string) (*source.Page, error) { return nil, refusal(http.StatusNotFound) }, 14, 12600 * time.Millisecond},
		"pages that link to itself": {func(_ int, link string) (*source.Page, error) { return pageOf(nil, link, nil), nil }, 14, 12600 * time.Millisecond},
		"one empty page after the other": {func(n int, _ string) (*source.Page, error) {
			return pageOf(nil, fmt.Sprint("more ", n), nil), nil
		}, 7 * 11, 23800 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				empty := func(int, trace.Window) (*source.Page, error) { return pageOf(nil, "more", nil), nil }
				b := newBench(t, &service{first: empty, next: c.next}, &pipeline{})
				began := time.Now()
				report, err := b.run(t.Context())
				var dead *deadLinkError
				require.ErrorAs(t, err, &dead)
				assert.LessOrEqual(t, b.service.requests(), c.most)
				assert.Equal(t, c.waits, time.Since(began))
				assert.Zero(t, report.Read)
				assert.Equal(t, time.Hour, b.State().Unread.Duration())
			})
		})
	}
	t.Run("a row ends the waiting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			service := &service{rows: mails(1), pageSize: 1}
			service.first = func(n int, _ trace.Window) (*source.Page, error) {
				if n <= 3 {
					return pageOf(nil, "dead", nil), nil
				}
				return nil, nil
			}
			service.next = func(int, string) (*source.Page, error) { return nil, refusal(http.StatusNotFound) }
			b := newBench(t, service, &pipeline{})
			began := time.Now()
			_, err := b.run(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 1400*time.Millisecond, time.Since(began))
			assert.Len(t, b.pipeline.taken, 1)
		})
	})
	t.Run("a shutdown ends it too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), s)
			defer cancel()
			empty := func(int, trace.Window) (*source.Page, error) { return pageOf(nil, "dead", nil), nil }
			b := newBench(t, &service{first: empty, next: func(int, string) (*source.Page, error) { return nil, refusal(404) }}, &pipeline{})
			began := time.Now()
			_, err := b.run(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, s, time.Since(began))
		})
	})
}

// Where no age is left, nothing but the running job keeps its buckets, and a page may come twice.
func TestAPageThatComesTwiceIsDeliveredOnceWhereNoAgeIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{rows: mails(9), pageSize: 2}
		s.next = func(n int, link string) (*source.Page, error) {
			if n%2 == 0 {
				return nil, nil
			}
			// The page before, with a link to the one that it was asked for.
			return pageOf(mails(2), link+" ", nil), nil
		}
		b := newBench(t, s, &pipeline{})
		b.Ledger.SetState(plan.State{Begin: ten, Head: ten.Add(time.Hour), Unread: plan.Intervals{hour}})
		_, err := b.run(t.Context())
		require.NoError(t, err)
		assert.Len(t, b.pipeline.taken, 9)
		assert.Equal(t, 9, b.Rows(), "as long as the job runs")

		// And then they go.
		require.NoError(t, b.Update(t.Context(), func(l *ledger.Ledger) plan.State { return l.State() }))
		assert.Zero(t, b.Rows())
	})
}
