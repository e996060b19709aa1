// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/o365messagetrace/o365messagetrace/internal/source/graph"
	"github.com/o365messagetrace/o365messagetrace/internal/source/reporting"
	"github.com/o365messagetrace/o365messagetrace/receiver"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/limit"
)

// rule changes the schema of a key.
type rule []func(*schema)

// rules are what the types of the configuration do not say, by key. The key of the whole is empty, a list's elements have
// the list's key with [] behind it. omittable are the values that omit knows.
func rules(omittable []string) map[string]rule {
	all := map[string]rule{
		"":               {signsIn, plans, rangeAlone},
		"tenant_id":      {matches(limit.TenantID)},
		"endpoint":       {matches(`^https?://[^/?#@]+(/[^?#@]*)?$`)},
		"authority_host": {matches(`^https://[^/?#@]+/?$`)},
		"proxy_url":      {matches(`^(https?|socks5h?)://`)},

		"authentication": {func(s *schema) { s.MaxProperties = 1 }},
		"authentication.oauth": {
			required("client_id"), either("client_secret", "client_secret_file"),
		},
		"authentication.certificate": {required("client_id", "cert_file", "key_file"), notBoth("passphrase", "passphrase_file")},
		"authentication.basic":       {required("username"), either("password", "password_file")},
		"auth":                       {required("authenticator")},
		"middlewares[]":              {required("id")},
		"date_range":                 {required("start")},
		"fields[]":                   {required("name", "value")},

		"date_range.start":    {instant},
		"date_range.end":      {instant},
		"job_timeout":         {seconds},
		"poll_interval":       {positive},
		"retry.max_interval":  {positive},
		"rate_limit.interval": {positive},
		"job_ttl":             {positive},

		"tls.min_version": {oneOf(tlsVersions...)},
		"tls.max_version": {oneOf(tlsVersions...)},
		"omit[]":          {oneOf(omittable...)},

		"filter.sender_address":    {matches(address)},
		"filter.recipient_address": {matches(address)},
		"local_domains[]":          {matches(`^[^\s*@/:]+$`)},
		"tags[]":                   {matches(`\S`)},

		"page_size":           {between(limit.MinPageSize, graph.MaxPageSize)},
		"retry.max_retries":   {between(0, limit.MaxRetries)},
		"retry.multiplier":    {atLeast(limit.MinMultiplier)},
		"retry.http_codes[]":  {between(limit.MinHTTPCode, limit.MaxHTTPCode), func(s *schema) { s.Not = success() }},
		"rate_limit.requests": {atLeast(0)},
		"max_concurrent_jobs": {atLeast(0)},
	}
	for key, text := range texts {
		all[key] = append(all[key], describe(text))
	}
	return all
}

// address matches a mail address, all of a domain, and the null sender.
const address = `^(<>|\*@[^\s*@]+|[^\s*]+@[^\s*@]+)$`

var tlsVersions = []string{"1.0", "1.1", "1.2", "1.3"}

// texts are the descriptions of keys on which the collector's comments are about something else, or silent.
var texts = map[string]string{
	"endpoint": "`endpoint` is the URL of the collection of message traces, absolute and without user, query and fragment; " +
		"`http` only to this machine. Not set means https://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces with `api` graph, and " +
		"https://reports.office365.com/ecp/reportingwebservice/reporting.svc/MessageTrace with reporting_webservice, in gcc_high " +
		"https://reports.office365.us/ecp/reportingwebservice/reporting.svc/MessageTrace. Required for dod.",
	"timeout": "`timeout` bounds one request, which is one page; 0 means unlimited.",
	"proxy_url": "`proxy_url` is the URL of the proxy for requests and for the sign-in, except that of managed identities. Not set means " +
		"what the environment variables HTTPS_PROXY and HTTP_PROXY say.",
	"tls":                      "`tls` is about the TLS of requests and of the sign-in.",
	"auth":                     "`auth` has an extension add credentials to the requests, in place of `authentication`.",
	"auth.authenticator":       "`authenticator` is the ID of that extension.",
	"cookies":                  "`cookies` keeps cookies that the server sets, and sends them back.",
	"compression_params.level": "`level` says how hard to compress; its values depend on `compression`.",
	"tls.tpm.enabled":          "`enabled` reads the key of the certificate from a trusted platform module.",
	"tls.tpm.auth":             "`auth` is the password of the key.",
	"tls.tpm.owner_auth":       "`owner_auth` is the password of the module's owner.",
}

func describe(text string) func(*schema) { return func(s *schema) { s.Description = text } }

// required says which keys a block must have. They must not be empty.
func required(names ...string) func(*schema) {
	return func(s *schema) {
		s.Required = names
		for _, name := range names {
			if s.Properties[name].Pattern == "" {
				s.Properties[name].MinLength = 1
			}
		}
	}
}

func has(names ...string) *schema { return &schema{Required: names} }

func notBoth(a, b string) func(*schema) { return func(s *schema) { s.Not = has(a, b) } }

func either(a, b string) func(*schema) {
	return func(s *schema) {
		s.AnyOf = []*schema{has(a), has(b)}
		notBoth(a, b)(s)
	}
}

// oneOf accepts the values alone; any text without values.
func oneOf(values ...string) func(*schema) {
	return func(s *schema) {
		if len(values) > 0 {
			s.AnyOf = []*schema{{Enum: values}, {Pattern: expansion}}
		}
	}
}

// matches accepts texts that match the pattern.
func matches(pattern string) func(*schema) {
	return func(s *schema) { s.Pattern = or(pattern, expansion) }
}

func atLeast(least float64) func(*schema) { return func(s *schema) { s.Minimum = &least } }

func between(least, most float64) func(*schema) {
	return func(s *schema) { s.Minimum, s.Maximum = &least, &most }
}

// success are the HTTP status codes after which nothing needs to be sent again.
func success() *schema {
	return &schema{Type: []string{"integer"}, Minimum: new(200.0), Maximum: new(299.0)}
}

// seconds accepts a duration, or a number of seconds.
func seconds(s *schema) {
	s.Type, s.Minimum, s.Maximum = []string{"string", "number"}, new(0.0), nil
	s.Pattern = or(duration, `^[0-9]+(\.[0-9]+)?$`, expansion)
}

// positive accepts no bare 0.
func positive(s *schema) { s.Type, s.Minimum, s.Maximum = []string{"string"}, nil, nil }

// instant accepts seconds since 1970 beside texts.
func instant(s *schema) {
	s.Type, s.Minimum, s.Maximum = []string{"string", "integer"}, new(1e9), new(1e10-1)
	s.MinLength = 1
}

// signsIn asks for a way to sign in, and for the tenant where that needs one.
func signsIn(s *schema) {
	basic := has("authentication")
	basic.Properties = map[string]*schema{"authentication": has("basic")}
	s.AllOf = append(s.AllOf,
		&schema{AnyOf: []*schema{has("authentication"), has("auth")}, Not: has("authentication", "auth")},
		&schema{AnyOf: []*schema{has("tenant_id"), has("auth"), basic}},
	)
	s.Properties["authentication"].MinProperties = 1
}

// plans are what the plans without Microsoft Graph ask for, and the smaller pages of the Reporting Web Service.
func plans(s *schema) {
	is := func(key string, values ...string) *schema {
		this := has(key)
		this.Properties = map[string]*schema{key: {Enum: values}}
		return this
	}
	reports := string(receiver.ReportingWebService)
	government := is("subscription_plan", string(receiver.GCCHigh), string(receiver.DoD))
	s.AllOf = append(s.AllOf,
		&schema{If: government, Then: &schema{Properties: map[string]*schema{"api": {Not: &schema{Enum: []string{string(receiver.Graph)}}}}}},
		&schema{If: is("subscription_plan", string(receiver.DoD)), Then: has("endpoint")},
		&schema{
			If:   &schema{AnyOf: []*schema{government, is("api", reports)}},
			Then: &schema{Properties: map[string]*schema{"page_size": {Maximum: new(float64(reporting.MaxPageSize))}}},
		},
	)
}

// rangeAlone allows none of the keys that date_range replaces beside it.
func rangeAlone(s *schema) {
	s.DependentSchemas = map[string]*schema{"date_range": {Not: &schema{
		AnyOf: []*schema{has("initial_lookback"), has("min_age"), has("revisit_ages")},
	}}}
}
