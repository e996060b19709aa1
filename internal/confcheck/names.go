// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package confcheck

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hbollon/go-edlib"
)

// maxListed is the most keys of a block that an error lists.
const maxListed = 10

// unknown reports a key that none of the fields of its block has. If it is clear which field is meant, its value can be checked
// as that field's.
func (c *checker) unknown(all []field, key string, at place) (meant field, sure bool) {
	say := func(what string) {
		c.errs = append(c.errs, fmt.Errorf("unknown key %s%s", join(at.written, key), what))
	}
	if named, ok := c.names[join(at.right, key)]; ok {
		if !c.has(named) {
			say(": " + named)
			return field{}, false
		}
		here := strings.TrimPrefix(named, join(at.right, ""))
		say(": here it is " + here)
		if meant, sure = find(all, here); sure {
			if t, _ := present(meant.t); t.Kind() == reflect.String || t.Kind() == reflect.Struct {
				return meant, true
			}
		}
		// Numbers have other units there.
		c.settled = append(c.settled, named)
		return field{}, false
	}
	if meant, sure = alike(all, key); !sure {
		if blocks := c.elsewhere(c.root, "", key); len(blocks) > 0 {
			say(": it belongs " + strings.Join(blocks, " or "))
			return field{}, false
		}
		meant, sure = closest(all, key)
	}
	switch {
	case sure:
		say(": did you mean " + meant.key + "?")
	case len(all) > maxListed:
		say("")
	default:
		var keys []string
		for _, f := range all {
			if f.key != enabled || len(all) == 1 {
				keys = append(keys, f.key)
			}
		}
		say(": the keys are " + strings.Join(keys, ", "))
	}
	return meant, sure
}

// has reports whether there is a key with the path.
func (c *checker) has(path string) bool {
	all := c.root
	for key := range strings.SplitSeq(path, ".") {
		f, known := find(all, key)
		if !known {
			return false
		}
		all = c.below(f)
	}
	return true
}

// elsewhere returns which other blocks have the key.
func (c *checker) elsewhere(all []field, block, key string) (blocks []string) {
	for _, f := range all {
		if bare(f.key) == bare(key) && f.key != enabled {
			if block == "" {
				return []string{"at the top level"}
			}
			return []string{"in " + block}
		}
	}
	for _, f := range all {
		blocks = append(blocks, c.elsewhere(c.below(f), join(block, f.key), key)...)
	}
	return blocks
}

// below returns the keys of a field that is a block.
func (c *checker) below(f field) []field {
	if t, _ := present(f.t); t.Kind() != reflect.Struct || readsItself(t) {
		return nil
	}
	return fields(f.t, f.byDefault)
}

// bare returns a key without what spellings differ in.
func bare(key string) string {
	return strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(key))
}

// alike returns the field whose key differs from another in nothing but its spelling: poll_interval for pollInterval.
func alike(all []field, key string) (field, bool) {
	for _, f := range all {
		if bare(f.key) == bare(key) {
			return f, true
		}
	}
	return field{}, false
}

// closest returns the field whose key is most like another: poll_interval for pol_interval, or username for user.
func closest(all []field, key string) (best field, found bool) {
	typed := bare(key)
	least := len(typed)/4 + 2
	for _, f := range all {
		if n := edlib.OSADamerauLevenshteinDistance(typed, bare(f.key)); n < least && n < len(typed) {
			best, least, found = f, n, true
		}
	}
	if found {
		return best, true
	}
	i := slices.IndexFunc(all, func(f field) bool {
		return len(typed) > 1 && strings.HasPrefix(bare(f.key), typed) || len(typed) > 3 && strings.Contains(bare(f.key), typed)
	})
	if i < 0 {
		return field{}, false
	}
	return all[i], true
}
