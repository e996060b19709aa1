// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"
)

var durationType = reflect.TypeFor[time.Duration]()

// checkUnits reports every duration that is written as a bare number. The collector would take it for nanoseconds,
// which nobody means.
func checkUnits(conf *confmap.Conf, cfg any) error {
	return errors.Join(unitErrors(conf.ToStringMap(), reflect.TypeOf(cfg), "")...)
}

// withSeconds returns the configuration with a bare number under the key read as seconds.
func withSeconds(conf *confmap.Conf, key string) *confmap.Conf {
	number, bare := bareNumber(conf.Get(key))
	if !bare {
		return conf
	}
	values := conf.ToStringMap()
	values[key] = number + "s"
	return confmap.NewFromStringMap(values)
}

// withTexts returns the configuration with the values of the keys below a block as texts. YAML takes seconds since 1970
// for a number, and RFC 3339 for a time.
func withTexts(conf *confmap.Conf, block string, keys ...string) *confmap.Conf {
	values := conf.ToStringMap()
	inner, ok := values[block].(map[string]any)
	if !ok {
		return conf
	}
	for _, key := range keys {
		switch value := inner[key].(type) {
		case int, int64, uint64, float64:
			inner[key] = strconv.FormatFloat(toFloat(value), 'f', -1, 64)
		case time.Time:
			inner[key] = value.Format(time.RFC3339Nano)
		}
	}
	return confmap.NewFromStringMap(values)
}

func toFloat(number any) float64 {
	return reflect.ValueOf(number).Convert(reflect.TypeFor[float64]()).Float()
}

func unitErrors(values map[string]any, t reflect.Type, path string) []error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var errs []error
	for field := range exportedFields(t) {
		name, options, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		if options == "squash" {
			errs = append(errs, unitErrors(values, field.Type, path)...)
			continue
		}
		value, given := values[name]
		if !given {
			continue
		}
		if nested, ok := value.(map[string]any); ok {
			errs = append(errs, unitErrors(nested, field.Type, path+name+".")...)
		}
		switch list, isList := value.([]any); {
		case field.Type == durationType:
			errs = append(errs, unitError(path+name, value))
		case isList && field.Type.Kind() == reflect.Slice && field.Type.Elem() == durationType:
			for i, each := range list {
				errs = append(errs, unitError(fmt.Sprintf("%s%s[%d]", path, name, i), each))
			}
		}
	}
	return errs
}

func unitError(key string, value any) error {
	if number, bare := bareNumber(value); bare {
		return fmt.Errorf("%s: %s has no unit; write %ss", key, number, number)
	}
	return nil
}

func exportedFields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for field := range t.Fields() {
			if field.IsExported() && !yield(field) {
				return
			}
		}
	}
}

// bareNumber returns the number that value is, if it is one other than 0.
func bareNumber(value any) (text string, bare bool) {
	text = strings.TrimSpace(fmt.Sprint(value))
	number, err := strconv.ParseFloat(text, 64)
	return text, err == nil && number != 0
}
