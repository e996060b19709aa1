// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"encoding/json"
	"math"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// What the API answers with. openapi.json describes it, and a test compares them.

type listView[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// list is a list that is [] in JSON where it is empty.
func list[T any](items []T, next string) listView[T] {
	return listView[T]{Items: append([]T{}, items...), Next: next}
}

type jobListView struct {
	listView[jobView]
	// Total is the number of jobs that the filters select, on all pages.
	Total int `json:"total"`
}

type inspectorView struct {
	Version  string `json:"version"`
	ReadOnly bool   `json:"read_only"`
	Capture  bool   `json:"capture"`
	// Authorized reports whether the request had the token, or needs none.
	Authorized bool `json:"authorized"`
	// Findings is how many are kept.
	Findings int `json:"findings"`
}

type inputView struct {
	ID            string        `json:"id"`
	TenantID      string        `json:"tenant_id"`
	API           string        `json:"api"`
	Endpoint      string        `json:"endpoint"`
	Plan          string        `json:"plan"`
	Mode          string        `json:"mode"`
	PollIntervalS float64       `json:"poll_interval_s"`
	Tags          []string      `json:"tags"`
	Health        healthView    `json:"health"`
	CompleteUpTo  *time.Time    `json:"complete_up_to"`
	SettledUpTo   *time.Time    `json:"settled_up_to"`
	LagS          *float64      `json:"lag_s"`
	Quota         quotaView     `json:"quota"`
	NextTick      *time.Time    `json:"next_tick"`
	PausedUntil   *time.Time    `json:"paused_until"`
	Backfill      *progressView `json:"backfill"`
	JobsRunning   int           `json:"jobs_running"`
	// JobsWaiting are the jobs that wait, by what they wait for.
	JobsWaiting map[jobs.Reason]int `json:"jobs_waiting"`
	// DetailsWaiting are the rows that wait for their details, null if nobody asks for any.
	DetailsWaiting *int           `json:"details_waiting"`
	RowsAccepted   int            `json:"rows_accepted"`
	Config         map[string]any `json:"config"`
}

type healthView struct {
	Status string     `json:"status"`
	Hint   string     `json:"hint"`
	Since  *time.Time `json:"since"`
}

type quotaView struct {
	Used      float64 `json:"used"`
	Limit     int     `json:"limit"`
	IntervalS float64 `json:"interval_s"`
}

// progressView is how far a backfill is.
type progressView struct {
	TotalS float64  `json:"total_s"`
	OpenS  float64  `json:"open_s"`
	Share  float64  `json:"share"`
	EtaS   *float64 `json:"eta_s"`
}

// viewProgress is nil if there is no backfill.
func viewProgress(p jobs.Progress) *progressView {
	if p.Total <= 0 {
		return nil
	}
	v := &progressView{TotalS: seconds(p.Total), OpenS: seconds(max(0, p.Open)), Share: min(max(0, p.Share), 1)}
	if p.ETA > 0 {
		eta := seconds(p.ETA)
		v.EtaS = &eta
	}
	return v
}

func viewInput(d *jobs.Description, rec *jobs.Recorder, now time.Time) inputView {
	v := inputView{
		ID:             d.ID,
		TenantID:       d.TenantID,
		API:            d.API,
		Endpoint:       d.Endpoint,
		Plan:           d.Plan,
		Mode:           d.Mode,
		PollIntervalS:  seconds(d.PollInterval),
		Tags:           append([]string{}, d.Tags...),
		Health:         healthView{Status: d.Health.Status, Hint: d.Health.Hint, Since: known(d.Health.Since)},
		CompleteUpTo:   known(d.CompleteUpTo),
		SettledUpTo:    known(d.SettledUpTo),
		Quota:          quotaView{Used: d.Quota.Used, Limit: d.Quota.Limit, IntervalS: seconds(d.Quota.Interval)},
		NextTick:       known(d.NextTick),
		PausedUntil:    known(d.PausedUntil),
		Backfill:       viewProgress(d.Progress),
		JobsRunning:    rec.Active(jobs.Running),
		JobsWaiting:    rec.Waiting(),
		DetailsWaiting: d.DetailsWaiting,
		RowsAccepted:   rec.RowsAccepted(),
		Config:         rec.Config(),
	}
	if !d.LiveUpTo.IsZero() {
		lag := seconds(now.Sub(d.LiveUpTo))
		v.LagS = &lag
	}
	if v.Config == nil {
		v.Config = map[string]any{}
	}
	return v
}

type windowView struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

func viewWindow(w trace.Window) windowView {
	return windowView{Start: w.Start.UTC(), End: w.End.UTC()}
}

func viewWindows(windows []trace.Window) []windowView {
	views := []windowView{}
	for _, w := range windows {
		views = append(views, viewWindow(w))
	}
	return views
}

type jobView struct {
	ID    string     `json:"id"`
	Input string     `json:"input"`
	Lane  trace.Lane `json:"lane"`
	State jobs.State `json:"state"`
	// WaitingFor is what a job that is waiting waits for, PausedUntil until when one that is paused is.
	WaitingFor    jobs.Reason    `json:"waiting_for"`
	PausedUntil   *time.Time     `json:"paused_until"`
	Window        windowView     `json:"window"`
	Tick          *time.Time     `json:"tick"`
	Started       *time.Time     `json:"started"`
	Finished      *time.Time     `json:"finished"`
	DurationS     float64        `json:"duration_s"`
	Requests      int            `json:"requests"`
	Pages         int            `json:"pages"`
	Rows          trace.Outcomes `json:"rows"`
	Details       int            `json:"details"`
	Bytes         int64          `json:"bytes"`
	Retries       int            `json:"retries"`
	ThrottleWaitS float64        `json:"throttle_wait_s"`
	Error         string         `json:"error"`
	Hint          string         `json:"hint"`
}

func viewJob(r *jobs.Record, now time.Time) jobView {
	return jobView{
		ID:            r.ID,
		Input:         r.Input,
		Lane:          r.Lane,
		State:         r.State,
		WaitingFor:    r.WaitingFor,
		PausedUntil:   known(r.PausedUntil),
		Window:        viewWindow(r.Window),
		Tick:          known(r.Tick),
		Started:       known(r.Started),
		Finished:      known(r.Finished),
		DurationS:     seconds(r.Duration(now)),
		Requests:      r.Requests,
		Pages:         r.Pages,
		Rows:          r.Rows,
		Details:       r.Details,
		Bytes:         r.Bytes,
		Retries:       r.Retries,
		ThrottleWaitS: seconds(r.ThrottleWait),
		Error:         r.Error,
		Hint:          r.Hint,
	}
}

// jobDetailView is a job with its accepted rows by status and by direction, and its log.
type jobDetailView struct {
	jobView
	Statuses   map[string]int `json:"statuses"`
	Directions map[string]int `json:"directions"`
	Log        []lineView     `json:"log"`
}

type lineView struct {
	Time    time.Time       `json:"time"`
	Level   string          `json:"level"`
	Message string          `json:"message"`
	Fields  json.RawMessage `json:"fields"`
}

func viewLine(l *jobs.Line) lineView {
	v := lineView{Time: l.Time.UTC(), Level: l.Level, Message: l.Message, Fields: l.Fields}
	if v.Fields == nil {
		v.Fields = json.RawMessage("{}")
	}
	return v
}

// jobLineView is a log line among those of all jobs.
type jobLineView struct {
	lineView
	Job   string `json:"job"`
	Input string `json:"input"`
}

type minuteView struct {
	Minute        time.Time `json:"minute"`
	RowsReceived  int       `json:"rows_received"`
	RowsAccepted  int       `json:"rows_accepted"`
	BytesReceived int64     `json:"bytes_received"`
	BytesAccepted int64     `json:"bytes_accepted"`
	Jobs          int       `json:"jobs"`
	Failures      int       `json:"failures"`
	// Statuses and Directions are the accepted rows by status and by direction.
	Statuses   map[string]int `json:"statuses"`
	Directions map[string]int `json:"directions"`
}

func viewMinute(start time.Time, m jobs.Minute) minuteView {
	return minuteView{
		Minute:        start,
		RowsReceived:  m.RowsReceived,
		RowsAccepted:  m.RowsAccepted,
		BytesReceived: m.BytesReceived,
		BytesAccepted: m.BytesAccepted,
		Jobs:          m.Jobs,
		Failures:      m.Failures,
		Statuses:      m.Breakdown.Statuses(),
		Directions:    m.Breakdown.Directions(),
	}
}

// countView is an address, and how many rows it had: at least Rows, and no more than AtMost.
type countView struct {
	Address string `json:"address"`
	Rows    int    `json:"rows"`
	AtMost  int    `json:"at_most"`
}

func viewCounts(counts []jobs.Count) []countView {
	views := []countView{}
	for _, c := range counts {
		views = append(views, countView(c))
	}
	return views
}

// topView are the senders and the recipients with most rows.
type topView struct {
	Senders    []countView `json:"senders"`
	Recipients []countView `json:"recipients"`
}

// backfillView is the job of a backfill, and which part of its window is still remembered.
type backfillView struct {
	jobView
	Remembered []windowView `json:"remembered"`
	Forgotten  []windowView `json:"forgotten"`
}

// backfillRequest is the wish to have a window read.
type backfillRequest struct {
	Input     string    `json:"input"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Redeliver bool      `json:"redeliver"`
}

// known is a time in UTC, nil if it is zero.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// seconds is a duration in seconds, to the millisecond.
func seconds(d time.Duration) float64 {
	return math.Round(d.Seconds()*1000) / 1000
}
