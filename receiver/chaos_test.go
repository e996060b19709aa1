// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// TestFourDaysOfEveryFault reads four days of mail through faults of every kind, restarts and kills, without a revisit that
// could make good what was missed. O365MT_CHAOS_SEEDS is how many seeds are tried, 3 unless set.
func TestFourDaysOfEveryFault(t *testing.T) {
	seeds := 3
	if raceEnabled || testing.Short() {
		seeds = 1
	}
	if text := os.Getenv("O365MT_CHAOS_SEEDS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err, "O365MT_CHAOS_SEEDS")
		seeds = n
	}
	for _, api := range []API{Graph, ReportingWebService} {
		for seed := 1; seed <= seeds; seed++ {
			t.Run(fmt.Sprintf("%s/%d", api, seed), func(t *testing.T) {
				t.Cleanup(func() {
					if t.Failed() {
						t.Logf("again: O365MT_CHAOS_SEEDS=%d go test ./receiver -run '^TestFourDaysOfEveryFault$/^%s$/^%d$'", seed, api, seed)
					}
				})
				synctest.Test(t, func(t *testing.T) { newChaos(t, api, uint64(seed)).run() })
			})
		}
	}
}

// chaos is a world in which everything goes wrong by chance.
type chaos struct {
	*world
	api    API
	random *rand.Rand
	// short is set where pages are asked to have 100 rows.
	short bool
	// bulk is how many messages to all staff there are. What a service without links hands out of one is its first page.
	bulk       int
	began, end time.Time
	// unsure is set where something may not have been stored, so that a kill could repeat more than a batch.
	unsure bool
}

func newChaos(t *testing.T, api API, seed uint64) *chaos {
	began := time.Now()
	end := began.Add(4 * 24 * time.Hour)
	sim, err := simulator.New(simulator.Config{Quota: -1, FaultSeed: seed, Traffic: traffic.Config{
		RowsPerDay: 10_000, From: began, To: end, Seed: seed, Delays: traffic.NoDelays(), StatusChanges: -1,
	}})
	require.NoError(t, err)
	c := &chaos{world: newWorld(t, sim), api: api, random: rand.New(rand.NewPCG(seed, 12)), short: seed%2 == 1, began: began, end: end}
	if seed%4 < 2 {
		c.bulk = 4
	}
	for range c.bulk {
		at := began.Add(c.between(time.Hour, end.Sub(began)))
		require.NoError(t, sim.Add(traffic.AllStaff("contoso.com", at, c.random.IntN(5_000))...))
	}
	return c
}

// between returns a random time of whole seconds.
func (c *chaos) between(least, most time.Duration) time.Duration {
	return least + time.Duration(c.random.Int64N(int64((most-least)/time.Second)))*time.Second
}

func (c *chaos) run() {
	c.begin()
	time.Sleep(c.between(0, 20*time.Minute))
	for time.Now().Before(c.end) {
		for range 1 + c.random.IntN(5) {
			c.trouble()
		}
		if c.random.IntN(2) == 0 && !c.unsure {
			c.kill()
		} else {
			c.stop()
		}
		time.Sleep(c.between(0, 3*time.Hour))
		c.begin()
	}
	c.sim.Faults().Clear()
	time.Sleep(30 * time.Hour)
	c.stop()
	c.check(c.began, c.end)
	assert.Zero(c.t, c.logs.FilterMessageSnippet("a gap").Len())
	c.t.Logf("%d rows, %d repeated by %d kills, %d requests", c.rows, c.sink.repeats(), c.kills, len(c.sim.Requests()))
}

func (c *chaos) begin() {
	interval := []time.Duration{1, 2, 5, 10, 30}[c.random.IntN(5)] * time.Minute
	c.unsure = false
	c.start(func(cfg *Config) {
		cfg.API, cfg.RevisitAges, cfg.PollInterval = c.api, nil, interval
		if c.short {
			cfg.PageSize = new(100)
		}
	})
}

// trouble lets some things go wrong for some hours.
func (c *chaos) trouble() {
	var rules []fault.Rule
	for range 1 + c.random.IntN(3) {
		rules = append(rules, c.rule())
	}
	require.NoError(c.t, c.sim.Faults().Set(rules...))
	switch c.random.IntN(8) {
	case 0:
		c.storage.broken.Store(true)
		c.unsure = true
		time.Sleep(c.between(time.Minute, time.Hour))
		c.storage.broken.Store(false)
	case 1:
		c.sink.refuse(errors.New("queue is full"))
		time.Sleep(c.between(time.Minute, time.Hour))
		c.sink.refuse(nil)
	}
	time.Sleep(c.between(10*time.Minute, 6*time.Hour))
}

// rule returns what goes wrong with some or all requests for some time.
func (c *chaos) rule() fault.Rule {
	lasting := c.between(time.Minute, 3*time.Hour)
	probability := []float64{0, 0.02, 0.1, 0.3, 0.8}[c.random.IntN(5)]
	// A service whose clock is days ahead truthfully calls mail too old, which is then given up.
	skew := []time.Duration{0, 30 * time.Second, -30 * time.Second, time.Hour, -time.Hour}
	kinds := slices.DeleteFunc(fault.Kinds(), func(k fault.Kind) bool {
		return k == fault.TooOld || k == fault.Replay || k == fault.PageLimit || k == fault.NoLink
	})
	switch c.random.IntN(8) {
	case 0:
		return fault.Rule{Kind: fault.Chaos, Probability: max(0.02, probability), For: lasting}
	case 1:
		return fault.Rule{Kind: fault.Everything, Probability: max(0.02, probability), For: lasting}
	case 2:
		if c.bulk > 0 {
			return fault.Rule{Kind: fault.DeadLink, Probability: probability, For: lasting}
		}
		return fault.Rule{Kind: fault.NoLink, Probability: probability, For: lasting}
	case 3:
		return fault.Rule{Kind: fault.PageLimit, TopAbove: []int{1000, 500, 200, 100}[c.random.IntN(4)], For: lasting}
	case 4:
		return fault.Rule{Kind: fault.ServerError, Status: http.StatusGatewayTimeout, TopAbove: 1000, For: lasting}
	case 5:
		return fault.Rule{Kind: fault.ServerError, Status: http.StatusBadGateway, On: fault.ContinuedPage, For: lasting}
	default:
		return fault.Rule{
			Kind: kinds[c.random.IntN(len(kinds))], Probability: probability, For: lasting, Skew: skew[c.random.IntN(len(skew))],
		}
	}
}
