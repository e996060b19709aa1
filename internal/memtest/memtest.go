// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package memtest measures memory in tests.
package memtest

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Peak returns how much more memory, in bytes, the runtime held while f ran than before, at the most. Nothing else should
// run in the process meanwhile.
func Peak(f func()) int64 {
	debug.FreeOSMemory()
	before := held()
	peak, stop, stopped := before, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			peak = max(peak, held())
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	return max(peak, held()) - before
}

// held is the memory that the runtime holds and has not given back, in bytes.
func held() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64()) //nolint:gosec // less than memory has
}
