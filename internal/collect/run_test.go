// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

func open(start, end time.Duration) plan.Intervals {
	return plan.Intervals{{Start: before(start), End: before(end)}}
}

// failAt fails at the n-th link.
func failAt(n int) func(int, string) (*source.Page, error) {
	return func(number int, _ string) (*source.Page, error) {
		if number == n {
			return nil, errDie
		}
		return nil, nil
	}
}

// TestWhatIsStored goes through the ways in which a job can end: what is stored then, and what a second receiver with
// the same storage still delivers.
func TestWhatIsStored(t *testing.T) {
	for _, tt := range []struct {
		name    string
		service *service
		refused error
		// unread is what stays open, resumed how many of the six rows are delivered after a restart.
		unread  plan.Intervals
		resumed int
		err     string
	}{
		{
			name:    "the service fails at once",
			service: &service{first: func(int, trace.Window) (*source.Page, error) { return nil, errDie }},
			unread:  open(time.Hour, 0), resumed: 6, err: "the service is gone",
		},
		{
			name:    "a page is accepted, then the service fails",
			service: &service{next: failAt(1)},
			unread:  open(time.Hour, 0), resumed: 4, err: "the service is gone",
		},
		{
			name:    "two pages are accepted, then the service fails",
			service: &service{next: failAt(2)},
			unread:  open(time.Hour, 2*time.Minute-time.Second), resumed: 2, err: "the service is gone",
		},
		{
			name:    "the pipeline refuses until the end",
			refused: errors.New("full"),
			unread:  open(time.Hour, 0), resumed: 6, err: "context deadline exceeded",
		},
		{name: "everything is accepted", unread: plan.Intervals{}},
		{
			name:    "the window is empty",
			service: &service{first: func(int, trace.Window) (*source.Page, error) { return pageOf(nil, "", nil), nil }},
			unread:  plan.Intervals{},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tt.service == nil {
					tt.service = &service{}
				}
				tt.service.rows, tt.service.pageSize = mails(6), 2
				p := &pipeline{}
				if tt.refused != nil {
					p.refusals = make([]error, 1000)
					for i := range p.refusals {
						p.refusals[i] = tt.refused
					}
				}
				b := newBench(t, tt.service, p)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				_, err := b.run(ctx)
				if tt.err == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, tt.err)
				}
				assert.Equal(t, tt.unread, b.State().Unread)

				again := resume(t, &service{rows: mails(6), pageSize: 2}, &pipeline{}, b.store)
				if again.State().Head.IsZero() || tt.name == "the window is empty" {
					return
				}
				for _, w := range again.State().Unread {
					_, err = again.read(t.Context(), w)
					require.NoError(t, err)
				}
				assert.Len(t, again.pipeline.taken, tt.resumed)
				assert.Empty(t, again.State().Unread)
			})
		})
	}
}

func TestTheFirstWaitAfterARefusalIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &service{rows: mails(1), pageSize: 9}, &pipeline{refusals: []error{errors.New("full")}})
		began := time.Now()
		_, err := b.run(t.Context())
		require.NoError(t, err)
		assert.LessOrEqual(t, time.Since(began), 50*time.Millisecond)
	})
}

func TestNoMoreThanOnePageIsFetchedAhead(t *testing.T) {
	for size, want := range map[int]int{0: 1, transport.LargePage: 1, transport.LargePage + 1: 0} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{rows: mails(40), pageSize: 2, size: size}
			b := newBench(t, s, &pipeline{refusals: []error{errors.New("full"), errors.New("full"), errors.New("full")}})
			ahead := -1
			b.pipeline.onTake = func() {
				if ahead < 0 {
					synctest.Wait()
					ahead = len(s.links)
				}
			}
			_, err := b.run(t.Context())
			require.NoError(t, err)
			assert.Equal(t, want, ahead)
			assert.Len(t, b.pipeline.taken, 40)
		})
	}
}

func TestRowsAreDeliveredOnceAndAgainWithANewStatus(t *testing.T) {
	s := &service{pageSize: 9}
	b := newBench(t, s, &pipeline{})
	for _, status := range []trace.Status{trace.GettingStatus, trace.GettingStatus, trace.Pending, trace.Delivered, trace.Pending, trace.Quarantined} {
		s.rows = []mailAt{{age: time.Minute, status: status}}
		_, err := b.run(t.Context())
		require.NoError(t, err)
	}
	var got []string
	for _, record := range b.pipeline.taken {
		status, _ := record.Attributes().Get("o365.message_trace.status")
		last := ""
		if previous, ok := record.Attributes().Get("o365.message_trace.previous_status"); ok {
			last = previous.Str()
		}
		got = append(got, last+">"+status.Str())
	}
	assert.Equal(t, []string{">gettingStatus", "gettingStatus>pending", "pending>delivered", "delivered>quarantined"}, got)
}

func TestTwoStatusesOfARowOnOnePageAreDeliveredInOrder(t *testing.T) {
	s := &service{pageSize: 9, rows: []mailAt{
		{age: time.Minute, status: trace.Pending}, {age: time.Minute, status: trace.Pending}, {age: time.Minute, status: trace.Failed},
	}}
	b := newBench(t, s, &pipeline{})
	_, err := b.run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"1m0s/0", "1m0s/0"}, b.pipeline.ids())
	previous, _ := b.pipeline.taken[1].Attributes().Get("o365.message_trace.previous_status")
	assert.Equal(t, "pending", previous.Str())
	assert.Equal(t, 1, b.watcher.pages[0].Rows.Duplicate)
}

func TestTheLastNewRecordOfAJobIsFinal(t *testing.T) {
	b := newBench(t, &service{rows: mails(5), pageSize: 2}, &pipeline{})
	_, err := b.run(t.Context())
	require.NoError(t, err)
	var finals []bool
	for _, record := range b.pipeline.taken {
		final, _ := record.Attributes().Get("__final")
		finals = append(finals, final.Bool())
	}
	assert.Equal(t, []bool{false, false, false, false, true}, finals)
}

func TestTheLastNewRecordIsFinalThoughKnownRowsFollow(t *testing.T) {
	var rows []mailAt
	for i := range maxBatch + 1 {
		rows = append(rows, mailAt{age: time.Minute, number: i % maxBatch})
	}
	b := newBench(t, &service{rows: rows, pageSize: 5000}, &pipeline{})
	_, err := b.run(t.Context())
	require.NoError(t, err)
	require.Len(t, b.pipeline.taken, maxBatch)
	final, _ := b.pipeline.taken[maxBatch-1].Attributes().Get("__final")
	assert.True(t, final.Bool())
}

func TestManyRowsOfOnePageAreDeliveredInBatches(t *testing.T) {
	var rows []mailAt
	for i := range 2500 {
		rows = append(rows, mailAt{age: time.Minute, number: i})
	}
	b := newBench(t, &service{rows: rows, pageSize: 5000}, &pipeline{})
	_, err := b.run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, b.pipeline.offers)
	assert.Len(t, b.pipeline.taken, 2500)
}

func TestRowsThatAPageRepeatsAreDeliveredOnce(t *testing.T) {
	for _, n := range []int{900, 2500} {
		var rows []mailAt
		for i := range 2 * n {
			rows = append(rows, mailAt{age: time.Minute, number: i % n})
		}
		b := newBench(t, &service{rows: rows, pageSize: 5000}, &pipeline{})
		_, err := b.run(t.Context())
		require.NoError(t, err)
		assert.Len(t, b.pipeline.taken, n)
		assert.Equal(t, n, b.watcher.pages[0].Rows.Duplicate)
	}
}

func TestAStorageThatFailsDoesNotStopTheMail(t *testing.T) {
	b := newBench(t, &service{rows: mails(4), pageSize: 2}, &pipeline{})
	b.Ledger.Client = unwritable{b.store}
	_, err := b.run(t.Context())
	require.NoError(t, err)
	assert.Len(t, b.pipeline.taken, 4)
	require.Error(t, b.watcher.stored[len(b.watcher.stored)-1])

	_, err = b.run(t.Context())
	require.NoError(t, err)
	assert.Len(t, b.pipeline.taken, 4, "nothing is repeated without a restart")
	b.Ledger.Client = b.store
	_, err = b.run(t.Context())
	require.NoError(t, err)
	require.NoError(t, b.watcher.stored[len(b.watcher.stored)-1])
	again := resume(t, b.service, &pipeline{}, b.store)
	_, err = again.run(t.Context())
	require.NoError(t, err)
	assert.Empty(t, again.pipeline.taken, "what could not be stored was stored later")
}
