// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"math/rand/v2"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// lifetimes are the ways a row may change after it was first seen, with how
// often each happens among those that do. The least and most of a step count
// from the step before.
var lifetimes = [...]struct {
	weight int
	first  mail.Status
	steps  []step
}{
	{63, mail.GettingStatus, []step{{mail.Delivered, time.Minute, 8 * time.Minute}}},
	{10, mail.GettingStatus, []step{{mail.Pending, time.Minute, 5 * time.Minute}, {mail.Delivered, 10 * time.Minute, 3 * time.Hour}}},
	{10, mail.Pending, []step{{mail.Failed, 24 * time.Hour, 29 * time.Hour}}},
	{15, mail.Quarantined, []step{{mail.Delivered, time.Hour, 20 * time.Hour}}},
	{1, mail.Delivered, []step{{mail.Recalled, 5 * time.Minute, 4 * time.Hour}}},
	{1, mail.Delivered, []step{{mail.Quarantined, 10 * time.Minute, 2 * time.Hour}, {mail.Delivered, time.Hour, 12 * time.Hour}}},
}

type step struct {
	to          mail.Status
	least, most time.Duration
}

// steady are the statuses of rows that never change, in parts of a thousand.
var steady = [...]struct {
	until  int
	status mail.Status
}{
	{930, mail.Delivered},
	{960, mail.Failed},
	{980, mail.FilteredAsSpam},
	{995, mail.Quarantined},
	{1000, mail.Pending},
}

// timeline draws when a row becomes visible and what it shows from then on.
// fixed, if not empty, is a status that never changes.
func (b *batch) timeline(received time.Time, fixed mail.Status) []mail.Change {
	visible := received.Add(draw(b.cfg.Delays, b.rng))
	begin := len(b.changes)
	switch {
	case fixed != "":
		b.changes = append(b.changes, mail.Change{At: visible, Status: fixed})
	case b.rng.Float64() < b.cfg.StatusChanges:
		b.changes = appendLifetime(b.changes, visible, b.rng)
	default:
		b.changes = append(b.changes, mail.Change{At: visible, Status: steadyStatus(b.rng)})
	}
	return b.changes[begin:len(b.changes):len(b.changes)]
}

func steadyStatus(rng *rand.Rand) mail.Status {
	n := rng.IntN(steady[len(steady)-1].until)
	for _, s := range steady {
		if n < s.until {
			return s.status
		}
	}
	return mail.Delivered
}

func appendLifetime(changes []mail.Change, at time.Time, rng *rand.Rand) []mail.Change {
	n := rng.IntN(100)
	for _, life := range lifetimes {
		if n -= life.weight; n >= 0 {
			continue
		}
		changes = append(changes, mail.Change{At: at, Status: life.first})
		for _, s := range life.steps {
			at = at.Add(s.least + time.Duration(rng.Int64N(int64(s.most-s.least))))
			changes = append(changes, mail.Change{At: at, Status: s.to})
		}
		break
	}
	return changes
}
