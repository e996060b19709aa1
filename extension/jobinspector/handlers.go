// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 16 << 10

func (i *inspector) getInspector(w http.ResponseWriter, r *http.Request) error {
	if q := parameters(r); q.err != nil {
		return q.err
	}
	writeJSON(w, http.StatusOK, inspectorView{
		Version: i.set.BuildInfo.Version, ReadOnly: i.cfg.ReadOnly, Capture: i.cfg.captures(),
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
		if d := in.Describe(); tag == "" || slices.Contains(d.Tags, tag) {
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
			if d := in.Describe(); slices.Contains(d.Tags, tag) && (input == "" || input == d.ID) {
				ids = append(ids, d.ID)
			}
		}
	case input != "":
		ids = []string{input}
	}
	return ids
}

func (i *inspector) getJobs(w http.ResponseWriter, r *http.Request) error {
	q := parameters(r, "input", "tag", "lane", "state", "limit", "after")
	wanted := jobs.Query{
		Inputs: i.selected(q),
		Lane:   trace.Lane(q.oneOf("lane", lanes)),
		State:  jobs.State(q.oneOf("state", states())),
		Before: q.text("after"),
		Limit:  q.number("limit", defaultLimit, maxLimit),
	}
	if q.err != nil {
		return q.err
	}
	if wanted.Before != "" && !jobs.IsID(wanted.Before) {
		return badRequest("parameter", `parameter "after" must be the value of next in the list before`)
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
	writeJSON(w, http.StatusOK, list(views, next))
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
	view := jobDetailView{jobView: viewJob(&record, time.Now()), Log: []lineView{}}
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

// input returns an input by its ID, nil if there is none.
func (i *inspector) input(id string) jobs.Input {
	for _, in := range i.registry.Inputs() {
		if in.Describe().ID == id {
			return in
		}
	}
	return nil
}

func (i *inspector) postJobs(w http.ResponseWriter, r *http.Request) error {
	var wish backfillRequest
	if err := readBody(w, r, &wish); err != nil {
		return err
	}
	window := trace.Window{Start: wish.Start.UTC(), End: wish.End.UTC()}
	switch {
	case wish.Input == "":
		return badRequest("body", "input is missing: the ID of the receiver that is to read the window")
	case wish.Start.IsZero() || wish.End.IsZero():
		return badRequest("body", "start and end are needed, as RFC 3339 times")
	case window.Empty():
		return badRequest("body", "start must be before end")
	}
	in := i.input(wish.Input)
	if in == nil {
		return notFound("unknown_input", "there is no input "+quote(wish.Input))
	}
	backfill, err := in.Backfill(r.Context(), window, wish.Redeliver)
	if err != nil {
		return inputError(err)
	}
	record := backfill.Job.Record()
	writeJSON(w, http.StatusAccepted, backfillView{
		jobView:    viewJob(&record, time.Now()),
		Remembered: viewWindows(backfill.Remembered),
		Forgotten:  viewWindows(backfill.Forgotten),
	})
	return nil
}

func (i *inspector) postCancel(w http.ResponseWriter, r *http.Request) error {
	if err := readBody(w, r, &struct{}{}); err != nil {
		return err
	}
	job := i.registry.Job(r.PathValue("id"))
	if job == nil {
		return inputError(jobs.ErrUnknownJob)
	}
	record := job.Record()
	if record.State.Ended() {
		return inputError(jobs.ErrEnded)
	}
	in := i.input(record.Input)
	if in == nil {
		return conflict("stopped", "the receiver of the job is not running")
	}
	if err := in.Cancel(record.ID); err != nil {
		return inputError(err)
	}
	record = job.Record()
	writeJSON(w, http.StatusAccepted, viewJob(&record, time.Now()))
	return nil
}

// readBody reads a JSON object. An empty body is an empty object.
func readBody(w http.ResponseWriter, r *http.Request, object any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return badRequest("body", "the body is too large or cannot be read")
	}
	if len(body) == 0 {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(object); err != nil {
		return badRequest("body", "the body is not what is expected: "+err.Error())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return badRequest("body", "the body holds more than one JSON object")
	}
	return nil
}
