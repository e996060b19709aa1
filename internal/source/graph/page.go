// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

var dialect = source.Dialect{
	Properties:  properties,
	Received:    "receivedDateTime",
	Fingerprint: func(raw []byte) []byte { return raw },
}

// properties assigns the properties of the resource type exchangeMessageTrace.
func properties(r *trace.Row, name []byte) (text *[]byte, number *trace.Number) {
	switch string(name) {
	case "id":
		return &r.ID, nil
	case "senderAddress":
		return &r.Sender, nil
	case "recipientAddress":
		return &r.Recipient, nil
	case "messageId":
		return &r.MessageID, nil
	case "subject":
		return &r.Subject, nil
	case "fromIP":
		return &r.FromIP, nil
	case "toIP":
		return &r.ToIP, nil
	case "status":
		return &r.Status, nil
	case "size":
		return nil, &r.Size
	}
	return nil, nil
}

// newPage prepares the walk over a page: an object whose "value" is the array of rows.
func newPage(response *transport.Response, target string) *source.Page {
	var next string
	rows := func(yield func(*trace.Row, error) bool) {
		walker := source.NewWalker(response.Body, dialect)
		more, found := true, false
		err := walker.Object(func(name []byte) (err error) {
			switch string(name) {
			case "@odata.nextLink":
				next, err = walker.Text()
			case "value":
				found = true
				if more, err = walker.Rows(yield); !more {
					err = errStopped
				}
			default:
				err = walker.Skip()
			}
			return err
		})
		if err == nil && !found {
			err = fmt.Errorf("%w: it has no value", source.ErrShape)
		}
		if err != nil && more {
			yield(nil, damaged(err, response, target))
		}
	}
	return &source.Page{
		Arrived: response.Arrived,
		Served:  response.Date,
		Size:    len(response.Body),
		Rows:    rows,
		Next:    func() string { return next },
		Row:     source.Reread(dialect),
	}
}

// errStopped ends a walk whose consumer has had enough.
var errStopped = errors.New("stopped")

func damaged(err error, response *transport.Response, target string) error {
	e := &transport.Error{Target: target, Status: http.StatusOK, Err: err}
	if !strings.Contains(response.ContentType, "json") {
		e.Err = fmt.Errorf("the response is %s, not JSON: %w", transport.Clean(response.ContentType), err)
		e.Advice = "check endpoint and proxy_url: something other than Microsoft Graph seems to answer"
	}
	return e
}
