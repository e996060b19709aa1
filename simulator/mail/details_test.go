// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"encoding/xml"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/cause"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// withDetails is a row of a status, visible at once.
func withDetails(n int, status Status) Row {
	received := time.Date(2026, 1, 22, 12, 0, 0, 0, time.UTC)
	return Row{
		ID: "id-" + strconv.Itoa(n), Recipient: "o'neil" + strconv.Itoa(n) + "@contoso.com", Received: received,
		Timeline: []Change{{At: received.Add(time.Minute), Status: status}},
	}
}

// detailsOf are events as the collector reads them.
func detailsOf(t *testing.T, events []Event) (details []trace.Detail) {
	t.Helper()
	for _, e := range events {
		var data struct {
			MEP []struct {
				Name  string     `xml:"Name,attr"`
				Attrs []xml.Attr `xml:",any,attr"`
			}
		}
		require.NoError(t, xml.Unmarshal([]byte(e.Data), &data))
		d := trace.Detail{At: e.At, Event: e.Event, Action: e.Action, Text: e.Text}
		for _, mep := range data.MEP {
			d.Facts = append(d.Facts, trace.Fact{Name: mep.Name, Value: mep.Attrs[0].Value})
		}
		details = append(details, d)
	}
	return details
}

// Every script is somebody's, and its cause is the one that the collector finds.
func TestScriptsHaveTheirCauses(t *testing.T) {
	t.Parallel()
	for status, list := range scripts {
		found := map[*script]bool{}
		for n := 0; len(found) < len(list) && n < 10_000; n++ {
			row := withDetails(n, status)
			if found[row.script(status)] {
				continue
			}
			found[row.script(status)] = true
			got, decided := cause.Of(trace.Status(status), detailsOf(t, row.Details(row.Received.Add(24*time.Hour))))
			if row.Cause(status) == "" {
				assert.False(t, cause.Explains(trace.Status(status)), status)
				continue
			}
			assert.True(t, decided)
			assert.Equal(t, row.Cause(status), got.Name)
		}
		assert.Len(t, found, len(list), status)
	}
	assert.Empty(t, new(Row).Cause("onHold"))
}

func TestDetailsAreLate(t *testing.T) {
	t.Parallel()
	empty, partial, late := 0, 0, 0
	for n := range 1000 {
		row := withDetails(n, Failed)
		shown := row.Timeline[0].At
		assert.Empty(t, row.Details(shown.Add(-time.Nanosecond)), "what nobody sees has no details")
		before, after := row.Details(shown), row.Details(shown.Add(row.Lateness()))
		_, decided := cause.Of(trace.Failed, detailsOf(t, after))
		require.True(t, decided)
		switch {
		case row.Lateness() == 0:
			continue
		case len(before) == 0:
			empty++
		default:
			partial++
			_, decided := cause.Of(trace.Failed, detailsOf(t, before))
			assert.False(t, decided)
		}
		late++
		assert.LessOrEqual(t, row.Lateness(), 34*time.Minute)
	}
	assert.InDelta(t, 400, late, 60)
	assert.InDelta(t, 200, empty, 50)
	assert.InDelta(t, 200, partial, 50)
}

func TestDetailsFollowTheTimeline(t *testing.T) {
	t.Parallel()
	row := withDetails(1, Pending)
	failed := row.Received.Add(24 * time.Hour)
	row.Timeline = append(row.Timeline, Change{At: failed, Status: Failed})
	at := failed.Add(time.Hour)
	pending, _ := cause.Of(trace.Pending, detailsOf(t, row.Details(failed.Add(-time.Hour))))
	assert.Equal(t, row.Cause(Pending), pending.Name)
	why, decided := cause.Of(trace.Failed, detailsOf(t, row.Details(at)))
	assert.True(t, decided)
	assert.Equal(t, row.Cause(Failed), why.Name)
	assert.Equal(t, failed, why.At)
}

func TestFind(t *testing.T) {
	t.Parallel()
	s := NewStore(nil)
	require.NoError(t, s.Add(withDetails(1, Failed), withDetails(2, Failed)))
	row, found := s.Find("ID-2", "O'Neil2@contoso.com")
	require.True(t, found)
	assert.Equal(t, "id-2", row.ID)
	_, found = s.Find("id-2", "o'neil1@contoso.com")
	assert.False(t, found)
}
