// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
)

// TestShortPagesWithWhatIsNotToBeTrusted reads pages of 100 rows that do not tell truly what follows them: whose rows have no
// usable Index, that have no link, or whose link is dead.
func TestShortPagesWithWhatIsNotToBeTrusted(t *testing.T) {
	if raceEnabled {
		t.Skip("reads too many rows for the race detector")
	}
	for _, api := range []API{Graph, ReportingWebService} {
		for name, rules := range map[string][]fault.Rule{
			"malformed rows":                    {{Kind: fault.MalformedRows}},
			"wrong index":                       {{Kind: fault.WrongIndex}},
			"no link":                           {{Kind: fault.NoLink}},
			"no link at times":                  {{Kind: fault.NoLink, Probability: 0.3}},
			"all of them":                       {{Kinds: []fault.Kind{fault.MalformedRows, fault.WrongIndex, fault.NoLink, fault.ShuffledRows, fault.AscendingRows}, Probability: 0.6}},
			"malformed rows, and dead links":    {{Kind: fault.DeadLink, On: fault.ContinuedPage, Probability: 0.3}, {Kind: fault.MalformedRows}},
			"wrong index, and links fail":       {{Kind: fault.ServerError, Status: http.StatusBadGateway, On: fault.ContinuedPage, Probability: 0.3}, {Kind: fault.WrongIndex}},
			"wrong index, and no link at times": {{Kind: fault.NoLink, Probability: 0.2}, {Kind: fault.WrongIndex}},
		} {
			t.Run(fmt.Sprintf("%s %s", api, name), func(t *testing.T) {
				punctual(t, 40_000, 7*time.Hour, func(t *testing.T, w *world) {
					began := time.Now()
					require.NoError(t, w.sim.Faults().Set(rules...))
					w.start(func(c *Config) {
						c.API, c.PageSize, c.RevisitAges, c.RateLimit.Requests, c.InitialLookback = api, new(100), nil, 0, 6*time.Hour
					})
					time.Sleep(8 * time.Hour)
					until := time.Now()
					w.sim.Faults().Clear()
					time.Sleep(70 * time.Minute)
					w.stop()
					w.check(began.Add(-6*time.Hour+time.Minute), until)
					assert.LessOrEqual(t, len(w.sim.Requests()), 4*w.rows/100+400)
				})
			})
		}
	}
}
