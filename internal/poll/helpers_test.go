// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// desk is a poller with all that it needs: a service, a pipeline and a ledger in memory.
type desk struct {
	*Poller
	t       *testing.T
	service *service
	sink    *sink
	shown   *reporter
	store   ledger.Memory
	// common is the storage in place of store, if others use it as well, and fenced reports whether one at a time is elected.
	common   storage.Client
	fenced   bool
	registry *jobs.Registry
	// details says which details are asked for; nil asks for none.
	details *collect.Details
	// opened counts the terms that have been opened, and released those that have been closed.
	opened, released int
	stop             func()
}

// newDesk returns a desk whose poller does not run yet. It polls every five minutes, an hour back at first, with pages of up
// to 5000 rows.
func newDesk(t *testing.T, s *service, change func(*Options)) *desk {
	d := &desk{t: t, service: s, sink: &sink{times: map[string]int{}}, shown: &reporter{}, store: ledger.Memory{}}
	registry := jobs.NewRegistry(10_000, nil)
	recorder, err := registry.Open(t.Context(), jobs.Options{Input: "o365messagetrace", TTL: 24 * time.Hour})
	require.NoError(t, err)
	d.registry = registry
	o := Options{
		Plan:     plan.Config{Interval: 5 * time.Minute, InitialLookback: time.Hour, Retention: 90 * 24 * time.Hour},
		Open:     d.open,
		PageSize: 5000,
		Budget:   &allowance{},
		Reporter: d.shown,
		Recorder: recorder,
	}
	if change != nil {
		change(&o)
	}
	d.Poller = New(o)
	s.heard = d.Heard
	return d
}

func (d *desk) open(ctx context.Context, gate collect.Gate, now func() time.Time) (*collect.Collector, func(), error) {
	client := &client{Client: d.store, t: d.t}
	if d.common != nil {
		client.Client = d.common
	}
	options := ledger.Options{Client: client, Tenant: "contoso.com", Warn: func(m string) { d.t.Error(m) }, Fenced: d.fenced}
	if d.details != nil {
		options.Details = &ledger.DetailOptions{}
	}
	known, err := ledger.Open(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             component.MustNewID("o365messagetrace"),
		Transport:              "http",
		ReceiverCreateSettings: receiver.Settings{TelemetrySettings: componenttest.NewNopTelemetrySettings()},
	})
	if err != nil {
		return nil, nil, err
	}
	d.opened++
	return collect.New(collect.Options{
		Source: d.service, Ledger: known, Origin: &records.Origin{InputID: "o365messagetrace", Body: true}, Consumer: d.sink, Obs: obs,
		Observer: unobserved{}, Now: now, Finest: time.Millisecond / 2, Plan: d.Plan, Gate: gate, Details: d.details,
		Retry: func(context.Context, int) (time.Duration, bool) { return 0, false },
	}), func() { client.closed.Store(true); d.released++ }, nil
}

// client is a storage client that must not be used once it is closed: another process may read and write what it stored.
type client struct {
	storage.Client

	t      *testing.T
	closed atomic.Bool
}

func (c *client) Batch(ctx context.Context, ops ...*storage.Operation) error {
	assert.False(c.t, c.closed.Load(), "the storage is closed")
	return c.Client.Batch(ctx, ops...)
}

// start runs the poller until the test ends, or stop is called.
func (d *desk) start() {
	ctx, cancel := context.WithCancel(d.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Run(ctx)
	}()
	d.stop = func() {
		cancel()
		<-done
	}
	d.t.Cleanup(d.stop)
}

// run runs a test in a bubble with a fake clock, which stands at a full hour.
func run(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// state is what has been read so far.
func (d *desk) state() plan.State {
	s, ok := d.State()
	require.True(d.t, ok, "nothing is collected")
	return s
}

// missing counts the rows received in the window that have not been delivered.
func (d *desk) missing(w trace.Window) (n int) {
	for i, received := range d.service.mail {
		if w.Contains(received) && d.sink.count(i) == 0 {
			n++
		}
	}
	return n
}

// allowance is a budget that allows everything, unless closed.
type allowance struct {
	mu     sync.Mutex
	closed bool
	until  time.Time
	awaits int
}

func (a *allowance) set(closed bool, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed, a.until = closed, until
}

func (a *allowance) Await(ctx context.Context, _ trace.Lane, limit time.Duration) bool {
	const step = time.Second
	for waited := time.Duration(0); ; waited += step {
		a.mu.Lock()
		a.awaits++
		closed := a.closed
		a.mu.Unlock()
		switch {
		case !closed:
			return true
		case waited >= limit:
			return false
		}
		select {
		case <-time.After(step):
		case <-ctx.Done():
			return false
		}
	}
}

func (a *allowance) Resume() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.until
}

func (a *allowance) Rate() transport.Rate { return transport.Rate{} }

// reporter keeps what the poller tells.
type reporter struct {
	mu     sync.Mutex
	events []Event
}

func (r *reporter) Report(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// clear forgets what has been told.
func (r *reporter) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}

// of returns the events of a type.
func of[E Event](r *reporter) (all []E) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, event := range r.events {
		if e, ok := event.(E); ok {
			all = append(all, e)
		}
	}
	return all
}

// failing returns the scopes whose latest event is a trouble, in their order.
func (r *reporter) failing() (scopes []trouble.Scope) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, event := range r.events {
		switch e := event.(type) {
		case Trouble:
			if !slices.Contains(scopes, e.Scope) {
				scopes = append(scopes, e.Scope)
			}
		case Recovery:
			scopes = slices.DeleteFunc(scopes, func(s trouble.Scope) bool { return s == e.Scope })
		}
	}
	slices.Sort(scopes)
	return scopes
}

// sink is a pipeline that counts how often it has taken each row. It waits with each offer while it is blocked.
type sink struct {
	mu      sync.Mutex
	times   map[string]int
	blocked chan struct{}
	// takes is how long it takes to take records.
	takes time.Duration
}

func (s *sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *sink) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	s.mu.Lock()
	blocked := s.blocked
	s.mu.Unlock()
	if blocked != nil {
		select {
		case <-blocked:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	time.Sleep(s.takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, record := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		s.times[record.Body().AsString()]++
	}
	return nil
}

// block has the pipeline take nothing until free is called.
func (s *sink) block() (free func()) {
	blocked := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocked = blocked
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.blocked = nil
		close(blocked)
	}
}

// count is how often a row has been taken.
func (s *sink) count(row int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times[string(textOf(row))]
}

// unobserved observes nothing.
type unobserved struct{}

func (unobserved) Page(context.Context, trace.Lane, collect.Page)     {}
func (unobserved) Offering(context.Context, plog.Logs) (taken func()) { return func() {} }
func (unobserved) Offered(context.Context, trace.Window, error)       {}
func (unobserved) Stored(error)                                       {}
func (unobserved) Cut(context.Context, trace.Window)                  {}
