// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

const (
	// MaxCaptures is the most captures that are open at once.
	MaxCaptures = 64
	// maxWaiting is the most that the records may take up that a capture holds for its reader, and maxBuffered the most
	// that those of all captures may, in bytes.
	maxWaiting  = 8 << 20
	maxBuffered = 64 << 20
	// maxText bounds a text in a captured record, in bytes.
	maxText = 64 << 10
)

// ErrTooManyCaptures is the refusal to open one more capture.
var ErrTooManyCaptures = errors.New("too many live captures are open already")

// Why a capture ended.
const (
	// EndLimit is a capture that has had as many records as were asked for.
	EndLimit = "limit"
	// EndSlow is a capture whose reader took records more slowly than they came.
	EndSlow = "slow"
	// EndShutdown is a capture of an inspector that has been shut down.
	EndShutdown = "shutdown"
)

// Capture takes a copy of the records that pipelines accept, as JSON texts, for one reader.
type Capture struct {
	registry *Registry
	input    string

	mu      sync.Mutex
	waiting [][]byte
	size    int
	// left is how many more records are taken; negative means any number.
	left int
	// end is why no more records are taken, "" while some are.
	end string
	// ready holds a token when there is something to take.
	ready chan struct{}
}

// Capture opens a capture of the records of an input, or of all if it is "". It ends by itself after limit records, 0
// means never. It must be closed.
func (r *Registry) Capture(input string, limit int) (*Capture, error) {
	c := &Capture{registry: r, input: input, left: limit, ready: make(chan struct{}, 1)}
	if limit == 0 {
		c.left = -1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	open := r.openCaptures()
	if len(open) >= MaxCaptures || r.closed {
		return nil, ErrTooManyCaptures
	}
	open = append(slices.Clip(open), c)
	r.captures.Store(&open)
	return c, nil
}

func (r *Registry) openCaptures() []*Capture {
	if open := r.captures.Load(); open != nil {
		return *open
	}
	return nil
}

// EndCaptures ends all captures. No more can be opened.
func (r *Registry) EndCaptures() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	for _, c := range r.openCaptures() {
		c.finish(EndShutdown)
	}
}

// Close forgets the capture and the records that it holds.
func (c *Capture) Close() {
	c.finish(EndShutdown)
	c.Take()
	r := c.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	open := slices.DeleteFunc(slices.Clone(r.openCaptures()), func(other *Capture) bool { return other == c })
	r.captures.Store(&open)
}

// Ready receives when there is something to take: records, or the end.
func (c *Capture) Ready() <-chan struct{} { return c.ready }

// Take returns the records that have come since, and, if they are the last ones, why.
func (c *Capture) Take() (records [][]byte, end string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	records = c.waiting
	c.discard()
	return records, c.end
}

// discard empties the buffer.
func (c *Capture) discard() {
	c.registry.buffered.Add(int64(-c.size))
	c.waiting, c.size = nil, 0
}

func (c *Capture) finish(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end == "" {
		c.end = why
	}
	c.signal()
}

func (c *Capture) signal() {
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

// offer hands over a record. It returns false if no more are wanted.
func (c *Capture) offer(record []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end != "" {
		return false
	}
	c.signal()
	if c.size+len(record) > maxWaiting || c.registry.buffered.Load()+int64(len(record)) > maxBuffered {
		c.end = EndSlow
		c.discard()
		return false
	}
	c.waiting = append(c.waiting, record)
	c.size += len(record)
	c.registry.buffered.Add(int64(len(record)))
	if c.left > 0 {
		c.left--
	}
	if c.left == 0 {
		c.end = EndLimit
	}
	return c.end == ""
}

// Capturing reports whether somebody watches live records of the input. It is cheap.
func (rec *Recorder) Capturing() bool {
	return rec != nil && slices.ContainsFunc(rec.registry.openCaptures(), rec.watchedBy)
}

func (rec *Recorder) watchedBy(c *Capture) bool {
	return c.input == "" || c.input == rec.options.Input
}

// show hands records that the pipeline accepted to those who watch. It copies what it keeps and never waits: a reader
// that is too slow loses its capture.
func (rec *Recorder) show(logs plog.Logs) {
	if !rec.Capturing() {
		return
	}
	readers := slices.DeleteFunc(slices.Clone(rec.registry.openCaptures()), func(c *Capture) bool { return !rec.watchedBy(c) })
	for record := range records(logs) {
		text := captured(rec.options.Input, record)
		readers = slices.DeleteFunc(readers, func(c *Capture) bool { return !c.offer(text) })
		if len(readers) == 0 {
			return
		}
	}
}

// captured is a record as JSON.
func captured(input string, record plog.LogRecord) []byte {
	at := record.Timestamp()
	if at == 0 {
		at = record.ObservedTimestamp()
	}
	shown := struct {
		Time       time.Time      `json:"time"`
		Input      string         `json:"input"`
		Attributes map[string]any `json:"attributes"`
		Body       any            `json:"body"`
	}{Time: at.AsTime(), Input: input, Attributes: map[string]any{}, Body: shownValue(record.Body())}
	for name, value := range record.Attributes().All() {
		shown.Attributes[name] = shownValue(value)
	}
	text, _ := json.Marshal(shown) // texts, numbers, flags and nulls
	return text
}

// shownValue is a value that can always be written as JSON. What is neither text nor number nor flag is shown as text.
func shownValue(v pcommon.Value) any {
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return nil
	case pcommon.ValueTypeBool:
		return v.Bool()
	case pcommon.ValueTypeInt:
		return v.Int()
	}
	return shorten(v.AsString(), maxText)
}
