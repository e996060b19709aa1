// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// JobLine is a log line and the job that wrote it.
type JobLine struct {
	Line
	Job   string
	Input string
}

// LineQuery selects log lines. Fields that are zero select all.
type LineQuery struct {
	// Inputs are the inputs whose lines are listed; nil means all inputs.
	Inputs []string
	// Level is the least severe level that is listed.
	Level string
	// Text is contained in the message or the fields, whatever its case.
	Text string
	// Before is the cursor of a line: only lines before it are listed.
	Before string
	// Limit is the most lines that are listed.
	Limit int
}

// Cursor identifies the line among all lines.
func (l *JobLine) Cursor() string {
	return fmt.Sprintf("%d-%s-%d", l.Time.UnixNano(), l.Job, l.number)
}

// parseCursor reads a cursor.
func parseCursor(cursor string) (at JobLine, err error) {
	parts := strings.Split(cursor, "-")
	if len(parts) != 3 {
		return JobLine{}, errors.New("not the end of a list of log lines")
	}
	nanoseconds, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return JobLine{}, err
	}
	number, err := strconv.Atoi(parts[2])
	return JobLine{Line: Line{Time: time.Unix(0, nanoseconds), number: number}, Job: parts[1]}, err
}

// compareLines orders lines, the newest first.
func compareLines(a, b JobLine) int {
	return cmp.Or(b.Time.Compare(a.Time), strings.Compare(b.Job, a.Job), cmp.Compare(b.number, a.number))
}

// Lines returns log lines of the jobs that are kept, newest first. more is true if there are more. It fails on a cursor that
// is none.
func (r *Registry) Lines(q LineQuery) (lines []JobLine, more bool, err error) {
	var after JobLine
	if q.Before != "" {
		if after, err = parseCursor(q.Before); err != nil {
			return nil, false, err
		}
	}
	text := strings.ToLower(q.Text)
	for _, j := range r.snapshot("") {
		if q.Inputs != nil && !slices.Contains(q.Inputs, j.record.Input) {
			continue
		}
		for _, line := range j.Log() {
			found := JobLine{Line: line, Job: j.record.ID, Input: j.record.Input}
			if line.matches(q.Level, text) && (q.Before == "" || compareLines(found, after) > 0) {
				lines = append(lines, found)
			}
		}
		lines, more = newest(lines, q.Limit, more)
	}
	slices.SortFunc(lines, compareLines)
	if len(lines) > q.Limit {
		return lines[:q.Limit], true, nil
	}
	return lines, more, nil
}

// newest drops all but the newest lines once there are many more than the limit.
func newest(lines []JobLine, limit int, dropped bool) ([]JobLine, bool) {
	if len(lines) < 2*limit+maxLines {
		return lines, dropped
	}
	slices.SortFunc(lines, compareLines)
	clear(lines[limit:])
	return lines[:limit], true
}

func (l *Line) matches(level, text string) bool {
	if level != "" && slices.Index(Levels, l.Level) < slices.Index(Levels, level) {
		return false
	}
	return strings.Contains(strings.ToLower(l.Message), text) || text != "" && strings.Contains(strings.ToLower(string(l.Fields)), text)
}
