// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package confcheck

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
)

// A type whose values are few lists them.
type chooser interface{ Choices() []string }

// Choose reports a value that is none of the choices of its type.
func Choose[T interface {
	~string
	chooser
}](key string, value T) error {
	if slices.Contains(value.Choices(), string(value)) {
		return nil
	}
	return fmt.Errorf("%s: %q is none of %s", key, string(value), strings.Join(value.Choices(), ", "))
}

func problem(key string, err error) error { return fmt.Errorf("%s: %w", key, err) }

// mustBe reports a value of another kind than is expected. It does not repeat the value, which may be secret.
func mustBe(expected string, value any) error {
	got, hint := kind(value), ""
	if expected == someText && slices.Contains([]string{"a number", "a time", "true", "false"}, got) {
		hint = "; put it in quotes"
	}
	return fmt.Errorf("must be %s, not %s%s", expected, got, hint)
}

const (
	someText  = "a text"
	someBlock = "a block of keys"
)

// expected describes a value of the type in words.
func expected(t reflect.Type) string {
	if c, ok := reflect.TypeAssert[chooser](reflect.Zero(t)); ok {
		choices := c.Choices()
		last := len(choices) - 1
		return strings.Join(choices[:last], ", ") + " or " + choices[last]
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map:
		return someBlock
	case reflect.Struct, reflect.String:
		return someText
	}
	return "a whole number"
}

// kind describes a value in words.
func kind(value any) string {
	switch value := value.(type) {
	case node:
		switch {
		case value.block != nil:
			return someBlock
		case value.list != nil:
			return "a list"
		}
		return kind(value.value)
	case string:
		if value == "" {
			return "an empty text"
		}
		return someText
	case bool:
		return strconv.FormatBool(value)
	case time.Time:
		return "a time"
	case map[string]any:
		return someBlock
	case []any:
		return "a list"
	case nil:
		return "nothing"
	}
	return "a number"
}

// goType matches what the collector writes in place of the key of a squashed part that decodes itself.
var goType = regexp.MustCompile(`^[a-z]\w*\.[A-Z]\w*(: )?`)

// translate words what the collector finds wrong without names of Go types, each error with its key.
func translate(err error, at string) []error {
	var (
		part        *mapstructure.DecodeError
		convertible *mapstructure.UnconvertibleTypeError
	)
	switch e := err.(type) { //nolint:errorlint // the parts of err are looked at one by one
	case interface{ Unwrap() []error }:
		var all []error
		for _, one := range e.Unwrap() {
			all = append(all, translate(one, at)...)
		}
		return all
	case *mapstructure.DecodeError:
		key := goType.ReplaceAllString(e.Name(), "")
		if at != "" && key != "" && !strings.HasPrefix(key, "[") {
			key = "." + key
		}
		return translate(e.Unwrap(), at+key)
	}
	switch {
	case errors.As(err, &part):
		return translate(errors.Unwrap(err), at)
	case errors.As(err, &convertible):
		err = mustBe(expected(convertible.Expected.Type()), convertible.Value)
	case strings.HasPrefix(err.Error(), "expected a map or struct"):
		err = errors.New("must be " + someBlock)
	}
	if at == "" && goType.MatchString(err.Error()) {
		return []error{errors.New(goType.ReplaceAllString(err.Error(), ""))}
	}
	if at == "" {
		return []error{err}
	}
	return []error{problem(at, err)}
}
