// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
)

// The cases of testdata/service, read by a receiver on a fake clock.

// readCase reads pages, each of which the one before it leads to, and returns the records that came of them.
func readCase(t *testing.T, change func(*Config), pages ...string) (records []map[string]any, w *world) {
	punctual(t, 0, time.Hour, func(t *testing.T, made *world) {
		w = made
		w.sink.keep = true
		var rules []fault.Rule
		for i, page := range pages {
			on := fault.ContinuedPage
			if i == 0 {
				on = fault.FirstPage
			}
			if !strings.HasPrefix(page, "HTTP/") {
				page = simulatortest.Case(t, page, caseTime())
			}
			rules = append(rules, fault.Rule{Kind: fault.Replay, On: on, Count: 1, Response: page})
		}
		require.NoError(t, w.sim.Faults().Set(rules...))
		w.start(func(c *Config) {
			c.RevisitAges = nil
			if change != nil {
				change(c)
			}
		})
		time.Sleep(50 * time.Minute)
		w.stop()
		assert.LessOrEqual(t, len(w.sim.Requests()), 15+2*len(pages), "no storm")
		assert.Zero(t, w.sink.repeats())
		records = w.sink.all
	})
	return records, w
}

// caseTime is when the mail of the cases was received: within the first window that is read.
func caseTime() time.Time { return epoch.Add(-30 * time.Minute) }

// column returns an attribute of all records.
func column(records []map[string]any, name string) (all []string) {
	for _, r := range records {
		all = append(all, fmt.Sprint(r[name]))
	}
	return all
}

const absent = "<nil>"

func TestF1OneInstant(t *testing.T) {
	at := caseTime()
	pages := []string{"F1-one-instant-page-first.json"}
	for i := range 60 {
		pages = append(pages, simulatortest.Case(t, "F1-one-instant-page-middle.json", at, "u0002@", fmt.Sprintf("v%04d@", i), "u0003@",
			fmt.Sprintf("w%04d@", i), "skiptoken=p3", fmt.Sprintf("skiptoken=q%02d", i)))
	}
	records, w := readCase(t, nil, append(pages, "F1-one-instant-page-last.json")...)
	assert.Len(t, records, 2*62)
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	assert.Len(t, w.sink.statuses, 2*62)
}

func TestF2Resolved(t *testing.T) {
	for _, spelling := range []string{"resolved", "Resolved", "RESOLVED"} {
		records, _ := readCase(t, nil, simulatortest.Case(t, "F2-resolved.json", caseTime(), `"resolved"`, `"`+spelling+`"`))
		require.Len(t, records, 6)
		assert.Equal(t, []string{"resolved", "delivered", "unknownfuturevalue", "resolved", absent, absent},
			lower(column(records, "o365.message_trace.status")))
		assert.Equal(t, "INFO", records[0]["severity"])
		assert.Equal(t, records[0]["severity"], records[3]["severity"])
		uids := column(records, "log.record.uid")
		assert.Len(t, slices.Compact(slices.Sorted(slices.Values(uids))), 6)
		if spelling == "resolved" {
			continue
		}
		again, _ := readCase(t, nil, "F2-resolved.json")
		assert.Equal(t, column(again, "log.record.uid")[0], uids[0], "one uid in any casing")
	}
}

func lower(all []string) []string {
	for i := range all {
		all[i] = strings.ToLower(all[i])
	}
	return all
}

func TestF3TheLastRowComesAgain(t *testing.T) {
	records, _ := readCase(t, nil, "F3-boundary-first.json", "F3-boundary-second.json")
	assert.Equal(t, []string{"a@contoso.example", "b@contoso.example", "c@contoso.example"}, column(records, "email.to.address"))
}

func TestF4OneIDManyRecipients(t *testing.T) {
	records, _ := readCase(t, nil, "F4-one-id-many-recipients.json")
	assert.Equal(t, []string{"expanded", "delivered", "failed", "quarantined"}, column(records, "o365.message_trace.status"))
}

func TestF5Sidecars(t *testing.T) {
	records, _ := readCase(t, nil, "F5-sidecars.json")
	require.Len(t, records, 1)
	assert.Contains(t, records[0]["body"], "@data.type")
	for name := range records[0] {
		assert.NotContains(t, name, "@")
	}
}

func TestF6FromIP(t *testing.T) {
	records, _ := readCase(t, nil, "F6-from-ip.json")
	assert.Equal(t, []string{absent, "10.0.20.4", "2001:db8:10a6:20b:2f::15", "::ffff:203.0.113.7", absent, absent}, column(records, "source.address"))
	assert.Contains(t, records[0]["body"], "255.255.255.255")
}

func TestF12SpellingsOfOneID(t *testing.T) {
	records, _ := readCase(t, nil, "F12-guid-spellings.json")
	assert.Equal(t, []string{"bob1@fabrikam.example", "bob5@fabrikam.example", "bob6@fabrikam.example"}, column(records, "email.to.address"))
}

func TestF44Dates(t *testing.T) {
	records, _ := readCase(t, func(c *Config) { c.DisableTimeFilter = true }, "F44-dates.json")
	require.Len(t, records, 10, "none lost")
	none, at := time.Unix(0, 0).UTC(), caseTime()
	later := at.Add(23*24*time.Hour + 15*time.Hour + 30*time.Minute)
	for i, want := range []time.Time{at, at.Add(48 * time.Millisecond), at, at, at, none, none, none, later, at} {
		assert.Equal(t, want, records[i]["time"], i)
	}
}

func TestF48China(t *testing.T) {
	records, w := readCase(t, func(c *Config) { c.SubscriptionPlan, c.API = "china", ReportingWebService }, "F48-china-rws.json")
	assert.Equal(t, []string{"bob1@fabrikam.example"}, column(records, "email.to.address"))
	var followed []string
	for _, request := range w.sim.Requests() {
		assert.Equal(t, "partner.outlook.cn", request.Host)
		if request.Continued {
			followed = append(followed, request.Query)
		}
	}
	assert.Equal(t, []string{"$skiptoken=1999&$top=2000&$format=json"}, followed[:1])
}

func TestF37Links(t *testing.T) {
	const path = "/v1.0/admin/exchange/tracing/messageTraces"
	for name, followed := range map[string]string{
		"escaped": "$skiptoken=Pc2%2bab%2fcd%3d%3d&$top=5000", "reserved": "$skipToken=a%26b%23c%25d&$top=5000", "relative": "$skiptoken=rel",
		"spaces": "$filter=receivedDateTime%20ge%20", "beta": "", "http": "", "other-host": "",
	} {
		t.Run(name, func(t *testing.T) {
			records, w := readCase(t, nil, "F37-link-"+name+".json")
			assert.Len(t, records, 1)
			found := ""
			for _, request := range w.sim.Requests() {
				assert.Equal(t, "graph.microsoft.com", request.Host)
				assert.Equal(t, path, request.Path)
				if found == "" && request.Continued {
					found = request.Query
				}
			}
			if followed == "" {
				assert.Empty(t, found)
				return
			}
			assert.True(t, strings.HasPrefix(found, followed), found)
		})
	}
}
