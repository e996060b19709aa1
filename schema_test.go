// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package o365messagetrace_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/o365messagetrace/o365messagetrace/connector/findings"
	"github.com/o365messagetrace/o365messagetrace/extension/jobinspector"
	"github.com/o365messagetrace/o365messagetrace/internal/configschema"
	"github.com/o365messagetrace/o365messagetrace/receiver"
)

var update = flag.Bool("update", false, "write the JSON schemas anew")

// Beside the configuration of each component is what its Go code does not tell of it, in schema.yaml.
func TestSchemasAreUpToDate(t *testing.T) {
	t.Parallel()
	for folder, factory := range map[string]component.Factory{
		"receiver":               receiver.NewFactory(),
		"extension/jobinspector": jobinspector.NewFactory(),
		"connector/findings":     findings.NewFactory(),
	} {
		want, err := configschema.Of(factory, []byte(read(t, filepath.Join(folder, "schema.yaml"))))
		require.NoError(t, err)
		file := filepath.Join(folder, "config.schema.json")
		if *update {
			require.NoError(t, os.WriteFile(file, want, 0o600))
		}
		assert.Equal(t, string(want), read(t, file), "%s: run make generate", file)
	}
}

func readSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	var schema jsonschema.Schema
	require.NoError(t, json.Unmarshal([]byte(read(t, name)), &schema))
	return &schema
}

func TestSchemaHasTheKeysOfTheConfigurationWithTheirDefaults(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	describe(want, "", reflect.ValueOf(receiver.NewFactory().CreateDefaultConfig()).Elem())
	got := map[string]string{}
	listed(t, got, "", readSchema(t, "receiver/config.schema.json"))
	// Of the keys of the HTTP client, the first have only two.
	maps.DeleteFunc(got, func(key, _ string) bool {
		_, known := want[key]
		return !known && ofClient(key)
	})
	assert.Equal(t, want, got)
}

// ofClient is set where a key is one of the HTTP client's.
func ofClient(key string) bool {
	name, _, _ := strings.Cut(key, ".")
	fields := reflect.TypeFor[receiver.Config]().Field(0).Type.Fields()
	for field := range fields {
		if tag, _, _ := strings.Cut(field.Tag.Get("mapstructure"), ","); tag == name {
			return true
		}
	}
	return false
}

// listed notes the keys of a schema with their defaults as the documents write them.
func listed(t *testing.T, defaults map[string]string, path string, schema *jsonschema.Schema) {
	t.Helper()
	for name, property := range schema.Properties {
		assert.NotEmpty(t, property.Description, path+name)
		switch {
		case property.Deprecated:
			// A newer collector does not know it.
		case name == "enabled" && property.Type == "" && len(property.Types) > 0 && property.Default == nil:
			// Every optional block has it.
		case property.Properties != nil:
			listed(t, defaults, path+name+".", property)
		case property.Default == nil:
			defaults[path+name] = unset
		default:
			var value any
			require.NoError(t, json.Unmarshal(property.Default, &value))
			if list, ok := value.([]any); ok {
				value = strings.ReplaceAll(fmt.Sprint(list), " ", ", ")
			}
			defaults[path+name] = fmt.Sprint(value)
		}
	}
}

func TestExamplesAreRightInTheSchema(t *testing.T) {
	t.Parallel()
	schema, err := readSchema(t, "receiver/collector.schema.json").Resolve(&jsonschema.ResolveOptions{
		BaseURI: "file:///receiver/collector.schema.json",
		Loader:  func(uri *url.URL) (*jsonschema.Schema, error) { return readSchema(t, uri.Path[1:]), nil },
	})
	require.NoError(t, err)
	texts := configurations(t)
	files, err := filepath.Glob("examples/*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		texts[file] = read(t, file)
	}
	validated := 0
	for name, text := range texts {
		retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
		require.NoError(t, err)
		conf, err := retrieved.AsConf()
		require.NoError(t, err, name)
		if !conf.IsSet("receivers") || strings.Contains(text, "# ...") {
			continue
		}
		validated++
		content, err := json.Marshal(conf.ToStringMap())
		require.NoError(t, err, name)
		var value any
		require.NoError(t, json.Unmarshal(content, &value))
		require.NoError(t, schema.Validate(value), name)
		for id := range value.(map[string]any)["receivers"].(map[string]any) {
			if strings.HasPrefix(id, "o365messagetrace") {
				value.(map[string]any)["receivers"].(map[string]any)[id] = map[string]any{}
			}
		}
		require.Error(t, schema.Validate(value), "%s: it was the receiver that was looked at", name)
	}
	assert.Greater(t, validated, 5)
}
