// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"sync"
	"time"
)

// MaxMinutes is the most minutes that a series holds: a week.
const MaxMinutes = 7 * 24 * 60

// Minute is what happened in one minute.
type Minute struct {
	RowsReceived  int
	RowsAccepted  int
	BytesReceived int64
	BytesAccepted int64
	// Jobs is the number of jobs that ended, Failures that of those that failed.
	Jobs     int
	Failures int
	// Breakdown is of accepted rows.
	Breakdown Breakdown
}

func (m *Minute) add(more Minute) {
	m.RowsReceived += more.RowsReceived
	m.RowsAccepted += more.RowsAccepted
	m.BytesReceived += more.BytesReceived
	m.BytesAccepted += more.BytesAccepted
	m.Jobs += more.Jobs
	m.Failures += more.Failures
	m.Breakdown.add(more.Breakdown)
}

// series holds the last minutes of one input in which something happened.
type series struct {
	mu      sync.Mutex
	length  int64
	minutes map[int64]Minute
}

func newSeries(ttl time.Duration) *series {
	length := min(int64((ttl+time.Minute-1)/time.Minute), MaxMinutes)
	return &series{length: length, minutes: map[int64]Minute{}}
}

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

// add adds to the minute of t.
func (s *series) add(t time.Time, m Minute) {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := minuteOf(t)
	sum, known := s.minutes[number]
	if !known {
		s.forget(number)
	}
	sum.add(m)
	s.minutes[number] = sum
}

// forget drops the minutes that are too old when a new one begins, and those that a clock set back has left behind.
func (s *series) forget(newest int64) {
	for number := range s.minutes {
		if number <= newest-s.length || number >= newest+s.length {
			delete(s.minutes, number)
		}
	}
}

// addTo adds the minutes from the first on to those of a sum.
func (s *series) addTo(sum []Minute, first int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for number, m := range s.minutes {
		if i := number - first; i >= 0 && i < int64(len(sum)) {
			sum[i].add(m)
		}
	}
}

// since returns the sum of the minutes from the first on.
func (s *series) since(first int64) (sum Minute) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for number, m := range s.minutes {
		if number >= first {
			sum.add(m)
		}
	}
	return sum
}
