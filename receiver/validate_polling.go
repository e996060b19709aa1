// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/confcheck"
	"github.com/o365messagetrace/o365messagetrace/internal/timeexpr"
)

// Limits of the configuration, inclusive. schema.yaml has those that are numbers, too.
const (
	maxPollInterval = time.Hour
	maxMinAge       = 24 * time.Hour

	maxInitialInterval = 20 * time.Second
	minMaxInterval     = time.Second
	maxMaxInterval     = 10 * time.Minute
	maxMaxRetryAfter   = 10 * time.Minute

	minSummaryInterval = 10 * time.Second

	minPageSize   = 100
	maxRetries    = 20
	minMultiplier = 1
	minHTTPCode   = 100
	maxHTTPCode   = 599
)

func (cfg *Config) validatePolling() error {
	errs := []error{
		validatePollInterval(cfg.PollInterval),
		validateRange("poll_spread", cfg.PollSpread, 0, max(cfg.PollInterval, 0)),
		validateNumber("page_size", cfg.pageSize(), minPageSize, cfg.limits().pageSize),
	}
	// A date range has no use for the other keys, and has its own error for them.
	if !cfg.DateRange.HasValue() {
		errs = append(errs,
			validateRange("initial_lookback", cfg.InitialLookback, 0, cfg.limits().retention),
			validateRange("min_age", cfg.MinAge, 0, maxMinAge),
			cfg.validateRevisitAges(),
		)
	}
	return errors.Join(errs...)
}

func (cfg *Config) validateRevisitAges() error {
	var errs []error
	last, most := cfg.MinAge, cfg.limits().maxRevisitAge
	for i, age := range cfg.RevisitAges {
		key := fmt.Sprintf("revisit_ages[%d]", i)
		switch {
		case i == 0 && age <= last:
			// The ages may be the default ones, and then min_age is the key to look at.
			errs = append(errs, fmt.Errorf("%s: %s is not greater than min_age, %s; lower min_age, or give revisit_ages that are greater",
				key, short(age), short(last)))
			last = age
		case age <= last:
			errs = append(errs, fmt.Errorf("%s: %s is not greater than the age before it, %s", key, short(age), short(last)))
		case age > most:
			errs = append(errs, fmt.Errorf("%s: %s is greater than %s", key, short(age), short(most)))
		}
		last = max(last, age)
	}
	return errors.Join(errs...)
}

// validatePollInterval accepts the divisors of an hour, so that every hour has the same ticks.
func validatePollInterval(d time.Duration) error {
	below, above := time.Duration(0), time.Duration(0)
	for divisor := time.Second; divisor <= maxPollInterval; divisor += time.Second {
		switch {
		case maxPollInterval%divisor != 0:
		case divisor == d:
			return nil
		case divisor < d:
			below = divisor
		case above == 0:
			above = divisor
		}
	}
	var neighbours []string
	for _, n := range []time.Duration{below, above} {
		if n != 0 {
			neighbours = append(neighbours, short(n))
		}
	}
	return fmt.Errorf("poll_interval: %s does not divide 60 minutes into equal parts of whole seconds, 1s to 60m; the nearest that does: %s",
		short(d), strings.Join(neighbours, ", "))
}

func (r *Retry) validate() error {
	errs := []error{confcheck.Choose("retry.type", r.Type)}
	if !(r.Multiplier >= minMultiplier && r.Multiplier <= math.MaxFloat64) {
		errs = append(errs, fmt.Errorf("retry.multiplier: %v is not a number of at least %d", r.Multiplier, minMultiplier))
	}
	for i, code := range r.HTTPCodes {
		key := fmt.Sprintf("retry.http_codes[%d]", i)
		errs = append(errs, validateNumber(key, code, minHTTPCode, maxHTTPCode))
		if code >= http.StatusOK && code < http.StatusMultipleChoices {
			errs = append(errs, fmt.Errorf("%s: %d means success", key, code))
		}
	}
	return errors.Join(append(errs,
		validateRange("retry.initial_interval", r.InitialInterval, 0, maxInitialInterval),
		validateNumber("retry.max_retries", r.MaxRetries, 0, maxRetries),
		validateRange("retry.max_interval", r.MaxInterval, minMaxInterval, maxMaxInterval),
		validateRange("retry.max_retry_after", r.MaxRetryAfter, 0, maxMaxRetryAfter),
	)...)
}

func (s *Shard) validate() error {
	if s.Count < 1 {
		return fmt.Errorf("shard.count: %d is less than 1, which means that one collector reads everything", s.Count)
	}
	return validateNumber("shard.index", s.Index, 0, s.Count-1)
}

func (l *RateLimit) validate(key string) error {
	var errs []error
	if l.Requests < 0 {
		errs = append(errs, fmt.Errorf("%s.requests: %d is negative; 0 means no limit", key, l.Requests))
	}
	if l.Interval <= 0 {
		errs = append(errs, fmt.Errorf("%s.interval: %s is not greater than 0", key, short(l.Interval)))
	}
	return errors.Join(errs...)
}

func validateRange(key string, d, least, most time.Duration) error {
	if d < least || d > most {
		return fmt.Errorf("%s: %s is not between %s and %s", key, short(d), short(least), short(most))
	}
	return nil
}

func validateNumber(key string, n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("%s: %d is not between %d and %d", key, n, least, most)
	}
	return nil
}

func short(d time.Duration) string { return timeexpr.Short(d) }
