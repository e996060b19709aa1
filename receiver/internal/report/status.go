// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

const (
	// remindAfter is how long a failure that goes on is not logged again, and relogAfter one that comes again.
	remindAfter = 10 * time.Minute
	relogAfter  = 5 * time.Minute
)

// status tells the collector and the log how a receiver is, once per change. The receiver is as well as the worst of what is
// wrong. The collector is told of it once it has lasted for a while.
type status struct {
	report func(*componentstatus.Event)
	logger *zap.Logger
	// unhealthyAfter is how long something must be wrong before the collector is told.
	unhealthyAfter time.Duration

	mu      sync.Mutex
	failing map[trouble.Scope]*failures
	// since is when the receiver became what it is, well or not, and ever whether anything has ever been wrong.
	since time.Time
	ever  bool
	// published is the last status that the collector got, and timer publishes the next one when it has lasted.
	published string
	timer     *time.Timer
	// stopped reports whether the collector is told nothing more.
	stopped bool
	// logged is what has been logged of late, by name.
	logged map[string]*logged
}

// logged is something that has been logged.
type logged struct {
	at time.Time
	// over reports whether it has ended since, and repeated how often it has happened since without being logged.
	over     bool
	repeated int
}

// failures is what is wrong in a scope, until it is no longer.
type failures struct {
	err error
	// name tells the failure from others.
	name string
}

func newStatus(report func(*componentstatus.Event), logger *zap.Logger) *status {
	return &status{
		report: report, logger: logger,
		failing: map[trouble.Scope]*failures{}, logged: map[string]*logged{},
	}
}

// ok notes that nothing is wrong in the scope.
func (s *status) ok(scope trouble.Scope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.failing[scope]
	if f == nil {
		return
	}
	delete(s.failing, scope)
	// Where the failure was not worth a line, its end is none either.
	if l := s.logged[f.name]; l != nil && !l.over {
		l.over = true
		s.logger.Info("recovered", zap.Stringer("from", scope))
	}
	if len(s.failing) == 0 {
		s.since = time.Now()
	}
	s.publish()
}

// failed notes what is wrong in a scope, and logs it with what follows.
func (s *status) failed(scope trouble.Scope, message string, err error, fields ...zap.Field) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := nameOf(err)
	if len(s.failing) == 0 {
		s.since, s.ever = time.Now(), true
	}
	s.failing[scope] = &failures{err: err, name: name}
	s.publish()
	if fields, due := s.due(name, fields); due {
		fields = append(fields, zap.String("error", err.Error()))
		if hint := trouble.HintOf(err); hint != "" {
			fields = append(fields, zap.String("hint", hint))
		}
		s.logger.Error(message, fields...)
	}
}

// note logs something that concerns the user but does not last, at most once in ten minutes.
func (s *status) note(level zapcore.Level, message string, fields ...zap.Field) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fields, due := s.due(message, fields); due {
		s.logger.Log(level, message, fields...)
	}
}

// due reports whether something is to be logged, with how often it has not been since the last time.
func (s *status) due(name string, fields []zap.Field) ([]zap.Field, bool) {
	l := s.logged[name]
	if l != nil {
		if since := time.Since(l.at); since < relogAfter || since < remindAfter && !l.over {
			l.repeated++
			return nil, false
		}
		if l.repeated > 0 {
			fields = append(fields, zap.Int("repeated", l.repeated))
		}
	}
	maps.DeleteFunc(s.logged, func(_ string, l *logged) bool { return time.Since(l.at) >= remindAfter })
	s.logged[name] = &logged{at: time.Now()}
	return fields, true
}

// now returns how the receiver is, what is wrong, and since when it is so; zero if nothing ever has been.
func (s *status) now() (status, hint string, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, worst := s.worst()
	switch {
	case !s.ever:
		return "starting", "", time.Time{}
	case worst != nil:
		return "recoverable_error", withHint(worst.err).Error(), s.since
	}
	return "ok", "", s.since
}

// worst returns the worst of what is wrong, nil if nothing is.
func (s *status) worst() (worst trouble.Scope, f *failures) {
	for scope := range s.failing {
		worst = max(worst, scope)
	}
	return worst, s.failing[worst]
}

// stop ends the telling.
func (s *status) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

// publish tells the collector how the receiver is, if that has changed and has lasted for long enough.
func (s *status) publish() {
	if s.stopped {
		return
	}
	worst, f := s.worst()
	if f == nil {
		if s.timer != nil {
			s.timer.Stop()
			s.timer = nil
		}
		if s.published != "" {
			s.published = ""
			s.report(componentstatus.NewEvent(componentstatus.StatusOK))
		}
		return
	}
	if wait := s.unhealthyAfter - time.Since(s.since); wait > 0 && s.published == "" {
		if s.timer == nil {
			s.timer = time.AfterFunc(wait, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.publish()
			})
		}
		return
	}
	if now := worst.String() + f.name; now != s.published {
		s.published = now
		s.report(componentstatus.NewRecoverableErrorEvent(withHint(f.err)))
	}
}

// nameOf tells one failure from another without what differs each time, such as request IDs, times and texts.
func nameOf(err error) string {
	var refused *transport.Error
	var signIn *entra.Error
	var refusal *collect.RefusalError
	var unreadable *collect.UnreadableError
	switch {
	case errors.As(err, &unreadable):
		return "unreadable"
	case errors.As(err, &refusal):
		return fmt.Sprint("refusal, permanent: ", refusal.Permanent)
	case errors.As(err, &signIn) && signIn.Code != 0:
		return fmt.Sprintf("AADSTS%d", signIn.Code)
	case errors.As(err, &refused):
		return refused.Kind()
	}
	return err.Error()
}

func withHint(err error) error {
	if hint := trouble.HintOf(err); hint != "" {
		return fmt.Errorf("%w; %s", err, hint)
	}
	return err
}
