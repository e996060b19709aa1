// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// fileClient opens file_storage in a folder.
func fileClient(t *testing.T, folder string) (client storage.Client, closeIt func()) {
	t.Helper()
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = folder
	id := component.NewID(factory.Type())
	set := extension.Settings{ID: id, TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	files, err := factory.Create(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, files.Start(t.Context(), componenttest.NewNopHost()))
	receiver := component.MustNewID("o365messagetrace")
	client, err = files.(storage.Extension).GetClient(t.Context(), component.KindReceiver, receiver, "jobs")
	require.NoError(t, err)
	return client, func() {
		require.NoError(t, client.Close(context.Background()))
		require.NoError(t, files.Shutdown(context.Background()))
	}
}

func TestEndedJobsSurviveARestart(t *testing.T) {
	t.Parallel()
	memory, folder := newStore(), t.TempDir()
	for name, newClient := range map[string]func(t *testing.T) (storage.Client, func()){
		"memory":       func(*testing.T) (storage.Client, func()) { return memory, func() {} },
		"file_storage": func(t *testing.T) (storage.Client, func()) { t.Helper(); return fileClient(t, folder) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			client, closeClient := newClient(t)
			b := open(t, jobs.NewRegistry(1000, c.now), jobs.Options{Storage: client})
			first := started(b, trace.Live)
			logger(first).Warn("line", zap.String("key", "value"))
			first.Page(100, 50, trace.Outcomes{Accepted: 5, Duplicate: 2})
			first.End(jobs.Failed, errors.New("no"), "hint")
			for range 300 {
				ended(b, jobs.Done)
			}
			started(b, trace.Live) // is lost
			want, wantLog := first.Record(), first.Log()
			require.NoError(t, b.Close(t.Context()))
			closeClient()

			c.advance(time.Minute)
			client, closeClient = newClient(t)
			defer closeClient()
			r := jobs.NewRegistry(1000, c.now)
			var w warnings
			b = open(t, r, jobs.Options{Storage: client, Warn: w.warn})
			defer b.Close(t.Context())
			assert.Len(t, all(r), 301)
			again := r.Job(want.ID)
			require.NotNil(t, again)
			assert.Equal(t, want, again.Record())
			assert.Equal(t, wantLog, again.Log())
			_, sum := r.Series(nil, 2)
			assert.Equal(t, jobs.Minute{RowsReceived: 7, RowsAccepted: 5, BytesReceived: 100, BytesAccepted: 50, Jobs: 301, Failures: 1}, sum[0])
			assert.Less(t, all(r)[0].ID, ended(b, jobs.Done).ID())
			assert.Empty(t, w.all())
		})
	}
}

func TestTheTimeToLiveGoesOnWhileStopped(t *testing.T) {
	t.Parallel()
	c, s := newClock(), newStore()
	b := open(t, jobs.NewRegistry(100, c.now), jobs.Options{TTL: time.Hour, Storage: s})
	ended(b, jobs.Done)
	c.advance(30 * time.Minute)
	later := ended(b, jobs.Done)
	require.NoError(t, b.Close(t.Context()))
	c.advance(30 * time.Minute)
	r := jobs.NewRegistry(100, c.now)
	b = open(t, r, jobs.Options{TTL: time.Hour, Storage: s})
	assert.Equal(t, []string{later.ID()}, ids(all(r)))
	require.NoError(t, b.Flush(t.Context()))
	assert.Equal(t, 2, s.keys(), "one job and the index")

	// The clock is set back far: the job would not be forgotten for a long time.
	c.advance(-24 * time.Hour)
	r = jobs.NewRegistry(100, c.now)
	open(t, r, jobs.Options{TTL: time.Hour, Storage: s.copied()})
	assert.Empty(t, all(r))
}

func TestTheStorageIsBounded(t *testing.T) {
	t.Parallel()
	s := newStore()
	b := open(t, jobs.NewRegistry(20, nil), jobs.Options{Storage: s})
	for range 100 {
		j := started(b, trace.Live)
		for range 100 {
			logger(j).Info(strings.Repeat("x", 3000))
		}
		j.End(jobs.Failed, errors.New(strings.Repeat("x", 10_000)), "")
		require.NoError(t, b.Flush(t.Context()))
		require.LessOrEqual(t, s.keys(), 21)
	}
	assert.Less(t, s.largest, 100_000)
	require.NoError(t, b.Close(t.Context()))

	// Fewer may be kept from now on.
	r := jobs.NewRegistry(3, nil)
	b = open(t, r, jobs.Options{Storage: s})
	ended(b, jobs.Done)
	require.NoError(t, b.Flush(t.Context()))
	assert.LessOrEqual(t, len(all(r)), 3)
	assert.LessOrEqual(t, s.keys(), 4)
}

func TestDamagedRecordsAreDropped(t *testing.T) {
	t.Parallel()
	s := newStore()
	b := open(t, jobs.NewRegistry(100, nil), jobs.Options{Storage: s})
	for range 10 {
		ended(b, jobs.Done)
	}
	require.NoError(t, b.Close(t.Context()))
	for key, damage := range map[string]func([]byte) []byte{
		"job/0": func([]byte) []byte { return nil },
		"job/3": func(value []byte) []byte { return value[:len(value)/2] },
		"job/5": func(value []byte) []byte { return bytes.Replace(value, []byte("done"), []byte("dome"), 1) },
	} {
		s.values[key] = damage(s.values[key])
	}
	r := jobs.NewRegistry(100, nil)
	var w warnings
	b = open(t, r, jobs.Options{Storage: s, Warn: w.warn})
	assert.Len(t, all(r), 7)
	require.Len(t, w.all(), 1)
	assert.Contains(t, w.all()[0], "3 stored records of jobs are damaged")
	ended(b, jobs.Done)
	require.NoError(t, b.Close(t.Context()))
	r = jobs.NewRegistry(100, nil)
	open(t, r, jobs.Options{Storage: s})
	assert.Len(t, all(r), 8)
}

func TestADamagedIndexStartsWithoutJobs(t *testing.T) {
	t.Parallel()
	for _, index := range []string{"", "garbage", "00000000\n{}", "\n"} {
		t.Run(index, func(t *testing.T) {
			t.Parallel()
			s := newStore()
			s.values["index"] = []byte(index)
			r := jobs.NewRegistry(100, nil)
			var w warnings
			b := open(t, r, jobs.Options{Storage: s, Warn: w.warn})
			require.Len(t, w.all(), 1)
			assert.Contains(t, w.all()[0], "starts without earlier jobs")
			ended(b, jobs.Done)
			require.NoError(t, b.Close(t.Context()))
			r = jobs.NewRegistry(100, nil)
			open(t, r, jobs.Options{Storage: s, Warn: w.warn})
			assert.Len(t, all(r), 1)
			assert.Len(t, w.all(), 1)
		})
	}
}

func TestAFailingStorageIsSaidOnceAndCaughtUpWith(t *testing.T) {
	t.Parallel()
	for name, breakDown := range map[string]func(s *store, broken bool){
		"error": func(s *store, broken bool) {
			s.fail = nil
			if broken {
				s.fail = errDisk
			}
		},
		"panic": func(s *store, broken bool) { s.panics = broken },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore()
			r := jobs.NewRegistry(1000, nil)
			var w warnings
			b := open(t, r, jobs.Options{Storage: s, Warn: w.warn})
			s.set(func(s *store) { breakDown(s, true) })
			for range 100 {
				ended(b, jobs.Done)
				require.Error(t, b.Flush(t.Context()))
			}
			assert.Len(t, w.all(), 1)
			assert.Contains(t, w.all()[0], "collection goes on")
			assert.Len(t, all(r), 100)
			s.set(func(s *store) { breakDown(s, false) })
			require.NoError(t, b.Flush(t.Context()))
			assert.Equal(t, 101, s.keys())
		})
	}
}

func TestWhatCouldNotBeReadIsNotOverwritten(t *testing.T) {
	t.Parallel()
	s := newStore()
	b := open(t, jobs.NewRegistry(100, nil), jobs.Options{Storage: s})
	for range 10 {
		ended(b, jobs.Done)
	}
	require.NoError(t, b.Close(t.Context()))

	s.fail = errDisk
	r := jobs.NewRegistry(100, nil)
	var w warnings
	b = open(t, r, jobs.Options{Storage: s, Warn: w.warn})
	ended(b, jobs.Done)
	require.ErrorIs(t, b.Flush(t.Context()), errDisk)
	assert.Len(t, all(r), 1)
	assert.Len(t, w.all(), 1)

	s.set(func(s *store) { s.fail = nil })
	require.NoError(t, b.Flush(t.Context()))
	assert.Len(t, all(r), 11)
	require.NoError(t, b.Close(t.Context()))
	r = jobs.NewRegistry(100, nil)
	open(t, r, jobs.Options{Storage: s})
	assert.Len(t, all(r), 11)
}

func TestAHangingStorageHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s := newStore()
	r := jobs.NewRegistry(50, nil)
	b := open(t, r, jobs.Options{Storage: s})
	hang := make(chan struct{})
	s.set(func(s *store) { s.hang = hang })
	ended(b, jobs.Done)
	<-hang
	for range 200 {
		require.NotNil(t, ended(b, jobs.Done))
	}
	assert.Len(t, all(r), 50)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.Close(ctx), context.Canceled)
	s.set(func(s *store) { s.hang = nil })
	close(hang)
	require.NoError(t, b.Close(t.Context()))
	r = jobs.NewRegistry(50, nil)
	open(t, r, jobs.Options{Storage: s})
	assert.NotEmpty(t, all(r), "what had been handed to the storage is stored")
}

func TestIDsAscendOverARestartWithTheClockSetBack(t *testing.T) {
	t.Parallel()
	c, s := newClock(), newStore()
	b := open(t, jobs.NewRegistry(100, c.now), jobs.Options{Storage: s})
	before := ended(b, jobs.Done).ID()
	require.NoError(t, b.Close(t.Context()))
	c.advance(-time.Minute)
	r := jobs.NewRegistry(100, c.now)
	after := ended(open(t, r, jobs.Options{Storage: s}), jobs.Done).ID()
	assert.Less(t, before, after)
	assert.Equal(t, []string{after, before}, ids(all(r)))
}

// Whatever a crash leaves behind, a write is whole or not at all, so a copy between any two writes can be read.
func TestTheStorageIsAlwaysWhole(t *testing.T) {
	t.Parallel()
	c, s := newClock(), newStore()
	r := jobs.NewRegistry(30, c.now)
	b := open(t, r, jobs.Options{Storage: s, TTL: time.Minute})
	for n := range 300 {
		c.advance(time.Duration(n%5) * time.Second)
		ended(b, jobs.Done)
		if n%3 != 0 {
			continue
		}
		require.NoError(t, b.Flush(t.Context()))
		want := ids(all(r))
		copied := jobs.NewRegistry(30, c.now)
		var w warnings
		open(t, copied, jobs.Options{Storage: s.copied(), TTL: time.Minute, Warn: w.warn})
		require.Equal(t, want, ids(all(copied)))
		require.Empty(t, w.all())
	}
}

func TestJobsOfTwoInputsDoNotMix(t *testing.T) {
	t.Parallel()
	stores := map[string]*store{"one": newStore(), "two": newStore()}
	var want []string
	for range 3 {
		r := jobs.NewRegistry(100, nil)
		var recorders []*jobs.Recorder
		for name, s := range stores {
			b := open(t, r, jobs.Options{Input: name, Storage: s})
			want = append(want, name+ended(b, jobs.Done).ID())
			recorders = append(recorders, b)
		}
		var got []string
		for _, record := range all(r) {
			got = append(got, record.Input+record.ID)
		}
		assert.ElementsMatch(t, want, got)
		for _, b := range recorders {
			require.NoError(t, b.Close(t.Context()))
		}
	}
}
