// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// openDetailed opens a ledger for at most so many rows that wait for their details.
func openDetailed(t tb, client storage.Client, most int, stamps ...time.Time) *watched {
	t.Helper()
	b := &watched{}
	l, err := ledger.Open(t.Context(), ledger.Options{
		Client: client, Tenant: tenant, Warn: func(message string) { b.warnings = append(b.warnings, message) },
		Details: &ledger.DetailOptions{Most: most, Stamps: func() []time.Time { return stamps }},
	})
	require.NoError(t, err)
	b.Ledger = l
	return b
}

// inquiry is about the n-th row, which was received minutes after ten and is due at once.
func inquiry(n int, minutes float64) ledger.Inquiry {
	return ledger.Inquiry{
		Key: key(n), ID: "id", Recipient: "a@contoso.com", Sender: "b@contoso.com", Received: at(minutes), Status: trace.Failed, Due: at(minutes),
	}
}

// next is what to ask for at so many minutes after ten; what is older than ten o'clock is urgent, than nine o'clock not kept.
func (b *watched) next(minutes float64) (ledger.Inquiry, bool, int) {
	return b.NextInquiry(at(minutes), at(0), at(-60))
}

func TestInquiriesComeNewestFirst(t *testing.T) {
	t.Parallel()
	l := openDetailed(t, ledger.Memory{}, 0)
	for n, minutes := range []float64{5, 20, -30, -20, -70, 10} {
		assert.Zero(t, l.Inquire(inquiry(n, minutes)))
	}
	notDue := inquiry(6, 50)
	notDue.Due = at(100)
	l.Inquire(notDue)
	waiting, due := l.Inquiries()
	assert.Equal(t, 7, waiting)
	assert.Equal(t, at(-70), due)
	var order []float64
	lost := 0
	for {
		next, ok, givenUp := l.next(90)
		lost += givenUp
		if !ok {
			break
		}
		order = append(order, next.Received.Sub(ten).Minutes())
		l.Answered(next)
	}
	assert.Equal(t, []float64{-30, -20, 20, 10, 5}, order, "what is about to be dropped comes first, the oldest of it before all")
	assert.Equal(t, 1, lost, "what is no longer kept")
	waiting, _ = l.Inquiries()
	assert.Equal(t, 1, waiting)
}

func TestTooManyInquiriesGiveUpTheOldest(t *testing.T) {
	t.Parallel()
	l := openDetailed(t, ledger.Memory{}, 3)
	givenUp := 0
	for n := range 5 {
		givenUp += l.Inquire(inquiry(n, float64(10-n)))
	}
	assert.Equal(t, 2, givenUp)
	next, ok, _ := l.next(60)
	require.True(t, ok)
	assert.Equal(t, at(10), next.Received)
	waiting, due := l.Inquiries()
	assert.Equal(t, 3, waiting)
	assert.Equal(t, at(8), due)
}

func TestAnInquiryBelongsToAStatus(t *testing.T) {
	t.Parallel()
	l := openDetailed(t, ledger.Memory{}, 0)
	l.Inquire(inquiry(1, 0))
	pending, _, _ := l.next(1)
	failed := inquiry(1, 0)
	failed.Status = "quarantined"
	l.Told(pending, []uint64{1, 2})
	l.Inquire(failed)
	l.Answered(pending)
	l.AskAgain(pending, at(100))
	next, ok, _ := l.next(1)
	require.True(t, ok, "the answer was about another status")
	assert.Equal(t, trace.Status("quarantined"), next.Status)
	assert.Equal(t, []uint64{1, 2}, next.Told)
	assert.Zero(t, next.Asked)
	l.AskAgain(next, at(100))
	_, ok, _ = l.next(99)
	assert.False(t, ok)
	next, ok, _ = l.next(100)
	require.True(t, ok)
	assert.Equal(t, 1, next.Asked)
	l.Withdraw(next.Key)
	_, ok, _ = l.next(100)
	assert.False(t, ok, "its status is none that anybody asks about")
	l.Withdraw(key(99))
}

// What is no longer waited for holds no addresses, and is remembered as long as the row can come again.
func TestWhatHasBeenToldIsRemembered(t *testing.T) {
	t.Parallel()
	s := storeIn(ledger.Memory{})
	l := openDetailed(t, s, 0)
	l.SetState(collecting())
	l.Inquire(inquiry(1, 5))
	l.Inquire(inquiry(2, 4))
	l.commit(t)
	first, _, _ := l.next(60)
	l.Told(first, []uint64{7})
	l.Answered(first)
	second, _, _ := l.next(60)
	l.Answered(second)
	l.commit(t)
	for name, value := range s.values {
		assert.NotContains(t, string(value), "a@contoso.com", name)
	}
	l = openDetailed(t, s, 0)
	l.Inquire(inquiry(1, 5))
	again, ok, _ := l.next(60)
	require.True(t, ok)
	assert.True(t, again.HasTold(7))
	assert.False(t, again.HasTold(8))
	l.Answered(again)

	state := collecting()
	state.Served[0].UpTo = at(60)
	l.SetState(state)
	l.commit(t)
	assert.Empty(t, segments(s), "every age has been served, so that it cannot come again")
	l.Inquire(inquiry(1, 5))
	again, _, _ = l.next(60)
	assert.False(t, again.HasTold(7))
}

// segments are the keys of the stored inquiries.
func segments(s *store) (keys []string) {
	for k := range s.values {
		if strings.Contains(k, "/details/") {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

func TestInquiriesAreStoredInSegments(t *testing.T) {
	t.Parallel()
	for kind, open := range storages {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			l := openDetailed(t, s, 0, at(1), at(2))
			l.SetState(collecting())
			for n := range 200 {
				l.Inquire(inquiry(n, float64(n)))
			}
			l.commit(t)
			assert.Len(t, segments(s), 4)
			before := map[string]string{}
			for _, k := range segments(s) {
				before[k] = string(s.values[k])
			}
			next, _, _ := l.next(500)
			l.AskAgain(next, at(1000))
			l.commit(t)
			changed := 0
			for k, value := range before {
				if value != string(s.values[k]) {
					changed++
				}
			}
			assert.Equal(t, 1, changed, "one row changes one segment")

			l = openDetailed(t, s, 0)
			waiting, _ := l.Inquiries()
			assert.Equal(t, 200, waiting)
			assert.Equal(t, []time.Time{at(1), at(2)}, l.SavedDetailStamps())
			assert.Empty(t, l.warnings)
		})
	}
}

func TestDamagedInquiriesAreDropped(t *testing.T) {
	t.Parallel()
	s := storeIn(ledger.Memory{})
	l := openDetailed(t, s, 0)
	l.SetState(collecting())
	for n := range 100 {
		l.Inquire(inquiry(n, 1))
	}
	l.commit(t)
	s.spoil(t, segments(s)[0], func(value []byte) []byte { return append(value, 'x') })
	l = openDetailed(t, s, 0)
	waiting, _ := l.Inquiries()
	assert.Equal(t, 36, waiting)
	assert.Len(t, l.warnings, 1)
	l.commit(t)
	l = openDetailed(t, s, 0)
	assert.Empty(t, l.warnings)
}

// Without details nothing is read or written, but what was stored of them goes.
func TestWithoutDetailsNothingIsKept(t *testing.T) {
	t.Parallel()
	s := storeIn(ledger.Memory{})
	l := openDetailed(t, s, 0)
	l.SetState(collecting())
	l.Inquire(inquiry(1, 1))
	l.commit(t)
	require.Len(t, segments(s), 1)
	batches := s.batches
	without := open(t, s)
	assert.Equal(t, batches, s.batches)
	waiting, due := without.Inquiries()
	assert.Zero(t, waiting)
	assert.True(t, due.IsZero())
	without.commit(t)
	assert.Empty(t, segments(s))
	assert.NotContains(t, string(s.values[s.position(t)]), "details")
}

func TestInquiriesSurviveAFailingWrite(t *testing.T) {
	t.Parallel()
	s := storeIn(ledger.Memory{})
	l := openDetailed(t, s, 0)
	l.SetState(collecting())
	l.Inquire(inquiry(1, 1))
	s.failBatch = true
	require.Error(t, l.Commit(context.Background()))
	s.failBatch = false
	l.commit(t)
	waiting, _ := openDetailed(t, s, 0).Inquiries()
	assert.Equal(t, 1, waiting)
	s.failGet = true
	_, err := ledger.Open(t.Context(), ledger.Options{Client: s, Tenant: tenant, Details: &ledger.DetailOptions{}})
	require.Error(t, err)
}

// Whatever is asked, answered and forgotten, the ledger knows after a restart what it knew before.
func TestInquiriesAsAModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := storeIn(ledger.Memory{})
		l := openDetailed(t, s, 10)
		l.SetState(collecting())
		waits := map[int]trace.Status{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			n := rapid.IntRange(0, 12).Draw(t, "n")
			switch rapid.SampledFrom([]string{"inquire", "withdraw", "answer", "again", "restart"}).Draw(t, "step") {
			case "inquire":
				i := inquiry(n, float64(n))
				i.Status = rapid.SampledFrom([]trace.Status{trace.Failed, trace.Pending}).Draw(t, "status")
				waits[n] = i.Status
				if l.Inquire(i) > 0 {
					delete(waits, slices.Min(slices.Collect(maps.Keys(waits))))
				}
			case "withdraw":
				l.Withdraw(key(n))
				delete(waits, n)
			case "answer":
				if next, ok, _ := l.next(1000); ok {
					l.Told(next, []uint64{uint64(n)})
					l.Answered(next)
					delete(waits, int(next.Received.Sub(ten).Minutes()))
				}
			case "again":
				if next, ok, _ := l.next(1000); ok {
					l.AskAgain(next, at(float64(n)))
				}
			case "restart":
				l.commit(t)
				l = openDetailed(t, s, 10)
			}
			waiting, _ := l.Inquiries()
			require.Equal(t, len(waits), waiting)
			if next, ok, _ := l.next(1000); ok {
				require.Equal(t, slices.Max(slices.Collect(maps.Keys(waits))), int(next.Received.Sub(ten).Minutes()))
				require.Equal(t, waits[int(next.Received.Sub(ten).Minutes())], next.Status)
			}
		}
	})
}
