// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	zapobserver "go.uber.org/zap/zaptest/observer"
)

// statusHost is a host that notes the status of its components.
type statusHost struct {
	extensions map[component.ID]component.Component

	mu     sync.Mutex
	events []*componentstatus.Event
	// shown gets each event as well, if somebody listens.
	shown chan *componentstatus.Event
}

var _ componentstatus.Reporter = (*statusHost)(nil)

func (h *statusHost) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *statusHost) Report(event *componentstatus.Event) {
	h.mu.Lock()
	h.events = append(h.events, event)
	h.mu.Unlock()
	if h.shown != nil {
		h.shown <- event
	}
}

// lines returns what has been logged since the last time.
func lines(logs *zapobserver.ObservedLogs) (lines []string) {
	for _, entry := range logs.TakeAll() {
		lines = append(lines, entry.Level.String()+": "+entry.Message)
	}
	return lines
}

// withoutTenant returns lines without the tenant that ends warnings and errors.
func withoutTenant(lines []string) (short []string) {
	for _, line := range lines {
		line, _, _ = strings.Cut(line, " [")
		short = append(short, line)
	}
	return short
}
