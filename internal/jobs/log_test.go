// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func newJob(t *testing.T) (*jobs.Registry, *jobs.Job) {
	t.Helper()
	r := jobs.NewRegistry(100, nil)
	return r, started(open(t, r, jobs.Options{}), trace.Live)
}

func TestLogLines(t *testing.T) {
	t.Parallel()
	_, j := newJob(t)
	base := logger(j).With(zap.String("a", "1"))
	log := base.With(zap.Int("b", 2))
	base.Debug("first")
	mutable := map[string]int{"x": 1}
	log.Warn("second", zap.Any("c", mutable), zap.Duration("d", 90*time.Second), zap.Error(errors.New("no")),
		zap.Float64("nan", math.NaN()), zap.Any("func", func() {}), zap.Namespace("ns"), zap.Bool("e", true))
	mutable["x"] = 2
	log.Error("third")
	lines := j.Log()
	require.Len(t, lines, 3)
	assert.Equal(t, []string{"debug", "warn", "error"}, []string{lines[0].Level, lines[1].Level, lines[2].Level})
	assert.Equal(t, "second", lines[1].Message)
	assert.WithinDuration(t, time.Now(), lines[1].Time, time.Minute)
	assert.JSONEq(t, `{"a": "1"}`, string(lines[0].Fields))
	assert.JSONEq(t, `{"a": "1", "b": 2}`, string(lines[2].Fields))
	var fields map[string]any
	require.NoError(t, json.Unmarshal(lines[1].Fields, &fields))
	delete(fields, "func")
	assert.Equal(t, map[string]any{
		"a": "1", "b": 2., "c": map[string]any{"x": 1.}, "d": "1m30s", "error": "no", "nan": "NaN", "ns": map[string]any{"e": true},
	}, fields)

	j.End(jobs.Done, nil, "")
	log.Info("too late")
	assert.Len(t, j.Log(), 3)
}

func TestTheNewestLinesAreKept(t *testing.T) {
	t.Parallel()
	_, j := newJob(t)
	for n := range 1000 {
		logger(j).Info(strconv.Itoa(n))
	}
	lines := j.Log()
	require.Len(t, lines, 201)
	assert.Equal(t, "800 earlier lines have not been kept", lines[0].Message)
	assert.Equal(t, "800", lines[1].Message)
	assert.Equal(t, "999", lines[200].Message)
}

func TestALineIsBounded(t *testing.T) {
	t.Parallel()
	_, j := newJob(t)
	long := strings.Repeat("ü", 1<<15)
	fields := []zap.Field{zap.String("a", long), zap.Any("b", []string{long}), zap.String("bad", "\xff")}
	for n := range 100 {
		fields = append(fields, zap.Int(fmt.Sprintf("n%03d%s", n, long[:2000]), n))
	}
	logger(j).Info(long, fields...)
	line := j.Log()[0]
	assert.Less(t, len(line.Message), 3<<10)
	assert.Less(t, len(line.Fields), 8<<10)
	assert.True(t, json.Valid(line.Fields))
	for range 100 {
		logger(j).Info(long, fields...)
	}
	size := 0
	for _, line := range j.Log() {
		size += len(line.Message) + len(line.Fields)
	}
	assert.Less(t, size, 65<<10)
}

func TestLinesOfAllJobs(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(100, nil)
	one, two := open(t, r, jobs.Options{Input: "one"}), open(t, r, jobs.Options{Input: "two"})
	a, b := started(one, trace.Live), started(two, trace.Live)
	logger(a).Debug("Asked", zap.String("url", "https://Graph.example"))
	logger(b).Info("asked")
	logger(a).Error("failed")
	for name, test := range map[string]struct {
		query jobs.LineQuery
		want  []string
	}{
		"all":           {jobs.LineQuery{}, []string{"failed", "asked", "Asked"}},
		"input":         {jobs.LineQuery{Inputs: []string{"one"}}, []string{"failed", "Asked"}},
		"level":         {jobs.LineQuery{Level: "info"}, []string{"failed", "asked"}},
		"text":          {jobs.LineQuery{Text: "ASK"}, []string{"asked", "Asked"}},
		"text in field": {jobs.LineQuery{Text: "graph.EXAMPLE"}, []string{"Asked"}},
		"nothing":       {jobs.LineQuery{Text: "absent"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.query.Limit = 10
			lines, more, err := r.Lines(test.query)
			require.NoError(t, err)
			assert.False(t, more)
			assert.Equal(t, test.want, messages(lines))
		})
	}
	lines, _, err := r.Lines(jobs.LineQuery{Limit: 1, Inputs: []string{"two"}})
	require.NoError(t, err)
	assert.Equal(t, b.ID(), lines[0].Job)
	assert.Equal(t, "two", lines[0].Input)
	for _, cursor := range []string{"x", "1-2", "a-b-c", "1-b-c"} {
		_, _, err = r.Lines(jobs.LineQuery{Limit: 1, Before: cursor})
		require.Error(t, err, cursor)
	}
}

func messages(lines []jobs.JobLine) (list []string) {
	for _, line := range lines {
		list = append(list, line.Message)
	}
	return list
}

func TestPagesOfLines(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(1000, nil)
	b := open(t, r, jobs.Options{})
	for n := range 40 {
		j := started(b, trace.Live)
		for m := range 30 {
			logger(j).Info(fmt.Sprintf("%d/%d", n, m))
		}
		j.End(jobs.Done, nil, "")
	}
	whole, more, err := r.Lines(jobs.LineQuery{Limit: 10_000})
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, whole, 1200)
	var paged []jobs.JobLine
	for q, more := (jobs.LineQuery{Limit: 7}), true; more; {
		var page []jobs.JobLine
		page, more, err = r.Lines(q)
		require.NoError(t, err)
		paged = append(paged, page...)
		q.Before = page[len(page)-1].Cursor()
		logger(started(b, trace.Live)).Info("meanwhile")
	}
	assert.Equal(t, messages(whole), messages(paged))
}
