// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"cmp"
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// staff is a service with one message to so many recipients, all of whose rows share one instant. Pages have so many rows.
type staff struct {
	recipients, pageSize int
	// dead are the requests, counted from one, whose links lead nowhere.
	dead map[int]bool
	// unknown are the rows that no link may lead to.
	unknown map[int]bool

	requests int
	// asked is how many rows the pages in hand were asked to have.
	asked int
}

// sent is when the message to all staff was received: not at the beginning of a second.
var sent = before(20*time.Minute + 123*time.Millisecond)

func (s *staff) First(_ context.Context, _ trace.Lane, w trace.Window, pageSize int) (*source.Page, error) {
	s.requests++
	s.asked = cmp.Or(pageSize, s.pageSize)
	if !w.Contains(sent) {
		return pageOf(nil, "", nil), nil
	}
	return s.page(0), nil
}

func (s *staff) Next(_ context.Context, _ trace.Lane, link string) (*source.Page, error) {
	s.requests++
	if s.dead[s.requests] {
		return nil, refusal(404)
	}
	from, err := strconv.Atoi(link)
	if s.unknown[from] {
		return nil, refusal(400)
	}
	return s.page(from), err
}

func (s *staff) page(from int) *source.Page {
	to := min(from+s.asked, s.recipients)
	return &source.Page{
		Arrived: ten,
		Rows: func(yield func(*trace.Row, error) bool) {
			for n := from; n < to; n++ {
				if !yield(recipient(n), nil) {
					return
				}
			}
		},
		Next: func() string {
			if to == s.recipients {
				return ""
			}
			// A link is not the same each time, so that nobody can tell by it.
			return strconv.Itoa(to)
		},
		Row: func(text []byte) *trace.Row {
			n, _ := strconv.Atoi(string(bytes.Trim(text, `"`)))
			return recipient(n)
		},
	}
}

func recipient(n int) *trace.Row {
	number := strconv.AppendInt(nil, int64(n), 10)
	return &trace.Row{
		Raw: append(append([]byte{'"'}, number...), '"'), ID: []byte("message"), Recipient: number, Status: []byte("delivered"), Received: sent,
	}
}

// crowd counts how often a record was delivered, by its body.
type crowd map[string]int

func (crowd) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (c crowd) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				c[record.Body().Str()]++
			}
		}
	}
	return nil
}

// One message to all staff has one instant on page after page. That is ordinary.
func TestAMessageToAllStaff(t *testing.T) {
	for name, s := range map[string]*staff{
		"150,000 in pages of 5,000":                   {recipients: 150_000, pageSize: 5000},
		"150,000 in pages of 5,000, over a dead link": {recipients: 150_000, pageSize: 5000, dead: map[int]bool{16: true}},
		"5,000 in pages of 100":                       {recipients: 5000, pageSize: 100},
		"5,000 in pages of 100, over a dead link":     {recipients: 5000, pageSize: 100, dead: map[int]bool{26: true}},
		"5,000 in pages of 100, over the first link":  {recipients: 5000, pageSize: 100, dead: map[int]bool{2: true}},
		"5,000 in pages of 100, over the last link":   {recipients: 5000, pageSize: 100, dead: map[int]bool{50: true}},
		"5,000 in pages of 100, over an unknown row":  {recipients: 5000, pageSize: 100, unknown: map[int]bool{2600: true}},
		"a whole number of pages and one":             {recipients: 5001, pageSize: 100, dead: map[int]bool{51: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && s.recipients > 5001 {
				s.recipients = 30_000
				s.dead = map[int]bool{4: len(s.dead) > 0}
			}
			synctest.Test(t, func(t *testing.T) {
				got := crowd{}
				b := newBench(t, nil, nil)
				b.Source, b.Consumer = s, got
				_, err := b.run(t.Context())
				require.NoError(t, err)
				assert.Len(t, got, s.recipients)
				for body, n := range got {
					if n != 1 {
						require.Equal(t, 1, n, body)
					}
				}
				assert.Empty(t, b.State().Unread)
				pages := (s.recipients + s.pageSize - 1) / s.pageSize
				assert.LessOrEqual(t, s.requests, (2+len(s.unknown))*pages, "at most two requests per page, where it can be read in these pages")

				_, err = b.run(t.Context())
				require.NoError(t, err)
				assert.Len(t, got, s.recipients)
				assert.Equal(t, s.recipients, b.Rows())
			})
		})
	}
}
