// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package odata is what the services of the simulator have in common: options and
// filters of queries, and strings and times of answers. A Dialect defines where they
// differ.
package odata

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Dialect is how a service reads queries.
type Dialect struct {
	// Options are the system options that the service knows. Their names begin with
	// a dollar sign.
	Options []string
	// Strict refuses custom options with broken percent-encoding as well.
	Strict bool

	// Joins are the words that may stand between conditions.
	Joins []string
	// Not reports whether "not" may stand in front of a condition.
	Not bool
	// Literals are the prefixes of quoted literals that are no strings, such as
	// datetime'…', in lower case. Without any, a quote always begins a string.
	Literals map[string]Kind

	Texts Texts
}

// Texts are the words of a service for what is wrong with a query. {text} stands
// for what is wrong, {at} for its position, {filter} for the filter it is in, and
// {limit} for a limit.
type Texts struct {
	BadEncoding, RepeatedOption, UnknownOption string

	UnterminatedString, Unexpected, UnexpectedEnd string
	// MissingParenthesis is Unexpected or UnexpectedEnd if empty.
	MissingParenthesis        string
	TooManyClauses, TooNested string
}

// failure completes a text.
func failure(text, what string, at int, filter string, limit int) error {
	return errors.New(strings.NewReplacer(
		"{text}", what, "{at}", strconv.Itoa(at), "{filter}", filter, "{limit}", strconv.Itoa(limit),
	).Replace(text))
}

// Errorf is fmt.Errorf for the words of a service, which are whole sentences.
func Errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// ParseOptions returns the system options of a query. Spaces may be written as %20
// or +, quotes as they are or as %27, and the dollar sign as it is or as %24.
// Custom options have no effect.
func (d *Dialect) ParseOptions(query string) (map[string]string, error) {
	options := make(map[string]string)
	for part := range strings.SplitSeq(query, "&") {
		rawName, rawValue, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(rawName)
		value, system := "", strings.HasPrefix(name, "$")
		if err == nil && (system || d.Strict) {
			value, err = url.QueryUnescape(rawValue)
		}
		_, repeated := options[name]
		switch {
		case err != nil:
			return nil, failure(d.Texts.BadEncoding, err.Error(), 0, "", 0)
		case !system:
			continue
		case repeated:
			return nil, failure(d.Texts.RepeatedOption, name, 0, "", 0)
		case !slices.Contains(d.Options, name):
			return nil, failure(d.Texts.UnknownOption, name, 0, "", 0)
		}
		options[name] = value
	}
	return options, nil
}

// Option returns an option of a query as it was sent, name and all, or nothing. Its
// name may be written in any case.
func Option(query, name string) string {
	for option := range strings.SplitSeq(query, "&") {
		raw, _, _ := strings.Cut(option, "=")
		if plain, err := url.QueryUnescape(raw); err == nil && strings.EqualFold(plain, name) {
			return option
		}
	}
	return ""
}

// defaultPeriod is what is searched when a filter has no bounds: so Microsoft's
// documentation of Get-MessageTrace, the cmdlet behind both services, and what was
// recorded of the older one.
const defaultPeriod = 48 * time.Hour

// Window returns the period that a filter asks for. The text for a missing start is
// inferred from the one for a missing end.
func Window(start, end *time.Time, now time.Time) (from, to time.Time, err error) {
	switch {
	case start == nil && end == nil:
		return now.Add(-defaultPeriod), now, nil
	case end == nil:
		return from, to, Errorf("EndDate is required when a StartDate is entered.")
	case start == nil:
		return from, to, Errorf("StartDate is required when an EndDate is entered.")
	}
	return *start, *end, nil
}
