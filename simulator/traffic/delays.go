// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Delay is one class of lateness: a share of all rows that become visible
// within a time after receipt, but later than the class before it allows.
type Delay struct {
	// Share is between 0 and 1; the shares of all classes sum up to 1.
	Share float64
	// Within is the longest delay of the class.
	Within time.Duration
}

// TypicalDelays returns minutes as a rule and a day at worst. Microsoft's FAQ
// speaks of 5 to 10 minutes, the documentation of the older reporting service
// of up to 24 hours.
func TypicalDelays() []Delay {
	return []Delay{
		{Share: 0.80, Within: time.Minute},
		{Share: 0.15, Within: 15 * time.Minute},
		{Share: 0.04, Within: 4 * time.Hour},
		{Share: 0.01, Within: 24 * time.Hour},
	}
}

// NoDelays makes every row visible the moment it is received.
func NoDelays() []Delay { return []Delay{{Share: 1}} }

// ParseDelays reads "typical", "none", or classes such as "80%:1m,20%:15m".
func ParseDelays(text string) ([]Delay, error) {
	switch text {
	case "typical":
		return TypicalDelays(), nil
	case "none":
		return NoDelays(), nil
	}
	var delays []Delay
	for class := range strings.SplitSeq(text, ",") {
		share, within, ok := strings.Cut(strings.TrimSpace(class), "%:")
		if !ok {
			return nil, fmt.Errorf("delay %q is not of the form 80%%:1m", class)
		}
		percent, err := strconv.ParseFloat(share, 64)
		if err != nil {
			return nil, fmt.Errorf("share of delay %q: %w", class, err)
		}
		limit, err := time.ParseDuration(within)
		if err != nil {
			return nil, fmt.Errorf("time of delay %q: %w", class, err)
		}
		delays = append(delays, Delay{Share: percent / 100, Within: limit})
	}
	return delays, validateDelays(delays)
}

func validateDelays(delays []Delay) error {
	var sum float64
	var before time.Duration
	for _, d := range delays {
		if !(d.Share >= 0) {
			return errors.New("shares of delays must not be negative")
		}
		if d.Within < before {
			return errors.New("delays must ascend")
		}
		sum += d.Share
		before = d.Within
	}
	if math.Abs(sum-1) > 1e-6 {
		return fmt.Errorf("shares of delays must sum up to 100 %%, not %g %%", sum*100)
	}
	return nil
}

// draw picks how late one row is.
func draw(delays []Delay, rng *rand.Rand) time.Duration {
	left := rng.Float64()
	var least time.Duration
	for _, d := range delays {
		if left < d.Share {
			return least + time.Duration(left/d.Share*float64(d.Within-least))
		}
		left -= d.Share
		least = d.Within
	}
	return least
}
