// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// remindAfter is how long a failure that goes on is not logged again.
const remindAfter = 10 * time.Minute

// health tells the collector and the log how a receiver is, once per change.
type health struct {
	host   component.Host
	logger *zap.Logger

	// failing names the failure that was reported last; it is empty while all is well.
	failing  string
	reported time.Time
	repeated int
}

func newHealth(host component.Host, logger *zap.Logger) *health {
	// A failure of the service is nobody's stack.
	return &health{host: host, logger: logger.WithOptions(zap.AddStacktrace(zapcore.DPanicLevel))}
}

// ok reports that everything that was due has been done.
func (h *health) ok() {
	if h.failing == "" && !h.reported.IsZero() {
		return
	}
	if h.failing != "" {
		h.logger.Info("collecting again")
	}
	*h = health{host: h.host, logger: h.logger, reported: time.Now()}
	componentstatus.ReportStatus(h.host, componentstatus.NewEvent(componentstatus.StatusOK))
}

// failed reports what keeps the receiver from collecting, and what it does about it.
func (h *health) failed(message string, err error, fields ...zap.Field) {
	name := nameOf(err)
	if name == h.failing && time.Since(h.reported) < remindAfter {
		h.repeated++
		return
	}
	fields = append(fields, zap.String("error", err.Error()))
	if hint := hintOf(err); hint != "" {
		fields = append(fields, zap.String("hint", hint))
	}
	if name == h.failing {
		fields = append(fields, zap.Int("repeated", h.repeated))
	} else {
		componentstatus.ReportStatus(h.host, componentstatus.NewRecoverableErrorEvent(withHint(err)))
	}
	h.failing, h.reported, h.repeated = name, time.Now(), 0
	h.logger.Error(message, fields...)
}

// nameOf tells one failure from another without what differs each time, such as request IDs.
func nameOf(err error) string {
	var refused *transport.Error
	if !errors.As(err, &refused) {
		return err.Error()
	}
	same := *refused
	same.RequestID = ""
	return same.Error()
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
