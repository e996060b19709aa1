// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
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

// readTexts has the values of a block of texts read as such. YAML takes seconds since 1970 for a number, and RFC 3339 for a
// time.
func readTexts(conf *confmap.Conf, block string) error {
	values, ok := conf.Get(block).(map[string]any)
	if !ok {
		return nil
	}
	for key, value := range values {
		switch value := value.(type) {
		case int, int64, uint64:
			values[key] = fmt.Sprint(value)
		case float64:
			values[key] = strconv.FormatFloat(value, 'f', -1, 64)
		case time.Time:
			values[key] = value.Format(time.RFC3339Nano)
		}
	}
	// All of them, since an environment variable may have brought the block as a whole.
	return conf.Merge(confmap.NewFromStringMap(map[string]any{block: values}))
}

// checkValues reports what the collector would misread in silence: a duration that is a bare number, which it takes for
// nanoseconds and nobody means; an integer with a fraction, which it cuts off; and no value at all where the default is
// another than zero, which it replaces by zero. Numbers that are reported are 0 afterwards, so that the collector does not
// report them a second time. cfg points to the defaults.
func checkValues(conf *confmap.Conf, cfg any) error {
	c := valueCheck{corrected: map[string]any{}}
	c.object(conf.ToStringMap(), reflect.ValueOf(cfg).Elem(), nil)
	return errors.Join(append(c.errs, conf.Merge(confmap.NewFromStringMap(c.corrected)))...)
}

type valueCheck struct {
	corrected map[string]any
	errs      []error
}

// object checks the values of the keys of a struct.
func (c *valueCheck) object(values map[string]any, defaults reflect.Value, path []string) {
	if defaults.Kind() != reflect.Struct {
		return
	}
	for field, byDefault := range defaults.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		if options == "squash" {
			c.object(values, byDefault, path)
			continue
		}
		value, given := values[name]
		if !given || !field.IsExported() {
			continue
		}
		at := slices.Concat(path, []string{name})
		switch value := value.(type) {
		case nil:
			if byDefault.Kind() != reflect.Struct && !byDefault.IsZero() {
				c.errs = append(c.errs, fmt.Errorf("%s: has no value; give one, or leave the key out", strings.Join(at, ".")))
			}
		case map[string]any:
			c.object(value, byDefault, at)
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

func (c *valueCheck) list(values []any, t reflect.Type, path []string) {
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
	_, isTooLarge := value.(uint64)
	text, bare := bareNumber(value)
	switch {
	case t == durationType && bare:
		return fmt.Errorf("%s has no unit; write %ss", text, text)
	case t == durationType && isFloat && number != 0:
		return fmt.Errorf("%v is no duration; write a number with a unit, such as 5m", number)
	case t.Kind() == reflect.Int && isFloat && number != math.Trunc(number):
		return fmt.Errorf("%v is not a whole number", number)
	case t.Kind() == reflect.Int && (isTooLarge || math.Abs(number) > math.MaxInt32):
		return fmt.Errorf("%v is too large", value)
	}
	return nil
}

// bareNumber returns the number that value is, if it is a finite one other than 0.
func bareNumber(value any) (text string, bare bool) {
	number, err := strconv.ParseFloat(strings.TrimSpace(fmt.Sprint(value)), 64)
	if err != nil || number == 0 || math.IsNaN(number) || math.IsInf(number, 0) {
		return "", false
	}
	return strconv.FormatFloat(number, 'f', -1, 64), true
}
