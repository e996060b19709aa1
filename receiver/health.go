// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/o365messagetrace/o365messagetrace/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// remindAfter is how long a failure that goes on is not logged again.
const remindAfter = 10 * time.Minute

// subject is a part of the receiver that can fail while others do well.
type subject string

const (
	setup      subject = "setup"
	storing    subject = "storage"
	delivering subject = "pipeline"
	// service is the service as a whole and the way to it, while reading and backfilling are about single windows.
	service     subject = "service"
	reading     subject = "reading"
	backfilling subject = "backfill"
)

// health tells the collector and the log how a receiver is, once per change. The receiver is as well as the worst of its
// subjects.
type health struct {
	host   component.Host
	logger *zap.Logger

	mu      sync.Mutex
	failing map[subject]*failures
	// latest is the status that was reported last.
	latest *componentstatus.Event
}

// failures is what goes wrong with a subject, until it does well again.
type failures struct {
	// latest names the failure that the status tells.
	latest string
	err    error
	// logged is when each failure was logged last, and repeated how often it has happened since.
	logged   map[string]time.Time
	repeated map[string]int
}

func newHealth(host component.Host, logger *zap.Logger) *health {
	// A failure of the service is nobody's stack.
	logger = logger.WithOptions(zap.AddStacktrace(zapcore.DPanicLevel))
	return &health{host: host, logger: logger, failing: map[subject]*failures{}}
}

// ok reports that the subject does well.
func (h *health) ok(s subject) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failing[s] == nil {
		return
	}
	delete(h.failing, s)
	h.logger.Info("recovered", zap.String("subject", string(s)))
	for _, other := range h.failing {
		h.report(componentstatus.NewRecoverableErrorEvent(withHint(other.err)))
		return
	}
	h.report(componentstatus.NewEvent(componentstatus.StatusOK))
}

// failed reports what is wrong with the subject, and what is done about it.
func (h *health) failed(s subject, message string, err error, fields ...zap.Field) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, name := h.failing[s], nameOf(err)
	if f == nil {
		f = &failures{logged: map[string]time.Time{}, repeated: map[string]int{}}
		h.failing[s] = f
	}
	if f.latest != name {
		f.latest, f.err = name, err
		h.report(componentstatus.NewRecoverableErrorEvent(withHint(err)))
	}
	if logged, known := f.logged[name]; known && time.Since(logged) < remindAfter {
		f.repeated[name]++
		return
	}
	if n := f.repeated[name]; n > 0 {
		fields = append(fields, zap.Int("repeated", n))
	}
	f.logged[name], f.repeated[name] = time.Now(), 0
	fields = append(fields, zap.String("error", err.Error()))
	if hint := hintOf(err); hint != "" {
		fields = append(fields, zap.String("hint", hint))
	}
	h.logger.Error(message, fields...)
}

// now returns the status that was reported last, what it says, and since when it is so; zero if none has been.
func (h *health) now() (status, hint string, since time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch event := h.latest; {
	case event == nil:
		return "starting", "", time.Time{}
	case event.Err() != nil:
		return "recoverable_error", event.Err().Error(), event.Timestamp()
	default:
		return "ok", "", event.Timestamp()
	}
}

func (h *health) report(event *componentstatus.Event) {
	h.latest = event
	componentstatus.ReportStatus(h.host, event)
}

// nameOf tells one failure from another without what differs each time, such as request IDs, times and texts.
func nameOf(err error) string {
	var refused *transport.Error
	var signIn *entra.Error
	var refusal *refusalError
	switch {
	case errors.As(err, &refusal):
		return fmt.Sprint("refusal, permanent: ", refusal.permanent)
	case errors.As(err, &signIn) && signIn.Code != 0:
		return fmt.Sprintf("AADSTS%d", signIn.Code)
	case errors.As(err, &refused):
		return refused.Kind()
	}
	return err.Error()
}

func hintOf(err error) string {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return ""
}

func withHint(err error) error {
	if hint := hintOf(err); hint != "" {
		return fmt.Errorf("%w; %s", err, hint)
	}
	return err
}
