// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// settled is a state in which no window can bring mail again.
func settled() plan.State { return plan.State{Begin: at(0), Head: at(600)} }

func TestABucketStaysAsLongAsAJobMayBringItsRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pinned trace.Window
		kept   bool
	}{
		"around it":                      {window(-60, 60), true},
		"within it":                      {window(2, 3), true},
		"up to its beginning":            {window(-60, 0), true},
		"from its end on":                {window(10, 70), true},
		"as far as a query may go":       {trace.Window{Start: at(-60), End: at(0).Add(-2e9)}, true},
		"no farther":                     {trace.Window{Start: at(-60), End: at(0).Add(-2e9 - 1)}, false},
		"as far behind it":               {trace.Window{Start: at(10).Add(2e9), End: at(70)}, true},
		"no farther behind it":           {trace.Window{Start: at(10).Add(2e9 + 1), End: at(70)}, false},
		"an hour that is another's mail": {window(60, 120), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storeIn(ledger.Memory{})
			b := open(t, s)
			b.SetState(collecting())
			b.deliver(t, row(1, 5, trace.Delivered))
			b.commit(t)
			first, second := b.Pin(c.pinned), b.Pin(c.pinned)
			for i := range 3 {
				b.SetState(settled())
				b.commit(t)
				want := 0
				if c.kept && i < 2 {
					want = 1
				}
				assert.Equal(t, want, b.Rows(), "after %d of 2 jobs", i)
				assert.Len(t, s.entries(), want)
				assert.Len(t, b.deliver(t, row(1, 5, trace.Delivered)), 1-want)
				if i == 0 {
					first()
					first() // once is enough
				} else {
					second()
				}
			}
		})
	}
}

// Jobs begin and end while others use the ledger.
func TestPinsMayComeAndGoWhileTheLedgerIsInUse(t *testing.T) {
	t.Parallel()
	b := open(t, ledger.Memory{})
	var jobs sync.WaitGroup
	for range 4 {
		jobs.Go(func() {
			for range 100 {
				b.Pin(window(0, 60))()
			}
		})
	}
	for n := range 100 {
		b.SetState(settled())
		b.deliver(t, row(n, 5, trace.Delivered))
		b.commit(t)
	}
	jobs.Wait()
	b.SetState(settled())
	b.commit(t)
	assert.Zero(t, b.Rows())
}
