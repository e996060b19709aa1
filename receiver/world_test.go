// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	logobserver "go.uber.org/zap/zaptest/observer"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// world is a simulated tenant, a receiver of its mail, and what the receiver leaves behind.
type world struct {
	t       *testing.T
	sim     *simulator.Simulator
	storage *crashable
	jobs    ledger.Memory
	sink    *sink
	current *messageTraceReceiver
	logs    *logobserver.ObservedLogs
	logger  *zap.Logger
	// extensions are those of the collector beside the storage.
	extensions extensions
	kills      int
	rows       int
	// settled is between which ages the last status of a row may have been read.
	settled [2]time.Duration
}

func newWorld(t *testing.T, sim *simulator.Simulator) *world {
	core, logs := logobserver.New(zapcore.WarnLevel)
	return &world{
		t: t, sim: sim, storage: &crashable{Memory: ledger.Memory{}}, jobs: ledger.Memory{}, sink: newSink(), logs: logs, logger: zap.New(core),
		// The last revisit comes at an age of 30 hours, or as much later as its stretch and a pause between runs take.
		settled: [2]time.Duration{30 * time.Hour, 38 * time.Hour},
	}
}

// start starts a receiver with the configuration as change leaves it.
func (w *world) start(change func(*Config)) { w.startVia(simulator.Transport(w.sim), change) }

// startVia is start with another way to the service.
func (w *world) startVia(way http.RoundTripper, change func(*Config)) {
	cfg := createDefaultConfig().(*Config)
	cfg.TenantID = simulator.DefaultTenantID
	cfg.Authentication.OAuth = configoptional.Some(OAuth{ClientID: "client", ClientSecret: "secret"})
	if change != nil {
		change(cfg)
	}
	require.NoError(w.t, cfg.Validate())
	id := component.MustNewID("storage")
	cfg.StorageID = &id
	set := receivertest.NewNopSettings(metadata.Type)
	set.Logger = w.logger
	r, err := newMessageTraceReceiver(set, cfg, w.sink)
	require.NoError(w.t, err)
	r.dial = func(_ context.Context, endpoint *url.URL) (collect.Source, error) {
		return r.source(&http.Client{Transport: way, Timeout: cfg.Timeout}, nil, signedIn{w.sim, cfg.api()}, endpoint), nil
	}
	w.storage.dead.Store(false)
	w.sink.live(true)
	require.NoError(w.t, r.Start(context.Background(), storageHost{Host: w.extensions, id: id, client: w.storage, jobs: w.jobs}))
	w.current = r
}

// stop shuts the receiver down as the collector does.
func (w *world) stop() {
	require.NoError(w.t, w.current.Shutdown(context.Background()))
}

// kill ends the receiver in the middle of whatever it does: what it has not stored by then is lost, and what it has not
// delivered by then is not delivered.
func (w *world) kill() {
	w.kills++
	if w.kills%2 == 0 {
		w.sink.dieAfterNext(w.storage)
		time.Sleep(30 * time.Minute)
	}
	w.storage.dead.Store(true)
	w.sink.live(false)
	w.stop()
}

// state is what the receiver has to remember of what it has read.
func (w *world) state() plan.State {
	state, _ := w.current.poller.Load().State()
	return state
}

// check compares what was delivered with what became visible.
func (w *world) check(from, to time.Time) {
	lost, unsettled := 0, 0
	for row := range w.sim.Rows(from, to) {
		w.rows++
		delivered := w.sink.delivered(row)
		if len(delivered) == 0 {
			if lost++; lost <= 10 {
				w.t.Logf("lost: received %s, visible from %s", row.Received, row.Timeline[0].At)
			}
			continue
		}
		if !slices.ContainsFunc(statusesBetween(row, w.settled[0], w.settled[1]), func(s mail.Status) bool {
			return string(s) == delivered[len(delivered)-1] || s == mail.GettingStatus
		}) {
			unsettled++
		}
	}
	assert.Zero(w.t, lost, "rows lost")
	assert.Zero(w.t, unsettled, "final statuses missed")
	assert.LessOrEqual(w.t, w.sink.repeats(), w.kills*1000, "at most a batch is repeated per kill")
	if w.kills == 0 {
		assert.Zero(w.t, w.sink.repeats())
	}
}

// statusesBetween returns the statuses that a row has from one age on until another.
func statusesBetween(row mail.Row, from, to time.Duration) (all []mail.Status) {
	first, _ := row.StatusAt(row.Received.Add(from))
	all = append(all, first)
	for _, change := range row.Until(row.Received.Add(to)) {
		if change.At.After(row.Received.Add(from)) {
			all = append(all, change.Status)
		}
	}
	return all
}

// signedIn gives out tokens that the simulator accepts.
type signedIn struct {
	sim *simulator.Simulator
	api API
}

func (s signedIn) Token(context.Context) (string, error) {
	if s.api == ReportingWebService {
		return s.sim.ReportingToken(), nil
	}
	return s.sim.Token(), nil
}
func (signedIn) Reject(string, string) {}

// tripper is a way to the service.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func keyOf(id, recipient string) string { return id + "|" + recipient }

// sink is the pipeline. It remembers of each row which statuses were delivered.
type sink struct {
	mu       sync.Mutex
	dead     bool
	refusal  error
	answer   answerer
	dying    *crashable
	statuses map[string][]string
	repeated int
	// all are the records, in their order, if they are kept.
	keep bool
	all  []map[string]any
	// first is when each row was delivered for the first time, and followed are the records that follow rows.
	first    map[string]time.Time
	followed []followed
}

// followed is a record that follows a row.
type followed struct {
	event, key, uid string
	attributes      map[string]any
	at, taken       time.Time
	severity, body  string
}

// answerer returns what of some records a pipeline takes, and what it says of them.
type answerer func(context.Context, plog.Logs) (taken plog.Logs, err error)

func newSink() *sink {
	return &sink{statuses: map[string][]string{}, first: map[string]time.Time{}}
}

func (s *sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *sink) ConsumeLogs(ctx context.Context, logs plog.Logs) (err error) {
	s.mu.Lock()
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		logs, err = answer(ctx, logs)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return nil
	}
	if s.refusal != nil {
		return s.refusal
	}
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				s.take(record)
			}
		}
	}
	if s.dying != nil {
		// The process dies after the pipeline has accepted the records and before that has been stored.
		s.dying.dead.Store(true)
		s.dead, s.dying = true, nil
	}
	return err
}

// live reports whether the process of the pipeline is alive.
func (s *sink) live(alive bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead, s.dying = !alive, nil
}

// delivered returns the statuses with which a row has been delivered.
func (s *sink) delivered(row mail.Row) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.statuses[keyOf(row.ID, row.Recipient)]
}

// rows is how many rows have been delivered, and repeats how many records of them once too often.
func (s *sink) rows() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.statuses)
}

func (s *sink) repeats() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repeated
}

// refuse makes the pipeline refuse everything with the error, or nothing any more.
func (s *sink) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = err
}

// answerWith makes the pipeline answer as the function says, or take everything again.
func (s *sink) answerWith(answer answerer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *sink) dieAfterNext(c *crashable) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dying = c
}

func (s *sink) take(record plog.LogRecord) {
	if s.keep {
		attributes := record.Attributes().AsRaw()
		attributes["severity"], attributes["body"], attributes["time"] = record.SeverityText(), record.Body().AsString(), record.Timestamp().AsTime()
		s.all = append(s.all, attributes)
	}
	id, hasID := record.Attributes().Get("email.local_id")
	recipient, hasRecipient := record.Attributes().Get("email.to.address")
	if !hasID || !hasRecipient {
		return // no row of the tenant's, but what a fault made up
	}
	status, _ := record.Attributes().Get("o365.message_trace.status")
	key := keyOf(id.Str(), recipient.Str())
	if event := record.EventName(); event != records.EventName {
		uid, _ := record.Attributes().Get("log.record.uid")
		s.followed = append(s.followed, followed{
			event, key, uid.Str(), record.Attributes().AsRaw(), record.Timestamp().AsTime(), time.Now(), record.SeverityText(), record.Body().AsString(),
		})
		return
	}
	if _, known := s.first[key]; !known {
		s.first[key] = time.Now()
	}
	if known := s.statuses[key]; len(known) > 0 && known[len(known)-1] == status.Str() {
		s.repeated++
		return
	}
	s.statuses[key] = append(s.statuses[key], status.Str())
}

// crashable is a storage that forgets what is written once its process is dead.
type crashable struct {
	ledger.Memory
	dead atomic.Bool
	// broken is set where writing fails, unreadable where reading does.
	broken, unreadable atomic.Bool
}

func (c *crashable) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *crashable) Batch(ctx context.Context, ops ...*storage.Operation) error {
	if c.broken.Load() && slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Type != storage.Get }) {
		return errors.New("disk full")
	}
	if c.unreadable.Load() && slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Type == storage.Get }) {
		return errors.New("input/output error")
	}
	if c.dead.Load() {
		ops = slices.DeleteFunc(slices.Clone(ops), func(op *storage.Operation) bool { return op.Type != storage.Get })
	}
	return c.Memory.Batch(ctx, ops...)
}

// storageHost is a host with one storage extension.
type storageHost struct {
	component.Host
	id     component.ID
	client storage.Client
	jobs   storage.Client
}

func (h storageHost) GetExtensions() map[component.ID]component.Component {
	all := maps.Clone(h.Host.GetExtensions())
	if all == nil {
		all = map[component.ID]component.Component{}
	}
	all[h.id] = storageExtension{client: h.client, jobs: h.jobs}
	return all
}

type storageExtension struct {
	component.StartFunc
	component.ShutdownFunc
	client, jobs storage.Client
}

func (e storageExtension) GetClient(_ context.Context, _ component.Kind, _ component.ID, name string) (storage.Client, error) {
	if name == "jobs" {
		return e.jobs, nil
	}
	return e.client, nil
}
