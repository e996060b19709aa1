// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/o365messagetrace/o365messagetrace/extension/jobinspector/internal/metadata"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
)

func finding(uid, tenant, rule string) jobs.Finding {
	return jobs.Finding{
		UID: uid, Connector: "o365findings", Tenant: tenant, Rule: rule, Key: "ada@contoso.com", Severity: "WARN", Technique: "T1566",
		Text: "ada@contoso.com sent 5 messages to bob.o'hara@x.example within 1 minute", Count: 5, Threshold: 3,
		Time: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), Messages: []string{"m1"}, Recipients: []string{"bob@x.example"},
	}
}

func texts(answer map[string]any, name string) (all []any) {
	for _, item := range answer["items"].([]any) {
		all = append(all, item.(map[string]any)[name])
	}
	return all
}

func TestFindingsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, f := range []jobs.Finding{finding("1", "a", "bulk_mail"), finding("2", "b", "exfiltration"), finding("3", "a", "exfiltration")} {
		s.AddFinding(f)
	}
	s.AddFinding(finding("1", "a", "bulk_mail")) // again, after a restart of the connector
	assert.Equal(t, []any{"1", "3", "2"}, texts(s.get(t, "/api/v1/findings"), "uid"))
	assert.Equal(t, []any{"1", "3"}, texts(s.get(t, "/api/v1/findings?tenant=a"), "uid"))
	assert.Equal(t, []any{"3", "2"}, texts(s.get(t, "/api/v1/findings?rule=exfiltration"), "uid"))
	page := s.get(t, "/api/v1/findings?limit=2")
	assert.Equal(t, []any{"1", "3"}, texts(page, "uid"))
	rest := s.get(t, "/api/v1/findings?limit=2&after="+page["next"].(string))
	assert.Equal(t, []any{"2"}, texts(rest, "uid"))
	assert.Empty(t, rest["next"])
	assert.InDelta(t, 3, s.get(t, "/api/v1/inspector")["findings"], 0)
}

// Without capture nothing is kept that identifies anybody.
func TestFindingsAreMaskedWithoutCapture(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	cfg.Capture = new(false)
	i := newInspector(extensiontest.NewNopSettings(metadata.Type), cfg)
	i.AddFinding(finding("1", "a", "bulk_mail"))
	kept, _ := i.registry.Findings(jobs.FindingQuery{Limit: 10})
	assert.Equal(t, "***@contoso.com sent 5 messages to ***@x.example within 1 minute", kept[0].Text)
	assert.Empty(t, kept[0].Key)
	assert.Empty(t, kept[0].Messages)
	assert.Empty(t, kept[0].Recipients)
}

// Other users of this machine see what was found, but not of whom.
func TestFindingsNamePeopleWithTheTokenOnly(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.AddFinding(finding("1", "a", "bulk_mail"))
	_, answer := s.call(t, request{path: "/api/v1/findings", header: map[string]string{"Authorization": ""}})
	assert.Equal(t, []any{"***@contoso.com sent 5 messages to ***@x.example within 1 minute"}, texts(answer, "text"))
	assert.NotContains(t, fmt.Sprint(answer), "ada")
	assert.NotContains(t, fmt.Sprint(answer), "bob")
	assert.Equal(t, []any{"ada@contoso.com"}, texts(s.get(t, "/api/v1/findings"), "key"), "what is kept is complete")
}
