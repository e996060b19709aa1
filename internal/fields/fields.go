// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package fields adds attributes to records whose values are expressions in the OpenTelemetry Transformation Language
// (OTTL).
package fields

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// logContext is the context that expressions are evaluated in. Their paths may name it or not.
const logContext = "log"

// Definition is one further attribute: its name, and a value expression in the context log.
type Definition struct{ Name, Value string }

// Fields are the further attributes of the records of one receiver.
type Fields struct {
	fields []field
	failed func(name string, err error)
}

type field struct {
	name  string
	value expression
}

// Compile reads the expressions, and calls failed whenever one of them cannot be evaluated for a record. The text of that error
// has no values of the record, and can be had until failed returns; the error that it wraps may have some. Compile's own error joins
// those of all definitions, each of which begins with fields[i].value.
func Compile(definitions []Definition, settings component.TelemetrySettings, failed func(name string, err error)) (*Fields, error) {
	compiler, err := newCompiler(settings)
	if err != nil {
		return nil, err
	}
	f := &Fields{failed: failed}
	var errs []error
	for i, d := range definitions {
		value, err := compiler.ParseValueExpressionsWithContext(logContext, ottl.NewValueExpressionsGetter([]string{d.Value}), true)
		if err != nil {
			errs = append(errs, fmt.Errorf("fields[%d].value: of %q: %w", i, d.Name, err))
			continue
		}
		f.fields = append(f.fields, field{name: d.Name, value: value})
	}
	return f, errors.Join(errs...)
}

type expression = *ottl.ValueExpression[*ottllog.TransformContext]

// newCompiler returns what reads single expressions. The collection, unlike a bare parser, accepts paths with and without
// the name of the context.
func newCompiler(settings component.TelemetrySettings) (*ottl.ParserCollection[expression], error) {
	parser, err := ottllog.NewParser(
		ottlfuncs.StandardConverters[*ottllog.TransformContext](), settings, ottllog.EnablePathContextNames())
	if err != nil {
		return nil, err
	}
	type collection = ottl.ParserCollection[expression]
	only := func(_ *collection, _ ottl.ValueExpressionsGetter, parsed []expression) (expression, error) {
		return parsed[0], nil
	}
	return ottl.NewParserCollection(settings,
		ottl.WithParserCollectionContext(logContext, &parser, ottl.WithValueExpressionConverter(only)))
}

// Set adds the attributes to the record, in the order of their definitions: later ones see earlier ones. An expression
// whose value is nil, or that fails, adds nothing.
func (f *Fields) Set(ctx context.Context, resource plog.ResourceLogs, scope plog.ScopeLogs, record plog.LogRecord) {
	if len(f.fields) == 0 {
		return
	}
	at := newContext(resource, scope, record)
	defer at.Close()
	for _, each := range f.fields {
		if err := each.set(ctx, at, record.Attributes()); err != nil {
			f.failed(each.name, &failure{err, record})
		}
	}
}

func (f *field) set(ctx context.Context, at *ottllog.TransformContext, attributes pcommon.Map) error {
	raw, err := f.value.Eval(ctx, at)
	if err != nil || raw == nil {
		return err
	}
	value, err := valueOf(raw)
	if err != nil || value.Type() == pcommon.ValueTypeEmpty {
		return err
	}
	value.MoveTo(attributes.PutEmpty(f.name))
	return nil
}

// valueOf converts what expressions can evaluate to.
func valueOf(raw any) (pcommon.Value, error) {
	value := pcommon.NewValueEmpty()
	switch raw := raw.(type) {
	case pcommon.Value:
		raw.CopyTo(value)
	case pcommon.Map:
		raw.CopyTo(value.SetEmptyMap())
	case pcommon.Slice:
		raw.CopyTo(value.SetEmptySlice())
	case time.Time:
		value.SetStr(raw.Format(time.RFC3339Nano))
	case time.Duration:
		value.SetStr(raw.String())
	default:
		return value, value.FromRaw(raw)
	}
	return value, nil
}
