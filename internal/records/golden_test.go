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

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/plogtest"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/source/graph"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

var update = flag.Bool("update", false, "write the golden files anew")

// published answers every request with the page of Microsoft's documentation.
type published struct{ body []byte }

func (p published) Get(context.Context, trace.Lane, *url.URL, http.Header) (*transport.Response, error) {
	return &transport.Response{Body: p.body, ContentType: "application/json"}, nil
}

func TestThePublishedPageBecomesTheseRecords(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("../../testdata/graph-docs-page.json")
	require.NoError(t, err)
	endpoint, err := url.Parse(testOrigin().Endpoint)
	require.NoError(t, err)
	page, err := graph.NewClient(published{body}, endpoint, graph.MaxPageSize).First(t.Context(), trace.Live, trace.Window{})
	require.NoError(t, err)

	b := testOrigin().NewBatch(observed, trace.Live)
	for row, err := range page.Rows {
		require.NoError(t, err)
		b.Append(row, versionOf(row))
	}
	b.MarkFinal()

	const file = "testdata/graph-docs-page.yaml"
	if *update {
		require.NoError(t, golden.WriteLogsToFile(file, b.Logs()))
	}
	want, err := golden.ReadLogs(file)
	require.NoError(t, err)
	require.NoError(t, plogtest.CompareLogs(want, b.Logs()))
}
