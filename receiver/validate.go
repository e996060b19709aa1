// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/confcheck"
)

// Validate reports every rule that the configuration breaks, each with its key.
func (cfg *Config) Validate() error {
	return errors.Join(
		cfg.validateService(),
		cfg.validateSignIn(),
		cfg.validatePolling(),
		cfg.validateDateRange(time.Now()),
		cfg.validateRecord(),
		cfg.validateHousekeeping(),
		cfg.Retry.validate(),
		cfg.RateLimit.validate("rate_limit"),
		cfg.Shard.validate(),
		cfg.validateDetails(),
		cfg.validateClient(),
	)
}

func (cfg *Config) validateService() error {
	var errs []error
	if err := confcheck.Choose("subscription_plan", cfg.SubscriptionPlan); err != nil {
		return errors.Join(err, confcheck.Choose("api", cfg.api()))
	}
	if cfg.api() == Graph && !cfg.SubscriptionPlan.hasGraph() {
		errs = append(errs, fmt.Errorf("api: graph: Microsoft Graph has no message trace in the cloud of subscription_plan %s; "+
			"use reporting_webservice", cfg.SubscriptionPlan))
	}
	return errors.Join(append(errs, confcheck.Choose("api", cfg.api()), cfg.validateEndpoint())...)
}

func (cfg *Config) validateEndpoint() error {
	endpoint := cfg.endpoint()
	u, err := url.Parse(endpoint)
	switch {
	case endpoint == "" && cfg.SubscriptionPlan == DoD:
		return errors.New("endpoint: required with subscription_plan dod, whose host of the Reporting Web Service is not documented")
	case endpoint == "":
		return nil
	case strings.Contains(endpoint, "@"):
		// It may hold a password, so it is not repeated.
		return errors.New("endpoint: user information in the URL is not supported; sign in with authentication")
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("endpoint: %q is not an absolute http or https URL", endpoint)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("endpoint: leave query and fragment out of the URL")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("endpoint: %q would send tokens in the clear; use https", endpoint)
	case !validPort(u):
		return fmt.Errorf("endpoint: %q has no port from 1 to 65535", endpoint)
	}
	if err := cfg.validateOwner("endpoint", u); err != nil {
		return err
	}
	if strings.Trim(u.Path, "/") == "" && (ofGraph(u) || ofReportingService(u)) {
		return fmt.Errorf("endpoint: %q is the host alone; leave endpoint out, or give the URL of the message traces", endpoint)
	}
	return nil
}

// validateOwner rejects a URL or a resource of the other service.
func (cfg *Config) validateOwner(key string, u *url.URL) error {
	switch {
	case cfg.api() == Graph && ofReportingService(u):
		return fmt.Errorf("%s: %q is of the Reporting Web Service, but api is graph", key, u)
	case cfg.api() == ReportingWebService && ofGraph(u):
		return fmt.Errorf("%s: %q is of Microsoft Graph, but api is reporting_webservice", key, u)
	}
	return nil
}

// validPort reports whether the port of a URL can exist, if the URL has one.
func validPort(u *url.URL) bool {
	if !strings.Contains(strings.TrimPrefix(u.Host, "["+u.Hostname()+"]"), ":") {
		return true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}

// loopback reports whether host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// ofReportingService recognises a URL or a resource of the Reporting Web Service.
func ofReportingService(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	return strings.HasPrefix(host, "outlook.") || strings.HasPrefix(host, "outlook-dod.") || host == "manage.office.com" ||
		strings.HasPrefix(host, "reports.office365.") || host == "partner.outlook.cn" ||
		strings.Contains(strings.ToLower(u.Path), "/reporting.svc")
}

// ofGraph recognises a URL or a resource of Microsoft Graph.
func ofGraph(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	return strings.HasPrefix(host, "graph.microsoft.") || host == "dod-graph.microsoft.us" || host == "microsoftgraph.chinacloudapi.cn" ||
		strings.Contains(strings.ToLower(u.Path), "/tracing/messagetraces")
}

// bareVariable matches an environment variable as a shell writes it. The collector expands ${env:NAME} alone.
var bareVariable = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?`)

func validatePath(key, path string) error {
	if match := bareVariable.FindStringSubmatch(path); match != nil {
		return fmt.Errorf("%s: %s is not expanded; write ${env:%s}", key, match[0], match[1])
	}
	if path == "~" || strings.HasPrefix(path, "~/") {
		return fmt.Errorf("%s: ~ is not expanded; write ${env:HOME}", key)
	}
	return nil
}

// validateClient checks what of the HTTP client's settings would otherwise be found wrong only at start.
func (cfg *Config) validateClient() error {
	var errs []error
	for _, bound := range []struct {
		key   string
		value time.Duration
		zero  string
	}{
		{"timeout", cfg.Timeout, "means unlimited"},
		{"http2_read_idle_timeout", cfg.HTTP2ReadIdleTimeout, "turns pings off"},
		{"http2_ping_timeout", cfg.HTTP2PingTimeout, "means 15s"},
	} {
		if bound.value < 0 {
			errs = append(errs, fmt.Errorf("%s: %s is negative; 0 %s", bound.key, short(bound.value), bound.zero))
		}
	}
	for name := range cfg.Headers.Iter {
		if strings.EqualFold(name, "Authorization") && !cfg.Auth.HasValue() {
			errs = append(errs, fmt.Errorf("headers: %s would replace the token of authentication; leave it out", name))
		}
	}
	errs = append(errs,
		validateProxy(cfg.ProxyURL),
		validatePath("tls.ca_file", cfg.TLS.CAFile),
		validatePath("tls.cert_file", cfg.TLS.CertFile),
		validatePath("tls.key_file", cfg.TLS.KeyFile),
	)
	return errors.Join(errs...)
}

// validateProxy does not repeat the URL, which may hold a password.
func validateProxy(proxy string) error {
	if proxy == "" {
		return nil
	}
	u, err := url.Parse(proxy)
	switch {
	case err != nil || u.Scheme == "" || u.Hostname() == "":
		return errors.New("proxy_url: not an absolute URL")
	case !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme):
		return fmt.Errorf("proxy_url: the scheme %s is none of http, https, socks5, socks5h", u.Scheme)
	case !validPort(u):
		return errors.New("proxy_url: has no port from 1 to 65535")
	}
	return nil
}
