// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

// Plan is a Microsoft 365 subscription plan. It decides which cloud the tenant is in.
type Plan string

// The subscription plans.
const (
	Enterprise Plan = "enterprise"
	GCC        Plan = "gcc"
	GCCHigh    Plan = "gcc_high"
	DoD        Plan = "dod"
)

// API is a service that has message traces.
type API string

// Graph is Microsoft Graph.
const Graph API = "graph"

// Hosts of the worldwide cloud, which GCC tenants are in as well (Microsoft's documentation "National cloud
// deployments"). Microsoft Graph has message traces in no other cloud.
const (
	worldwideLogin    = "https://login.microsoftonline.com"
	graphResource     = "https://graph.microsoft.com"
	graphEndpointPath = "/v1.0/admin/exchange/tracing/messageTraces"
)

// endpoint is the URL that message traces are read from.
func (cfg *Config) endpoint() string {
	if cfg.Endpoint != "" {
		return cfg.Endpoint
	}
	return graphResource + graphEndpointPath
}

// authorityHost is the URL of the login host.
func (cfg *Config) authorityHost() string {
	if cfg.AuthorityHost != "" {
		return cfg.AuthorityHost
	}
	return worldwideLogin
}

// resource is the audience of the token.
func (o *OAuth) resource() string {
	if o.Resource != "" {
		return o.Resource
	}
	return graphResource
}
