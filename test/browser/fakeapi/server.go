// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fakeapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	// Beyond what the real server sets: nothing of the page may parse a string as HTML.
	"require-trusted-types-for 'script'; trusted-types 'none'"

// Server serves the page and the API. All methods may be called at the same time.
type Server struct {
	*httptest.Server

	mu     sync.Mutex
	inputs []Input
	// jobs are in the order in which they were begun.
	jobs     []Job
	findings []Finding
	readers  map[chan []byte]string
	readOnly bool
	capture  bool
	down     bool
	token    string
	signIn   bool
	serial   int
}

// New serves the page in a folder. There are no inputs and no jobs.
func New(folder string) *Server {
	s := &Server{readers: map[chan []byte]string{}, capture: true}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServer(http.Dir(folder)))
	mux.HandleFunc("GET /api/v1/inspector", s.getInspector)
	mux.HandleFunc("GET /api/v1/inputs", s.getInputs)
	mux.HandleFunc("GET /api/v1/jobs", s.getJobs)
	mux.HandleFunc("GET /api/v1/jobs/{id}", s.getJob)
	mux.HandleFunc("GET /api/v1/logs", s.getLogs)
	mux.HandleFunc("GET /api/v1/findings", s.getFindings)
	mux.HandleFunc("GET /api/v1/series", s.getSeries)
	mux.HandleFunc("GET /api/v1/capture", s.getCapture)
	mux.HandleFunc("GET /api/v1/top", s.getTop)
	mux.HandleFunc("POST /api/v1/jobs", s.postJob)
	mux.HandleFunc("POST /api/v1/jobs/{id}/cancel", s.postCancel)
	s.Server = httptest.NewServer(s.guard(mux))
	return s
}

func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", contentPolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		w.Header().Set("Cache-Control", "no-store")
		s.mu.Lock()
		down, readOnly, capture, signIn := s.down, s.readOnly, s.capture, s.signIn
		s.mu.Unlock()
		live := strings.HasSuffix(r.URL.Path, "/capture") || strings.HasSuffix(r.URL.Path, "/top")
		switch {
		case down:
			panic(http.ErrAbortHandler)
		case signIn:
			refuse(w, http.StatusUnauthorized, "unauthorized", "sign in")
		case readOnly && r.Method == http.MethodPost:
			refuse(w, http.StatusForbidden, "read_only", "this Job Inspector only reads: the extension has read_only: true")
		case (readOnly || !capture) && live:
			refuse(w, http.StatusForbidden, "capture", "there is no live capture: the extension needs capture: true")
		case (r.Method == http.MethodPost || live) && !s.authorized(r):
			refuse(w, http.StatusUnauthorized, "token", "this needs the token of the link that the collector logged when it started")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// SetDown has every connection end without an answer.
func (s *Server) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// Restrict sets what the inspector allows.
func (s *Server) Restrict(readOnly, capture bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readOnly, s.capture = readOnly, capture
}

// Lock has the token needed for everything that changes something and for live mail.
func (s *Server) Lock(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

// DemandSignIn refuses every request, as auth of the extension does.
func (s *Server) DemandSignIn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signIn = true
}

func (s *Server) authorized(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token == "" || r.Header.Get("Authorization") == "Bearer "+s.token
}

// AddInput shows one more input.
func (s *Server) AddInput(input Input) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inputs = append(s.inputs, input)
}

// AddJob shows one more job and returns its ID. A job without an ID gets one.
func (s *Server) AddJob(job Job) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addJob(job)
}

func (s *Server) addJob(job Job) string {
	s.serial++
	if job.ID == "" {
		job.ID = jobID(job.Started, s.serial)
	}
	s.jobs = append(s.jobs, job)
	return job.ID
}

// ChangeJob changes a job, if there is one with this ID.
func (s *Server) ChangeJob(id string, change func(*Job)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.find(id); i >= 0 {
		change(&s.jobs[i])
	}
}

func (s *Server) find(id string) int {
	return slices.IndexFunc(s.jobs, func(job Job) bool { return job.ID == id })
}

// End ends a job: it is done, or failed with a text.
func (s *Server) End(id string, rows Rows, failure, hint string) {
	s.ChangeJob(id, func(job *Job) {
		job.State, job.Rows, job.Error, job.Hint = "done", rows, failure, hint
		if failure != "" {
			job.State = "failed"
		}
		job.Finished = time.Now().UTC()
		job.Duration = job.Finished.Sub(job.Started).Seconds()
	})
}

// Deliver sends a record to all who watch, and returns how many do.
func (s *Server) Deliver(record Record) int {
	text, err := json.Marshal(record)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for reader, input := range s.readers {
		if input == "" || input == record.Input {
			reader <- text
			n++
		}
	}
	return n
}

// Watchers is the number of open captures.
func (s *Server) Watchers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.readers)
}

// Jobs are all jobs, as they are now.
func (s *Server) Jobs() []Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.jobs)
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // a reader that has gone
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}
