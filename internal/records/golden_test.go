// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"context"
	"flag"
	"net/http"
	"net/url"
	"os"
	"testing"

	goldenfile "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/plogtest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/identity"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/source/graph"
	"github.com/o365messagetrace/o365messagetrace/internal/source/reporting"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

var update = flag.Bool("update", false, "write the golden files anew")

// published answers every request with a published page.
type published struct{ body []byte }

func (p published) Get(context.Context, trace.Lane, *url.URL, http.Header) (*transport.Response, error) {
	return &transport.Response{Body: p.body, ContentType: "application/json"}, nil
}

func TestPagesBecomeTheseRecords(t *testing.T) {
	t.Parallel()
	for file, read := range map[string]dialect{
		"graph-docs-page":        ofGraph,
		"reporting-light-page":   ofReporting,
		"reporting-verbose-page": ofReporting,
		// What docs/records.md asks about, and what the mappings in examples/ map.
		"questions-page": ofGraph,
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile("../../testdata/" + file + ".json")
			require.NoError(t, err)
			b := convert(t, read, body)
			b.MarkFinal()

			golden(t, "testdata/"+file+".yaml", b.Logs())
		})
	}
}

// golden compares logs with those in a file, or rewrites the file.
func golden(t *testing.T, file string, logs plog.Logs) {
	t.Helper()
	if *update {
		require.NoError(t, goldenfile.WriteLogsToFile(file, logs))
	}
	want, err := goldenfile.ReadLogs(file)
	require.NoError(t, err)
	require.NoError(t, plogtest.CompareLogs(want, logs))
}

// dialect reads the first page of a service, and returns where the service is.
type dialect func(ctx context.Context, p published) (page *source.Page, endpoint string, err error)

func ofGraph(ctx context.Context, p published) (*source.Page, string, error) {
	u := &url.URL{Scheme: "https", Host: "graph.microsoft.com", Path: "/v1.0/admin/exchange/tracing/messageTraces"}
	page, err := graph.NewClient(p, u, source.Query{PageSize: graph.MaxPageSize}).First(ctx, trace.Live, trace.Window{}, 0)
	return page, u.String(), err
}

func ofReporting(ctx context.Context, p published) (*source.Page, string, error) {
	u := &url.URL{Scheme: "https", Host: "reports.office365.com", Path: "/ecp/reportingwebservice/reporting.svc/MessageTrace"}
	page, err := reporting.NewClient(p, u, source.Query{PageSize: reporting.MaxPageSize}).First(ctx, trace.Live, trace.Window{}, 0)
	return page, u.String(), err
}

// convert makes records of all rows of a page. A row that the page has before is a later status of it.
func convert(t *testing.T, read dialect, body []byte) *Batch {
	t.Helper()
	page, endpoint, err := read(t.Context(), published{body})
	require.NoError(t, err)
	u, err := url.Parse(endpoint)
	require.NoError(t, err)
	origin := testOrigin()
	origin.Endpoint, origin.ServerAddress = endpoint, u.Host
	b := origin.NewBatch(observed, trace.Live)
	delivered := map[identity.UID]trace.Status{}
	for row, err := range page.Rows {
		require.NoError(t, err)
		version := versionOf(row)
		version.Previous = delivered[version.Row]
		delivered[version.Row] = version.Status
		b.Append(row, version)
	}
	return b
}
