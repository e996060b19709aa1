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
		assert.Equal(t, plan.Intervals{unreadable.Windows[0]}, b.State().Unread)
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
		require.True(t, transport.IsDamaged(err))
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

func TestCredit(t *testing.T) {
	for _, tt := range []struct {
		name   string
		served time.Time
		rows   []time.Duration
		last   bool
		want   trace.Window
	}{
		{"last page", time.Time{}, []time.Duration{time.Minute}, true, hour},
		{
			"first page",
			time.Time{},
			[]time.Duration{time.Minute, 2 * time.Minute},
			false,
			trace.Window{Start: before(2*time.Minute - time.Millisecond), End: ten},
		},
		{"answered before the end of the window", ten, nil, true, trace.Window{Start: hour.Start, End: before(time.Second)}},
		{
			"rows finer than a millisecond",
			time.Time{},
			[]time.Duration{time.Minute - 400*time.Microsecond},
			false,
			trace.Window{Start: before(time.Minute - time.Millisecond), End: ten},
		},
		{"ascending", time.Time{}, []time.Duration{2 * time.Minute, time.Minute}, false, trace.Window{}},
		{"rows older than the window", time.Time{}, []time.Duration{2 * time.Hour}, false, trace.Window{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCredit(hour, ten)
			c.served(tt.served)
			c.served(ten.Add(-time.Hour))
			for _, age := range tt.rows {
				c.row(before(age))
			}
			assert.Equal(t, tt.want, c.read(tt.last))
		})
	}
}
