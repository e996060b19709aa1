// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package limit has the limits of the receiver's configuration that are numbers: the validation of the configuration
// keeps them, and its JSON schema tells them.
package limit

// The limits, inclusive. The most rows of a page are the services' own (MaxPageSize of their packages).
const (
	MinPageSize   = 100
	MaxRetries    = 20
	MinMultiplier = 1
	MinHTTPCode   = 100
	MaxHTTPCode   = 599
)
