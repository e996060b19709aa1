// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
)

// Defaults of the configuration.
const (
	defaultTimeout         = 300 * time.Second
	defaultPollInterval    = 5 * time.Minute
	defaultInitialLookback = time.Hour
	defaultRequests        = 90
	defaultRequestInterval = 5 * time.Minute
)

// defaultRevisitAges are close together where most rows still appear or change.
func defaultRevisitAges() []time.Duration {
	const m, h = time.Minute, time.Hour
	return []time.Duration{5 * m, 15 * m, 30 * m, 1 * h, 2 * h, 4 * h, 8 * h, 30 * h}
}

func defaultHTTPCodes() []int {
	return []int{http.StatusTooManyRequests, http.StatusServiceUnavailable}
}

// Config is the configuration of one receiver, which reads the message traces of one tenant.
type Config struct {
	// ClientConfig holds the settings of the HTTP client that asks for pages. Endpoint is the URL of the collection of
	// message traces; empty means the plan's. Timeout bounds one request, 0 means unlimited.
	confighttp.ClientConfig `mapstructure:",squash"`

	// TenantID is the tenant's GUID or one of its verified domains.
	TenantID string `mapstructure:"tenant_id"`
	// SubscriptionPlan says which cloud the tenant is in.
	SubscriptionPlan Plan `mapstructure:"subscription_plan"`
	// API is the service to read from; empty means the plan's.
	API API `mapstructure:"api"`
	// Authentication says how to sign in.
	Authentication Authentication `mapstructure:"authentication"`
	// AuthorityHost is the https URL of the login host; empty means the plan's.
	AuthorityHost string `mapstructure:"authority_host"`

	// PollInterval is the time between two ticks: whole seconds, 1s to 60m, a divisor of 60 minutes.
	PollInterval time.Duration `mapstructure:"poll_interval"`
	// InitialLookback is how much mail from before the first start is read, 0 to what the service keeps: 90 days, or 10.
	InitialLookback time.Duration `mapstructure:"initial_lookback"`
	// MinAge is how old mail is before it is asked for, 0 to 24h.
	MinAge time.Duration `mapstructure:"min_age"`
	// RevisitAges are the ages at which mail is read again, ascending, each greater than MinAge, at most 240h with Graph and
	// 216h with the Reporting Web Service; none turns revisits off.
	RevisitAges []time.Duration `mapstructure:"revisit_ages"`
	// PageSize is how many rows a page is asked to have, from 100 to the most that the service allows, 5000 with Graph and
	// 2000 with the Reporting Web Service; nil means that.
	PageSize *int `mapstructure:"page_size"`

	// Retry says which failed requests are sent again, and when.
	Retry Retry `mapstructure:"retry"`
	// RateLimit bounds the requests of all receivers of the tenant in this process.
	RateLimit RateLimit `mapstructure:"rate_limit"`
	// StorageID names the storage extension that keeps what has been read and delivered; without it, memory does.
	StorageID *component.ID `mapstructure:"storage"`
}

// Authentication says how to sign in: exactly one of its blocks, or an authentication extension instead of it.
type Authentication struct {
	// OAuth signs in as an application with a client secret.
	OAuth configoptional.Optional[OAuth] `mapstructure:"oauth"`
	// Certificate signs in as an application with a certificate.
	Certificate configoptional.Optional[Certificate] `mapstructure:"certificate"`
	// Basic signs in to the Reporting Web Service with user name and password. Microsoft ended it in 2023.
	Basic configoptional.Optional[Basic] `mapstructure:"basic"`
	// WorkloadIdentity signs in as an application with the token of another identity provider, such as Kubernetes.
	WorkloadIdentity configoptional.Optional[WorkloadIdentity] `mapstructure:"workload_identity"`
	// ManagedIdentity signs in as the identity that Azure has given to the machine.
	ManagedIdentity configoptional.Optional[ManagedIdentity] `mapstructure:"managed_identity"`

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

// Certificate signs in with the client credentials flow of OAuth 2.0 and a certificate. Its files are read again whenever
// a token is needed.
type Certificate struct {
	// ClientID is the application's.
	ClientID string `mapstructure:"client_id"`
	// CertFile is the path of the certificate in PEM. Further certificates in it are sent along as its chain.
	CertFile string `mapstructure:"cert_file"`
	// KeyFile is the path of the RSA private key in PEM: PKCS#1, PKCS#8 or encrypted PKCS#8.
	KeyFile string `mapstructure:"key_file"`
	// Passphrase decrypts the private key.
	Passphrase configopaque.String `mapstructure:"passphrase"`
	// PassphraseFile is the path of a file that holds the passphrase.
	PassphraseFile string `mapstructure:"passphrase_file"`
	// Resource is the audience of the token; empty means the API's.
	Resource string `mapstructure:"resource"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Basic signs in with user name and password.
type Basic struct {
	// Username is the name of the service account.
	Username string `mapstructure:"username"`
	// Password is its password.
	Password configopaque.String `mapstructure:"password"`
	// PasswordFile is the path of a file that holds the password. It is read again for each request.
	PasswordFile string `mapstructure:"password_file"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// WorkloadIdentity signs in with a federated token. Settings that are left out come from the environment variables
// AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE and AZURE_AUTHORITY_HOST, as in the Azure SDK.
type WorkloadIdentity struct {
	// ClientID is the application's.
	ClientID string `mapstructure:"client_id"`
	// TokenFile is the path of the token. It is read again whenever a token of Entra's is needed.
	TokenFile string `mapstructure:"token_file"`
	// Resource is the audience of the token; empty means the API's.
	Resource string `mapstructure:"resource"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// ManagedIdentity signs in with a managed identity of Azure.
type ManagedIdentity struct {
	// ClientID is that of a user-assigned identity; empty means the system-assigned one.
	ClientID string `mapstructure:"client_id"`
	// Resource is the audience of the token; empty means the API's.
	Resource string `mapstructure:"resource"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// RetryType says how the waits between the attempts of a request grow.
type RetryType string

// The types of retry.
const (
	// RetryBackoff multiplies each wait.
	RetryBackoff RetryType = "backoff"
	// RetryStatic waits as long every time.
	RetryStatic RetryType = "static"
	// RetryDisabled never sends a request again.
	RetryDisabled RetryType = "disabled"
)

// Retry says which failed requests are sent again, and when.
type Retry struct {
	// Type says how the waits grow.
	Type RetryType `mapstructure:"type"`
	// InitialInterval is the first wait, 0 to 20s.
	InitialInterval time.Duration `mapstructure:"initial_interval"`
	// MaxRetries is how often a request is sent again, 0 to 20.
	MaxRetries int `mapstructure:"max_retries"`
	// Multiplier is what each wait is multiplied by, at least 1.
	Multiplier float64 `mapstructure:"multiplier"`
	// MaxInterval is the longest wait, 1s to 10m.
	MaxInterval time.Duration `mapstructure:"max_interval"`
	// HTTPCodes are the HTTP status codes after which a request is sent again; none means the default.
	HTTPCodes []int `mapstructure:"http_codes"`
	// HonorRetryAfter waits as long as the service asks.
	HonorRetryAfter bool `mapstructure:"honor_retry_after"`
	// MaxRetryAfter is the longest time asked for that a request waits, 0 to 10m. A longer one pauses the tenant.
	MaxRetryAfter time.Duration `mapstructure:"max_retry_after"`
	// ConnectionTimeout sends a request again after a time-out.
	ConnectionTimeout bool `mapstructure:"connection_timeout"`
	// ConnectionReset sends a request again after a connection that broke.
	ConnectionReset bool `mapstructure:"connection_reset"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// RateLimit is a number of requests in any stretch of time of a length.
type RateLimit struct {
	// Requests is how many; 0 means no limit.
	Requests int `mapstructure:"requests"`
	// Interval is the length.
	Interval time.Duration `mapstructure:"interval"`

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
		PollInterval:     defaultPollInterval,
		InitialLookback:  defaultInitialLookback,
		RevisitAges:      defaultRevisitAges(),
		Retry: Retry{
			Type:              RetryBackoff,
			InitialInterval:   time.Second,
			MaxRetries:        5,
			Multiplier:        2,
			MaxInterval:       30 * time.Second,
			HTTPCodes:         defaultHTTPCodes(),
			HonorRetryAfter:   true,
			MaxRetryAfter:     20 * time.Second,
			ConnectionTimeout: true,
			ConnectionReset:   true,
		},
		RateLimit: RateLimit{Requests: defaultRequests, Interval: defaultRequestInterval},
	}
}

// Unmarshal reads the configuration and reports every value of a wrong type.
func (cfg *Config) Unmarshal(conf *confmap.Conf) error {
	return errors.Join(checkUnits(conf, cfg), conf.Unmarshal(cfg))
}
