// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func (i *inspector) getInspector(w http.ResponseWriter, r *http.Request) error {
	if q := parameters(r); q.err != nil {
		return q.err
	}
	writeJSON(w, http.StatusOK, inspectorView{
		Version: i.set.BuildInfo.Version, ReadOnly: i.cfg.ReadOnly, Capture: i.cfg.captures(), Authorized: i.guard.authorized(r),
		Findings: i.registry.FindingCount(),
	})
	return nil
}

func (i *inspector) getInputs(w http.ResponseWriter, r *http.Request) error {
	q := parameters(r, "tag")
	if q.err != nil {
		return q.err
	}
	tag := q.text("tag")
	var views []inputView
	for _, in := range i.registry.Inputs() {
		if tag == "" || in.Recorder().Tagged(tag) {
			d := in.Describe()
			views = append(views, viewInput(&d, in.Recorder(), time.Now()))
		}
	}
	slices.SortFunc(views, func(a, b inputView) int { return strings.Compare(a.ID, b.ID) })
	writeJSON(w, http.StatusOK, list(views, ""))
	return nil
}

// selected are the inputs that the parameters input and tag select; nil means all.
func (i *inspector) selected(q *query) (ids []string) {
	input, tag := q.text("input"), q.text("tag")
	switch {
	case tag != "":
		ids = []string{}
		for _, in := range i.registry.Inputs() {
			if id := in.Recorder().Input(); in.Recorder().Tagged(tag) && (input == "" || input == id) {
				ids = append(ids, id)
			}
		}
	case input != "":
		ids = []string{input}
	}
	return ids
}

// input returns an input by its ID, nil if there is none.
func (i *inspector) input(id string) jobs.Input {
	for _, in := range i.registry.Inputs() {
		if in.Recorder().Input() == id {
			return in
		}
	}
	return nil
}

func (i *inspector) getJobs(w http.ResponseWriter, r *http.Request) error {
	q := parameters(r, "input", "tag", "lane", "state", "q", "from", "to", "limit", "after")
	wanted := jobs.Query{
		Inputs: i.selected(q),
		Lane:   trace.Lane(q.oneOf("lane", lanes)),
		State:  jobs.State(q.oneOf("state", states())),
		Text:   q.text("q"),
		From:   q.time("from"),
		To:     q.time("to"),
		Before: q.text("after"),
		Limit:  q.number("limit", defaultLimit, maxLimit),
	}
	if q.err != nil {
		return q.err
	}
	switch {
	case wanted.Before != "" && !jobs.IsID(wanted.Before):
		return badRequest("parameter", `parameter "after" must be the value of next in the list before`)
	case !wanted.From.IsZero() && !wanted.To.IsZero() && !wanted.From.Before(wanted.To):
		return badRequest("parameter", `parameter "from" must be before "to"`)
	}
	records, more := i.registry.List(wanted)
	now := time.Now()
	var views []jobView
	for n := range records {
		views = append(views, viewJob(&records[n], now))
	}
	next := ""
	if more {
		next = records[len(records)-1].ID
	}
	if wantsCSV(r) {
		return writeCSV(w, r, next, jobColumns, views)
	}
	writeJSON(w, http.StatusOK, jobListView{list(views, next), i.registry.Count(wanted)})
	return nil
}

func (i *inspector) getJob(w http.ResponseWriter, r *http.Request) error {
	if q := parameters(r); q.err != nil {
		return q.err
	}
	job := i.registry.Job(r.PathValue("id"))
	if job == nil {
		return inputError(jobs.ErrUnknownJob)
	}
	record := job.Record()
	view := jobDetailView{
		jobView: viewJob(&record, time.Now()), Log: []lineView{},
		Statuses: record.Breakdown.Statuses(), Directions: record.Breakdown.Directions(),
	}
	for _, line := range job.Log() {
		view.Log = append(view.Log, viewLine(&line))
	}
	writeJSON(w, http.StatusOK, view)
	return nil
}

func (i *inspector) getLogs(w http.ResponseWriter, r *http.Request) error {
	q := parameters(r, "input", "tag", "level", "q", "limit", "after")
	wanted := jobs.LineQuery{
		Inputs: i.selected(q),
		Level:  q.oneOf("level", jobs.Levels),
		Text:   q.text("q"),
		Before: q.text("after"),
		Limit:  q.number("limit", defaultLimit, maxLimit),
	}
	if q.err != nil {
		return q.err
	}
	lines, more, err := i.registry.Lines(wanted)
	if err != nil {
		return badRequest("parameter", `parameter "after" must be the value of next in the list before`)
	}
	var views []jobLineView
	for n := range lines {
		views = append(views, jobLineView{lineView: viewLine(&lines[n].Line), Job: lines[n].Job, Input: lines[n].Input})
	}
	next := ""
	if more {
		next = lines[len(lines)-1].Cursor()
	}
	if wantsCSV(r) {
		return writeCSV(w, r, next, lineColumns, views)
	}
	writeJSON(w, http.StatusOK, list(views, next))
	return nil
}

func (i *inspector) getSeries(w http.ResponseWriter, r *http.Request) error {
	q := parameters(r, "input", "tag", "minutes")
	inputs, minutes := i.selected(q), q.number("minutes", 0, jobs.MaxMinutes)
	if q.err != nil {
		return q.err
	}
	first, sum := i.registry.Series(inputs, minutes)
	views := make([]minuteView, len(sum))
	for n, minute := range sum {
		views[n] = viewMinute(first.Add(time.Duration(n)*time.Minute), minute)
	}
	writeJSON(w, http.StatusOK, list(views, ""))
	return nil
}

// getTop answers with the senders and recipients of the last hour. They are addresses of people, as live records have them.
func (i *inspector) getTop(w http.ResponseWriter, r *http.Request) error {
	q := parameters(r, "input", "tag", "limit")
	inputs, limit := i.selected(q), q.number("limit", defaultTop, maxTop)
	if q.err != nil {
		return q.err
	}
	senders, recipients := i.registry.Top(inputs, limit)
	writeJSON(w, http.StatusOK, topView{Senders: viewCounts(senders), Recipients: viewCounts(recipients)})
	return nil
}
