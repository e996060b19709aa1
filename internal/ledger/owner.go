// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// A ledger belongs to whoever claimed it last, by a token of its own. Before an owner stores anything, it looks whether the
// token still stands there: two collectors with one state, started by mistake, would spoil it for each other.
//
// With Fenced, the ledger is claimed before it is read, and the owner looks before each batch that it offers: a leader that
// has been paused, or cut off, does not know that another one reads on. It also marks that it has a batch in hand, until what
// came of it is stored, and the next owner waits for the mark to go before it reads where to go on. Mark and look are one
// storage batch, and so are token and look, so that one of the two sees the other: nothing is delivered by both.

const (
	// ownerKey is the name of the record with the token.
	ownerKey = "owner"
	// maxInHand is how long the batch in hand of an owner before is waited for. One that was killed never stores it.
	maxInHand = 3 * time.Second
	// inHandStep is how often the mark is looked for meanwhile.
	inHandStep = 100 * time.Millisecond
)

// TakenError is a ledger that another poller has opened since.
type TakenError struct{}

func (*TakenError) Error() string {
	return "another poller has begun to read this tenant with the same state"
}

// Scope returns what the error is about.
func (*TakenError) Scope() trouble.Scope { return trouble.Setup }

// Hint returns what to look for.
func (*TakenError) Hint() string {
	return "see that one collector alone runs this receiver, or name the extension that elects one in k8s_leader_elector of each"
}

// newToken returns a token that no other owner has.
func newToken() string {
	token := make([]byte, 8)
	_, _ = rand.Read(token) // never fails
	return hex.EncodeToString(token)
}

// claim makes the ledger this owner's, and waits for what the owner before has in hand.
func (l *Ledger) claim(ctx context.Context) error {
	before := storage.GetOperation(l.key(ownerKey))
	if err := l.Client.Batch(ctx, before, l.setOwner()); err != nil {
		return &StorageError{Doing: "write to the storage", Err: err}
	}
	l.claimed = true
	if len(before.Value) == 0 {
		return nil
	}
	return l.awaitHand(ctx, string(before.Value))
}

func (l *Ledger) setOwner() *storage.Operation {
	return storage.SetOperation(l.key(ownerKey), []byte(l.token))
}

// awaitHand waits until an owner has nothing in hand.
func (l *Ledger) awaitHand(ctx context.Context, owner string) error {
	step := time.NewTicker(inHandStep)
	defer step.Stop()
	for began := time.Now(); ; {
		mark, err := l.Client.Get(ctx, l.handKey(owner))
		switch {
		case err != nil:
			return unreadable(err)
		case mark == nil:
			return nil
		case time.Since(began) >= maxInHand:
			// Without its mark the batch can no longer be stored.
			if err := l.Client.Delete(ctx, l.handKey(owner)); err != nil {
				return &StorageError{Doing: "write to the storage", Err: err}
			}
			return nil
		}
		select {
		case <-step.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// handKey is the key of an owner's mark.
func (l *Ledger) handKey(owner string) string { return l.key("hand/" + owner) }

// Take is called before a batch is offered; what it returns forbids that. The next commit tells that the batch is no longer
// in hand.
func (l *Ledger) Take(ctx context.Context) error {
	if l.taken {
		return &TakenError{}
	}
	if !l.Fenced {
		return nil
	}
	owner := storage.GetOperation(l.key(ownerKey))
	if err := l.Client.Batch(ctx, storage.SetOperation(l.handKey(l.token), []byte{1}), owner); err != nil {
		return &StorageError{Doing: "write to the storage", Err: err}
	}
	l.inHand = true
	if l.lost(owner.Value) {
		l.inHand = false
		_ = l.Client.Delete(ctx, l.handKey(l.token))
		return &TakenError{}
	}
	return nil
}

// Taken reports whether another owner has been seen.
func (l *Ledger) Taken() bool { return l.taken }

// check looks whose the ledger is, once it has been claimed. While a batch is marked, the next owner waits for what came of
// it.
func (l *Ledger) check(ctx context.Context) error {
	switch {
	case l.taken:
		return &TakenError{}
	case !l.claimed:
		return nil
	}
	key := l.key(ownerKey)
	if l.inHand {
		key = l.handKey(l.token)
	}
	found, err := l.Client.Get(ctx, key)
	switch {
	case err != nil:
		return unreadable(err)
	case l.inHand:
		l.taken = found == nil
	default:
		l.lost(found)
	}
	if l.taken {
		return &TakenError{}
	}
	return nil
}

// lost notes whether the token is another's. One that is gone has been removed by somebody who wanted to start over.
func (l *Ledger) lost(owner []byte) bool {
	l.taken = len(owner) > 0 && string(owner) != l.token
	return l.taken
}
