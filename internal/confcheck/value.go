// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package confcheck

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"
)

var (
	durationType        = reflect.TypeFor[time.Duration]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
	unmarshalerType     = reflect.TypeFor[confmap.Unmarshaler]()

	// ErrUnset is a value of which nothing is left. The name of the variable is not known here: the collector has replaced it.
	ErrUnset = errors.New("the environment variable in it is not set or empty")

	errNoValue = errors.New("has no value; give one, or leave the key out")
	errUnset   = fmt.Errorf("has no value, since %w; set it, or leave the key out", ErrUnset)
)

// readsItself reports whether values of the type are texts that it reads itself, as the ID of an extension is.
func readsItself(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textUnmarshalerType) }

// value checks the value of a key.
func (c *checker) value(n node, f field, at place) result {
	t, _ := present(f.t)
	isBlock := t.Kind() == reflect.Struct && !readsItself(t)
	switch {
	case isBlock && (n.unset || n.value == ""):
		return c.reject(at, errUnset)
	case n.missing() && !isBlock && f.byDefault.IsValid() && f.byDefault.Kind() != reflect.Struct && !f.byDefault.IsZero():
		if n.unset {
			return c.reject(at, errUnset)
		}
		return c.reject(at, errNoValue)
	case n.missing():
		if n.unset {
			c.unset = append(c.unset, at.right)
		}
		return result{same: true}
	case isBlock:
		return c.nested(n, f, at)
	case readsItself(t):
		return c.fromText(n, t, at)
	case reflect.PointerTo(t).Implements(unmarshalerType) || t.Kind() == reflect.Map:
		return c.decoded(n, t, at)
	case t.Kind() == reflect.Slice:
		return c.list(n, t, at)
	}
	return c.single(n, t, at)
}

// nested checks a block.
func (c *checker) nested(n node, f field, at place) result {
	if n.block == nil {
		return c.reject(at, mustBe(someBlock, n))
	}
	all := result{same: true, value: n.block.ToStringMap()}
	for key, r := range c.block(n.block, fields(f.t, f.byDefault), at) {
		r.putInto(all.value.(map[string]any), key)
		all.same = all.same && r.same
	}
	return all
}

// list checks a list. A text is one as well: its elements are separated by commas.
func (c *checker) list(n node, t reflect.Type, at place) result {
	text, isText := n.value.(string)
	items := n.list
	switch {
	case isText && text != "":
		for item := range strings.SplitSeq(text, ",") {
			items = append(items, node{value: item, text: &item})
		}
	case items == nil && !isText:
		return c.reject(at, mustBe("a list", n))
	}
	all := result{same: true}
	values := make([]any, 0, len(items))
	for i, item := range items {
		index := fmt.Sprintf("[%d]", i)
		r := c.value(item, field{t: t.Elem()}, place{at.written + index, at.right + index})
		values = append(values, cmp.Or(r.value, item.plain()))
		all.same, all.dropped = all.same && r.same, all.dropped || r.dropped
	}
	if all.dropped {
		// Without some of its elements, the rules would count the others wrongly.
		c.settled = append(c.settled, at.right)
		return all
	}
	return result{same: all.same, value: values}
}

// fromText checks a value of a type that reads texts, such as the ID of an extension.
func (c *checker) fromText(n node, t reflect.Type, at place) result {
	text, ok := n.value.(string)
	if t.Kind() == reflect.String && n.text != nil {
		text, ok = *n.text, true
	}
	if !ok {
		return c.reject(at, mustBe(expected(t), n))
	}
	if err := reflect.New(t).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		return c.reject(at, err)
	}
	return result{same: true}
}

// decoded checks a value of a type that decodes itself as the collector has it decoded.
func (c *checker) decoded(n node, t reflect.Type, at place) result {
	if n.value != nil {
		return c.reject(at, mustBe(someBlock, n))
	}
	alone := reflect.StructOf([]reflect.StructField{{
		Name: "Value", Type: t, Tag: reflect.StructTag(fmt.Sprintf("%s:%q", confmap.MapstructureTag, n.key)),
	}})
	err := n.source.Unmarshal(reflect.New(alone).Interface(), confmap.WithIgnoreUnused())
	if err == nil {
		return result{same: true}
	}
	c.errs = append(c.errs, translate(err, strings.TrimSuffix(strings.TrimSuffix(at.written, n.key), "."))...)
	c.settled = append(c.settled, at.right)
	return result{dropped: true}
}

// single checks a text, a number, a duration, true or false.
func (c *checker) single(n node, t reflect.Type, at place) result {
	var err error
	switch {
	case t == durationType:
		return c.duration(n, at)
	case t.Kind() == reflect.String:
		if n.text == nil {
			err = mustBe(expected(t), n)
		}
	case t.Kind() == reflect.Bool:
		if _, ok := n.value.(bool); !ok {
			err = mustBe(expected(t), n)
		}
	default:
		err = checkNumber(n, t)
	}
	switch {
	case err != nil:
		return c.reject(at, err)
	case t.Kind() == reflect.String:
		return result{same: true, value: *n.text}
	}
	return result{same: true}
}

// checkNumber reports what is no number of the type, also what the collector would cut off.
func checkNumber(n node, t reflect.Type) error {
	whole := t.Kind() != reflect.Float64 && t.Kind() != reflect.Float32
	var number float64
	switch value := n.value.(type) {
	case int:
		number = float64(value)
	case int64:
		number = float64(value)
	case uint64:
		number = float64(value)
	case float64:
		number = value
	default:
		return mustBe(expected(t), n)
	}
	limit := float64(math.MaxInt32)
	if t.Size() > 4 && t.Kind() != reflect.Int {
		limit = 1 << 53
	}
	switch {
	case !whole:
	case number != math.Trunc(number) || math.IsNaN(number):
		return fmt.Errorf("%v is not a whole number", n.value)
	case math.Abs(number) > limit:
		return fmt.Errorf("%v is too large", n.value)
	}
	return nil
}

// duration checks a duration. The collector takes a bare number for nanoseconds, which nobody means.
func (c *checker) duration(n node, at place) result {
	text, isText := n.value.(string)
	number, isFloat := n.value.(float64)
	bare, isBare := BareNumber(n.value)
	zero := !isText && !isBare && fmt.Sprint(n.value) == "0"
	switch {
	case isBare:
		c.reject(at, fmt.Errorf("%s has no unit; write %ss", bare, bare))
		return c.instead(bare + "s")
	case zero:
		return result{same: true}
	case isFloat:
		return c.reject(at, fmt.Errorf("%v is no duration; write %s", number, someDuration))
	case !isText || text == "":
		return c.reject(at, mustBe("a duration such as 5m", n))
	}
	d, err := ParseDuration(text)
	if err != nil {
		c.reject(at, err)
		return c.instead(suggested(text))
	}
	if _, err := time.ParseDuration(text); err != nil {
		return result{value: d.String()}
	}
	return result{same: true}
}

// instead has what is meant take the place of what has just been rejected, so that the rules can be checked.
func (c *checker) instead(text string) result {
	d, err := ParseDuration(text)
	if err != nil {
		return result{dropped: true}
	}
	c.settled = c.settled[:len(c.settled)-1]
	return result{value: d.String()}
}

// BareNumber returns the number that value is, if it is a finite one other than 0.
func BareNumber(value any) (text string, bare bool) {
	number, err := strconv.ParseFloat(strings.TrimSpace(fmt.Sprint(value)), 64)
	if err != nil || number == 0 || math.IsNaN(number) || math.IsInf(number, 0) {
		return "", false
	}
	return strconv.FormatFloat(number, 'f', -1, 64), true
}
