// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package traffic invents the mail of a tenant: one row per message and
// recipient, late and changing as configured, odd where real mail is odd.
//
// Every hour is made from the seed and the hour alone. So mail can be produced
// as a clock advances or for months past, in any order and again, and is always
// the same.
package traffic

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Defaults of Config.
const (
	// DefaultDomain is the tenant's own domain.
	DefaultDomain = "contoso.com"
	// DefaultStatusChanges is the share of rows whose status changes later.
	DefaultStatusChanges = 0.05
	// MaxRowsPerDay bounds Config.RowsPerDay: hours are held in memory whole.
	MaxRowsPerDay = 10_000_000
)

// Config is how much mail there is and how it behaves.
type Config struct {
	// RowsPerDay is the number of rows received on each UTC day, spread evenly
	// over its hours. 0 means no mail at all.
	RowsPerDay int
	// Seed selects one of many possible histories.
	Seed uint64
	// From and To bound the time of receipt, both inclusive. From is required
	// when there is mail; a zero To means that mail never ends.
	From, To time.Time
	// Domain is the tenant's own domain. Empty means DefaultDomain.
	Domain string
	// Delays is how long rows take to become visible. Nil means
	// TypicalDelays().
	Delays []Delay
	// StatusChanges is the share of rows, between 0 and 1, that are seen with
	// one status first and another later. 0 means DefaultStatusChanges, a
	// negative value none.
	StatusChanges float64
	// NoIncidents leaves the incidents of each day out; see mail.Incidents.
	NoIncidents bool
}

// withDefaults returns the configuration as it will be used.
func (c Config) withDefaults() Config {
	if c.Domain == "" {
		c.Domain = DefaultDomain
	}
	if c.Delays == nil {
		c.Delays = TypicalDelays()
	}
	switch {
	case c.StatusChanges == 0:
		c.StatusChanges = DefaultStatusChanges
	case c.StatusChanges < 0:
		c.StatusChanges = 0
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	if c.RowsPerDay < 0 || c.RowsPerDay > MaxRowsPerDay {
		errs = append(errs, fmt.Errorf("rows per day must be between 0 and %d, not %d", MaxRowsPerDay, c.RowsPerDay))
	}
	if c.RowsPerDay > 0 && c.From.IsZero() {
		errs = append(errs, errors.New("mail must begin at some time"))
	}
	if !c.To.IsZero() && c.To.Before(c.From) {
		errs = append(errs, errors.New("mail must not end before it begins"))
	}
	if c.StatusChanges > 1 {
		errs = append(errs, fmt.Errorf("share of status changes must be at most 1, not %g", c.StatusChanges))
	}
	if strings.Trim(strings.ToLower(c.Domain), "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		errs = append(errs, fmt.Errorf("%q is no domain", c.Domain))
	}
	return errors.Join(append(errs, validateDelays(c.Delays))...)
}
