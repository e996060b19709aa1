// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// uid identifies a finding.
type uid [16]byte

// report adds a finding for each level of a period that has not been found before.
func (e *Engine) report(r rule, s *series, period uint32, best *fullest) {
	level, length := s.levels(period), e.periods[s.rule]
	// In a late or repeated stretch of mail, time stands still: remember for as long from now on.
	until := max((period+1)*length, e.now) + length
	for w := best.of(level); w != nil; w = best.of(level) {
		w.complete(e)
		e.find(r, s, period, level, w, until)
		level++
		s.mark(period, level, until)
		s.until = max(s.until, until)
	}
}

func (e *Engine) find(r rule, s *series, period uint32, level uint8, w *window, until uint32) {
	length, limit := e.periods[s.rule], w.limit
	for range level {
		limit *= 10
	}
	id := uidOf(s.tenant, e.names[s.rule], s.key, period, length, level)
	if _, known := e.found[id]; known {
		return
	}
	e.remember(id, until)
	f := Finding{
		UID: hex.EncodeToString(id[:]), Tenant: s.tenant, Rule: e.names[s.rule], Key: s.key, Severity: Warn,
		Time:  timeOf(min(max(crossing(r, s, w, limit), period*length), (period+1)*length-1)),
		Count: w.count, Threshold: limit, Start: timeOf(w.start), End: timeOf(w.end),
	}
	for _, each := range s.samples {
		if e.inWindow(each.message, w) {
			f.Messages = appendNew(f.Messages, each.id, MaxMessages)
			f.Recipients = appendNew(f.Recipients, each.recipient, MaxRecipients)
		}
	}
	r.describe(s, w, &f)
	if level > 0 {
		f.Severity = f.Severity.raised()
	}
	e.findings = append(e.findings, f)
}

func (e *Engine) inWindow(message uint64, w *window) bool {
	for i := range w.entries {
		if w.entries[i].message == message {
			return true
		}
	}
	return false
}

func appendNew(list []string, text string, most int) []string {
	if text == "" || len(list) == most || slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

// crossing is the time of the entry with which a window reaches the limit.
func crossing(r rule, s *series, w *window, limit int64) uint32 {
	t := newTally()
	t.start = w.start
	for i := range w.entries {
		t.put(&w.entries[i])
		if count, _ := r.measure(s, &t.figures); count >= limit {
			return w.entries[i].at
		}
	}
	return w.end
}

// maxFound is how many findings are remembered, so that they are not repeated.
const maxFound = 100_000

func (e *Engine) remember(id uid, until uint32) {
	if len(e.found) >= maxFound {
		e.forget()
	}
	e.found[id] = until
	e.unsaved[id[0]] = true
}

// forget forgets the findings whose time is over, and any others if there are too many.
func (e *Engine) forget() {
	for id, until := range e.found {
		if until < e.now || len(e.found) >= maxFound {
			delete(e.found, id)
			e.unsaved[id[0]] = true
		}
	}
}

// uidOf is the beginning of a SHA-256 of what makes a finding the same one.
func uidOf(tenant, rule, key string, period, length uint32, level uint8) (id uid) {
	text := []byte(strings.ToLower(tenant))
	for _, part := range []string{rule, key} {
		text = append(append(text, 0xFF), part...) // occurs in no UTF-8
	}
	start := uint64(period) * uint64(length)
	text = append(text, 0xFF)
	for range 8 {
		text, start = append(text, byte(start)), start>>8
	}
	sum := sha256.Sum256(append(text, level))
	copy(id[:], sum[:])
	return id
}

func timeOf(seconds uint32) time.Time { return time.Unix(int64(seconds), 0).UTC() }
