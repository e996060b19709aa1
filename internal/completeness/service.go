// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const (
	// rowsPerDay and days are how much mail there is.
	rowsPerDay = 20_000
	days       = 7
	// afterwards is how much longer is read, so that late rows and late changes count fairly.
	afterwards = 3 * 24 * time.Hour

	// changing is the part of the rows whose status changes.
	changing = 0.05
	// pageSize is the most rows that one request returns.
	pageSize = 5000
)

var epoch = time.Date(2026, time.November, 16, 0, 0, 0, 0, time.UTC)

// part is a share of all cases, in which a time is evenly distributed up to a bound; from the bound of the part before.
type part struct {
	share float64
	upTo  time.Duration
}

var (
	// delays are between the receipt of a message and the visibility of its row.
	delays = []part{{0.80, time.Minute}, {0.15, 15 * time.Minute}, {0.04, 4 * time.Hour}, {0.01, 24 * time.Hour}}
	// changes are between the receipt of a message and the change of its status.
	changes = []part{{0.70, time.Hour}, {0.25, 8 * time.Hour}, {0.047, 24 * time.Hour}, {0.003, 48 * time.Hour}}
	// fates are the statuses before and after a change.
	fates = [][2]trace.Status{
		{trace.GettingStatus, trace.Delivered},
		{trace.Pending, trace.Delivered},
		{trace.Pending, trace.Failed},
		{trace.Quarantined, trace.Delivered},
		{trace.Delivered, trace.Recalled},
	}
)

// row is one row, and when it shows what.
type row struct {
	key      trace.Key
	received time.Time
	visible  time.Time
	// changed is when the status changes from first to final; zero if it never does.
	changed      time.Time
	first, final trace.Status
}

// status is the status that the row shows at an instant.
func (r *row) status(at time.Time) trace.Status {
	if at.Before(r.changed) {
		return r.first
	}
	return r.final
}

// arrivals returns the mail of the tenant in the order of its receipt. It is the same every time.
func arrivals() []*row {
	random := rand.New(rand.NewPCG(365, 5000)) //nolint:gosec // must repeat, and need not be secret
	rows := make([]*row, rowsPerDay*days)
	for i := range rows {
		received := epoch.Add(time.Duration(random.Int64N(int64(days * 24 * time.Hour)))).Truncate(time.Millisecond)
		r := &row{received: received, visible: received.Add(draw(random, delays)), final: trace.Delivered}
		binary.BigEndian.PutUint64(r.key[:], uint64(i))
		if random.Float64() < changing {
			fate := fates[random.IntN(len(fates))]
			r.first, r.final, r.changed = fate[0], fate[1], received.Add(draw(random, changes))
		}
		rows[i] = r
	}
	slices.SortFunc(rows, func(a, b *row) int { return a.received.Compare(b.received) })
	return rows
}

func draw(random *rand.Rand, parts []part) time.Duration {
	var from time.Duration
	p := random.Float64()
	for _, each := range parts {
		if p < each.share {
			return from + time.Duration(random.Int64N(int64(each.upTo-from)))
		}
		p -= each.share
		from = each.upTo
	}
	return from
}

// service answers like the real one: with what it shows at the time of the question.
type service struct {
	rows []*row
	now  time.Time
	// requests and reads count what has been asked and answered.
	requests, reads int
}

// read returns the rows of a window, both ends included, that are visible now.
func (s *service) read(w trace.Window) (visible []*row) {
	from := sort.Search(len(s.rows), func(i int) bool { return !s.rows[i].received.Before(w.Start) })
	for _, r := range s.rows[from:] {
		if r.received.After(w.End) {
			break
		}
		if !r.visible.After(s.now) {
			visible = append(visible, r)
		}
	}
	s.reads += len(visible)
	s.requests += max(1, (len(visible)+pageSize-1)/pageSize)
	return visible
}
