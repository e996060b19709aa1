// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// maxDeadEnds is how many dead links a job bears. To find the one millisecond in an hour that cannot be read takes about
// fifty.
const maxDeadEnds = 100

// Report is what came of a job.
type Report struct {
	// Pages is the number of pages that were read.
	Pages int
	// Read is how much received time was closed.
	Read time.Duration
}

// UnreadableError is mail that the service does not hand out, in however small windows it is asked for.
type UnreadableError struct {
	Windows plan.Intervals
	// Err is why the last of them could not be read.
	Err error
}

func (e *UnreadableError) Error() string {
	texts := make([]string, len(e.Windows))
	for i, w := range e.Windows {
		texts[i] = w.String()
	}
	return fmt.Sprintf("cannot be read in however small windows: %s: %v", strings.Join(texts, ", "), e.Err)
}

func (e *UnreadableError) Unwrap() error { return e.Err }

// TimeoutError is a job that took too long. What it has read until then has been delivered.
type TimeoutError struct{ Limit time.Duration }

func (e *TimeoutError) Error() string {
	return "the service did not hand out the window within job_timeout, " + e.Limit.String()
}

// Hint names the key to change.
func (e *TimeoutError) Hint() string { return "raise job_timeout if the service is merely slow" }

// job is the reading of the window of one step.
type job struct {
	*Collector
	step   plan.Step
	report Report
	// waited is how long the job has waited for answers of the service.
	waited time.Duration
	// unreadable is what could not be read, in however small windows.
	unreadable plan.Intervals
	// batch is the rows that are delivered next, and late the memory of Page.Late.
	batch batch
	late  []time.Duration
	// todo is what is left to read, the newest part last.
	todo []part
	// deadEnds counts the dead links.
	deadEnds int
	// fetches counts the pages that are being fetched ahead.
	fetches sync.WaitGroup
}

// part is a part of a job's window.
type part struct {
	trace.Window
	// dead says that a dead link has kept the part from being read already.
	dead bool
	// damaged counts how often damaged pages have.
	damaged int
}

// Run reads the window of a step. What has been read and delivered is committed page by page, so an error leaves only
// the rest of the window open.
func (c *Collector) Run(ctx context.Context, step plan.Step) (Report, error) {
	ctx, done := transport.Reuse(ctx)
	defer done()
	j := &job{Collector: c, step: step, todo: []part{{Window: step.Window}}}
	var failure error
	for len(j.todo) > 0 {
		next := j.todo[len(j.todo)-1]
		j.todo = j.todo[:len(j.todo)-1]
		rest, err := j.read(ctx, next.Window)
		if err == nil {
			continue
		}
		again, err := j.again(ctx, next, rest, err)
		if err != nil {
			return j.report, err
		}
		failure = again
	}
	if len(j.unreadable) > 0 {
		return j.report, &UnreadableError{Windows: j.unreadable, Err: failure}
	}
	return j.report, nil
}

// again puts back what is left of a part that could not be read to its end, whole or halved, and returns why it had to;
// or it returns the error that ends the job.
func (j *job) again(ctx context.Context, p part, rest trace.Window, err error) (why, end error) {
	var dead *deadLinkError
	switch {
	case errors.As(err, &dead):
		if j.deadEnds++; j.deadEnds > maxDeadEnds {
			return nil, err
		}
		j.halve(p, rest)
		return err, nil
	case transport.IsDamaged(err):
		wait, ok := j.Retry(p.damaged + 1)
		if !ok {
			return nil, err
		}
		j.todo = append(j.todo, part{Window: rest, dead: p.dead, damaged: p.damaged + 1})
		return err, transport.Sleep(ctx, wait)
	}
	return nil, err
}

// halve puts back the rest of a part behind a dead link: whole as long as each attempt reads some of it, or for a second
// attempt; then in halves, down to the finest window.
func (j *job) halve(p part, rest trace.Window) {
	if rest.Empty() {
		return
	}
	if rest.Duration() < p.Duration() || !p.dead {
		j.todo = append(j.todo, part{Window: rest, dead: rest.Duration() == p.Duration()})
		return
	}
	half := (rest.Duration() / 2).Truncate(j.Finest)
	if half == 0 {
		j.unreadable = j.unreadable.Add(rest)
		return
	}
	middle := rest.Start.Add(half)
	older, newer := trace.Window{Start: rest.Start, End: middle}, trace.Window{Start: middle, End: rest.End}
	j.todo = append(j.todo, part{Window: older}, part{Window: newer})
}

// read reads a window page by page. After an error, rest is what of it has not been read.
func (j *job) read(ctx context.Context, w trace.Window) (rest trace.Window, err error) {
	fetching, cancel := context.WithCancel(ctx)
	defer j.fetches.Wait()
	defer cancel()
	credit := newCredit(w, j.Now())
	links := linkGuard{}
	page, err := j.ask(fetching, func(ctx context.Context) (*source.Page, error) { return j.Source.First(ctx, j.step.Lane, w, 0) })
	for err == nil {
		next := j.ahead(fetching, page, &links)
		var rows int
		rows, err = j.page(ctx, page, credit)
		// Records have copies of their rows, so nothing refers to the page any more.
		page.Done()
		if err != nil {
			break
		}
		j.report.Pages++
		link := page.Next()
		if link == "" {
			return trace.Window{}, nil
		}
		if err = links.check(link, rows, credit.oldest); err != nil {
			break
		}
		if next == nil {
			next = j.fetch(fetching, link)
		}
		if page, err = next(); isDeadEnd(err) {
			err = &deadLinkError{reason: "it leads nowhere", err: err}
		}
	}
	return credit.rest(), err
}

// ask asks the service for a page once it may be asked, and waits no longer for the answer than the job has time left. It
// is never called twice at the same time.
func (j *job) ask(ctx context.Context, get func(ctx context.Context) (*source.Page, error)) (*source.Page, error) {
	if j.Admit != nil {
		if err := j.Admit(ctx, j.step.Lane); err != nil {
			return nil, err
		}
	}
	if j.Timeout == 0 {
		return get(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, j.Timeout-j.waited, &TimeoutError{Limit: j.Timeout})
	defer cancel()
	began := time.Now()
	page, err := get(ctx)
	j.waited += time.Since(began)
	return page, err
}

// ahead begins to fetch the next page, if the page says which one before its rows have been walked.
func (j *job) ahead(ctx context.Context, page *source.Page, links *linkGuard) (next func() (*source.Page, error)) {
	link := page.Next()
	if link == "" || links.followed(link) {
		return nil
	}
	return j.fetch(ctx, link)
}

// fetch begins to fetch the page behind a link and returns a function that waits for it.
func (j *job) fetch(ctx context.Context, link string) (next func() (*source.Page, error)) {
	var page *source.Page
	var err error
	done := make(chan struct{})
	j.fetches.Go(func() {
		defer close(done)
		page, err = j.ask(ctx, func(ctx context.Context) (*source.Page, error) { return j.Source.Next(ctx, j.step.Lane, link) })
	})
	return func() (*source.Page, error) {
		<-done
		return page, err
	}
}
