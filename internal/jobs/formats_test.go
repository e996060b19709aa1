// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/sealed"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

var update = flag.Bool("update", false, "write the jobs of this format to testdata/state, unless they are there")

// past is what builds have stored. It never changes: -update writes that of a format that has none yet.
const past = "../../testdata/state/jobs-1.json"

func TestTheJobsOfThisFormatAreKept(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(past); os.IsNotExist(err) && *update {
		s := newStore()
		b := open(t, jobs.NewRegistry(100, newClock().now), jobs.Options{Storage: s})
		failed := started(b, trace.Backfill)
		logger(failed).Warn("a request fails again and again", zap.Int("wait_ms", 1000))
		failed.Page(100, 50, trace.Outcomes{Accepted: 5, Duplicate: 2})
		failed.End(jobs.Failed, errors.New("the service is gone"), "wait")
		ended(b, jobs.Done)
		require.NoError(t, b.Close(t.Context()))
		text, err := json.MarshalIndent(s.values, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(past, append(text, '\n'), 0o600))
	}
	s := newStore()
	text, err := os.ReadFile(past)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &s.values))
	c, w := newClock(), warnings{}
	c.advance(time.Minute)
	r := jobs.NewRegistry(100, c.now)
	open(t, r, jobs.Options{Storage: s, Warn: w.warn})
	assert.Empty(t, w.all())
	list := all(r)
	require.Len(t, list, 2)
	assert.Equal(t, jobs.Done, list[0].State)
	failed := list[1]
	assert.Equal(t, []any{jobs.Failed, trace.Backfill, window, begin, "the service is gone", "wait"},
		[]any{failed.State, failed.Lane, failed.Window, failed.Finished, failed.Error, failed.Hint})
	assert.Equal(t, trace.Outcomes{Accepted: 5, Duplicate: 2}, failed.Rows)
	log := r.Job(failed.ID).Log()
	require.Len(t, log, 1)
	assert.Equal(t, "a request fails again and again", log[0].Message)
}

// Jobs of a later format are left out, and that is told.
func TestJobsOfALaterFormatAreLeftOut(t *testing.T) {
	t.Parallel()
	s := newStore()
	s.values["index"] = sealed.Seal(map[string]int{"v": 2, "first": 0, "next": 1})
	s.values["job/0"] = sealed.Seal(map[string]any{"v": 2})
	var w warnings
	r := jobs.NewRegistry(100, nil)
	open(t, r, jobs.Options{Storage: s, Warn: w.warn})
	assert.Empty(t, all(r))
	require.Len(t, w.all(), 1)
	assert.Contains(t, w.all()[0], "of another version")
}

// Whatever is stored, opening it ends nothing, and what is shown are jobs that have ended.
func FuzzStored(f *testing.F) {
	text, err := os.ReadFile(past)
	require.NoError(f, err)
	var stored map[string][]byte
	require.NoError(f, json.Unmarshal(text, &stored))
	unsealed := func(value []byte) []byte { return value[len("00000000\n"):] }
	f.Add(unsealed(stored["index"]), unsealed(stored["job/0"]))
	f.Add([]byte(`{"v":1,"first":18446744073709551615,"next":18446744073709551615}`), []byte(`{"v":1,"log_written":-1,"log":[{}]}`))
	f.Add([]byte(`{"v":1,"first":0,"next":131072}`), unsealed(stored["job/1"]))
	f.Fuzz(func(t *testing.T, index, job []byte) {
		if !json.Valid(index) || !json.Valid(job) {
			return
		}
		s := newStore()
		s.values["index"], s.values["job/0"] = sealed.Seal(json.RawMessage(index)), sealed.Seal(json.RawMessage(job))
		c := newClock()
		r := jobs.NewRegistry(10, c.now)
		b := open(t, r, jobs.Options{Storage: s, Warn: func(string) {}})
		for _, record := range all(r) {
			require.True(t, record.State.Ended())
			_ = r.Job(record.ID).Log()
		}
		_, _ = r.Series(nil, 60)
		ended(b, jobs.Done)
		require.NoError(t, b.Close(t.Context()))
	})
}
