// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package timeexpr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/timeexpr"
)

func TestUncovered(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		start, end string
		interval   time.Duration
		want       time.Duration
	}{
		{"-3h@h", "-2h@h", time.Hour, 0},
		{"-3h@h", "-2h@h", 5 * time.Minute, 0},
		{"-30s", "-10s", 10 * time.Second, 0},
		{"-30s", "-10s", 20 * time.Second, 0},
		{"-30s", "-20s", 30 * time.Second, 40 * time.Minute},
		{"-30s", "-21s", 10 * time.Second, 6 * time.Minute},
		{"-1h@h", "now", 30 * time.Minute, 0},
		{"-1h", "now", time.Hour, 0},
		{"-1h", "-1s", time.Hour, time.Second},
		{"-15m", "-5m", 15 * time.Minute, 20 * time.Minute},
		{"-90m@h", "-60m@h", time.Hour, 0},
		{"-90m@h", "-30m@h", 30 * time.Minute, 0},
		{"-40m@m", "-20m@m", 30 * time.Minute, 20 * time.Minute},
		// A gap once a day: the last hour, which nothing reads after midnight.
		{"@d", "now", time.Hour, time.Hour / 24},
		{"@d", "@h", 30 * time.Minute, time.Hour / 24},
		{"-1d@d", "-0d@d", time.Hour, 0},
		// A gap once a week: Saturday.
		{"@w", "@d", time.Hour, time.Hour / 7},
		{"-1w@w", "@w", time.Hour, 0},
		{"@w3", "@h", time.Hour, time.Hour / 168},
		// Windows that wrap around the circle, far back.
		{"-10d", "-9d", time.Hour, 0},
		{"-14403m", "-14380m", 30 * time.Minute, 14 * time.Minute},
		{"-1mon@mon", "@mon", time.Hour, 0},
		// What is in the future cannot be read.
		{"-1m", "+1h", time.Hour, 59 * time.Minute},
		{"+1h", "+2h", time.Hour, time.Hour},
		// No windows at all.
		{"-1h", "-2h", time.Hour, time.Hour},
		{"1720533360", "1720536960", time.Hour, 0},
		{"-1h", "now", 0, 0},
	} {
		got := timeexpr.Uncovered(parse(t, tt.start), parse(t, tt.end), tt.interval)
		assert.Equal(t, tt.want, got, "%s to %s every %s", tt.start, tt.end, tt.interval)
	}
}

func TestUncoveredOfAnEndThatIsNotSet(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 50*time.Minute, timeexpr.Uncovered(parse(t, "-10m"), timeexpr.Expr{}, time.Hour))
}

func BenchmarkUncovered(b *testing.B) {
	start, end := parse(b, "-1w@w"), parse(b, "-6d@d")
	for b.Loop() {
		timeexpr.Uncovered(start, end, time.Second)
	}
}
