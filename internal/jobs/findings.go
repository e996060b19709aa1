// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"slices"
	"strings"
	"time"
)

// FindingInspector is an inspector that shows findings.
type FindingInspector interface{ AddFinding(Finding) }

// Finding is something that a connector has found in mail.
type Finding struct {
	// ID is given when the finding is added; greater ones were added later.
	ID string
	// Connector is the component ID of what found it.
	Connector string
	UID       string
	// Time is that of the mail with which the threshold was crossed, Added when the finding was added.
	Time, Added         time.Time
	Tenant, Rule, Key   string
	Severity, Technique string
	// Text is one sentence.
	Text             string
	Count, Threshold int64
	// Start and End are the times of the first and last mail that counts.
	Start, End           time.Time
	Messages, Recipients []string
}

// maxFindings is how many findings are kept.
const maxFindings = 1000

// AddFinding adds a finding. One with the UID of another that is kept takes its place.
func (r *Registry) AddFinding(f Finding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.Added = r.now()
	f.ID = r.nextID(f.Added)
	if f.UID != "" {
		r.findings = slices.DeleteFunc(r.findings, func(other Finding) bool { return other.UID == f.UID })
	}
	if len(r.findings) == maxFindings {
		r.findings = slices.Delete(r.findings, 0, 1)
	}
	r.findings = append(r.findings, f)
}

// FindingQuery selects findings. Fields that are zero select all.
type FindingQuery struct {
	Tenant, Rule string
	// Before is the ID of a finding: only those that were added before it are listed.
	Before string
	// Limit is the most findings that are listed.
	Limit int
}

// Findings returns findings, the newest first, and reports whether there are more.
func (r *Registry) Findings(q FindingQuery) (found []Finding, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range slices.Backward(r.findings) {
		if q.Tenant != "" && q.Tenant != f.Tenant || q.Rule != "" && q.Rule != f.Rule ||
			q.Before != "" && strings.Compare(f.ID, q.Before) >= 0 {
			continue
		}
		if len(found) == q.Limit {
			return found, true
		}
		found = append(found, f)
	}
	return found, false
}

// FindingCount is how many findings are kept.
func (r *Registry) FindingCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.findings)
}
