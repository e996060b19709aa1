// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
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

// page is an object whose "value" is the array of rows.
type page struct {
	*source.Walker
	next string
	// err is what is wrong with the page as far as it has been read.
	err error
}

// newPage reads a page up to its rows.
func newPage(response *transport.Response, target string) *source.Page {
	p := &page{Walker: source.NewWalker(response.Body, dialect)}
	if p.err = p.Object(); p.err == nil {
		p.head()
	}
	return &source.Page{
		Arrived: response.Arrived,
		Served:  response.Date,
		Size:    len(response.Body),
		Rows: func(yield func(*trace.Row, error) bool) {
			if more := p.rows(yield); more && p.err != nil {
				yield(nil, damaged(p.err, response, target))
			}
		},
		Next: func() string { return p.next },
		Row:  source.Reread(dialect),
	}
}

// head reads the members before the rows.
func (p *page) head() {
	found, err := p.members()
	if err == nil && !found {
		err = fmt.Errorf("%w: it has no value", source.ErrShape)
	}
	p.err = err
}

// rows walks the rows and then the members after them. It returns false when yield asked to stop.
func (p *page) rows(yield func(*trace.Row, error) bool) (more bool) {
	if p.err != nil {
		return true
	}
	if more, p.err = p.Rows(yield); !more || p.err != nil {
		return more
	}
	found, err := p.members()
	if err == nil && found {
		err = fmt.Errorf("%w: it has value twice", source.ErrShape)
	}
	p.err = err
	return true
}

// members reads the members of the page up to its rows, or to the end of the page.
func (p *page) members() (rows bool, err error) {
	for {
		name, ok, err := p.Member()
		if err != nil || !ok {
			return false, err
		}
		switch name {
		case "value":
			return true, nil
		case "@odata.nextLink":
			p.next, err = p.Text()
		default:
			err = p.Skip()
		}
		if err != nil {
			return false, err
		}
	}
}

func damaged(err error, response *transport.Response, target string) error {
	err = source.Damage(err)
	e := &transport.Error{Target: target, Status: http.StatusOK, Err: err, Damaged: true}
	if !strings.Contains(response.ContentType, "json") {
		e.Err = fmt.Errorf("the response is %q, not JSON: %w", response.ContentType, err)
		e.Advice = "check endpoint and proxy_url: something other than Microsoft Graph seems to answer"
	}
	return e
}
