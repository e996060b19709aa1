// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// topSpan is how far back senders and recipients are counted, by the time at which the service received the mail.
	topSpan = time.Hour
	// topStep is the length of what is counted and forgotten together.
	topStep = 20 * time.Minute
	// topKept is the most addresses that are counted in a step. A recorder needs about 0.7 MiB for them, and 3 MiB if all
	// are as long as may be.
	topKept = 1024
	// maxAddress bounds an address, in bytes: RFC 5321 allows 254.
	maxAddress = 320
)

// Count is an address and how many rows it had. The true number is from Rows to AtMost.
type Count struct {
	Address      string
	Rows, AtMost int
}

// frequent counts the most frequent addresses in bounded memory, after Misra and Gries: of n rows, each address with more
// than n/(topKept+1) is in rows, counted too low by missed at most.
type frequent struct {
	rows   map[string]int
	missed int
}

func (f *frequent) add(address string) {
	if address == "" {
		return
	}
	address = strings.ToLower(shorten(address, maxAddress))
	if n, known := f.rows[address]; known || len(f.rows) < topKept {
		if f.rows == nil {
			f.rows = map[string]int{}
		}
		if !known {
			// What it is a part of would be kept with it.
			address = strings.Clone(address)
		}
		f.rows[address] = n + 1
		return
	}
	f.missed++
	for each, n := range f.rows {
		if n == 1 {
			delete(f.rows, each)
		} else {
			f.rows[each] = n - 1
		}
	}
}

// step is what is counted of some minutes.
type step struct {
	number              int64
	senders, recipients frequent
}

// top counts the senders and recipients of the last hour.
type top struct {
	mu    sync.Mutex
	steps [topSpan/topStep + 1]step
}

func stepOf(t time.Time) int64 { return t.Unix() / int64(topStep/time.Second) }

// add counts rows by the time at which the service received their messages. Older ones than an hour are left out, and so are
// those that come from the future.
func (t *top) add(rows []mail, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range rows {
		number := stepOf(rows[i].received)
		if age := stepOf(now) - number; age < 0 || age >= int64(len(t.steps)) {
			continue
		}
		s := &t.steps[number%int64(len(t.steps))]
		if s.number != number {
			*s = step{number: number}
		}
		s.senders.add(rows[i].sender)
		s.recipients.add(rows[i].recipient)
	}
}

// sum adds the steps that are young enough to the sums.
func (t *top) sum(now time.Time, senders, recipients *frequent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.steps {
		s := &t.steps[i]
		if age := stepOf(now) - s.number; age >= 0 && age < int64(len(t.steps)) {
			senders.merge(&s.senders)
			recipients.merge(&s.recipients)
		}
	}
}

func (f *frequent) merge(more *frequent) {
	if f.rows == nil {
		f.rows = map[string]int{}
	}
	for address, n := range more.rows {
		f.rows[address] += n
	}
	f.missed += more.missed
}

// first returns the addresses with most rows, at most limit of them.
func (f *frequent) first(limit int) (counts []Count) {
	for address, n := range f.rows {
		counts = append(counts, Count{Address: address, Rows: n, AtMost: n + f.missed})
	}
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), strings.Compare(a.Address, b.Address))
	})
	return counts[:min(limit, len(counts))]
}

// CountAddresses makes the recorders that are opened from now on count senders and recipients.
func (r *Registry) CountAddresses() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.countsAddresses = true
}

// Top returns the senders and the recipients that most rows of the last hour or a little more have, at most limit of each;
// nil inputs means all. Only rows that were new are counted, by the time at which the service received their message.
func (r *Registry) Top(inputs []string, limit int) (senders, recipients []Count) {
	var from, to frequent
	for _, rec := range r.selected(inputs) {
		if rec.top != nil {
			rec.top.sum(rec.now(), &from, &to)
		}
	}
	return from.first(limit), to.first(limit)
}
