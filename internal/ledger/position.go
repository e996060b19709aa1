// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/identity"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/sealed"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

const (
	// positionFormat is the version of the stored position.
	positionFormat = 2
	// withoutSecret is the version before, whose rows were remembered by another hash.
	withoutSecret = 1
)

// position is the stored form of everything but the rows.
type position struct {
	Format int        `json:"v"`
	State  plan.State `json:"state"`
	// Secret is what the keys of the rows are made with.
	Secret   []byte   `json:"secret"`
	Buckets  []byte   `json:"buckets,omitempty"`
	Statuses statuses `json:"statuses,omitempty"`
	// Stamps are in nanoseconds since 1970.
	Stamps []int64 `json:"stamps,omitempty"`
	// Details says where the rows are that wait for their details; nil if nobody asks for any.
	Details *storedInquiries `json:"details,omitempty"`
}

const (
	// maxPosition is the most bytes that a stored position has. Even with thousands of holes it has less than half of that.
	maxPosition = 2 << 20
	// maxStamps is how many requests are remembered, the latest ones.
	maxStamps = 10_000
)

// DamagedError is a stored position that cannot be used. Whoever goes on without it must know that it has been lost.
type DamagedError struct {
	Reason string
	// Step is how to move away what is stored; it may be empty.
	Step trouble.Step
}

func (e *DamagedError) Error() string {
	return "the position in the storage is damaged: " + e.Reason
}

// Scope returns what the error is about.
func (e *DamagedError) Scope() trouble.Scope { return trouble.Setup }

// Hint returns how to start over.
func (e *DamagedError) Hint() string {
	return "restore the storage of this receiver, or the version of it that has written this; to start over from initial_lookback ago, " +
		"move away what the extension named in storage has stored for it (file_storage: the file named after the receiver in its " +
		"directory) and restart"
}

// NextStep returns how to move away what is stored.
func (e *DamagedError) NextStep() trouble.Step { return e.Step }

// tenantKey is the key of the record that names the tenant.
const tenantKey = "tenant"

// bind looks whose ledger is in use and warns if it was another tenant's. The tenant is stored with the first commit.
func (l *Ledger) bind(ctx context.Context) error {
	last, err := l.Client.Get(ctx, tenantKey)
	if err != nil {
		return unreadable(err)
	}
	if l.unbound = string(last) != l.Tenant; last != nil && !strings.EqualFold(string(last), l.Tenant) {
		l.Warn("the storage holds the state of another tenant, which is set aside: tenant_id has changed")
	}
	return nil
}

// key is the key of a record of this tenant.
func (l *Ledger) key(name string) string {
	if l.prefix == "" {
		sum := sha256.Sum256([]byte(strings.ToLower(l.Tenant)))
		l.prefix = hex.EncodeToString(sum[:8]) + "/"
	}
	return l.prefix + name
}

func (l *Ledger) bucketKey(index int64) string {
	return l.key("rows/" + strconv.FormatInt(index, 10))
}

func (l *Ledger) loadPosition(ctx context.Context) error {
	record, err := l.Client.Get(ctx, l.key("position"))
	if err != nil {
		return unreadable(err)
	}
	if record == nil {
		return l.loadInquiries(ctx, nil)
	}
	p, err := decodePosition(record)
	if err == nil {
		err = l.adopt(p)
	}
	if err != nil {
		return &DamagedError{Reason: err.Error(), Step: l.MoveAway}
	}
	return l.loadInquiries(ctx, p.Details)
}

func decodePosition(record []byte) (p position, err error) {
	if len(record) > maxPosition {
		return p, fmt.Errorf("it has %d bytes, and no position has more than 2 MiB", len(record))
	}
	if err := sealed.Open(record, &p); err != nil {
		return p, err //nolint:wrapcheck // it tells enough
	}
	known := len(p.Secret) == len(identity.Secret{}) && identity.Secret(p.Secret) != identity.Secret{}
	switch {
	case p.Format != positionFormat && p.Format != withoutSecret:
		return p, fmt.Errorf("it has format %d, not %d: another version of the receiver has written it", p.Format, positionFormat)
	case p.Format == positionFormat && !known:
		return p, errors.New("its secret cannot be used")
	case !valid(p.State) || !p.Statuses.valid():
		return p, errors.New("it says what no position can")
	}
	return p, nil
}

// adopt goes on from a stored position.
func (l *Ledger) adopt(p position) error {
	buckets, err := decodeIndex(p.Buckets)
	if err != nil {
		return err
	}
	l.state = p.State
	for _, stamp := range p.Stamps[max(0, len(p.Stamps)-maxStamps):] {
		l.stamps = append(l.stamps, time.Unix(0, stamp).UTC())
	}
	if p.Format == positionFormat {
		l.secret, l.statuses, l.buckets = identity.Secret(p.Secret), p.Statuses, buckets
		return nil
	}
	for index, b := range buckets {
		l.garbage = append(l.garbage, b.remove(l.bucketKey(index))...)
	}
	l.changed = true
	l.Warn("the position is of an earlier version of the receiver: reading goes on where it ended, and rows that are read again may be " +
		"delivered once more")
	return nil
}

// valid reports whether a state can be one that a plan has made.
func valid(s plan.State) bool {
	times := []time.Time{s.Begin, s.Head, s.Ticked, s.Finished}
	for _, each := range s.Served {
		times = append(times, each.UpTo)
	}
	for _, open := range []plan.Intervals{s.Unread, s.Again, s.Due, s.Asked, s.Redeliver} {
		var last time.Time
		for _, w := range open {
			if w.Empty() || !w.Start.After(last) {
				return false
			}
			last = w.End
			times = append(times, w.Start, w.End)
		}
	}
	return !slices.ContainsFunc(times, func(t time.Time) bool {
		return !t.IsZero() && (t.Before(time.Unix(0, 0)) || t.After(trace.MaxTime))
	})
}

// encodePosition writes the position as it is once the pending entries have been written.
func (l *Ledger) encodePosition() []byte {
	p := position{Format: positionFormat, State: l.state, Secret: l.secret[:], Statuses: l.statuses}
	for _, stamp := range stampsOf(l.Stamps) {
		p.Stamps = append(p.Stamps, stamp.UnixNano())
	}
	p.Buckets, p.Details = l.encodeIndex(), l.storedInquiries()
	return sealed.Seal(p)
}
