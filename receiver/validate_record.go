// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/fields"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
)

// omittable are the names that omit knows.
var omittable = []string{
	string(source.Subject), string(source.MessageID), string(source.FromIP), string(source.ToIP), string(source.Size),
}

// domainName matches a domain name as it stands in an address, without a wildcard.
var domainName = regexp.MustCompile(`^([\pL\pN_]([\pL\pN_-]*[\pL\pN_])?\.)*[\pL\pN_]([\pL\pN_-]*[\pL\pN_])?\.?$`)

// validateRecord checks the keys that say what a record looks like.
func (cfg *Config) validateRecord() error {
	var errs []error
	if cfg.Statuses != AllStatuses && cfg.Statuses != FinalStatuses {
		errs = append(errs, fmt.Errorf("statuses: %q is none of all, final", cfg.Statuses))
	}
	if cfg.Body != RawBody && cfg.Body != NoBody {
		errs = append(errs, fmt.Errorf("body: %q is none of raw, none", cfg.Body))
	}
	for i, name := range cfg.Omit {
		if !slices.Contains(omittable, name) {
			errs = append(errs, fmt.Errorf("omit[%d]: %q is none of %s", i, name, strings.Join(omittable, ", ")))
		}
	}
	for i, domain := range cfg.LocalDomains {
		if !domainName.MatchString(domain) {
			errs = append(errs, fmt.Errorf("local_domains[%d]: %q is not a domain name such as contoso.com; subdomains need no wildcard", i, domain))
		}
	}
	return errors.Join(append(errs, cfg.validateFields(), cfg.Filter.validate())...)
}

func (cfg *Config) validateFields() error {
	var errs []error
	seen := map[string]bool{}
	for i, field := range cfg.Fields {
		switch {
		case field.Name == "":
			errs = append(errs, fmt.Errorf("fields[%d].name: required", i))
		case records.Reserved(field.Name):
			errs = append(errs, fmt.Errorf("fields[%d].name: %q is an attribute that every record has of itself; choose another name", i, field.Name))
		case seen[field.Name]:
			errs = append(errs, fmt.Errorf("fields[%d].name: %q is defined already", i, field.Name))
		}
		seen[field.Name] = true
		if field.Value == "" {
			errs = append(errs, fmt.Errorf(`fields[%d].value: required: a value expression of OTTL, such as '"text"'`, i))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	_, err := fields.Compile(cfg.definitions(), component.TelemetrySettings{Logger: zap.NewNop()}, nil)
	return err
}

// definitions are the fields in the form that they are compiled from.
func (cfg *Config) definitions() []fields.Definition {
	definitions := make([]fields.Definition, len(cfg.Fields))
	for i, field := range cfg.Fields {
		definitions[i] = fields.Definition{Name: field.Name, Value: field.Value}
	}
	return definitions
}

func (f *Filter) validate() error {
	var errs []error
	for key, value := range map[string]string{
		"sender_address": f.SenderAddress, "recipient_address": f.RecipientAddress, "status": f.Status, "from_ip": f.FromIP, "to_ip": f.ToIP,
	} {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' }) {
			errs = append(errs, fmt.Errorf("filter.%s: has control characters", key))
		}
	}
	for key, value := range map[string]string{"from_ip": f.FromIP, "to_ip": f.ToIP} {
		if _, err := netip.ParseAddr(value); value != "" && err != nil {
			errs = append(errs, fmt.Errorf("filter.%s: %q is not an IP address; the services know no ranges", key, value))
		}
	}
	return errors.Join(errs...)
}

// validateHousekeeping checks the keys that concern neither mail nor records.
func (cfg *Config) validateHousekeeping() error {
	var errs []error
	if _, known := levels[cfg.LogLevel]; cfg.LogLevel != "" && !known {
		errs = append(errs, fmt.Errorf("log_level: %q is none of debug, info, warn, error", cfg.LogLevel))
	}
	if cfg.JobTTL <= 0 {
		errs = append(errs, fmt.Errorf("job_ttl: %s is not greater than 0", short(cfg.JobTTL)))
	}
	if cfg.JobTimeout < 0 {
		errs = append(errs, fmt.Errorf("job_timeout: %s is negative; 0 means unlimited", short(cfg.JobTimeout)))
	}
	if cfg.MaxConcurrentJobs < 0 {
		errs = append(errs, fmt.Errorf("max_concurrent_jobs: %d is negative; 0 means four for each CPU", cfg.MaxConcurrentJobs))
	}
	return errors.Join(errs...)
}
