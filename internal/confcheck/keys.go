// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package confcheck reports what the collector would ignore or misread in silence in a configuration.
package confcheck

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"
)

// Check reports what is wrong with conf for a struct of cfg's type: values that would be misread, values of a wrong type and
// unknown keys. cfg points to the defaults, and is not changed.
func Check(conf *confmap.Conf, cfg any) error {
	return errors.Join(checkValues(conf, cfg), checkKeys(conf, cfg))
}

// checkKeys decodes conf as it would be decoded into a struct of cfg's type, which is not changed, and returns what is wrong with
// it, unknown keys included. The collector itself no longer reports those once a squashed part of the struct, such as those
// of confighttp since v0.161.0, decodes itself: it cannot tell which keys such a part knows.
func checkKeys(conf *confmap.Conf, cfg any) error {
	t := reflect.TypeOf(cfg).Elem()
	keys := plain(t)
	err := conf.Unmarshal(reflect.New(keys).Interface())
	if err == nil {
		return nil
	}
	// The error names the type that has no such key.
	return errors.New(strings.ReplaceAll(err.Error(), keys.String(), t.String()))
}

// plain returns a struct with the keys of t that has no methods, nor have its squashed parts.
func plain(t reflect.Type) reflect.Type {
	var fields []reflect.StructField
	for field := range t.Fields() {
		if !field.IsExported() {
			continue
		}
		_, options, _ := strings.Cut(field.Tag.Get(confmap.MapstructureTag), ",")
		if slices.Contains(strings.Split(options, ","), "squash") && field.Type.Kind() == reflect.Struct {
			field.Type = plain(field.Type)
		}
		field.Anonymous = false
		fields = append(fields, field)
	}
	return reflect.StructOf(fields)
}
