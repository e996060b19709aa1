// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"

	"github.com/o365messagetrace/o365messagetrace/internal/confcheck"
)

// Defaults of the configuration.
const (
	defaultTimeout         = 300 * time.Second
	defaultReadIdleTimeout = 30 * time.Second
	defaultPingTimeout     = 15 * time.Second
	defaultPollInterval    = 5 * time.Minute
	defaultInitialLookback = time.Hour
	defaultRequests        = 90
	defaultRequestInterval = 5 * time.Minute
	defaultJobTTL          = 4 * time.Hour
	defaultSummaryInterval = 5 * time.Minute
	defaultUnhealthyAfter  = 10 * time.Minute
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
	// message traces; empty means the plan's. Timeout bounds one request, 0 means unlimited. A connection of HTTP/2 on which
	// nothing has arrived for HTTP2ReadIdleTimeout is pinged, and closed without an answer within HTTP2PingTimeout.
	confighttp.ClientConfig `mapstructure:",squash"`

	// TenantID is the tenant's GUID or one of its verified domains. Every way to sign in but basic and auth needs it.
	TenantID string `mapstructure:"tenant_id"`
	// SubscriptionPlan is the cloud that the tenant is in.
	SubscriptionPlan Plan `mapstructure:"subscription_plan"`
	// API is the service to read from; empty means Graph, for gcc_high, dod and china the Reporting Web Service, which is the
	// only one there.
	API API `mapstructure:"api"`
	// Authentication is the way to sign in: exactly one of its blocks. An extension named in auth takes its place.
	Authentication Authentication `mapstructure:"authentication"`
	// AuthorityHost is the https URL of the login host; empty means https://login.microsoftonline.com, for gcc_high and dod
	// https://login.microsoftonline.us, for china https://login.partner.microsoftonline.cn.
	AuthorityHost string `mapstructure:"authority_host"`

	// PollInterval is the time between two ticks: whole seconds, 1s to 1h, a divisor of an hour.
	PollInterval time.Duration `mapstructure:"poll_interval"`
	// InitialLookback is how much mail from before the first start is read, 0 to what the service keeps: 2160h, which
	// are 90 days, with the Reporting Web Service 240h.
	InitialLookback time.Duration `mapstructure:"initial_lookback"`
	// MinAge is how old mail is before it is asked for, 0 to 24h.
	MinAge time.Duration `mapstructure:"min_age"`
	// RevisitAges are the ages at which mail is read again, ascending, each greater than MinAge, at most 240h with Graph and
	// 216h with the Reporting Web Service; none turns revisits off.
	RevisitAges []time.Duration `mapstructure:"revisit_ages"`
	// DateRange replaces InitialLookback, MinAge and RevisitAges by a stretch of mail of one's own.
	DateRange configoptional.Optional[DateRange] `mapstructure:"date_range"`
	// DisableTimeFilter delivers rows that were received outside the window that was asked for, too.
	DisableTimeFilter bool `mapstructure:"disable_time_filter"`
	// Filter has the service leave out rows: all but those that have every value given here.
	Filter Filter `mapstructure:"filter"`
	// PollSpread is the time within which the receiver's ticks are moved, by an offset that follows from its component ID;
	// 0 to PollInterval.
	PollSpread time.Duration `mapstructure:"poll_spread"`
	// PageSize is how many rows a page is asked to have: from 100 to the most that the service allows, which is 5000 with
	// Graph and 2000 with the Reporting Web Service. Not set means the most.
	PageSize *int `mapstructure:"page_size"`

	// Retry defines which failed requests are sent again, and when.
	Retry Retry `mapstructure:"retry"`
	// RateLimit bounds the requests of all receivers of the tenant in this process.
	RateLimit RateLimit `mapstructure:"rate_limit"`
	// Details asks why mail was not delivered, for each row with certain statuses. Not set asks nothing.
	Details configoptional.Optional[Details] `mapstructure:"details"`
	// JobTimeout bounds the time after which a job asks the service for nothing more; what it has fetched is delivered, and
	// the rest is read later. 0 means unlimited. A bare number means seconds.
	JobTimeout time.Duration `mapstructure:"job_timeout"`
	// MaxConcurrentJobs is how many jobs of all receivers in this process run at the same time; 0 means four for each CPU. The
	// lowest number of any receiver applies to all.
	MaxConcurrentJobs int `mapstructure:"max_concurrent_jobs"`
	// LeaderElectorID names the extension that elects one of several collectors; the others do not poll. Not set means that
	// every collector polls.
	LeaderElectorID *component.ID `mapstructure:"k8s_leader_elector"`
	// Shard shares tenants out among replicas of one collector.
	Shard Shard `mapstructure:"shard"`
	// StorageID names the storage extension that keeps what has been read and delivered; without it, memory does.
	StorageID *component.ID `mapstructure:"storage"`

	// UnhealthyAfter is how long something must be wrong before the component counts as unhealthy; 0 means at once.
	UnhealthyAfter time.Duration `mapstructure:"unhealthy_after"`

	// Statuses selects which statuses are delivered.
	Statuses Statuses `mapstructure:"statuses"`
	// Body selects what the body of a record is.
	Body Body `mapstructure:"body"`
	// Omit names properties of rows that are left out of attributes and body.
	Omit []string `mapstructure:"omit"`
	// InternalFields adds the attributes whose names begin with two underscores.
	InternalFields bool `mapstructure:"internal_fields"`
	// Attributes switches the attributes that repeat, or follow from, others.
	Attributes Attributes `mapstructure:"attributes"`
	// Severity gives statuses, in any case, the severity of their records: info, warn or error. Those that are not in it keep
	// theirs: warn for failed, quarantined and filteredAsSpam, info for all others.
	Severity map[string]Severity `mapstructure:"severity"`
	// LocalDomains are one's own domains, from which the direction of a message follows. Their subdomains count as well.
	LocalDomains []string `mapstructure:"local_domains"`
	// Fields are further attributes, added in their order: later ones see earlier ones.
	Fields []Field `mapstructure:"fields"`

	// LogLevel is the least severity of this receiver's log lines; empty means the collector's.
	LogLevel LogLevel `mapstructure:"log_level"`
	// SummaryInterval is how often the log tells what has been read: 0 for never, else at least 10s.
	SummaryInterval time.Duration `mapstructure:"summary_interval"`
	// Tags are shown in log lines and in the Job Inspector.
	Tags []string `mapstructure:"tags"`
	// JobTTL is how long a job stays listed in the Job Inspector after its end, greater than 0.
	JobTTL time.Duration `mapstructure:"job_ttl"`
	// Environment is where the receiver runs. If it is set and differs from CurrentEnvironment, the receiver does nothing.
	Environment string `mapstructure:"environment"`
	// CurrentEnvironment is where the collector runs.
	CurrentEnvironment string `mapstructure:"current_environment"`
	// InspectorID names the Job Inspector extension that shows the receiver.
	InspectorID *component.ID `mapstructure:"inspector"`

	// given are the keys that have been set beside DateRange, which replaces them.
	given []string
}

var (
	_ component.Config    = (*Config)(nil)
	_ confmap.Unmarshaler = (*Config)(nil)
)

// newClientConfig returns the defaults of both HTTP clients. Without pings a connection of HTTP/2 that has fallen silent would
// keep every request waiting for the whole of timeout. Two idle connections for a host, the default, would have most of many
// receivers dial again for each request of HTTP/1.1.
func newClientConfig() confighttp.ClientConfig {
	client := confighttp.NewDefaultClientConfig()
	client.HTTP2ReadIdleTimeout = defaultReadIdleTimeout
	client.HTTP2PingTimeout = defaultPingTimeout
	keepalive := confighttp.NewDefaultKeepaliveClientConfig()
	keepalive.MaxIdleConnsPerHost = keepalive.MaxIdleConns
	client.Keepalive = configoptional.Some(keepalive)
	return client
}

func createDefaultConfig() component.Config {
	client := newClientConfig()
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
		Shard:             Shard{Count: 1},
		RateLimit:         RateLimit{Requests: defaultRequests, Interval: defaultRequestInterval},
		Details:           defaultDetails(),
		DisableTimeFilter: true,
		Statuses:          AllStatuses,
		Body:              RawBody,
		InternalFields:    true,
		Attributes:        Attributes{RowUID: true, Outcome: true},
		JobTTL:            defaultJobTTL,
		SummaryInterval:   defaultSummaryInterval,
		UnhealthyAfter:    defaultUnhealthyAfter,
	}
}

// Unmarshal reads the configuration. If a key is unknown or a value of a wrong type, it reports what rules are broken as well.
func (cfg *Config) Unmarshal(conf *confmap.Conf) error {
	if err := errors.Join(readSeconds(conf, "job_timeout"), readTexts(conf, "date_range")); err != nil {
		return err
	}
	cfg.given = nil
	for _, key := range []string{"initial_lookback", "min_age", "revisit_ages"} {
		if conf.IsSet("date_range") && conf.IsSet(key) {
			cfg.given = append(cfg.given, key)
		}
	}
	return confcheck.Unmarshal(conf, cfg, criblNames)
}
