// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Command completeness compares ways of reading a message trace: it replays the same week of a model tenant's mail for
// the plan of this receiver and for the strategies of other collectors, and prints what became of the rows.
//
// The model tenant receives 20,000 rows a day. 80 % of them are visible within a minute, 95 % within 15 minutes, 99 %
// within 4 hours and all within 24 hours of their receipt. 5 % change their status: 70 % of these within an hour of the
// receipt, 95 % within 8 hours, 99.7 % within 24 hours, all within 48 hours.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func main() {
	if err := compare(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func compare() error {
	const poll = 5 * time.Minute
	ours, err := newReceiver()
	if err != nil {
		return err
	}
	rows := arrivals()
	fmt.Print(heading)
	for _, c := range []struct {
		name string
		strategy
		interval time.Duration
	}{
		{"this receiver, defaults, 5 min polls", ours, poll},
		{"forward cursor, no lag, 5 min polls", newCursor(0), poll},
		{"forward cursor, 1 h lag, 5 min polls", newCursor(time.Hour), poll},
		{"relative window −3 h … −2 h, hourly", relative{from: 3 * time.Hour, to: 2 * time.Hour}, time.Hour},
		{"5 min window from the newest row seen, no lag, every minute", &newest{upTo: epoch, length: poll}, time.Minute},
		{"forward cursor, 24 h lag, 5 min polls", newCursor(24 * time.Hour), poll},
		{"1 h look-back without memory, hourly", relative{from: 2 * time.Hour}, time.Hour},
		{
			"last 4 h on every run with memory, 5 min polls",
			&rereading{hours: 4 * time.Hour, seen: map[trace.Key]trace.Status{}}, poll,
		},
	} {
		result, err := replay(c.strategy, c.interval, rows)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		result.print(os.Stdout, c.name)
	}
	return nil
}
