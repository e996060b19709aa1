// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// half is the later half of the hour.
var half = plan.Step{Window: trace.Window{Start: before(30 * time.Minute), End: ten}, Lane: trace.Backfill}

func TestRowsOutsideTheWindowAreDroppedIfWanted(t *testing.T) {
	for name, test := range map[string]struct {
		within             bool
		accepted, filtered int
	}{
		"delivered": {false, 59, 0},
		"dropped":   {true, 30, 29},
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{first: func(int, trace.Window) (*source.Page, error) { return pageOf(mails(59), "", nil), nil }}
			b := newBench(t, s, &pipeline{})
			b.WithinWindow = test.within
			_, err := b.Run(t.Context(), half, 0)
			require.NoError(t, err)
			assert.Equal(t, test.accepted, b.watcher.pages[0].Rows.Accepted)
			assert.Equal(t, test.filtered, b.watcher.pages[0].Rows.Filtered)
		})
	}
}

func TestWhatIsCutOutOfRowsReachesNobody(t *testing.T) {
	rows := mails(3)
	cut := []byte(`{"id":"cut"}`)
	s := &service{first: func(int, trace.Window) (*source.Page, error) {
		page := pageOf(rows, "", nil)
		page.Redact = func([]byte) []byte { return cut }
		row := page.Row
		page.Row = func(text []byte) *trace.Row {
			if bytes.Equal(text, cut) {
				return &trace.Row{Raw: cut, ID: []byte("cut")}
			}
			return row(text)
		}
		return page, nil
	}}
	b := newBench(t, s, &pipeline{refusals: []error{assert.AnError}})
	_, err := b.run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"cut", "cut", "cut"}, b.pipeline.ids(), "also when it is offered a second time")
	uids := map[string]bool{}
	for _, record := range b.pipeline.taken {
		assert.Equal(t, string(cut), record.Body().Str())
		uid, _ := record.Attributes().Get("log.record.uid")
		uids[uid.Str()] = true
	}
	assert.Len(t, uids, 3, "records are told apart by what the rows were")
	_, err = b.run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, b.watcher.pages[1].Rows.Duplicate, "rows are known by what they were")
}

// A row far outside the window has a time that nobody can rely on.
func TestARowThatWasNotAskedForIsKnownWhateverItsTime(t *testing.T) {
	s := &service{}
	s.first = func(n int, _ trace.Window) (*source.Page, error) {
		return pageOfRowAt(ten.Add(time.Duration(n) * time.Hour)), nil
	}
	b := newBench(t, s, &pipeline{})
	for range 2 {
		_, err := b.run(t.Context())
		require.NoError(t, err)
	}
	assert.Len(t, b.pipeline.taken, 1)
}

func TestARowJustBehindTheWindowIsKnownInTheNextOne(t *testing.T) {
	s := &service{}
	s.first = func(int, trace.Window) (*source.Page, error) { return pageOfRowAt(ten.Add(2 * time.Second)), nil }
	b := newBench(t, s, &pipeline{})
	for _, window := range []trace.Window{hour, {Start: ten, End: ten.Add(time.Hour)}} {
		_, err := b.Run(t.Context(), plan.Step{Window: window, Lane: trace.Live}, 0)
		require.NoError(t, err)
	}
	assert.Len(t, b.pipeline.taken, 1)
}

// pageOfRowAt is a page of always the same row, received at the given time.
func pageOfRowAt(received time.Time) *source.Page {
	page := pageOf(mails(1), "", nil)
	page.Rows = func(yield func(*trace.Row, error) bool) {
		row := mails(1)[0].row()
		row.Received = received
		yield(row, nil)
	}
	return page
}

// remember has the bench remember what it has delivered: it is due again at an age that has not come yet.
func (b *bench) remember() {
	state := b.State()
	state.Served = []plan.Served{{Age: 30 * time.Hour, UpTo: before(30 * time.Hour)}}
	b.Ledger.SetState(state)
}

// A service that ignores the time filter brings the same rows in each window.
func TestRowsOutsideTheWindowAreDeliveredOnce(t *testing.T) {
	for _, n := range []int{59, 70_000} {
		t.Run(fmt.Sprint(n, " rows"), func(t *testing.T) {
			t.Parallel()
			if testing.Short() && n > 59 {
				t.Skip("takes a second")
			}
			rows := mails(59)
			if n > 59 {
				rows = make([]mailAt, n)
				for i := range rows {
					rows[i] = mailAt{age: 48 * time.Hour, number: i}
				}
			}
			s := &service{first: func(int, trace.Window) (*source.Page, error) { return pageOf(rows, "", nil), nil }}
			b := newBench(t, s, &pipeline{})
			b.remember()
			for i := range 4 {
				end := before(time.Duration(i) * 15 * time.Minute)
				_, err := b.read(t.Context(), trace.Window{Start: end.Add(-15 * time.Minute), End: end})
				require.NoError(t, err)
			}
			assert.Equal(t, n, len(b.pipeline.taken)) //nolint:testifylint // Len would print them all
		})
	}
}

// What has come as a stray is known where it belongs, with its status, and the other way round.
func TestAStrayIsKnownInBothPlaces(t *testing.T) {
	status := trace.Pending
	s := &service{first: func(int, trace.Window) (*source.Page, error) {
		return pageOf([]mailAt{{age: 10 * time.Minute, status: status}, {age: 50 * time.Minute, status: status}}, "", nil), nil
	}}
	b := newBench(t, s, &pipeline{})
	b.remember()
	older := trace.Window{Start: hour.Start, End: half.Window.Start}
	for _, step := range []struct {
		window trace.Window
		status trace.Status
		taken  int
	}{
		{half.Window, trace.Pending, 2}, // the older one is a stray
		{older, trace.Pending, 2},       // the newer one is
		{older, trace.Delivered, 4},
		{half.Window, trace.Delivered, 4},
		{half.Window, trace.Pending, 4},
		{older, trace.Quarantined, 6},
		{half.Window, trace.Quarantined, 6},
	} {
		status = step.status
		_, err := b.read(t.Context(), step.window)
		require.NoError(t, err)
		require.Len(t, b.pipeline.taken, step.taken, "%s %s", step.window, step.status)
	}
	previous, _ := b.pipeline.taken[2].Attributes().Get("o365.message_trace.previous_status")
	assert.Equal(t, "pending", previous.Str())
}

// One message to all staff that was received right behind the window must not keep the window from being read.
func TestManyRowsJustOutsideTheWindowAreNotADeadEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := make([]mailAt, 60)
		for i := range rows {
			rows[i] = mailAt{age: -time.Second, number: i}
		}
		rows = append(rows, mails(4)...)
		s := &service{pageSize: 2}
		s.first = func(int, trace.Window) (*source.Page, error) { return pageOf(rows[:2], "2", nil), nil }
		s.next = func(_ int, link string) (*source.Page, error) {
			from, err := strconv.Atoi(link)
			next := ""
			if from+2 < len(rows) {
				next = strconv.Itoa(from + 2)
			}
			return pageOf(rows[from:from+2], next, nil), err
		}
		b := newBench(t, s, &pipeline{})
		b.WithinWindow = true
		_, err := b.run(t.Context())
		require.NoError(t, err)
		assert.Len(t, b.pipeline.taken, 4)
		assert.Empty(t, b.State().Unread)
	})
}

func TestPagesAreAskedToHaveTheSizeGiven(t *testing.T) {
	s := &service{rows: mails(9), pageSize: 2, next: failAt(1)}
	b := newBench(t, s, &pipeline{})
	for _, size := range []int{0, 500} {
		_, _ = b.Run(t.Context(), half, size)
	}
	assert.Equal(t, []int{0, 500}, s.sizes)

	// Behind a dead link as well.
	s.next = func(int, string) (*source.Page, error) { return nil, refusal(404) }
	_, _ = b.Run(t.Context(), half, 250)
	assert.Subset(t, []int{0, 500, 250}, s.sizes)
	assert.Equal(t, 250, s.sizes[len(s.sizes)-1])
}

func TestAProbeDeliversNothing(t *testing.T) {
	released := 0
	var page *source.Page
	var failure error
	s := &service{first: func(int, trace.Window) (*source.Page, error) { return page, failure }}
	b := newBench(t, s, &pipeline{})
	for name, c := range map[string]struct {
		page *source.Page
		err  error
		want error
	}{
		"rows":           {pageOf(mails(9), "more", nil), nil, nil},
		"none":           {pageOf(nil, "", nil), nil, nil},
		"an error":       {nil, errDie, errDie},
		"a damaged page": {pageOf(mails(2), "", damage()), nil, source.ErrShape},
	} {
		page, failure = c.page, c.err
		if page != nil {
			page.Release = func() { released++ }
		}
		require.ErrorIs(t, b.Probe(t.Context(), hour), c.want, name)
	}
	assert.Equal(t, 3, released)
	assert.Equal(t, []int{100, 100, 100, 100}, s.sizes)
	assert.Empty(t, s.links)
	assert.Empty(t, b.pipeline.taken)
	assert.Empty(t, b.watcher.pages)
	assert.Zero(t, b.Rows())
	assert.Equal(t, time.Hour, b.State().Unread.Duration())
}

func TestRedeliveryDeliversWhatIsKnown(t *testing.T) {
	b := newBench(t, &service{rows: mails(50), pageSize: 20}, &pipeline{})
	_, err := b.run(t.Context())
	require.NoError(t, err)
	require.NoError(t, b.Update(t.Context(), func(l *ledger.Ledger) plan.State { return plan.Ask(l.State(), half.Window, true) }))
	step := half
	step.Redeliver = true
	_, err = b.Run(t.Context(), step, 0)
	require.NoError(t, err)
	assert.Len(t, b.pipeline.taken, 50+30)
	assert.Empty(t, b.State().Redeliver)
	for _, record := range b.pipeline.taken {
		_, changed := record.Attributes().Get("o365.message_trace.previous_status")
		assert.False(t, changed)
	}
}

func TestTimeoutEndsTheAskingButNotTheDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{rows: mails(50), pageSize: 20}
		b := newBench(t, s, &pipeline{})
		b.Timeout = 8 * time.Second
		b.Source = slow{s, 3 * time.Second}
		report, err := b.run(t.Context())
		var timeout *TimeoutError
		require.ErrorAs(t, err, &timeout)
		assert.Contains(t, timeout.Hint(), "job_timeout")
		assert.Equal(t, 2, report.Pages)
		assert.Len(t, b.pipeline.taken, 40)
		assert.Equal(t, 20*time.Minute-time.Millisecond, report.Read)
		assert.Equal(t, open(time.Hour, 20*time.Minute-time.Second), b.State().Unread, "what has been read is not read again")
	})
}

// slow takes its time for each page.
type slow struct {
	Source
	d time.Duration
}

func (s slow) First(ctx context.Context, lane trace.Lane, w trace.Window, pageSize int) (*source.Page, error) {
	if err := sleep(ctx, s.d); err != nil {
		return nil, err
	}
	return s.Source.First(ctx, lane, w, pageSize)
}

func (s slow) Next(ctx context.Context, lane trace.Lane, link string) (*source.Page, error) {
	if err := sleep(ctx, s.d); err != nil {
		return nil, err
	}
	return s.Source.Next(ctx, lane, link)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
