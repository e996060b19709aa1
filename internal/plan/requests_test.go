// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// The race detector would find nothing here, where nothing runs at the same time, but takes minutes.
//go:build !race

package plan_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
)

const day = 24 * time.Hour

func minutes(numbers ...int) (ages []time.Duration) {
	for _, n := range numbers {
		ages = append(ages, time.Duration(n)*time.Minute)
	}
	return ages
}

// defaults are the settings of a receiver that sets none.
func defaults() plan.Config {
	return plan.Config{
		Interval:        5 * time.Minute,
		InitialLookback: time.Hour,
		Ages:            minutes(5, 15, 30, 60, 120, 240, 480, 1800),
		Retention:       90 * day,
	}
}

// requests reads at every tick for a while and counts the windows of the last days, when mail of all ages is due.
func requests(cfg plan.Config, days int) (n int) {
	var s plan.State
	warm := epoch.Add(12 * day)
	for at := epoch; at.Before(warm.Add(time.Duration(days) * day)); at = at.Add(cfg.Interval) {
		s = plan.Tick(s, at, epoch, cfg)
		for step := range plan.Steps(s, at, plan.Limits{Longest: plan.MaxWindow}, nil, cfg) {
			s = plan.Read(s, step.Window, at)
			if !at.Before(warm) {
				n++
			}
		}
	}
	return n
}

// A tenant whose windows fit on a page each may send 28,800 requests a day.
func TestDefaultsTakeAtMost1728RequestsADay(t *testing.T) {
	t.Parallel()
	n := requests(defaults(), 5)
	assert.LessOrEqual(t, n, 5*24*72)
	assert.Greater(t, n, 5*24*71)
	assert.Equal(t, 5, plan.Requests(defaults(), 5*time.Minute), "for the rate limit, whose interval is 5 minutes")
}

func TestRequestsAgreesWithWhatIsSent(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*plan.Config){
		"defaults":                          func(*plan.Config) {},
		"no revisits":                       func(c *plan.Config) { c.Ages = nil },
		"min_age":                           func(c *plan.Config) { c.MinAge = 3 * time.Minute },
		"a minute":                          func(c *plan.Config) { c.Interval = time.Minute },
		"an interval that fits no age":      func(c *plan.Config) { c.Interval, c.Ages = 6*time.Minute, minutes(120, 240) },
		"an hour":                           func(c *plan.Config) { c.Interval, c.Ages = time.Hour, minutes(150, 1800) },
		"ages whose stretches take windows": func(c *plan.Config) { c.Ages = minutes(1800, 14400) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := defaults()
			change(&cfg)
			assert.InEpsilon(t, requests(cfg, 10), plan.Requests(cfg, 10*day), 0.01)
		})
	}
}
