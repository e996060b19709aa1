// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"reflect"

	"go.opentelemetry.io/collector/component"

	"github.com/o365messagetrace/o365messagetrace/internal/poll"
)

// electionOf returns the election that an extension holds, nil if it holds none. The method is looked up by its name, since
// its parameters have types of the extension's own, whose module would bring the whole Kubernetes client along.
func electionOf(extension component.Component) poll.Election {
	method := reflect.ValueOf(extension).MethodByName("SetCallBackFuncs")
	if !method.IsValid() || method.Type().NumIn() != 2 {
		return nil
	}
	onStart, onStop := method.Type().In(0), method.Type().In(1)
	if !reflect.TypeFor[func(context.Context)]().ConvertibleTo(onStart) || !reflect.TypeFor[func()]().ConvertibleTo(onStop) {
		return nil
	}
	return func(started func(context.Context), stopped func()) {
		method.Call([]reflect.Value{reflect.ValueOf(started).Convert(onStart), reflect.ValueOf(stopped).Convert(onStop)})
	}
}
