// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package trouble_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// scoped knows what it is about, and what to do.
type scoped struct {
	scope trouble.Scope
	hint  string
	err   error
}

func (e scoped) Error() string        { return "scoped" }
func (e scoped) Unwrap() error        { return e.err }
func (e scoped) Scope() trouble.Scope { return e.scope }
func (e scoped) Hint() string         { return e.hint }

func TestScopeOf(t *testing.T) {
	t.Parallel()
	tenant := scoped{scope: trouble.Tenant}
	for name, c := range map[string]struct {
		err  error
		want trouble.Scope
	}{
		"nothing":                          {nil, trouble.None},
		"an error that knows":              {tenant, trouble.Tenant},
		"one that is wrapped":              {fmt.Errorf("live: %w", tenant), trouble.Tenant},
		"the outermost counts":             {scoped{scope: trouble.Window, err: tenant}, trouble.Window},
		"one of several":                   {errors.Join(errors.New("a"), tenant), trouble.Tenant},
		"a shutdown":                       {fmt.Errorf("live: %w", context.Canceled), trouble.Cancelled},
		"what knows comes before that":     {scoped{scope: trouble.Storage, err: context.Canceled}, trouble.Storage},
		"a deadline is no shutdown":        {context.DeadlineExceeded, trouble.Service},
		"an error of which nobody thought": {errors.New("a"), trouble.Service},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, trouble.ScopeOf(c.err))
		})
	}
}

func TestHintOf(t *testing.T) {
	t.Parallel()
	advice := scoped{hint: "raise timeout"}
	assert.Empty(t, trouble.HintOf(nil))
	assert.Empty(t, trouble.HintOf(errors.New("a")))
	assert.Equal(t, "raise timeout", trouble.HintOf(fmt.Errorf("live: %w", advice)))
	assert.Equal(t, "check endpoint", trouble.HintOf(scoped{hint: "check endpoint", err: advice}))
}

// The worst of several troubles is the greatest.
func TestScopesFromTheLeastToTheWorst(t *testing.T) {
	t.Parallel()
	order := []string{"none", "cancelled", "query", "window", "storage", "tenant", "pipeline", "service", "sign-in", "setup"}
	for i, name := range order {
		assert.Equal(t, name, trouble.Scope(i).String())
	}
	assert.Len(t, order, int(trouble.Setup)+1)
}

type advised struct{ scoped }

func (advised) NextStep() trouble.Step { return trouble.Step{Command: "az login"} }

func TestStepOf(t *testing.T) {
	t.Parallel()
	assert.Zero(t, trouble.StepOf(nil))
	assert.Zero(t, trouble.StepOf(scoped{hint: "check endpoint"}))
	assert.Equal(t, "az login", trouble.StepOf(fmt.Errorf("live: %w", advised{})).Command)
}
