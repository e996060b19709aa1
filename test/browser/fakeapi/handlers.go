// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fakeapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	linesPerPage = 200
	maxPage      = 500
	// waiting is how many records a capture holds for its reader.
	waiting = 10_000
)

var levels = []string{"debug", "info", "warn", "error"}

func (s *Server) getInspector(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"version": "0.9.0", "read_only": s.readOnly, "capture": s.capture})
}

func (s *Server) getInputs(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := []Input{}
	for _, input := range s.inputs {
		if tag := r.FormValue("tag"); tag != "" && !slices.Contains(input.Tags, tag) {
			continue
		}
		for i := range s.jobs {
			if s.jobs[i].Input == input.ID && s.jobs[i].State == "running" {
				input.JobsRunning++
			}
		}
		items = append(items, input)
	}
	answer(w, http.StatusOK, map[string]any{"items": items, "next": ""})
}

func (s *Server) getJobs(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit, err := strconv.Atoi(r.FormValue("limit"))
	if err != nil || limit < 1 || limit > maxPage {
		limit = 100
	}
	items := []Job{}
	next, begun := "", r.FormValue("after") == ""
	for i := range slices.Backward(s.jobs) {
		job := s.jobs[i]
		if !begun {
			begun = job.ID == r.FormValue("after")
			continue
		}
		if !s.wanted(&job, r.Form) {
			continue
		}
		if len(items) == limit {
			next = items[limit-1].ID
			break
		}
		job.Log = nil
		items = append(items, job)
	}
	answer(w, http.StatusOK, map[string]any{"items": items, "next": next})
}

func (s *Server) wanted(job *Job, query url.Values) bool {
	for name, value := range map[string]string{"input": job.Input, "lane": job.Lane, "state": job.State} {
		if want := query.Get(name); want != "" && want != value {
			return false
		}
	}
	tag := query.Get("tag")
	return tag == "" || slices.ContainsFunc(s.inputs, func(in Input) bool {
		return in.ID == job.Input && slices.Contains(in.Tags, tag)
	})
}

func (s *Server) getJob(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(r.PathValue("id"))
	if i < 0 {
		refuse(w, http.StatusNotFound, "not_found", "there is no such job, or it has been forgotten")
		return
	}
	answer(w, http.StatusOK, s.jobs[i])
}

func (s *Server) getLogs(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	least := slices.Index(levels, r.FormValue("level"))
	text := strings.ToLower(r.FormValue("q"))
	items := []Line{}
	for i := range s.jobs {
		job := &s.jobs[i]
		for _, line := range job.Log {
			line.Job, line.Input = job.ID, job.Input
			if s.wanted(job, r.Form) && slices.Index(levels, line.Level) >= least && strings.Contains(strings.ToLower(line.Message), text) {
				items = append(items, line)
			}
		}
	}
	slices.SortStableFunc(items, func(a, b Line) int { return b.Time.Compare(a.Time) })
	answer(w, http.StatusOK, map[string]any{"items": items[:min(len(items), linesPerPage)], "next": ""})
}

func (s *Server) getSeries(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	minutes, err := strconv.Atoi(r.FormValue("minutes"))
	if err != nil {
		minutes = 60
	}
	first := time.Now().UTC().Truncate(time.Minute).Add(-time.Duration(minutes-1) * time.Minute)
	items := make([]Minute, minutes)
	for i := range items {
		items[i].Minute = first.Add(time.Duration(i) * time.Minute)
	}
	for i := range s.jobs {
		job := &s.jobs[i]
		at := int(job.Finished.Sub(first) / time.Minute)
		if job.Finished.Before(first) || at >= minutes || (r.FormValue("input") != "" && r.FormValue("input") != job.Input) {
			continue
		}
		items[at].add(job)
	}
	answer(w, http.StatusOK, map[string]any{"items": items, "next": ""})
}

func (m *Minute) add(job *Job) {
	m.Jobs++
	if job.State == "failed" {
		m.Failures++
	}
	m.RowsAccepted += job.Rows.Accepted
	m.RowsReceived += job.Rows.Accepted + job.Rows.Duplicate
	m.BytesReceived += job.Bytes
	m.BytesAccepted += job.Bytes * int64(job.Rows.Accepted) / int64(max(1, job.Rows.Accepted+job.Rows.Duplicate))
}

func (s *Server) getCapture(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w).Flush
	_ = flush()
	reader := make(chan []byte, waiting)
	s.mu.Lock()
	s.readers[reader] = r.FormValue("input")
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.readers, reader)
	}()
	for {
		select {
		case <-r.Context().Done():
			return
		case text := <-reader:
			_, _ = fmt.Fprintf(w, "data: %s\n\n", text)
			_ = flush()
		}
	}
}

func (s *Server) postJob(w http.ResponseWriter, r *http.Request) {
	var wish struct {
		Input     string    `json:"input"`
		Start     time.Time `json:"start"`
		End       time.Time `json:"end"`
		Redeliver bool      `json:"redeliver"`
	}
	if err := json.NewDecoder(r.Body).Decode(&wish); err != nil {
		refuse(w, http.StatusBadRequest, "json", err.Error())
		return
	}
	if !wish.Start.Before(wish.End) {
		refuse(w, http.StatusBadRequest, "window", "start is not before end; swap them")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	window := Window{Start: wish.Start, End: wish.End}
	id := s.addJob(Job{Input: wish.Input, Lane: "backfill", State: "running", Window: window, Started: time.Now().UTC()})
	half := wish.Start.Add(wish.End.Sub(wish.Start) / 2)
	answer(w, http.StatusAccepted, struct {
		Job
		Remembered []Window `json:"remembered"`
		Forgotten  []Window `json:"forgotten"`
	}{s.jobs[s.find(id)], []Window{{half, wish.End}}, []Window{{wish.Start, half}}})
}

func (s *Server) postCancel(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(r.PathValue("id"))
	switch {
	case i < 0:
		refuse(w, http.StatusNotFound, "not_found", "there is no such job, or it has been forgotten")
	case s.jobs[i].State != "running" && s.jobs[i].State != "scheduled":
		refuse(w, http.StatusConflict, "ended", "the job has ended already")
	default:
		s.jobs[i].State, s.jobs[i].Finished = "cancelled", time.Now().UTC()
		answer(w, http.StatusAccepted, s.jobs[i])
	}
}
