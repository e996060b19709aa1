// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"context"
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
			_, err := b.Run(t.Context(), half)
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
		_, err := b.Run(t.Context(), plan.Step{Window: window, Lane: trace.Live})
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

func TestRedeliveryDeliversWhatIsKnown(t *testing.T) {
	b := newBench(t, &service{rows: mails(50), pageSize: 20}, &pipeline{})
	_, err := b.run(t.Context())
	require.NoError(t, err)
	require.NoError(t, b.Update(t.Context(), func(l *ledger.Ledger) plan.State { return plan.Ask(l.State(), half.Window, true) }))
	step := half
	step.Redeliver = true
	_, err = b.Run(t.Context(), step)
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
		b.Timeout = 5 * time.Second
		b.Source = slow{s, 3 * time.Second}
		report, err := b.run(t.Context())
		var timeout *TimeoutError
		require.ErrorAs(t, err, &timeout)
		assert.Contains(t, timeout.Hint(), "job_timeout")
		assert.Equal(t, 1, report.Pages)
		assert.Len(t, b.pipeline.taken, 20)
		assert.Positive(t, report.Read)
		assert.Equal(t, before(20*time.Minute-time.Millisecond), b.State().Unread[0].End, "what has been read is not read again")
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
