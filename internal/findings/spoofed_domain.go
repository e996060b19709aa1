// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"net/netip"
	"time"
)

// SpoofedDomain finds mail to the tenant whose sender is of local_domains but which comes from an address outside of
// sending_networks. It is off while these are empty.
//
// Mail without an address is not looked at: the service itself made it. The finding is about the domain, so that one who
// invents a sender per message makes one finding.
//
// Known false positives: services that send in one's name and were forgotten in sending_networks.
type SpoofedDomain struct {
	Common `mapstructure:",squash"`
	// Messages is how many such messages come within the time.
	Messages int64 `mapstructure:"messages"`
}

func (k *SpoofedDomain) byDefault() { k.Within, k.Messages = 24*time.Hour, 1 }

func (k *SpoofedDomain) validate() []error {
	return append(k.Common.validate(), positive("messages", k.Messages)...)
}

func (k *SpoofedDomain) rule(s *Settings) rule {
	r := &spoofedDomain{limit: k.Messages}
	for _, text := range s.SendingNetworks {
		if network, err := parseNetwork(text); err == nil {
			r.networks = append(r.networks, network)
		}
	}
	if len(r.networks) == 0 {
		return nil
	}
	return r
}

type spoofedDomain struct {
	networks []netip.Prefix
	limit    int64
}

func (r *spoofedDomain) observe(e *Engine, m *mail) {
	if !m.fromInside || !m.toInside || m.Source == "" || r.ours(m.Source) {
		return
	}
	e.track(m, key{text: m.senderDomain, hash: m.from.hash}, entry{row: m.row(), counted: m.message})
}

// ours reports whether an address is one of ours, or none.
func (r *spoofedDomain) ours(text string) bool {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return true
	}
	address = plain(address)
	for _, network := range r.networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

func (r *spoofedDomain) measure(_ *series, f *figures) (count, limit int64) {
	return f.distinct, r.limit
}

func (r *spoofedDomain) least() int { return int(r.limit) }

func (r *spoofedDomain) describe(s *series, w *window, f *Finding) {
	f.Text = sentence("%s with a sender of %s came from outside of sending_networks%s; %s", number(w.distinct, "message"), s.key,
		w.within(), wereDelivered(w.delivered))
	f.Technique = "T1566"
}
