// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hbollon/go-edlib"
	"github.com/mtibben/confusables"
	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"
)

// protected is a domain that others may pretend to be.
type protected struct {
	domain string
	// label is the part that somebody registered, suffix what it was registered under; skeleton is the label as it looks.
	label, suffix, skeleton string
}

// The shortest labels at which each kind of resemblance means anything. Short names are near to too many others.
const (
	leastForSuffix = 4
	leastForPart   = 4
	leastForEdit   = 5
	leastForEdits  = 8
	leastInside    = 7
)

func newProtected(domain string) protected {
	label, suffix := registered(domain)
	return protected{domain: domain, label: label, suffix: suffix, skeleton: looks(label)}
}

// sortProtected makes the longest name the first, so that the nearest is named.
func sortProtected(all []protected) {
	slices.SortFunc(all, func(a, b protected) int {
		return cmp.Or(cmp.Compare(len(b.label), len(a.label)), strings.Compare(a.domain, b.domain))
	})
}

// registered splits a domain into the label that somebody registered, in Unicode, and the suffix that it is registered
// under. What comes before is left out.
func registered(domain string) (label, suffix string) {
	suffix, _ = publicsuffix.PublicSuffix(domain)
	rest := strings.TrimSuffix(strings.TrimSuffix(domain, suffix), ".")
	return unicodeOf(rest[strings.LastIndexByte(rest, '.')+1:]), suffix
}

func unicodeOf(name string) string {
	if text, err := idna.Punycode.ToUnicode(name); err == nil {
		return strings.ToLower(text)
	}
	return name
}

// looks is the skeleton of a text: the same for all that look the same. Domains show without case, and so does it. Accents, and
// what does not show, are left out: few readers miss them.
func looks(text string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Mn, unicode.Cf) {
			return -1
		}
		return r
	}, norm.NFKD.String(text))
	return strings.ToLower(confusables.Skeleton(plain))
}

// resemblance returns the protected domain that a domain resembles, and in which way; nothing if there is none. The domain
// is none of the protected ones, nor below one.
func resemblance(domain string, all []protected) (resembles, how string) {
	label, suffix := registered(domain)
	if label == "" {
		return "", ""
	}
	skeleton := looks(label)
	for i := range all {
		if how := all[i].resembledBy(domain, label, suffix, skeleton); how != "" {
			return all[i].domain, how
		}
	}
	return "", ""
}

func (p *protected) resembledBy(domain, label, suffix, skeleton string) (how string) {
	size := utf8.RuneCountInString(p.label)
	switch {
	case label == p.label && suffix == p.suffix:
		return "" // another host of the same owner
	case label == p.label && size >= leastForSuffix:
		return "another top-level domain"
	case skeleton == p.skeleton && label != p.label:
		return "confusable characters"
	case size >= leastForPart && unhyphened(skeleton) == unhyphened(p.skeleton) && label != p.label:
		return "a hyphen more or less"
	case strings.HasPrefix(domain, p.domain+".") || strings.Contains(domain, "."+p.domain+"."):
		return "the name as a part"
	case size >= leastForPart && p.partOf(skeleton, size):
		return "the name as a part"
	}
	return p.edited(label, skeleton, size)
}

func unhyphened(s string) string { return strings.ReplaceAll(s, "-", "") }

// partOf reports whether the name is one of the parts between hyphens, or a long one stands within the label.
func (p *protected) partOf(skeleton string, size int) bool {
	return slices.Contains(strings.Split(skeleton, "-"), p.skeleton) ||
		strings.HasPrefix(skeleton, p.skeleton+"-") || strings.HasSuffix(skeleton, "-"+p.skeleton) ||
		strings.Contains(skeleton, "-"+p.skeleton+"-") || size >= leastInside && strings.Contains(skeleton, p.skeleton)
}

// edited compares by edits: characters that are inserted, deleted, replaced, or swapped with their neighbours. What looks
// the same is no edit.
func (p *protected) edited(label, skeleton string, size int) string {
	most := 0
	switch {
	case size >= leastForEdits:
		most = 2
	case size >= leastForEdit:
		most = 1
	}
	if most == 0 || abs(utf8.RuneCountInString(label)-size) > most {
		return ""
	}
	n := min(edlib.OSADamerauLevenshteinDistance(label, p.label), edlib.OSADamerauLevenshteinDistance(skeleton, p.skeleton))
	switch {
	case n > most || n == 0:
		return ""
	case n == 1:
		return "one edit"
	}
	return "two edits"
}

func abs(n int) int { return max(n, -n) }
