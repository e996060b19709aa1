// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// request is a request for a page.
type request struct {
	at time.Time
	// window and size are those of the first page, also where the request follows a link.
	window trace.Window
	lane   trace.Lane
	size   int
	link   bool
	// probe reports whether the request only asks whether the service answers.
	probe bool
}

// holds reports whether the window that was asked for holds the instant.
func (r request) holds(t time.Time) bool { return r.window.Contains(t) }

// service serves mail newest first, in pages of as many rows as it is asked for.
type service struct {
	// mail is when its rows were received, ascending.
	mail []time.Time
	// refuse, if set, returns the error that a request is answered with, nil for a page.
	refuse func(r request) error
	// spoiled, if set, reports whether a page is damaged behind its rows.
	spoiled func(r request) bool
	// takes is how long an answer takes.
	takes time.Duration
	// ahead is how far its clock is ahead of this machine's.
	ahead time.Duration
	// wrong is how far the time that its answers tell is ahead of its clock.
	wrong time.Duration
	// heard is told the status and the time of each answer.
	heard func(status int, date time.Time) time.Time

	mu       sync.Mutex
	requests []request
	// cursors are where the links lead to.
	cursors []cursor
}

type cursor struct {
	request

	from int
}

// mailEvery returns when mail is received at an even pace, from so long ago until so much later than now.
func mailEvery(pace, ago, later time.Duration) (mail []time.Time) {
	now := wallClock()
	for at := now.Add(-ago); at.Before(now.Add(later)); at = at.Add(pace) {
		mail = append(mail, at)
	}
	return mail
}

func (s *service) First(ctx context.Context, lane trace.Lane, w trace.Window, size int) (*source.Page, error) {
	now := wallClock()
	probe := lane == trace.Live && size == 100 && w.Duration() == time.Second && now.Sub(w.End) < 3*time.Second
	return s.answer(ctx, cursor{request: request{at: now, window: w, lane: lane, size: size, probe: probe}})
}

func (s *service) Next(ctx context.Context, _ trace.Lane, link string) (*source.Page, error) {
	s.mu.Lock()
	i, _ := strconv.Atoi(link)
	c := s.cursors[i]
	s.mu.Unlock()
	c.at, c.link = wallClock(), true
	return s.answer(ctx, c)
}

func (s *service) answer(ctx context.Context, c cursor) (*source.Page, error) {
	s.mu.Lock()
	s.requests = append(s.requests, c.request)
	takes := s.takes
	s.mu.Unlock()
	if err := transport.Sleep(ctx, takes); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	date := wallClock().Add(s.ahead)
	if s.refuse != nil {
		if err := s.refuse(c.request); err != nil {
			if e, ok := errors.AsType[*transport.Error](err); ok && e.Status != 0 {
				s.heard(e.Status, date.Add(s.wrong))
			}
			return nil, err
		}
	}
	page := s.page(c, date)
	page.Served = s.heard(http.StatusOK, date.Add(s.wrong))
	return page, nil
}

// change changes how the service answers from now on.
func (s *service) change(how func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	how()
}

func (s *service) page(c cursor, date time.Time) *source.Page {
	first, _ := slices.BinarySearchFunc(s.mail, c.window.Start, time.Time.Compare)
	until := c.window.End
	if date.Before(until) {
		until = date
	}
	end, _ := slices.BinarySearchFunc(s.mail, until.Add(time.Nanosecond), time.Time.Compare)
	newest := max(first, end-c.from)
	oldest := max(first, newest-c.size)
	link := ""
	if oldest > first {
		link = strconv.Itoa(len(s.cursors))
		c.from += newest - oldest
		s.cursors = append(s.cursors, c)
	}
	spoiled := s.spoiled != nil && s.spoiled(c.request)
	return &source.Page{
		Arrived: wallClock(),
		Rows: func(yield func(*trace.Row, error) bool) {
			for i := newest - 1; i >= oldest; i-- {
				if !yield(s.row(i), nil) {
					return
				}
			}
			if spoiled {
				yield(nil, damage())
			}
		},
		Next: func() string { return link },
		Row: func(text []byte) *trace.Row {
			i, _ := strconv.Atoi(string(text[7 : len(text)-2]))
			return s.row(i)
		},
	}
}

func (s *service) row(i int) *trace.Row {
	return &trace.Row{
		Raw: textOf(i), ID: strconv.AppendInt(nil, int64(i), 10), Recipient: []byte("a@contoso.com"),
		Status: []byte(trace.Delivered), Received: s.mail[i],
	}
}

// textOf is the JSON text of a row.
func textOf(row int) []byte { return fmt.Appendf(nil, `{"id":"%d"}`, row) }

// asked returns the requests since so many that match.
func (s *service) asked(match ...func(request) bool) (all []request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if !slices.ContainsFunc(match, func(m func(request) bool) bool { return !m(r) }) {
			all = append(all, r)
		}
	}
	return all
}

func isProbe(r request) bool   { return r.probe }
func isNoProbe(r request) bool { return !r.probe }

// since matches the requests since an instant.
func since(t time.Time) func(request) bool { return func(r request) bool { return !r.at.Before(t) } }

// whose matches the requests for windows that hold the instant.
func whose(t time.Time) func(request) bool {
	return func(r request) bool { return !r.probe && r.holds(t) }
}

func refusal(status int) error { return &transport.Error{Target: "service", Status: status} }

func refusalFor(reason transport.Reason) error {
	return &transport.Error{Target: "service", Status: http.StatusBadRequest, Reason: reason}
}

func noAnswer() error { return &transport.Error{Target: "service", Err: context.DeadlineExceeded} }

func damage() error {
	return &transport.Error{Target: "service", Status: http.StatusOK, Err: source.ErrShape, Damaged: true}
}
