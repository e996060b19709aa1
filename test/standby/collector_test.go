// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package standby

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	o365messagetrace "github.com/o365messagetrace/o365messagetrace"
	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/k8sleaderelector"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"
)

// What this test program is told when it is to be a collector.
const (
	serviceKey  = "STANDBY_SERVICE"
	caKey       = "STANDBY_CA"
	databaseKey = "STANDBY_DATABASE"
	sinkKey     = "STANDBY_SINK"
)

// Times of the election. Of contrib's defaults each is a fifth.
const election = "{auth_type: kubeConfig, lease_name: o365, lease_namespace: soc, lease_duration: 3s, renew_deadline: 2s, retry_period: 400ms}"

func TestMain(m *testing.M) {
	if os.Getenv(serviceKey) != "" {
		if err := collect(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// host has extensions.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// collect is a collector: an elector, a storage, a receiver and an exporter, until it is told to stop.
func collect() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	logger, err := zap.NewDevelopment(zap.IncreaseLevel(zap.InfoLevel))
	if err != nil {
		return err
	}
	telemetry := componenttest.NewNopTelemetrySettings()
	telemetry.Logger = logger

	electors := k8sleaderelector.NewFactory()
	cfg := electors.CreateDefaultConfig()
	if err := read(election, cfg); err != nil {
		return err
	}
	id := component.NewID(electors.Type())
	elector, err := electors.Create(ctx, extension.Settings{ID: id, TelemetrySettings: telemetry}, cfg)
	if err != nil {
		return err
	}
	extensions := host{id: elector, component.MustNewID("database"): remote{url: os.Getenv(databaseKey)}}
	if err := elector.Start(ctx, extensions); err != nil {
		return err
	}

	receivers := o365messagetrace.NewFactory()
	cfg = receivers.CreateDefaultConfig()
	service := os.Getenv(serviceKey)
	err = read(fmt.Sprintf(`{tenant_id: %s, endpoint: "%s/v1.0/admin/exchange/tracing/messageTraces", authority_host: "%s",
  tls: {ca_file: "%s"}, authentication: {oauth: {client_id: %s, client_secret: %s}}, poll_interval: 1s, initial_lookback: 2m,
  revisit_ages: [5s], rate_limit: {requests: 0}, storage: database, k8s_leader_elector: k8s_leader_elector, page_size: 500}`,
		simulator.DefaultTenantID, service, service, os.Getenv(caKey), simulator.DefaultClientID, simulator.DefaultClientSecret), cfg)
	if err != nil {
		return err
	}
	next, err := consumer.NewLogs(export)
	if err != nil {
		return err
	}
	r, err := receivers.CreateLogs(ctx, receiver.Settings{ID: component.NewID(receivers.Type()), TelemetrySettings: telemetry}, cfg, next)
	if err != nil {
		return err
	}
	if err := r.Start(ctx, extensions); err != nil {
		return err
	}
	<-ctx.Done()
	if err := r.Shutdown(context.Background()); err != nil {
		return err
	}
	return elector.Shutdown(context.Background())
}

// read reads a configuration.
func read(text string, cfg component.Config) error {
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
	if err != nil {
		return err
	}
	conf, err := retrieved.AsConf()
	if err != nil {
		return err
	}
	return conf.Unmarshal(cfg)
}

// export sends records, as an exporter without a queue does.
func export(ctx context.Context, logs plog.Logs) error {
	text, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv(sinkKey), bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the sink answers %s", resp.Status)
	}
	return nil
}

// process is a collector that runs.
type process struct {
	name string
	cmd  *exec.Cmd
	log  *bytes.Buffer
}

// start starts a collector. It ends with the test.
func start(t *testing.T, name string, environment ...string) *process {
	t.Helper()
	p := &process{name: name, cmd: exec.Command(os.Args[0]), log: &bytes.Buffer{}}
	p.cmd.Env = append(os.Environ(), environment...)
	p.cmd.Stderr = p.log
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			text := p.log.String()
			t.Logf("%s: …%s", p.name, text[max(0, len(text)-4000):])
		}
	})
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}
