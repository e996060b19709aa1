// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
)

// TestConsumeContract runs the collector's own check: whatever the pipeline answers, every row arrives once.
func TestConsumeContract(t *testing.T) {
	sim := simulatortest.Start(t, simulator.Config{
		Quota: -1,
		// A service whose clock is ahead has all mail of a window when it is asked, so that no row is read twice: rows
		// that the pipeline refuses for good are offered again when they are.
		Now: func() time.Time { return time.Now().Add(3 * time.Second) },
	})
	cfg := createDefaultConfig().(*Config)
	cfg.Endpoint = sim.URL + graphPath
	cfg.AuthorityHost = sim.URL
	cfg.TLS.CAFile = sim.CAFile
	cfg.TenantID = simulator.DefaultTenantID
	cfg.Authentication.OAuth = configoptional.Some(OAuth{
		ClientID: simulator.DefaultClientID, ClientSecret: configopaque.String(simulator.DefaultClientSecret),
	})
	cfg.PollInterval, cfg.InitialLookback, cfg.RevisitAges = time.Second, 0, nil
	cfg.RateLimit.Requests = 0
	receivertest.CheckConsumeContract(receivertest.CheckConsumeContractParams{
		T:             t,
		Factory:       receiver.NewFactory(metadata.Type, createDefaultConfig, receiver.WithLogs(createIdentified, metadata.LogsStability)),
		Signal:        pipeline.SignalLogs,
		Config:        cfg,
		Generator:     &mailer{t: t, sim: sim},
		GenerateCount: 300,
	})
}

// createIdentified is createLogs for a consumer that finds the ID of a row under the name that the check wants.
func createIdentified(ctx context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	identify, err := consumer.NewLogs(func(ctx context.Context, logs plog.Logs) error {
		for _, record := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			id, _ := record.Attributes().Get("email.local_id")
			record.Attributes().PutStr(receivertest.UniqueIDAttrName, id.Str())
		}
		return next.ConsumeLogs(ctx, logs)
	})
	if err != nil {
		return nil, err
	}
	return createLogs(ctx, set, cfg, identify)
}

// mailer sends mail to the simulated tenant.
type mailer struct {
	t   *testing.T
	sim *simulatortest.Instance
	n   atomic.Int64
}

func (*mailer) Start() {}
func (*mailer) Stop()  {}

func (m *mailer) Generate() []receivertest.UniqueIDAttrVal {
	id := strconv.FormatInt(m.n.Add(1), 10)
	// Windows begin and end with whole seconds, and mail on an end is read with both.
	midSecond := time.Now().Add(1500 * time.Millisecond).Truncate(time.Second).Add(500 * time.Millisecond)
	require.NoError(m.t, m.sim.Add(mail.Row{
		ID: id, Sender: "a@contoso.com", Recipient: "b@contoso.com", Received: midSecond,
		Timeline: []mail.Change{{At: midSecond, Status: mail.Delivered}},
	}))
	return []receivertest.UniqueIDAttrVal{receivertest.UniqueIDAttrVal(id)}
}
