// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/o365messagetrace/o365messagetrace/internal/confcheck"
	"github.com/o365messagetrace/o365messagetrace/internal/findings"
)

// Config is the configuration of the connector.
type Config struct {
	// LocalDomains are the tenant's own domains; their subdomains count as well. Without them, inside and outside are told
	// apart by the records' email.direction.
	LocalDomains []string `mapstructure:"local_domains"`
	// ProtectedDomains are further domains that others may pretend to be: of partners, banks, brands.
	ProtectedDomains []string `mapstructure:"protected_domains"`
	// SendingNetworks are the networks and addresses that mail of the local domains comes from. Without them, spoofed_domain
	// is off.
	SendingNetworks []string `mapstructure:"sending_networks"`
	// StorageID is the extension that keeps the state over restarts. Without it, the state is in memory only.
	StorageID *component.ID `mapstructure:"storage"`
	// Lateness is how long windows stay open for rows that come late: 0 to 168h.
	Lateness time.Duration `mapstructure:"lateness"`
	// QuietPeriod is the time for which one finding of a rule about a key is enough, unless it grows tenfold: 1m to 720h.
	QuietPeriod time.Duration `mapstructure:"quiet_period"`
	// MaxTracked is the most senders, domains and mailboxes that are tracked, over all rules: 100 to 10,000,000.
	MaxTracked int `mapstructure:"max_tracked"`
	// InspectorID is the Job Inspector that shows the findings.
	InspectorID *component.ID `mapstructure:"inspector"`
	// Rules are the rules with their knobs.
	Rules findings.Rules `mapstructure:"rules"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var (
	_ component.Config    = (*Config)(nil)
	_ confmap.Unmarshaler = (*Config)(nil)
)

func createDefaultConfig() component.Config {
	s := findings.DefaultSettings()
	return &Config{Lateness: s.Lateness, QuietPeriod: s.QuietPeriod, MaxTracked: s.MaxTracked, Rules: s.Rules}
}

// Unmarshal reads the configuration. If a key is unknown or a value of a wrong type, it reports what rules are broken as well.
func (cfg *Config) Unmarshal(conf *confmap.Conf) error { return confcheck.Unmarshal(conf, cfg, nil) }

// Validate reports everything that is wrong, each with its key.
func (cfg *Config) Validate() error {
	s := cfg.settings()
	return s.Validate()
}

func (cfg *Config) settings() findings.Settings {
	return findings.Settings{
		LocalDomains: cfg.LocalDomains, ProtectedDomains: cfg.ProtectedDomains, SendingNetworks: cfg.SendingNetworks,
		Lateness: cfg.Lateness, QuietPeriod: cfg.QuietPeriod, MaxTracked: cfg.MaxTracked, Rules: cfg.Rules,
	}
}
