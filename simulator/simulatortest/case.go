// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulatortest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// caseTime is what all cases are about.
var caseTime = time.Date(2026, 10, 1, 10, 0, 0, 0, time.UTC)

// Case returns a case of testdata/service as a whole HTTP response, such as
// fault.Replay takes. Its times are moved so that 10:00 UTC on 1 October 2026
// becomes a whole second at. A page may also have text replaced, given as pairs of
// old and new: "https://graph.microsoft.com" by where the simulator listens.
func Case(tb testing.TB, name string, at time.Time, replace ...string) string {
	tb.Helper()
	content, err := os.ReadFile(filepath.Join(caseFolder(tb), name))
	if err != nil {
		tb.Fatal(err)
	}
	text := move(string(content), at.Truncate(time.Second).Sub(caseTime))
	if filepath.Ext(name) == ".http" {
		return text
	}
	text = strings.NewReplacer(replace...).Replace(text)
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
}

// caseFolder finds the folder of cases above the package that is tested.
func caseFolder(tb testing.TB) string {
	tb.Helper()
	folder, err := filepath.Abs(".")
	if err != nil {
		tb.Fatal(err)
	}
	for {
		cases := filepath.Join(folder, "testdata", "service")
		if _, err := os.Stat(cases); err == nil {
			return cases
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			tb.Fatal("there is no testdata/service above this package")
		}
		folder = parent
	}
}

var (
	caseDate   = regexp.MustCompile(`\b\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d`)
	caseMillis = regexp.MustCompile(`/Date\((\d{13})\)`)
)

// move moves the times in a text, which stays as long as it is.
func move(text string, by time.Duration) string {
	text = caseDate.ReplaceAllStringFunc(text, func(date string) string {
		layout := "2006-01-02" + date[10:11] + "15:04:05"
		at, err := time.Parse(layout, date)
		if err != nil {
			return date // no time at all, on purpose
		}
		return at.Add(by).Format(layout)
	})
	return caseMillis.ReplaceAllStringFunc(text, func(date string) string {
		millis, err := strconv.ParseInt(date[6:len(date)-1], 10, 64)
		if err != nil {
			return date
		}
		return fmt.Sprintf("/Date(%d)", millis+by.Milliseconds())
	})
}
