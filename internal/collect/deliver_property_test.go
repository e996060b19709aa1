// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"
)

// mood is how a pipeline answers: which of the records it takes, by the bits of their numbers, and what it says of the rest.
type mood struct {
	takes uint16
	says  int
	// wraps is how often the error is wrapped, shuffles whether the records that come back are in another order and place.
	wraps    int
	shuffles bool
}

// Ways to speak of the records that have not been taken.
const (
	sayNothing = iota // of which these are
	sayPermanent
	sayPart
	sayPartOfJoin
	sayPartOfPermanent
	sayPermanentPart
	sayPermanentJoin
	sayEach
	sayEachPermanent
	ways
)

// moody is a pipeline that takes and refuses as it likes, but says the truth about it.
type moody struct {
	moods []mood
	offer int
	// taken counts how often a record was taken, lost how often it was refused for good, by UID.
	taken, lost map[string]int
	// again counts the records that were offered after they had been taken or refused for good.
	again int
	// stopAt cancels the job at an offer.
	stopAt int
	stop   context.CancelFunc
}

func (*moody) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

func (m *moody) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	m.offer++
	if m.offer == m.stopAt {
		m.stop()
	}
	all, _ := uids(logs)
	for _, uid := range all {
		m.again += m.taken[uid] + m.lost[uid]
	}
	mood := mood{takes: ^uint16(0)}
	if m.offer <= len(m.moods) {
		mood = m.moods[m.offer-1]
	}
	var rest []string
	for i, uid := range all {
		if mood.says > sayPermanent && mood.takes>>(i%16)&1 == 1 || m.offer > len(m.moods) {
			m.taken[uid]++
		} else {
			rest = append(rest, uid)
		}
	}
	logs.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
	if len(rest) == 0 {
		return nil
	}
	err, permanent := mood.answer(rest)
	if permanent {
		for _, uid := range rest {
			m.lost[uid]++
		}
	}
	for range mood.wraps {
		err = fmt.Errorf("exporter: %w", err)
	}
	return err
}

// answer is what is said of the records that have not been taken, and whether that is for good.
func (m mood) answer(rest []string) (err error, permanent bool) { //nolint:revive // the error is the answer
	join := errors.Join(errFull, errFull)
	whole := logsOf(rest...)
	if m.shuffles {
		whole = plog.NewLogs()
		for i := range rest {
			one := logsOf(rest[len(rest)-1-i])
			one.ResourceLogs().MoveAndAppendTo(whole.ResourceLogs())
		}
	}
	each := func(why error) (all []error) {
		for _, uid := range rest {
			all = append(all, consumererror.NewLogs(why, logsOf(uid)))
		}
		return all
	}
	switch m.says {
	case sayNothing:
		return join, false
	case sayPermanent:
		return consumererror.NewPermanent(join), true
	case sayPart:
		return consumererror.NewLogs(errFull, whole), false
	case sayPartOfJoin:
		return consumererror.NewLogs(join, whole), false
	case sayPartOfPermanent:
		return consumererror.NewLogs(consumererror.NewPermanent(join), whole), true
	case sayPermanentPart:
		return consumererror.NewPermanent(consumererror.NewLogs(join, whole)), true
	case sayPermanentJoin:
		return consumererror.NewPermanent(errors.Join(each(errFull)...)), true
	case sayEach:
		return errors.Join(each(errFull)...), false
	}
	return errors.Join(each(consumererror.NewPermanent(errLarge))...), true
}

func drawMood(t *rapid.T) mood {
	return mood{
		takes:    rapid.Uint16().Draw(t, "takes"),
		says:     rapid.IntRange(0, ways-1).Draw(t, "says"),
		wraps:    rapid.IntRange(0, 2).Draw(t, "wraps"),
		shuffles: rapid.Bool().Draw(t, "shuffles"),
	}
}

// Whatever a pipeline answers, and whenever the job is called off: what it has accepted is remembered, nothing else is, and
// nothing that it has accepted or refused for good is offered again in the same job.
func TestExactlyWhatWasAcceptedIsRemembered(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(rt, "rows")
		pageSize := rapid.IntRange(1, 40).Draw(rt, "page size")
		m := &moody{
			moods: rapid.SliceOfN(rapid.Custom(drawMood), 0, 30).Draw(rt, "moods"),
			taken: map[string]int{}, lost: map[string]int{},
			stopAt: rapid.IntRange(0, 30).Draw(rt, "stop at"),
		}
		var remembered, counted, refused, repeated, missing int
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, &service{rows: mails(n), pageSize: pageSize}, nil)
			b.Consumer = m
			var ctx context.Context
			ctx, m.stop = context.WithCancel(t.Context())
			defer m.stop()
			_, err := b.run(ctx)
			if err != nil {
				require.ErrorIs(t, err, context.Canceled)
			}
			remembered = b.Rows()
			for _, page := range b.watcher.pages {
				counted, refused = counted+page.Rows.Accepted, refused+page.Rows.Refused
			}
			if err != nil {
				// What the last answer refused for good has not been dropped yet, and is offered again.
				refused = len(m.lost)
			}

			// Whoever goes on with the same storage brings what is missing, and nothing twice.
			b = resume(t, b.service, nil, b.store)
			rest := &moody{taken: map[string]int{}, lost: map[string]int{}}
			b.Consumer = rest
			_, err = b.run(t.Context())
			require.NoError(t, err)
			for uid := range rest.taken {
				repeated += m.taken[uid]
			}
			missing = n - len(m.taken) - len(rest.taken)
		})
		require.Zero(rt, m.again, "offered again")
		require.Equal(rt, len(m.taken), remembered, "remembered")
		require.Equal(rt, len(m.taken), counted, "counted as accepted")
		require.Equal(rt, len(m.lost), refused, "counted as refused")
		require.Zero(rt, repeated, "accepted twice")
		require.Zero(rt, missing, "never accepted")
	})
}

// A pipeline that refuses for hours is asked less and less often, but at least every half minute.
func TestWaitsBetweenOffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &service{rows: mails(1), pageSize: 9}, nil)
		sink := &replies{}
		for range 200 {
			sink.all = append(sink.all, reply{"", answering(errFull)})
		}
		b.Consumer = sink
		began := time.Now()
		_, err := b.run(t.Context())
		require.NoError(t, err)
		require.InDelta(t, 190*25*time.Second, time.Since(began), float64(200*5*time.Second))
		require.Len(t, sink.offers, 201)
	})
}
