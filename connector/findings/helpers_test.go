// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/connector/findings/internal/metadata"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// configured is a configuration in YAML upon the defaults.
func configured(t *testing.T, text string) (*Config, error) {
	t.Helper()
	conf, err := confmaptest.LoadConf(write(t, text))
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	if err := conf.Unmarshal(cfg); err != nil {
		return nil, err
	}
	err = cfg.Validate()
	return cfg, err
}

// row is what a record holds.
type row struct {
	id, sender, recipient, status, previous string
	at                                      time.Time
}

// traces are records of rows, in the shape in which the receiver emits them.
func traces(tenant string, rows ...row) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("o365.tenant.id", tenant)
	list := resource.ScopeLogs().AppendEmpty().LogRecords()
	for _, r := range rows {
		record := list.AppendEmpty()
		record.SetEventName("o365.message_trace")
		record.SetTimestamp(pcommon.NewTimestampFromTime(r.at))
		record.SetObservedTimestamp(pcommon.NewTimestampFromTime(r.at.Add(time.Minute)))
		a := record.Attributes()
		a.PutStr("email.local_id", r.id)
		a.PutStr("email.from.address", r.sender)
		a.PutStr("email.to.address", r.recipient)
		a.PutStr("o365.message_trace.status", r.status)
		if r.previous != "" {
			a.PutStr("o365.message_trace.previous_status", r.previous)
		}
		a.PutInt("o365.message_trace.size", 5000)
	}
	return logs
}

// bulk are messages of one sender to n recipients, from the first one on.
func bulk(first, n int) (rows []row) {
	for i := first; i < first+n; i++ {
		rows = append(rows, row{
			id: fmt.Sprintf("id-%d", i), sender: "mailer@northwind.example", recipient: fmt.Sprintf("user%d@contoso.com", i),
			status: "delivered", at: noon.Add(time.Duration(i) * time.Second),
		})
	}
	return rows
}

// sink keeps what is emitted.
type sink struct {
	consumer.Logs
	mu  sync.Mutex
	err error
	all []plog.LogRecord
}

func (s *sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *sink) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				s.all = append(s.all, record)
			}
		}
	}
	return nil
}

func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *sink) uids() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, record := range s.all {
		uid, _ := record.Attributes().Get("log.record.uid")
		all = append(all, uid.Str())
	}
	return all
}

// disk is a storage extension.
type disk struct {
	component.StartFunc
	component.ShutdownFunc
	mu     sync.Mutex
	err    error
	values map[string][]byte
}

func (d *disk) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return d, nil
}

func (d *disk) Get(_ context.Context, key string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.values[key], d.err
}

func (d *disk) Set(ctx context.Context, key string, value []byte) error {
	return d.Batch(ctx, storage.SetOperation(key, value))
}

func (d *disk) Delete(context.Context, string) error { return nil }

func (d *disk) Batch(_ context.Context, operations ...*storage.Operation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range operations {
		if d.err == nil {
			d.values[o.Key] = o.Value
		}
	}
	return d.err
}

func (d *disk) Walk(context.Context, storage.WalkFunc) error { return nil }
func (d *disk) Close(context.Context) error                  { return nil }

// crashed is the disk as it is now.
func (d *disk) crashed() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &disk{values: maps.Clone(d.values)}
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// start starts a connector. Whoever calls it shuts it down.
func start(t *testing.T, cfg *Config, next consumer.Logs, extensions host) *findingsConnector {
	t.Helper()
	set := connectortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = componenttest.NewNopTelemetrySettings()
	c, err := newConnector(set, cfg, next)
	require.NoError(t, err)
	require.NoError(t, c.Start(t.Context(), extensions))
	return c
}
