// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/receiver"

	o365messagetrace "github.com/o365messagetrace/o365messagetrace"
	"github.com/o365messagetrace/o365messagetrace/simulator"
)

// countKey is the environment variable that tells how many tenants there are, and caKey the one that names what to trust.
const (
	countKey = "O365MT_BENCH_TENANTS"
	caKey    = "O365MT_BENCH_CA"
)

// Times of an idle receiver.
const (
	idlePoll = 10 * time.Second
	// warmUp is how long receivers poll before they are looked at, and idleFor how long they are looked at.
	warmUp  = 25 * time.Second
	idleFor = 30 * time.Second
)

// upkeep is what a process with receivers takes.
type upkeep struct {
	// Resident is the resident memory in KiB, and Peak the most there was.
	Resident, Peak float64
	Goroutines     int
	// CPU is the processor time of a second, in ms.
	CPU float64
	// Started and Stopped are how long it took to start and to stop all.
	Started, Stopped time.Duration
}

// BenchmarkTenants measures what idle receivers take, each with a tenant, a sign-in and a state on disk of its own: they poll
// every ten seconds and find nothing. It compares with a single one.
func BenchmarkTenants(b *testing.B) {
	for b.Loop() {
		one := tenants(b, 1)
		for _, n := range []int{200, 500} {
			many := tenants(b, n)
			more := float64(n - 1)
			name := fmt.Sprintf("-at-%d", n)
			b.ReportMetric((many.Resident-one.Resident)/more, "KiB-each"+name)
			b.ReportMetric(float64(many.Goroutines-one.Goroutines)/more, "goroutines-each"+name)
			b.ReportMetric((many.CPU-one.CPU)/more, "ms/s-each"+name)
			b.ReportMetric(many.Peak/1024, "MiB-peak"+name)
			b.ReportMetric(many.Started.Seconds(), "s-to-start"+name)
			b.ReportMetric(many.Stopped.Seconds(), "s-to-stop"+name)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// tenants runs so many receivers in a process of their own.
func tenants(b *testing.B, n int) (c upkeep) {
	b.Helper()
	caFile := filepath.Join(b.TempDir(), "ca.pem")
	b.Setenv(countKey, strconv.Itoa(n))
	b.Setenv(caKey, caFile)
	service := start(b, "tenants")
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleKey+"=receivers", baseKey+"="+service.TLS, directoryKey+"="+b.TempDir())
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	require.NoError(b, err)
	require.NoError(b, json.Unmarshal(output, &c))
	b.Logf("%d: %+v", n, c)
	return c
}

func count() int {
	n, err := strconv.Atoi(os.Getenv(countKey))
	if err != nil {
		panic(err)
	}
	return n
}

func tenantConfig(n int) simulator.Config {
	cfg := simulator.Config{NoInspection: true}
	if n > 0 {
		cfg = cfg.Further(n)
	}
	return cfg
}

// serveTenants serves tenants without mail until standard input ends.
func serveTenants() {
	var all []*simulator.Simulator
	for n := range count() {
		sim, err := simulator.New(tenantConfig(n))
		if err != nil {
			panic(err)
		}
		all = append(all, sim)
	}
	handler, err := simulator.NewTenants(all...)
	if err != nil {
		panic(err)
	}
	server, err := simulator.Listen(context.Background(), handler, simulator.ListenConfig{})
	if err != nil {
		panic(err)
	}
	if err := server.Authority().WriteFile(os.Getenv(caKey)); err != nil {
		panic(err)
	}
	line, err := json.Marshal(service{TLS: server.URL()})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// host has extensions.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// receivers runs the receivers and prints what they take.
func receivers() {
	files := filestorage.NewFactory()
	filesConfig := files.CreateDefaultConfig().(*filestorage.Config)
	filesConfig.Directory = os.Getenv(directoryKey)
	id := component.NewID(files.Type())
	store, err := files.Create(context.Background(), extension.Settings{ID: id, TelemetrySettings: componenttest.NewNopTelemetrySettings()}, filesConfig)
	if err != nil {
		panic(err)
	}
	factory := o365messagetrace.NewFactory()
	all := make([]receiver.Logs, count())
	began := time.Now()
	for n := range all {
		if all[n], err = newReceiver(factory, n); err != nil {
			panic(err)
		}
		if err := all[n].Start(context.Background(), host{id: store}); err != nil {
			panic(err)
		}
	}
	c := upkeep{Started: time.Since(began)}
	time.Sleep(warmUp)
	debug.FreeOSMemory()
	before := cpu()
	time.Sleep(idleFor)
	c.CPU = float64((cpu() - before).Milliseconds()) / idleFor.Seconds()
	c.Resident, c.Peak = 1024*resident(os.Getpid(), "VmRSS"), 1024*resident(os.Getpid(), "VmHWM")
	c.Goroutines = runtime.NumGoroutine()
	began = time.Now()
	for _, each := range all {
		if err := each.Shutdown(context.Background()); err != nil {
			panic(err)
		}
	}
	c.Stopped = time.Since(began)
	line, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

// newReceiver makes the receiver of the n-th tenant.
func newReceiver(factory receiver.Factory, n int) (receiver.Logs, error) {
	base, tenant := os.Getenv(baseKey), tenantConfig(n)
	if n == 0 {
		tenant.TenantID = simulator.DefaultTenantID
	}
	cfg := factory.CreateDefaultConfig()
	err := confmap.NewFromStringMap(map[string]any{
		"tenant_id": tenant.TenantID, "endpoint": base + path, "authority_host": base,
		"tls":           map[string]any{"ca_file": os.Getenv(caKey)},
		"poll_interval": idlePoll.String(), "poll_spread": idlePoll.String(), "initial_lookback": "0s", "storage": "file_storage",
		"rate_limit": map[string]any{"requests": 0},
		"authentication": map[string]any{"oauth": map[string]any{
			"client_id": simulator.DefaultClientID, "client_secret": simulator.DefaultClientSecret,
		}},
	}).Unmarshal(cfg)
	if err != nil {
		return nil, err
	}
	set := receiver.Settings{
		ID: component.NewIDWithName(factory.Type(), tenant.TenantID), TelemetrySettings: componenttest.NewNopTelemetrySettings(),
	}
	return factory.CreateLogs(context.Background(), set, cfg, consumertest.NewNop())
}
