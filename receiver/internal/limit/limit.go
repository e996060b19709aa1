// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package limit has limits of the receiver's configuration that its validation keeps, and that its JSON schema tells.
package limit

// The limits, inclusive. The most rows of a page are the services' own (MaxPageSize of their packages).
const (
	MinPageSize   = 100
	MaxRetries    = 20
	MinMultiplier = 1
	MinHTTPCode   = 100
	MaxHTTPCode   = 599
)

// TenantID matches a GUID or a domain name.
const TenantID = `^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|` +
	`([0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.)+[A-Za-z][0-9A-Za-z-]{0,61}[0-9A-Za-z])$`
