// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import "context"

// Election calls back when this collector becomes the leader, and when it no longer is.
type Election func(started func(context.Context), stopped func())

// whileLeading polls whenever this collector is the leader, until ctx ends.
func (p *Poller) whileLeading(ctx context.Context) {
	leading := newToggle()
	p.Elect(func(context.Context) { leading.set(true) }, func() { leading.set(false) })
	p.Reporter.Report(AwaitingElection)
	for ctx.Err() == nil {
		term, end := leading.term(ctx)
		if term.Err() == nil {
			p.Reporter.Report(Elected)
			p.poll(term)
			p.Reporter.Report(TermEnded)
		}
		end()
	}
}

// toggle is on or off.
type toggle struct {
	// state holds the latest state that nobody has taken notice of.
	state chan bool
}

func newToggle() *toggle { return &toggle{state: make(chan bool, 1)} }

func (t *toggle) set(on bool) {
	for {
		select {
		case t.state <- on:
			return
		default:
		}
		// What was there is out of date.
		select {
		case <-t.state:
		default:
		}
	}
}

// term waits until the toggle is on, and returns a context that ends when it is off again, or when ctx ends.
func (t *toggle) term(ctx context.Context) (term context.Context, end func()) {
	for on := false; !on; {
		select {
		case on = <-t.state:
		case <-ctx.Done():
			return ctx, func() {}
		}
	}
	term, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case on := <-t.state:
				if !on {
					cancel()
					return
				}
			case <-term.Done():
				return
			}
		}
	}()
	return term, func() {
		cancel()
		<-done
	}
}
