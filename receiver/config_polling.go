// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import "time"

// DateRange is a stretch of mail, given by expressions such as -3h@h or by fixed times. A relative one is read at each tick,
// one between two fixed times once.
type DateRange struct {
	// Start is where it begins: a time relative to the tick such as -3h@h, seconds since 1970, or a time of RFC 3339.
	Start string `mapstructure:"start"`
	// End is where it ends, written in the same way; empty means the time of the tick. With a fixed start, a fixed end is
	// required.
	End string `mapstructure:"end"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Shard is one of several replicas with the same configuration, each of which reads the tenants that are its own: which these
// are follows from the tenant and the number of replicas.
type Shard struct {
	// Index is which replica this is, from 0 to Count - 1.
	Index int `mapstructure:"index"`
	// Count is how many replicas there are, at least 1.
	Count int `mapstructure:"count"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Filter has the service leave out all rows but those that have these values. An empty value leaves out nothing.
type Filter struct {
	// SenderAddress is the address of the envelope's sender, or *@contoso.com for all of a domain.
	SenderAddress string `mapstructure:"sender_address"`
	// RecipientAddress is the address of the envelope's recipient, or *@contoso.com for all of a domain.
	RecipientAddress string `mapstructure:"recipient_address"`
	// Status is what became of the message: delivered, expanded, failed, filteredAsSpam, gettingStatus, pending,
	// quarantined, recalled or resolved, in any case.
	Status string `mapstructure:"status"`
	// FromIP is the IP address that the message came from.
	FromIP string `mapstructure:"from_ip"`
	// ToIP is the IP address that the message went to.
	ToIP string `mapstructure:"to_ip"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// RetryType is how the waits between the attempts of a request grow.
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

// Choices returns all types.
func (RetryType) Choices() []string {
	return []string{string(RetryBackoff), string(RetryStatic), string(RetryDisabled)}
}

// Retry defines which failed requests are sent again, and when.
type Retry struct {
	// Type is how the waits grow.
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
	// Requests is how many there are at most; 0 means no limit.
	Requests int `mapstructure:"requests"`
	// Interval is the length of the stretch, greater than 0.
	Interval time.Duration `mapstructure:"interval"`

	// prevent unkeyed literal initialization
	_ struct{}
}
