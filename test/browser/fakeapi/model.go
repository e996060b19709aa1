// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fakeapi

import "time"

// Input is a receiver as the API describes it.
type Input struct {
	ID           string         `json:"id"`
	TenantID     string         `json:"tenant_id"`
	API          string         `json:"api"`
	Endpoint     string         `json:"endpoint"`
	Plan         string         `json:"plan"`
	Mode         string         `json:"mode"`
	PollInterval float64        `json:"poll_interval_s"`
	Tags         []string       `json:"tags"`
	Health       Health         `json:"health"`
	CompleteUpTo time.Time      `json:"complete_up_to"`
	SettledUpTo  time.Time      `json:"settled_up_to"`
	Lag          float64        `json:"lag_s"`
	Quota        Quota          `json:"quota"`
	NextTick     time.Time      `json:"next_tick"`
	PausedUntil  *time.Time     `json:"paused_until"`
	Backfill     *Backfill      `json:"backfill"`
	JobsRunning  int            `json:"jobs_running"`
	JobsWaiting  map[string]int `json:"jobs_waiting"`
	// DetailsWaiting are the rows that wait for their details, nil if nobody asks for any.
	DetailsWaiting *int           `json:"details_waiting"`
	RowsAccepted   int            `json:"rows_accepted"`
	Config         map[string]any `json:"config,omitempty"`
}

// Health is the state of an input.
type Health struct {
	Status string    `json:"status"`
	Hint   string    `json:"hint,omitempty"`
	Since  time.Time `json:"since"`
}

// Backfill is how far the reading of older mail is. No ETA means that it is not known yet.
type Backfill struct {
	Total float64  `json:"total_s"`
	Open  float64  `json:"open_s"`
	Share float64  `json:"share"`
	ETA   *float64 `json:"eta_s"`
}

// Quota is the budget of requests of an input.
type Quota struct {
	Used     float64 `json:"used"`
	Limit    int     `json:"limit"`
	Interval float64 `json:"interval_s"`
}

// Window is a stretch of received time.
type Window struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Rows counts rows by what became of them.
type Rows struct {
	Accepted  int `json:"accepted"`
	Duplicate int `json:"duplicate"`
	Held      int `json:"held"`
	Filtered  int `json:"filtered"`
	Malformed int `json:"malformed"`
	Refused   int `json:"refused"`
}

// Job is one job. Its log is part of the answer only when the job is requested alone.
type Job struct {
	ID           string    `json:"id"`
	Input        string    `json:"input"`
	Lane         string    `json:"lane"`
	State        string    `json:"state"`
	WaitingFor   string    `json:"waiting_for"`
	PausedUntil  time.Time `json:"paused_until,omitzero"`
	Window       Window    `json:"window"`
	Tick         time.Time `json:"tick,omitzero"`
	Started      time.Time `json:"started,omitzero"`
	Finished     time.Time `json:"finished,omitzero"`
	Duration     float64   `json:"duration_s"`
	Requests     int       `json:"requests"`
	Pages        int       `json:"pages"`
	Rows         Rows      `json:"rows"`
	Details      int       `json:"details"`
	Bytes        int64     `json:"bytes"`
	Retries      int       `json:"retries"`
	ThrottleWait float64   `json:"throttle_wait_s"`
	Error        string    `json:"error,omitempty"`
	Hint         string    `json:"hint,omitempty"`
	Log          []Line    `json:"log,omitempty"`
}

// Line is one line of a job's log.
type Line struct {
	Time    time.Time      `json:"time"`
	Level   string         `json:"level"`
	Message string         `json:"message"`
	Fields  map[string]any `json:"fields,omitempty"`
	Job     string         `json:"job,omitempty"`
	Input   string         `json:"input,omitempty"`
}

// Minute is one point of the series.
type Minute struct {
	Minute        time.Time `json:"minute"`
	RowsReceived  int       `json:"rows_received"`
	RowsAccepted  int       `json:"rows_accepted"`
	BytesReceived int64     `json:"bytes_received"`
	BytesAccepted int64     `json:"bytes_accepted"`
	Jobs          int       `json:"jobs"`
	Failures      int       `json:"failures"`

	Statuses   map[string]int `json:"statuses"`
	Directions map[string]int `json:"directions"`
}

// Count is an address and how many rows it had.
type Count struct {
	Address string `json:"address"`
	Rows    int    `json:"rows"`
	AtMost  int    `json:"at_most"`
}

// Record is one captured record.
type Record struct {
	Time       time.Time      `json:"time"`
	Input      string         `json:"input"`
	Attributes map[string]any `json:"attributes"`
	Body       any            `json:"body"`
}
