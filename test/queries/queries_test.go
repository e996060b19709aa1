// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package queries runs the SQL queries of docs/queries over an hour of simulated mail. It is a module of its own, so that
// the database stays out of the collector's.
package queries

import (
	"database/sql"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
)

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

const schema = `CREATE TABLE mail (timestamp INTEGER, "email.local_id" TEXT, "email.from.address" TEXT, "email.to.address" TEXT,
	"email.subject" TEXT, "source.address" TEXT, "email.direction" TEXT, "o365.message_trace.status" TEXT,
	"o365.message_trace.previous_status" TEXT, "o365.message_trace.size" INTEGER)`

var section = regexp.MustCompile("(?s)## `(\\w+)`\n\n```sql\n(.*?)```")

// Each query finds its incident in an hour of mail, and next to nothing else.
func TestQueries(t *testing.T) {
	db, err := sql.Open("sqlite", "file::memory:?cache=shared")
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.Exec(schema)
	require.NoError(t, err)
	keys := fill(t, db)
	text, err := os.ReadFile("../../docs/queries/sql.md")
	require.NoError(t, err)
	queries := section.FindAllStringSubmatch(string(text), -1)
	require.Len(t, queries, 7)
	for _, query := range queries {
		t.Run(query[1], func(t *testing.T) {
			found := run(t, db, query[2])
			for _, key := range keys[query[1]] {
				assert.Contains(t, found, key)
			}
			for _, key := range found {
				explained := slices.Contains(keys["any"], key) || query[1] == "removed_after_delivery"
				assert.True(t, explained, "nothing explains %s", key)
			}
		})
	}
}

// rules are what finds each kind of incident.
var rules = map[mail.Incident]string{
	mail.BulkMailing: "bulk_mail", mail.Takeover: "bulk_mail", mail.LookAlike: "lookalike_domain", mail.Spoofing: "spoofed_domain",
	mail.Exfiltration: "exfiltration", mail.Forwarding: "auto_forward", mail.Removal: "removed_after_delivery",
	mail.Harvesting: "failure_burst",
}

// fill puts an hour of mail with an incident of each kind into the table, and returns whom each rule should find.
func fill(t *testing.T, db *sql.DB) map[string][]string {
	t.Helper()
	g, err := traffic.New(traffic.Config{RowsPerDay: 20_000, From: start, NoIncidents: true})
	require.NoError(t, err)
	rows := g.Hour(start)
	keys := map[string][]string{}
	for kind, rule := range rules {
		staged, err := g.Incident(kind, start.Add(time.Minute))
		require.NoError(t, err)
		rows = append(rows, staged...)
		for _, row := range staged {
			if key := keyOf(kind, &row); !slices.Contains(keys[rule], key) && key != "" {
				keys[rule] = append(keys[rule], key)
				keys["any"] = append(keys["any"], key)
			}
		}
	}
	tx, err := db.Begin()
	require.NoError(t, err)
	for i := range rows {
		previous := ""
		for _, change := range rows[i].Timeline {
			insert(t, tx, &rows[i], string(change.Status), previous)
			previous = string(change.Status)
		}
	}
	require.NoError(t, tx.Commit())
	return keys
}

// keyOf is whom a finding about the row is about.
func keyOf(kind mail.Incident, row *mail.Row) string {
	sender, recipient := strings.ToLower(row.Sender), strings.ToLower(row.Recipient)
	switch {
	case kind == mail.LookAlike || kind == mail.Spoofing:
		return domainOf(sender)
	case kind == mail.Forwarding && inside(recipient):
		return recipient
	case kind == mail.Forwarding:
		return ""
	}
	return sender
}

func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func inside(address string) bool { return domainOf(strings.ToLower(address)) == traffic.DefaultDomain }

func insert(t *testing.T, tx *sql.Tx, row *mail.Row, status, previous string) {
	t.Helper()
	direction := map[[2]bool]string{
		{true, true}: "internal", {true, false}: "outbound", {false, true}: "inbound", {false, false}: "external",
	}[[2]bool{inside(row.Sender), inside(row.Recipient)}]
	if row.Sender == "<>" {
		direction = ""
	}
	_, err := tx.Exec(`INSERT INTO mail VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, row.Received.Unix(), row.ID, row.Sender, row.Recipient,
		row.Subject, row.FromIP, direction, status, previous, row.Size)
	require.NoError(t, err)
}

// run returns the keys that a query finds.
func run(t *testing.T, db *sql.DB, query string) (keys []string) {
	t.Helper()
	found, err := db.Query(query, sql.Named("now", start.Add(time.Hour).Unix()))
	require.NoError(t, err)
	defer found.Close()
	columns, err := found.Columns()
	require.NoError(t, err)
	for found.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		require.NoError(t, found.Scan(values...))
		keys = append(keys, (*values[0].(*any)).(string))
	}
	require.NoError(t, found.Err())
	return keys
}
