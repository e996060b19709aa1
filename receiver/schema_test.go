// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/o365messagetrace/o365messagetrace/internal/source/graph"
	"github.com/o365messagetrace/o365messagetrace/internal/source/reporting"
)

// readSchema returns the schema of the configuration, with defaults that are valid in it.
func readSchema(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	content, err := os.ReadFile("config.schema.json")
	require.NoError(t, err)
	var schema jsonschema.Schema
	require.NoError(t, json.Unmarshal(content, &schema))
	resolved, err := schema.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	require.NoError(t, err)
	return resolved
}

// inSchema returns what the schema finds wrong with a configuration.
func inSchema(t *testing.T, schema *jsonschema.Resolved, conf *confmap.Conf) error {
	t.Helper()
	text, err := json.Marshal(conf.ToStringMap())
	if err != nil {
		// JSON has no NaN.
		return err
	}
	var value any
	require.NoError(t, json.Unmarshal(text, &value))
	return schema.Validate(value)
}

func TestRightConfigurationsAreRightInTheSchema(t *testing.T) {
	t.Parallel()
	schema := readSchema(t)
	for _, text := range right {
		if text == "auth: ~" {
			continue
		}
		require.NoError(t, inSchema(t, schema, merge(t, least, text)), text)
	}
	for name, signIn := range methods {
		require.NoError(t, inSchema(t, schema, merge(t, signIn)), name)
	}
	file, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	for name := range file.ToStringMap() {
		own, err := file.Sub(name)
		require.NoError(t, err)
		require.NoError(t, inSchema(t, schema, own), name)
	}
	assert.NoError(t, inSchema(t, schema, merge(t, `
tenant_id: ${env:TENANT}
authentication: {oauth: {client_id: "${env:APP}", client_secret: "${env:SECRET}"}}
api: ${env:API}
poll_interval: ${env:MINUTES}m
page_size: ${env:SIZE}
internal_fields: ${env:INTERNAL}
date_range: {start: "${env:START}"}
retry: {http_codes: ["${env:CODE}"]}
tags: ${env:TAGS}
filter: ${file:filter.yaml}
`)), "environment variables stand for any value")
}

func TestWrongConfigurationsAreWrongInTheSchema(t *testing.T) {
	t.Parallel()
	schema := readSchema(t)
	rejected := 0
	for text := range wrong() {
		if inSchema(t, schema, merge(t, least, text)) != nil {
			rejected++
		}
	}
	// A schema knows neither the order of times nor OTTL.
	assert.Greater(t, rejected, len(wrong())/2)
	for text, says := range map[string]string{
		"tenant_id: contoso.com":                                                                                       "authentication",
		"tenant_id: contoso.com\nauthentication: {}":                                                                   "authentication",
		"tenant_id: contoso.com\nauthentication: {oauth: {client_id: x}}":                                              "client_secret",
		"authentication: {managed_identity: {}}":                                                                       "tenant_id",
		"tenant_id: contoso.com\nauthentication: {certificate: {client_id: x, cert_file: y}}":                          "key_file",
		"tenant_id: contoso.com\nauthentication: {managed_identity: {}, workload_identity: {}}":                        "authentication",
		"tenant_id: contoso.com\nauthentication: {managed_identity: {}}\nsubscription_plan: gcc_high\npage_size: 2001": "page_size",
	} {
		assert.ErrorContains(t, inSchema(t, schema, merge(t, text)), says, text)
	}
}

// The defaults that depend on plan and service are in the descriptions, for which the comments of Config are the source.
func TestTheSchemaDescribesTheClouds(t *testing.T) {
	t.Parallel()
	properties := readSchema(t).Schema().Properties
	resource := properties["authentication"].Properties["oauth"].Properties["resource"]
	for plan, c := range clouds {
		assert.Contains(t, properties["subscription_plan"].AnyOf[0].Enum, any(string(plan)))
		assert.Contains(t, properties["authority_host"].Description, c.login)
		assert.Contains(t, resource.Description, c.graph)
		assert.Contains(t, resource.Description, c.reportingResource)
		for _, api := range []API{Graph, ReportingWebService} {
			assert.Contains(t, properties["endpoint"].Description, (&Config{SubscriptionPlan: plan, API: api}).endpoint())
		}
	}
	for level := range levels {
		assert.Contains(t, properties["log_level"].AnyOf[0].Enum, any(string(level)))
	}
	for _, property := range omittable {
		assert.Contains(t, properties["omit"].Items.AnyOf[0].Enum, any(string(property)))
	}
	for _, status := range statuses {
		assert.Contains(t, properties["filter"].Properties["status"].Description, string(status))
	}
}

func TestTheSchemaDescribesTheLimits(t *testing.T) {
	t.Parallel()
	properties := readSchema(t).Schema().Properties
	retry := properties["retry"].Properties
	for _, test := range []struct {
		key    *jsonschema.Schema
		limits []time.Duration
	}{
		{properties["poll_interval"], []time.Duration{time.Second, maxPollInterval}},
		{properties["min_age"], []time.Duration{maxMinAge}},
		{properties["initial_lookback"], []time.Duration{graph.Retention, reporting.Retention}},
		{properties["revisit_ages"], []time.Duration{
			(&Config{API: Graph}).limits().maxRevisitAge, (&Config{API: ReportingWebService}).limits().maxRevisitAge,
		}},
		{retry["initial_interval"], []time.Duration{maxInitialInterval}},
		{retry["max_interval"], []time.Duration{minMaxInterval, maxMaxInterval}},
		{retry["max_retry_after"], []time.Duration{maxMaxRetryAfter}},
	} {
		for _, limit := range test.limits {
			assert.Contains(t, test.key.Description, short(limit))
		}
	}
	assert.Contains(t, properties["page_size"].Description, strconv.Itoa(reporting.MaxPageSize))
	for _, test := range []struct {
		key         *jsonschema.Schema
		least, most float64
	}{
		{properties["page_size"], minPageSize, graph.MaxPageSize},
		{retry["max_retries"], 0, maxRetries},
		{retry["http_codes"].Items, minHTTPCode, maxHTTPCode},
	} {
		assert.InDelta(t, test.least, *test.key.Minimum, 0)
		assert.InDelta(t, test.most, *test.key.Maximum, 0)
	}
	assert.InDelta(t, minMultiplier, *retry["multiplier"].Minimum, 0)
	assert.Equal(t, tenantID.String()+`|\$\{`, properties["tenant_id"].Pattern)
}
