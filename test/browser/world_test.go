// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/test/browser/fakeapi"
)

const pageFolder = "../../extension/jobinspector/page"

// subject serves the page that is tested.
type subject struct {
	url string
	// deliver has so many records captured. A real collector delivers by itself.
	deliver func(t *testing.T, n int)
	// minutes is for how long there have been jobs, as the graphs offer it.
	minutes int
}

// lively is a running collector if there is one, else a fake with jobs of some hours.
func lively(t *testing.T) subject {
	t.Helper()
	if url := os.Getenv("O365MT_INSPECTOR"); url != "" {
		return subject{url: url, deliver: func(*testing.T, int) {}, minutes: 30}
	}
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	return subject{url: server.URL, minutes: 240, deliver: func(t *testing.T, n int) {
		t.Helper()
		requireWatched(t, server)
		for i := range n {
			server.Deliver(fakeapi.Mail(fakeapi.Contoso, i, time.Now()))
		}
	}}
}

// newFake is a fake without inputs and jobs.
func newFake(t *testing.T) *fakeapi.Server {
	t.Helper()
	if os.Getenv("O365MT_INSPECTOR") != "" {
		t.Skip("this test arranges its answers: it does not run against a real collector")
	}
	server := fakeapi.New(pageFolder)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	return server
}

func requireWatched(t *testing.T, server *fakeapi.Server) {
	t.Helper()
	require.Eventually(t, func() bool { return server.Watchers() == 1 }, patience, 10*time.Millisecond, "nobody captures")
}
