// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package confcheck decodes the configuration of a component and reports everything that is wrong with it at once, in words
// that name keys: what the collector would ignore or misread in silence, what it reports with names of Go types, and the
// rules of the component, which the collector checks only when all else is right.
package confcheck

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"
)

// Names are keys of another product, with their blocks as in retry.limit. Each stands for the key here, or for what to do
// where there is none.
type Names map[string]string

// Unmarshal decodes conf into cfg, which points to the defaults. Beyond what the collector accepts, a duration may have
// days: 90d, 1d12h. The error has a line for each problem.
//
// It knows all keys, also those of squashed parts that decode themselves, such as those of confighttp since v0.161.0, of which
// the collector reports no unknown one.
func Unmarshal(conf *confmap.Conf, cfg any, names Names) error {
	c := &checker{names: names, root: fieldsOf(cfg)}
	for key, result := range c.block(conf, c.root, place{}) {
		switch {
		case result.same:
		case result.dropped:
			conf.Delete(key)
		default:
			conf.Delete(key)
			c.add(conf.Merge(confmap.NewFromStringMap(map[string]any{key: result.value})))
		}
	}
	if err := conf.Unmarshal(cfg); err != nil {
		return errors.Join(append(c.errs, translate(err, "")...)...)
	}
	if len(c.errs) == 0 && len(c.unset) == 0 {
		return nil
	}
	rules, unset := c.rules(cfg)
	if len(c.errs) == 0 && !unset {
		// The collector checks the rules later.
		return nil
	}
	return errors.Join(append(c.errs, rules...)...)
}

// place is where a value is: the keys as they are written, and as they should be.
type place struct{ written, right string }

func (p place) in(written, right string) place {
	return place{join(p.written, written), join(p.right, right)}
}

func join(block, key string) string {
	if block == "" {
		return key
	}
	return block + "." + key
}

// result is what becomes of a value: it stays the same, or is replaced by another, or dropped because it is wrong.
type result struct {
	same, dropped bool
	// value is what replaces the value, also where that stays the same but for what it was as a text. It may be nil then.
	value any
}

// putInto has the result take the place of the value in a block.
func (r result) putInto(block map[string]any, key string) {
	switch {
	case r.dropped:
		delete(block, key)
	case r.value != nil:
		block[key] = r.value
	}
}

// checker collects problems.
type checker struct {
	names Names
	root  []field
	errs  []error
	// settled are the keys of which a problem is reported, so that the rules have nothing to add.
	settled []string
	// unset are the keys without a value because an environment variable has none, where that may be right.
	unset []string
}

func (c *checker) add(err error) {
	if err != nil {
		c.errs = append(c.errs, err)
	}
}

// reject reports a problem of a value, which is dropped.
func (c *checker) reject(at place, err error) result {
	c.errs = append(c.errs, problem(at.written, err))
	c.settled = append(c.settled, at.right)
	return result{dropped: true}
}

// block checks the keys of a block that may have these fields. The results are by key, that of a misspelled one by the right
// key.
func (c *checker) block(conf *confmap.Conf, fields []field, at place) map[string]result {
	nodes, texts := read(conf)
	results := make(map[string]result, len(nodes))
	for _, key := range slices.Sorted(maps.Keys(nodes)) {
		n := nodes[key]
		if text, ok := texts[key]; ok {
			n.text = &text
		}
		n.source, n.key = conf, key
		if f, known := find(fields, key); known {
			results[key] = c.value(n, f, at.in(key, key))
			continue
		}
		results[key] = result{dropped: true}
		meant, sure := c.unknown(fields, key, at)
		_, given := nodes[meant.key]
		if _, taken := results[meant.key]; !sure || given || taken {
			continue
		}
		adopted := c.value(n, meant, at.in(key, meant.key))
		if adopted.value == nil && !adopted.dropped {
			adopted.value = n.plain()
		}
		adopted.same = false
		results[meant.key] = adopted
	}
	return results
}

// rules are the rules of the component that cfg breaks, but for those that only follow from what has been reported. The second
// result reports whether one is about a key without a value because an environment variable has none.
func (c *checker) rules(cfg any) (broken []error, unset bool) {
	for _, err := range flatten(confmap.Validate(cfg)) {
		text := strings.ReplaceAll(err.Error(), confmap.KeyDelimiter, ".")
		block, _, _ := strings.Cut(text, ":")
		about := func(key string) bool {
			rest, begins := strings.CutPrefix(text, key)
			return begins && strings.IndexAny(rest, ":.[ ") == 0
		}
		switch {
		case slices.ContainsFunc(c.settled, func(key string) bool { return about(key) || strings.HasPrefix(key, block+".") }):
			continue
		case slices.ContainsFunc(c.unset, about):
			unset = true
			err = &unsetError{err}
		}
		broken = append(broken, err)
	}
	return broken, unset
}

// unsetError is a rule that is broken because an environment variable has no value.
type unsetError struct{ rule error }

func (e *unsetError) Error() string { return e.rule.Error() + "; " + ErrUnset.Error() }

func (e *unsetError) Unwrap() error { return ErrUnset }

// Problems takes apart what the collector reports of a configuration, on decoding and on validating it.
func Problems(err error) (all []error) {
	for _, one := range flatten(err) {
		all = append(all, translate(one, "")...)
	}
	return all
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if inner := errors.Unwrap(err); inner != nil && inner.Error() == err.Error() {
			return flatten(inner)
		}
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, flatten(one)...)
	}
	return all
}
