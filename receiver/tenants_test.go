// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// TestOneApplicationReadsEveryTenantThatHasConsented has one application and one secret for three tenants, the second of
// which has not consented.
func TestOneApplicationReadsEveryTenantThatHasConsented(t *testing.T) {
	t.Parallel()
	var all []*simulator.Simulator
	var ids []string
	for n := range 3 {
		cfg := simulator.Config{TenantID: simulator.DefaultTenantID}
		if n > 0 {
			cfg = cfg.Further(n)
		}
		sim, err := simulator.New(cfg)
		require.NoError(t, err)
		require.NoError(t, sim.Add(mail.Row{ID: "row" + strconv.Itoa(n), Recipient: "a@contoso.com", Received: time.Now().Add(-time.Minute)}))
		sim.Consent(n != 1)
		all, ids = append(all, sim), append(ids, cfg.TenantID)
	}
	tenants, err := simulator.NewTenants(all...)
	require.NoError(t, err)
	server, err := simulator.Listen(t.Context(), tenants, simulator.ListenConfig{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, server.Close()) }()
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, server.Authority().WriteFile(caFile))

	out := newSink()
	hosts := make([]*statusHost, len(ids))
	var running []*messageTraceReceiver
	for n, id := range ids {
		cfg, err := load(t, fmt.Sprintf("tenant_id: %s\nendpoint: %s/v1.0/admin/exchange/tracing/messageTraces\nauthority_host: %s\n"+
			"tls: {ca_file: %s}\nunhealthy_after: 0s\nauthentication: {oauth: {client_id: %s, client_secret: %s}}",
			id, server.URL(), server.URL(), caFile, simulator.DefaultClientID, simulator.DefaultClientSecret))
		require.NoError(t, err)
		set := receivertest.NewNopSettings(metadata.Type)
		set.ID = component.NewIDWithName(metadata.Type, strconv.Itoa(n))
		r, err := newMessageTraceReceiver(set, cfg, out)
		require.NoError(t, err)
		hosts[n] = &statusHost{}
		require.NoError(t, r.Start(t.Context(), hosts[n]))
		running = append(running, r)
	}
	defer func() {
		for _, r := range running {
			assert.NoError(t, r.Shutdown(t.Context()))
		}
	}()
	require.Eventually(t, func() bool { return out.rows() == 2 && hosts[1].worst() == componentstatus.StatusRecoverableError },
		30*time.Second, 20*time.Millisecond)
	for n, sim := range all {
		for row := range sim.Rows(time.Time{}, time.Now()) {
			assert.Len(t, out.delivered(row), map[bool]int{true: 1}[n != 1])
		}
		assert.Equal(t, n == 1, hosts[n].worst() == componentstatus.StatusRecoverableError)
	}
}

// worst is the worst status that has been reported.
func (h *statusHost) worst() (worst componentstatus.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, event := range h.events {
		worst = max(worst, event.Status())
	}
	return worst
}
