// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package confcheck

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/timeexpr"
)

// someDuration describes a duration.
const someDuration = "a number with a unit, such as 5m, 1h30m or 90d"

var (
	days = regexp.MustCompile(`(\d+\.?\d*|\.\d+)d`)
	part = regexp.MustCompile(`^(\d+(?:\.\d+)?)\s*([A-Za-zµ]+)\.?,?\s*(?:and\s+)?`)
)

// ParseDuration reads what time.ParseDuration reads, and days: 90d, 1d12h. A day has 24 hours. The error tells what to write
// instead.
func ParseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(days.ReplaceAllStringFunc(text, func(part string) string {
		number, _ := strconv.ParseFloat(strings.TrimSuffix(part, "d"), 64)
		return strconv.FormatFloat(number*24, 'f', -1, 64) + "h"
	}))
	if err == nil {
		return d, nil
	}
	suggestion := suggested(text)
	switch suggestion {
	case "":
		suggestion = someDuration
	case text:
		return 0, fmt.Errorf("`%s`: is too long", text)
	}
	return 0, fmt.Errorf("`%s`: write %s", text, suggestion)
}

// suggested returns the duration that text means: 5m for 5 minutes, 1h30m for 1 hour and 30 min. It is empty if that is not
// clear.
func suggested(text string) string {
	rest := strings.TrimSpace(text)
	var out strings.Builder
	if sign := strings.IndexAny(rest, "+-"); sign == 0 {
		out.WriteString(rest[:1])
		rest = strings.TrimSpace(rest[1:])
	}
	for rest != "" {
		match := part.FindStringSubmatch(rest)
		if match == nil {
			return ""
		}
		rest = rest[len(match[0]):]
		number, unit := match[1], strings.ToLower(match[2])
		if short, known := timeexpr.ShortUnit(unit); known {
			unit = short
		}
		if unit == "w" {
			weeks, err := strconv.ParseFloat(number, 64)
			if err != nil {
				return ""
			}
			number, unit = strconv.FormatFloat(weeks*7, 'f', -1, 64), "d"
		}
		switch unit {
		case "ns", "us", "µs", "ms", "s", "m", "h", "d":
			out.WriteString(number + unit)
		default:
			return ""
		}
	}
	return out.String()
}
