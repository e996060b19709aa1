// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// Validate reports every rule that the configuration breaks, each with its key.
func (cfg *Config) Validate() error {
	return errors.Join(
		cfg.validateService(),
		cfg.validateSignIn(),
		cfg.validatePolling(),
		cfg.Retry.validate(),
		cfg.RateLimit.validate(),
		cfg.validateClient(),
	)
}

func (cfg *Config) validateService() error {
	var errs []error
	switch cfg.SubscriptionPlan {
	case Enterprise, GCC:
	case GCCHigh, DoD:
		errs = append(errs, fmt.Errorf("subscription_plan: %s: Microsoft Graph has no message trace in that cloud", cfg.SubscriptionPlan))
	default:
		errs = append(errs, fmt.Errorf("subscription_plan: %q is none of enterprise, gcc, gcc_high, dod", cfg.SubscriptionPlan))
	}
	if cfg.API != Graph {
		errs = append(errs, fmt.Errorf("api: %q is not supported; the one API is graph", cfg.API))
	}
	errs = append(errs, validateEndpoint(cfg.endpoint()))
	return errors.Join(errs...)
}

func validateEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("endpoint: %q is not an absolute http or https URL", withoutUser(endpoint))
	case u.User != nil:
		return errors.New("endpoint: user information in the URL is not supported; sign in with authentication")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("endpoint: leave query and fragment out of the URL")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("endpoint: %q would send tokens in the clear; use https", endpoint)
	case ofReportingService(u):
		return fmt.Errorf("endpoint: %q is of the Reporting Web Service, but api is graph", endpoint)
	}
	return nil
}

// userInfo matches what may be a password in what may be a URL.
var userInfo = regexp.MustCompile(`//.*@`)

func withoutUser(text string) string { return userInfo.ReplaceAllString(text, "//") }

// loopback says whether host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// ofReportingService recognises a URL or a resource of the Reporting Web Service.
func ofReportingService(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	return strings.HasPrefix(host, "outlook.") || strings.HasPrefix(host, "outlook-dod.") || host == "manage.office.com" ||
		strings.HasPrefix(host, "reports.office365.") || strings.Contains(strings.ToLower(u.Path), "/reporting.svc")
}

func (cfg *Config) validateSignIn() error {
	var errs []error
	if cfg.Auth.HasValue() {
		errs = append(errs, errors.New("auth: sign-in by an extension is not supported; use authentication.oauth"))
	}
	errs = append(errs, validateTenant(cfg.TenantID), validateAuthority(cfg.authorityHost()))
	if !cfg.Authentication.OAuth.HasValue() {
		return errors.Join(append(errs, errors.New("authentication: found no way to sign in; give authentication.oauth"))...)
	}
	return errors.Join(append(errs, cfg.Authentication.OAuth.Get().validate())...)
}

var (
	guid   = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	domain = regexp.MustCompile(`^([0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.)+[A-Za-z][0-9A-Za-z-]{0,61}[0-9A-Za-z]$`)
)

func validateTenant(id string) error {
	switch {
	case id == "":
		return errors.New("tenant_id: required; give the tenant's GUID or one of its verified domains")
	case !guid.MatchString(id) && !domain.MatchString(id):
		return fmt.Errorf("tenant_id: %q is neither a GUID nor a domain", id)
	}
	return nil
}

func validateAuthority(authority string) error {
	u, err := url.Parse(authority)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("authority_host: %q is not an https URL", withoutUser(authority))
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("authority_host: %q has more than a host and a port; the tenant belongs in tenant_id", u.Redacted())
	}
	return nil
}

func (o *OAuth) validate() error {
	const key = "authentication.oauth."
	var errs []error
	if o.ClientID == "" {
		errs = append(errs, errors.New(key+"client_id: required; give the application's ID"))
	}
	switch {
	case o.ClientSecret != "" && o.ClientSecretFile != "":
		errs = append(errs, errors.New(key+"client_secret and "+key+"client_secret_file: give one of them, not both"))
	case o.ClientSecret == "" && o.ClientSecretFile == "":
		errs = append(errs, errors.New(key+"client_secret: required; give it or client_secret_file"))
	}
	errs = append(errs, validatePath(key+"client_secret_file", o.ClientSecretFile))
	if u, err := url.Parse(o.resource()); err != nil || u.Scheme == "" {
		errs = append(errs, fmt.Errorf(key+"resource: %q is not a URI", o.Resource))
	} else if ofReportingService(u) {
		errs = append(errs, fmt.Errorf(key+"resource: %q is of the Reporting Web Service, but api is graph", o.Resource))
	}
	return errors.Join(errs...)
}

// bareVariable matches an environment variable as a shell writes it. The collector expands ${env:NAME} alone.
var bareVariable = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?`)

func validatePath(key, path string) error {
	if match := bareVariable.FindStringSubmatch(path); match != nil {
		return fmt.Errorf("%s: %s is not expanded; write ${env:%s}", key, match[0], match[1])
	}
	return nil
}

// validateClient checks what of the HTTP client's settings would otherwise be found wrong only at start.
func (cfg *Config) validateClient() error {
	var errs []error
	if cfg.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout: %s is negative; 0 means unlimited", short(cfg.Timeout)))
	}
	if cfg.ProxyURL != "" {
		if u, err := url.Parse(cfg.ProxyURL); err != nil || u.Hostname() == "" {
			errs = append(errs, errors.New("proxy_url: not an absolute URL"))
		}
	}
	errs = append(errs,
		validatePath("tls.ca_file", cfg.TLS.CAFile),
		validatePath("tls.cert_file", cfg.TLS.CertFile),
		validatePath("tls.key_file", cfg.TLS.KeyFile),
	)
	return errors.Join(errs...)
}
