// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"maps"
	"sync"
)

// quotas are the budgets of all tenants that this process asks for, since a tenant has one budget however many receivers
// read from it.
var quotas = struct {
	sync.Mutex
	byTenant map[string]*budget
}{byTenant: map[string]*budget{}}

// budget is a Quota with the number of its users.
type budget struct {
	*Quota
	users int
	// into is the budget that this one has become a part of, nil if it has not.
	into *budget
}

func (b *budget) root() *budget {
	for b.into != nil {
		b = b.into
	}
	return b
}

// Share is one receiver's part in the budget of its tenant.
type Share struct {
	*Quota
	budget *budget
	// Others is how many others had a part in it already.
	Others int

	release func()
}

// ShareQuota returns the budget of a tenant by whatever name it is known, an ID or a domain. It must be given back by
// Leave. The lowest rate of all users is in force.
func ShareQuota(tenant string, r Rate) *Share {
	quotas.Lock()
	defer quotas.Unlock()
	b := quotas.byTenant[tenant]
	if b == nil {
		b = &budget{Quota: NewQuota(r)}
		quotas.byTenant[tenant] = b
	}
	b = b.root()
	s := &Share{Quota: b.Quota, budget: b, Others: b.users}
	s.release = sync.OnceFunc(func() {
		quotas.Lock()
		defer quotas.Unlock()
		root := b.root()
		if root.users--; root.users == 0 {
			maps.DeleteFunc(quotas.byTenant, func(_ string, each *budget) bool { return each.root() == root })
		}
	})
	b.users++
	b.Restrict(r)
	return s
}

// Unshared returns a budget without a limit that nobody else has a part in, and that has no other name.
func Unshared() *Share { return &Share{Quota: NewQuota(Rate{}), release: func() {}} }

// Identify tells under which other name the tenant is known, such as the ID that its tokens carry. Receivers that name one
// tenant in different ways have one budget from then on. It returns how many others have a part in it.
func (s *Share) Identify(tenant string) (others int) {
	quotas.Lock()
	defer quotas.Unlock()
	own, other := s.budget.root(), quotas.byTenant[tenant]
	if other == nil {
		quotas.byTenant[tenant] = own
		return own.users - 1
	}
	if other = other.root(); other != own {
		own.into = other
		other.users += own.users
		own.join(other.Quota)
	}
	return other.users - 1
}

// Leave gives the part back.
func (s *Share) Leave() { s.release() }

// join makes the budget a part of another one.
func (q *Quota) join(other *Quota) {
	q.mu.Lock()
	defer q.mu.Unlock()
	other.mu.Lock()
	defer other.mu.Unlock()
	q.into = other
	other.add(q.ended)
	other.inFlight += q.inFlight
	if q.rate.below(other.rate) {
		other.rate = q.rate
	}
	if q.resume.After(other.resume) {
		other.resume = q.resume
	}
	if q.scarce.After(other.scarce) {
		other.scarce = q.scarce
	}
	if q.undecided.After(other.undecided) {
		other.undecided = q.undecided
	}
	other.pause, other.refusals = max(q.pause, other.pause), max(q.refusals, other.refusals)
	for rank, since := range q.unserved {
		if mine := &other.unserved[rank]; !since.IsZero() && (mine.IsZero() || since.Before(*mine)) {
			*mine = since
		}
	}
	q.wake()
	other.wake()
}
