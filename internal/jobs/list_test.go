// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestListFilters(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(10, nil)
	one, two := open(t, r, jobs.Options{Input: "one"}), open(t, r, jobs.Options{Input: "two"})
	a := started(one, trace.Live)
	b := started(two, trace.Revisit)
	b.End(jobs.Failed, errors.New("no"), "")
	c := one.Schedule(trace.Revisit, window)
	for name, test := range map[string]struct {
		query jobs.Query
		want  []string
	}{
		"all":       {jobs.Query{}, []string{c.ID(), b.ID(), a.ID()}},
		"input":     {jobs.Query{Inputs: []string{"one"}}, []string{c.ID(), a.ID()}},
		"inputs":    {jobs.Query{Inputs: []string{"one", "two"}}, []string{c.ID(), b.ID(), a.ID()}},
		"no input":  {jobs.Query{Inputs: []string{}}, nil},
		"lane":      {jobs.Query{Lane: trace.Revisit}, []string{c.ID(), b.ID()}},
		"state":     {jobs.Query{State: jobs.Failed}, []string{b.ID()}},
		"all three": {jobs.Query{Inputs: []string{"one"}, Lane: trace.Revisit, State: jobs.Scheduled}, []string{c.ID()}},
		"before":    {jobs.Query{Before: c.ID()}, []string{b.ID(), a.ID()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.query.Limit = 10
			records, more := r.List(test.query)
			assert.Equal(t, test.want, ids(records))
			assert.False(t, more)
		})
	}
	assert.Equal(t, 1, one.Active(jobs.Running))
	assert.Zero(t, two.Active(jobs.Running))
	assert.Same(t, b, r.Job(b.ID()))
	assert.Nil(t, r.Job("nonsense"))
}

func TestJobsAreFoundByTextAndTime(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := jobs.NewRegistry(10, c.now)
	one, two := open(t, r, jobs.Options{Input: "one"}), open(t, r, jobs.Options{Input: "two"})
	a := started(one, trace.Live)
	c.advance(10 * time.Minute)
	a.End(jobs.Failed, errors.New("403 Forbidden"), "Consent to ReportingWebService.Read.All")
	c.advance(10 * time.Minute)
	b := started(two, trace.Live) // 10:20, still running
	c.advance(10 * time.Minute)
	at := func(minutes int) time.Time { return begin.Add(time.Duration(minutes) * time.Minute) }
	for name, test := range map[string]struct {
		query jobs.Query
		want  []string
	}{
		"error":             {jobs.Query{Text: "forbidden"}, []string{a.ID()}},
		"hint":              {jobs.Query{Text: "read.all"}, []string{a.ID()}},
		"input":             {jobs.Query{Text: "TWO"}, []string{b.ID()}},
		"ID":                {jobs.Query{Text: b.ID()}, []string{b.ID()}},
		"window":            {jobs.Query{Text: "2026-03-02T09:00"}, []string{b.ID(), a.ID()}},
		"nothing":           {jobs.Query{Text: "nowhere"}, nil},
		"from its end on":   {jobs.Query{From: at(10)}, []string{b.ID(), a.ID()}},
		"from after it":     {jobs.Query{From: at(11)}, []string{b.ID()}},
		"until its start":   {jobs.Query{To: at(20)}, []string{a.ID()}},
		"until after it":    {jobs.Query{To: at(21)}, []string{b.ID(), a.ID()}},
		"before everything": {jobs.Query{To: at(0)}, nil},
		"running":           {jobs.Query{From: at(25), To: at(26)}, []string{b.ID()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.query.Limit = 10
			records, _ := r.List(test.query)
			assert.Equal(t, test.want, ids(records))
			test.query.Limit, test.query.Before = 1, a.ID()
			assert.Equal(t, len(test.want), r.Count(test.query), "all, whichever part is listed")
		})
	}
}

func TestPagesStayWhileJobsCome(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry(100, nil)
	b := open(t, r, jobs.Options{})
	var want, got []string
	for range 25 {
		want = append(want, ended(b, jobs.Done).ID())
	}
	slices.Reverse(want)
	q := jobs.Query{Limit: 10}
	for more := true; more; {
		var records []jobs.Record
		records, more = r.List(q)
		got = append(got, ids(records)...)
		q.Before = records[len(records)-1].ID
		ended(b, jobs.Done)
	}
	assert.Equal(t, want, got)
	records, more := r.List(jobs.Query{Limit: 5, Before: want[19]})
	assert.Len(t, records, 5)
	assert.False(t, more, "the last page may be full")
}

func TestAnEndedJobIsForgottenAfterItsTime(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := jobs.NewRegistry(10, c.now)
	b := open(t, r, jobs.Options{TTL: time.Hour})
	running := started(b, trace.Live)
	done := ended(b, jobs.Done)
	c.advance(time.Hour - 1)
	assert.Len(t, all(r), 2)
	c.advance(1)
	assert.Equal(t, []string{running.ID()}, ids(all(r)))
	assert.Nil(t, r.Job(done.ID()))
	assert.NotNil(t, r.Job(running.ID()), "what runs is not forgotten")
}

func TestTheNumberOfJobsIsBoundedOverAllRecorders(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := jobs.NewRegistry(5, c.now)
	one, two := open(t, r, jobs.Options{Input: "one"}), open(t, r, jobs.Options{Input: "two"})
	var want []string
	for n := range 20 {
		c.advance(time.Second)
		b := []*jobs.Recorder{one, two}[n%2]
		want = append(want, ended(b, jobs.Done).ID())
	}
	slices.Reverse(want)
	assert.Equal(t, want[:5], ids(all(r)), "those that ended first go first")

	for range 5 {
		require.NotNil(t, started(one, trace.Live))
	}
	assert.Len(t, all(r), 5)
	over := started(two, trace.Live)
	assert.Nil(t, over, "what runs is never dropped, so there is room for no more")
	over.End(jobs.Done, nil, "")
}

func TestTheMemoryOfEndedJobsIsBounded(t *testing.T) {
	t.Parallel()
	const most = 50
	r := jobs.NewRegistry(most, nil)
	b := open(t, r, jobs.Options{})
	for range 3 * most {
		j := started(b, trace.Live)
		for range 100 {
			logger(j).Info(strings.Repeat("x", 1000))
		}
		j.End(jobs.Done, nil, "")
	}
	size := 0
	for _, record := range all(r) {
		for _, line := range r.Job(record.ID).Log() {
			size += len(line.Message)
		}
	}
	assert.NotZero(t, size)
	assert.Less(t, size, most*4<<10)
}

func TestSeries(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := jobs.NewRegistry(10, c.now)
	one, two := open(t, r, jobs.Options{Input: "one"}), open(t, r, jobs.Options{Input: "two", TTL: 2 * time.Hour})
	j := started(one, trace.Live)
	j.Page(1000, 600, trace.Outcomes{Accepted: 6, Duplicate: 2})
	c.advance(time.Minute)
	j.Page(500, 100, trace.Outcomes{Accepted: 1, Malformed: 1})
	k := started(two, trace.Live)
	k.Page(10, 10, trace.Outcomes{Accepted: 1})
	k.End(jobs.Failed, errors.New("no"), "")
	c.advance(59 * time.Second)
	j.End(jobs.Done, nil, "")

	first, sum := r.Series(nil, 3)
	assert.Equal(t, begin.Add(-time.Minute), first)
	assert.Equal(t, []jobs.Minute{
		{},
		{RowsReceived: 8, RowsAccepted: 6, BytesReceived: 1000, BytesAccepted: 600},
		{RowsReceived: 2, RowsAccepted: 2, BytesReceived: 510, BytesAccepted: 110, Jobs: 2, Failures: 1},
	}, sum)
	_, sum = r.Series([]string{"two"}, 1)
	assert.Equal(t, []jobs.Minute{{RowsReceived: 1, RowsAccepted: 1, BytesReceived: 10, BytesAccepted: 10, Jobs: 1, Failures: 1}}, sum)
	_, sum = r.Series(nil, 0)
	assert.Len(t, sum, 240, "as long as the longest job_ttl")
	_, sum = r.Series([]string{"two"}, 0)
	assert.Len(t, sum, 120)
	_, sum = r.Series([]string{"none"}, 0)
	assert.Equal(t, []jobs.Minute{{}}, sum)
	assert.Equal(t, 7, one.RowsAccepted())

	c.advance(4 * time.Hour)
	_, sum = r.Series(nil, 2)
	assert.Equal(t, make([]jobs.Minute, 2), sum)
	assert.Zero(t, one.RowsAccepted())
}
