// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	noon   = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	secret = [16]byte{1, 2, 3}
)

func settings() Settings {
	s := DefaultSettings()
	s.LocalDomains = []string{"contoso.com"}
	s.SendingNetworks = []string{"203.0.113.0/24", "2001:db8::/32"}
	return s
}

// seen is an observation of a minute later, delivered unless it says something else.
func seen(o Observation) Observation {
	if o.Status == "" {
		o.Status = "delivered"
	}
	if o.Observed.IsZero() {
		o.Observed = o.Received.Add(time.Minute)
	}
	o.Tenant = "tenant"
	return o
}

// feed has an engine observe all in batches, and gives it the time to decide.
func feed(e *Engine, all []Observation, batch int) (found []Finding) {
	now := noon.Add(48 * time.Hour)
	for part := range slices.Chunk(all, batch) {
		for i := range part {
			e.Observe(&part[i], now)
		}
		found = append(found, e.Settle(now)...)
	}
	return append(found, e.Settle(now.Add(time.Hour))...)
}

// found is what an engine of the settings finds.
func found(t *testing.T, s Settings, all []Observation) []Finding {
	t.Helper()
	require.NoError(t, s.Validate())
	return feed(New(s, secret), all, max(len(all), 1))
}

func uids(found []Finding) []string {
	set := map[string]bool{}
	for _, f := range found {
		set[f.Rule+" "+f.Key+" "+f.UID] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// disk is where engines keep their state.
type disk map[string][]byte

// reload is an engine that goes on with what another one saved.
func (d disk) reload(tb require.TestingT, e *Engine, s Settings) *Engine {
	e.Save(func(key string, value []byte) { d[key] = value })
	return d.load(tb, s)
}

// load is an engine that goes on with what was saved.
func (d disk) load(tb require.TestingT, s Settings) *Engine {
	again := New(s, secret)
	require.NoError(tb, again.Load(func(key string) ([]byte, error) { return d[key], nil }))
	return again
}

// bulk is a message each to n recipients, a second apart.
func bulk(sender string, at time.Time, n int) (all []Observation) {
	for i := range n {
		all = append(all, seen(Observation{
			Message: fmt.Sprintf("%s-%d-%d", sender, at.Unix(), i), Sender: sender, Recipient: fmt.Sprintf("user%d@contoso.com", i),
			Subject: "Offer", Received: at.Add(time.Duration(i) * time.Second), Size: 5000,
		}))
	}
	return all
}
