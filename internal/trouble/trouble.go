// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package trouble names what an error is about. An error declares it itself, by a method Scope, and whoever owns the policy
// decides by it what follows.
package trouble

import (
	"context"
	"errors"
)

// Scope is what an error is about. A greater scope is worse for the receiver as a whole.
type Scope int

// The scopes, from the least to the worst.
const (
	// None is no trouble at all.
	None Scope = iota
	// Cancelled is work that somebody has called off: a shutdown, the end of a leader's term, a cancelled job.
	Cancelled
	// Query is a query that the service refuses as such, such as one for too many rows a page.
	Query
	// Window is one window that cannot be read while others can.
	Window
	// Storage is a storage client that cannot read or write.
	Storage
	// Tenant is a tenant that has used up its requests.
	Tenant
	// Pipeline is a pipeline that refuses records.
	Pipeline
	// Service is a service that cannot be reached or answers nothing of use, whatever it is asked.
	Service
	// SignIn is a sign-in that fails, or a token that the service does not accept.
	SignIn
	// Setup is something that the receiver needs of this machine and that is not there.
	Setup
)

var names = [...]string{"none", "cancelled", "query", "window", "storage", "tenant", "pipeline", "service", "sign-in", "setup"}

// String returns the name of the scope for logs.
func (s Scope) String() string { return names[s] }

// ScopeOf returns what err is about, by the outermost error that knows. An error that knows nothing is the service's.
func ScopeOf(err error) Scope {
	var scoped interface{ Scope() Scope }
	switch {
	case err == nil:
		return None
	case errors.As(err, &scoped):
		return scoped.Scope()
	case errors.Is(err, context.Canceled):
		return Cancelled
	}
	return Service
}

// Advice is what to do about an error.
type Advice struct {
	// Hint names the configuration key or the permission to change.
	Hint string
	Step
}

// Step is how to do, in Microsoft's tools or on this machine, what a hint asks for. Either way may be missing.
type Step struct {
	// Portal is the path through the pages of an admin center.
	Portal string
	// Command is one line of a shell, mostly for the Azure CLI. Words in capitals are to be replaced.
	Command string
}

// StepOf returns how to do what the hint asks for, by the outermost error that knows; both ways may be missing.
func StepOf(err error) Step {
	var advised interface{ NextStep() Step }
	if errors.As(err, &advised) {
		return advised.NextStep()
	}
	return Step{}
}

// HintOf returns the configuration key or the permission to change, by the outermost error that knows; it may be empty.
func HintOf(err error) string {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return ""
}
