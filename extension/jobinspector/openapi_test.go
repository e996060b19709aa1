// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/o365messagetrace/o365messagetrace/extension/jobinspector/internal/metadata"
	"github.com/o365messagetrace/o365messagetrace/internal/findings"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

type openAPIDocument struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		Parameters []struct {
			Name, In string
			Schema   struct{ Enum []string }
		}
		Responses map[string]any
	}
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Items      *schema
	Enum       []string
	Properties map[string]schema
	Required   []string
}

func readOpenAPI(t *testing.T) (d openAPIDocument) {
	t.Helper()
	require.NoError(t, json.Unmarshal(openAPI, &d))
	return d
}

func TestOpenAPIIsServed(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "3.1.0", start(t, nil).get(t, "/api/v1/openapi.json")["openapi"])
}

func TestOpenAPIHasAllCalls(t *testing.T) {
	t.Parallel()
	want := map[string][]string{}
	i := newInspector(extensiontest.NewNopSettings(metadata.Type), createDefaultConfig().(*Config))
	for path, methods := range i.routes(&guard{}) {
		want[apiPrefix+path] = slices.Sorted(maps.Keys(methods))
	}
	got := map[string][]string{}
	for path, calls := range readOpenAPI(t).Paths {
		for method := range calls {
			got[path] = append(got[path], strings.ToUpper(method))
		}
		slices.Sort(got[path])
	}
	assert.Equal(t, want, got)
}

// A call refuses a parameter that it does not know.
func TestOpenAPIHasAllParameters(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	paths := readOpenAPI(t).Paths
	delete(paths, "/api/v1/openapi.json") // reads none
	names := map[string]bool{}
	for _, calls := range paths {
		for _, parameter := range calls["get"].Parameters {
			names[parameter.Name] = true
		}
	}
	for path, calls := range paths {
		call, readable := calls["get"]
		if !readable {
			continue
		}
		documented := map[string]bool{}
		for _, parameter := range call.Parameters {
			documented[parameter.Name] = parameter.In == "query"
		}
		for name := range names {
			status := s.head(t, request{method: http.MethodHead, path: path + "?" + name + "="})
			assert.Equal(t, !documented[name], status == http.StatusBadRequest, "%s of %s: %d", name, path, status)
		}
	}
}

func TestOpenAPIHasAllFields(t *testing.T) {
	t.Parallel()
	schemas := readOpenAPI(t).Components.Schemas
	for name, view := range map[string]any{
		"Inspector": inspectorView{}, "Input": inputView{}, "Health": healthView{}, "Quota": quotaView{}, "Window": windowView{},
		"Rows": trace.Outcomes{}, "Job": jobView{}, "JobDetail": jobDetailView{}, "Backfill": backfillView{}, "Line": lineView{},
		"JobLine": jobLineView{}, "Minute": minuteView{}, "BackfillRequest": backfillRequest{}, "Error": errorView{},
		"Progress": progressView{}, "Count": countView{}, "Top": topView{},
		"InputList": listView[inputView]{}, "JobList": jobListView{}, "JobLineList": listView[jobLineView]{},
		"MinuteList": listView[minuteView]{}, "Finding": findingView{}, "FindingList": listView[findingView]{}, "CancelRequest": struct{}{},
	} {
		s, found := schemas[name]
		require.True(t, found, name)
		assert.ElementsMatch(t, fields(reflect.TypeOf(view)), slices.Collect(maps.Keys(s.Properties)), name)
		if !strings.HasSuffix(name, "Request") {
			assert.Len(t, s.Required, len(s.Properties), "%s: what is always there is required", name)
		}
		delete(schemas, name)
	}
	assert.ElementsMatch(t, []string{"attributes", "body", "input", "time"}, schemas["Record"].Required)
	delete(schemas, "Record")
	assert.Empty(t, schemas, "there is nothing else")
}

// fields are the JSON names of a struct.
func fields(of reflect.Type) (names []string) {
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		switch {
		case field.Anonymous:
			names = append(names, fields(field.Type)...)
		case name != "":
			names = append(names, name)
		}
	}
	return names
}

func TestOpenAPIHasAllValues(t *testing.T) {
	t.Parallel()
	d := readOpenAPI(t)
	job := d.Components.Schemas["Job"].Properties
	assert.Equal(t, states(), job["state"].Enum)
	assert.Equal(t, lanes, job["lane"].Enum)
	reasons := []string{""}
	for _, reason := range jobs.Reasons {
		reasons = append(reasons, string(reason))
	}
	assert.Equal(t, reasons, job["waiting_for"].Enum)
	assert.Equal(t, jobs.Levels, d.Components.Schemas["Line"].Properties["level"].Enum)
	for _, parameter := range d.Paths["/api/v1/findings"]["get"].Parameters {
		if parameter.Name == "rule" {
			assert.Equal(t, findings.RuleNames(), parameter.Schema.Enum)
		}
	}
	for _, parameter := range d.Paths["/api/v1/jobs"]["get"].Parameters {
		switch parameter.Name {
		case "state":
			assert.Equal(t, states(), parameter.Schema.Enum)
		case "lane":
			assert.Equal(t, lanes, parameter.Schema.Enum)
		}
	}
}
