// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/cause"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func delivery() Delivery {
	return Delivery{ID: "b7c1f4d2-9a6e-4c3b-8f2d-1e0a6c5b4d3f", Recipient: "recipient@contoso.com", Sender: "sender@contoso.com", Status: trace.Failed}
}

func failure() *trace.Detail {
	return &trace.Detail{
		At: received, Event: "Fail", Action: "none", Text: "Reason: [{LED=554 5.2.2 mailbox full}]", Data: "<root/>", MessageID: "<1@contoso.com>",
		Facts: []trace.Fact{{Name: "SCL", Value: "8"}, {Name: "SCL", Value: "9"}, {Name: "SFV", Value: "SPM"}}, Raw: []byte(text),
	}
}

// told returns the records of a detail and of a cause.
func told(o *Origin, d Delivery, detail *trace.Detail, why *cause.Cause) (ofDetail, ofCause plog.LogRecord) {
	b := o.NewBatch(observed, trace.Details)
	b.AppendDetail(d, o.DetailUID(d, detail), detail)
	b.AppendCause(d, o.CauseUID(d), why)
	all := b.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	return all.At(0), all.At(1)
}

func mailboxFull() *cause.Cause {
	return &cause.Cause{
		Name: "mailbox_full", Code: "5.2.2", Reply: 554, Text: "554 5.2.2 mailbox full", Rule: "rule", Server: "mx.contoso.com", Event: "Fail", At: received,
	}
}

func TestRecordsOfDetails(t *testing.T) {
	t.Parallel()
	o := testOrigin()
	detail, why := told(o, delivery(), failure(), mailboxFull())
	common := map[string]any{
		"o365.message_trace.row.uid":          string(o.Version(everything(), trace.Failed, "").Row.AppendHex(nil)),
		"email.local_id":                      "b7c1f4d2-9a6e-4c3b-8f2d-1e0a6c5b4d3f",
		"email.from.address":                  "sender@contoso.com",
		"email.sender.address":                "sender@contoso.com",
		"email.to.address":                    "recipient@contoso.com",
		"email.direction":                     "internal",
		"o365.message_trace.sender.domain":    "contoso.com",
		"o365.message_trace.recipient.domain": "contoso.com",
		"o365.message_trace.status":           "failed",
		"o365.message_trace.lane":             "details",
		"__inputId":                           "o365messagetrace/contoso",
		"__source":                            "https://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces",
	}
	for _, c := range []struct {
		record plog.LogRecord
		event  string
		body   string
		own    map[string]any
	}{
		{detail, DetailEventName, text, map[string]any{
			"email.message_id":                 "<1@contoso.com>",
			"o365.message_trace.detail.event":  "Fail",
			"o365.message_trace.detail.action": "none",
			"o365.message_trace.detail.text":   "Reason: [{LED=554 5.2.2 mailbox full}]",
			"o365.message_trace.detail.data":   map[string]any{"SCL": "8", "SFV": "SPM"},
		}},
		{why, CauseEventName, "", map[string]any{
			"o365.message_trace.cause":        "mailbox_full",
			"o365.message_trace.cause.code":   "5.2.2",
			"o365.message_trace.cause.reply":  int64(554),
			"o365.message_trace.cause.text":   "554 5.2.2 mailbox full",
			"o365.message_trace.cause.rule":   "rule",
			"o365.message_trace.cause.server": "mx.contoso.com",
			"o365.message_trace.cause.event":  "Fail",
		}},
	} {
		got := c.record.Attributes().AsRaw()
		assert.Len(t, got["log.record.uid"], 32)
		delete(got, "log.record.uid")
		for name, value := range common {
			assert.Equal(t, value, got[name], name)
			delete(got, name)
		}
		assert.Equal(t, c.own, got)
		assert.Equal(t, c.event, c.record.EventName())
		assert.Equal(t, received, c.record.Timestamp().AsTime())
		assert.Equal(t, observed, c.record.ObservedTimestamp().AsTime())
		assert.Equal(t, c.body, c.record.Body().AsString())
		assert.Equal(t, c.event == CauseEventName, c.record.SeverityText() == "WARN")
	}
}

func TestWhatDetailsLackIsLeftOut(t *testing.T) {
	t.Parallel()
	detail, why := told(&Origin{}, Delivery{ID: "1", Recipient: "a@contoso.com", Status: trace.Pending}, &trace.Detail{Event: "Defer"}, &cause.Cause{Name: "dns"})
	common := []string{"email.local_id", "email.to.address", "log.record.uid", "o365.message_trace.lane", "o365.message_trace.status"}
	assert.ElementsMatch(t, append(slices.Clone(common), "o365.message_trace.detail.event"), names(detail.Attributes()))
	assert.ElementsMatch(t, append(slices.Clone(common), "o365.message_trace.cause"), names(why.Attributes()))
	assert.Zero(t, detail.Timestamp())
	assert.Zero(t, why.Timestamp())
	assert.Equal(t, pcommon.ValueTypeEmpty, detail.Body().Type())
}

// What is written must be what is documented, and causes those of the table.
func TestDetailsAreThoseOfTheMetadata(t *testing.T) {
	t.Parallel()
	conf, err := confmaptest.LoadConf("../../metadata.yaml")
	require.NoError(t, err)
	declared := conf.ToStringMap()
	events, attributes := declared["events"].(map[string]any), declared["attributes"].(map[string]any)
	kinds := map[pcommon.ValueType]string{pcommon.ValueTypeStr: "string", pcommon.ValueTypeInt: "int", pcommon.ValueTypeMap: "map"}
	detail, why := told(testOrigin(), delivery(), failure(), mailboxFull())
	for _, record := range []plog.LogRecord{detail, why} {
		assert.ElementsMatch(t, events[record.EventName()].(map[string]any)["attributes"], names(record.Attributes()))
		for name, value := range record.Attributes().All() {
			assert.Equal(t, kinds[value.Type()], attributes[name].(map[string]any)["type"], name)
			assert.True(t, Reserved(name), name)
		}
	}
	text := attributes["o365.message_trace.cause"].(map[string]any)["description"].(string)
	for _, name := range cause.Names() {
		assert.Contains(t, text, "`"+name+"`")
	}
	assert.Equal(t, len(cause.Names()), strings.Count(text, "`")/2)
}

// Both services tell of the same event in their own way.
func TestUIDsOfDetails(t *testing.T) {
	t.Parallel()
	o := testOrigin()
	uid := o.DetailUID(delivery(), failure())
	same := failure()
	same.At, same.Raw, same.MessageID = same.At.Truncate(time.Second).Add(999*time.Millisecond), nil, ""
	assert.Equal(t, uid, o.DetailUID(delivery(), same))
	spelled := delivery()
	spelled.ID, spelled.Recipient, spelled.Status = strings.ToUpper(spelled.ID), "Recipient@Contoso.com", trace.Pending
	assert.Equal(t, uid, o.DetailUID(spelled, failure()), "a detail does not depend on the status")
	assert.NotEqual(t, o.CauseUID(delivery()), o.CauseUID(spelled), "a cause does")
	assert.NotEqual(t, uid, o.CauseUID(delivery()))
	for name, change := range map[string]func(*trace.Detail){
		"time":   func(d *trace.Detail) { d.At = d.At.Add(time.Second) },
		"event":  func(d *trace.Detail) { d.Event = "Defer" },
		"action": func(d *trace.Detail) { d.Action = "" },
		"text":   func(d *trace.Detail) { d.Text = "" },
		"data":   func(d *trace.Detail) { d.Data = "" },
		"parts":  func(d *trace.Detail) { d.Event, d.Action = "Failn", "one" },
	} {
		other := failure()
		change(other)
		assert.NotEqual(t, uid, o.DetailUID(delivery(), other), name)
	}
}
