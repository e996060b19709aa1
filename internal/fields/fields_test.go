// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"
)

func compile(t *testing.T, definitions ...Definition) (f *Fields, failed *[]string, err error) {
	t.Helper()
	failed = &[]string{}
	f, err = Compile(definitions, componenttest.NewNopTelemetrySettings(), func(name string, err error) {
		require.Error(t, err)
		*failed = append(*failed, name)
	})
	return f, failed, err
}

// set returns what the definitions add to a record.
func set(t *testing.T, definitions ...Definition) (added map[string]any, failed []string) {
	t.Helper()
	f, failures, err := compile(t, definitions...)
	require.NoError(t, err)
	resource := plog.NewLogs().ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "exchange-online")
	scope := resource.ScopeLogs().AppendEmpty()
	record := scope.LogRecords().AppendEmpty()
	record.Attributes().PutStr("email.to.address", "b@contoso.com")
	record.Attributes().PutInt("o365.message_trace.size", 7)
	record.Body().SetStr(`{"a":{"b":[1,2]}}`)
	f.Set(t.Context(), resource, scope, record)
	added = record.Attributes().AsRaw()
	delete(added, "email.to.address")
	delete(added, "o365.message_trace.size")
	return added, *failures
}

func TestValues(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]any{
		`"text"`:                              "text",
		`12`:                                  int64(12),
		`1.5`:                                 1.5,
		`true`:                                true,
		`[1, "b"]`:                            []any{int64(1), "b"},
		`{"a": 1}`:                            map[string]any{"a": int64(1)},
		`log.attributes["email.to.address"]`:  "b@contoso.com",
		`attributes["email.to.address"]`:      "b@contoso.com",
		`log.body`:                            `{"a":{"b":[1,2]}}`,
		`ParseJSON(body)["a"]`:                map[string]any{"b": []any{1.0, 2.0}},
		`resource.attributes["service.name"]`: "exchange-online",
		`Concat(["mailbox", log.attributes["email.to.address"], attributes["email.to.address"]], ":")`: "mailbox:b@contoso.com:b@contoso.com",
		`log.attributes["o365.message_trace.size"] * 2`:                                                int64(14),
		`Duration("90s")`:                       "1m30s",
		`Time("2026-01-31", "%Y-%m-%d", "UTC")`: "2026-01-31T00:00:00Z",
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			added, failed := set(t, Definition{"f", expression})
			assert.Equal(t, map[string]any{"f": want}, added)
			assert.Empty(t, failed)
		})
	}
}

func TestNothingIsAddedForNil(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{`nil`, `attributes["absent"]`} {
		added, failed := set(t, Definition{"f", expression})
		assert.Empty(t, added, expression)
		assert.Empty(t, failed, expression)
	}
}

func TestLaterFieldsSeeEarlierOnes(t *testing.T) {
	t.Parallel()
	added, _ := set(t, Definition{"a", `"1"`}, Definition{"b", `Concat([attributes["a"], "2"], "")`})
	assert.Equal(t, map[string]any{"a": "1", "b": "12"}, added)
}

func TestFieldThatFailsIsSkipped(t *testing.T) {
	t.Parallel()
	added, failed := set(t, Definition{"a", `Int(ParseJSON("no JSON"))`}, Definition{"b", `1`})
	assert.Equal(t, map[string]any{"b": int64(1)}, added)
	assert.Equal(t, []string{"a"}, failed)
}

// A failure says what went wrong, and nothing of the record.
func TestFailuresHaveNoValues(t *testing.T) {
	t.Parallel()
	for expression, says := range map[string]string{
		`Split(attributes["email.to.address"], "@")[5]`:                 "out of bounds",
		`Time(attributes["email.subject"], "%Y")`:                       "cannot parse",
		`ParseJSON(attributes["email.subject"])`:                        "",
		`Duration(attributes["email.subject"])`:                         "invalid duration",
		`URL(Concat(["http://[", attributes["email.to.address"]], ""))`: "",
		`ParseKeyValue(ToUpperCase(attributes["email.subject"]))`:       "pairs",
		`Substring(attributes["email.subject"], 0, 500)`:                "cannot be greater than",
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			var text string
			f, err := Compile([]Definition{{"f", expression}}, componenttest.NewNopTelemetrySettings(), func(_ string, err error) {
				text = err.Error()
				require.Error(t, errors.Unwrap(err))
			})
			require.NoError(t, err)
			logs := plog.NewLogs().ResourceLogs().AppendEmpty()
			record := logs.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
			record.Attributes().PutStr("email.to.address", "ann.smith@contoso.example")
			record.Attributes().PutStr("email.subject", `Merger: "Fabrikam" is next`)
			record.Body().SetStr(`{"toAddress":"ann.smith@contoso.example","index":3,"subject":"Merger: \"Fabrikam\" is next"}`)
			f.Set(t.Context(), logs, logs.ScopeLogs().At(0), record)
			require.NotEmpty(t, text)
			assert.Contains(t, text, says)
			assert.NotRegexp(t, `(?i)\bann\b|smith|contoso|merger|fabri|next`, text)
		})
	}
}

func TestWithoutValues(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `index 5 out of bounds: …`, withoutValues("index 5 out of bounds: Merg|erger", "merger off\n"))
	assert.Equal(t, `parsing "…": bad`, withoutValues(`parsing "Ann Smith": bad`, "ann smith"))
	assert.Equal(t, "index 5 out of bounds", withoutValues("index 5 out of bounds", "5 of us shouted"))
	assert.Equal(t, "…: VP of …", withoutValues("VIP: VP of IT2", "vip vp of it2"))
	assert.Equal(t, "a plain text", withoutValues("a plain text", ""))
}

func TestWrongExpressionsAreNamed(t *testing.T) {
	t.Parallel()
	_, _, err := compile(t, Definition{"good", `1`}, Definition{"bad", `Concat(`}, Definition{"worse", `Nonsense(body)`}, Definition{"worst", `log.nonsense`})
	require.Error(t, err)
	for _, want := range []string{`fields[1].value: of "bad"`, `fields[2].value: of "worse"`, `fields[3].value: of "worst"`} {
		require.ErrorContains(t, err, want)
	}
	assert.NotContains(t, err.Error(), "good")
}
