// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/graph"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/reporting"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// Defaults of Config. The ids and the secret are made up and protect nothing.
const (
	DefaultTenantID     = "5f3c1a52-0d3e-4b7a-9c61-2f6e8d4b7a10"
	DefaultClientID     = "c0ffee00-7e57-4c11-b0a7-0123456789ab"
	DefaultClientSecret = "sim~local.secret"
	// DefaultTokenLifetime is the lifetime in Microsoft's documentation of the
	// client credentials flow. Real tokens live for 60 to 90 minutes.
	DefaultTokenLifetime = 3599 * time.Second
	// DefaultGraphAudience is the resource Microsoft Graph's tokens are for.
	DefaultGraphAudience = "https://graph.microsoft.com"
	// DefaultQuota and DefaultQuotaInterval are the limit of requests per
	// tenant, by the Microsoft Graph documentation of messageTraces.
	DefaultQuota         = 100
	DefaultQuotaInterval = 5 * time.Minute
	// DefaultHistory is how far mail reaches back by default.
	DefaultHistory = 24 * time.Hour
)

// Config describes the tenant and the service. The zero value is a tenant
// without mail under a service with Microsoft's limits.
type Config struct {
	// Now is the clock. Nil means time.Now.
	Now func() time.Time

	// TenantID, ClientID and ClientSecret are what sign-in accepts. Empty means
	// the defaults. The tenant also answers to Traffic.Domain.
	TenantID, ClientID, ClientSecret string
	// ClientCertificates are credentials of the application beside the secret. A
	// client proves by a signature that it has the key, which must be RSA.
	ClientCertificates []*x509.Certificate
	// FederatedCredentials are credentials as well: tokens of other identity
	// providers, which take the place of a secret.
	FederatedCredentials []FederatedCredential
	// ManagedIdentities are the client IDs of the identities of the machine that
	// the simulator pretends to run on. Whoever asks at /metadata/identity/oauth2/
	// token, as on a virtual machine, gets a token without a credential. Who does
	// not say for which identity gets the only one.
	ManagedIdentities []string
	// IdentityHeader is what IDENTITY_HEADER must be for programs that ask at
	// /msi/token, as on App Service. Empty means that nobody can.
	IdentityHeader string
	// IdentityTokenCache is for how long the machine gives out the same token again
	// after it has issued one, as Azure does for about a day. 0 means not at all.
	IdentityTokenCache time.Duration
	// TokenLifetime is the validity of tokens, in whole seconds. 0 means
	// DefaultTokenLifetime.
	TokenLifetime time.Duration
	// GraphAudience is the resource tokens must be asked for, and be for, to
	// be let into the Graph API. Empty means DefaultGraphAudience.
	GraphAudience string
	// GraphRoles are the application permissions consented to on Graph. Nil
	// means the one that is needed; an empty slice means none.
	GraphRoles []string
	// ReportingAudience and ReportingRoles are the same for the Reporting Web
	// Service. Empty means DefaultReportingAudience.
	ReportingAudience string
	ReportingRoles    []string
	// BasicUser and BasicPassword let a user into the Reporting Web Service by
	// basic authentication, as it was until 2023. Empty means nobody.
	BasicUser, BasicPassword string

	// Quota is the number of requests per QuotaInterval before the Graph API
	// answers 429. 0 means DefaultQuota, a negative value no limit.
	Quota int
	// QuotaInterval is the length of the rolling interval. 0 means
	// DefaultQuotaInterval.
	QuotaInterval time.Duration
	// DetailsQuota is the number of requests for details per QuotaInterval, if they
	// do not count together with those for pages: what Microsoft says and what
	// people have measured differ. 0 means that they do, a negative value no limit.
	DetailsQuota int
	// NoRetryAfter leaves the Retry-After header out of a 429.
	NoRetryAfter bool

	// Traffic is the mail that is generated. Without RowsPerDay there is none
	// but what Add brings. A zero From means DefaultHistory before now.
	Traffic traffic.Config

	// FaultSeed selects what chance brings about when Faults have a
	// probability.
	FaultSeed uint64

	// NoInspection switches off the record of requests and the pages under
	// /_sim/, which show all mail to whoever asks and take orders for faults.
	NoInspection bool
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.TenantID = cmp.Or(c.TenantID, DefaultTenantID)
	c.ClientID = cmp.Or(c.ClientID, DefaultClientID)
	c.ClientSecret = cmp.Or(c.ClientSecret, DefaultClientSecret)
	c.TokenLifetime = cmp.Or(c.TokenLifetime, DefaultTokenLifetime)
	c.GraphAudience = cmp.Or(c.GraphAudience, DefaultGraphAudience)
	c.ReportingAudience = cmp.Or(c.ReportingAudience, DefaultReportingAudience)
	c.Quota = cmp.Or(c.Quota, DefaultQuota)
	c.QuotaInterval = cmp.Or(c.QuotaInterval, DefaultQuotaInterval)
	c.Traffic.Domain = cmp.Or(c.Traffic.Domain, traffic.DefaultDomain)
	if c.GraphRoles == nil {
		c.GraphRoles = []string{graph.Role}
	}
	if c.ReportingRoles == nil {
		c.ReportingRoles = []string{reporting.Role}
	}
	if c.Traffic.From.IsZero() && c.Traffic.RowsPerDay > 0 {
		c.Traffic.From = c.Now().UTC().Add(-DefaultHistory)
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	if c.TokenLifetime < time.Second {
		errs = append(errs, fmt.Errorf("token lifetime must be at least a second, not %v", c.TokenLifetime))
	}
	if c.QuotaInterval < 0 {
		errs = append(errs, fmt.Errorf("quota interval must not be negative, but is %v", c.QuotaInterval))
	}
	return errors.Join(errs...)
}
