// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// note notes a page of rows received so long before the end of the hour, with the numbers from first up to, but without,
// next, and a link.
func note(p *progress, link string, age time.Duration, first, next int) error {
	for n := first; n < next; n++ {
		var k trace.Key
		binary.LittleEndian.PutUint64(k[:], uint64(n))
		p.row(before(age), &k)
	}
	return p.page(link, next-first)
}

// pagesUntilDead returns how many pages are followed if all of them are noted like that.
func pagesUntilDead(t *testing.T, p *progress, most int, page func(p *progress, n int) error) int {
	t.Helper()
	for n := range most {
		if err := page(p, n); err != nil {
			var dead *deadLinkError
			require.ErrorAs(t, err, &dead)
			return n + 1
		}
	}
	return 0
}

func TestProgress(t *testing.T) {
	t.Parallel()
	link := func(n int) string { return fmt.Sprint("link ", n) }
	const alive = 0
	for name, c := range map[string]struct {
		page func(p *progress, n int) error
		dead int // the page whose link is not followed; 0 for none of a thousand
	}{
		"older rows on each page": {func(p *progress, n int) error { return note(p, link(n), time.Duration(n), 0, 2) }, alive},
		"new rows of one instant": {func(p *progress, n int) error { return note(p, link(n), time.Minute, 10*n, 10*n+10) }, alive},
		"one new row among known": {func(p *progress, n int) error { return note(p, link(n), time.Minute, n, n+10) }, alive},
		"newer and newer rows":    {func(p *progress, n int) error { return note(p, link(n), time.Hour-time.Duration(n), 10*n, 10*n+10) }, alive},
		"the same rows":           {func(p *progress, n int) error { return note(p, link(n), time.Minute, 0, 10) }, 1 + 1 + 20},
		"two pages in turn":       {func(p *progress, n int) error { return note(p, link(n), time.Duration(n%2), 10*(n%2), 10*(n%2)+10) }, 2 + 2 + 20},
		"empty pages":             {func(p *progress, n int) error { return note(p, link(n), 0, 0, 0) }, 10},
		"nine empty pages a row": {func(p *progress, n int) error {
			if n%10 == 9 {
				return note(p, link(n), time.Minute, n, n+1)
			}
			return note(p, link(n), 0, 0, 0)
		}, alive},
		"a new row in twenty pages": {func(p *progress, n int) error {
			if n%20 == 0 {
				return note(p, link(n), time.Minute, 100+n, 101+n)
			}
			return note(p, link(n), time.Minute, 0, 1)
		}, alive},
		"the same link":      {func(p *progress, n int) error { return note(p, "link", time.Duration(n), 0, 2) }, 2},
		"a link of the past": {func(p *progress, n int) error { return note(p, link(n%7), time.Duration(n), 0, 2) }, 8},
		"rows without a time": {func(p *progress, n int) error {
			p.row(time.Time{}, &trace.Key{byte(n), byte(n >> 8)})
			return p.page(link(n), 1)
		}, alive},
		"a row without a time": {func(p *progress, n int) error { p.row(time.Time{}, &trace.Key{}); return p.page(link(n), 1) }, 1 + 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.dead, pagesUntilDead(t, &progress{}, 1000, c.page))
		})
	}
}

func TestALinkIsKnownOnceItHasBeenFollowed(t *testing.T) {
	t.Parallel()
	p := &progress{}
	assert.False(t, p.followed("a"))
	require.NoError(t, note(p, "a", time.Minute, 0, 1))
	assert.True(t, p.followed("a"))
	assert.False(t, p.followed("b"))
}

func TestWhichErrorsMakeALinkDead(t *testing.T) {
	t.Parallel()
	for status, dead := range map[int]bool{400: true, 404: true, 410: true, 401: false, 403: false, 429: false, 500: false, 503: false} {
		assert.Equal(t, dead, isDead(fmt.Errorf("live: %w", &transport.Error{Status: status})), status)
	}
	assert.False(t, isDead(nil))
	assert.False(t, isDead(errDie))
	assert.False(t, isDead(&transport.Error{Err: errors.New("no route")}))
}
