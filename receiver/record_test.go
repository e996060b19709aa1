// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
)

// recordWith returns the record that a configuration makes of a row.
func recordWith(t *testing.T, row *trace.Row, texts ...string) plog.LogRecord {
	t.Helper()
	cfg, err := load(t, append([]string{least}, texts...)...)
	require.NoError(t, err)
	set := receivertest.NewNopSettings(metadata.Type)
	set.ID = component.NewID(metadata.Type)
	r, err := newMessageTraceReceiver(set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	origin := r.collectOptions(&url.URL{Host: "graph.microsoft.com"}, nil, nil, nil, time.Now).Origin
	batch := origin.NewBatch(time.Now(), trace.Live)
	batch.Append(row, origin.Version(row, trace.ParseStatus(row.Status), ""))
	return batch.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
}

func failed() *trace.Row {
	return &trace.Row{
		ID: []byte("1"), Sender: []byte("a@mail.northwind.example"), Recipient: []byte("b@contoso.com"), Status: []byte("Failed"),
	}
}

// Each of these has one key, and is there by default or not.
func TestAttributesAreSwitchedOneByOne(t *testing.T) {
	t.Parallel()
	usual := recordWith(t, failed()).Attributes().AsRaw()
	for key, test := range map[string]struct {
		name, value string
		usual       bool
	}{
		"row_uid":          {"o365.message_trace.row.uid", "a25effd3bd10e1ed53c48879e63e2969", true},
		"outcome":          {"event.outcome", "failure", true},
		"sender_domain":    {"o365.message_trace.sender.domain", "northwind.example", false},
		"recipient_domain": {"o365.message_trace.recipient.domain", "contoso.com", false},
		"sender_address":   {"email.sender.address", "a@mail.northwind.example", false},
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			with := recordWith(t, failed(), "attributes: {"+key+": true}").Attributes().AsRaw()
			without := recordWith(t, failed(), "attributes: {"+key+": false}").Attributes().AsRaw()
			assert.Equal(t, test.value, with[test.name])
			assert.NotContains(t, without, test.name)
			delete(with, test.name)
			assert.Equal(t, with, without, "nothing else")
			_, has := usual[test.name]
			assert.Equal(t, test.usual, has)
		})
	}
}

func TestSeverityIsThatOfTheConfiguration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[string]plog.SeverityNumber{
		"{}": {"failed": plog.SeverityNumberWarn, "Quarantined": plog.SeverityNumberWarn, "pending": plog.SeverityNumberInfo},
		"severity: {failed: error, pending: warn}": {
			"failed": plog.SeverityNumberError, "FAILED": plog.SeverityNumberError, "pending": plog.SeverityNumberWarn,
			"quarantined": plog.SeverityNumberWarn, "delivered": plog.SeverityNumberInfo,
		},
		"severity: {FilteredAsSpam: info, gettingstatus: error}": {
			"filteredAsSpam": plog.SeverityNumberInfo, "gettingStatus": plog.SeverityNumberError, "failed": plog.SeverityNumberWarn,
		},
	} {
		for status, severity := range want {
			row := failed()
			row.Status = []byte(status)
			assert.Equal(t, severity, recordWith(t, row, text).SeverityNumber(), "%s: %s", text, status)
		}
	}
}

// What docs/records.md says an expression can be, and what it says it cannot.
func TestFieldsAreValuesAndNoComparisons(t *testing.T) {
	t.Parallel()
	row := failed()
	row.Size, row.Subject = trace.Number{Value: 2048, Valid: true}, []byte("Re: Plans")
	for value, want := range map[string]any{
		`"soc"`:                       "soc",
		`5`:                           int64(5),
		`attributes["email.subject"]`: "Re: Plans",
		`attributes["o365.message_trace.size"] / 1024`:                int64(2),
		`Split(attributes["email.to.address"], "@")[1]`:               "contoso.com",
		`IsMatch(attributes["email.subject"], "(?i)^(re|aw|sv):")`:    true,
		`["a", attributes["event.outcome"]]`:                          []any{"a", "failure"},
		`{"outcome": attributes["event.outcome"]}`:                    map[string]any{"outcome": "failure"},
		`Concat([attributes["o365.message_trace.status"], "x"], "-")`: "failed-x",
	} {
		got := recordWith(t, row, fmt.Sprintf("fields: [{name: a, value: %q}]", value)).Attributes().AsRaw()["a"]
		assert.Equal(t, want, got, value)
	}
	for _, condition := range []string{
		`attributes["o365.message_trace.size"] > 1024`, `attributes["email.direction"] == "inbound"`, `true and false`, `"a" where true`,
	} {
		_, err := load(t, least, fmt.Sprintf("fields: [{name: a, value: %q}]", condition))
		require.ErrorContains(t, err, "fields[0].value", condition)
	}
}
