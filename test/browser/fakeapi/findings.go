// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fakeapi

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Finding is something that a connector has found in mail.
type Finding struct {
	ID         string    `json:"id"`
	Connector  string    `json:"connector"`
	Time       time.Time `json:"time"`
	Added      time.Time `json:"added"`
	TenantID   string    `json:"tenant_id"`
	Rule       string    `json:"rule"`
	Key        string    `json:"key"`
	Severity   string    `json:"severity"`
	Technique  string    `json:"technique"`
	Text       string    `json:"text"`
	Count      int64     `json:"count"`
	Threshold  int64     `json:"threshold"`
	Window     Window    `json:"window"`
	Messages   []string  `json:"messages"`
	Recipients []string  `json:"recipients"`
	UID        string    `json:"uid"`
}

// AddFindings adds as many findings as there are rules, the last of them the latest.
func (s *Server) AddFindings(now time.Time, rules ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rule := range rules {
		s.serial++
		s.findings = append(s.findings, Finding{
			ID: strconv.Itoa(s.serial), Connector: "o365findings", Time: now.Add(-time.Hour), Added: now,
			TenantID: "contoso.com", Rule: rule, Key: "mailer@northwind.example", Severity: "WARN", Technique: "T1566",
			Text:  "mailer@northwind.example sent 1,512 messages to 1,498 recipients within 10 minutes; 1,204 were delivered",
			Count: 1498, Threshold: 100, Window: Window{Start: now.Add(-2 * time.Hour), End: now.Add(-time.Hour)},
			Messages: []string{"m1"}, Recipients: []string{"ada@contoso.com"}, UID: "uid-" + strconv.Itoa(s.serial),
		})
	}
}

// getFindings lists the findings of a rule, the latest first, all on one page. Without the token, addresses are masked.
func (s *Server) getFindings(w http.ResponseWriter, r *http.Request) {
	authorized := s.authorized(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	items := []Finding{}
	for _, f := range slices.Backward(s.findings) {
		if rule := r.FormValue("rule"); rule != "" && rule != f.Rule {
			continue
		}
		if !authorized {
			f.Key, f.UID, f.Messages, f.Recipients = "", "", []string{}, []string{}
			f.Text = "***@northwind.example sent 1,512 messages to 1,498 recipients within 10 minutes; 1,204 were delivered"
		}
		items = append(items, f)
	}
	answer(w, http.StatusOK, map[string]any{"items": items, "next": ""})
}
