// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxJitter is the most that a wait is lengthened at random.
const maxJitter = 0.1

// Retry defines which failed requests are sent again, and when.
type Retry struct {
	// MaxRetries is how often at most; 0 means never.
	MaxRetries int
	// InitialInterval is the first wait, which grows by Multiplier up to MaxInterval.
	InitialInterval, MaxInterval time.Duration
	Multiplier                   float64
	// Codes are the HTTP status codes after which a request is sent again.
	Codes []int
	// HonorRetryAfter waits as long as the service asks, up to MaxRetryAfter.
	HonorRetryAfter bool
	MaxRetryAfter   time.Duration
	// Timeouts and Resets select whether a request is sent again after a time-out and after a broken connection.
	Timeouts, Resets bool
}

// waits returns the waits between the attempts.
func (r Retry) waits() *backoff.ExponentialBackOff {
	b := &backoff.ExponentialBackOff{
		InitialInterval: min(r.InitialInterval, r.MaxInterval), Multiplier: r.Multiplier, MaxInterval: r.MaxInterval,
	}
	b.Reset()
	return b
}

// Wait returns the wait before the n-th attempt to mend something, from 1 on.
func (r Retry) Wait(n int) time.Duration {
	waits := r.waits()
	for range n - 1 {
		waits.NextBackOff()
	}
	return jittered(waits.NextBackOff())
}

// jittered lengthens a wait, so that receivers that failed together do not come back together.
func jittered(d time.Duration) time.Duration {
	// Nobody gains by guessing it.
	return d + time.Duration(rand.Float64()*maxJitter*float64(d)) //nolint:gosec // not a secret
}

// reason names why a request is sent again; it is empty if it is not.
func (r Retry) reason(err error) string {
	var temporary interface{ Temporary() bool }
	var e *Error
	switch {
	case errors.Is(err, context.Canceled):
		return ""
	case !errors.As(err, &e):
		// What is not the transport's is the sign-in's.
		return onlyIf(errors.As(err, &temporary) && temporary.Temporary(), "sign_in")
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrForeignLink):
		return ""
	case e.Err == nil && slices.Contains(r.Codes, e.Status):
		return "status"
	case e.Err == nil:
		return ""
	case timedOut(e.Err):
		return onlyIf(r.Timeouts, "timeout")
	case broken(e.Err):
		return onlyIf(r.Resets, "reset")
	}
	return ""
}

// onlyIf returns the value if the condition holds, else nothing.
func onlyIf[T any](condition bool, value T) (none T) {
	if condition {
		return value
	}
	return none
}

func timedOut(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// broken reports whether the connection could not be made or broke, in whatever way, as far as another one may do better.
func broken(err error) bool {
	var certificate *tls.CertificateVerificationError
	return !errors.As(err, &certificate)
}

// Sleep waits for d; it returns the cause of ctx if that ends before.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
