// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// Limits of Settings.
const (
	// MaxLateness and MaxQuietPeriod bound how long anything is remembered.
	MaxLateness    = 7 * 24 * time.Hour
	MaxQuietPeriod = 30 * 24 * time.Hour
	// MaxWithin is the longest window of a rule.
	MaxWithin = 7 * 24 * time.Hour
	// LeastTracked is the least that MaxTracked may be.
	LeastTracked = 100
	// MostTracked is the most that MaxTracked may be.
	MostTracked = 10_000_000
)

// Settings are what an engine looks for.
type Settings struct {
	// LocalDomains are the tenant's own domains. Their subdomains count as well.
	LocalDomains []string
	// ProtectedDomains are further domains that others may pretend to be: of partners, banks, brands.
	ProtectedDomains []string
	// SendingNetworks are the networks, or single addresses, that mail of the local domains comes from.
	SendingNetworks []string
	// Lateness is how long after the last row of a window a late one still counts.
	Lateness time.Duration
	// QuietPeriod is the time in which one finding of a rule about a key is enough, unless it grows tenfold.
	QuietPeriod time.Duration
	// MaxTracked is the most senders, domains and mailboxes that are tracked, over all rules. It bounds the memory as well,
	// which is at most 64 MiB for 100,000.
	MaxTracked int
	// Rules are the rules with their knobs.
	Rules Rules
}

// DefaultSettings are the defaults.
func DefaultSettings() Settings {
	return Settings{Lateness: 2 * time.Hour, QuietPeriod: 24 * time.Hour, MaxTracked: 100_000, Rules: DefaultRules()}
}

// Validate reports everything that is wrong, each with its key.
func (s *Settings) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for name, list := range map[string][]string{"local_domains": s.LocalDomains, "protected_domains": s.ProtectedDomains} {
		for i, domain := range list {
			if !validDomain(domain) {
				add("%s[%d]: %q is no domain name, such as contoso.com", name, i, domain)
			}
		}
	}
	for i, network := range s.SendingNetworks {
		if _, err := parseNetwork(network); err != nil {
			add("sending_networks[%d]: %q is no IP address or network, such as 192.0.2.0/24", i, network)
		}
	}
	if len(s.SendingNetworks) > 0 && len(s.LocalDomains) == 0 {
		add("sending_networks: needs local_domains, the domains whose mail comes from there")
	}
	if s.Lateness < 0 || s.Lateness > MaxLateness {
		add("lateness: must be from 0s to %v, not %v", MaxLateness, s.Lateness)
	}
	if s.QuietPeriod < time.Minute || s.QuietPeriod > MaxQuietPeriod || s.QuietPeriod%time.Second != 0 {
		add("quiet_period: must be whole seconds, from 1m to %v, not %v", MaxQuietPeriod, s.QuietPeriod)
	}
	if s.MaxTracked < LeastTracked || s.MaxTracked > MostTracked {
		add("max_tracked: must be from %d to %d, not %d", LeastTracked, MostTracked, s.MaxTracked)
	}
	for name, rule := range s.Rules.all() {
		for _, err := range rule.validate() {
			add("rules.%s.%w", name, err)
		}
	}
	return errors.Join(errs...)
}

// validDomain reports whether the text is a name with at least two labels. It may have letters beyond ASCII.
func validDomain(text string) bool {
	name := strings.TrimSuffix(text, ".")
	ascii, err := idna.Punycode.ToASCII(strings.ToLower(name))
	if err != nil || len(ascii) > 253 || !strings.Contains(name, ".") {
		return false
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func parseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		address = plain(address)
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("no network: %w", err)
	}
	if address := network.Addr(); address.Is4In6() && network.Bits() >= mapped {
		network = netip.PrefixFrom(address.Unmap(), network.Bits()-mapped)
	}
	return network.Masked(), nil
}

// mapped is the length of the prefix of IPv4 addresses that are written as IPv6 ones (RFC 4291, section 2.5.5.2).
const mapped = 96

// plain is an address without zone, of IPv4 if it is one.
func plain(address netip.Addr) netip.Addr {
	return address.Unmap().WithZone("")
}

// Common is what all rules have.
type Common struct {
	// Enabled switches the rule on.
	Enabled bool `mapstructure:"enabled"`
	// Within is the length of the window in which the rule counts, in time of the mail.
	Within time.Duration `mapstructure:"within"`
	// Ignore is what is known to be harmless.
	Ignore Ignore `mapstructure:"ignore"`
}

// Ignore is what a rule does not look at.
type Ignore struct {
	// Senders are addresses, compared without case.
	Senders []string `mapstructure:"senders"`
	// Domains are domains of senders, with their subdomains, compared without case. Of exfiltration and auto_forward, which
	// are about mail that leaves, they are domains of recipients as well.
	Domains []string `mapstructure:"domains"`
	// Subjects are regular expressions (RE2) that match part of a subject.
	Subjects []string `mapstructure:"subjects"`

	// prevent unkeyed literal initialization
	_ struct{}
}

func (c *Common) common() *Common { return c }

func (c *Common) validate() (errs []error) {
	if c.Within < time.Second || c.Within > MaxWithin || c.Within%time.Second != 0 {
		errs = append(errs, fmt.Errorf("within: must be whole seconds, from 1s to %v, not %v", MaxWithin, c.Within))
	}
	for i, sender := range c.Ignore.Senders {
		if sender != nullSender && !strings.Contains(sender, "@") {
			errs = append(errs, fmt.Errorf("ignore.senders[%d]: %q is no address; domains go into ignore.domains", i, sender))
		}
	}
	for i, domain := range c.Ignore.Domains {
		if !validDomain(domain) {
			errs = append(errs, fmt.Errorf("ignore.domains[%d]: %q is no domain name, such as contoso.com", i, domain))
		}
	}
	for i, pattern := range c.Ignore.Subjects {
		if _, err := regexp.Compile(pattern); err != nil {
			errs = append(errs, fmt.Errorf("ignore.subjects[%d]: %w", i, err))
		}
	}
	return errs
}

// positive reports a knob that is less than 1.
func positive[N int64 | float64](name string, n N) []error {
	if n >= 1 {
		return nil
	}
	return []error{fmt.Errorf("%s: must be at least 1, not %v", name, n)} // as is a NaN
}

// harmless is an Ignore that is ready for use.
type harmless struct {
	// none reports whether nothing is.
	none     bool
	senders  map[string]bool
	domains  domains
	subjects []*regexp.Regexp
}

func newHarmless(i *Ignore) harmless {
	h := harmless{senders: map[string]bool{}, domains: newDomains(i.Domains)}
	for _, sender := range i.Senders {
		h.senders[lower(sender)] = true
	}
	for _, pattern := range i.Subjects {
		h.subjects = append(h.subjects, regexp.MustCompile(pattern))
	}
	h.none = len(h.senders)+len(h.domains)+len(h.subjects) == 0
	return h
}

// has reports whether the mail is known to be harmless.
func (h *harmless) has(m *mail) bool {
	if len(h.senders) > 0 && h.senders[m.sender] || h.domains.has(m.senderDomain) {
		return true
	}
	for _, pattern := range h.subjects {
		if pattern.MatchString(m.Subject) {
			return true
		}
	}
	return false
}
