// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/o365messagetrace/o365messagetrace/internal/configschema/testdata/sample"
)

type factory struct{ defaults component.Config }

func (f factory) Type() component.Type { return component.MustNewType("test") }

func (f factory) CreateDefaultConfig() component.Config { return f.defaults }

func TestSchemaOfAConfiguration(t *testing.T) {
	t.Parallel()
	defaults := &sample.Config{Base: sample.Base{MaxAge: 90 * time.Minute}, MinAge: time.Minute, Size: sample.Small}
	got, err := Of(factory{defaults}, []byte(`
properties:
  names: {items: {pattern: ^x$}}
  block: {required: [count], properties: {count: {minimum: 1}}}
`))
	require.NoError(t, err)
	const age = `"type": ["string", "integer"], "minimum": 0, "maximum": 0,
		"pattern": "^\\+?(([0-9]+\\.?[0-9]*|\\.[0-9]+)(ns|us|µs|ms|s|m|h|d))+$|^0$|\\$\\{"`
	assert.JSONEq(t, `{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Configuration of test", "type": "object",
		"additionalProperties": false, "properties": {
			"max_age": {"description": "`+"`max_age` is unlike `min_age` and Other."+`", "default": "1h30m", `+age+`},
			"min_age": {"description": "`+"`min_age` is how old mail is."+`", "default": "1m", `+age+`},
			"size": {
				"description": "How large mail is.\n- `+"`small` is not large."+`", "type": "string", "default": "small",
				"anyOf": [{"enum": ["small", "large"]}, {"pattern": "\\$\\{"}]
			},
			"names": {
				"description": "`+"`names` are those of senders."+`", "type": ["array", "string"], "pattern": "\\$\\{", "default": [],
				"items": {"type": "string", "pattern": "^x$|\\$\\{"}
			},
			"sizes": {
				"description": "`+"`sizes` are those of names.\\n- `small` is not large."+`", "type": ["object", "string"], "pattern": "\\$\\{",
				"additionalProperties": {"type": "string", "anyOf": [{"enum": ["small", "large"]}, {"pattern": "\\$\\{"}]}
			},
			"block": {
				"description": "`+"`block` may be missing."+`", "type": ["object", "string"], "pattern": "\\$\\{",
				"additionalProperties": false, "required": ["count"], "properties": {
					"count": {
						"description": "Deprecated: use `+"`max_age`."+`", "deprecated": true,
						"type": ["integer", "string"], "pattern": "\\$\\{", "minimum": 1
					},
					"enabled": {
						"description": "false takes the block away, as if it were not there.",
						"type": ["boolean", "string"], "pattern": "\\$\\{"
					}
				}
			}
		}
	}`, string(got))
}

func TestWhatHasNoSchema(t *testing.T) {
	t.Parallel()
	for rules, test := range map[string]struct {
		defaults component.Config
		want     string
	}{
		"# none": {&struct {
			Plain bool `mapstructure:"plain"`
		}{}, "plain has no comment"},
		"{}": {&struct {
			Wait chan int `mapstructure:"wait"`
		}{}, "no schema for the type chan int"},
		"properties: {max_agee: {minimum: 1}}": {&sample.Base{}, "max_agee has no comment"},
		"properties: [":                        {&sample.Base{}, "yaml"},
	} {
		_, err := Of(factory{test.defaults}, []byte(rules))
		require.ErrorContains(t, err, test.want)
	}
}

func TestDurationsAreWrittenAsPeopleDo(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", time.Minute: "1m", 70 * time.Second: "1m10s", time.Hour: "1h", 90 * time.Minute: "1h30m",
		time.Hour + 10*time.Second: "1h0m10s",
	} {
		got, err := Of(factory{&sample.Base{MaxAge: d}}, nil)
		require.NoError(t, err)
		var s struct {
			Properties map[string]struct{ Default string }
		}
		require.NoError(t, json.Unmarshal(got, &s))
		assert.Equal(t, want, s.Properties["max_age"].Default)
	}
}
