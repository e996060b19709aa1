// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package checkup holds what a trial of a receiver's configuration finds, and writes it for people and for programs. Neither
// has secrets, tokens, addresses or subjects.
package checkup

import (
	"cmp"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// Report is what has been found of all receivers. The keys of its JSON stay as they are; new ones may be added.
type Report struct {
	// OK reports whether nothing is wrong.
	OK bool `json:"ok"`
	// Error is why no receiver could be looked at.
	Error string `json:"error,omitempty"`
	// Receivers are in the order of their IDs.
	Receivers []Result `json:"receivers"`
}

// Result is what has been found of one receiver.
type Result struct {
	ID string `json:"id"`
	OK bool   `json:"ok"`

	// What the configuration says. SignIn is the key of the way to sign in.
	TenantID string `json:"tenant_id,omitempty"`
	API      string `json:"api,omitempty"`
	Plan     string `json:"subscription_plan,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	SignIn   string `json:"sign_in,omitempty"`
	ClientID string `json:"client_id,omitempty"`

	// Token is what the token says of itself; nil without one that can be read.
	Token *Token `json:"token,omitempty"`
	// CredentialExpires is when the certificate expires that signs in.
	CredentialExpires time.Time `json:"credential_expires,omitzero"`
	// Asked is what the service was asked for; nil if it has not answered.
	Asked *Asked `json:"asked,omitempty"`

	// Problems keep the receiver from working, Warnings do not.
	Problems []Problem `json:"problems"`
	Warnings []string  `json:"warnings"`
}

// Token is what the token says of itself.
type Token struct {
	TenantID string `json:"tenant_id"`
	Audience string `json:"audience"`
	// Roles are at most ten.
	Roles   []string  `json:"roles"`
	Expires time.Time `json:"expires,omitzero"`
}

// Asked is what the service was asked for, and what came.
type Asked struct {
	// Start and End bound the received time.
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	// Rows are those of the first page, which is asked to have 100.
	Rows int `json:"rows"`
	// Newest is the received time of the newest row, and NewestAge how many seconds ago that is.
	Newest    time.Time `json:"newest,omitzero"`
	NewestAge int64     `json:"newest_age_seconds,omitempty"`
}

// Configuration is the scope of problems that are found without sending anything.
const Configuration = "configuration"

// Problem is what keeps a receiver from working.
type Problem struct {
	// Scope is what the problem is about: configuration, setup, sign-in, service, tenant, query or window.
	Scope   string `json:"scope"`
	Message string `json:"message"`
	// Hint names the configuration key or the permission to change; Portal and Command are how. Each may be empty.
	Hint    string `json:"hint,omitempty"`
	Portal  string `json:"portal,omitempty"`
	Command string `json:"command,omitempty"`
}

// New returns the result of a receiver of which nothing is known yet.
func New(id string) *Result {
	return &Result{ID: id, OK: true, Problems: []Problem{}, Warnings: []string{}}
}

// Fail adds a problem for an error.
func (r *Result) Fail(err error) {
	step := trouble.StepOf(err)
	r.OK = false
	r.Problems = append(r.Problems, Problem{
		Scope: trouble.ScopeOf(err).String(), Message: transport.Clean(err.Error()), Hint: trouble.HintOf(err),
		Portal: step.Portal, Command: step.Command,
	})
}

// Rewrite replaces what the commands of problems begin with.
func (r *Result) Rewrite(begin, by string) {
	for i := range r.Problems {
		if rest, begins := strings.CutPrefix(r.Problems[i].Command, begin); begins {
			r.Problems[i].Command = by + rest
		}
	}
}

// Misconfigured adds a problem of the configuration. The hint may be empty.
func (r *Result) Misconfigured(err error, hint string) {
	r.OK = false
	r.Problems = append(r.Problems, Problem{Scope: Configuration, Message: transport.Clean(err.Error()), Hint: hint})
}

// Warn adds warnings.
func (r *Result) Warn(warnings ...string) {
	for _, warning := range warnings {
		r.Warnings = append(r.Warnings, transport.Clean(warning))
	}
}

// IsMisconfigured reports whether the configuration itself is wrong.
func (r *Result) IsMisconfigured() bool {
	for _, p := range r.Problems {
		if p.Scope == Configuration {
			return true
		}
	}
	return false
}

// CompareTenants warns of receivers that read the same tenant, as far as the tokens tell, or else the configuration.
func (r *Report) CompareTenants() {
	first := map[string]string{}
	for i := range r.Receivers {
		result := &r.Receivers[i]
		tenant := result.TenantID
		if result.Token != nil {
			tenant = cmp.Or(result.Token.TenantID, tenant)
		}
		tenant = strings.ToLower(tenant)
		if other, twice := first[tenant]; twice && tenant != "" {
			result.Warn("reads the same tenant as " + other +
				": each delivers the tenant's rows, so that they come twice unless their filters differ")
			continue
		}
		first[tenant] = result.ID
	}
}
