// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package mappings

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/itchyny/gojq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

const document = "../../docs/records.md"

// question is a filter of the document: its arguments, as $name and value, and its text.
type question struct{ name, value, filter string }

var (
	heading = regexp.MustCompile(`(?m)^## (.+)$`)
	command = regexp.MustCompile(`(?m)^jq -[crn]+ (?:--arg (\S+) (\S+) )?'([^'\n]+)' mail\.json$`)
)

// questions returns the filters of the document by their headings.
func questions(t *testing.T) map[string]question {
	t.Helper()
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	all := map[string]question{}
	parts := heading.Split(string(text), -1)[1:]
	for i, match := range heading.FindAllStringSubmatch(string(text), -1) {
		for _, found := range command.FindAllStringSubmatch(parts[i], -1) {
			require.NotContains(t, all, match[1], "one filter is enough")
			all[match[1]] = question{found[1], found[2], found[3]}
		}
	}
	require.Len(t, all, strings.Count(string(text), "\njq "), "each is one line")
	return all
}

// answers are what the filters find in the golden records.
var answers = map[string][]string{
	"Who sent most?": {
		"5\tnews@mail.northwind.co.uk", "3\tann@contoso.com", "2\tbob@contoso.com", "2\tdan@fabrikam.example", "1\t",
		"1\t<>", "1\tceo@contoso-billing.example", "1\teve@contoso.com",
	},
	"Which mail failed, and why?": {
		"failed\tann@contoso.com\tcarl@fabrikam.example\tQuote 17",
		"filteredAsSpam\tnews@mail.northwind.co.uk\teve@contoso.com\tWinter offers",
		"quarantined\tceo@contoso-billing.example\tbob@contoso.com\tUrgent: payment",
	},
	"What happened to a message?": {
		"2026-01-21T15:00:00Z\tcarl@fabrikam.example\tnew\tpending",
		"2026-01-21T15:00:00Z\tcarl@fabrikam.example\tpending\tfailed",
	},
	"Who got the bulk mail?": {
		"ann@contoso.com\tdelivered", "bob@contoso.com\tdelivered", "cem@contoso.com\tdelivered", "dora@contoso.com\tdelivered",
		"eve@contoso.com\tfilteredAsSpam",
	},
	"What left the company?": {"fabrikam.example\t2\t7342080", "freemail.example\t1\t7340032"},
}

// exported is what the exporter named file writes: a line of OTLP JSON for each batch. Every record is a batch here.
func exported(t *testing.T) []byte {
	t.Helper()
	var file bytes.Buffer
	logs := goldenRecords(t)
	for i := range recordsOf(logs).Len() {
		one := plog.NewLogs()
		logs.CopyTo(one)
		n := -1
		recordsOf(one).RemoveIf(func(plog.LogRecord) bool { n++; return n != i })
		line, err := (&plog.JSONMarshaler{}).MarshalLogs(one)
		require.NoError(t, err)
		file.Write(append(line, '\n'))
	}
	return file.Bytes()
}

func TestEachQuestionIsAnsweredByOneFilter(t *testing.T) {
	t.Parallel()
	file := exported(t)
	asked := questions(t)
	for name := range answers {
		require.Contains(t, asked, name)
	}
	for name, q := range asked {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, q, file)
			if want, known := answers[name]; known {
				// jq is free in the order of those that have the same rank, and of groups.
				assert.ElementsMatch(t, want, got)
				return
			}
			assert.Len(t, got, recordsOf(goldenRecords(t)).Len(), "all records")
		})
	}
}

// run runs a filter by gojq.
func run(t *testing.T, q question, file []byte) (lines []string) {
	t.Helper()
	query, err := gojq.Parse(q.filter)
	require.NoError(t, err)
	options := []gojq.CompilerOption{gojq.WithInputIter(&inputs{json.NewDecoder(bytes.NewReader(file))})}
	var values []any
	if q.name != "" {
		options = append(options, gojq.WithVariables([]string{"$" + q.name}))
		values = []any{q.value}
	}
	code, err := gojq.Compile(query, options...)
	require.NoError(t, err)
	results := code.RunWithContext(t.Context(), nil, values...)
	for {
		value, more := results.Next()
		if !more {
			return lines
		}
		if err, failed := value.(error); failed {
			require.NoError(t, err)
		}
		line, isText := value.(string)
		if !isText {
			encoded, err := gojq.Marshal(value)
			require.NoError(t, err)
			line = string(encoded)
		}
		lines = append(lines, line)
	}
}

// inputs are the values in a file.
type inputs struct{ decoder *json.Decoder }

func (i *inputs) Next() (any, bool) {
	var value any
	if err := i.decoder.Decode(&value); err != nil {
		return nil, false
	}
	return value, true
}

// jq is what people have; gojq, which the tests can bring along, is meant to do the same.
func TestJQGivesTheSameAnswers(t *testing.T) {
	t.Parallel()
	jq, err := exec.LookPath("jq")
	if err != nil {
		t.Skip("there is no jq")
	}
	file := filepath.Join(t.TempDir(), "mail.json")
	require.NoError(t, os.WriteFile(file, exported(t), 0o600))
	for name, q := range questions(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arguments := []string{"-rn", q.filter, file}
			if q.name != "" {
				arguments = append([]string{"--arg", q.name, q.value}, arguments...)
			}
			out, err := exec.CommandContext(t.Context(), jq, arguments...).Output()
			require.NoError(t, err)
			lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
			if want, known := answers[name]; known {
				assert.ElementsMatch(t, want, lines)
			}
		})
	}
}
