// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// row is one record: at which time its message was received, and attributes by name.
func row(logs plog.Logs, received time.Time, attributes map[string]string) {
	record := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetTimestamp(pcommon.NewTimestampFromTime(received))
	for name, value := range attributes {
		record.Attributes().PutStr(name, value)
	}
}

func from(sender, recipient string) map[string]string {
	return map[string]string{"email.from.address": sender, "email.to.address": recipient}
}

// What follows a row is shown, but it is no row.
func TestDetailsAreNoRows(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := jobs.NewRegistry(10, c.now)
	b := open(t, r, jobs.Options{})
	j := started(b, trace.Details)
	logs := plog.NewLogs()
	for _, event := range []string{"o365.message_trace", "o365.message_trace.detail", "o365.message_trace.cause"} {
		row(logs, begin, map[string]string{"o365.message_trace.status": "failed"})
		logs.ResourceLogs().At(logs.ResourceLogs().Len() - 1).ScopeLogs().At(0).LogRecords().At(0).SetEventName(event)
	}
	b.Offer(j, logs)()
	j.Details(2, 5, 100)
	record := j.Record()
	counted := 0
	for _, n := range record.Breakdown.Statuses() {
		counted += n
	}
	assert.Equal(t, 1, counted)
	assert.Equal(t, []int{2, 5, 100, 0}, []int{record.Pages, record.Details, int(record.Bytes), record.Rows.Accepted})
}

func TestAcceptedRowsAreCountedByStatusAndDirection(t *testing.T) {
	t.Parallel()
	c, disk := newClock(), newStore()
	r := jobs.NewRegistry(10, c.now)
	b := open(t, r, jobs.Options{Storage: disk})
	j := started(b, trace.Live)
	logs := plog.NewLogs()
	for _, status := range []string{"delivered", "Delivered", "failed", "resolved", "someday"} {
		row(logs, begin, map[string]string{"o365.message_trace.status": status, "email.direction": "inbound"})
	}
	row(logs, begin, nil)
	b.Offer(j, logs) // refused
	b.Offer(j, logs)()
	b.Offer(nil, logs)()

	statuses := map[string]int{"delivered": 2, "failed": 1, "resolved": 1, "other": 2}
	directions := map[string]int{"inbound": 5, "other": 1}
	assert.Equal(t, statuses, j.Record().Breakdown.Statuses())
	assert.Equal(t, directions, j.Record().Breakdown.Directions())
	_, sum := r.Series(nil, 1)
	assert.Equal(t, map[string]int{"delivered": 4, "failed": 2, "resolved": 2, "other": 4}, sum[0].Breakdown.Statuses())

	j.End(jobs.Done, nil, "")
	require.NoError(t, b.Close(t.Context()))
	again := jobs.NewRegistry(10, c.now)
	open(t, again, jobs.Options{Storage: disk})
	assert.Equal(t, statuses, again.Job(j.ID()).Record().Breakdown.Statuses(), "after a restart")
	_, sum = again.Series(nil, 1)
	assert.Equal(t, directions, sum[0].Breakdown.Directions(), "after a restart")
}

func TestABreakdownOfAnotherVersionIsRead(t *testing.T) {
	t.Parallel()
	var b jobs.Breakdown
	require.NoError(t, b.UnmarshalJSON([]byte(`{"statuses": {"delivered": 3, "unborn": 2, "other": 1, "failed": -4}}`)))
	assert.Equal(t, map[string]int{"delivered": 3, "other": 3}, b.Statuses())
	assert.Empty(t, b.Directions())
	require.Error(t, b.UnmarshalJSON([]byte(`{"statuses": 1}`)))
}

func TestOfferedRecordsMayChangeAfterwards(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(10, nil)
	b := open(t, r, jobs.Options{})
	c := capture(t, r, "", 0)
	logs := mail("before")
	accepted := b.Offer(nil, logs)
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().SetStr("after")
	accepted()
	records, _ := c.Take()
	require.Len(t, records, 1)
	assert.Contains(t, string(records[0]), "before")
}

func TestTopSendersAndRecipientsOfTheLastHour(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := jobs.NewRegistry(10, c.now)
	uncounted := open(t, r, jobs.Options{Input: "uncounted"})
	r.CountAddresses()
	one, two := open(t, r, jobs.Options{Input: "one"}), open(t, r, jobs.Options{Input: "two"})
	logs := plog.NewLogs()
	row(logs, begin, from("a@contoso.com", "b@contoso.com"))
	row(logs, begin, from("A@contoso.com", "c@contoso.com"))
	row(logs, begin.Add(-50*time.Minute), from("d@contoso.com", "b@contoso.com"))
	row(logs, begin.Add(-2*time.Hour), from("backfill@contoso.com", "b@contoso.com"))
	row(logs, begin.Add(20*time.Minute), from("future@contoso.com", "b@contoso.com"))
	changed := from("changed@contoso.com", "b@contoso.com")
	changed["o365.message_trace.previous_status"] = "pending"
	row(logs, begin, changed)
	row(logs, begin, map[string]string{"email.sender.address": "envelope@contoso.com", "email.from.address": "header@contoso.com"})
	one.Offer(nil, logs)()
	uncounted.Offer(nil, logs)()
	more := plog.NewLogs()
	row(more, begin, from("d@contoso.com", ""))
	two.Offer(nil, more)()

	exactly := func(address string, n int) jobs.Count { return jobs.Count{Address: address, Rows: n, AtMost: n} }
	senders, recipients := r.Top(nil, 10)
	assert.Equal(t, []jobs.Count{
		exactly("a@contoso.com", 2), exactly("d@contoso.com", 2), exactly("envelope@contoso.com", 1),
	}, senders)
	assert.Equal(t, []jobs.Count{exactly("b@contoso.com", 2), exactly("c@contoso.com", 1)}, recipients)
	senders, _ = r.Top([]string{"two"}, 10)
	assert.Equal(t, []jobs.Count{exactly("d@contoso.com", 1)}, senders)
	senders, recipients = r.Top(nil, 1)
	assert.Len(t, senders, 1)
	assert.Len(t, recipients, 1)

	c.advance(30 * time.Minute)
	senders, _ = r.Top([]string{"one"}, 10)
	assert.NotContains(t, senders, exactly("d@contoso.com", 1), "an hour ago")
	c.advance(time.Hour)
	senders, recipients = r.Top(nil, 10)
	assert.Empty(t, senders)
	assert.Empty(t, recipients)

	again := plog.NewLogs()
	for minute := range 70 { // the length of the ring that they are counted in
		row(again, begin.Add(time.Duration(minute+40)*time.Minute), from("a@contoso.com", ""))
	}
	c.advance(19 * time.Minute)
	one.Offer(nil, again)()
	senders, _ = r.Top([]string{"one"}, 10)
	assert.Equal(t, []jobs.Count{exactly("a@contoso.com", 70)}, senders)
}

// The count of an address is right within the bounds that are told, and whoever has more than its share is found.
func TestFrequentAddressesAreFoundInBoundedMemory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := jobs.NewRegistry(10, newClock().now)
		r.CountAddresses()
		b, err := r.Open(t.Context(), jobs.Options{Input: "one", TTL: time.Hour})
		require.NoError(t, err)
		defer func() { require.NoError(t, b.Close(t.Context())) }()
		var drawn []int
		for who, n := range rapid.SliceOfN(rapid.IntRange(1, 60), 0, 8).Draw(t, "rows of frequent senders") {
			drawn = append(drawn, slices.Repeat([]int{who}, n)...)
		}
		for who := range rapid.IntRange(0, 3000).Draw(t, "rare senders") {
			drawn = append(drawn, 1000+who)
		}
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0)).Shuffle(len(drawn), func(i, j int) {
			drawn[i], drawn[j] = drawn[j], drawn[i]
		})
		rows := map[string]int{}
		logs := plog.NewLogs()
		for _, who := range drawn {
			sender := fmt.Sprintf("%d@contoso.com", who)
			rows[sender]++
			row(logs, begin, from(sender, ""))
		}
		row(logs, begin, from("", strings.Repeat("x", 1000)))
		b.Offer(nil, logs)()
		senders, recipients := r.Top(nil, 10_000)
		if len(senders) > 1024 {
			t.Fatalf("%d addresses are kept", len(senders))
		}
		for _, c := range recipients {
			if len(c.Address) > 330 {
				t.Fatalf("an address of %d bytes is kept", len(c.Address))
			}
		}
		found := map[string]bool{}
		for _, c := range senders {
			found[c.Address] = true
			if n := rows[c.Address]; n < c.Rows || n > c.AtMost {
				t.Fatalf("%s has %d rows, not from %d to %d", c.Address, n, c.Rows, c.AtMost)
			}
		}
		for sender, n := range rows {
			if n > len(drawn)/1025+1 && !found[sender] {
				t.Fatalf("%s is missing with %d of %d rows", sender, n, len(drawn))
			}
		}
	})
}
