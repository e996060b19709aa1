// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package configschema derives the JSON schema of a component's configuration for editors: keys and types from the fields of
// its struct, descriptions from their comments, defaults from the default configuration.
package configschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
)

const (
	// expansion matches what the collector replaces before it reads a value: ${env:NAME}. It may stand for any value.
	expansion = `\$\{`
	// duration matches what confcheck.ParseDuration reads, unless it is negative: no key takes that.
	duration = `^\+?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|ms|s|m|h|d))+$|^0$`
	// componentID matches the ID of an extension.
	componentID = `^[A-Za-z][0-9A-Za-z_]*(/.+)?$`
)

// schema is a JSON schema, or a part of one.
type schema = map[string]any

// Of returns the JSON schema of the configuration that factory creates by default. What its type does not tell, such as limits,
// is in more: a JSON schema in YAML, which is merged over the other. Neither needs to allow for ${env:NAME}.
// Of fails if a key has no description.
func Of(factory component.Factory, more []byte) ([]byte, error) {
	g := &generator{packages: map[string]*comments{}, keys: map[string]string{}}
	all := g.object(reflect.ValueOf(factory.CreateDefaultConfig()).Elem())
	all["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	all["title"] = "Configuration of " + factory.Type().String()

	retrieved, err := confmap.NewRetrievedFromYAML(more)
	if err != nil {
		return nil, err
	}
	rules, err := retrieved.AsConf()
	if err != nil {
		return nil, err
	}
	conf := confmap.NewFromStringMap(all)
	if err := errors.Join(g.err, conf.Merge(rules)); err != nil {
		return nil, err
	}
	all = conf.ToStringMap()
	if err := g.finish(all, ""); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err = encoder.Encode(all)
	return out.Bytes(), err
}

type generator struct {
	packages map[string]*comments
	// keys are the keys of the configuration by the names of their fields.
	keys map[string]string
	err  error
}

// object returns the schema of a struct with these defaults.
func (g *generator) object(defaults reflect.Value) schema {
	properties := schema{}
	g.fill(properties, defaults)
	return schema{"type": "object", "properties": properties, "additionalProperties": false}
}

func (g *generator) fill(properties schema, defaults reflect.Value) {
	for field, value := range defaults.Fields() {
		key, options, _ := strings.Cut(field.Tag.Get(confmap.MapstructureTag), ",")
		switch {
		case !field.IsExported():
		case strings.Contains(options, "squash"):
			g.fill(properties, value)
		default:
			property := g.value(value)
			constants, _ := property["description"].(string)
			text := g.commentsOf(defaults.Type()).fields[defaults.Type().Name()+"."+field.Name] + constants
			if rest, named := strings.CutPrefix(text, field.Name+" "); named {
				text = "`" + key + "` " + rest
			}
			property["description"] = text
			g.keys[field.Name] = key
			properties[key] = property
		}
	}
}

// value returns the schema of a value with this default.
func (g *generator) value(byDefault reflect.Value) schema {
	t := byDefault.Type()
	// A block that may be missing has the method Get, which returns a pointer to what it holds.
	get, optional := reflect.PointerTo(t).MethodByName("Get")
	switch {
	case t == reflect.TypeFor[configopaque.MapList]():
		return headers()
	case t == reflect.TypeFor[component.ID]():
		return schema{"type": "string", "pattern": componentID}
	case t == reflect.TypeFor[time.Duration]():
		return g.with(byDefault, schema{"type": []any{"string", "integer"}, "pattern": duration, "minimum": 0, "maximum": 0})
	case optional:
		block := g.block(byDefault, get.Type.Out(0).Elem())
		block["properties"].(schema)["enabled"] = schema{
			"type": "boolean", "description": "false takes the block away, as if it were not there.",
		}
		return block
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.withoutDefault(t.Elem())
	case reflect.Struct:
		return g.object(byDefault)
	case reflect.Slice:
		return g.with(byDefault, schema{"type": "array", "items": g.withoutDefault(t.Elem())})
	case reflect.Map:
		values := g.withoutDefault(t.Elem())
		s := schema{"type": "object", "additionalProperties": values, "description": values["description"]}
		delete(values, "description")
		return g.with(byDefault, s)
	case reflect.String:
		return g.with(byDefault, g.text(t))
	case reflect.Bool:
		return g.with(byDefault, schema{"type": "boolean"})
	case reflect.Int, reflect.Int64:
		return g.with(byDefault, schema{"type": "integer"})
	case reflect.Float64:
		return g.with(byDefault, schema{"type": "number"})
	}
	g.err = errors.Join(g.err, fmt.Errorf("there is no schema for the type %s", t))
	return schema{}
}

// block returns the schema of a block that may be missing, with the defaults that its keys have if it is there.
func (g *generator) block(byDefault reflect.Value, content reflect.Type) schema {
	optional := reflect.New(byDefault.Type())
	optional.Elem().Set(byDefault)
	if insert := optional.MethodByName("GetOrInsertDefault"); insert.IsValid() {
		if defaults := insert.Call(nil)[0].Elem(); !defaults.IsZero() {
			return g.value(defaults)
		}
	}
	return g.withoutDefault(content)
}

// finish words the descriptions of the keys in s, and lets ${env:NAME} stand for their values.
func (g *generator) finish(s schema, path string) error {
	var errs []error
	properties, _ := s["properties"].(schema)
	for key, value := range properties {
		property := value.(schema)
		text, _ := property["description"].(string)
		if text == "" {
			errs = append(errs, fmt.Errorf("%s%s has no comment to describe it", path, key))
		}
		property["description"] = compound.ReplaceAllStringFunc(text, g.key)
		if strings.HasPrefix(text, "Deprecated:") {
			property["deprecated"] = true
		}
		errs = append(errs, g.finish(property, path+key+"."))
		expandable(property)
	}
	for _, each := range []string{"items", "additionalProperties"} {
		if values, ok := s[each].(schema); ok {
			errs = append(errs, g.finish(values, path+"[]."))
			expandable(values)
		}
	}
	return errors.Join(errs...)
}

// compound matches names of fields such as PollInterval, which are no words.
var compound = regexp.MustCompile(`\b[A-Z]\w*[a-z]\w*[A-Z]\w*\b`)

// key returns the key of the field called name, or the name if there is none.
func (g *generator) key(name string) string {
	if key := g.keys[name]; key != "" {
		return "`" + key + "`"
	}
	return name
}

func expandable(s schema) {
	types, isList := s["type"].([]any)
	if !isList {
		types = []any{s["type"]}
	}
	switch {
	case s["enum"] != nil:
		s["anyOf"] = []any{schema{"enum": s["enum"]}, schema{"pattern": expansion}}
		delete(s, "enum")
	case s["pattern"] != nil:
		s["pattern"] = s["pattern"].(string) + "|" + expansion
	case !slices.Contains(types, any("string")):
		s["type"], s["pattern"] = append(types, "string"), expansion
	}
}

// with adds a default, unless it is an empty text or map, which stands for no value.
func (g *generator) with(byDefault reflect.Value, s schema) schema {
	if value := written(byDefault); value != "" {
		s["default"] = value
	}
	return s
}

// withoutDefault returns the schema of a value of which it depends on the configuration whether there is one.
func (g *generator) withoutDefault(t reflect.Type) schema {
	s := g.value(reflect.New(t).Elem())
	var strip func(schema)
	strip = func(s schema) {
		delete(s, "default")
		properties, _ := s["properties"].(schema)
		for _, property := range properties {
			strip(property.(schema))
		}
	}
	strip(s)
	return s
}

// text returns the schema of a text, or of one of the constants of its type.
func (g *generator) text(t reflect.Type) schema {
	s := schema{"type": "string"}
	var values []any
	var description strings.Builder
	for _, constant := range g.commentsOf(t).constants[t.Name()] {
		if constant.value == "" {
			continue
		}
		values = append(values, constant.value)
		if rest, named := strings.CutPrefix(constant.comment, constant.name+" "); named {
			description.WriteString("\n- `" + constant.value + "` " + rest)
		}
	}
	if values != nil {
		s["enum"], s["description"] = values, description.String()
	}
	return s
}

// headers returns the schema of a map, or of a list of names and values.
func headers() schema {
	return schema{
		"type": []any{"object", "array"}, "additionalProperties": schema{"type": "string"}, "items": schema{
			"type": "object", "required": []any{"name", "value"}, "additionalProperties": false, "properties": schema{
				"name":  schema{"type": "string", "description": "The name of a header."},
				"value": schema{"type": "string", "description": "Its value."},
			},
		},
	}
}

// written returns a default as a configuration has it, an empty text for none.
func written(v reflect.Value) any {
	if d, ok := reflect.TypeAssert[time.Duration](v); ok {
		return strings.NewReplacer("m0s", "m", "h0m0s", "h").Replace(d.String())
	}
	switch v.Kind() {
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = written(v.Index(i))
		}
		return list
	case reflect.String:
		return v.String()
	case reflect.Map:
		if v.Len() == 0 {
			return ""
		}
	}
	return v.Interface()
}
