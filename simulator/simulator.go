// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/graph"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// Simulator is a tenant and the services in front of it. It is safe for
// concurrent use.
type Simulator struct {
	cfg       Config
	store     *mail.Store
	generator *traffic.Generator
	staged    stagedIncidents
	directory *entra.Directory
	requests  requestLog
	faults    *fault.Injector
	chain     exchange.Handler
}

var _ http.Handler = (*Simulator)(nil)

// New returns a simulator, or what is wrong with its configuration.
func New(cfg Config) (*Simulator, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	generator, err := traffic.New(cfg.Traffic)
	if err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	directory, err := newDirectory(cfg)
	if err != nil {
		return nil, err
	}
	s := &Simulator{cfg: cfg, store: mail.NewStore(generator), generator: generator, directory: directory}
	s.chain = s.newChain()
	return s, nil
}

// newChain puts the handlers of a request together. Faults are between the
// record, which must see what was really answered, and the services, which must
// not know of faults.
func (s *Simulator) newChain() exchange.Handler {
	api := &graph.API{
		Store:    s.store,
		Verifier: s.directory,
		Audience: s.cfg.GraphAudience,
		Quota:    &graph.Quota{Limit: s.cfg.Quota, Interval: s.cfg.QuotaInterval, Silent: s.cfg.NoRetryAfter},
	}
	if s.cfg.DetailsQuota != 0 {
		api.DetailsQuota = &graph.Quota{Limit: s.cfg.DetailsQuota, Interval: s.cfg.QuotaInterval, Silent: s.cfg.NoRetryAfter}
	}
	older := s.newReporting()
	s.faults = fault.NewInjector(s.cfg.FaultSeed, s.cfg.Now, s.sorted(api.Look, older.Look))
	return s.recorded(s.faults.Handler(routed(api.Handler, older.Handler, s.identities(), s.directory.Handler)))
}

// sorted finds out what a request is about without answering it, for faults.
// Services have a look at each request until one of them knows it as a request
// for a page, and notes what it asks for.
func (s *Simulator) sorted(looks ...func(*exchange.Exchange) bool) func(*exchange.Exchange) fault.Target {
	return func(x *exchange.Exchange) fault.Target {
		page := slices.ContainsFunc(looks, func(look func(*exchange.Exchange) bool) bool { return look(x) })
		switch {
		case page && x.Details:
			return fault.Details
		case page && x.Continued:
			return fault.ContinuedPage
		case page:
			return fault.FirstPage
		case s.directory.Handler(x.Request.URL.Path) == nil:
			return fault.Elsewhere
		case x.Request.Method == http.MethodPost:
			return fault.SignIn
		default:
			return fault.Discovery
		}
	}
}

// Faults returns what makes the simulator misbehave. Nothing does at first.
func (s *Simulator) Faults() *fault.Injector { return s.faults }

// ServeHTTP answers a request to any of the simulated hosts: paths tell them
// apart.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if page, ok := strings.CutPrefix(r.URL.Path, inspectionPath); ok && !s.cfg.NoInspection {
		s.inspect(w, r, page)
		return
	}
	s.chain(s.open(w, r))
}

// Add puts rows into the tenant, in addition to what is generated. A row
// without a timeline is visible and delivered from the moment it was received.
func (s *Simulator) Add(rows ...mail.Row) error {
	if err := s.store.Add(rows...); err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	return nil
}

// Rows yields every row received in [from, to], newest first, visible or not. A
// zero from means from the first row on. Rows of a future that the generator
// will bring are among them. What rows point to must not be changed.
func (s *Simulator) Rows(from, to time.Time) iter.Seq[mail.Row] { return s.store.All(from, to) }

// Visible yields the rows received in [from, to] that can be seen at an
// instant, with the status each shows then.
func (s *Simulator) Visible(from, to, at time.Time) iter.Seq2[mail.Row, mail.Status] {
	return func(yield func(mail.Row, mail.Status) bool) {
		for row := range s.store.All(from, to) {
			if status, ok := row.StatusAt(at); ok && !yield(row, status) {
				return
			}
		}
	}
}

// Versions yields every status of every row received in [from, to] that a
// reader who never blinked has seen until an instant. The changes of a row come
// in a run, oldest first.
func (s *Simulator) Versions(from, to, until time.Time) iter.Seq2[mail.Row, mail.Change] {
	return func(yield func(mail.Row, mail.Change) bool) {
		for row := range s.store.All(from, to) {
			for _, change := range row.Until(until) {
				if !yield(row, change) {
					return
				}
			}
		}
	}
}

// Requests returns the record of requests, oldest first: the newest
// MaxRequests of them. Those under /_sim/ are not recorded.
func (s *Simulator) Requests() []Request { return s.requests.all() }

// Token returns a bearer token for the Graph API, as sign-in would issue it
// now: for tests of clients that leave signing in to others.
func (s *Simulator) Token() string {
	token, err := s.directory.Issue(s.cfg.GraphAudience, s.cfg.Now())
	if err != nil {
		return "" // never: the audience is one of the directory's
	}
	return token
}
