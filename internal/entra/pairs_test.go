// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"crypto/sha256"
	"errors"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAPairIsParsedOnceWhileItIsInUse(t *testing.T) {
	t.Parallel()
	p := &parsed{known: map[[sha256.Size]byte]weak.Pointer[keyPair]{}}
	times := 0
	parse := func() (*keyPair, error) {
		times++
		return &keyPair{}, nil
	}
	one, err := p.get(parse, "certificate", "key", "")
	require.NoError(t, err)
	same, err := p.get(parse, "certificate", "key", "")
	require.NoError(t, err)
	assert.Same(t, one, same)
	for _, texts := range [][]string{{"certificate", "key", "x"}, {"certificatek", "ey", ""}, {"certificate", "key2", ""}} {
		other, err := p.get(parse, texts...)
		require.NoError(t, err)
		assert.NotSame(t, one, other)
	}
	assert.Equal(t, 4, times)
	runtime.KeepAlive(one)

	for range 3 {
		runtime.GC()
	}
	again, err := p.get(parse, "certificate", "key", "")
	require.NoError(t, err)
	assert.Equal(t, 5, times, "nobody used it any more")
	assert.Len(t, p.known, 1, "and the others have gone")
	runtime.KeepAlive(again)
}

func TestAPairThatCannotBeParsedIsTriedAgain(t *testing.T) {
	t.Parallel()
	p := &parsed{known: map[[sha256.Size]byte]weak.Pointer[keyPair]{}}
	wrong := errors.New("wrong")
	_, err := p.get(func() (*keyPair, error) { return nil, wrong }, "a")
	require.ErrorIs(t, err, wrong)
	_, err = p.get(func() (*keyPair, error) { return &keyPair{}, nil }, "a")
	require.NoError(t, err)
}

func BenchmarkReadCertificate(b *testing.B) {
	key := firstKey()
	p := newPair(b, certPEM(selfSigned(b, key, 30)), pkcs1PEM(key))
	first, err := p.cert.read(b.Context(), time.Now())
	require.NoError(b, err)
	for b.Loop() {
		if _, err := p.cert.read(b.Context(), time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	runtime.KeepAlive(first)
}
