// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// backfillRows is how many rows a backfill brings. Each of its windows is an hour.
const backfillRows = 500_000

// The environment variables that name the service and the directory of the checkpoint to a backfill.
const (
	baseKey      = "O365MT_BENCH_BASE"
	directoryKey = "O365MT_BENCH_DIRECTORY"
)

// BenchmarkBackfillMemory reads 500,000 new rows, with a checkpoint on disk, in a process of its own and reports by how
// much its peak of resident memory is above what it has when it begins.
func BenchmarkBackfillMemory(b *testing.B) {
	s := startService(b)
	for _, set := range sets("plain", s.Plain) {
		b.Run(set.name, func(b *testing.B) { benchmarkMemory(b, set.base) })
	}
}

func benchmarkMemory(b *testing.B, base string) {
	b.Helper()
	var peaks []float64
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), roleKey+"=backfill", baseKey+"="+base, directoryKey+"="+b.TempDir())
		cmd.Stderr = os.Stderr
		output, err := cmd.Output()
		require.NoError(b, err)
		peak, err := strconv.ParseFloat(strings.TrimSpace(string(output)), 64)
		require.NoError(b, err)
		peaks = append(peaks, peak)
	}
	b.ReportMetric(median(peaks), "MiB-above-idle")
	b.ReportMetric(0, "ns/op")
}

// backfill is the process that reads. It prints the MiB.
func backfill() {
	store, err := onDisk(os.Getenv(directoryKey))
	if err != nil {
		panic(err)
	}
	r, err := newReaderWith(store, &http.Client{Transport: http.DefaultTransport}, os.Getenv(baseKey))
	if err != nil {
		panic(err)
	}
	// An idle receiver is one that polls and finds nothing.
	ahead := newest.Add(pace / 4)
	if _, _, err := r.read(context.Background(), trace.Window{Start: ahead, End: ahead.Add(pace / 4)}); err != nil {
		panic(err)
	}
	idle := resident(os.Getpid(), "VmRSS")
	hour := windowOf(backfillRows / 5)
	for range 5 {
		if _, _, err := r.read(context.Background(), hour); err != nil {
			panic(err)
		}
		hour = trace.Window{Start: hour.Start.Add(-time.Hour), End: hour.Start.Add(-pace)}
	}
	fmt.Printf("%.1f\n", resident(os.Getpid(), "VmHWM")-idle)
}

// onDisk opens the file storage of the collector.
func onDisk(directory string) (storage.Client, error) {
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = directory
	files, err := factory.Create(context.Background(), extension.Settings{
		ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings(),
	}, cfg)
	if err != nil {
		return nil, err
	}
	return files.(storage.Extension).GetClient(context.Background(), component.KindReceiver, component.MustNewID("o365messagetrace"), "")
}

// resident returns a figure of a process's memory in MiB: VmRSS is what is resident now, VmHWM the most that ever was.
func resident(pid int, figure string) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		panic(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), figure+":"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024
		}
	}
	panic(figure + " is not there")
}
