// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"

	"github.com/o365messagetrace/o365messagetrace/internal/confcheck"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
)

const (
	defaultEndpoint = "localhost:8365"
	defaultMaxJobs  = 10_000
)

// Config is the configuration of the extension.
type Config struct {
	// ServerConfig is the server of the page and the API.
	confighttp.ServerConfig `mapstructure:",squash"`
	// AllowedHosts are names and addresses, beside loopback and the endpoint's own, by which a browser may reach the page.
	AllowedHosts []string `mapstructure:"allowed_hosts"`
	// ReadOnly refuses whatever changes something, and live capture.
	ReadOnly bool `mapstructure:"read_only"`
	// Capture allows live capture of records. Not set means: where the endpoint is loopback, unless ReadOnly.
	Capture *bool `mapstructure:"capture"`
	// Open lets everybody who reaches the server start and cancel jobs and capture, without the token that is logged at start.
	Open bool `mapstructure:"open"`
	// MaxJobs is the most jobs that are kept, over all receivers: 1 to 100,000.
	MaxJobs int `mapstructure:"max_jobs"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var (
	_ component.Config    = (*Config)(nil)
	_ confmap.Unmarshaler = (*Config)(nil)
)

func createDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = defaultEndpoint
	return &Config{ServerConfig: server, MaxJobs: defaultMaxJobs}
}

// Unmarshal reads the configuration. If a key is unknown or a value of a wrong type, it reports what rules are broken as well.
func (cfg *Config) Unmarshal(conf *confmap.Conf) error {
	return confcheck.Unmarshal(conf, cfg, nil)
}

// Validate reports everything that is wrong, each with its key.
func (cfg *Config) Validate() error {
	var errs []error
	if err := cfg.validateEndpoint(); err != nil {
		errs = append(errs, err)
	}
	for _, host := range cfg.AllowedHosts {
		if !validHost(host) {
			errs = append(errs, fmt.Errorf(
				"allowed_hosts: %q is no host: give the name or IP address alone, without scheme, port, path and wildcard", host))
		}
	}
	if cfg.ReadOnly && cfg.Capture != nil && *cfg.Capture {
		errs = append(errs, errors.New("capture: true is not possible with read_only: true; remove one of them"))
	}
	if cfg.MaxJobs < 1 || cfg.MaxJobs > jobs.MaxJobs {
		errs = append(errs, fmt.Errorf("max_jobs: must be from 1 to %d, not %d", jobs.MaxJobs, cfg.MaxJobs))
	}
	if cfg.CORS.HasValue() {
		errs = append(errs, errors.New("cors: not supported, so that no other site can read what the page shows; remove it"))
	}
	return errors.Join(errs...)
}

func (cfg *Config) validateEndpoint() error {
	if cfg.NetAddr.Endpoint == "" {
		return fmt.Errorf("endpoint: must not be empty; the default is %s", defaultEndpoint)
	}
	if !cfg.isTCP() {
		return nil
	}
	_, port, err := net.SplitHostPort(cfg.NetAddr.Endpoint)
	if err != nil {
		return fmt.Errorf("endpoint: %q is no host and port, such as %s", cfg.NetAddr.Endpoint, defaultEndpoint)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("endpoint: %q has a port that is none from 0 to 65535", cfg.NetAddr.Endpoint)
	}
	return nil
}

// isTCP reports whether the endpoint is a host and a port, not the path of a socket.
func (cfg *Config) isTCP() bool {
	transport := string(cfg.NetAddr.Transport)
	return transport == "" || strings.HasPrefix(transport, "tcp")
}

// validHost reports whether text can be the host in a URL: a name or an IP address without brackets.
func validHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	return text != "" && strings.Trim(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz0123456789-._") == ""
}

// endpointHost is the host that the server listens on; "" if that is every address, or no host at all.
func (cfg *Config) endpointHost() string {
	if !cfg.isTCP() {
		return ""
	}
	host, _, err := net.SplitHostPort(cfg.NetAddr.Endpoint)
	if address, parsed := netip.ParseAddr(host); err != nil || parsed == nil && address.IsUnspecified() {
		return ""
	}
	return host
}

// local reports whether only this machine can reach the server.
func (cfg *Config) local() bool {
	return !cfg.isTCP() || isLoopback(cfg.endpointHost())
}

// captures reports whether live capture is allowed.
func (cfg *Config) captures() bool {
	if cfg.Capture != nil {
		return *cfg.Capture
	}
	return cfg.local() && !cfg.ReadOnly
}

// needsToken reports whether changing something and live capture need a token. With auth every request has shown who sends it.
func (cfg *Config) needsToken() bool {
	return !cfg.Open && !cfg.ReadOnly && !cfg.Auth.HasValue()
}
