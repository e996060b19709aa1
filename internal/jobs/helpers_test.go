// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs_test

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

var (
	begin  = time.Date(2026, time.March, 2, 10, 0, 0, 0, time.UTC)
	window = trace.Window{Start: begin.Add(-time.Hour), End: begin}
)

// clock is a clock that stands still until it is set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: begin} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// warnings are what a recorder has logged.
type warnings struct {
	mu   sync.Mutex
	said []string
}

func (w *warnings) warn(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, message)
}

func (w *warnings) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said
}

var errDisk = errors.New("disk full")

// store is a storage client in memory that fails, panics or hangs when told to.
type store struct {
	mu     sync.Mutex
	values map[string][]byte
	fail   error
	panics bool
	// hang takes a token of each batch, and then holds it up until it is closed.
	hang chan struct{}
	// largest is the size of the largest value written.
	largest int
}

func newStore() *store { return &store{values: map[string][]byte{}} }

func (s *store) set(change func(s *store)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *store) keys() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.values)
}

// copied is another store of the same content.
func (s *store) copied() *store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &store{values: maps.Clone(s.values)}
}

func (s *store) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := s.Batch(ctx, op)
	return op.Value, err
}

func (s *store) Set(ctx context.Context, key string, value []byte) error {
	return s.Batch(ctx, storage.SetOperation(key, value))
}

func (s *store) Delete(ctx context.Context, key string) error {
	return s.Batch(ctx, storage.DeleteOperation(key))
}

func (s *store) Batch(_ context.Context, ops ...*storage.Operation) error {
	s.mu.Lock()
	hang := s.hang
	s.mu.Unlock()
	if hang != nil {
		hang <- struct{}{}
		<-hang
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panics {
		panic("page 7 is no page")
	}
	if s.fail != nil {
		return s.fail
	}
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = s.values[op.Key]
		case storage.Set:
			s.values[op.Key] = op.Value
			s.largest = max(s.largest, len(op.Value))
		case storage.Delete:
			delete(s.values, op.Key)
		}
	}
	return nil
}

func (*store) Close(context.Context) error { return nil }

// open opens a recorder in a registry. It is closed when the test ends.
func open(t *testing.T, r *jobs.Registry, o jobs.Options) *jobs.Recorder {
	t.Helper()
	if o.Input == "" {
		o.Input = "one"
	}
	if o.TTL == 0 {
		o.TTL = 4 * time.Hour
	}
	b, err := r.Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close(context.Background()) })
	return b
}

// ended records a job that has ended.
func ended(b *jobs.Recorder, state jobs.State) *jobs.Job {
	j := started(b, trace.Live)
	j.End(state, nil, "")
	return j
}

func ids(records []jobs.Record) (list []string) {
	for _, r := range records {
		list = append(list, r.ID)
	}
	return list
}

func all(r *jobs.Registry) []jobs.Record {
	records, _ := r.List(jobs.Query{Limit: jobs.MaxJobs})
	return records
}

func logger(j *jobs.Job) *zap.Logger { return zap.New(j.Core()) }

// started is a job of the recorder that runs.
func started(b *jobs.Recorder, lane trace.Lane) *jobs.Job {
	j := b.Schedule(lane, window)
	j.Start(begin)
	return j
}
