// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"reflect"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// RefusalError is a pipeline that has not taken records.
type RefusalError struct {
	// Permanent reports whether the records are dropped, since offering them again is of no use.
	Permanent bool
	text      string
}

func (e *RefusalError) Error() string { return e.text }

// Scope returns what the error is about.
func (e *RefusalError) Scope() trouble.Scope { return trouble.Pipeline }

// refused makes the error of a pipeline fit for a log.
func refused(err error, permanent bool) *RefusalError {
	return &RefusalError{Permanent: permanent, text: transport.Clean(err.Error())}
}

// answer is what a pipeline answers to the records that it was offered.
type answer struct {
	// permanent reports whether what it did not take need not be offered again.
	permanent bool
	// carried are the records that it did not take; nil stands for all that it was offered.
	carried []plog.Logs
}

// permanentType is the type of the errors that the collector calls permanent, which it does not export.
var permanentType = reflect.TypeOf(consumererror.NewPermanent(errors.New("")))

// read reads the error of a pipeline. What wraps an error speaks for all that is in it, so the outermost permanent error and
// the outermost list of records count. Errors that are joined without either are those of several pipelines, of which each
// speaks for itself: they are permanent only if all of them are, and else whatever one of them wants again is offered again.
func read(err error) (a answer) {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if reflect.TypeOf(e) == permanentType {
			a.permanent = true
		}
		if failed, ok := e.(consumererror.Logs); ok && a.carried == nil { //nolint:errorlint // each error of the chain is looked at
			a.carried = []plog.Logs{failed.Data()}
		}
		joined, ok := e.(interface{ Unwrap() []error })
		if !ok {
			continue
		}
		inner := readJoined(joined.Unwrap())
		a.permanent = a.permanent || inner.permanent
		if a.carried == nil {
			a.carried = inner.carried
		}
	}
	return a
}

func readJoined(errs []error) (all answer) {
	answers := make([]answer, len(errs))
	all.permanent = len(errs) > 0
	for i, err := range errs {
		answers[i] = read(err)
		all.permanent = all.permanent && answers[i].permanent
	}
	for _, each := range answers {
		switch {
		case each.permanent && !all.permanent:
		case each.carried == nil:
			return answer{permanent: all.permanent}
		default:
			all.carried = append(all.carried, each.carried...)
		}
	}
	return all
}

// uids returns the log.record.uid of each record; ok is false if one has none.
func uids(logs plog.Logs) (all []string, ok bool) {
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				uid, ok := record.Attributes().Get("log.record.uid")
				if !ok {
					return nil, false
				}
				all = append(all, uid.Str())
			}
		}
	}
	return all, true
}
