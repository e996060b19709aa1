// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/source/graph"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// bareRow is what a plain Go program reads a row into.
type bareRow struct {
	ID               string    `json:"id"`
	SenderAddress    string    `json:"senderAddress"`
	RecipientAddress string    `json:"recipientAddress"`
	MessageID        string    `json:"messageId"`
	ReceivedDateTime time.Time `json:"receivedDateTime"`
	Subject          string    `json:"subject"`
	Size             int64     `json:"size"`
	FromIP           string    `json:"fromIP"`
	ToIP             string    `json:"toIP"`
	Status           string    `json:"status"`
}

// page is what a plain Go program reads a page into.
type page[Row any] struct {
	Next  string `json:"@odata.nextLink"`
	Value []Row  `json:"value"`
}

// pageReader reads one page, and returns how many rows it has and the link to the next one.
type pageReader func(body io.Reader) (rows int, next string, err error)

// readStructs is what the baseline does with a page.
func readStructs(body io.Reader) (rows int, next string, err error) {
	var p page[bareRow]
	err = json.NewDecoder(body).Decode(&p)
	return len(p.Value), p.Next, err
}

// readPages reads a window in a plain loop, and returns how many rows it has.
func readPages(ctx context.Context, client *http.Client, base string, w trace.Window, read pageReader) (rows int, err error) {
	filter := "receivedDateTime ge " + w.Start.Format(time.RFC3339Nano) + " and receivedDateTime le " + w.End.Format(time.RFC3339Nano)
	link := base + path + "?$filter=" + url.PathEscape(filter) + "&$top=5000"
	for link != "" {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
		if err != nil {
			return rows, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return rows, err
		}
		n, next, err := read(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return rows, err
		}
		rows += n
		link = next
	}
	return rows, nil
}

// counter is the consumer behind our path. It passes the records on to the next one, if there is one.
type counter struct {
	next consumer.Logs
	rows int
	// first is when it was called first.
	first time.Time
}

func (*counter) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

func (c *counter) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	if c.first.IsZero() {
		c.first = time.Now()
	}
	c.rows += logs.LogRecordCount()
	if c.next == nil {
		return nil
	}
	return c.next.ConsumeLogs(ctx, logs)
}

// watcher counts the rows that our path reports.
type watcher struct{ seen trace.Outcomes }

func (w *watcher) Page(_ context.Context, _ trace.Lane, p collect.Page) {
	w.seen.Accepted += p.Rows.Accepted
	w.seen.Duplicate += p.Rows.Duplicate
}
func (*watcher) Offered(context.Context, trace.Window, error)                {}
func (*watcher) Offering(context.Context, plog.Logs) (taken func())          { return func() {} }
func (*watcher) Stored(error)                                                {}
func (*watcher) Cut(context.Context, trace.Window)                           {}
func (*watcher) Retrying(context.Context, error, string, int, time.Duration) {}
func (*watcher) Throttled(context.Context, error, time.Duration)             {}
func (*watcher) Inquired(context.Context, collect.Inquired)                  {}

// signedIn is the owner of a token that never ends.
type signedIn struct{}

func (signedIn) Token(context.Context) (string, error) { return "token", nil }
func (signedIn) Reject(string, string)                 {}

// reader is our path: all of the receiver but its timetable.
type reader struct {
	*collect.Collector
	counter *counter
	watcher *watcher
	ledger  *ledger.Ledger
}

// newReader returns a reader whose ledger, in memory, remembers nothing.
func newReader(client *http.Client, base string) (*reader, error) {
	return newReaderWith(ledger.Memory{}, client, base)
}

// newReaderWith returns a reader whose ledger is in the store.
func newReaderWith(store storage.Client, client *http.Client, base string) (*reader, error) {
	return newReaderOf(ledger.Options{Client: store}, client, base)
}

// newFollower returns a reader that also notes which rows failed, to ask for their details, and whose records go to next.
func newFollower(client *http.Client, base string, next consumer.Logs) (*reader, error) {
	r, err := newReaderOf(ledger.Options{Client: ledger.Memory{}, Details: &ledger.DetailOptions{}}, client, base)
	if err == nil {
		r.Details = &collect.Details{Observer: r.watcher, Statuses: []trace.Status{trace.Failed}, After: time.Hour}
		r.counter.next = next
	}
	return r, err
}

func newReaderOf(o ledger.Options, client *http.Client, base string) (*reader, error) {
	endpoint, err := url.Parse(base + path)
	if err != nil {
		return nil, err
	}
	o.Tenant = "contoso.com"
	known, err := ledger.Open(context.Background(), o)
	if err != nil {
		return nil, err
	}
	// Mail is read again after hours, so nothing may be forgotten.
	known.SetState(plan.State{Head: newest, Served: []plan.Served{{Age: 48 * time.Hour, UpTo: newest.Add(-48 * time.Hour)}}})
	id := component.MustNewID("o365messagetrace")
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: id, Transport: "http", ReceiverCreateSettings: receiver.Settings{TelemetrySettings: componenttest.NewNopTelemetrySettings()},
	})
	if err != nil {
		return nil, err
	}
	zipped := *client
	zipped.Transport = transport.Unzip(client.Transport)
	r := &reader{counter: &counter{}, watcher: &watcher{}, ledger: known}
	httpClient := transport.NewClient(transport.Options{
		HTTP: &zipped, Endpoint: endpoint, Auth: signedIn{}, Scheme: "Bearer", Service: graph.Service{},
		Quota: transport.NewQuota(transport.Rate{Requests: 1_000_000, Interval: time.Second}), Observer: r.watcher,
	})
	r.Collector = collect.New(collect.Options{
		Source: graph.NewClient(httpClient, endpoint, source.Query{PageSize: pageSize}),
		Ledger: known,
		Origin: &records.Origin{
			InputID: id.String(), TenantID: "11111111-1111-1111-1111-111111111111", Endpoint: endpoint.String(),
			ServerAddress: endpoint.Hostname(), ScopeName: "o365messagetrace", ScopeVersion: "0.1.0", Body: true, Internal: true,
		},
		Consumer: r.counter, Obs: obs, Observer: r.watcher,
		Now: time.Now, Finest: time.Millisecond,
		Retry: func(context.Context, int) (time.Duration, bool) { return 0, false },
	})
	return r, nil
}

// read reads a window and returns how many rows were new and how many were not.
func (r *reader) read(ctx context.Context, w trace.Window) (accepted, duplicate int, err error) {
	r.watcher.seen = trace.Outcomes{}
	_, err = r.Run(ctx, plan.Step{Window: w, Lane: trace.Revisit}, 0)
	if seen := r.watcher.seen; err == nil && seen.Accepted != r.counter.rows {
		err = fmt.Errorf("%d rows accepted, %d records consumed", seen.Accepted, r.counter.rows)
	}
	r.counter.rows = 0
	return r.watcher.seen.Accepted, r.watcher.seen.Duplicate, err
}
