// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/receiver"
)

// schema is a JSON schema, as far as it is needed here.
type schema struct {
	Schema               string             `json:"$schema,omitempty"`
	Ref                  string             `json:"$ref,omitempty"`
	Title                string             `json:"title,omitempty"`
	Description          string             `json:"description,omitempty"`
	Type                 types              `json:"type,omitempty"`
	Default              any                `json:"default,omitempty"`
	Enum                 []string           `json:"enum,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	MinLength            int                `json:"minLength,omitempty"`
	Minimum              *float64           `json:"minimum,omitempty"`
	Maximum              *float64           `json:"maximum,omitempty"`
	Items                *schema            `json:"items,omitempty"`
	Properties           map[string]*schema `json:"properties,omitempty"`
	PatternProperties    map[string]*schema `json:"patternProperties,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"`
	Required             []string           `json:"required,omitempty"`
	MinProperties        int                `json:"minProperties,omitempty"`
	MaxProperties        int                `json:"maxProperties,omitempty"`
	DependentSchemas     map[string]*schema `json:"dependentSchemas,omitempty"`
	If                   *schema            `json:"if,omitempty"`
	Then                 *schema            `json:"then,omitempty"`
	AllOf                []*schema          `json:"allOf,omitempty"`
	AnyOf                []*schema          `json:"anyOf,omitempty"`
	Not                  *schema            `json:"not,omitempty"`
}

// types are the types that a value may have.
type types []string

// MarshalJSON implements json.Marshaler. A single type needs no list.
func (t types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

const (
	// expansion matches what the collector replaces before it reads a value: ${env:NAME}. It may stand for any value.
	expansion = `\$\{`
	// duration matches what time.ParseDuration reads, unless it is negative: no key takes that.
	duration = `^\+?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|ms|s|m|h))+$|^0$`
	// componentID matches the ID of an extension.
	componentID = `^[A-Za-z][0-9A-Za-z_]*(/.+)?$`
)

// ofConfig is the schema of the receiver's configuration.
func ofConfig() (*schema, error) {
	w := writer{comments: comments{}}
	properties, err := w.comments.of(reflect.TypeFor[source.Property]())
	if err != nil {
		return nil, err
	}
	w.rules = rules(properties.values())
	s := w.object(reflect.ValueOf(receiver.NewFactory().CreateDefaultConfig()).Elem(), "")
	s.Title = "Configuration of the receiver " + receiver.NewFactory().Type().String()
	w.apply("", s)
	for path := range w.rules {
		w.fail(fmt.Errorf("there is a rule for %s, which is no key", path))
	}
	return s, w.err
}

type writer struct {
	comments comments
	// rules are those that have not been applied yet.
	rules map[string]rule
	err   error
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// apply applies the rules for a key.
func (w *writer) apply(path string, s *schema) {
	for _, change := range w.rules[path] {
		change(s)
	}
	delete(w.rules, path)
}

// object is the schema of a struct with these defaults.
func (w *writer) object(defaults reflect.Value, path string) *schema {
	s := &schema{Type: []string{"object"}, Properties: map[string]*schema{}, AdditionalProperties: false}
	w.properties(s, defaults, path)
	return s
}

func (w *writer) properties(s *schema, defaults reflect.Value, path string) {
	comments, err := w.comments.of(defaults.Type())
	if err != nil {
		w.fail(err)
		return
	}
	for field, value := range defaults.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		switch {
		case !field.IsExported():
		case options == "squash":
			w.properties(s, value, path)
		default:
			property := w.value(value, path+name)
			property.Description = described(comments.fields[field.Name], field.Name, name) + property.Description
			w.apply(path+name, property)
			if property.Description == "" {
				w.fail(fmt.Errorf("%s.%s has no comment to describe %s", defaults.Type(), field.Name, path+name))
			}
			s.Properties[name] = property
		}
	}
}

// value is the schema of a value with this default.
func (w *writer) value(byDefault reflect.Value, path string) *schema {
	t := byDefault.Type()
	switch {
	case t == reflect.TypeFor[configopaque.MapList]():
		return headers()
	case t == reflect.TypeFor[*component.ID](), t == reflect.TypeFor[component.ID]():
		return &schema{Type: []string{"string"}, Pattern: or(componentID, expansion)}
	case t == reflect.TypeFor[time.Duration]():
		return &schema{
			Type: []string{"string", "integer"}, Pattern: or(duration, expansion), Minimum: new(0.0), Maximum: new(0.0), Default: written(byDefault),
		}
	case isOptional(t):
		// What it holds, which the method Get returns a pointer to.
		inner := reflect.New(reflect.PointerTo(t).Method(0).Type.Out(0).Elem()).Elem()
		s := expandable(w.object(inner, path+"."))
		s.Properties["enabled"] = expandable(&schema{
			Type: []string{"boolean"}, Description: "false takes the block away, as if it were not there.",
		})
		return s
	}
	switch t.Kind() {
	case reflect.Pointer:
		return w.value(reflect.New(t.Elem()).Elem(), path).withoutDefault()
	case reflect.Struct:
		return expandable(w.object(byDefault, path+"."))
	case reflect.Slice:
		items := w.value(reflect.New(t.Elem()).Elem(), path+"[]").withoutDefault()
		w.apply(path+"[]", items)
		return expandable(&schema{Type: []string{"array"}, Items: items, Default: written(byDefault)})
	case reflect.String:
		return w.text(byDefault)
	case reflect.Bool:
		return expandable(&schema{Type: []string{"boolean"}, Default: written(byDefault)})
	case reflect.Int:
		return expandable(&schema{Type: []string{"integer"}, Default: written(byDefault)})
	case reflect.Float64:
		return expandable(&schema{Type: []string{"number"}, Default: written(byDefault)})
	}
	w.fail(fmt.Errorf("%s has the type %s, for which there is no schema", path, t))
	return &schema{}
}

// text is the schema of a text, or of one of the constants of its type.
func (w *writer) text(byDefault reflect.Value) *schema {
	s := &schema{Type: []string{"string"}, Default: written(byDefault)}
	comments, err := w.comments.of(byDefault.Type())
	if err != nil {
		w.fail(err)
	}
	for _, constant := range comments.constants {
		if constant.comment != "" {
			s.Description += "\n- " + described(constant.comment, constant.name, constant.value)
		}
	}
	oneOf(comments.values()...)(s)
	return s
}

func (s *schema) withoutDefault() *schema {
	s.Default = nil
	return s
}

// expandable accepts a text that stands for the value.
func expandable(s *schema) *schema {
	s.Type, s.Pattern = append(s.Type, "string"), expansion
	return s
}

func or(patterns ...string) string { return strings.Join(patterns, "|") }

func isOptional(t reflect.Type) bool {
	return strings.HasPrefix(t.String(), "configoptional.Optional[")
}

// headers is a map, or a list of names and values.
func headers() *schema {
	text := func() *schema { return &schema{Type: []string{"string"}} }
	return &schema{
		Type: []string{"object", "array", "string"}, Pattern: expansion, AdditionalProperties: text(),
		Items: &schema{
			Type: []string{"object"}, Properties: map[string]*schema{"name": text(), "value": text()},
			Required: []string{"name", "value"}, AdditionalProperties: false,
		},
	}
}

// zeroUnits are what time.Duration.String ends with and nobody writes: 5m0s.
var zeroUnits = regexp.MustCompile(`([hm])(0[ms])+$`)

// written is a default as a configuration has it, nil for a value that is not set.
func written(v reflect.Value) any {
	if d, ok := reflect.TypeAssert[time.Duration](v); ok {
		return zeroUnits.ReplaceAllString(d.String(), "$1")
	}
	switch v.Kind() {
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = written(v.Index(i))
		}
		return list
	case reflect.String:
		if v.String() == "" {
			return nil
		}
		return v.String()
	}
	return v.Interface()
}
