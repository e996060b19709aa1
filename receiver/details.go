// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/poll"
	"github.com/o365messagetrace/o365messagetrace/internal/source/graph"
	"github.com/o365messagetrace/o365messagetrace/internal/source/reporting"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

const (
	defaultDetailsAfter   = 2 * time.Minute
	defaultMaxPerInterval = 20

	maxDetailsAfter   = 24 * time.Hour
	maxMaxPerInterval = 10_000
)

// Details asks why rows have their status: for what happened to the message, with one request for each row.
type Details struct {
	// Statuses are those of the rows that are asked about, in any case.
	Statuses []string `mapstructure:"statuses"`
	// After is how long a row must have had its status, 0 to 24h.
	After time.Duration `mapstructure:"after"`
	// MaxPerInterval is how many rows are asked about in one interval of RateLimit of the receiver, 1 to 10000.
	MaxPerInterval int `mapstructure:"max_per_interval"`
	// RateLimit bounds the requests for details of all receivers of the tenant in this process. Not set means that they count
	// together with the requests for pages, and take at most half of what the receiver's rate_limit allows.
	RateLimit configoptional.Optional[RateLimit] `mapstructure:"rate_limit"`

	// prevent unkeyed literal initialization
	_ struct{}
}

func defaultDetails() configoptional.Optional[Details] {
	return configoptional.Default(Details{
		Statuses:       []string{string(trace.Failed), string(trace.Quarantined), string(trace.FilteredAsSpam), string(trace.Pending)},
		After:          defaultDetailsAfter,
		MaxPerInterval: defaultMaxPerInterval,
		RateLimit:      configoptional.Default(RateLimit{Requests: defaultRequests, Interval: defaultRequestInterval}),
	})
}

// statuses are those of Statuses, spelled as the receiver does.
func (d *Details) statuses() (all []trace.Status) {
	for _, status := range d.Statuses {
		all = append(all, trace.ParseStatus([]byte(status)))
	}
	return all
}

func (cfg *Config) validateDetails() error {
	if !cfg.Details.HasValue() {
		return nil
	}
	details := cfg.Details.Get()
	errs := []error{
		validateRange("details.after", details.After, 0, maxDetailsAfter),
		validateNumber("details.max_per_interval", details.MaxPerInterval, 1, maxMaxPerInterval),
	}
	if len(details.Statuses) == 0 {
		errs = append(errs, fmt.Errorf("details.statuses: empty; name some of %s, or leave details out", joined(statuses)))
	}
	all := details.statuses()
	for i, status := range all {
		switch {
		case !slices.Contains(statuses, status):
			errs = append(errs, fmt.Errorf("details.statuses[%d]: %q is none of %s", i, details.Statuses[i], joined(statuses)))
		case slices.Contains(all[:i], status):
			errs = append(errs, fmt.Errorf("details.statuses[%d]: %s is listed already", i, status))
		}
	}
	if details.RateLimit.HasValue() {
		errs = append(errs, details.RateLimit.Get().validate("details.rate_limit"))
	}
	return errors.Join(errs...)
}

// detailQuotas are the budgets of the requests for details.
type detailQuotas struct {
	// most bounds those of this receiver, and share is the budget that they come from: the tenant's, or one of their own.
	most  *transport.Quota
	share *transport.Share
	// own reports whether share is one of their own, and lane is the one in which they compete for it.
	own  bool
	lane trace.Lane
}

var _ poll.Budget = (*detailQuotas)(nil)

// Await implements poll.Budget.
func (q *detailQuotas) Await(ctx context.Context, _ trace.Lane, limit time.Duration) bool {
	return q.most.Await(ctx, trace.Live, limit) && q.share.Await(ctx, q.lane, limit)
}

// Resume implements poll.Budget.
func (q *detailQuotas) Resume() time.Time { return q.share.Resume() }

// Rate implements poll.Budget.
func (q *detailQuotas) Rate() transport.Rate { return q.most.Rate() }

// identify tells under which other name the tenant is known.
func (q *detailQuotas) identify(tenant string) {
	if q != nil && q.own {
		q.share.Identify(ofDetails(tenant))
	}
}

// leave gives the budget back.
func (q *detailQuotas) leave() {
	if q != nil && q.own {
		q.share.Leave()
	}
}

// ofDetails is the name of the budget of a tenant's details, if they have one of their own. No tenant's name has a space.
func ofDetails(tenant string) string { return tenant + " details" }

// shareDetailQuotas joins the budget that requests for details come from; without details there is none.
func (r *messageTraceReceiver) shareDetailQuotas() *detailQuotas {
	if !r.cfg.Details.HasValue() {
		return nil
	}
	details := r.cfg.Details.Get()
	q := &detailQuotas{
		most:  transport.NewQuota(transport.Rate{Requests: details.MaxPerInterval, Interval: r.cfg.RateLimit.Interval}),
		share: r.quota,
		lane:  trace.Details,
	}
	if details.RateLimit.HasValue() {
		limit := details.RateLimit.Get()
		// There is nobody else to leave anything to.
		q.own, q.lane = true, trace.Live
		q.share = transport.ShareQuota(ofDetails(r.cfg.tenantKey()), transport.Rate{Requests: limit.Requests, Interval: limit.Interval})
	}
	return q
}

// detailOptions says how the ledger remembers details; nil without them.
func (r *messageTraceReceiver) detailOptions() *ledger.DetailOptions {
	if r.details == nil {
		return nil
	}
	return &ledger.DetailOptions{Stamps: r.details.most.Stamps}
}

// detailed is a source of pages and of details.
type detailed struct {
	collect.Source
	collect.DetailSource
}

// withDetails adds what asks for details with the options of what asks for pages, if anybody wants any.
func (r *messageTraceReceiver) withDetails(pages collect.Source, o transport.Options) collect.Source {
	if r.details == nil {
		return pages
	}
	endpoint := o.Endpoint
	o.Quota, o.Cap, o.Lane = r.details.share.Quota, r.details.most, r.details.lane
	if r.cfg.api() == ReportingWebService {
		o.Endpoint = reporting.DetailsEndpoint(endpoint)
		return detailed{pages, reporting.NewClient(transport.NewClient(o), o.Endpoint, r.cfg.query())}
	}
	o.Endpoint = graph.DetailsEndpoint(endpoint)
	return detailed{pages, graph.NewClient(transport.NewClient(o), o.Endpoint, r.cfg.query())}
}

// collectDetails says which details the collector asks for; nil for none.
func (r *messageTraceReceiver) collectDetails(source collect.Source) *collect.Details {
	details, ok := source.(collect.DetailSource)
	if r.details == nil || !ok {
		return nil
	}
	cfg := r.cfg.Details.Get()
	return &collect.Details{
		Source:    details,
		Observer:  r.report,
		Statuses:  cfg.statuses(),
		After:     cfg.After,
		Retention: r.plan.Retention - plan.KeepMargin,
	}
}
