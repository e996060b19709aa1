// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
)

const (
	// writeTimeout is how long a reader may take for what it is sent at once.
	writeTimeout = 10 * time.Second
	// keepAlive is how often an idle capture sends something, which finds out whether somebody still reads it.
	keepAlive = 15 * time.Second
)

// getCapture streams live records as server-sent events.
func (i *inspector) getCapture(w http.ResponseWriter, r *http.Request) error {
	q := parameters(r, "input", "limit")
	input, limit := q.text("input"), q.number("limit", 0, maxCapture)
	if q.err != nil {
		return q.err
	}
	if input != "" && i.input(input) == nil {
		return notFound("unknown_input", "there is no input "+quote(input))
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		return nil
	}
	capture, err := i.registry.Capture(input, limit)
	if err != nil {
		return conflict("captures", err.Error())
	}
	defer capture.Close()
	w.Header().Set("Content-Type", "text/event-stream")
	// Proxies must not hold events back.
	w.Header().Set("X-Accel-Buffering", "no")
	s := &stream{w: w, control: http.NewResponseController(w), timeout: i.writeTimeout}
	s.run(r.Context(), capture)
	return nil
}

// stream writes a capture. After the first failed write it is at its end.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	err     error
}

// run writes records until the capture ends or nobody reads any more.
func (s *stream) run(ctx context.Context, capture *jobs.Capture) {
	// The timeouts of the server are for answers that end.
	s.err = s.control.SetReadDeadline(time.Time{})
	idle := time.NewTicker(keepAlive)
	defer idle.Stop()
	s.send(": the records that are delivered from now on\n\n")
	for s.err == nil {
		select {
		case <-ctx.Done():
			return
		case <-idle.C:
			s.send(":\n\n")
		case <-capture.Ready():
			records, end := capture.Take()
			s.records(records)
			if end != "" {
				s.send(fmt.Sprintf("event: end\ndata: {\"reason\":%q}\n\n", end))
				return
			}
		}
	}
}

func (s *stream) records(records [][]byte) {
	s.deadline()
	for _, record := range records {
		s.write([]byte("data: "))
		s.write(record)
		s.write([]byte("\n\n"))
	}
	s.flush()
}

func (s *stream) send(text string) {
	s.deadline()
	s.write([]byte(text))
	s.flush()
}

func (s *stream) deadline() {
	if s.err == nil {
		s.err = s.control.SetWriteDeadline(time.Now().Add(s.timeout))
	}
}

func (s *stream) write(text []byte) {
	if s.err == nil {
		_, s.err = s.w.Write(text) //nolint:gosec // events of JSON, not HTML
	}
}

func (s *stream) flush() {
	if s.err == nil {
		s.err = s.control.Flush()
	}
}
