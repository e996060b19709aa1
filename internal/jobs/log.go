// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap/zapcore"
)

// What is kept of a job's log: its newest lines, and of a line its beginning. Lengths are in bytes.
const (
	maxLines   = 200
	maxLog     = 64 << 10
	maxMessage = 2 << 10
	maxValue   = 512
	maxFields  = 4 << 10
	// lineSize is about what a line without text takes up in memory.
	lineSize = 96
)

func (l *Line) size() int {
	return lineSize + len(l.Message) + len(l.Fields)
}

// jobLog holds the newest lines of a job.
type jobLog struct {
	lines []Line
	// size is about how many bytes of memory the lines take up.
	size int
	// written counts all lines, also those that were dropped.
	written int
}

func (l *jobLog) add(line Line) {
	line.number = l.written
	l.written++
	l.lines = append(l.lines, line)
	l.size += line.size()
	for len(l.lines) > maxLines || l.size > maxLog {
		l.size -= l.lines[0].size()
		l.lines[0] = Line{}
		l.lines = l.lines[1:]
	}
}

// trim gives back memory that no further lines will need.
func (l *jobLog) trim() { l.lines = slices.Clone(l.lines) }

// all returns the lines, after one with the number of those that have been dropped, if any have.
func (l *jobLog) all() []Line {
	dropped := l.written - len(l.lines)
	if dropped == 0 {
		return slices.Clone(l.lines)
	}
	first := Line{Level: "info", Message: fmt.Sprintf("%d earlier lines have not been kept", dropped), number: dropped - 1}
	if len(l.lines) > 0 {
		first.Time = l.lines[0].Time
	}
	return append([]Line{first}, l.lines...)
}

// core is a zapcore.Core that writes to a job's log.
type core struct {
	job    *Job
	fields []zapcore.Field
}

func (c *core) Enabled(level zapcore.Level) bool { return level >= zapcore.DebugLevel }

func (c *core) With(fields []zapcore.Field) zapcore.Core {
	return &core{job: c.job, fields: append(slices.Clip(c.fields), fields...)}
}

func (c *core) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(entry.Level) {
		return checked
	}
	return checked.AddCore(entry, c)
}

func (c *core) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	encoder := zapcore.NewMapObjectEncoder()
	for _, field := range c.fields {
		field.AddTo(encoder)
	}
	for _, field := range fields {
		field.AddTo(encoder)
	}
	line := Line{
		Time:    entry.Time.UTC(),
		Level:   levelOf(entry.Level),
		Message: shorten(entry.Message, maxMessage),
		Fields:  encodeFields(encoder.Fields),
	}
	c.job.change(func(*Record) { c.job.log.add(line) })
	return nil
}

func (*core) Sync() error { return nil }

// Levels are the levels of log lines, the least severe first.
var Levels = []string{"debug", "info", "warn", "error"}

func levelOf(level zapcore.Level) string {
	return Levels[min(max(int(level-zapcore.DebugLevel), 0), len(Levels)-1)]
}

// encodeFields writes fields as a JSON object. They may change afterwards, the JSON does not. What is too long is cut off,
// field by field, and what no longer fits is left out.
func encodeFields(fields map[string]any) json.RawMessage {
	object := map[string]json.RawMessage{}
	length := 0
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := encodeValue(fields[name])
		name = shorten(name, maxValue)
		if length += len(name) + len(value); length > maxFields {
			break
		}
		object[name] = value
	}
	if len(object) == 0 {
		return nil
	}
	text, _ := json.Marshal(object) // names and valid JSON
	return text
}

func encodeValue(value any) json.RawMessage {
	switch v := value.(type) {
	case time.Duration:
		value = v.String()
	case string:
		value = shorten(v, maxValue)
	}
	text, err := json.Marshal(value)
	switch {
	case err != nil:
		text, _ = json.Marshal(shorten(fmt.Sprint(value), maxValue))
	case len(text) > 2*maxValue:
		text, _ = json.Marshal(shorten(string(text), maxValue))
	}
	return text
}
