// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// event is the resource type exchangeMessageTraceDetail.
type event struct {
	Event       string `json:"event"`
	Action      string `json:"action"`
	Description string `json:"description"`
	Data        string `json:"data"`
	MessageID   string `json:"messageId"`
}

func decodeEvent(text []byte, d *trace.Detail) error {
	var e event
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	d.Event, d.Action, d.Text, d.Data, d.MessageID = e.Event, e.Action, e.Description, e.Data, e.MessageID
	return nil
}

// eventDialect reads events as rows, of which they have shape and time.
var eventDialect = source.Dialect{
	Properties:  func(*trace.Row, []byte) (text *[]byte, number *trace.Number) { return nil, nil },
	Received:    "dateTime",
	Fingerprint: func(raw []byte) []byte { return raw },
	Rows:        dialect.Rows,
	Link:        dialect.Link,
	Names:       source.Names{Omittable: map[source.Property]string{source.MessageID: "messageId"}},
}

// DetailsEndpoint returns below which URL details are asked for.
func DetailsEndpoint(endpoint *url.URL) *url.URL { return endpoint }

// Details reads what happened to a message on its way to a recipient.
func (c *Client) Details(ctx context.Context, d source.Delivery) (*source.Details, error) {
	u := *c.endpoint
	recipient := strings.ReplaceAll(d.Recipient, "'", "''")
	// Some servers take a + in a path for a space, so it is escaped like all that is not a letter or a digit.
	u.Path = c.endpoint.Path + "/" + d.ID + "/getDetailsByRecipient(recipientAddress='" + recipient + "')"
	u.RawPath = c.endpoint.EscapedPath() + "/" + url.PathEscape(d.ID) + "/getDetailsByRecipient(recipientAddress='" + escape(recipient) + "')"
	response, err := c.http.Get(ctx, trace.Details, &u, http.Header{"Accept": {"application/json"}})
	if err != nil {
		return nil, err
	}
	page := source.NewPage(response.Body, eventDialect.Without(c.query.Omit), MaxPageSize)
	page.Arrived, page.Release = response.Arrived, response.Release
	page.MapError(func(err error) error { return response.Damaged(c.target(), err) })
	return source.ReadDetails(page, decodeEvent)
}
