// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package shard shares tenants out among replicas without any of them asking another one: each knows how many there are.
package shard

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// Owner returns which of count replicas, numbered from 0 on, reads a tenant: the one whose number and the tenant have the
// greatest hash together (rendezvous hashing). One more replica thus takes its share from all others, and nothing else
// moves. The name of a tenant counts without case.
func Owner(tenant string, count int) (owner int) {
	var most uint64
	text := append([]byte(strings.ToLower(tenant)), make([]byte, 8)...)
	for i := range count {
		binary.BigEndian.PutUint64(text[len(text)-8:], uint64(i))
		sum := sha256.Sum256(text)
		if hash := binary.BigEndian.Uint64(sum[:]); i == 0 || hash > most {
			owner, most = i, hash
		}
	}
	return owner
}
