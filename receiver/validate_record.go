// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/confcheck"
	"github.com/o365messagetrace/o365messagetrace/internal/fields"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// omittable are the names that omit knows.
var omittable = []source.Property{source.Subject, source.MessageID, source.FromIP, source.ToIP, source.Size}

// statuses are those that filter and severity know, in any case.
var statuses = []trace.Status{
	trace.Delivered, trace.Expanded, trace.Failed, trace.FilteredAsSpam, trace.GettingStatus, trace.Pending, trace.Quarantined, trace.Recalled,
	trace.Resolved,
}

func joined[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = string(value)
	}
	return strings.Join(texts, ", ")
}

// domainName matches a domain name as it stands in an address, without a wildcard.
var domainName = regexp.MustCompile(`^([\pL\pN_]([\pL\pN_-]*[\pL\pN_])?\.)*[\pL\pN_]([\pL\pN_-]*[\pL\pN_])?\.?$`)

// localPart matches what stands before the @ of an address, or a wildcard for all there is.
var localPart = regexp.MustCompile(`^(\*|[^\s\pC@,;*<>"]+|"[^\pC*]+")$`)

// validateRecord checks the keys that shape a record.
func (cfg *Config) validateRecord() error {
	errs := []error{confcheck.Choose("statuses", cfg.Statuses), confcheck.Choose("body", cfg.Body)}
	for i, name := range cfg.Omit {
		if !slices.Contains(omittable, source.Property(name)) {
			errs = append(errs, fmt.Errorf("omit[%d]: %q is none of %s", i, name, joined(omittable)))
		}
	}
	for i, domain := range cfg.LocalDomains {
		if !domainName.MatchString(domain) {
			errs = append(errs, fmt.Errorf("local_domains[%d]: %q is not a domain name such as contoso.com; subdomains need no wildcard", i, domain))
		}
	}
	return errors.Join(append(errs, cfg.validateSeverity(), cfg.validateFields(), cfg.Filter.validate())...)
}

func (cfg *Config) validateSeverity() error {
	var errs []error
	spelled := map[trace.Status]string{}
	for _, key := range slices.Sorted(maps.Keys(cfg.Severity)) {
		status := trace.ParseStatus([]byte(key))
		if !slices.Contains(statuses, status) {
			errs = append(errs, fmt.Errorf("severity: %q is none of %s", key, joined(statuses)))
		} else if other, twice := spelled[status]; twice {
			errs = append(errs, fmt.Errorf("severity: %s and %s are the same status", other, key))
		}
		spelled[status] = key
		if severity := cfg.Severity[key]; severities[severity] == 0 {
			errs = append(errs, fmt.Errorf("severity.%s: %q is none of info, warn, error", key, severity))
		}
	}
	return errors.Join(errs...)
}

func (cfg *Config) validateFields() error {
	var errs []error
	seen := map[string]bool{}
	for i, field := range cfg.Fields {
		switch {
		case field.Name == "":
			errs = append(errs, fmt.Errorf("fields[%d].name: required", i))
		case field.Name != strings.TrimSpace(field.Name):
			errs = append(errs, fmt.Errorf("fields[%d].name: %q begins or ends with white space", i, field.Name))
		case records.Reserved(field.Name):
			errs = append(errs, fmt.Errorf("fields[%d].name: %q is an attribute that the receiver sets itself; choose another name", i,
				field.Name))
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
	if status := trace.ParseStatus([]byte(f.Status)); f.Status != "" && !slices.Contains(statuses, status) {
		errs = append(errs, fmt.Errorf("filter.status: %q is none of %s", f.Status, joined(statuses)))
	}
	return errors.Join(append(errs,
		validateAddress("filter.sender_address", f.SenderAddress),
		validateAddress("filter.recipient_address", f.RecipientAddress),
		validateIP("filter.from_ip", f.FromIP),
		validateIP("filter.to_ip", f.ToIP),
	)...)
}

// nullSender is the address of a sender that is to get no answer, as of reports of non-delivery.
const nullSender = "<>"

// validateAddress does not repeat the address, since errors are logged. The services ignore other wildcards.
func validateAddress(key, address string) error {
	if address == "" || address == nullSender {
		return nil
	}
	at := max(strings.LastIndexByte(address, '@'), 0)
	if !localPart.MatchString(address[:at]) || !domainName.MatchString(address[at+1:]) {
		return fmt.Errorf("%s: is neither one mail address nor a whole domain, *@contoso.com", key)
	}
	return nil
}

func validateIP(key, address string) error {
	if address == "" {
		return nil
	}
	if ip, err := netip.ParseAddr(address); err != nil || ip.Zone() != "" {
		return fmt.Errorf("%s: %q is not an IP address; the services know no ranges", key, address)
	}
	return nil
}

// validateHousekeeping checks the keys that concern neither mail nor records.
func (cfg *Config) validateHousekeeping() error {
	var errs []error
	if cfg.LogLevel != "" {
		errs = append(errs, confcheck.Choose("log_level", cfg.LogLevel))
	}
	for i, tag := range cfg.Tags {
		if strings.TrimSpace(tag) == "" {
			errs = append(errs, fmt.Errorf("tags[%d]: is empty", i))
		}
	}
	if cfg.JobTTL <= 0 {
		errs = append(errs, fmt.Errorf("job_ttl: %s is not greater than 0", short(cfg.JobTTL)))
	}
	if cfg.SummaryInterval != 0 && cfg.SummaryInterval < minSummaryInterval {
		errs = append(errs, fmt.Errorf("summary_interval: %s is less than %s; 0 turns the lines off",
			short(cfg.SummaryInterval), short(minSummaryInterval)))
	}
	if cfg.UnhealthyAfter < 0 {
		errs = append(errs, fmt.Errorf("unhealthy_after: %s is negative; 0 means at once", short(cfg.UnhealthyAfter)))
	}
	if cfg.JobTimeout < 0 {
		errs = append(errs, fmt.Errorf("job_timeout: %s is negative; 0 means unlimited", short(cfg.JobTimeout)))
	}
	if cfg.MaxConcurrentJobs < 0 {
		errs = append(errs, fmt.Errorf("max_concurrent_jobs: %d is negative; 0 means four for each CPU", cfg.MaxConcurrentJobs))
	}
	return errors.Join(errs...)
}
