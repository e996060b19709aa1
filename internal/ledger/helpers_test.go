// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const tenant = "contoso.com"

// bucket is the stretch of mail that is remembered and forgotten together.
const bucket = 10 * time.Minute

var ten = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// at returns the instant minutes after ten o'clock.
func at(minutes float64) time.Time { return ten.Add(time.Duration(minutes * float64(time.Minute))) }

func window(start, end float64) trace.Window { return trace.Window{Start: at(start), End: at(end)} }

var errDisk = errors.New("disk full")

// store is a storage client that knows what is in it, and that fails when it is told to.
type store struct {
	storage.Client
	values             map[string][]byte
	failGet, failBatch bool
	batches            int
}

func storeIn(client storage.Client) *store {
	return &store{Client: client, values: map[string][]byte{}}
}

func (s *store) Get(ctx context.Context, key string) ([]byte, error) {
	if s.failGet {
		return nil, errDisk
	}
	return s.Client.Get(ctx, key)
}

func (s *store) Set(ctx context.Context, key string, value []byte) error {
	return s.Batch(ctx, storage.SetOperation(key, value))
}

func (s *store) Batch(ctx context.Context, ops ...*storage.Operation) error {
	s.batches++
	reads := slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Type == storage.Get })
	if reads && s.failGet || !reads && s.failBatch {
		return errDisk
	}
	if err := s.Client.Batch(ctx, ops...); err != nil {
		return err
	}
	for _, op := range ops {
		switch op.Type {
		case storage.Set:
			s.values[op.Key] = op.Value
		case storage.Delete:
			delete(s.values, op.Key)
		}
	}
	return nil
}

// entries are the keys of the stored rows.
func (s *store) entries() []string {
	keys := slices.Sorted(maps.Keys(s.values))
	return slices.DeleteFunc(keys, func(key string) bool { return !strings.Contains(key, "/rows/") })
}

// position is the key of the stored position.
func (s *store) position(tb testing.TB) string {
	tb.Helper()
	for key := range s.values {
		if strings.HasSuffix(key, "/position") {
			return key
		}
	}
	require.Fail(tb, "there is no position")
	return ""
}

// spoil replaces a value by what is made of it; nothing means that it is deleted.
func (s *store) spoil(tb testing.TB, key string, change func([]byte) []byte) {
	tb.Helper()
	op := storage.SetOperation(key, change(slices.Clone(s.values[key])))
	if op.Value == nil {
		op = storage.DeleteOperation(key)
	}
	require.NoError(tb, s.Batch(tb.Context(), op))
}

// onDisk opens the file storage of the collector in a directory of the test.
func onDisk(tb testing.TB) storage.Client {
	tb.Helper()
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = tb.TempDir()
	set := extension.Settings{
		ID:                component.NewID(factory.Type()),
		TelemetrySettings: componenttest.NewNopTelemetrySettings(),
	}
	files, err := factory.Create(tb.Context(), set, cfg)
	require.NoError(tb, err)
	client, err := files.(storage.Extension).GetClient(
		tb.Context(), component.KindReceiver, component.MustNewID("o365messagetrace"), "")
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, client.Close(context.WithoutCancel(tb.Context()))) })
	return client
}

// storages open a store of each kind.
var storages = map[string]func(tb testing.TB) *store{
	"memory": func(testing.TB) *store { return storeIn(ledger.Memory{}) },
	"disk": func(tb testing.TB) *store {
		tb.Helper()
		return storeIn(onDisk(tb))
	},
}

// tb is what of a test the helpers need, of testing and of rapid.
type tb interface {
	require.TestingT
	Helper()
	Context() context.Context
}

// watched is a ledger with its warnings.
type watched struct {
	*ledger.Ledger
	warnings []string
}

func open(t tb, client storage.Client) *watched {
	t.Helper()
	return openAs(t, client, tenant)
}

func openAs(t tb, client storage.Client, tenant string) *watched {
	t.Helper()
	b := &watched{}
	l, err := ledger.Open(t.Context(), ledger.Options{
		Client: client,
		Tenant: tenant,
		Warn:   func(message string) { b.warnings = append(b.warnings, message) },
	})
	require.NoError(t, err)
	b.Ledger = l
	return b
}

// key is the key of the n-th row.
func key(n int) (k trace.Key) {
	binary.BigEndian.PutUint64(k[:], uint64(n)*0x9E3779B97F4A7C15)
	binary.BigEndian.PutUint64(k[8:], uint64(n))
	return k
}

// row is a version of the n-th row, which was received minutes after ten o'clock.
func row(n int, minutes float64, status trace.Status) ledger.Row {
	return ledger.Row{Received: at(minutes), Key: key(n), Status: status}
}

// deliver delivers the versions that are new, one after the other, and returns which these are.
func (b *watched) deliver(t tb, rows ...ledger.Row) (delivered []ledger.Row) {
	t.Helper()
	for _, r := range rows {
		isNew, _, err := b.IsNew(t.Context(), r)
		require.NoError(t, err)
		if !isNew {
			continue
		}
		require.NoError(t, b.Remember(t.Context(), []ledger.Row{r}))
		delivered = append(delivered, r)
	}
	return delivered
}

func (b *watched) commit(t tb) {
	t.Helper()
	require.NoError(t, b.Commit(t.Context()))
}

// collecting is a state in which nothing has been settled since ten o'clock.
func collecting() plan.State {
	return plan.State{Begin: at(0), Head: at(600), Served: []plan.Served{{Age: 30 * time.Hour, UpTo: at(0)}}}
}

// part is a storage client whose keys are apart from all others.
type part struct {
	storage.Client
	prefix string
}

func (p *part) Get(ctx context.Context, key string) ([]byte, error) {
	return p.Client.Get(ctx, p.prefix+key)
}

func (p *part) Batch(ctx context.Context, ops ...*storage.Operation) error {
	apart := make([]*storage.Operation, len(ops))
	for i, op := range ops {
		apart[i] = &storage.Operation{Key: p.prefix + op.Key, Value: op.Value, Type: op.Type}
	}
	err := p.Client.Batch(ctx, apart...)
	for i, op := range ops {
		op.Value = apart[i].Value
	}
	return err
}
