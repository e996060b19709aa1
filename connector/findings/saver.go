// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/findings"
)

// saver keeps the state of an engine in a storage client, which may be nil.
type saver struct {
	client storage.Client
	logger *zap.Logger

	mu     sync.Mutex
	failed bool
	// unwritten are parts of the state that could not be written yet.
	unwritten map[string][]byte
}

const secretKey, pendingKey = "findings-secret", "findings-pending"

// secret is what hashes are made with. It is made when it is first needed.
func (s *saver) secret(ctx context.Context) (secret [16]byte) {
	if s.client != nil {
		if stored, err := s.client.Get(ctx, secretKey); err == nil && len(stored) == len(secret) {
			return [16]byte(stored)
		}
	}
	_, _ = rand.Read(secret[:])
	if s.client != nil {
		if err := s.client.Set(ctx, secretKey, secret[:]); err != nil {
			s.warn(err)
		}
	}
	return secret
}

// load has the engine go on with the state of an earlier run, and returns the findings that were not accepted then.
func (s *saver) load(ctx context.Context, e *findings.Engine) (pending []findings.Finding) {
	if s.client == nil {
		return nil
	}
	if err := e.Load(func(key string) ([]byte, error) { return s.client.Get(ctx, key) }); err != nil {
		s.logger.Warn("part of the stored state cannot be read and is left out: windows that are open may be found less full",
			zap.Error(err))
	}
	if stored, err := s.client.Get(ctx, pendingKey); err == nil && stored != nil {
		if err := json.Unmarshal(stored, &pending); err != nil {
			s.logger.Warn("the stored findings cannot be read and are dropped", zap.Error(err))
		}
	}
	return pending
}

// collect returns what has changed in the state, and the findings that are not accepted yet.
func (s *saver) collect(e *findings.Engine, pending []findings.Finding) map[string][]byte {
	if s.client == nil || e == nil {
		return nil
	}
	parts := map[string][]byte{}
	e.Save(func(key string, value []byte) { parts[key] = value })
	parts[pendingKey], _ = json.Marshal(pending) // texts, numbers and times
	return parts
}

// write writes parts of the state. What cannot be written is written the next time.
func (s *saver) write(ctx context.Context, parts map[string][]byte) {
	if s.client == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unwritten == nil {
		s.unwritten = map[string][]byte{}
	}
	maps.Copy(s.unwritten, parts)
	operations := make([]*storage.Operation, 0, len(s.unwritten))
	for key, value := range s.unwritten {
		operations = append(operations, storage.SetOperation(key, value))
	}
	if err := s.client.Batch(ctx, operations...); err != nil {
		s.warn(err)
		return
	}
	s.failed, s.unwritten = false, nil
}

// warn reports once that the storage does not work.
func (s *saver) warn(err error) {
	if !s.failed {
		s.logger.Warn("the state of findings cannot be saved; tried again every half minute: see that the extension named in "+
			"storage can write", zap.Error(err))
	}
	s.failed = true
}

func (s *saver) close(ctx context.Context) error {
	if s.client == nil {
		return nil
	}
	if err := s.client.Close(context.WithoutCancel(ctx)); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
