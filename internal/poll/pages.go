// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"sync"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

const (
	// fewest is the shortest page that is asked for, in rows.
	fewest = 100
	// firstGrowth is how long pages stay short before they are asked to be twice as long again. Where that fails, it takes
	// twice as long the next time, up to longestGrowth.
	firstGrowth   = time.Hour
	longestGrowth = 24 * time.Hour
)

// pages is how many rows a page is asked to have. A service that refuses a page may hand out a shorter one.
type pages struct {
	mu sync.Mutex
	// most is the length that is configured, and now that which is asked for at present, 0 for most.
	most, now int
	// suspect is the length before a window was asked for in shorter pages, to see whether that helps; 0 if none is.
	suspect int
	window  trace.Window
	err     error
	// changed is when the length last changed, and growth how long it stays.
	changed time.Time
	growth  time.Duration
}

// size is how many rows a page is asked to have.
func (p *pages) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now != 0 && time.Since(p.changed) >= max(p.growth, firstGrowth) {
		p.now, p.changed, p.suspect = min(2*p.now, p.most), time.Now(), 0
		if p.now == p.most {
			p.now = 0
		}
	}
	return p.length()
}

func (p *pages) length() int {
	if p.now == 0 {
		return p.most
	}
	return p.now
}

// shorten halves the pages because a window was refused in longer ones. It returns false if that is of no use; the pages are
// as long as before then.
func (p *pages) shorten(w trace.Window, e *transport.Error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.length() <= fewest {
		if p.suspect != 0 && e.Reason != transport.PageSize {
			p.now, p.changed = p.suspect, time.Now()
		}
		p.suspect = 0
		return false
	}
	if p.suspect == 0 {
		p.suspect, p.window, p.err = p.length(), w, e
	}
	p.now, p.changed = max(fewest, p.length()/2), time.Now()
	return true
}

// kept notes that a window has been handed out in pages of the present length.
func (p *pages) kept(w trace.Window, r Reporter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.suspect == 0 || w.End.Before(p.window.Start) || w.Start.After(p.window.End) {
		return
	}
	r.Report(PagesShrunk{From: p.suspect, To: p.length(), Err: p.err})
	p.growth = min(max(2*p.growth, firstGrowth), longestGrowth)
	p.suspect = 0
}
