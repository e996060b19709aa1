// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/findings"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// rules are what finds each kind of incident, with what the crossing row is: the how-many-eth that becomes visible.
var rules = map[mail.Incident]struct {
	rule string
	rows int
}{
	mail.BulkMailing: {"bulk_mail", 100}, mail.Takeover: {"bulk_mail", 100}, mail.LookAlike: {"lookalike_domain", 1},
	mail.Spoofing: {"spoofed_domain", 1}, mail.Exfiltration: {"exfiltration", 14}, mail.Forwarding: {"auto_forward", 3},
	mail.Removal: {"removed_after_delivery", 1}, mail.Harvesting: {"failure_burst", 30},
}

// instance is one incident: of a kind, on a day.
type instance struct {
	kind mail.Incident
	day  int64
}

// happened is what is known of an incident.
type happened struct {
	keys    map[string]bool
	visible []time.Time
	found   time.Time
}

// tally is what there was of a kind of incident, and of findings that no incident explains.
type tally struct {
	incidents, found int
	delays           []time.Duration
	missed           []string
}

type result struct {
	world     world
	instances map[instance]*happened
	removed   map[string]bool
	kinds     map[mail.Incident]*tally
	falseOnes map[string][]string
	rows      int
	days      int
	spent     time.Duration
	heap      uint64
	tracked   int
}

func newResult(w world) *result {
	return &result{
		world: w, instances: map[instance]*happened{}, removed: map[string]bool{}, kinds: map[mail.Incident]*tally{},
		falseOnes: map[string][]string{}, days: w.days,
	}
}

// expect notes what a row should make somebody find.
func (r *result) expect(row *mail.Row) {
	visible := row.Timeline[0].At
	for i := 1; i < len(row.Timeline); i++ {
		if row.Timeline[i-1].Status == mail.Delivered && row.Timeline[i].Status != mail.Delivered {
			r.removed[strings.ToLower(row.Sender)] = true
			if row.Incident == mail.Removal {
				visible = row.Timeline[i].At
			}
		}
	}
	if row.Incident == mail.NoIncident {
		return
	}
	at := instance{row.Incident, row.Received.Unix() / (24 * 60 * 60)}
	h := r.instances[at]
	if h == nil {
		h = &happened{keys: map[string]bool{}}
		r.instances[at] = h
	}
	h.visible = append(h.visible, visible)
	sender := strings.ToLower(row.Sender)
	h.keys[sender], h.keys[sender[strings.LastIndexByte(sender, '@')+1:]] = true, true
}

// poll has the engine look at what one poll brought, and judges what it finds.
func (r *result) poll(e *findings.Engine, events []event, now time.Time) {
	// Newest first, as the service returns rows.
	slices.SortFunc(events, func(a, b event) int { return b.row.Received.Compare(a.row.Received) })
	all := make([]findings.Observation, len(events))
	for i := range events {
		all[i] = observation(&events[i], now)
	}
	began := cpu()
	var found []findings.Finding
	for i := range all {
		e.Observe(&all[i], now)
		if i%1000 == 999 {
			found = append(found, e.Settle(now)...)
		}
	}
	found = append(found, e.Settle(now)...)
	r.spent += cpu() - began
	r.rows += len(all)
	for i := range found {
		r.judge(&found[i], now)
	}
}

// wait lets time pass.
func (r *result) wait(e *findings.Engine, now time.Time) {
	began := cpu()
	found := e.Settle(now)
	r.spent += cpu() - began
	for i := range found {
		r.judge(&found[i], now)
	}
}

func (r *result) judge(f *findings.Finding, now time.Time) {
	explained := false
	for at, h := range r.instances {
		day := f.Time.Unix() / (24 * 60 * 60)
		if !h.keys[f.Key] || at.day < day-1 || at.day > day+1 {
			continue
		}
		// One incident may be several things: whoever tries addresses mails many.
		explained = true
		if rules[at.kind].rule == f.Rule && at.day == day && h.found.IsZero() {
			h.found = now
		}
	}
	if f.Rule == "removed_after_delivery" && r.removed[f.Key] {
		explained = true
	}
	if !explained {
		r.falseOnes[f.Rule] = append(r.falseOnes[f.Rule], f.Text)
	}
}

// finish sums up.
func (r *result) finish(e *findings.Engine) {
	for at, h := range r.instances {
		slices.SortFunc(h.visible, time.Time.Compare)
		needed := rules[at.kind].rows
		if len(h.visible) < needed {
			continue
		}
		t := r.kinds[at.kind]
		if t == nil {
			t = &tally{}
			r.kinds[at.kind] = t
		}
		t.incidents++
		if h.found.IsZero() {
			t.missed = append(t.missed, fmt.Sprintf("seed %d, day %d: %v", r.world.seed, at.day, slices.Sorted(maps.Keys(h.keys))))
			continue
		}
		t.found++
		t.delays = append(t.delays, h.found.Sub(h.visible[needed-1]))
	}
	before := memory()
	r.tracked = e.Stats().Tracked
	e = nil
	r.heap = before - min(before, memory())
	r.instances, r.removed = nil, nil
}

// add adds the result of another tenant.
func (r *result) add(o *result) {
	if r.kinds == nil {
		r.kinds, r.falseOnes = map[mail.Incident]*tally{}, map[string][]string{}
	}
	for kind, t := range o.kinds {
		sum := cmp.Or(r.kinds[kind], &tally{})
		r.kinds[kind] = sum
		sum.incidents, sum.found = sum.incidents+t.incidents, sum.found+t.found
		sum.delays, sum.missed = append(sum.delays, t.delays...), append(sum.missed, t.missed...)
	}
	for rule, texts := range o.falseOnes {
		r.falseOnes[rule] = append(r.falseOnes[rule], texts...)
	}
	r.rows, r.days, r.spent = r.rows+o.rows, r.days+o.days, r.spent+o.spent
	r.heap, r.tracked = max(r.heap, o.heap), max(r.tracked, o.tracked)
}

func (r *result) print(w io.Writer, perDay, seeds, days int) {
	fmt.Fprintf(w, "\n%d rows a day, %d seeds x %d days, polled every %v\n\n", perDay, seeds, days, poll)
	fmt.Fprintf(w, "| incident | rule | incidents | found | median delay |\n|---|---|---|---|---|\n")
	for _, kind := range mail.Incidents {
		if t := r.kinds[kind]; t != nil {
			slices.Sort(t.delays)
			median := time.Duration(0)
			if len(t.delays) > 0 {
				median = t.delays[len(t.delays)/2]
			}
			fmt.Fprintf(w, "| %v | `%s` | %d | %d | %v |\n", kind, rules[kind].rule, t.incidents, t.found, median.Round(time.Second))
		}
	}
	fmt.Fprintf(w, "\n| rule | false findings | in ten days |\n|---|---|---|\n")
	for _, rule := range findings.RuleNames() {
		n := len(r.falseOnes[rule])
		fmt.Fprintf(w, "| `%s` | %d | %.2f |\n", rule, n, float64(n)*10/float64(r.days))
	}
	fmt.Fprintf(w, "\n%.2f µs of processor time per record; at most %d KiB at the end, %d tracked\n",
		float64(r.spent.Nanoseconds())/1000/float64(r.rows), r.heap>>10, r.tracked)
	for _, kind := range mail.Incidents {
		if t := r.kinds[kind]; t != nil {
			for _, each := range t.missed {
				fmt.Fprintln(w, "missed:", kind, each)
			}
		}
	}
	for rule, texts := range r.falseOnes {
		for _, text := range texts[:min(len(texts), 10)] {
			fmt.Fprintln(w, "false:", rule, text)
		}
	}
}
