// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
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
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

const (
	// maxDeadLinks is how many dead links a job bears. To find the one millisecond in an hour that cannot be read takes about
	// fifty.
	maxDeadLinks = 100
	// silentAfter is how long a job waits for an answer before it lets others go ahead.
	silentAfter = 2 * time.Second
)

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

// Scope returns what the error is about.
func (e *UnreadableError) Scope() trouble.Scope { return trouble.Window }

// TimeoutError is a job that took too long. What it has read until then has been delivered.
type TimeoutError struct{ Limit time.Duration }

func (e *TimeoutError) Error() string {
	return "the service did not hand out the window within job_timeout, " + e.Limit.String()
}

// Scope returns what the error is about.
func (e *TimeoutError) Scope() trouble.Scope { return trouble.Window }

// Hint names the key to change.
func (e *TimeoutError) Hint() string { return "raise job_timeout if the service is merely slow" }

// job is the reading of the window of one step.
type job struct {
	*Collector
	step plan.Step
	// pageSize is how many rows a page is asked to have, 0 for as many as the source allows.
	pageSize int
	report   Report
	// began is when the reading began, and read what has been read and delivered since, to the millisecond.
	began time.Time
	read  plan.Intervals
	// waited is how long the job has waited for answers of the service.
	waited time.Duration
	// unreadable is what could not be read, in however small windows.
	unreadable plan.Intervals
	// batch is the rows that are delivered next, and late the memory of Page.Late.
	batch batch
	late  []time.Duration
	// todo are the parts still to be read, the newest last.
	todo []part
	// deadLinks counts the dead links, fruitless those of them in a row that had no rows before them.
	deadLinks, fruitless int
	// fetches counts the pages that are being fetched ahead.
	fetches sync.WaitGroup
}

// Run reads the window of a step in pages of so many rows, 0 for as many as the source allows. What has been read and
// delivered is committed page by page, so an error leaves only the rest of the window open.
func (c *Collector) Run(ctx context.Context, step plan.Step, pageSize int) (Report, error) {
	ctx, done := transport.Reuse(ctx)
	defer done()
	unpin := c.Ledger.Pin(step.Window)
	defer unpin()
	j := &job{Collector: c, step: step, pageSize: pageSize, began: c.Now(), todo: []part{{Window: step.Window}}}
	var failure error
	for len(j.todo) > 0 {
		next := j.todo[len(j.todo)-1]
		j.todo = j.todo[:len(j.todo)-1]
		w, err := j.walk(ctx, next)
		if err == nil {
			continue
		}
		again, err := j.again(ctx, w, err)
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

// again puts back the rest of a part that could not be read to its end and returns why it had to, or it returns the
// error that ends the job.
func (j *job) again(ctx context.Context, w *walk, err error) (why, end error) {
	var dead *deadLinkError
	var e *transport.Error
	switch {
	case errors.As(err, &dead):
		if j.deadLinks++; j.deadLinks > maxDeadLinks {
			return nil, err
		}
		j.divide(w)
		if j.fruitless++; w.rows > 0 {
			j.fruitless = 0
		}
		if j.fruitless > maxFruitless {
			return nil, err
		}
		return err, j.slowDown(ctx, w)
	case w.part.most && errors.As(err, &e) && e.Reason == transport.PageSize:
		// There are no longer pages, so that nothing can be told of what lies beyond.
		if err := j.enter(ctx); err != nil {
			return nil, err
		}
		defer j.leaveSection()
		j.Observer.Cut(ctx, w.part.Window)
		j.close(w.part.Window)
		j.commit(ctx)
		return err, nil
	case errors.As(err, &e) && e.Damaged:
		wait, ok := j.Retry(ctx, w.part.damaged+1)
		if !ok {
			return nil, err
		}
		rest := w.part
		rest.Window, rest.damaged = w.coverage.rest(), w.part.damaged+1
		j.todo = append(j.todo, rest)
		return err, transport.Sleep(ctx, wait)
	}
	return nil, err
}

// divide puts back what a dead link has left of a part: what is newer than the oldest row, which one page brings to its end,
// and what is older. Where that is no division, it is asked for whole once more, then in other pages, and then in halves, down
// to the finest window.
func (j *job) divide(w *walk) {
	rest := w.coverage.rest()
	if rest.Empty() {
		return
	}
	if at := behind(w.coverage.oldest); w.rows > 0 && at.After(rest.Start) && at.Before(rest.End) {
		j.putBack(rest, at)
		return
	}
	if !w.part.dead || rest.Duration() < w.part.Duration() {
		j.todo = append(j.todo, part{Window: rest, dead: true})
		return
	}
	if size := w.otherSize(); size > 0 && w.part.size == 0 {
		j.todo = append(j.todo, part{Window: rest, dead: true, size: size})
		return
	}
	half := (rest.Duration() / 2).Truncate(j.Finest)
	if half == 0 {
		j.unreadable = j.unreadable.Add(rest)
		return
	}
	j.putBack(rest, rest.Start.Add(half))
}

// putBack puts back a window in two parts.
func (j *job) putBack(w trace.Window, at time.Time) {
	older, newer := trace.Window{Start: w.Start, End: at}, trace.Window{Start: at, End: w.End}
	j.todo = append(j.todo, part{Window: older}, part{Window: newer})
}

// walk reads a part page by page. After an error, the rest of its coverage is what of it has not been read.
func (j *job) walk(ctx context.Context, p part) (w *walk, err error) {
	fetching, cancel := context.WithCancel(ctx)
	defer j.fetches.Wait()
	defer cancel()
	w = &walk{part: p, coverage: newCoverage(p.Window)}
	page, err := j.ask(fetching, func(ctx context.Context) (*source.Page, error) {
		if p.most {
			return j.Source.First(ctx, j.step.Lane, p.Window, source.Most)
		}
		return j.Source.First(ctx, j.step.Lane, p.Window, cmp.Or(p.size, j.pageSize))
	})
	for err == nil {
		next := j.ahead(fetching, page, &w.progress)
		var rows int
		rows, err = j.page(ctx, page, w)
		w.rows += rows
		end, link := w.ending(page), page.Next()
		// Records have copies of their rows, so nothing refers to the page any more.
		j.batch.drop()
		page.Done()
		if err != nil {
			break
		}
		j.report.Pages++
		w.pages++
		switch end {
		case complete:
			return w, nil
		case beyond, crowded:
			j.todo = append(j.todo, w.beyond(end)...)
			return w, nil
		case unclear:
			return w, &deadLinkError{reason: "a full page has none, and its rows do not tell where it ends"}
		}
		if err = w.progress.page(link, rows); err != nil {
			break
		}
		if w.progress.stands() {
			if err = transport.Sleep(ctx, 2*fruitlessWait); err != nil {
				break
			}
		}
		if next == nil {
			next = j.fetch(fetching, link)
		}
		if page, err = next(); isDead(err) {
			err = &deadLinkError{reason: "it leads nowhere", err: err}
		}
	}
	return w, err
}

// ask asks the service for a page once it may be asked, and waits no longer for the answer than the job has time left. It
// is never called twice at the same time.
func (j *job) ask(ctx context.Context, get func(ctx context.Context) (*source.Page, error)) (*source.Page, error) {
	if j.Gate != nil {
		if err := j.Gate.Enter(ctx, j.step.Lane); err != nil {
			return nil, err
		}
		waiting := ctx
		silent := time.AfterFunc(silentAfter, func() { j.Gate.Leave(waiting) })
		defer silent.Stop()
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

// hold waits until a job may work on a page.
func (j *job) hold(ctx context.Context) error {
	if j.Gate == nil {
		return nil
	}
	return j.Gate.Hold(ctx)
}

// leave lets others go ahead while the job waits.
func (j *job) leave(ctx context.Context) {
	if j.Gate != nil {
		j.Gate.Leave(ctx)
	}
}

// ahead begins to fetch the next page, if the page names it before its rows have been walked and is not large.
func (j *job) ahead(ctx context.Context, page *source.Page, p *progress) (next func() (*source.Page, error)) {
	link := page.Next()
	if link == "" || p.followed(link) || page.Size > transport.LargePage {
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
