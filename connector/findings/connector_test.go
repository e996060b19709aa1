// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/o365messagetrace/o365messagetrace/connector/findings/internal/metadata"
	"github.com/o365messagetrace/o365messagetrace/connector/findings/internal/metadatatest"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const local = "local_domains: [contoso.com]\n"

func TestFindingAsARecord(t *testing.T) {
	cfg, err := configured(t, local)
	require.NoError(t, err)
	var out sink
	c := start(t, cfg, &out, nil)
	mail := traces("tenant-1", bulk(0, 150)...)
	before := plog.NewLogs()
	mail.CopyTo(before)
	require.NoError(t, c.ConsumeLogs(t.Context(), mail))
	assert.Equal(t, before, mail, "mail is not touched")
	require.NoError(t, c.Shutdown(t.Context()))

	require.Len(t, out.all, 1)
	f := out.all[0]
	assert.Equal(t, "o365.finding", f.EventName())
	assert.Equal(t, plog.SeverityNumberWarn, f.SeverityNumber())
	assert.Equal(t, noon.Add(99*time.Second), f.Timestamp().AsTime())
	assert.Equal(t, "mailer@northwind.example sent 150 messages to 150 recipients within 3 minutes; 150 were delivered", f.Body().Str())
	got := f.Attributes().AsRaw()
	assert.Len(t, got["log.record.uid"], 32)
	assert.Len(t, got["o365.finding.messages"], 10)
	assert.Len(t, got["o365.finding.recipients"], 5)
	for _, name := range []string{"log.record.uid", "o365.finding.messages", "o365.finding.recipients"} {
		delete(got, name)
	}
	assert.Equal(t, map[string]any{
		"o365.finding.rule": "bulk_mail", "o365.finding.key": "mailer@northwind.example",
		"o365.finding.count": int64(150), "o365.finding.threshold": int64(100),
		"o365.finding.window.start": "2026-11-20T12:00:00Z", "o365.finding.window.end": "2026-11-20T12:02:29Z",
		"threat.technique.id": "T1566",
	}, got)
}

func TestOtherRecordsAreIgnoredAndCounted(t *testing.T) {
	cfg, err := configured(t, local)
	require.NoError(t, err)
	tel := componenttest.NewTelemetry()
	set := connectortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	c, err := newConnector(set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, c.Start(t.Context(), host{}))
	logs := traces("tenant", bulk(0, 120)...)
	list := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	list.AppendEmpty().Body().SetStr("something else")
	list.AppendEmpty().SetEventName("o365.finding")
	list.AppendEmpty().SetEventName("o365.message_trace") // broken
	strange := list.AppendEmpty()
	strange.SetEventName("o365.message_trace")
	strange.Attributes().PutInt("email.local_id", 5)
	strange.Attributes().PutEmptyMap("email.from.address")
	require.NoError(t, c.ConsumeLogs(t.Context(), logs))
	own := attribute.NewSet(attribute.String("connector", set.ID.String()))
	metadatatest.AssertEqualConnectorO365FindingsIgnored(t, tel,
		[]metricdata.DataPoint[int64]{{Attributes: own, Value: 4}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorO365FindingsTracked(t, tel,
		[]metricdata.DataPoint[int64]{{Attributes: own, Value: 1}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorO365FindingsFound(t, tel, []metricdata.DataPoint[int64]{{Attributes: attribute.NewSet(
		attribute.String("connector", set.ID.String()), attribute.String("rule", "bulk_mail")), Value: 1}}, metricdatatest.IgnoreTimestamp())
	require.NoError(t, c.Shutdown(t.Context()))
	require.NoError(t, tel.Shutdown(t.Context()))
}

func TestTenantsAreApart(t *testing.T) {
	cfg, err := configured(t, local)
	require.NoError(t, err)
	var out sink
	c := start(t, cfg, &out, nil)
	require.NoError(t, c.ConsumeLogs(t.Context(), traces("one", bulk(0, 60)...)))
	require.NoError(t, c.ConsumeLogs(t.Context(), traces("two", bulk(60, 60)...)))
	assert.Empty(t, out.uids())
	require.NoError(t, c.ConsumeLogs(t.Context(), traces("one", bulk(60, 60)...)))
	assert.Len(t, out.uids(), 1)
	require.NoError(t, c.Shutdown(t.Context()))
}

// The process dies at any moment: what the state lacks is at most of the last half minute.
func TestStateOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, err := configured(t, local+"storage: disk\n")
		require.NoError(t, err)
		kept := &disk{values: map[string][]byte{}}
		extensions := host{component.MustNewID("disk"): kept}
		var out sink
		c := start(t, cfg, &out, extensions)
		require.NoError(t, c.ConsumeLogs(t.Context(), traces("tenant", bulk(0, 60)...)))
		time.Sleep(saveEvery + time.Second)
		killed := kept.crashed()
		require.NoError(t, c.Shutdown(t.Context()))

		again := start(t, cfg, &out, host{component.MustNewID("disk"): killed})
		require.NoError(t, again.ConsumeLogs(t.Context(), traces("tenant", bulk(30, 70)...)))
		first := out.uids()
		assert.Len(t, first, 1)
		require.NoError(t, again.Shutdown(t.Context()))

		third := start(t, cfg, &out, host{component.MustNewID("disk"): killed})
		require.NoError(t, third.ConsumeLogs(t.Context(), traces("tenant", bulk(0, 150)...)))
		assert.Equal(t, first, out.uids(), "not twice")
		require.NoError(t, third.Shutdown(t.Context()))
		require.NoError(t, third.Shutdown(t.Context()), "shut down twice")
	})
}

func TestRefusedFindingsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, err := configured(t, local+"storage: disk\n")
		require.NoError(t, err)
		kept := &disk{values: map[string][]byte{}}
		extensions := host{component.MustNewID("disk"): kept}
		out := sink{err: errors.New("full")}
		c := start(t, cfg, &out, extensions)
		require.NoError(t, c.ConsumeLogs(t.Context(), traces("tenant", bulk(0, 150)...)), "mail is none of its business")
		require.NoError(t, c.Shutdown(t.Context()))

		c = start(t, cfg, &out, extensions)
		out.fail(nil)
		time.Sleep(wakeEvery + time.Second)
		assert.Len(t, out.uids(), 1)
		out.fail(consumererror.NewPermanent(errors.New("no")))
		require.NoError(t, c.ConsumeLogs(t.Context(), traces("other", bulk(0, 150)...)))
		out.fail(nil)
		time.Sleep(wakeEvery + time.Second)
		assert.Len(t, out.uids(), 1, "dropped")
		require.NoError(t, c.Shutdown(t.Context()))
	})
}

func TestDamagedOrBrokenStorageIsNoReasonToStop(t *testing.T) {
	cfg, err := configured(t, local+"storage: disk\n")
	require.NoError(t, err)
	kept := &disk{values: map[string][]byte{}}
	extensions := host{component.MustNewID("disk"): kept}
	var out sink
	c := start(t, cfg, &out, extensions)
	require.NoError(t, c.ConsumeLogs(t.Context(), traces("tenant", bulk(0, 60)...)))
	require.NoError(t, c.Shutdown(t.Context()))
	for key, value := range kept.values {
		if len(value) > 20 {
			kept.values[key] = value[:len(value)-3]
		}
	}
	c = start(t, cfg, &out, extensions)
	kept.err = errors.New("disk full")
	require.NoError(t, c.ConsumeLogs(t.Context(), traces("tenant", bulk(0, 150)...)))
	assert.Len(t, out.uids(), 1)
	require.NoError(t, c.Shutdown(t.Context()))
}

// notes is an inspector.
type notes struct {
	component.StartFunc
	component.ShutdownFunc
	found []jobs.Finding
}

func (n *notes) AddFinding(f jobs.Finding) { n.found = append(n.found, f) }

func TestExtensions(t *testing.T) {
	inspected, err := configured(t, local+"inspector: o365jobinspector\n")
	require.NoError(t, err)
	stored, err := configured(t, local+"storage: file_storage\n")
	require.NoError(t, err)
	set := connectortest.NewNopSettings(metadata.Type)
	for text, test := range map[string]struct {
		cfg        *Config
		extensions host
	}{
		`inspector: there is no extension "o365jobinspector"`:             {inspected, host{}},
		`inspector: the extension "o365jobinspector" is no Job Inspector`: {inspected, host{*inspected.InspectorID: &disk{}}},
		`storage: there is no extension "file_storage"`:                   {stored, host{}},
		`storage: the extension "file_storage" is no storage`:             {stored, host{*stored.StorageID: &notes{}}},
	} {
		c, err := newConnector(set, test.cfg, consumertest.NewNop())
		require.NoError(t, err)
		require.ErrorContains(t, c.Start(t.Context(), test.extensions), text)
		require.NoError(t, c.Shutdown(t.Context()))
	}
	seen := &notes{}
	c := start(t, inspected, consumertest.NewNop(), host{*inspected.InspectorID: seen})
	require.NoError(t, c.ConsumeLogs(t.Context(), traces("tenant", bulk(0, 150)...)))
	require.Len(t, seen.found, 1)
	assert.Equal(t, "bulk_mail", seen.found[0].Rule)
	assert.Equal(t, "WARN", seen.found[0].Severity)
	require.NoError(t, c.Shutdown(t.Context()))
}
