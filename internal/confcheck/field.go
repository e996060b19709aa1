// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package confcheck

import (
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"
)

// enabled is the key that takes away a block that may be missing.
const enabled = "enabled"

// field is a key that a block may have.
type field struct {
	key string
	t   reflect.Type
	// byDefault is the default; the zero reflect.Value means that of the type.
	byDefault reflect.Value
}

// fieldsOf returns the keys of the configuration that cfg points to.
func fieldsOf(cfg any) []field {
	v := reflect.ValueOf(cfg).Elem()
	return fields(v.Type(), v)
}

// fields returns the keys of a block: those of a struct, and of the structs that are squashed into it.
func fields(t reflect.Type, defaults reflect.Value) []field {
	t, optional := present(t)
	if !defaults.IsValid() || defaults.Type() != t {
		defaults = reflect.Zero(t)
	}
	var all []field
	for f, byDefault := range defaults.Fields() {
		key, options, _ := strings.Cut(f.Tag.Get(confmap.MapstructureTag), ",")
		switch {
		case !f.IsExported() || key == "-":
		case slices.Contains(strings.Split(options, ","), "squash"):
			all = append(all, fields(f.Type, byDefault)...)
		default:
			all = append(all, field{key, f.Type, byDefault})
		}
	}
	if optional {
		all = append(all, field{key: enabled, t: reflect.TypeFor[bool]()})
	}
	return all
}

// present returns the type of what a pointer points to or of what a block that may be missing holds. Such a block has the method
// Get, which returns a pointer to what it holds.
func present(t reflect.Type) (_ reflect.Type, optional bool) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if get, ok := reflect.PointerTo(t).MethodByName("Get"); ok && t.Kind() == reflect.Struct {
		return get.Type.Out(0).Elem(), true
	}
	return t, false
}

func find(fields []field, key string) (field, bool) {
	i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
	if i < 0 {
		return field{}, false
	}
	return fields[i], true
}
