// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"sync"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// minMeasured is how long a backfill must have gone on for its speed to mean anything.
const minMeasured = 30 * time.Second

// progress is how far the backfill is. It is safe for concurrent use.
type progress struct {
	mu sync.Mutex
	// open is what was still to be read when it was noted last, and done what has been read since began.
	open, done time.Duration
	began      time.Time
	// share is the greatest share that has been told.
	share float64
	// pages counts the pages that have been read.
	pages int
}

// read notes pages of backfill.
func (p *progress) read(pages int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pages += pages
}

// note notes how much is open now, and returns how far the backfill is: zero if there is none.
func (p *progress) note(open time.Duration, now time.Time, rate transport.Rate) jobs.Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	if open <= 0 {
		p.open, p.done, p.began, p.share, p.pages = 0, 0, time.Time{}, 0, 0
		return jobs.Progress{}
	}
	if p.began.IsZero() {
		p.began, p.pages = now, 0
	} else {
		p.done += max(0, p.open-open)
	}
	p.open = open
	total := p.done + open
	p.share = max(p.share, p.done.Seconds()/total.Seconds())
	return jobs.Progress{Total: total, Open: open, Share: p.share, ETA: p.left(now, rate)}
}

// left estimates how long the rest takes: as long as what has been read, in proportion, but at least as long as the quota
// allows. The first requests of an interval come at once, so that the beginning is faster than the rest.
func (p *progress) left(now time.Time, rate transport.Rate) (eta time.Duration) {
	windows := p.open.Seconds() / plan.MaxWindow.Seconds()
	pages := 1.0
	if read := p.done.Seconds() / plan.MaxWindow.Seconds(); read > 0 {
		pages = max(1, float64(p.pages)/read)
		if took := now.Sub(p.began); took >= minMeasured {
			eta = time.Duration(windows / read * float64(took))
		}
	}
	if rate.Requests > 0 {
		perSecond := float64(rate.Requests) * transport.BackfillShare / rate.Interval.Seconds()
		eta = max(eta, time.Duration(windows*pages/perSecond*float64(time.Second)))
	}
	return eta
}
