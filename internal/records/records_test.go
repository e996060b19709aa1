// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/goleak"

	"github.com/o365messagetrace/o365messagetrace/internal/identity"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// text is a row as received.
const text = "the text of the row"

var (
	observed = time.Date(2026, time.January, 21, 15, 0, 0, 0, time.UTC)
	received = time.Date(2026, time.January, 21, 14, 12, 34, 123_456_700, time.UTC)
)

var allAttributes = Attributes{SenderAddress: true, SenderDomain: true, RecipientDomain: true, RowUID: true, Outcome: true}

func testOrigin() *Origin {
	return &Origin{
		InputID:       "o365messagetrace/contoso",
		TenantID:      "11111111-1111-1111-1111-111111111111",
		Endpoint:      "https://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces",
		ServerAddress: "graph.microsoft.com",
		ScopeName:     "github.com/o365messagetrace/o365messagetrace",
		ScopeVersion:  "1.2.3",
		Body:          true,
		Internal:      true,
		Local:         NewDomains([]string{"contoso.com"}),
		Attributes:    allAttributes,
	}
}

// everything is a row that has all that a row can have.
func everything() *trace.Row {
	return &trace.Row{
		Raw:          []byte(text),
		ID:           []byte("b7c1f4d2-9a6e-4c3b-8f2d-1e0a6c5b4d3f"),
		MessageID:    []byte("<1@contoso.com>"),
		Sender:       []byte("sender@contoso.com"),
		Recipient:    []byte("recipient@contoso.com"),
		Subject:      []byte("Monthly report"),
		FromIP:       []byte("203.0.113.25"),
		ToIP:         []byte("198.51.100.7"),
		Organization: []byte("contoso.onmicrosoft.com"),
		Status:       []byte("Failed"),
		Received:     received,
		Size:         trace.Number{Value: 51234, Valid: true},
		Index:        trace.Number{Value: 7, Valid: true},
	}
}

func versionOf(r *trace.Row) Version {
	return testOrigin().Version(r, trace.ParseStatus(r.Status), "")
}

// record returns the one record of a batch of one row.
func record(t *testing.T, r *trace.Row, v Version) plog.LogRecord {
	t.Helper()
	b := testOrigin().NewBatch(observed, trace.Live)
	b.Append(r, v)
	require.Equal(t, 1, b.Len())
	require.Equal(t, 1, b.Logs().LogRecordCount())
	return b.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
}

func names(m pcommon.Map) []string {
	var all []string
	for name := range m.All() {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func TestARecordHasEverythingOfItsRow(t *testing.T) {
	t.Parallel()
	v := versionOf(everything())
	v.Previous = trace.Pending
	r := record(t, everything(), v)
	assert.Equal(t, map[string]any{
		"email.sender.address":                "sender@contoso.com",
		"o365.message_trace.sender.domain":    "contoso.com",
		"o365.message_trace.recipient.domain": "contoso.com",
		"o365.message_trace.row.uid":          string(v.Row.AppendHex(nil)),
		"event.outcome":                       "failure",

		"log.record.uid":                     string(v.UID.AppendHex(nil)),
		"email.message_id":                   "<1@contoso.com>",
		"email.local_id":                     "b7c1f4d2-9a6e-4c3b-8f2d-1e0a6c5b4d3f",
		"email.from.address":                 "sender@contoso.com",
		"email.to.address":                   "recipient@contoso.com",
		"email.subject":                      "Monthly report",
		"source.address":                     "203.0.113.25",
		"destination.address":                "198.51.100.7",
		"o365.message_trace.status":          "failed",
		"o365.message_trace.previous_status": "pending",
		"o365.message_trace.size":            int64(51234),
		"o365.message_trace.organization":    "contoso.onmicrosoft.com",
		"o365.message_trace.index":           int64(7),
		"email.direction":                    "internal",
		"o365.message_trace.lane":            "live",
		"__inputId":                          "o365messagetrace/contoso",
		"__source":                           "https://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces",
		"__final":                            false,
		"__isBroken":                         true,
	}, r.Attributes().AsRaw())
	assert.Equal(t, len(attributeNames), r.Attributes().Len())
	assert.Equal(t, "o365.message_trace", r.EventName())
	assert.Equal(t, received, r.Timestamp().AsTime(), "to 100 ns")
	assert.Equal(t, observed, r.ObservedTimestamp().AsTime())
	assert.Equal(t, text, r.Body().Str())
}

// What is written must be what is documented, no less and no more.
func TestAttributesAreThoseOfTheMetadata(t *testing.T) {
	t.Parallel()
	conf, err := confmaptest.LoadConf("../../metadata.yaml")
	require.NoError(t, err)
	metadata := conf.ToStringMap()
	declared := func(path ...string) any {
		var at any = metadata
		for _, name := range path {
			level, ok := at.(map[string]any)
			require.True(t, ok, "%v", path)
			require.Contains(t, level, name)
			at = level[name]
		}
		return at
	}

	v := versionOf(everything())
	v.Previous = trace.Pending
	b := testOrigin().NewBatch(observed, trace.Backfill)
	b.Append(everything(), v)
	resource := b.Logs().ResourceLogs().At(0)
	attributes := resource.ScopeLogs().At(0).LogRecords().At(0).Attributes()

	assert.ElementsMatch(t, declared("events", EventName, "attributes"), names(attributes))
	for name, value := range attributes.All() {
		kind := map[pcommon.ValueType]string{pcommon.ValueTypeStr: "string", pcommon.ValueTypeInt: "int", pcommon.ValueTypeBool: "bool"}[value.Type()]
		assert.Equal(t, kind, declared("attributes", name, "type"), name)
	}
	var resources []string
	for name := range declared("resource_attributes").(map[string]any) {
		resources = append(resources, name)
	}
	assert.ElementsMatch(t, resources, names(resource.Resource().Attributes()))
}

func TestWhatARowLacksIsLeftOut(t *testing.T) {
	t.Parallel()
	always := []string{
		"__final", "__inputId", "__isBroken", "__source", "log.record.uid", "o365.message_trace.lane", "o365.message_trace.row.uid",
		"event.outcome",
	}
	for name, c := range map[string]struct {
		row  trace.Row
		more []string
	}{
		"nothing":             {trace.Row{}, nil},
		"empty texts":         {trace.Row{Subject: []byte{}, ToIP: []byte{}, Sender: []byte("")}, nil},
		"a size of 0":         {trace.Row{Size: trace.Number{Valid: true}}, []string{"o365.message_trace.size"}},
		"an index of 0":       {trace.Row{Index: trace.Number{Valid: true}}, []string{"o365.message_trace.index"}},
		"no number":           {trace.Row{Size: trace.Number{Value: 5}}, nil},
		"the null sender":     {trace.Row{Sender: []byte("<>")}, []string{"email.from.address", "email.sender.address"}},
		"made by the service": {trace.Row{FromIP: []byte("255.255.255.255")}, nil},
		"an address like it":  {trace.Row{FromIP: []byte("255.255.255.254")}, []string{"source.address"}},
		"a status":            {trace.Row{Status: []byte("None")}, []string{"o365.message_trace.status"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := record(t, &c.row, versionOf(&c.row)).Attributes()
			assert.ElementsMatch(t, append(slices.Clone(always), c.more...), names(got))
		})
	}
}

func TestTheNullSenderAndNoSizeAreKept(t *testing.T) {
	t.Parallel()
	for sender, want := range map[string]any{
		"<>": "<>", "<": "<>", `\`: "<>", " ": "<>", " \t": "<>", "< >": "<>", `\\`: "<>", "": nil,
		"a": "a", "<a>": "<a>", " a@contoso.com": " a@contoso.com", "\u00a0": "\u00a0", ".": ".",
	} {
		row := &trace.Row{Raw: []byte(text), Sender: []byte(sender), Size: trace.Number{Valid: true}}
		r := record(t, row, versionOf(row))
		assert.Equal(t, want, r.Attributes().AsRaw()["email.from.address"], "%q", sender)
		assert.Equal(t, want, r.Attributes().AsRaw()["email.sender.address"], "%q", sender)
		assert.Equal(t, int64(0), r.Attributes().AsRaw()["o365.message_trace.size"])
		assert.Equal(t, text, r.Body().Str(), "the body stays as it is")
	}
}

func TestARowWithoutTimeHasNoTimestamp(t *testing.T) {
	t.Parallel()
	r := record(t, &trace.Row{}, Version{})
	assert.Zero(t, r.Timestamp())
	assert.Equal(t, observed, r.ObservedTimestamp().AsTime())
}

func TestAMalformedRowIsDeliveredRaw(t *testing.T) {
	t.Parallel()
	row := &trace.Row{Raw: []byte(`["not", "an object"]`), Fingerprint: []byte(`["not", "an object"]`), Malformed: true}
	r := record(t, row, versionOf(row))
	assert.Equal(t, `["not", "an object"]`, r.Body().Str())
	assert.Equal(t, map[string]any{
		"log.record.uid":             string(identity.UIDOf(testOrigin().TenantID, row, "").AppendHex(nil)),
		"o365.message_trace.row.uid": string(identity.RowUIDOf(testOrigin().TenantID, row).AppendHex(nil)),
		"o365.message_trace.lane":    "live",
		"__inputId":                  "o365messagetrace/contoso",
		"__source":                   testOrigin().Endpoint,
		"__final":                    false,
		"__isBroken":                 false,
	}, r.Attributes().AsRaw())
	assert.Equal(t, plog.SeverityNumberInfo, r.SeverityNumber())
}

func TestTheStatusIsThatOfTheVersion(t *testing.T) {
	t.Parallel()
	attributes := record(t, everything(), Version{Status: trace.Recalled}).Attributes().AsRaw()
	assert.Equal(t, "recalled", attributes["o365.message_trace.status"], "not as the service spells it")
	assert.NotContains(t, attributes, "o365.message_trace.previous_status")
}

func TestResourceAndScopeOfABatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tenant string
		want   map[string]any
	}{
		"with a tenant": {"contoso.com", map[string]any{
			"service.name": "exchange-online", "server.address": "graph.microsoft.com", "o365.tenant.id": "contoso.com",
		}},
		"without one": {"", map[string]any{"service.name": "exchange-online", "server.address": "graph.microsoft.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin := testOrigin()
			origin.TenantID = c.tenant
			resource := origin.NewBatch(observed, trace.Live).Logs().ResourceLogs().At(0)
			assert.Equal(t, c.want, resource.Resource().Attributes().AsRaw())
			scope := resource.ScopeLogs().At(0).Scope()
			assert.Equal(t, "github.com/o365messagetrace/o365messagetrace", scope.Name())
			assert.Equal(t, "1.2.3", scope.Version())
		})
	}
}

func TestOnlyTheLastRecordIsMarkedFinal(t *testing.T) {
	t.Parallel()
	b := testOrigin().NewBatch(observed, trace.Live)
	b.MarkFinal()
	assert.Zero(t, b.Len(), "there is nothing to mark")
	for range 3 {
		b.Append(everything(), versionOf(everything()))
	}
	b.MarkFinal()
	records := b.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	require.Equal(t, 3, records.Len())
	for i := range 3 {
		final, ok := records.At(i).Attributes().Get("__final")
		require.True(t, ok)
		assert.Equal(t, i == 2, final.Bool(), "record %d", i)
	}
	assert.Equal(t, len(attributeNames)-1, records.At(2).Attributes().Len(), "final is set, not added")
}

// Rows are borrowed, records are kept.
func TestARecordKeepsNoReferenceToItsRow(t *testing.T) {
	t.Parallel()
	row := everything()
	r := record(t, row, versionOf(row))
	before := r.Attributes().AsRaw()
	for _, borrowed := range [][]byte{row.Raw, row.ID, row.Sender, row.Recipient, row.Subject, row.FromIP, row.ToIP, row.Organization, row.MessageID} {
		for i := range borrowed {
			borrowed[i] = '#'
		}
	}
	assert.Equal(t, text, r.Body().Str())
	assert.Equal(t, before, r.Attributes().AsRaw())
	assert.Equal(t, "sender@contoso.com", before["email.from.address"])
}

func TestShape(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		shape   func(o *Origin)
		body    string
		lacking []string
		having  map[string]any
	}{
		"everything":          {shape: func(*Origin) {}, body: text},
		"no body":             {shape: func(o *Origin) { o.Body = false }},
		"no internal fields":  {shape: func(o *Origin) { o.Internal = false }, body: text, lacking: []string{"__inputId", "__source", "__final", "__isBroken"}},
		"no local domain":     {shape: func(o *Origin) { o.Local = nil }, body: text, lacking: []string{"email.direction"}},
		"no sender address":   {shape: func(o *Origin) { o.Attributes.SenderAddress = false }, body: text, lacking: []string{"email.sender.address"}},
		"no sender domain":    {shape: func(o *Origin) { o.Attributes.SenderDomain = false }, body: text, lacking: []string{"o365.message_trace.sender.domain"}},
		"no recipient domain": {shape: func(o *Origin) { o.Attributes.RecipientDomain = false }, body: text, lacking: []string{"o365.message_trace.recipient.domain"}},
		"no row UID":          {shape: func(o *Origin) { o.Attributes.RowUID = false }, body: text, lacking: []string{"o365.message_trace.row.uid"}},
		"no outcome":          {shape: func(o *Origin) { o.Attributes.Outcome = false }, body: text, lacking: []string{"event.outcome"}},
		"a field": {
			shape: func(o *Origin) {
				o.Fields = fieldFunc(func(r plog.LogRecord) { r.Attributes().PutInt("n", int64(r.Attributes().Len())) })
			},
			body: text, having: map[string]any{"n": int64(len(attributeNames) - 1)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin := testOrigin()
			test.shape(origin)
			b := origin.NewBatch(observed, trace.Live)
			b.Append(everything(), Version{Status: trace.Failed})
			b.MarkFinal()
			record := b.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
			assert.Equal(t, test.body, record.Body().Str())
			for _, name := range test.lacking {
				_, has := record.Attributes().Get(name)
				assert.False(t, has, name)
			}
			for name, want := range test.having {
				assert.Equal(t, want, record.Attributes().AsRaw()[name], name)
			}
		})
	}
}

type fieldFunc func(plog.LogRecord)

func (f fieldFunc) Set(_ context.Context, _ plog.ResourceLogs, _ plog.ScopeLogs, r plog.LogRecord) {
	f(r)
}
