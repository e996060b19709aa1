// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// undrawn are the faults that are not drawn by chance alone, and why. The first two may lose rows, as they must.
var undrawn = map[fault.Kind]string{
	fault.TooOld: "a service that calls mail too old is believed: the mail is a gap, which is logged and counted",
	fault.NoLink: "a full page of one instant without a link is asked for as the longest page; where the service refuses that, or has more " +
		"rows of the instant, the page is believed to be whole: drawn without messages to all staff and without PageLimit",
	fault.Replay:    "answers what a test tells it to",
	fault.PageLimit: "needs a size, with which it is drawn",
}

// chaosDays is how much mail each seed reads.
const chaosDays = 4

// TestFourDaysOfEveryFault reads four days of mail through faults of every kind, refusals, restarts and kills. Half of the seeds
// have no revisit that could make good what was missed; the mail of the others comes late and changes its status.
//
// O365MT_CHAOS_SEEDS is how many seeds are tried, or which: 20, 7-7, 100-199. O365MT_CHAOS_SKIP names troubles of a seed that
// are left out, such as 3,7: make chaos finds the fewest that still fail.
func TestFourDaysOfEveryFault(t *testing.T) {
	first, last := chaosSeeds(t)
	for seed := first; seed <= last; seed++ {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			var c *chaos
			t.Cleanup(func() {
				if t.Failed() && c != nil {
					t.Logf("%s; troubles: %d; again: O365MT_CHAOS_SEEDS=%d-%[3]d go test ./receiver -run '^TestFourDaysOfEveryFault$'", c, c.troubles, seed)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				c = newChaos(t, uint64(seed))
				c.run()
			})
		})
	}
}

func chaosSeeds(t *testing.T) (first, last int) {
	text := os.Getenv("O365MT_CHAOS_SEEDS")
	switch {
	case text != "":
	case raceEnabled, testing.Short():
		text = "2"
	default:
		text = "4"
	}
	from, to, ranged := strings.Cut(text, "-")
	if !ranged {
		from, to = "1", text
	}
	first, err := strconv.Atoi(from)
	require.NoError(t, err, "O365MT_CHAOS_SEEDS")
	last, err = strconv.Atoi(to)
	require.NoError(t, err, "O365MT_CHAOS_SEEDS")
	return first, last
}

// chaos is a world in which everything goes wrong by chance.
type chaos struct {
	*world
	seed uint64
	// random is what the trouble in hand is drawn from, so that it stays the same when others are left out.
	random *rand.Rand
	// troubles is how many there have been, of which skip are left out.
	troubles int
	skip     []string

	api      API
	revisits bool
	ages     []time.Duration
	pageSize *int
	// bulk is how many messages to all staff there are. What a service without links hands out of one is its first page.
	bulk       int
	began, end time.Time
	// unsure is set where something may not have been stored, so that a kill could repeat more than a batch.
	unsure bool
}

func newChaos(t *testing.T, seed uint64) *chaos {
	c := &chaos{
		seed: seed, random: rand.New(rand.NewPCG(seed, 12)), api: Graph, revisits: seed%2 == 0, skip: strings.Split(os.Getenv("O365MT_CHAOS_SKIP"), ","),
	}
	if seed/2%2 == 1 {
		c.api = ReportingWebService
	}
	c.began = time.Now()
	c.end = c.began.Add(chaosDays * 24 * time.Hour)
	mail := traffic.Config{RowsPerDay: 10_000, From: c.began, To: c.end, Seed: seed, Delays: traffic.NoDelays(), StatusChanges: -1}
	if c.revisits {
		mail.Delays, mail.StatusChanges = traffic.TypicalDelays(), 0
		c.ages = [][]time.Duration{defaultRevisitAges(), {25 * time.Hour, 30 * time.Hour}, {10 * time.Minute, 3 * time.Hour, 30 * time.Hour}}[c.random.IntN(3)]
	}
	c.pageSize = []*int{nil, new(100), new(100), new(333), new(1999)}[c.random.IntN(5)]
	sim, err := simulator.New(simulator.Config{Quota: -1, FaultSeed: seed, Traffic: mail})
	require.NoError(t, err)
	c.world = newWorld(t, sim)
	if c.random.IntN(2) == 0 {
		c.bulk = 4
	}
	for range c.bulk {
		at := c.began.Add(c.between(time.Hour, c.end.Sub(c.began)))
		require.NoError(t, sim.Add(traffic.AllStaff("contoso.com", at, c.random.IntN(5_000))...))
	}
	return c
}

func (c *chaos) String() string {
	size := "default"
	if c.pageSize != nil {
		size = strconv.Itoa(*c.pageSize)
	}
	return fmt.Sprintf("%s, ages %v, page_size %s, %d messages to all staff", c.api, c.ages, size, c.bulk)
}

// between returns a random time of whole seconds.
func (c *chaos) between(least, most time.Duration) time.Duration {
	return least + time.Duration(c.random.Int64N(int64((most-least)/time.Second)))*time.Second
}

// draw begins the next trouble and reports whether it is to happen.
func (c *chaos) draw() bool {
	c.troubles++
	c.random = rand.New(rand.NewPCG(c.seed, uint64(100+c.troubles)))
	return !slices.Contains(c.skip, strconv.Itoa(c.troubles))
}

func (c *chaos) run() {
	c.begin()
	time.Sleep(c.between(0, 20*time.Minute))
	for time.Now().Before(c.end) {
		for range 1 + c.random.IntN(5) {
			c.trouble()
		}
		if kills := c.draw(); kills && c.random.IntN(2) == 0 && !c.unsure {
			c.t.Logf("%s: trouble %d: killed", time.Now().UTC().Format(time.DateTime), c.troubles)
			c.kill()
		} else {
			c.stop()
		}
		time.Sleep(c.between(0, 3*time.Hour))
		c.begin()
	}
	c.sim.Faults().Clear()
	// The last revisit comes at an age of 30 hours, or as much later as its stretch, a downtime and all that is in trouble take.
	// Clocks that are off make it come earlier by as much.
	c.settled = [2]time.Duration{29 * time.Hour, 60 * time.Hour}
	time.Sleep(c.settled[1] - 12*time.Hour)
	c.stop()
	c.check(c.began, c.end)
	assert.Zero(c.t, c.logs.FilterMessageSnippet("a gap").Len())
	c.t.Logf("%s: %d rows, %d repeated by %d kills, %d requests", c, c.rows, c.sink.repeats(), c.kills, len(c.sim.Requests()))
}

func (c *chaos) begin() {
	interval := []time.Duration{1, 2, 5, 10, 30}[c.random.IntN(5)] * time.Minute
	spread, jobs := time.Duration(c.random.Int64N(2))*interval/2, 1+c.random.IntN(3)
	c.unsure = false
	c.start(func(cfg *Config) {
		cfg.API, cfg.RevisitAges, cfg.PollInterval, cfg.PageSize = c.api, c.ages, interval, c.pageSize
		cfg.PollSpread, cfg.MaxConcurrentJobs = spread, jobs
	})
}

// troubles of this side, half of them none.
var pipelineTroubles = [...]string{
	"storage cannot be written", "storage cannot be read", "pipeline refuses", "pipeline takes some", "pipeline is slow", "", "", "", "", "",
}

// trouble lets some things go wrong for some hours.
func (c *chaos) trouble() {
	happens := c.draw()
	var rules []fault.Rule
	for range 1 + c.random.IntN(3) {
		rules = append(rules, c.rule())
	}
	if slices.ContainsFunc(rules, func(r fault.Rule) bool { return r.Kind == fault.NoLink }) {
		rules = slices.DeleteFunc(rules, func(r fault.Rule) bool { return r.Kind == fault.PageLimit })
	}
	what, lasting, rest := c.random.IntN(len(pipelineTroubles)), c.between(time.Minute, time.Hour), c.between(10*time.Minute, 6*time.Hour)
	if !happens {
		time.Sleep(lasting + rest)
		return
	}
	require.NoError(c.t, c.sim.Faults().Set(rules...))
	c.t.Logf("%s: trouble %d: %s for %s, %+v", time.Now().UTC().Format(time.DateTime), c.troubles, pipelineTroubles[what], lasting, rules)
	during := func(begin, end func()) {
		begin()
		time.Sleep(lasting)
		end()
	}
	switch pipelineTroubles[what] {
	case "storage cannot be written":
		c.unsure = true
		during(func() { c.storage.broken.Store(true) }, func() { c.storage.broken.Store(false) })
	case "storage cannot be read":
		during(func() { c.storage.unreadable.Store(true) }, func() { c.storage.unreadable.Store(false) })
	case "pipeline refuses":
		during(func() { c.sink.refuse(errors.New("queue is full")) }, func() { c.sink.refuse(nil) })
	case "pipeline takes some":
		seed := c.random.Uint64()
		during(func() { c.sink.answerWith(partly(rand.New(rand.NewPCG(seed, 1)))) }, func() { c.sink.answerWith(nil) })
	case "pipeline is slow":
		during(func() { c.sink.answerWith(slowly) }, func() { c.sink.answerWith(nil) })
	}
	time.Sleep(rest)
}

// partly takes some of the records and wants the rest again, in one of the ways in which exporters and fan-outs say so.
func partly(random *rand.Rand) answerer {
	return func(_ context.Context, logs plog.Logs) (taken plog.Logs, err error) {
		taken, rest := plog.NewLogs(), plog.NewLogs()
		logs.CopyTo(taken)
		logs.CopyTo(rest)
		wanted := map[string]bool{}
		drop := func(from plog.Logs, unless bool) {
			for _, resource := range from.ResourceLogs().All() {
				for _, scope := range resource.ScopeLogs().All() {
					scope.LogRecords().RemoveIf(func(r plog.LogRecord) bool {
						uid, _ := r.Attributes().Get("log.record.uid")
						return wanted[uid.Str()] != unless
					})
				}
			}
		}
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					if uid, ok := record.Attributes().Get("log.record.uid"); ok {
						wanted[uid.Str()] = random.IntN(3) == 0
					}
				}
			}
		}
		maps.DeleteFunc(wanted, func(_ string, again bool) bool { return !again })
		if len(wanted) == 0 {
			return logs, nil
		}
		drop(taken, false)
		drop(rest, true)
		again := consumererror.NewLogs(errors.New("partly"), rest)
		switch random.IntN(3) {
		case 0:
			return taken, fmt.Errorf("of an exporter: %w", again)
		case 1:
			// Another pipeline has dropped all that it was offered.
			return taken, errors.Join(consumererror.NewPermanent(errors.New("no")), again)
		}
		return taken, again
	}
}

// slowly takes records after a while, or none if they are given up before.
func slowly(ctx context.Context, logs plog.Logs) (plog.Logs, error) {
	select {
	case <-ctx.Done():
		return plog.NewLogs(), ctx.Err()
	case <-time.After(20 * time.Second):
		return logs, nil
	}
}

// rule returns what goes wrong with some or all requests for some time.
func (c *chaos) rule() fault.Rule {
	lasting := c.between(time.Minute, 3*time.Hour)
	probability := []float64{0, 0.02, 0.1, 0.3, 0.8}[c.random.IntN(5)]
	// A service whose clock is days ahead truthfully calls mail too old, which is then given up.
	skew := []time.Duration{0, 30 * time.Second, -30 * time.Second, time.Hour, -time.Hour}
	kinds := slices.DeleteFunc(fault.Kinds(), func(k fault.Kind) bool { return undrawn[k] != "" })
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
