// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fakeapi

import (
	"encoding/json"
	"fmt"
	"io"
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

func (s *Server) getInspector(w http.ResponseWriter, r *http.Request) {
	authorized := s.authorized(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{
		"version": "0.9.0", "read_only": s.readOnly, "capture": s.capture, "authorized": authorized, "findings": len(s.findings),
	})
}

func (s *Server) getInputs(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := []Input{}
	for _, input := range s.inputs {
		if tag := r.FormValue("tag"); tag != "" && !slices.Contains(input.Tags, tag) {
			continue
		}
		input.JobsWaiting = map[string]int{}
		for i := range s.jobs {
			switch job := &s.jobs[i]; {
			case job.Input != input.ID:
			case job.State == "running":
				input.JobsRunning++
			case job.State == "waiting":
				input.JobsWaiting[job.WaitingFor]++
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
	next, total, begun := "", 0, r.FormValue("after") == ""
	text := strings.ToLower(r.FormValue("q"))
	for i := range slices.Backward(s.jobs) {
		job := s.jobs[i]
		job.Log = nil
		if !s.wanted(&job, r.Form) || !strings.Contains(strings.ToLower(job.ID+job.Input+job.Error+job.Hint), text) {
			continue
		}
		total++
		switch {
		case !begun:
			begun = job.ID == r.FormValue("after")
		case len(items) < limit:
			items = append(items, job)
		case next == "":
			next = items[limit-1].ID
		}
	}
	if r.Header.Get("Accept") == "text/csv" {
		table(w, r, next, items)
		return
	}
	answer(w, http.StatusOK, map[string]any{"items": items, "next": next, "total": total})
}

// table answers with jobs as CSV, with two of its columns.
func table(w http.ResponseWriter, r *http.Request, next string, jobs []Job) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	if next != "" {
		more := r.URL.Query()
		more.Set("after", next)
		w.Header().Set("Link", "</api/v1/jobs?"+more.Encode()+`>; rel="next"`)
	}
	_, _ = io.WriteString(w, "id,state\r\n") // a reader that has gone
	for i := range jobs {
		_, _ = io.WriteString(w, jobs[i].ID+","+jobs[i].State+"\r\n")
	}
}

func (s *Server) wanted(job *Job, query url.Values) bool {
	for name, value := range map[string]string{"input": job.Input, "lane": job.Lane, "state": job.State} {
		if want := query.Get(name); want != "" && want != value {
			return false
		}
	}
	from, _ := time.Parse(time.RFC3339, query.Get("from")) // zero: not given
	if to, err := time.Parse(time.RFC3339, query.Get("to")); err == nil && !job.Started.Before(to) {
		return false
	}
	if !job.Finished.IsZero() && job.Finished.Before(from) {
		return false
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
		items[i] = Minute{
			Minute: first.Add(time.Duration(i) * time.Minute), Statuses: map[string]int{}, Directions: map[string]int{},
		}
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
	for name, share := range map[string]int{"delivered": 83, "pending": 4, "expanded": 4, "quarantined": 3, "filteredAsSpam": 4, "failed": 2} {
		m.Statuses[name] += job.Rows.Accepted * share / 100
	}
	for name, share := range map[string]int{"inbound": 61, "outbound": 22, "internal": 17} {
		m.Directions[name] += job.Rows.Accepted * share / 100
	}
	m.RowsReceived += job.Rows.Accepted + job.Rows.Duplicate
	m.BytesReceived += job.Bytes
	m.BytesAccepted += job.Bytes * int64(job.Rows.Accepted) / int64(max(1, job.Rows.Accepted+job.Rows.Duplicate))
}

func (s *Server) getTop(w http.ResponseWriter, _ *http.Request) {
	counts := func(addresses []string) (counts []Count) {
		for i, address := range addresses {
			counts = append(counts, Count{address, 640 >> i, 640>>i + i/3})
		}
		return counts
	}
	recipients := []string{}
	for _, name := range people {
		recipients = append(recipients, name+"@contoso.example")
	}
	answer(w, http.StatusOK, map[string]any{"senders": counts(others[:3]), "recipients": counts(recipients)})
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
	case !s.jobs[i].Finished.IsZero():
		refuse(w, http.StatusConflict, "ended", "the job has ended already")
	default:
		s.jobs[i].State, s.jobs[i].Finished = "cancelled", time.Now().UTC()
		answer(w, http.StatusAccepted, s.jobs[i])
	}
}
