// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"

	"github.com/o365messagetrace/o365messagetrace/internal/source/graph"
)

// Defaults of the configuration.
const (
	defaultTimeout         = 300 * time.Second
	defaultPollInterval    = 5 * time.Minute
	defaultInitialLookback = time.Hour
)

// Config is the configuration of one receiver, which reads the message traces of one tenant.
type Config struct {
	// ClientConfig holds the settings of the HTTP client that asks for pages. Endpoint is the URL of the collection of
	// message traces; empty means the plan's. Timeout bounds one request, 0 means unlimited.
	confighttp.ClientConfig `mapstructure:",squash"`

	// TenantID is the tenant's GUID or one of its verified domains.
	TenantID string `mapstructure:"tenant_id"`
	// SubscriptionPlan says which cloud the tenant is in.
	SubscriptionPlan Plan `mapstructure:"subscription_plan"`
	// API is the service to read from.
	API API `mapstructure:"api"`
	// Authentication says how to sign in.
	Authentication Authentication `mapstructure:"authentication"`
	// AuthorityHost is the https URL of the login host; empty means the plan's.
	AuthorityHost string `mapstructure:"authority_host"`

	// PollInterval is the time between two ticks: whole seconds, 1s to 60m, a divisor of 60 minutes.
	PollInterval time.Duration `mapstructure:"poll_interval"`
	// InitialLookback is how much mail from before the first start is read, 0 to 90 days.
	InitialLookback time.Duration `mapstructure:"initial_lookback"`
	// MinAge is how old mail is before it is asked for, 0 to 24h.
	MinAge time.Duration `mapstructure:"min_age"`
	// PageSize is how many rows a page is asked to have, 100 to 5000.
	PageSize int `mapstructure:"page_size"`
}

// Authentication says how to sign in.
type Authentication struct {
	// OAuth signs in as an application with a client secret.
	OAuth configoptional.Optional[OAuth] `mapstructure:"oauth"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// OAuth signs in with the client credentials flow of OAuth 2.0 and a client secret.
type OAuth struct {
	// ClientID is the application's.
	ClientID string `mapstructure:"client_id"`
	// ClientSecret is the value of a client secret.
	ClientSecret configopaque.String `mapstructure:"client_secret"`
	// ClientSecretFile is the path of a file that holds the client secret. It is read again whenever a token is needed.
	ClientSecretFile string `mapstructure:"client_secret_file"`
	// Resource is the audience of the token; empty means the API's.
	Resource string `mapstructure:"resource"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var (
	_ component.Config    = (*Config)(nil)
	_ confmap.Unmarshaler = (*Config)(nil)
)

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Timeout = defaultTimeout
	return &Config{
		ClientConfig:     client,
		SubscriptionPlan: Enterprise,
		API:              Graph,
		PollInterval:     defaultPollInterval,
		InitialLookback:  defaultInitialLookback,
		PageSize:         graph.MaxPageSize,
	}
}

// Unmarshal reads the configuration and reports every value of a wrong type.
func (cfg *Config) Unmarshal(conf *confmap.Conf) error {
	return errors.Join(checkUnits(conf, cfg), conf.Unmarshal(cfg))
}
