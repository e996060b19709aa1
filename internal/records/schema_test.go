// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// email is a row that both services know. What is empty is null.
type email struct {
	id, message, sender, recipient, subject, fromIP, toIP string
	status                                                string // as Graph spells it
	size                                                  int
	received                                              time.Time
}

// orNull is what stands for a text in JSON.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// capital spells a status as the Reporting Web Service does.
func capital(status string) string { return strings.ToUpper(status[:1]) + status[1:] }

func (e email) graph() map[string]any {
	return map[string]any{
		"id": e.id, "senderAddress": e.sender, "recipientAddress": e.recipient, "messageId": orNull(e.message),
		"receivedDateTime": e.received.Format("2006-01-02T15:04:05.9999999Z"), "subject": orNull(e.subject), "size": e.size,
		"fromIP": orNull(e.fromIP), "toIP": orNull(e.toIP), "status": e.status,
	}
}

// report is the row with its received time in some form.
func (e email) report(received string) map[string]any {
	return map[string]any{
		"Organization": "contoso.onmicrosoft.com", "MessageId": orNull(e.message), "Received": received, "SenderAddress": e.sender,
		"RecipientAddress": e.recipient, "Subject": orNull(e.subject), "Status": capital(e.status), "ToIP": orNull(e.toIP),
		"FromIP": orNull(e.fromIP), "Size": e.size, "MessageTraceId": e.id, "StartDate": "2026-01-20T00:00:00Z",
		"EndDate": "2026-01-22T00:00:00Z", "Index": 7,
	}
}

func (e email) light() map[string]any {
	return e.report(e.received.Format("2006-01-02T15:04:05.9999999"))
}

func (e email) verbose() map[string]any {
	row := e.report(fmt.Sprintf("/Date(%d)/", e.received.UnixMilli()))
	row["__metadata"] = map[string]any{"id": "x", "type": "TenantReporting.MessageTrace"}
	return row
}

func (e email) atom(t *testing.T) string {
	t.Helper()
	var properties strings.Builder
	for name, value := range e.light() {
		switch value := value.(type) {
		case nil:
			fmt.Fprintf(&properties, `<d:%s m:null="true" />`, name)
		case int:
			fmt.Fprintf(&properties, `<d:%s m:type="Edm.Int32">%d</d:%[1]s>`, name, value)
		case string:
			kind := ""
			switch name {
			case "Received", "StartDate", "EndDate":
				kind = ` m:type="Edm.DateTime"`
			case "MessageTraceId":
				kind = ` m:type="Edm.Guid"`
			}
			fmt.Fprintf(&properties, "<d:%s%s>", name, kind)
			require.NoError(t, xml.EscapeText(&properties, []byte(value)))
			fmt.Fprintf(&properties, "</d:%s>", name)
		}
	}
	return `<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"` +
		` xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">` +
		`<entry><id>x</id><title /><content type="application/xml"><m:properties>` + properties.String() + `</m:properties></content></entry></feed>`
}

func (e email) pages(t *testing.T) map[string]plog.LogRecord {
	t.Helper()
	all := map[string]plog.LogRecord{}
	for name, c := range map[string]struct {
		read dialect
		page any
	}{
		"Graph":        {ofGraph, map[string]any{"value": []any{e.graph()}}},
		"JSON light":   {ofReporting, map[string]any{"odata.metadata": "x", "value": []any{e.light()}}},
		"verbose JSON": {ofReporting, map[string]any{"d": map[string]any{"results": []any{e.verbose()}}}},
		"Atom":         {ofReporting, e.atom(t)},
	} {
		body, ok := c.page.(string)
		if !ok {
			text, err := json.Marshal(c.page)
			require.NoError(t, err)
			body = string(text)
		}
		b := convert(t, c.read, []byte(body))
		require.Equal(t, 1, b.Len(), name)
		all[name] = b.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	}
	return all
}

func TestOneSchemaForAllServices(t *testing.T) {
	t.Parallel()
	usual := email{
		id: "b7c1f4d2-9a6e-4c3b-8f2d-1e0a6c5b4d3f", message: "<1@contoso.com>", sender: "sender@contoso.com", recipient: "rec@contoso.com",
		subject: "Monthly report", fromIP: "203.0.113.25", toIP: "198.51.100.7", status: "delivered", size: 51234, received: received,
	}
	for name, change := range map[string]func(e *email){
		"usual":            func(*email) {},
		"nothing more":     func(e *email) { e.message, e.subject, e.fromIP, e.toIP = "", "", "", "" },
		"the null sender":  func(e *email) { e.sender = "<>" },
		"of no size":       func(e *email) { e.size = 0 },
		"a large one":      func(e *email) { e.size = 157_286_400 },
		"IPv6":             func(e *email) { e.fromIP, e.toIP = "2001:db8::1", "::ffff:192.0.2.1" },
		"all sorts":        func(e *email) { e.subject = `Ünï "quoted" <b>&amp; \ / 日本 🎉 ]]> '` },
		"space":            func(e *email) { e.subject = "  two  spaces\tand a tab " },
		"capitals":         func(e *email) { e.recipient, e.id = "Rec@Contoso.COM", strings.ToUpper(e.id) },
		"whole seconds":    func(e *email) { e.received = e.received.Truncate(time.Second) },
		"milliseconds":     func(e *email) { e.received = e.received.Truncate(time.Millisecond) },
		"long ago":         func(e *email) { e.received = time.Date(1999, 12, 31, 23, 59, 59, 999_999_900, time.UTC) },
		"getting status":   func(e *email) { e.status = "gettingStatus" },
		"pending":          func(e *email) { e.status = "pending" },
		"failed":           func(e *email) { e.status = "failed" },
		"expanded":         func(e *email) { e.status = "expanded" },
		"quarantined":      func(e *email) { e.status = "quarantined" },
		"filtered as spam": func(e *email) { e.status = "filteredAsSpam" },
		"recalled":         func(e *email) { e.status = "recalled" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := usual
			change(&e)
			pages := e.pages(t)
			want := pages["Graph"]
			for name, got := range pages {
				assert.Equal(t, want.EventName(), got.EventName(), name)
				assert.Equal(t, want.SeverityNumber(), got.SeverityNumber(), name)
				assert.Equal(t, want.SeverityText(), got.SeverityText(), name)
				assert.Equal(t, want.ObservedTimestamp(), got.ObservedTimestamp(), name)
				precision := time.Duration(1)
				if name == "verbose JSON" {
					precision = time.Millisecond
				}
				assert.Equal(t, e.received.Truncate(precision), got.Timestamp().AsTime(), name)

				attributes := got.Attributes().AsRaw()
				if name != "Graph" {
					assert.Equal(t, "contoso.onmicrosoft.com", attributes["o365.message_trace.organization"], name)
					assert.Equal(t, int64(7), attributes["o365.message_trace.index"], name)
					delete(attributes, "o365.message_trace.organization")
					delete(attributes, "o365.message_trace.index")
				}
				assert.Len(t, attributes["log.record.uid"], 32)
				expected := want.Attributes().AsRaw()
				assert.NotEqual(t, name != "Graph", expected["__source"] == attributes["__source"], name)
				delete(expected, "__source")
				delete(attributes, "__source")
				assert.Equal(t, expected, attributes, name)
			}
			lower := e
			lower.recipient, lower.id = strings.ToLower(e.recipient), strings.ToLower(e.id)
			for name, got := range lower.pages(t) {
				assert.Equal(t, want.Attributes().AsRaw()["log.record.uid"], got.Attributes().AsRaw()["log.record.uid"], name)
			}
		})
	}
}

// A status that nobody has told of yet passes through as received; so far as letters go it is the same for both.
func TestAStatusOfTheFuture(t *testing.T) {
	t.Parallel()
	e := email{id: "1", sender: "a@b.example", recipient: "c@d.example", status: "Teleported", received: received}
	for name, got := range e.pages(t) {
		status, _ := got.Attributes().Get("o365.message_trace.status")
		assert.Equal(t, "Teleported", status.Str(), name)
		assert.Equal(t, plog.SeverityNumberInfo, got.SeverityNumber(), name)
	}
	assert.Equal(t, trace.Status("Teleported"), trace.ParseStatus([]byte("Teleported")))
}
