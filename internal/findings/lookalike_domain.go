// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"slices"
	"time"
)

// LookalikeDomain finds senders whose domain resembles one of local_domains or protected_domains: characters that are
// confused with each other (Unicode Technical Standard 39, also behind xn--), one or two edits, another top-level domain, a
// hyphen more or less, or the protected name as a part. See resemblance for what counts.
//
// Known false positives: domains of one's own that are missing in local_domains, such as contoso.onmicrosoft.com, and
// companies whose name happens to be near. Put them into local_domains or ignore. With microsoft.com in protected_domains,
// the onmicrosoft.com of any other tenant is found as well.
type LookalikeDomain struct {
	Common `mapstructure:",squash"`
	// Messages is how many messages come from such a domain within the time.
	Messages int64 `mapstructure:"messages"`
}

func (k *LookalikeDomain) byDefault() { k.Within, k.Messages = 24*time.Hour, 1 }

func (k *LookalikeDomain) validate() []error {
	return append(k.Common.validate(), positive("messages", k.Messages)...)
}

func (k *LookalikeDomain) rule(s *Settings) rule {
	r := &lookalikeDomain{limit: k.Messages, known: newDomains(slices.Concat(s.ProtectedDomains, s.LocalDomains))}
	for domain := range r.known {
		r.protected = append(r.protected, newProtected(domain))
	}
	sortProtected(r.protected)
	if len(r.protected) == 0 {
		return nil
	}
	return r
}

type lookalikeDomain struct {
	limit     int64
	known     domains
	protected []protected
}

func (r *lookalikeDomain) observe(e *Engine, m *mail) {
	if m.fromInside || m.senderDomain == "" {
		return
	}
	if !m.from.judged {
		m.from.judged = true
		if !r.known.has(m.senderDomain) {
			m.from.resembles, m.from.how = resemblance(m.senderDomain, r.protected)
		}
	}
	if m.from.resembles != "" {
		e.track(m, key{text: m.senderDomain, hash: m.from.hash}, entry{row: m.row(), counted: m.message})
	}
}

func (r *lookalikeDomain) measure(_ *series, f *figures) (count, limit int64) {
	return f.distinct, r.limit
}

func (r *lookalikeDomain) least() int { return int(r.limit) }

func (r *lookalikeDomain) describe(s *series, w *window, f *Finding) {
	resembles, how := resemblance(s.key, r.protected)
	f.Text = sentence("%s resembles %s (%s) and sent %s%s; %s", s.key, resembles, how, number(w.distinct, "message"),
		w.within(), wereDelivered(w.delivered))
	f.Technique = "T1566"
}
