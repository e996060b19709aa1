// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/source/graph"
	"github.com/o365messagetrace/o365messagetrace/internal/source/reporting"
)

// Plan is a Microsoft 365 subscription plan. It decides which cloud the tenant is in.
type Plan string

// The subscription plans.
const (
	Enterprise Plan = "enterprise"
	GCC        Plan = "gcc"
	GCCHigh    Plan = "gcc_high"
	DoD        Plan = "dod"
	// China is operated by 21Vianet.
	China Plan = "china"
)

// Choices returns all plans.
func (Plan) Choices() []string {
	return []string{string(Enterprise), string(GCC), string(GCCHigh), string(DoD), string(China)}
}

// hasGraph reports whether Microsoft Graph has message traces in the cloud of the plan. A plan that does not exist is reported
// as such, and nothing else of it.
func (p Plan) hasGraph() bool {
	c, known := clouds[p]
	return !known || c.graph != ""
}

// API is a service that has message traces.
type API string

// The services.
const (
	// Graph is Microsoft Graph.
	Graph API = "graph"
	// ReportingWebService is the older Office 365 Reporting Web Service.
	ReportingWebService API = "reporting_webservice"
)

// Choices returns all services.
func (API) Choices() []string { return []string{string(Graph), string(ReportingWebService)} }

const (
	graphPath     = "/v1.0/admin/exchange/tracing/messageTraces"
	reportingPath = "/ecp/reportingwebservice/reporting.svc/MessageTrace"
)

// cloud is where the services of a plan are. The login hosts, and those of the worldwide cloud, which GCC tenants are in as
// well, are from Microsoft's documentation "National cloud deployments"; the hosts and resources of the Reporting Web
// Service in the other clouds come from single sources, and there is no host for DoD.
type cloud struct {
	login             string
	graph             string
	reporting         string
	reportingResource string
}

var clouds = map[Plan]cloud{
	Enterprise: worldwide,
	GCC:        worldwide,
	GCCHigh: {
		login:             "https://login.microsoftonline.us",
		reporting:         "https://reports.office365.us",
		reportingResource: "https://outlook.office365.us",
	},
	DoD: {
		login:             "https://login.microsoftonline.us",
		reportingResource: "https://outlook-dod.office365.us",
	},
	China: {
		login:             "https://login.partner.microsoftonline.cn",
		reporting:         "https://partner.outlook.cn",
		reportingResource: "https://partner.outlook.cn",
	},
}

var worldwide = cloud{
	login:             "https://login.microsoftonline.com",
	graph:             "https://graph.microsoft.com",
	reporting:         "https://reports.office365.com",
	reportingResource: "https://outlook.office365.com",
}

// api is the service to read from.
func (cfg *Config) api() API {
	switch {
	case cfg.API != "":
		return cfg.API
	case cfg.SubscriptionPlan.hasGraph():
		return Graph
	}
	return ReportingWebService
}

// endpoint is the URL that message traces are read from, empty if none is known.
func (cfg *Config) endpoint() string {
	c := clouds[cfg.SubscriptionPlan]
	switch {
	case cfg.Endpoint != "":
		return cfg.Endpoint
	case cfg.api() == Graph && c.graph != "":
		return c.graph + graphPath
	case cfg.api() == ReportingWebService && c.reporting != "":
		return c.reporting + reportingPath
	}
	return ""
}

// authorityHost is the URL of the login host.
func (cfg *Config) authorityHost() string {
	if cfg.AuthorityHost != "" {
		return cfg.AuthorityHost
	}
	return clouds[cfg.SubscriptionPlan].login
}

// resource is the audience of the token, unless the configuration names another.
func (cfg *Config) resource(configured string) string {
	switch {
	case configured != "":
		return configured
	case cfg.api() == Graph:
		return clouds[cfg.SubscriptionPlan].graph
	}
	return clouds[cfg.SubscriptionPlan].reportingResource
}

// limits are what a service allows.
type limits struct {
	pageSize      int
	retention     time.Duration
	maxRevisitAge time.Duration
	// finest is the shortest window that a query can be narrowed to. Graph prints rows to the millisecond and includes both
	// bounds, so that only half of one is sure to hold the rows of no more than one; the other service knows whole seconds.
	finest time.Duration
}

// limits returns what the service that is read from allows. The last revisit has to come before the mail is dropped.
func (cfg *Config) limits() limits {
	if cfg.api() == ReportingWebService {
		return limits{pageSize: reporting.MaxPageSize, retention: reporting.Retention, maxRevisitAge: 216 * time.Hour, finest: time.Second}
	}
	return limits{pageSize: graph.MaxPageSize, retention: graph.Retention, maxRevisitAge: 240 * time.Hour, finest: time.Millisecond / 2}
}

// query is what the service is asked for beside the window.
func (cfg *Config) query() source.Query {
	q := source.Query{
		PageSize: cfg.pageSize(),
		Filter: source.Filter{
			Sender:    cfg.Filter.SenderAddress,
			Recipient: cfg.Filter.RecipientAddress,
			Status:    cfg.Filter.Status,
			FromIP:    cfg.Filter.FromIP,
			ToIP:      cfg.Filter.ToIP,
		},
	}
	for _, property := range cfg.Omit {
		q.Omit = append(q.Omit, source.Property(property))
	}
	return q
}

// pageSize is how many rows a page is asked to have.
func (cfg *Config) pageSize() int {
	if cfg.PageSize != nil {
		return *cfg.PageSize
	}
	return cfg.limits().pageSize
}
