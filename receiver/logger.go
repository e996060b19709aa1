// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// levels are the severities that log_level knows.
var levels = map[LogLevel]zapcore.Level{
	LogDebug: zapcore.DebugLevel,
	LogInfo:  zapcore.InfoLevel,
	LogWarn:  zapcore.WarnLevel,
	LogError: zapcore.ErrorLevel,
}

// logger returns the logger of the receiver: the collector's, with the receiver's tags, and as quiet as log_level sets it.
// louder reports whether log_level asks for more than the collector lets through.
func (cfg *Config) logger(l *zap.Logger) (_ *zap.Logger, louder bool) {
	if len(cfg.Tags) > 0 {
		l = l.With(zap.Strings("tags", cfg.Tags))
	}
	if cfg.LogLevel == "" {
		return l, false
	}
	level := levels[cfg.LogLevel]
	if !l.Core().Enabled(level) {
		return l, true
	}
	return l.WithOptions(zap.IncreaseLevel(level)), false
}
