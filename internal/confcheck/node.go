// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package confcheck

import "go.opentelemetry.io/collector/confmap"

// node is a value of a configuration before it is decoded: a block, a list, or a single value.
type node struct {
	block *confmap.Conf
	list  []node
	// value is a single value as YAML takes it, nil for none.
	value any
	// text is what a single value is as a text, nil if it is none. 0012 of an environment variable is both text and number.
	text *string
	// unset reports whether there is no value because an environment variable has none.
	unset bool

	// source has the value under key.
	source *confmap.Conf
	key    string
}

var (
	_ confmap.Unmarshaler       = (*node)(nil)
	_ confmap.ScalarUnmarshaler = (*node)(nil)
)

// read returns the values of the keys of a block, and those that are texts as such.
func read(conf *confmap.Conf) (nodes map[string]node, texts map[string]string) {
	// Nodes take whatever there is, and what is no text is left out of the texts.
	_ = conf.Unmarshal(&nodes)
	_ = conf.Unmarshal(&texts)
	return nodes, texts
}

// Unmarshal keeps a block.
func (n *node) Unmarshal(conf *confmap.Conf) error {
	n.block = conf
	return nil
}

// UnmarshalScalar keeps a list or a single value. The collector replaces an expression such as ${env:NAME} of which nothing is
// left by the zero value of the type to decode into, which is that of node.
func (n *node) UnmarshalScalar(scalar confmap.ScalarValue) error {
	switch raw := scalar.GetRaw().(type) {
	case node:
		n.unset = true
	case []any:
		var texts []string
		_ = scalar.Unmarshal(&texts)
		if err := scalar.Unmarshal(&n.list); err != nil {
			return err
		}
		for i := range n.list {
			if n.list[i].block == nil && n.list[i].list == nil && n.list[i].isText(texts[i]) {
				n.list[i].text = &texts[i]
			}
		}
	default:
		n.value = raw
	}
	return nil
}

// isText reports whether text is what an element of a list is as a text. Elements that are none have an empty one.
func (n *node) isText(text string) bool {
	_, is := n.value.(string)
	return is || text != ""
}

func (n *node) missing() bool { return n.block == nil && n.list == nil && n.value == nil }

// plain returns the value without what it is as a text.
func (n *node) plain() any {
	switch {
	case n.source != nil:
		return n.source.Get(n.key)
	case n.block != nil:
		return n.block.ToStringMap()
	}
	return n.value
}
