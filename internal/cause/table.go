// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package cause

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

//go:embed causes.json
var causes []byte

// known is the table of causes.
var known = mustParse(causes)

// table is the rules by which a cause is found: the first one that fits counts.
type table struct {
	// Sources are the documents that the rules come from, by the names that the rules have for them.
	Sources map[string]string `json:"sources"`
	Rules   []rule            `json:"rules"`
}

// rule is a cause and what tells it. All that is given must fit.
type rule struct {
	Cause string `json:"cause"`
	// Event and Text are regular expressions, without case, that the event with its action and the text must match, and Facts those that
	// facts must match from beginning to end.
	Event string            `json:"event"`
	Text  string            `json:"text"`
	Facts map[string]string `json:"facts"`
	// Codes are enhanced status codes, one of which must be that of the text. An x is a 4 or a 5, and the last number may be a
	// range.
	Codes []string `json:"codes"`
	// Source is the document that the rule comes from.
	Source string `json:"source"`

	event, text *regexp.Regexp
	facts       map[string]*regexp.Regexp
	codes       []codeRange
}

type codeRange struct {
	prefix      string
	first, last int
}

// evidence is what a cause is found by.
type evidence struct {
	event, text, code string
	detail            *trace.Detail
}

// mustParse reads a table that is part of the program.
func mustParse(text []byte) *table {
	t := &table{}
	if err := json.Unmarshal(text, t); err != nil {
		panic(err)
	}
	for i := range t.Rules {
		t.Rules[i].compile()
	}
	return t
}

func (r *rule) compile() {
	r.event, r.text = insensitive(r.Event), insensitive(r.Text)
	r.facts = map[string]*regexp.Regexp{}
	for name, pattern := range r.Facts {
		r.facts[name] = insensitive("^(" + pattern + ")$")
	}
	for _, code := range r.Codes {
		dot := strings.LastIndexByte(code, '.')
		first, last, isRange := strings.Cut(code[dot+1:], "-")
		if !isRange {
			last = first
		}
		for _, class := range classes(code[:dot+1]) {
			r.codes = append(r.codes, codeRange{prefix: class, first: mustNumber(first), last: mustNumber(last)})
		}
	}
}

// classes are the codes that begin with an x, as 4 and as 5.
func classes(prefix string) []string {
	if rest, ok := strings.CutPrefix(prefix, "x."); ok {
		return []string{"4." + rest, "5." + rest}
	}
	return []string{prefix}
}

func mustNumber(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(fmt.Sprintf("%q is no number", text))
	}
	return n
}

func insensitive(pattern string) *regexp.Regexp {
	if pattern == "" {
		return nil
	}
	return regexp.MustCompile("(?is)" + pattern)
}

// name returns the cause of the first rule that fits.
func (t *table) name(e evidence) string {
	for i := range t.Rules {
		if t.Rules[i].fits(&e) {
			return t.Rules[i].Cause
		}
	}
	return Other
}

func (r *rule) fits(e *evidence) bool {
	if r.event != nil && !r.event.MatchString(e.event) || r.text != nil && !r.text.MatchString(e.text) {
		return false
	}
	for name, pattern := range r.facts {
		if !pattern.MatchString(e.detail.Fact(name)) {
			return false
		}
	}
	return len(r.codes) == 0 || slices.ContainsFunc(r.codes, func(c codeRange) bool { return c.has(e.code) })
}

func (c codeRange) has(code string) bool {
	last, ok := strings.CutPrefix(code, c.prefix)
	if !ok {
		return false
	}
	n, err := strconv.Atoi(last)
	return err == nil && n >= c.first && n <= c.last
}

// Names returns all causes that there are, in the order of the alphabet.
func Names() []string {
	names := []string{Other}
	for i := range known.Rules {
		names = append(names, known.Rules[i].Cause)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
