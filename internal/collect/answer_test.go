// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// logsOf are records with the UIDs given.
func logsOf(names ...string) plog.Logs {
	logs := plog.NewLogs()
	all := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, name := range names {
		all.AppendEmpty().Attributes().PutStr("log.record.uid", name)
	}
	return logs
}

var (
	errFull  = errors.New("full")
	errLarge = errors.New("too large")
)

func TestWhatAnAnswerSays(t *testing.T) {
	t.Parallel()
	permanent := consumererror.NewPermanent(errLarge)
	both := errors.Join(errors.New("413 of shard 1"), errors.New("413 of shard 2"))
	some := func(err error, names ...string) error { return consumererror.NewLogs(err, logsOf(names...)) }
	for name, c := range map[string]struct {
		err       error
		permanent bool
		carried   []string // nil: everything
	}{
		"a passing error":                       {errFull, false, nil},
		"a wrapped one":                         {fmt.Errorf("exporter: %w", errFull), false, nil},
		"a permanent one":                       {permanent, true, nil},
		"a wrapped permanent one":               {fmt.Errorf("exporter: %w", permanent), true, nil},
		"permanent around a join":               {consumererror.NewPermanent(both), true, nil},
		"permanent around two":                  {consumererror.NewPermanent(fmt.Errorf("%w: %w", errLarge, errFull)), true, nil},
		"wrapped permanent around a join":       {fmt.Errorf("exporter: %w", consumererror.NewPermanent(both)), true, nil},
		"a join of one permanent around a join": {errors.Join(consumererror.NewPermanent(both)), true, nil},
		"two that pass":                         {errors.Join(errFull, errFull), false, nil},
		"two permanent ones":                    {errors.Join(permanent, permanent), true, nil},
		"two permanent ones, wrapped":           {fmt.Errorf("%w, %w", permanent, permanent), true, nil},
		"one of each":                           {errors.Join(permanent, errFull), false, nil},
		"one of each, deep":                     {fmt.Errorf("a: %w", errors.Join(permanent, errors.Join(permanent, errFull))), false, nil},
		"a part":                                {some(errFull, "1", "2"), false, []string{"1", "2"}},
		"a wrapped part":                        {fmt.Errorf("exporter: %w", some(errFull, "1")), false, []string{"1"}},
		"a part around a join":                  {some(both, "1"), false, []string{"1"}},
		"a part around a permanent one":         {some(permanent, "1"), true, []string{"1"}},
		"a part around permanent ones":          {some(errors.Join(permanent, permanent), "1"), true, []string{"1"}},
		"a part around one of each":             {some(errors.Join(permanent, errFull), "1"), false, []string{"1"}},
		"permanent around a part":               {consumererror.NewPermanent(some(errFull, "1")), true, []string{"1"}},
		"permanent around two parts":            {consumererror.NewPermanent(errors.Join(some(errFull, "1"), some(errFull, "2"))), true, []string{"1", "2"}},
		"the outermost part counts":             {some(some(errFull, "1", "2"), "1"), false, []string{"1"}},
		"two parts":                             {errors.Join(some(errFull, "1"), some(errFull, "2", "3")), false, []string{"1", "2", "3"}},
		"two parts, permanent":                  {errors.Join(some(permanent, "1"), some(permanent, "2")), true, []string{"1", "2"}},
		"a part, and all":                       {errors.Join(some(errFull, "1"), errFull), false, nil},
		"a part, and all for good":              {errors.Join(some(errFull, "1"), permanent), false, []string{"1"}},
		"a part for good, and all":              {errors.Join(some(permanent, "1"), errFull), false, nil},
		"a part for good, and another":          {errors.Join(some(permanent, "1"), some(errFull, "2")), false, []string{"2"}},
		"a part for good, and all for good":     {errors.Join(some(permanent, "1"), permanent), true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := read(c.err)
			assert.Equal(t, c.permanent, a.permanent)
			var carried []string
			for _, logs := range a.carried {
				names, ok := uids(logs)
				assert.True(t, ok)
				carried = append(carried, names...)
			}
			assert.Equal(t, c.carried, carried)
		})
	}
}

func TestRecordsAreKnownByTheirUIDs(t *testing.T) {
	t.Parallel()
	logs := logsOf("1", "2")
	logsOf("3").ResourceLogs().At(0).CopyTo(logs.ResourceLogs().AppendEmpty())
	logsOf("4").ResourceLogs().At(0).ScopeLogs().At(0).CopyTo(logs.ResourceLogs().At(0).ScopeLogs().AppendEmpty())
	names, ok := uids(logs)
	assert.True(t, ok)
	assert.Equal(t, []string{"1", "2", "4", "3"}, names)
	logs.ResourceLogs().At(1).ScopeLogs().At(0).LogRecords().AppendEmpty()
	_, ok = uids(logs)
	assert.False(t, ok, "one has none")
}

func TestARefusalIsFitForALog(t *testing.T) {
	t.Parallel()
	err := refused(errors.New("no room for ann@contoso.com\nin shard 1"), true)
	require.EqualError(t, err, "no room for [address] in shard 1")
	assert.True(t, err.Permanent)
	assert.Equal(t, trouble.Pipeline, trouble.ScopeOf(fmt.Errorf("live: %w", err)))
}

func TestWhatTheErrorsOfAJobAreAbout(t *testing.T) {
	t.Parallel()
	gone := &transport.Error{Status: 410}
	for name, err := range map[string]error{
		"a dead link":         &deadLinkError{reason: "it leads nowhere", err: gone},
		"what is not read":    &UnreadableError{Err: gone},
		"a job without end":   &TimeoutError{},
		"a dead link, in all": fmt.Errorf("live: %w", &deadLinkError{reason: "x"}),
	} {
		assert.Equal(t, trouble.Window, trouble.ScopeOf(err), name)
	}
	require.EqualError(t, &deadLinkError{reason: "it leads nowhere", err: errFull}, "dead link to the next page: it leads nowhere: full")
	assert.Contains(t, trouble.HintOf(&TimeoutError{}), "job_timeout")
}
