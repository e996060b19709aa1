// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
)

// reply is how a pipeline answers an offer: it takes some of the records, named by the first letters of their IDs, and says
// of the rest what it says.
type reply struct {
	takes string
	says  func(rest plog.Logs) error
}

// replies is a pipeline that answers in order, and then takes everything.
type replies struct {
	all []reply
	// offers holds the names of the records of each offer, and taken those of the records that were taken.
	offers []string
	taken  string
}

func (p *replies) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

func (p *replies) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	p.offers = append(p.offers, names(logs))
	if len(p.offers) > len(p.all) {
		p.taken += names(logs)
		return nil
	}
	r := p.all[len(p.offers)-1]
	rest := without(logs, r.takes)
	p.taken += strings.Map(func(name rune) rune {
		if strings.ContainsRune(names(rest), name) {
			return -1
		}
		return name
	}, names(logs))
	// What has been offered may be changed on the way.
	logs.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
	return r.says(rest)
}

func nameOf(record plog.LogRecord) string {
	id, _ := record.Attributes().Get("email.local_id")
	return id.Str()[:1]
}

func names(logs plog.Logs) string {
	var all strings.Builder
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				all.WriteString(nameOf(record))
			}
		}
	}
	return all.String()
}

// without returns a copy of the records without those of the names.
func without(logs plog.Logs, taken string) plog.Logs {
	rest := plog.NewLogs()
	logs.CopyTo(rest)
	for _, resource := range rest.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			scope.LogRecords().RemoveIf(func(r plog.LogRecord) bool { return strings.Contains(taken, nameOf(r)) })
		}
	}
	return rest
}

// The ways to answer.
func answering(err error) func(plog.Logs) error { return func(plog.Logs) error { return err } }

func some(err error) func(plog.Logs) error {
	return func(rest plog.Logs) error { return consumererror.NewLogs(err, rest) }
}

func wrapping(outer func(error) error, inner func(plog.Logs) error) func(plog.Logs) error {
	return func(rest plog.Logs) error { return outer(inner(rest)) }
}

// parts answers with one error for each record, as an exporter with several sub-requests does.
func someOfEach(err error, join func(...error) error) func(plog.Logs) error {
	return func(rest plog.Logs) error {
		var each []error
		for _, name := range names(rest) {
			each = append(each, consumererror.NewLogs(err, without(rest, strings.ReplaceAll(names(rest), string(name), ""))))
		}
		return join(each...)
	}
}

func TestSequencesOfAnswers(t *testing.T) {
	permanent := consumererror.NewPermanent(errLarge)
	joined := errors.Join(errors.New("shard 2: full"), errors.New("shard 3: full"))
	wrapped := func(err error) error { return fmt.Errorf("exporter: %w", err) }
	for name, c := range map[string]struct {
		replies []reply
		// offers is what is offered, and taken what is accepted and remembered in the end.
		offers []string
		taken  string
	}{
		"nil":                                    {nil, []string{"1234"}, "1234"},
		"passing, nil":                           {[]reply{{"", answering(errFull)}}, []string{"1234", "1234"}, "1234"},
		"passing, joined, nil":                   {[]reply{{"", answering(errFull)}, {"", answering(joined)}}, []string{"1234", "1234", "1234"}, "1234"},
		"part, nil":                              {[]reply{{"12", some(errFull)}}, []string{"1234", "34"}, "1234"},
		"part, passing, nil":                     {[]reply{{"12", some(errFull)}, {"", answering(errFull)}}, []string{"1234", "34", "34"}, "1234"},
		"part of nothing, nil":                   {[]reply{{"", some(errFull)}}, []string{"1234", "1234"}, "1234"},
		"part, smaller, smaller, nil":            {[]reply{{"2", some(errFull)}, {"4", some(errFull)}, {"1", some(errFull)}}, []string{"1234", "134", "13", "3"}, "2413"},
		"part, smaller, permanent":               {[]reply{{"2", some(errFull)}, {"4", some(errFull)}, {"", answering(permanent)}}, []string{"1234", "134", "13"}, "24"},
		"part, permanent":                        {[]reply{{"123", some(errFull)}, {"", answering(permanent)}}, []string{"1234", "4"}, "123"},
		"part, passing, permanent":               {[]reply{{"123", some(errFull)}, {"", answering(errFull)}, {"", answering(permanent)}}, []string{"1234", "4", "4"}, "123"},
		"part around a join, nil":                {[]reply{{"12", some(joined)}}, []string{"1234", "34"}, "1234"},
		"part around a join, 3 times":            {[]reply{{"1", some(joined)}, {"", some(joined)}, {"2", some(joined)}}, []string{"1234", "234", "234", "34"}, "1234"},
		"part around permanent":                  {[]reply{{"12", some(permanent)}}, []string{"1234"}, "12"},
		"part, part around permanent":            {[]reply{{"1", some(errFull)}, {"2", some(permanent)}}, []string{"1234", "234"}, "12"},
		"permanent":                              {[]reply{{"", answering(permanent)}}, []string{"1234"}, ""},
		"permanent around a join":                {[]reply{{"", answering(consumererror.NewPermanent(joined))}}, []string{"1234"}, ""},
		"permanent around a part":                {[]reply{{"13", wrapping(consumererror.NewPermanent, some(errFull))}}, []string{"1234"}, "13"},
		"permanent around a part around a join":  {[]reply{{"13", wrapping(consumererror.NewPermanent, some(joined))}}, []string{"1234"}, "13"},
		"passing, permanent around a part":       {[]reply{{"", answering(errFull)}, {"13", wrapping(consumererror.NewPermanent, some(errFull))}}, []string{"1234", "1234"}, "13"},
		"wrapped part, wrapped permanent":        {[]reply{{"1", wrapping(wrapped, some(errFull))}, {"", wrapping(wrapped, answering(permanent))}}, []string{"1234", "234"}, "1"},
		"permanent from every pipeline":          {[]reply{{"", answering(errors.Join(permanent, permanent))}}, []string{"1234"}, ""},
		"permanent from one of two, nil":         {[]reply{{"", answering(errors.Join(permanent, errFull))}}, []string{"1234", "1234"}, "1234"},
		"a part from each sub-request, nil":      {[]reply{{"14", someOfEach(errFull, errors.Join)}}, []string{"1234", "23"}, "1423"},
		"a part for good from each":              {[]reply{{"14", someOfEach(permanent, errors.Join)}}, []string{"1234"}, "14"},
		"a part, a part for good from each":      {[]reply{{"4", some(errFull)}, {"2", someOfEach(permanent, errors.Join)}}, []string{"1234", "123"}, "42"},
		"permanent around a part from each":      {[]reply{{"14", wrapping(consumererror.NewPermanent, someOfEach(errFull, errors.Join))}}, []string{"1234"}, "14"},
		"a part from one, permanent from others": {[]reply{{"14", func(rest plog.Logs) error { return errors.Join(permanent, some(errFull)(rest)) }}}, []string{"1234", "23"}, "1423"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, &service{rows: mails(4), pageSize: 9}, nil)
				sink := &replies{all: c.replies}
				b.Consumer = sink
				_, err := b.run(t.Context())
				require.NoError(t, err)
				assert.Equal(t, c.offers, sink.offers)
				assert.Equal(t, c.taken, sink.taken)
				assert.Equal(t, len(c.taken), b.Rows(), "what was accepted is remembered, and nothing else")
				page := b.watcher.pages[0].Rows
				assert.Equal(t, len(c.taken), page.Accepted)
				assert.Equal(t, 4-len(c.taken), page.Refused)
				assert.Empty(t, b.State().Unread)

				var refusal *RefusalError
				for i, err := range b.watcher.offered {
					if i < len(c.replies) {
						require.ErrorAs(t, err, &refusal)
						assert.Equal(t, page.Refused > 0 && i == len(c.replies)-1, refusal.Permanent)
					} else {
						require.NoError(t, err)
					}
				}

				// The next reading brings what was refused for good, and only that.
				_, err = b.run(t.Context())
				require.NoError(t, err)
				assert.Equal(t, "1234", sorted(sink.taken))
			})
		})
	}
}

func sorted(text string) string {
	letters := strings.Split(text, "")
	slices.Sort(letters)
	return strings.Join(letters, "")
}

// An error that carries no records tells nothing about what was taken.
func TestAnErrorThatCarriesNothingIsAboutEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &service{rows: mails(4), pageSize: 9}, nil)
		sink := &replies{all: []reply{{"12", answering(consumererror.NewLogs(errFull, plog.NewLogs()))}}}
		b.Consumer = sink
		_, err := b.run(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"1234", "1234"}, sink.offers)
		assert.Equal(t, 4, b.Rows())
	})
}

// A pipeline may have taken log.record.uid away. Then it gets back the records that it wants, as it has made them, but what
// was taken with them cannot be told.
func TestRecordsThatCannotBeToldFromEachOther(t *testing.T) {
	unknown := func(plog.Logs) error {
		rest := logsOf("1")
		record := rest.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		record.Attributes().PutStr("email.local_id", "x of another kind")
		record.Attributes().Remove("log.record.uid")
		return consumererror.NewLogs(errFull, rest)
	}
	for name, c := range map[string]struct {
		next       []reply
		offers     []string
		remembered int
	}{
		"taken":             {nil, []string{"1234", "x"}, 4},
		"passing, taken":    {[]reply{{"", answering(errFull)}}, []string{"1234", "x", "x"}, 4},
		"again, taken":      {[]reply{{"", unknown}}, []string{"1234", "x", "x"}, 4},
		"refused for good":  {[]reply{{"", answering(consumererror.NewPermanent(errLarge))}}, []string{"1234", "x"}, 0},
		"of a row, unknown": {[]reply{{"", answering(consumererror.NewLogs(errFull, logsOf("foreign")))}}, nil, 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, &service{rows: mails(4), pageSize: 9}, nil)
				sink := &replies{all: append([]reply{{"", unknown}}, c.next...)}
				b.Consumer = sink
				if c.offers == nil {
					b.Consumer = &pipeline{refusals: []error{unknown(plog.NewLogs()), c.next[0].says(plog.NewLogs())}}
				}
				_, err := b.run(t.Context())
				require.NoError(t, err)
				assert.Equal(t, c.offers, sink.offers)
				assert.Equal(t, c.remembered, b.Rows())
			})
		})
	}
}

// A batch that is refused for good must hold up nothing.
func TestWhatIsRefusedForGoodIsOfferedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &service{rows: mails(9), pageSize: 2}, nil)
		refusal := consumererror.NewPermanent(errors.Join(errors.New("a"), errors.New("b")))
		sink := &replies{}
		for range 5 {
			sink.all = append(sink.all, reply{"", answering(refusal)})
		}
		b.Consumer = sink
		began := time.Now()
		report, err := b.run(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 5, report.Pages)
		assert.Len(t, sink.offers, 5)
		assert.Equal(t, began, time.Now())
		assert.Zero(t, b.Rows())
	})
}

// Each revisit offers again what was refused for good, but never what was accepted.
func TestRevisitsDoNotRepeatWhatWasAcceptedOfARefusedBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &service{rows: mails(4), pageSize: 9}, nil)
		sink := &replies{}
		for range 8 {
			sink.all = append(sink.all, reply{"123", some(errFull)}, reply{"", answering(consumererror.NewPermanent(errLarge))})
		}
		b.Consumer = sink
		for range 8 {
			_, err := b.run(t.Context())
			require.NoError(t, err)
		}
		assert.Equal(t, "123", sink.taken)
		assert.Equal(t, 1, b.watcher.pages[0].Rows.Refused)
		assert.Equal(t, 3, b.watcher.pages[7].Rows.Duplicate)
		assert.Equal(t, 3, b.Rows())
	})
}

// What was accepted before a shutdown is remembered, though the rest of its batch never was.
func TestWhatWasAcceptedInPartBeforeAShutdownIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &service{rows: mails(4), pageSize: 9}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		sink := &replies{all: []reply{{"13", func(rest plog.Logs) error {
			cancel()
			return some(errFull)(rest)
		}}}}
		b.Consumer = sink
		_, err := b.run(ctx)
		require.ErrorIs(t, err, context.Canceled)
		assert.Len(t, sink.offers, 1)
		again := resume(t, b.service, nil, b.store)
		again.Consumer = sink
		_, err = again.run(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"1234", "24"}, sink.offers)
	})
}
