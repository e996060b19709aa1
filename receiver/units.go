// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"
)

var durationType = reflect.TypeFor[time.Duration]()

// readSeconds has a bare number under the key read as seconds. Here and below, single values are merged into conf: only
// so do the others keep the text that they had before an environment variable was expanded.
func readSeconds(conf *confmap.Conf, key string) error {
	number, bare := bareNumber(conf.Get(key))
	if !bare {
		return nil
	}
	return conf.Merge(confmap.NewFromStringMap(map[string]any{key: number + "s"}))
}

// readTexts has the values of the keys below a block read as texts. YAML takes seconds since 1970 for a number, and
// RFC 3339 for a time.
func readTexts(conf *confmap.Conf, block string, keys ...string) error {
	texts := map[string]any{}
	for _, key := range keys {
		key = block + confmap.KeyDelimiter + key
		switch value := conf.Get(key).(type) {
		case int, int64, uint64:
			texts[key] = fmt.Sprint(value)
		case float64:
			texts[key] = strconv.FormatFloat(value, 'f', -1, 64)
		case time.Time:
			texts[key] = value.Format(time.RFC3339Nano)
		}
	}
	return conf.Merge(confmap.NewFromStringMap(texts))
}

// checkNumbers reports every duration that is a bare number, which the collector would take for nanoseconds and nobody
// means, and every integer with a fraction, which it would cut off. They are 0 afterwards, so that the collector does not
// report them a second time.
func checkNumbers(conf *confmap.Conf, cfg any) error {
	c := numberCheck{corrected: map[string]any{}}
	c.object(conf.ToStringMap(), reflect.TypeOf(cfg), nil)
	return errors.Join(append(c.errs, conf.Merge(confmap.NewFromStringMap(c.corrected)))...)
}

type numberCheck struct {
	corrected map[string]any
	errs      []error
}

// object checks the values of the keys of a struct.
func (c *numberCheck) object(values map[string]any, t reflect.Type, path []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	for field := range exportedFields(t) {
		name, options, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		if options == "squash" {
			c.object(values, field.Type, path)
			continue
		}
		at := append(path[:len(path):len(path)], name)
		switch value := values[name].(type) {
		case nil:
		case map[string]any:
			c.object(value, field.Type, at)
		case []any:
			c.list(value, field.Type, at)
		default:
			if err := numberError(value, field.Type); err != nil {
				c.errs = append(c.errs, fmt.Errorf("%s: %w", strings.Join(at, "."), err))
				c.corrected[strings.Join(at, confmap.KeyDelimiter)] = 0
			}
		}
	}
}

func (c *numberCheck) list(values []any, t reflect.Type, path []string) {
	if t.Kind() != reflect.Slice {
		return
	}
	wrong := false
	for i, value := range values {
		if err := numberError(value, t.Elem()); err != nil {
			c.errs = append(c.errs, fmt.Errorf("%s[%d]: %w", strings.Join(path, "."), i, err))
			values[i], wrong = 0, true
		}
	}
	if wrong {
		c.corrected[strings.Join(path, confmap.KeyDelimiter)] = values
	}
}

// numberError says what is wrong with a number where a value of the type belongs.
func numberError(value any, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	number, isFloat := value.(float64)
	text, bare := bareNumber(value)
	switch {
	case t == durationType && bare:
		return fmt.Errorf("%s has no unit; write %ss", text, text)
	case t == durationType && isFloat && number != 0:
		return fmt.Errorf("%v is no duration; write a number with a unit, such as 5m", number)
	case t.Kind() == reflect.Int && isFloat && number != math.Trunc(number), t.Kind() == reflect.Int && math.Abs(number) > math.MaxInt32:
		return fmt.Errorf("%v is not a whole number", number)
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

// bareNumber returns the number that value is, if it is a finite one other than 0.
func bareNumber(value any) (text string, bare bool) {
	number, err := strconv.ParseFloat(strings.TrimSpace(fmt.Sprint(value)), 64)
	if err != nil || number == 0 || math.IsNaN(number) || math.IsInf(number, 0) {
		return "", false
	}
	return strconv.FormatFloat(number, 'f', -1, 64), true
}
