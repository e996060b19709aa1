// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package mappings

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/plogtest"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processortest"
)

// mapped returns what the one processor in a file makes of logs. Unlike in the example, an error fails.
func mapped(t *testing.T, file string, logs plog.Logs) plog.Logs {
	t.Helper()
	conf, err := confmaptest.LoadConf(file)
	require.NoError(t, err)
	processors, err := conf.Sub("processors")
	require.NoError(t, err)
	require.Len(t, processors.ToStringMap(), 1)
	factory := transformprocessor.NewFactory()
	cfg := factory.CreateDefaultConfig()
	for id := range processors.ToStringMap() {
		own, err := processors.Sub(id)
		require.NoError(t, err)
		own = unescaped(t, own)
		require.NoError(t, own.Merge(confmap.NewFromStringMap(map[string]any{"error_mode": "propagate"})))
		require.NoError(t, own.Unmarshal(cfg))
	}
	require.NoError(t, confmap.Validate(cfg))
	sink := &consumertest.LogsSink{}
	p, err := factory.CreateLogs(t.Context(), processortest.NewNopSettings(factory.Type()), cfg, sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, p.ConsumeLogs(t.Context(), logs))
	require.NoError(t, p.Shutdown(t.Context()))
	require.Len(t, sink.AllLogs(), 1)
	return sink.AllLogs()[0]
}

// unescaped reads $$ as the collector does: as one $.
func unescaped(t *testing.T, conf *confmap.Conf) *confmap.Conf {
	t.Helper()
	var walk func(value any) any
	walk = func(value any) any {
		switch value := value.(type) {
		case string:
			return strings.ReplaceAll(value, "$$", "$")
		case []any:
			for i := range value {
				value[i] = walk(value[i])
			}
		case map[string]any:
			for key := range value {
				value[key] = walk(value[key])
			}
		}
		return value
	}
	return confmap.NewFromStringMap(walk(conf.ToStringMap()).(map[string]any))
}

func files(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("../../examples/mappings/*.yaml")
	require.NoError(t, err)
	require.Len(t, all, 4)
	return all
}

func TestMappingsOfGoldenRecords(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			got := mapped(t, file, goldenRecords(t))
			want := filepath.Join("testdata", filepath.Base(file))
			if *update {
				require.NoError(t, golden.WriteLogsToFile(want, got))
			}
			wanted, err := golden.ReadLogs(want)
			require.NoError(t, err)
			require.NoError(t, plogtest.CompareLogs(wanted, got))
		})
	}
}

// nothing reports the names of values that are empty.
func nothing(value any, path string) (names []string) {
	switch value := value.(type) {
	case nil:
		return []string{path}
	case map[string]any:
		for name, each := range value {
			names = append(names, nothing(each, path+"."+name)...)
		}
	case []any:
		for _, each := range value {
			names = append(names, nothing(each, path+"[]")...)
		}
	}
	return names
}

// Where properties and switches are missing, so is what comes of them: no name without a value.
func TestMappingsOfTheLeastRecord(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			logs := goldenRecords(t)
			for _, record := range recordsOf(logs).All() {
				record.Attributes().RemoveIf(func(name string, _ pcommon.Value) bool {
					return name != "log.record.uid" && name != "email.to.address" && name != "o365.message_trace.status"
				})
				plog.NewLogRecord().Body().MoveTo(record.Body())
			}
			for _, record := range recordsOf(mapped(t, file, logs)).All() {
				assert.Empty(t, nothing(record.Attributes().AsRaw(), "attributes"))
				if record.Body().Type() == pcommon.ValueTypeMap {
					assert.Empty(t, nothing(record.Body().Map().AsRaw(), "body"))
				}
			}
		})
	}
}

func TestMappingsLeaveOtherRecordsAlone(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			logs := goldenRecords(t)
			for _, record := range recordsOf(logs).All() {
				record.SetEventName("o365.finding")
			}
			want := plog.NewLogs()
			logs.CopyTo(want)
			require.NoError(t, plogtest.CompareLogs(want, mapped(t, file, logs)))
		})
	}
}

// attributesOf returns the attributes, or the bodies, of the records that are events of the schema.
func attributesOf(t *testing.T, file string) (all []map[string]any) {
	t.Helper()
	for _, record := range recordsOf(mapped(t, "../../examples/mappings/"+file, goldenRecords(t))).All() {
		all = append(all, record.Attributes().AsRaw())
	}
	return all[:len(all)-1] // the last row is no JSON object
}

// requires checks that an event has what its schema requires, and of what it prescribes values of nothing else.
func requires(t *testing.T, event map[string]any, required []string, allowed map[string][]any) {
	t.Helper()
	for _, name := range required {
		assert.Contains(t, event, name)
	}
	for name, values := range allowed {
		if value, has := event[name]; has {
			assert.Contains(t, values, value, name)
		}
	}
}

func TestOCSFHasWhatTheClassRequires(t *testing.T) {
	t.Parallel()
	records := recordsOf(mapped(t, "../../examples/mappings/ocsf.yaml", goldenRecords(t)))
	for _, record := range records.All() {
		if record.Body().Type() == pcommon.ValueTypeStr {
			assert.Equal(t, `"no object"`, record.Body().Str())
			continue
		}
		event := record.Body().Map().AsRaw()
		requires(t, event, []string{
			"activity_id", "category_uid", "class_uid", "type_uid", "severity_id", "time", "metadata", "direction_id", "email",
		}, map[string][]any{
			"class_uid": {int64(4009)}, "activity_id": {int64(4)}, "type_uid": {int64(400904)}, "category_uid": {int64(4)},
			"direction_id": {int64(0), int64(1), int64(2), int64(3), int64(99)}, "status_id": {int64(0), int64(1), int64(2)},
		})
		requires(t, event["email"].(map[string]any), []string{"from", "to"}, nil)
		requires(t, event["metadata"].(map[string]any), []string{"product", "version"}, nil)
	}
}

func TestCIMHasPrescribedValues(t *testing.T) {
	t.Parallel()
	for _, event := range attributesOf(t, "splunk-cim.yaml") {
		requires(t, event, []string{"action", "recipient", "src_user"}, map[string][]any{
			"action": {"delivered", "blocked", "quarantined", "deleted", "unknown"},
		})
	}
}

func TestASIMHasWhatTheSchemaMandates(t *testing.T) {
	t.Parallel()
	for _, event := range attributesOf(t, "asim.yaml") {
		requires(t, event, []string{
			"EventCount", "EventStartTime", "EventEndTime", "EventType", "EventResult", "EventProduct", "EventVendor", "EventSchema",
			"EventSchemaVersion", "Dvc", "Dst",
		}, map[string][]any{
			"EventResult": {"Success", "Failure", "NA"}, "EventSubType": {"EmailSent", "EmailReceived"},
			"EventResultDetails": {"BlockedBySpamFilter", "Other"}, "EventSeverity": {"Informational", "Low", "Medium", "High"},
			"EmailDirection": {"Inbound", "Outbound", "Internal", "Unknown"}, "EmailDeliveryLocation": {"Quarantine"},
			"DvcAction": {"Delivered", "Redirected", "Blocked", "Quarantined", "Deleted", "NA"},
		})
	}
}

func TestECSHasNoFieldThatECSDefinesOtherwise(t *testing.T) {
	t.Parallel()
	for _, event := range attributesOf(t, "ecs.yaml") {
		requires(t, event, []string{"ecs.version", "event.kind", "event.category", "event.type", "event.outcome", "email.sender.address"},
			map[string][]any{"event.outcome": {"success", "failure", "unknown"}})
		assert.NotContains(t, event, "email.from.address")
		assert.IsType(t, []any{}, event["email.to.address"])
		for name := range event {
			assert.Regexp(t, `^(ecs|event|email|source|destination|o365)\.`, name)
		}
	}
}
