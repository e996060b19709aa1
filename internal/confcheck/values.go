// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package confcheck

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
	// A block that may be missing has the method Get, which returns a pointer to what it holds.
	if get, optional := reflect.PointerTo(defaults.Type()).MethodByName("Get"); optional {
		defaults = reflect.New(get.Type.Out(0).Elem()).Elem()
	}
	for field, byDefault := range defaults.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get(confmap.MapstructureTag), ",")
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
	text, bare := BareNumber(value)
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

// BareNumber returns the number that value is, if it is a finite one other than 0.
func BareNumber(value any) (text string, bare bool) {
	number, err := strconv.ParseFloat(strings.TrimSpace(fmt.Sprint(value)), 64)
	if err != nil || number == 0 || math.IsNaN(number) || math.IsInf(number, 0) {
		return "", false
	}
	return strconv.FormatFloat(number, 'f', -1, 64), true
}
