// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"errors"
	"fmt"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/graph"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/imds"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/reporting"
)

const (
	// DefaultReportingAudience is the resource of Exchange Online, to which the
	// Reporting Web Service belongs.
	DefaultReportingAudience = "https://outlook.office365.com"
	// DefaultFederatedAudience is what tokens of other identity providers are for
	// in the worldwide cloud.
	DefaultFederatedAudience = entra.DefaultFederatedAudience
)

// FederatedCredential makes the application trust tokens of another identity
// provider.
type FederatedCredential = entra.FederatedCredential

// ReportingToken returns a bearer token for the Reporting Web Service, as Token
// does for Graph.
func (s *Simulator) ReportingToken() string {
	token, err := s.directory.Issue(s.cfg.ReportingAudience, s.cfg.Now())
	if err != nil {
		return "" // never: the audience is one of the directory's
	}
	return token
}

// Consent gives the application the permissions that both services need, or takes
// all away. Tokens that have been issued stay as they are: so it takes a new one
// to notice.
func (s *Simulator) Consent(given bool) {
	if given {
		s.directory.SetRoles([]string{graph.Role}, []string{reporting.Role})
	} else {
		s.directory.SetRoles(nil, nil)
	}
}

// newDirectory makes the tenant's sign-in.
func newDirectory(cfg Config) (*entra.Directory, error) {
	d := &entra.Directory{
		TenantID:     cfg.TenantID,
		Domain:       cfg.Traffic.Domain,
		ClientID:     cfg.ClientID,
		Secret:       cfg.ClientSecret,
		Certificates: cfg.ClientCertificates,
		Lifetime:     cfg.TokenLifetime,
		Resources: []entra.Resource{
			{Audience: cfg.GraphAudience, Roles: cfg.GraphRoles},
			{Audience: cfg.ReportingAudience, Roles: cfg.ReportingRoles},
		},
	}
	var errs []error
	for _, certificate := range cfg.ClientCertificates {
		errs = append(errs, entra.CheckCertificate(certificate))
	}
	for _, credential := range cfg.FederatedCredentials {
		federation, err := entra.NewFederation(credential)
		d.Federations = append(d.Federations, federation)
		errs = append(errs, err)
	}
	if (cfg.BasicUser == "") != (cfg.BasicPassword == "") {
		errs = append(errs, errors.New("basic authentication needs both a user and a password"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	return d, nil
}

// newReporting makes the Reporting Web Service.
func (s *Simulator) newReporting() *reporting.API {
	return &reporting.API{
		Store:        s.store,
		Verifier:     s.directory,
		Audience:     s.cfg.ReportingAudience,
		User:         s.cfg.BasicUser,
		Password:     s.cfg.BasicPassword,
		Organization: s.cfg.Traffic.Domain,
	}
}

// identities finds what gives out tokens of managed identities.
func (s *Simulator) identities() func(path string) exchange.Handler {
	api := &imds.API{
		Issuer:     s.directory,
		Lifetime:   s.cfg.TokenLifetime,
		Identities: s.cfg.ManagedIdentities,
		Header:     s.cfg.IdentityHeader,
		Cache:      s.cfg.IdentityTokenCache,
	}
	return api.Handler
}
