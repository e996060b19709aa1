// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Unsampled returns a logger whose warnings and errors end with the tenant. The collector samples equal messages, so that of
// many receivers that fail in the same way at the same time only some would be heard of.
func Unsampled(l *zap.Logger, tenant string) *zap.Logger {
	return l.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return unsampled{Core: core, suffix: " [" + tenant + "]"} }))
}

type unsampled struct {
	zapcore.Core
	suffix string
}

// With implements zapcore.Core.
func (c unsampled) With(fields []zapcore.Field) zapcore.Core {
	return unsampled{Core: c.Core.With(fields), suffix: c.suffix}
}

// Check implements zapcore.Core.
func (c unsampled) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if entry.Level >= zapcore.WarnLevel {
		entry.Message += c.suffix
	}
	return c.Core.Check(entry, checked)
}
