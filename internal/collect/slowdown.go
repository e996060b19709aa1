// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

const (
	// maxFruitless is how many dead links a job bears in a row without a single row.
	maxFruitless = 6
	// atOnce is how many dead links with rows before them may come to nothing before a job waits, and patience how many before it waits as
	// long as for those without. To find the one millisecond that cannot be read may take that many.
	atOnce   = 2
	patience = 20
	// fruitlessWait is half the wait after the first dead link that came to nothing, and before a page behind those that had
	// nothing new. It doubles from one dead link to the next, up to longestFruitlessWait.
	fruitlessWait        = 100 * time.Millisecond
	longestFruitlessWait = time.Minute
)

// slowDown waits after a dead link that came to nothing, the longer the more of them there have been since any job has read
// something, so that nonsense is not asked for in a hurry. Those with rows still give hope.
func (j *job) slowDown(ctx context.Context, w *walk) error {
	n, pages := j.fruitlessLinks.Add(1), j.fruitlessPages.Add(w.pages)
	switch {
	case w.rows > 0 && n <= atOnce:
		return nil
	case w.rows > 0:
		// A walk has two pages that leads to itself.
		n = max(1, pages/2-patience)
	}
	wait := min(fruitlessWait<<min(n, 10), longestFruitlessWait)
	if wait >= silentAfter {
		j.leave(ctx)
	}
	return transport.Sleep(ctx, wait)
}
