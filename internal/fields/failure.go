// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/plog"
)

// failure is an expression that cannot be evaluated for a record. Its text has nothing of what the record says of mail, unlike
// that of the error in it, whose functions repeat what they were given. It is of use as long as the record is.
type failure struct {
	err    error
	record plog.LogRecord
}

func (f *failure) Error() string { return withoutValues(f.err.Error(), values(f.record)) }

func (f *failure) Unwrap() error { return f.err }

// propertyName matches the name of a property in the JSON text of a row. What looks like one within a value is escaped.
var propertyName = regexp.MustCompile(`"[\w.@]+"\s*:`)

// values returns the values of a record as one text in lower case.
func values(record plog.LogRecord) string {
	var b strings.Builder
	for _, value := range record.Attributes().All() {
		b.WriteString(value.AsString() + "\n")
	}
	b.WriteString(propertyName.ReplaceAllString(record.Body().AsString(), " "))
	return strings.ToLower(b.String())
}

var (
	word = regexp.MustCompile(`[\pL\pN]+`)
	// masked matches words that have been masked and stand side by side.
	masked = regexp.MustCompile(`…(?:[^\pL\pN]*…)+`)
)

// From longWord letters on, a word is taken for a part of a value wherever it occurs in one. Shorter ones have to be a word
// there as well, since they occur in anything, and those of less than shortWord tell nothing.
const (
	shortWord = 3
	longWord  = 4
)

// withoutValues masks the words of a text that occur in values.
func withoutValues(text, values string) string {
	words := map[string]bool{}
	for _, each := range word.FindAllString(values, -1) {
		words[each] = true
	}
	text = word.ReplaceAllStringFunc(text, func(each string) string {
		lower := strings.ToLower(each)
		switch length := utf8.RuneCountInString(lower); {
		case length >= longWord && strings.Contains(values, lower), length >= shortWord && words[lower]:
			return "…"
		}
		return each
	})
	return masked.ReplaceAllString(text, "…")
}
