// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"encoding/csv"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// row is something that can be a line of a table.
type row interface{ cells() []string }

// wantsCSV reports whether a request names text/csv in Accept, with a quality other than 0.
func wantsCSV(r *http.Request) bool {
	for wanted := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		mediaType, parameters, err := mime.ParseMediaType(wanted)
		if err == nil && mediaType == "text/csv" {
			quality := parameters["q"]
			return quality == "" || strings.Trim(quality, "0.") != ""
		}
	}
	return false
}

// writeCSV answers with a table, RFC 4180. Where it goes on is in the Link header, RFC 8288.
func writeCSV[T row](w http.ResponseWriter, r *http.Request, next string, columns []string, rows []T) error {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Vary", "Accept")
	if next != "" {
		more := r.URL.Query()
		more.Set("after", next)
		w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="next"`, (&url.URL{Path: r.URL.Path, RawQuery: more.Encode()}).String()))
	}
	table := csv.NewWriter(w)
	table.UseCRLF = true
	_ = table.Write(columns) // the client may have left
	for _, each := range rows {
		cells := each.cells()
		for i := range cells {
			cells[i] = plain(cells[i])
		}
		_ = table.Write(cells)
	}
	table.Flush()
	return nil
}

// plain keeps a spreadsheet from taking a text for a formula: what is shown was written by the service or by strangers.
func plain(cell string) string {
	if strings.IndexAny(cell, "=+-@\t\r") == 0 {
		return "'" + cell
	}
	return cell
}

var jobColumns = []string{
	"id", "input", "lane", "state", "waiting_for", "paused_until", "window_start", "window_end", "tick", "started", "finished",
	"duration_s", "requests", "pages", "rows_accepted", "rows_duplicate", "rows_held", "rows_filtered", "rows_malformed",
	"rows_refused", "bytes", "retries", "throttle_wait_s", "error", "hint",
}

func (v jobView) cells() []string {
	return []string{
		v.ID, v.Input, string(v.Lane), string(v.State), string(v.WaitingFor), moment(v.PausedUntil), moment(&v.Window.Start),
		moment(&v.Window.End), moment(v.Tick), moment(v.Started), moment(v.Finished), decimal(v.DurationS), strconv.Itoa(v.Requests),
		strconv.Itoa(v.Pages), strconv.Itoa(v.Rows.Accepted), strconv.Itoa(v.Rows.Duplicate), strconv.Itoa(v.Rows.Held),
		strconv.Itoa(v.Rows.Filtered), strconv.Itoa(v.Rows.Malformed), strconv.Itoa(v.Rows.Refused), strconv.FormatInt(v.Bytes, 10),
		strconv.Itoa(v.Retries), decimal(v.ThrottleWaitS), v.Error, v.Hint,
	}
}

var lineColumns = []string{"time", "level", "input", "job", "message", "fields"}

func (v jobLineView) cells() []string {
	return []string{moment(&v.Time), v.Level, v.Input, v.Job, v.Message, string(v.Fields)}
}

var findingColumns = []string{
	"id", "connector", "time", "added", "tenant_id", "rule", "key", "severity", "technique", "text", "count", "threshold",
	"window_start", "window_end", "messages", "recipients", "uid",
}

// cells has lists with a space between their parts, none of which has one.
func (v findingView) cells() []string {
	return []string{
		v.ID, v.Connector, moment(&v.Time), moment(&v.Added), v.TenantID, v.Rule, v.Key, v.Severity, v.Technique, v.Text,
		strconv.FormatInt(v.Count, 10), strconv.FormatInt(v.Threshold, 10), moment(&v.Window.Start), moment(&v.Window.End),
		strings.Join(v.Messages, " "), strings.Join(v.Recipients, " "), v.UID,
	}
}

// moment is a time in RFC 3339, empty if it is not known.
func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func decimal(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
