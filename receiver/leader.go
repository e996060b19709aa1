// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"reflect"

	"go.opentelemetry.io/collector/component"
)

// election calls back when this collector becomes the leader, and when it no longer is.
type election func(started func(context.Context), stopped func())

// electionOf returns the election that an extension holds, nil if it holds none. The method is looked up by its name, since
// its parameters have types of the extension's own, whose module would bring the whole Kubernetes client along.
func electionOf(extension component.Component) election {
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

// whileLeading runs the loop whenever this collector is the leader, until ctx ends.
func (r *messageTraceReceiver) whileLeading(ctx context.Context, elect election) {
	leading := newToggle()
	elect(func(context.Context) { leading.set(true) }, func() { leading.set(false) })
	r.set.Logger.Info("waiting to be elected leader by the extension named in k8s_leader_elector")
	for ctx.Err() == nil {
		term, end := leading.term(ctx)
		if term.Err() == nil {
			r.set.Logger.Info("elected leader: polling")
			// Another leader may have gone on meanwhile, in a storage that both use.
			if r.cfg.StorageID != nil {
				r.collector = nil
				r.closeConnections()
			}
			r.loop(term)
			r.set.Logger.Info("not the leader any more, or shutting down: not polling")
		}
		end()
	}
}

// toggle is on or off.
type toggle struct {
	// state holds the latest state that nobody has taken notice of.
	state chan bool
}

func newToggle() *toggle { return &toggle{state: make(chan bool, 1)} }

func (t *toggle) set(on bool) {
	for {
		select {
		case t.state <- on:
			return
		default:
		}
		// What was there is out of date.
		select {
		case <-t.state:
		default:
		}
	}
}

// term waits until the toggle is on, and returns a context that ends when it is off again, or when ctx ends.
func (t *toggle) term(ctx context.Context) (term context.Context, end func()) {
	for on := false; !on; {
		select {
		case on = <-t.state:
		case <-ctx.Done():
			return ctx, func() {}
		}
	}
	term, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case on := <-t.state:
				if !on {
					cancel()
					return
				}
			case <-term.Done():
				return
			}
		}
	}()
	return term, func() {
		cancel()
		<-done
	}
}
