// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"net/http"
	"strconv"
	"strings"
)

// format is one of the three ways to write a page.
type format int

const (
	atom    format = iota
	verbose        // JSON of OData 2
	light          // JSON of OData 3
)

// formatOf chooses the format. $format, of which Microsoft's documentation knows
// Atom and Json, wins over Accept, as a public client shows that sends both.
// Json is verbose; JSON light goes to who accepts application/json. Without
// either it is Atom.
func formatOf(option *string, header http.Header) (format, *failure) {
	if option != nil {
		switch strings.ToLower(*option) {
		case "json":
			return verbose, nil
		case "atom":
			return atom, nil
		default:
			return 0, unsupportedFormat()
		}
	}
	accepted := header.Values("Accept")
	if strings.TrimSpace(strings.Join(accepted, "")) == "" {
		return atom, nil
	}
	best, chosen := 0.0, format(0)
	for item := range strings.SplitSeq(strings.Join(accepted, ","), ",") {
		how, weight, ok := mediaRange(item)
		if ok && weight > best {
			best, chosen = weight, how
		}
	}
	if best == 0 {
		return 0, unsupportedFormat()
	}
	return chosen, nil
}

// mediaRange reads an item of Accept, if it is one that the service can answer.
func mediaRange(item string) (how format, weight float64, ok bool) {
	name, rest, _ := strings.Cut(item, ";")
	weight, flavor := 1, ""
	for parameter := range strings.SplitSeq(rest, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		switch strings.ToLower(key) {
		case "q":
			if q, err := strconv.ParseFloat(value, 64); err == nil {
				weight = q
			}
		case "odata":
			flavor = strings.ToLower(value)
		}
	}
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "*/*", "application/*", "application/atom+xml":
		return atom, weight, true
	case "application/json":
		if flavor == "verbose" { // as in OData 3
			return verbose, weight, true
		}
		return light, weight, true
	default:
		return 0, 0, false
	}
}

// contentType is, for Atom, that of Microsoft's documentation; for JSON, that of
// WCF Data Services.
func (f format) contentType() string {
	switch f {
	case verbose:
		return "application/json;odata=verbose;charset=utf-8"
	case light:
		return "application/json;odata=minimalmetadata;streaming=true;charset=utf-8"
	default:
		return "application/atom+xml;type=feed;charset=utf-8"
	}
}

// version is that of OData. JSON light came with the third.
func (f format) version() string {
	if f == light {
		return "3.0;"
	}
	return "2.0;"
}

// bytesPerRow is about what a row takes, to allocate a page at once.
func (f format) bytesPerRow() int { return [...]int{atom: 1600, verbose: 800, light: 580}[f] }

// render appends a page. Tests read millions of rows, so this appends instead
// of reflecting.
func (f format) render(dst []byte, p *page) []byte {
	switch f {
	case verbose:
		return appendVerbose(dst, p)
	case light:
		return appendLight(dst, p)
	default:
		return appendAtom(dst, p)
	}
}
