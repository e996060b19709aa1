// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNewRefusesNonsense(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		cfg  Config
		want string
	}{
		"negative rows":    {Config{RowsPerDay: -1}, "rows per day must be between"},
		"too many rows":    {Config{RowsPerDay: MaxRowsPerDay + 1, From: from}, "rows per day must be between"},
		"no beginning":     {Config{RowsPerDay: 1}, "mail must begin"},
		"end before begin": {Config{RowsPerDay: 1, From: from, To: from.Add(-1)}, "must not end before"},
		"share over one":   {Config{StatusChanges: 1.1}, "share of status changes"},
		"bad shares":       {Config{Delays: []Delay{{Share: 0.5}}}, "sum up to 100 %, not 50 %"},
		"falling delays":   {Config{Delays: []Delay{{0.5, time.Hour}, {0.5, time.Minute}}}, "must ascend"},
		"bad domain":       {Config{Domain: "con toso.com"}, "is no domain"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(test.cfg)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestParseDelays(t *testing.T) {
	for text, want := range map[string][]Delay{
		"typical":          TypicalDelays(),
		"none":             NoDelays(),
		"100%:0s":          {{1, 0}},
		"75%:1m, 25%:1h5m": {{0.75, time.Minute}, {0.25, 65 * time.Minute}},
	} {
		got, err := ParseDelays(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "80%", "80:1m", "x%:1m", "100%:soon", "50%:1m", "NaN%:1m", "120%:1m,-20%:2m"} {
		_, err := ParseDelays(text)
		assert.Error(t, err, text)
	}
}

func TestLookAlike(t *testing.T) {
	for domain, want := range map[string]string{
		"contoso.com": "c0ntoso.com", "fabrikam.example": "fabr1kam.example", "xyz.org": "xyz-secure.org",
	} {
		assert.Equal(t, want, lookAlike(domain))
	}
}
