// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// clock reads received times. Rows come in their order, so most are in the minute of the one before.
type clock struct {
	// minute is the text of a time as far as its minutes, and begin what it stands for.
	minute []byte
	begin  time.Time
}

// read returns the time in text, zero if there is none.
func (c *clock) read(text []byte) time.Time {
	if len(c.minute) > 0 && bytes.HasPrefix(text, c.minute) {
		if rest, ok := trace.ParseSeconds(text[trace.MinuteLength:]); ok {
			return c.begin.Add(rest)
		}
	}
	t, ok := trace.ParseTime(text)
	if ok && len(text) > trace.MinuteLength && text[len(text)-1] == 'Z' {
		c.minute, c.begin = append(c.minute[:0], text[:trace.MinuteLength]...), t.Truncate(time.Minute)
	}
	return t
}
