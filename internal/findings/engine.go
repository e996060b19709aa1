// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"encoding/binary"
	"math"
	"time"
)

// Engine applies the rules. It must not be used by several goroutines at once.
type Engine struct {
	settings Settings
	rules    []rule
	names    []string
	harmless []harmless
	within   []uint32
	// least is from how many entries on a series of each rule can be a finding.
	least []int
	// periods are the quiet periods: no shorter than a window, so that one reaches into no more than two.
	periods  []uint32
	local    domains
	lateness uint32
	secret   [2]uint64

	// now is the latest time of the clock that the engine was told. What is remembered is so until the clock has passed a
	// time, however the time of the mail jumps.
	now uint32
	tracker
	dirty    []*series
	waiting  []waiting
	found    map[uid]uint32
	swept    uint32
	messages messages
	late     int64
	unsaved  [buckets]bool

	// What follows is of the mail in hand, or saves work.
	ruleInHand int
	mail       mail
	tenant     string
	tenantHash uint64
	ruleHashes []uint64
	places     map[string]*place
	// home is the inside domain that was met last. One side of most mail is there.
	home       *place
	buffer     []byte
	perMessage map[uint64]int32
	used       [3]*tally
	findings   []Finding
}

// Stats are counts since the engine was made, and the number of series now.
type Stats struct {
	// Tracked is the number of senders, domains and mailboxes that are tracked now, over all rules; Bytes is about what they
	// take up in memory.
	Tracked, Bytes int
	// Evicted were forgotten to make room for others; Late is the number of rows older than Lateness allows for.
	Evicted, Late int64
}

// New returns an engine without state. The settings must be valid. The secret must be the same over restarts, and
// unknown to those who send mail.
func New(s Settings, secret [16]byte) *Engine {
	e := &Engine{
		settings: s, local: newDomains(s.LocalDomains), secret: halves(secret),
		lateness: secondsOf(s.Lateness),
		found:    map[uid]uint32{}, places: map[string]*place{}, perMessage: map[uint64]int32{},
	}
	e.tracker = newTracker()
	e.messages = newMessages(s.MaxTracked)
	for name, k := range s.Rules.all() {
		if !k.common().Enabled {
			continue
		}
		if r := k.rule(&e.settings); r != nil {
			e.rules = append(e.rules, r)
			e.least = append(e.least, r.least())
			e.names = append(e.names, name)
			e.harmless = append(e.harmless, newHarmless(&k.common().Ignore))
			e.within = append(e.within, secondsOf(k.common().Within))
			e.periods = append(e.periods, secondsOf(max(s.QuietPeriod, k.common().Within)))
			e.ruleHashes = append(e.ruleHashes, e.hash(name))
		}
	}
	return e
}

// clock is a time of the clock in seconds since 1970.
func clock(t time.Time) uint32 { return uint32(min(max(t.Unix(), 0), maxTime)) }

func secondsOf(d time.Duration) uint32 { return uint32(min(d/time.Second, math.MaxInt32)) } //nolint:gosec // bounded

// Observe takes in an observation that arrives now. It reports whether the observation holds enough to be looked at. What
// is found is returned by Settle.
func (e *Engine) Observe(o *Observation, now time.Time) bool {
	if !e.prepare(o) {
		return false
	}
	m := &e.mail
	e.now = max(e.now, clock(now))
	if m.at+e.lateness < e.now {
		e.late++
	}
	for i, r := range e.rules {
		if h := &e.harmless[i]; h.none || !h.has(m) {
			e.ruleInHand = i
			r.observe(e, m)
		}
	}
	return true
}

// expiry is when an entry of the rule in hand is forgotten: when it is in no window any more that rows may change which
// come within lateness. What comes late itself, as in a backfill, is kept as long after its arrival.
func (e *Engine) expiry(at uint32) uint32 {
	return max(at+e.within[e.ruleInHand], e.now) + e.lateness
}

// track adds an entry to the series of a key. An entry without a time is of the mail itself.
func (e *Engine) track(m *mail, k key, n entry) *series {
	s := e.series(e.ruleInHand, m, k)
	if n.at == 0 {
		n.at, n.message = m.at, m.message
	}
	n.expires = e.expiry(n.at)
	if m.Status == "delivered" || m.Previous == "delivered" {
		n.flags |= delivered
	}
	s.inside = m.fromInside
	s.add(n)
	if len(s.entries)+len(s.fresh) > e.least[e.ruleInHand]-MaxMessages {
		s.sampled(n.message, m)
	}
	return s
}

// Settle returns what the observations since the last call, and the time that has passed, add to what was found before.
func (e *Engine) Settle(now time.Time) []Finding {
	e.now = max(e.now, clock(now))
	e.wake()
	for _, s := range e.dirty {
		s.dirty = false
		e.judge(s)
		s.expire(e.now)
		if s.turn > 0 {
			e.weigh(s)
		}
	}
	clear(e.dirty)
	e.dirty = e.dirty[:0]
	e.sweep()
	e.shrink()
	e.messages.rotate(e.now, e.lateness)
	found := e.findings
	e.findings = nil
	return found
}

// Stats returns counts.
func (e *Engine) Stats() Stats {
	return Stats{Tracked: e.tracked, Bytes: e.bytes, Evicted: e.evicted, Late: e.late}
}

func halves(secret [16]byte) [2]uint64 {
	return [2]uint64{binary.LittleEndian.Uint64(secret[:8]), binary.LittleEndian.Uint64(secret[8:])}
}
