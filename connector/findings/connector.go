// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/connector/findings/internal/metadata"
	"github.com/o365messagetrace/o365messagetrace/internal/findings"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
)

const (
	// settleEvery is after how many records of one batch findings are looked for.
	settleEvery = 1000
	// wakeEvery is how often findings are looked for that wait for time to pass, and saveEvery how often the state is saved.
	wakeEvery = 5 * time.Second
	saveEvery = 30 * time.Second
	// lastSave bounds how long saving may delay the end.
	lastSave = 700 * time.Millisecond
	// maxPending is how many findings are kept while the next pipeline refuses them. Further ones are dropped.
	maxPending = 10_000
)

// findingsConnector looks at records and emits findings. The records themselves it does not touch.
type findingsConnector struct {
	set       connector.Settings
	cfg       *Config
	next      consumer.Logs
	telemetry *metadata.TelemetryBuilder
	own       metric.MeasurementOption

	mu      sync.Mutex
	engine  *findings.Engine
	saver   *saver
	counted findings.Stats
	// pending are findings that the next pipeline has not accepted yet.
	pending []findings.Finding
	// emitting is locked by who hands findings over.
	emitting sync.Mutex
	refused  bool

	inspector jobs.FindingInspector
	stop      context.CancelFunc
	done      chan struct{}
}

func newConnector(set connector.Settings, cfg *Config, next consumer.Logs) (*findingsConnector, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	c := &findingsConnector{
		set: set, cfg: cfg, next: next, telemetry: telemetry,
		own: metric.WithAttributeSet(attribute.NewSet(attribute.String("connector", set.ID.String()))),
	}
	err = telemetry.RegisterConnectorO365FindingsTrackedCallback(func(_ context.Context, o metric.Int64Observer) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.engine != nil {
			o.Observe(int64(c.engine.Stats().Tracked), c.own)
		}
		return nil
	})
	return c, err
}

// Capabilities reports that records stay as they are.
func (c *findingsConnector) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// Start loads the state.
func (c *findingsConnector) Start(ctx context.Context, host component.Host) error {
	inspector, err := c.findInspector(host)
	if err != nil {
		return err
	}
	c.inspector = inspector
	client, err := c.storageClient(ctx, host)
	if err != nil {
		return err
	}
	if len(c.cfg.LocalDomains) == 0 {
		c.set.Logger.Warn("local_domains is empty: inside and outside are told apart by email.direction, and look-alikes are " +
			"looked for of protected_domains alone")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saver = &saver{client: client, logger: c.set.Logger}
	c.engine = findings.New(c.cfg.settings(), c.saver.secret(ctx))
	c.pending = c.saver.load(ctx, c.engine)
	own, stop := context.WithCancel(context.Background())
	c.stop, c.done = stop, make(chan struct{})
	go c.run(own)
	return nil
}

func (c *findingsConnector) findInspector(host component.Host) (jobs.FindingInspector, error) {
	id := c.cfg.InspectorID
	if id == nil {
		return nil, nil
	}
	extension, ok := host.GetExtensions()[*id]
	if !ok {
		return nil, fmt.Errorf("inspector: there is no extension %q", id)
	}
	inspector, ok := extension.(jobs.FindingInspector)
	if !ok {
		return nil, fmt.Errorf("inspector: the extension %q is no Job Inspector; name one of type o365jobinspector", id)
	}
	return inspector, nil
}

// storageClient is where the state is kept, nil if it is not.
func (c *findingsConnector) storageClient(ctx context.Context, host component.Host) (storage.Client, error) {
	id := c.cfg.StorageID
	if id == nil {
		return nil, nil
	}
	extension, ok := host.GetExtensions()[*id]
	if !ok {
		return nil, fmt.Errorf("storage: there is no extension %q", id)
	}
	kept, ok := extension.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage: the extension %q is no storage; name one such as file_storage", id)
	}
	client, err := kept.GetClient(ctx, component.KindConnector, c.set.ID, "findings")
	if err != nil {
		return nil, fmt.Errorf("storage: cannot open it: %w", err)
	}
	return client, nil
}

// run looks for what waits for time to pass, and saves the state.
func (c *findingsConnector) run(ctx context.Context) {
	defer close(c.done)
	wake, save := time.NewTicker(wakeEvery), time.NewTicker(saveEvery)
	defer wake.Stop()
	defer save.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake.C:
			c.settle(nil)
			c.emit(ctx)
		case <-save.C:
			c.mu.Lock()
			parts := c.saver.collect(c.engine, c.pending)
			c.mu.Unlock()
			c.saver.write(ctx, parts)
		}
	}
}

// Shutdown saves the state. It is safe without Start, and twice.
func (c *findingsConnector) Shutdown(ctx context.Context) error {
	if c.stop == nil {
		c.telemetry.Shutdown()
		return nil
	}
	c.stop()
	c.stop = nil
	select {
	case <-c.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, lastSave)
	defer cancel()
	c.settle(nil)
	c.emit(ctx)
	c.mu.Lock()
	parts := c.saver.collect(c.engine, c.pending)
	c.mu.Unlock()
	c.saver.write(ctx, parts)
	c.telemetry.Shutdown()
	return c.saver.close(ctx)
}

// ConsumeLogs looks at records. It returns no error: what the pipeline of findings refuses is no reason to send mail again.
func (c *findingsConnector) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	began := time.Now()
	c.settle(&logs)
	if n := logs.LogRecordCount(); n > 0 {
		c.telemetry.ConnectorO365FindingsRecordTime.Record(ctx, time.Since(began).Seconds()/float64(n), c.own)
	}
	c.emit(ctx)
	return nil
}

// settle observes records, if any, and looks for findings.
func (c *findingsConnector) settle(logs *plog.Logs) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.engine == nil {
		return
	}
	if logs != nil {
		if ignored := c.observeAll(*logs); ignored > 0 {
			c.telemetry.ConnectorO365FindingsIgnored.Add(context.Background(), ignored, c.own)
		}
	}
	c.found(c.engine.Settle(time.Now()))
	stats := c.engine.Stats()
	c.telemetry.ConnectorO365FindingsEvictions.Add(context.Background(), stats.Evicted-c.counted.Evicted, c.own)
	c.telemetry.ConnectorO365FindingsLateRows.Add(context.Background(), stats.Late-c.counted.Late, c.own)
	c.counted = stats
}

// found adds findings to those that are to be emitted.
func (c *findingsConnector) found(found []findings.Finding) {
	for i := range found {
		c.telemetry.ConnectorO365FindingsFound.Add(context.Background(), 1, c.own,
			metric.WithAttributes(attribute.String("rule", found[i].Rule)))
		if c.inspector != nil {
			c.inspector.AddFinding(shown(c.set.ID.String(), &found[i]))
		}
	}
	c.pending = append(c.pending, found...)
	if n := len(c.pending) - maxPending; n > 0 {
		c.pending = c.pending[:maxPending]
		c.set.Logger.Error("findings are dropped, since the pipeline keeps refusing them", zap.Int("dropped", n))
	}
}

func (c *findingsConnector) observeAll(logs plog.Logs) (ignored int64) {
	var o findings.Observation
	now := time.Now()
	observed := 0
	for _, resource := range logs.ResourceLogs().All() {
		tenant := ""
		if value, ok := resource.Resource().Attributes().Get("o365.tenant.id"); ok {
			tenant = text(value)
		}
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				if !traced(record) {
					ignored++
					continue
				}
				if observe(&o, tenant, record); !c.engine.Observe(&o, now) {
					ignored++
				}
				if observed++; observed%settleEvery == 0 {
					c.found(c.engine.Settle(now))
				}
			}
		}
	}
	return ignored
}

// emit hands findings to the next pipeline. What it refuses is handed over again later.
func (c *findingsConnector) emit(ctx context.Context) {
	c.emitting.Lock()
	defer c.emitting.Unlock()
	c.mu.Lock()
	found := slices.Clone(c.pending)
	c.mu.Unlock()
	if len(found) == 0 {
		return
	}
	err := c.next.ConsumeLogs(ctx, logsOf(found, c.set.BuildInfo.Version, time.Now()))
	switch {
	case err == nil:
	case consumererror.IsPermanent(err):
		c.set.Logger.Error("the pipeline refused findings for good; they are dropped", zap.Int("dropped", len(found)), zap.Error(err))
	default:
		if !c.refused {
			c.set.Logger.Warn("the pipeline refused findings; they are sent again every few seconds", zap.Error(err))
		}
		c.refused = true
		return
	}
	c.refused = false
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = slices.Delete(c.pending, 0, len(found))
}

// shown is a finding as the Job Inspector keeps it.
func shown(id string, f *findings.Finding) jobs.Finding {
	return jobs.Finding{
		Connector: id, UID: f.UID, Time: f.Time, Tenant: f.Tenant, Rule: f.Rule, Key: f.Key, Severity: severities[f.Severity].text,
		Text: f.Text, Technique: f.Technique, Count: f.Count, Threshold: f.Threshold, Start: f.Start, End: f.End,
		Messages: f.Messages, Recipients: f.Recipients,
	}
}
