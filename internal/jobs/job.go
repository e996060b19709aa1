// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"go.uber.org/zap/zapcore"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const (
	// maxError bounds the error and the hint of a job, in bytes.
	maxError = 4 << 10
	// jobSize is about what a job without error and log takes up in memory, in bytes.
	jobSize = 800
)

// Job is one job being run. All methods may be called at the same time, and on a nil Job, which records nothing. After
// End nothing changes any more.
type Job struct {
	recorder *Recorder

	mu     sync.Mutex
	record Record
	log    jobLog

	// The registry guards what follows. slot is where the job is stored, if saved is true.
	slot  uint64
	saved bool
	// dropped is true once the job is no longer listed.
	dropped bool
}

// ID returns the job's ID, "" for a nil Job.
func (j *Job) ID() string {
	if j == nil {
		return ""
	}
	return j.record.ID // never changes
}

// Record returns what is known of the job now.
func (j *Job) Record() Record {
	if j == nil {
		return Record{}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.record
}

// Log returns the job's log lines, oldest first. If lines have been dropped, the first one is about them.
func (j *Job) Log() []Line {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.log.all()
}

// Start lets a job run that has not run yet. The tick is the one that it belongs to. It also resumes the job.
func (j *Job) Start(tick time.Time) {
	j.change(func(r *Record) {
		if r.Started.IsZero() {
			r.Tick, r.Started = tick, j.recorder.now()
			r.hold(Running, "", time.Time{})
		}
	})
}

// Wait notes that the job is held up here, until Resume, Paused, another Wait, or the end.
func (j *Job) Wait(reason Reason) {
	j.change(func(r *Record) { r.hold(Waiting, reason, time.Time{}) })
}

// Paused notes that the service asked for a pause until a time, by this machine's clock. The job stays paused until Resume,
// Wait, or the end, also where that time passes.
func (j *Job) Paused(until time.Time) {
	j.change(func(r *Record) { r.hold(Paused, "", until) })
}

// Resume notes that nothing holds the job up any more: it is running again, or scheduled if it has not run yet.
func (j *Job) Resume() {
	j.change(func(r *Record) {
		state := Running
		if r.Started.IsZero() {
			state = Scheduled
		}
		r.hold(state, "", time.Time{})
	})
}

func (r *Record) hold(state State, reason Reason, until time.Time) {
	r.State, r.WaitingFor, r.PausedUntil = state, reason, until
}

// Request counts a request that was sent.
func (j *Job) Request() {
	j.change(func(r *Record) { r.Requests++ })
}

// Retry counts a request that was sent again.
func (j *Job) Retry() {
	j.change(func(r *Record) { r.Retries++ })
}

// Waited adds time spent waiting because the service asked for it.
func (j *Job) Waited(d time.Duration) {
	j.change(func(r *Record) { r.ThrottleWait += d })
}

// Page counts a page: its size in bytes, that of the rows in it that were accepted, and its rows by what became of them.
func (j *Job) Page(size, accepted int, rows trace.Outcomes) {
	j.change(func(r *Record) {
		r.Pages++
		r.Bytes += int64(size)
		r.BytesAccepted += int64(accepted)
		r.Rows.Add(rows)
		j.recorder.series.add(j.recorder.now(), Minute{
			RowsReceived:  rows.Received(),
			RowsAccepted:  rows.Accepted,
			BytesReceived: int64(size),
			BytesAccepted: int64(accepted),
		})
	})
}

// Details counts answers with details, the records of them that were accepted, and the size of the answers in bytes.
func (j *Job) Details(answers, accepted, size int) {
	j.change(func(r *Record) {
		r.Pages += answers
		r.Details += accepted
		r.Bytes += int64(size)
	})
}

// Core takes log lines of all levels into the job's log. Lines after End are not kept. The fields must hold no secrets.
func (j *Job) Core() zapcore.Core {
	if j == nil {
		return zapcore.NewNopCore()
	}
	return &core{job: j}
}

// End notes how the job ended: done, failed, throttled or cancelled; any other state counts as failed. Only the first End
// counts, whichever part of the receiver calls it: it returns true, all others false, as does every End of a nil Job.
func (j *Job) End(state State, err error, hint string) (first bool) {
	if !state.Ended() {
		state = Failed
	}
	j.change(func(r *Record) {
		first = true
		r.hold(state, "", time.Time{})
		r.Finished = j.recorder.now()
		r.Hint = shorten(hint, maxError)
		if err != nil {
			r.Error = shorten(err.Error(), maxError)
		}
		j.log.trim()
		j.recorder.series.add(r.Finished, ending(state))
	})
	if first {
		j.recorder.ended(j)
	}
	return first
}

// ending is what the end of a job adds to its minute.
func ending(state State) Minute {
	if state == Failed {
		return Minute{Jobs: 1, Failures: 1}
	}
	return Minute{Jobs: 1}
}

// change changes the record unless the job has ended.
func (j *Job) change(how func(r *Record)) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.record.State.Ended() {
		how(&j.record)
	}
}

// size is about how many bytes of memory an ended job takes up.
func (j *Job) size() int {
	return jobSize + len(j.record.Error) + len(j.record.Hint) + j.log.size
}

// shorten cuts a text off at a length in bytes, and makes it valid UTF-8.
func shorten(text string, length int) string {
	if len(text) <= length && utf8.ValidString(text) {
		return text
	}
	if len(text) > length {
		text = text[:length] + "…"
	}
	return strings.ToValidUTF8(text, "")
}

// An ID is a time in milliseconds, a serial number and something random, in hexadecimal digits.
const (
	idLength   = 24
	timeDigits = 12
	maxSerial  = 0xffff
)

// IsID reports whether the text can be the ID of a job.
func IsID(text string) bool {
	_, ok := idTime(text)
	return ok
}

// idTime returns the milliseconds since 1970 that an ID begins with.
func idTime(id string) (ms int64, ok bool) {
	if len(id) != idLength || strings.Trim(id, "0123456789abcdef") != "" {
		return 0, false
	}
	ms, err := strconv.ParseInt(id[:timeDigits], 16, 64)
	return ms, err == nil
}
