// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"net/http"
	"regexp"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/findings"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
)

var _ jobs.FindingInspector = (*inspector)(nil)

// localPart is what comes before the @ of an address.
var localPart = regexp.MustCompile(`[^\s@;,()]+@`)

// AddFinding keeps a finding. Without capture, nothing is kept that identifies anybody.
func (i *inspector) AddFinding(f jobs.Finding) {
	if !i.cfg.captures() {
		f = masked(f)
	}
	i.registry.AddFinding(f)
}

// masked is a finding without what it is about, and its sentence with all addresses masked.
func masked(f jobs.Finding) jobs.Finding {
	f.UID, f.Key, f.Messages, f.Recipients = "", "", nil, nil
	f.Text = localPart.ReplaceAllString(f.Text, "***@")
	return f
}

type findingView struct {
	ID         string     `json:"id"`
	Connector  string     `json:"connector"`
	Time       time.Time  `json:"time"`
	Added      time.Time  `json:"added"`
	TenantID   string     `json:"tenant_id"`
	Rule       string     `json:"rule"`
	Key        string     `json:"key"`
	Severity   string     `json:"severity"`
	Technique  string     `json:"technique"`
	Text       string     `json:"text"`
	Count      int64      `json:"count"`
	Threshold  int64      `json:"threshold"`
	Window     windowView `json:"window"`
	Messages   []string   `json:"messages"`
	Recipients []string   `json:"recipients"`
	UID        string     `json:"uid"`
}

func viewFinding(f *jobs.Finding) findingView {
	return findingView{
		ID: f.ID, Connector: f.Connector, Time: f.Time.UTC(), Added: f.Added.UTC(), TenantID: f.Tenant, Rule: f.Rule, Key: f.Key,
		Severity: f.Severity, Technique: f.Technique, Text: f.Text, Count: f.Count, Threshold: f.Threshold,
		Window:   windowView{Start: f.Start.UTC(), End: f.End.UTC()},
		Messages: append([]string{}, f.Messages...), Recipients: append([]string{}, f.Recipients...), UID: f.UID,
	}
}

// getFindings lists findings, masked where the request has no token: they name people, as live records do.
func (i *inspector) getFindings(w http.ResponseWriter, r *http.Request) error {
	q := parameters(r, "tenant", "rule", "limit", "after")
	wanted := jobs.FindingQuery{
		Tenant: q.text("tenant"),
		Rule:   q.oneOf("rule", findings.RuleNames()),
		Before: q.text("after"),
		Limit:  q.number("limit", defaultLimit, maxLimit),
	}
	if q.err != nil {
		return q.err
	}
	if wanted.Before != "" && !jobs.IsID(wanted.Before) {
		return badRequest("parameter", `parameter "after" must be the value of next in the list before`)
	}
	found, more := i.registry.Findings(wanted)
	var views []findingView
	authorized := i.guard.authorized(r)
	for n := range found {
		if !authorized {
			found[n] = masked(found[n])
		}
		views = append(views, viewFinding(&found[n]))
	}
	next := ""
	if more {
		next = found[len(found)-1].ID
	}
	if wantsCSV(r) {
		return writeCSV(w, r, next, findingColumns, views)
	}
	writeJSON(w, http.StatusOK, list(views, next))
	return nil
}
