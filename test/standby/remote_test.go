// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package standby

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// database is a storage that several processes have open at the same time.
type database struct {
	*httptest.Server

	mu     sync.Mutex
	values map[string][]byte
}

func startDatabase(t *testing.T) *database {
	t.Helper()
	d := &database{values: map[string][]byte{}}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

// ServeHTTP carries out a batch, and answers with it.
func (d *database) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var ops []*storage.Operation
	if err := json.NewDecoder(r.Body).Decode(&ops); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = d.values[op.Key]
		case storage.Set:
			d.values[op.Key] = op.Value
		case storage.Delete:
			delete(d.values, op.Key)
		}
	}
	_ = json.NewEncoder(w).Encode(ops)
}

// remote is the extension that keeps state in the database.
type remote struct {
	component.StartFunc
	component.ShutdownFunc

	url string
}

func (r remote) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return r, nil
}

func (r remote) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := r.Batch(ctx, op)
	return op.Value, err
}

func (r remote) Set(ctx context.Context, key string, value []byte) error {
	return r.Batch(ctx, storage.SetOperation(key, value))
}

func (r remote) Delete(ctx context.Context, key string) error {
	return r.Batch(ctx, storage.DeleteOperation(key))
}

func (r remote) Batch(ctx context.Context, ops ...*storage.Operation) error {
	text, err := json.Marshal(ops)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the database answers %s", resp.Status)
	}
	var done []*storage.Operation
	if err := json.NewDecoder(resp.Body).Decode(&done); err != nil {
		return err
	}
	for i, op := range ops {
		op.Value = done[i].Value
	}
	return nil
}

func (remote) Close(context.Context) error { return nil }
