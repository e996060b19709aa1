// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"slices"
	"sync"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// pins are the windows of running jobs. They are safe for concurrent use.
type pins struct {
	mu  sync.Mutex
	all []*trace.Window
}

func (p *pins) put(w trace.Window) (remove func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pin := &w
	p.all = append(p.all, pin)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.all = slices.DeleteFunc(p.all, func(other *trace.Window) bool { return other == pin })
	}
}

// touch reports whether one of the windows has an instant in common with w.
func (p *pins) touch(w trace.Window) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.all, func(pin *trace.Window) bool { return !pin.Start.After(w.End) && !pin.End.Before(w.Start) })
}
