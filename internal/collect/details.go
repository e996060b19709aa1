// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/cause"
	"github.com/o365messagetrace/o365messagetrace/internal/identity"
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// DetailSource is a service that has message trace details.
type DetailSource interface {
	Details(ctx context.Context, d source.Delivery) (*source.Details, error)
}

// DetailObserver hears what becomes of the asking for details.
type DetailObserver interface {
	// Inquired is called with what is new. It must not block.
	Inquired(ctx context.Context, o Inquired)
}

// Inquired counts what became of the asking for details.
type Inquired struct {
	// Asked are answers, Empty those of them without any detail, and Bytes their size.
	Asked, Empty, Bytes int
	// Delivered are records that the pipeline has taken.
	Delivered int
	// GivenUp are rows whose details, or whose cause, nobody will ask for any more.
	GivenUp int
}

// Details is what a collector needs to ask for details.
type Details struct {
	Source   DetailSource
	Observer DetailObserver
	// Statuses are those of the rows whose details are asked for.
	Statuses []trace.Status
	// After is how long a row must have had its status.
	After time.Duration
	// Retention is how long the service keeps details.
	Retention time.Duration
}

const (
	// firstAgain is how long after an answer that does not tell enough the details are asked for again, and longestAgain the
	// longest such wait: each is twice as long as the one before. Details come as late as rows do.
	firstAgain   = 2 * time.Minute
	longestAgain = 24 * time.Hour
	// maxEmpty is how often the details of a row are asked for until there are any, and maxUndecided how often until they tell the
	// cause: within a day and a half, and within an hour.
	maxEmpty     = 10
	maxUndecided = 6
	// urgentBefore is how long before the service drops details they are asked for first.
	urgentBefore = 24 * time.Hour
)

// inquire has the details asked for of the rows that have been delivered, by the numbers of their items, if anybody wants to know.
func (j *job) inquire(ctx context.Context, b *batch, items []int) {
	givenUp := 0
	for _, i := range items {
		it := &b.items[i]
		switch status := it.version.Status; {
		case it.again:
		case !slices.ContainsFunc(j.Details.Statuses, status.Is):
			j.Ledger.Withdraw(it.key)
		default:
			row := b.page.Row(it.text)
			if row.Malformed || !row.Identified() || row.Received.IsZero() {
				continue
			}
			givenUp += j.Ledger.Inquire(ledger.Inquiry{
				Key: it.key, ID: string(row.ID), Recipient: string(row.Recipient), Sender: string(row.Sender), Received: row.Received,
				Status: status, Due: j.Now().Add(j.Details.After),
			})
		}
	}
	if givenUp > 0 {
		j.Details.Observer.Inquired(ctx, Inquired{GivenUp: givenUp})
	}
}

// Inquiries returns how many rows wait for their details, and when the first of them is due.
func (c *Collector) Inquiries() (waiting int, due time.Time) {
	known := c.known.Load()
	return known.waiting, known.due
}

// Inquire asks for the details of the row that is due next, and delivers them. It returns false if none is due. After an error
// about one row others can be asked about; that row is when its turn comes again.
func (c *Collector) Inquire(ctx context.Context) (asked bool, err error) {
	next, ok, err := c.nextInquiry(ctx)
	if err != nil || !ok {
		return false, err
	}
	details, err := c.fetchDetails(ctx, next)
	if err != nil {
		if scope := trouble.ScopeOf(err); ctx.Err() == nil && (scope == trouble.Query || scope == trouble.Window) {
			return true, firstError(c.postpone(ctx, next, maxEmpty), err)
		}
		return true, err
	}
	c.Details.Observer.Inquired(ctx, Inquired{Asked: 1, Empty: oneIf(len(details.Events) == 0), Bytes: details.Size})
	if c.Gate != nil {
		if err := c.Gate.Hold(ctx); err != nil {
			return true, err
		}
	}
	return true, c.tell(ctx, next, details)
}

// fetchDetails asks the service for the details of a row, once: the retry rules are for what somebody waits for.
func (c *Collector) fetchDetails(ctx context.Context, i ledger.Inquiry) (*source.Details, error) {
	if c.Gate != nil {
		silent := time.AfterFunc(silentAfter, func() { c.Gate.Leave(ctx) })
		defer silent.Stop()
	}
	return c.Details.Source.Details(transport.Once(ctx), source.Delivery{
		ID: i.ID, Recipient: i.Recipient, Received: i.Received, Now: c.Now(),
	})
}

func oneIf(condition bool) int {
	if condition {
		return 1
	}
	return 0
}

// nextInquiry returns what to ask for now.
func (c *Collector) nextInquiry(ctx context.Context) (next ledger.Inquiry, ok bool, err error) {
	if err := c.enter(ctx); err != nil {
		return next, false, err
	}
	defer c.leaveSection()
	now, givenUp := c.Now(), 0
	kept := now.Add(-c.Details.Retention)
	next, ok, givenUp = c.Ledger.NextInquiry(now, kept.Add(urgentBefore), kept)
	if givenUp > 0 {
		c.Details.Observer.Inquired(ctx, Inquired{GivenUp: givenUp})
		c.commit(ctx)
	}
	return next, ok, nil
}

// postpone has the details asked for again later, or gives them up if they have been asked for often enough.
func (c *Collector) postpone(ctx context.Context, i ledger.Inquiry, most int) error {
	if err := c.enter(ctx); err != nil {
		return err
	}
	defer c.leaveSection()
	defer c.commit(ctx)
	if i.Asked+1 >= most {
		c.Ledger.Answered(i)
		c.Details.Observer.Inquired(ctx, Inquired{GivenUp: 1})
		return nil
	}
	c.Ledger.AskAgain(i, c.Now().Add(min(firstAgain<<i.Asked, longestAgain)))
	return nil
}

// tell delivers what is new of the details, and the cause once they tell it.
func (c *Collector) tell(ctx context.Context, i ledger.Inquiry, details *source.Details) error {
	s := c.newStory(i, details)
	explains := cause.Explains(i.Status)
	why, decided := cause.Of(i.Status, details.Events)
	if !explains {
		decided = len(details.Events) > 0
	}
	if !decided && len(details.Events) > 0 && i.Asked+1 >= maxUndecided {
		// Whatever there is to know is known by now.
		decided = true
	}
	if decided && explains {
		s.addCause(&why)
	}
	if err := c.deliverStory(ctx, s); err != nil {
		return err
	}
	if !decided {
		return c.postpone(ctx, i, maxEmpty)
	}
	if err := c.enter(ctx); err != nil {
		return err
	}
	defer c.leaveSection()
	c.Ledger.Answered(i)
	c.commit(ctx)
	return nil
}

// story is the records about one row that are delivered together.
type story struct {
	*records.Batch
	inquiry ledger.Inquiry
	about   records.Delivery
	fresh   func() *records.Batch
	origin  *records.Origin
	// parts add the records, and hashes are what they are remembered by.
	parts  []func(*records.Batch)
	hashes []uint64
}

// newStory returns the records of the details that have not been delivered.
func (c *Collector) newStory(i ledger.Inquiry, details *source.Details) *story {
	s := &story{
		inquiry: i, origin: c.Origin,
		about: records.Delivery{ID: i.ID, Recipient: i.Recipient, Sender: i.Sender, Status: i.Status},
		fresh: func() *records.Batch { return c.Origin.NewBatch(details.Arrived, trace.Details) },
	}
	s.Batch = s.fresh()
	for n := range details.Events {
		event := &details.Events[n]
		uid := c.Origin.DetailUID(s.about, event)
		s.add(uid, func(b *records.Batch) { b.AppendDetail(s.about, uid, event) })
	}
	return s
}

func (s *story) addCause(why *cause.Cause) {
	uid := s.origin.CauseUID(s.about)
	s.add(uid, func(b *records.Batch) { b.AppendCause(s.about, uid, why) })
}

// add adds a record unless it has been delivered.
func (s *story) add(uid identity.UID, part func(*records.Batch)) {
	hash := binary.LittleEndian.Uint64(uid[:])
	if s.inquiry.HasTold(hash) || slices.Contains(s.hashes, hash) {
		return
	}
	part(s.Batch)
	s.parts, s.hashes = append(s.parts, part), append(s.hashes, hash)
}

// again converts some parts once more.
func (s *story) again(parts []int) *records.Batch {
	fresh := s.fresh()
	for _, i := range parts {
		s.parts[i](fresh)
	}
	return fresh
}

// deliverStory offers the records until each is accepted, or refused for good. Mail never waits behind a refused offer: the
// ledger is in use while one is made, but not between two.
func (c *Collector) deliverStory(ctx context.Context, s *story) error {
	if s.Len() == 0 {
		return nil
	}
	waits := refusalWaits()
	for o := newOffer(s, len(s.parts), nil); ; {
		done, err := c.offerStory(ctx, s, o)
		if err != nil || done {
			return err
		}
		if c.Gate != nil {
			c.Gate.Leave(ctx)
		}
		if err := transport.Sleep(ctx, waits.NextBackOff()); err != nil {
			return err
		}
	}
}

// offerStory makes one offer, and notes what has been taken. It returns true if nothing is left to offer.
func (c *Collector) offerStory(ctx context.Context, s *story, o *offer) (done bool, err error) {
	if err := c.enter(ctx); err != nil {
		return false, err
	}
	defer c.leaveSection()
	if err := c.Ledger.Take(ctx); err != nil {
		return false, err
	}
	defer c.commit(ctx)
	offered := o.pending
	err = c.offer(ctx, o.logs())
	taken, lost := offered, 0
	if err != nil {
		taken, lost = o.answered(read(err))
	} else {
		o.pending = nil
	}
	if len(taken) > 0 {
		told := make([]uint64, len(taken))
		for n, i := range taken {
			told[n] = s.hashes[i]
		}
		c.Ledger.Told(s.inquiry, told)
		c.Details.Observer.Inquired(ctx, Inquired{Delivered: len(taken)})
	}
	if err == nil {
		c.Observer.Offered(ctx, trace.Window{}, nil)
		return true, nil
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	c.Observer.Offered(ctx, trace.Window{}, refused(err, lost > 0))
	return len(o.pending) == 0, nil
}

var _ offered = (*story)(nil)

// offered is what can be offered to a pipeline, and is converted again after that.
type offered interface {
	Logs() plog.Logs
	// again converts the records with these numbers once more.
	again(numbers []int) *records.Batch
}
