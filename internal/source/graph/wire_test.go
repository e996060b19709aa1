// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// nobody does not listen.
type nobody struct{}

func (nobody) Retrying(context.Context, error, string, int, time.Duration) {}

func (nobody) Throttled(context.Context, error, time.Duration) {}

// What services and proxies are known to send for links, followed over a real connection.
func TestLinksOnTheWire(t *testing.T) {
	t.Parallel()
	for file, c := range map[string]struct {
		query string
		// refused is what the error names where the link must not be followed.
		refused string
	}{
		"escaped":    {"$skiptoken=Pc2%2bab%2fcd%3d%3d&$top=5000", ""},
		"reserved":   {"$skipToken=a%26b%23c%25d&$top=5000", ""},
		"relative":   {"$skiptoken=rel", ""},
		"spaces":     {"$filter=receivedDateTime%20ge%202026-10-01T00:00:00Z%20and%20receivedDateTime%20le%202026-10-01T01:00:00Z&$skiptoken=x", ""},
		"beta":       {"", "another path"},
		"http":       {"", "a link to http://graph.microsoft.com"},
		"other-host": {"", "a link to https://graph.example.net"},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile("../../../testdata/service/F37-link-" + file + ".json")
			require.NoError(t, err)
			var asked []string
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.RequestURI)
				page := string(body)
				if len(asked) > 1 {
					page = `{"value":[]}`
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(strings.ReplaceAll(page, "https://graph.microsoft.com", "https://"+r.Host)))
			}))
			t.Cleanup(server.Close)
			endpoint, err := url.Parse(server.URL + "/v1.0/admin/exchange/tracing/messageTraces")
			require.NoError(t, err)
			client := NewClient(transport.NewClient(transport.Options{
				HTTP: server.Client(), Endpoint: endpoint, Service: Service{}, Quota: transport.NewQuota(transport.Rate{}), Observer: nobody{},
			}), endpoint, source.Query{PageSize: MaxPageSize})

			page, err := client.First(t.Context(), trace.Live, trace.Window{}, 0)
			require.NoError(t, err)
			for _, err := range page.Rows {
				require.NoError(t, err)
			}
			_, err = client.Next(t.Context(), trace.Live, page.Next())
			if c.refused != "" {
				require.ErrorIs(t, err, transport.ErrForeignLink)
				require.ErrorContains(t, err, c.refused)
				assert.Len(t, asked, 1)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, endpoint.Path+"?"+c.query, asked[1])
		})
	}
}
