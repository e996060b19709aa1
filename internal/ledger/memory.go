// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// Memory is a storage client that keeps what it is given in memory, for receivers without storage. A restart begins
// anew. It is not safe for concurrent use.
type Memory map[string][]byte

var _ storage.Client = Memory{}

// Get returns what is stored under the key, nil if nothing is.
func (m Memory) Get(_ context.Context, key string) ([]byte, error) { return m[key], nil }

// Set stores the value.
func (m Memory) Set(_ context.Context, key string, value []byte) error {
	m[key] = value
	return nil
}

// Delete forgets the key.
func (m Memory) Delete(_ context.Context, key string) error {
	delete(m, key)
	return nil
}

// Batch carries out the operations.
func (m Memory) Batch(_ context.Context, ops ...*storage.Operation) error {
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = m[op.Key]
		case storage.Set:
			m[op.Key] = op.Value
		case storage.Delete:
			delete(m, op.Key)
		}
	}
	return nil
}

// Close does nothing.
func (m Memory) Close(context.Context) error { return nil }
