// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
)

// mail are records with these bodies.
func mail(bodies ...string) plog.Logs {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, body := range bodies {
		record := records.AppendEmpty()
		record.SetTimestamp(pcommon.NewTimestampFromTime(begin))
		record.Body().SetStr(body)
	}
	return logs
}

func capture(t *testing.T, r *jobs.Registry, input string, limit int) *jobs.Capture {
	t.Helper()
	c, err := r.Capture(input, limit)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestCapturedRecords(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(10, nil)
	b := open(t, r, jobs.Options{})
	c := capture(t, r, "", 0)
	logs := mail(`{"a": "b"}`)
	record := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	record.Attributes().PutStr("text", "é\n")
	record.Attributes().PutInt("number", math.MaxInt64)
	record.Attributes().PutBool("flag", true)
	record.Attributes().PutDouble("nan", math.NaN())
	record.Attributes().PutEmpty("empty")
	record.Attributes().PutEmptySlice("list").AppendEmpty().SetStr("x")
	record.Attributes().PutStr("long", strings.Repeat("x", 1<<20))
	b.Offer(nil, logs)()
	record.Attributes().PutStr("text", "changed")
	record.Body().SetStr("changed")

	<-c.Ready()
	texts, end := c.Take()
	assert.Empty(t, end)
	require.Len(t, texts, 1)
	assert.NotContains(t, string(texts[0]), "\n", "an event is one line")
	assert.Contains(t, string(texts[0]), "9223372036854775807")
	var got map[string]any
	require.NoError(t, json.Unmarshal(texts[0], &got))
	attributes := got["attributes"].(map[string]any)
	assert.Less(t, len(attributes["long"].(string)), 70_000)
	delete(attributes, "long")
	delete(attributes, "number")
	assert.Equal(t, map[string]any{
		"time": "2026-03-02T10:00:00Z", "input": "one", "body": `{"a": "b"}`,
		"attributes": map[string]any{"text": "é\n", "flag": true, "nan": "NaN", "empty": nil, "list": `["x"]`},
	}, got)
}

func TestARecordWithoutTimeHasTheObservedOne(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(10, nil)
	b := open(t, r, jobs.Options{})
	c := capture(t, r, "", 0)
	logs := plog.NewLogs()
	record := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetObservedTimestamp(pcommon.NewTimestampFromTime(begin.Add(time.Hour)))
	b.Offer(nil, logs)()
	texts, _ := c.Take()
	require.Len(t, texts, 1)
	assert.JSONEq(t, `{"time": "2026-03-02T11:00:00Z", "input": "one", "attributes": {}, "body": null}`, string(texts[0]))
}

func TestOnlyWhatIsWatchedIsCaptured(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(10, nil)
	one, two := open(t, r, jobs.Options{Input: "one"}), open(t, r, jobs.Options{Input: "two"})
	assert.False(t, one.Capturing())
	c := capture(t, r, "one", 0)
	assert.True(t, one.Capturing())
	assert.False(t, two.Capturing())
	two.Offer(nil, mail("not this"))()
	one.Offer(nil, mail("this", "and this"))()
	texts, _ := c.Take()
	assert.Len(t, texts, 2)
	both := capture(t, r, "", 0)
	assert.True(t, two.Capturing())
	two.Offer(nil, mail("now"))()
	texts, _ = both.Take()
	assert.Len(t, texts, 1)
	texts, _ = c.Take()
	assert.Empty(t, texts)
	c.Close()
	both.Close()
	assert.False(t, one.Capturing())
	one.Offer(nil, mail("nobody sees this"))()
}

func TestACaptureEndsAtItsLimit(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(10, nil)
	b := open(t, r, jobs.Options{})
	c := capture(t, r, "", 3)
	b.Offer(nil, mail("1", "2"))()
	texts, end := c.Take()
	assert.Len(t, texts, 2)
	assert.Empty(t, end)
	b.Offer(nil, mail("3", "4"))()
	b.Offer(nil, mail("5"))()
	<-c.Ready()
	texts, end = c.Take()
	assert.Len(t, texts, 1)
	assert.Equal(t, jobs.EndLimit, end)
}

func TestASlowReaderIsDropped(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(10, nil)
	b := open(t, r, jobs.Options{})
	slow, quick := capture(t, r, "", 0), capture(t, r, "", 0)
	body := strings.Repeat("x", 10_000)
	for range 1000 {
		b.Offer(nil, mail(body))()
		texts, end := quick.Take()
		require.Len(t, texts, 1)
		require.Empty(t, end)
	}
	<-slow.Ready()
	texts, end := slow.Take()
	assert.Equal(t, jobs.EndSlow, end)
	assert.Empty(t, texts, "what it did not read is not kept")
}

func TestTheBuffersOfAllCapturesAreBounded(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(10, nil)
	b := open(t, r, jobs.Options{})
	var open []*jobs.Capture
	for range jobs.MaxCaptures {
		open = append(open, capture(t, r, "", 0))
	}
	_, err := r.Capture("", 0)
	require.ErrorIs(t, err, jobs.ErrTooManyCaptures)
	for range 700 {
		b.Offer(nil, mail(strings.Repeat("x", 10_000)))() // 7 MB each
	}
	held := 0
	for _, c := range open {
		texts, _ := c.Take()
		for _, text := range texts {
			held += len(text)
		}
	}
	assert.NotZero(t, held)
	assert.LessOrEqual(t, held, 64<<20)

	// What was taken counts no more.
	c := open[0]
	c.Close()
	c = capture(t, r, "", 0)
	b.Offer(nil, mail("again"))()
	texts, _ := c.Take()
	assert.Len(t, texts, 1)
}

func TestCapturesEndWithTheInspector(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(10, nil)
	b := open(t, r, jobs.Options{})
	c := capture(t, r, "", 0)
	b.Offer(nil, mail("last"))()
	r.EndCaptures()
	<-c.Ready()
	texts, end := c.Take()
	assert.Len(t, texts, 1)
	assert.Equal(t, jobs.EndShutdown, end)
	b.Offer(nil, mail("too late"))()
	texts, _ = c.Take()
	assert.Empty(t, texts)
	_, err := r.Capture("", 0)
	require.Error(t, err)
}

func BenchmarkCaptured(b *testing.B) {
	r := jobs.NewRegistry(10, nil)
	recorder, err := r.Open(b.Context(), jobs.Options{Input: "one", TTL: time.Hour})
	require.NoError(b, err)
	logs := mail()
	for n := range 1000 {
		mail(fmt.Sprintf(`{"id": %d, "subject": "Invoice"}`, n)).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	}
	c, err := r.Capture("", 0)
	require.NoError(b, err)
	for b.Loop() {
		recorder.Offer(nil, logs)()
		c.Take()
	}
}
