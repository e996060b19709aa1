// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// other is what counts everything that has no name of its own: the service may send any status.
const other = "other"

// Statuses and Directions are the names by which accepted rows are counted. The last one of each counts all the rest: of the
// statuses those that are not known, of the directions rows without email.direction, as without local_domains.
var (
	Statuses = []string{
		string(trace.Delivered), string(trace.Failed), string(trace.Pending), string(trace.GettingStatus), string(trace.Expanded),
		string(trace.Quarantined), string(trace.FilteredAsSpam), string(trace.Recalled), "resolved", other,
	}
	Directions = []string{"inbound", "outbound", "internal", "external", other}
)

const (
	numStatuses   = 10
	numDirections = 5
)

// Breakdown counts accepted rows by status and by direction.
type Breakdown struct {
	statuses   [numStatuses]uint32
	directions [numDirections]uint32
}

// count adds a row. Its status is compared without case.
func (b *Breakdown) count(status, direction string) {
	b.statuses[position(Statuses, status)]++
	b.directions[position(Directions, direction)]++
}

// position is where a name is, the last place if it has none of its own.
func position(names []string, name string) int {
	if i := slices.Index(names, name); i >= 0 {
		return i
	}
	i := slices.IndexFunc(names, func(known string) bool { return strings.EqualFold(known, name) })
	if i < 0 {
		return len(names) - 1
	}
	return i
}

func (b *Breakdown) add(more Breakdown) {
	for i, n := range more.statuses {
		b.statuses[i] += n
	}
	for i, n := range more.directions {
		b.directions[i] += n
	}
}

// Statuses are the numbers of rows by status. Statuses without rows are left out.
func (b Breakdown) Statuses() map[string]int { return named(Statuses, b.statuses[:]) }

// Directions are the numbers of rows by direction. Directions without rows are left out.
func (b Breakdown) Directions() map[string]int { return named(Directions, b.directions[:]) }

func named(names []string, counts []uint32) map[string]int {
	known := map[string]int{}
	for i, n := range counts {
		if n > 0 {
			known[names[i]] = int(n)
		}
	}
	return known
}

// storedBreakdown is the stored form, so its JSON names stay.
type storedBreakdown struct {
	Statuses   map[string]int `json:"statuses,omitempty"`
	Directions map[string]int `json:"directions,omitempty"`
}

// MarshalJSON writes the numbers by name.
func (b Breakdown) MarshalJSON() ([]byte, error) {
	return json.Marshal(storedBreakdown{b.Statuses(), b.Directions()})
}

// UnmarshalJSON reads what MarshalJSON has written, by this version or another one.
func (b *Breakdown) UnmarshalJSON(text []byte) error {
	var stored storedBreakdown
	if err := json.Unmarshal(text, &stored); err != nil {
		return err
	}
	*b = Breakdown{}
	for name, n := range stored.Statuses {
		b.statuses[position(Statuses, name)] += uint32(max(n, 0)) //nolint:gosec // a count that was one of these before
	}
	for name, n := range stored.Directions {
		b.directions[position(Directions, name)] += uint32(max(n, 0)) //nolint:gosec // a count that was one of these before
	}
	return nil
}
