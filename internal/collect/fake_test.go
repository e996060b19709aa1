// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

var (
	ten    = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	hour   = trace.Window{Start: ten.Add(-time.Hour), End: ten}
	errDie = errors.New("the service is gone")
	// errEndless ends what would never end.
	errEndless = errors.New("far more requests than any window takes")
)

// at returns the instant so long before the end of the hour.
func before(d time.Duration) time.Time { return ten.Add(-d) }

// mailAt is a row by the minute before ten at which it was received and its number within that.
type mailAt struct {
	age    time.Duration
	number int
	status trace.Status
}

func (m mailAt) row() *trace.Row {
	id := fmt.Sprintf("%s/%d", m.age, m.number)
	status := m.status
	if status == "" {
		status = trace.Delivered
	}
	return &trace.Row{
		Raw:       []byte(`{"id":"` + id + `","status":"` + string(status) + `"}`),
		ID:        []byte(id),
		Recipient: []byte("a@contoso.com"),
		Status:    []byte(status),
		Received:  before(m.age),
	}
}

// service serves rows newest first, so many a page. Its links are the number of the row that the next page begins with,
// within the window that was asked for.
type service struct {
	rows     []mailAt
	pageSize int
	// size is that of each page in bytes.
	size int
	// linkless means that full pages do not say whether anything lies beyond them.
	linkless bool
	// first and next, if set, answer in its stead; a nil page and a nil error leave it to the service.
	first func(n int, w trace.Window) (*source.Page, error)
	next  func(n int, link string) (*source.Page, error)

	mu      sync.Mutex
	windows []trace.Window
	sizes   []int
	links   []string
}

func (s *service) First(_ context.Context, _ trace.Lane, w trace.Window, pageSize int) (*source.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.windows, s.sizes = append(s.windows, w), append(s.sizes, pageSize)
	if s.requests() > maxRequests {
		return nil, errEndless
	}
	if s.first != nil {
		if page, err := s.first(len(s.windows), w); page != nil || err != nil {
			return page, err
		}
	}
	if pageSize == source.Most {
		s := &service{rows: s.rows, pageSize: 1000, linkless: s.linkless}
		page := s.page(w, 0)
		page.Most = true
		return page, nil
	}
	return s.page(w, 0), nil
}

func (s *service) Next(_ context.Context, _ trace.Lane, link string) (*source.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links = append(s.links, link)
	if s.requests() > maxRequests {
		return nil, errEndless
	}
	if s.next != nil {
		if page, err := s.next(len(s.links), link); page != nil || err != nil {
			return page, err
		}
	}
	window, number, _ := strings.Cut(link, "#")
	var w trace.Window
	start, end, _ := strings.Cut(window, "/")
	w.Start, _ = time.Parse(time.RFC3339Nano, start)
	w.End, _ = time.Parse(time.RFC3339Nano, end)
	from, _ := strconv.Atoi(number)
	return s.page(w, from), nil
}

func (s *service) page(w trace.Window, from int) *source.Page {
	var inside []mailAt
	for _, row := range s.rows {
		if w.Contains(before(row.age)) {
			inside = append(inside, row)
		}
	}
	to := min(from+s.pageSize, len(inside))
	if s.linkless {
		page := pageOf(inside[from:to], "", nil)
		page.Full = func() bool { return to-from == s.pageSize }
		return page
	}
	link := ""
	if to < len(inside) {
		link = fmt.Sprintf("%s#%d", w, to)
	}
	page := pageOf(inside[from:to], link, nil)
	page.Size = s.size
	return page
}

// requests is how many pages have been asked for.
func (s *service) requests() int { return len(s.windows) + len(s.links) }

// maxRequests is how many requests are answered.
const maxRequests = 10_000

// pageOf is a page of rows with a link, damaged behind them if err is not nil.
func pageOf(rows []mailAt, link string, err error) *source.Page {
	return &source.Page{
		Arrived: ten,
		Rows: func(yield func(*trace.Row, error) bool) {
			for _, r := range rows {
				if !yield(r.row(), nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
			}
		},
		Next: func() string { return link },
		Row: func(text []byte) *trace.Row {
			i := slices.IndexFunc(rows, func(r mailAt) bool { return bytes.Equal(r.row().Raw, text) })
			return rows[i].row()
		},
	}
}

func refusal(status int) error { return &transport.Error{Target: "service", Status: status} }

func damage() error {
	return &transport.Error{Target: "service", Status: http.StatusOK, Err: source.ErrShape, Damaged: true}
}

// pipeline takes records, or refuses them with the errors given, one after the other.
type pipeline struct {
	refusals []error
	offers   int
	taken    []plog.LogRecord
	// onTake is called before records are taken.
	onTake func()
}

func (p *pipeline) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

func (p *pipeline) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	p.offers++
	records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	if p.offers <= len(p.refusals) && p.refusals[p.offers-1] != nil {
		// What has been refused may have been changed on the way.
		records.RemoveIf(func(plog.LogRecord) bool { return true })
		return p.refusals[p.offers-1]
	}
	if p.onTake != nil {
		p.onTake()
	}
	for _, record := range records.All() {
		p.taken = append(p.taken, record)
	}
	return nil
}

func (p *pipeline) ids() (all []string) {
	for _, record := range p.taken {
		id, _ := record.Attributes().Get("email.local_id")
		all = append(all, id.Str())
	}
	return all
}

// watcher keeps what the collector tells.
type watcher struct {
	pages   []Page
	offered []error
	stored  []error
	cut     []trace.Window
	// taken is how many records were in the offers that were taken whole.
	taken int
}

func (w *watcher) Page(_ context.Context, _ trace.Lane, p Page) { w.pages = append(w.pages, p) }
func (w *watcher) Offered(_ context.Context, _ trace.Window, err error) {
	w.offered = append(w.offered, err)
}
func (w *watcher) Stored(err error) { w.stored = append(w.stored, err) }
func (w *watcher) Cut(_ context.Context, instant trace.Window) {
	w.cut = append(w.cut, instant)
}

func (w *watcher) Offering(_ context.Context, logs plog.Logs) (taken func()) {
	n := logs.LogRecordCount()
	return func() { w.taken += n }
}

// bench is a collector whose ledger has one hour open.
type bench struct {
	*Collector
	service  *service
	pipeline *pipeline
	watcher  *watcher
	store    ledger.Memory
}

func newBench(t *testing.T, s *service, p *pipeline) *bench {
	return resume(t, s, p, ledger.Memory{})
}

// resume is a bench with what another one has stored.
func resume(t *testing.T, s *service, p *pipeline, store ledger.Memory) *bench {
	known, err := ledger.Open(t.Context(), ledger.Options{Client: store, Tenant: "contoso.com", Warn: func(m string) { t.Error(m) }})
	require.NoError(t, err)
	if known.State().Head.IsZero() {
		known.SetState(plan.Tick(plan.State{}, ten, ten, plan.Config{Interval: 5 * time.Minute, InitialLookback: time.Hour}))
	}
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             component.MustNewID("o365messagetrace"),
		Transport:              "http",
		ReceiverCreateSettings: receiver.Settings{TelemetrySettings: componenttest.NewNopTelemetrySettings()},
	})
	require.NoError(t, err)
	w := &watcher{}
	return &bench{
		Collector: New(Options{
			Source: s, Ledger: known, Origin: &records.Origin{InputID: "o365messagetrace", Body: true, Internal: true}, Consumer: p, Obs: obs, Observer: w,
			Now: func() time.Time { return ten }, Finest: time.Millisecond / 2,
			Retry: func(_ context.Context, n int) (time.Duration, bool) { return time.Millisecond, n <= 2 },
		}),
		service: s, pipeline: p, watcher: w, store: store,
	}
}

func (b *bench) run(ctx context.Context) (Report, error) {
	return b.read(ctx, hour)
}

// read reads a window in pages of the configured size.
func (b *bench) read(ctx context.Context, w trace.Window) (Report, error) {
	return b.Run(ctx, plan.Step{Window: w, Lane: trace.Backfill}, 0)
}

// mails returns rows n minutes apart.
func mails(n int) (all []mailAt) {
	for i := range n {
		all = append(all, mailAt{age: time.Duration(i+1) * time.Minute})
	}
	return all
}

// readAll reads the hour until nothing of it is open, and returns what was delivered, what is open still, and whether
// whatever was open in between was in whole seconds.
func readAll(t *testing.T, s *service) (ids []string, open plan.Intervals, whole bool) {
	t.Helper()
	whole = true
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, s, &pipeline{})
		for range 50 {
			for _, w := range b.State().Unread {
				whole = whole && w.Start.Nanosecond() == 0 && w.End.Nanosecond() == 0
				_, _ = b.read(t.Context(), w)
			}
		}
		ids, open = b.pipeline.ids(), b.State().Unread
	})
	return ids, open, whole
}
