// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// event is the entity type TenantReporting.MessageTraceDetail.
type event struct {
	Event     string
	Action    string
	Detail    string
	Data      string
	MessageID string `json:"MessageId"`
}

func decodeEvent(text []byte, d *trace.Detail) error {
	var e event
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	d.Event, d.Action, d.Text, d.Data, d.MessageID = e.Event, e.Action, e.Detail, e.Data, e.MessageID
	// The text is the body of a record, and must not change with the query.
	d.Raw = withoutEchoes(d.Raw)
	return nil
}

// eventDialect reads events as rows, of which they have shape and time.
var eventDialect = source.Dialect{
	Properties:  func(*trace.Row, []byte) (text *[]byte, number *trace.Number) { return nil, nil },
	Received:    "Date",
	Fingerprint: withoutEchoes,
	Rows:        dialect.Rows,
	Link:        dialect.Link,
	Names:       source.Names{Omittable: map[source.Property]string{source.MessageID: "MessageId"}},
	Envelope:    dialect.Envelope,
}

// DetailsEndpoint returns the URL of the report MessageTraceDetail, which lies beside MessageTrace.
func DetailsEndpoint(endpoint *url.URL) *url.URL {
	u := *endpoint
	u.Path, u.RawPath = u.Path+"Detail", ""
	if endpoint.RawPath != "" {
		u.RawPath = endpoint.RawPath + "Detail"
	}
	return &u
}

const (
	// detailsBefore is how long before the receipt of a message the search for its details begins, and detailsFor its greatest
	// length. Without dates the service looks at the last 48 hours alone (observed by clients).
	detailsBefore = time.Minute
	detailsFor    = 10 * 24 * time.Hour
)

// Details reads what happened to a message on its way to a recipient.
func (c *Client) Details(ctx context.Context, d source.Delivery) (*source.Details, error) {
	start, end := d.Received.Add(-detailsBefore), d.Now
	if last := start.Add(detailsFor); last.Before(end) {
		end = last
	}
	filter := "MessageTraceId eq guid'" + strings.ReplaceAll(d.ID, "'", "''") + "'" +
		" and RecipientAddress eq '" + strings.ReplaceAll(d.Recipient, "'", "''") + "'" +
		" and StartDate eq datetime'" + start.UTC().Format(timeLayout) + "'" +
		" and EndDate eq datetime'" + end.UTC().Format(timeLayout) + "'"
	u := *c.endpoint
	u.RawQuery = "$filter=" + escape(filter)
	response, err := c.http.Get(ctx, trace.Details, &u, http.Header{"Accept": {"application/json"}})
	if err != nil {
		return nil, err
	}
	page := decode(response.Body, eventDialect.Without(c.asked.Omit), MaxPageSize)
	page.Arrived, page.Size, page.Release = response.Arrived, len(response.Body), response.Release
	page.MapError(func(err error) error { return response.Damaged(c.target(), err) })
	return source.ReadDetails(page, decodeEvent)
}
