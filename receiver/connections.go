// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/config/confighttp"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// pool holds the connections of receivers. Those whose settings are equal use the same ones, and trust the same
// certificates, so that a further tenant costs neither a connection nor a pool of certificates.
type pool struct {
	mu  sync.Mutex
	all []*road
}

// road is a way to the service, with its connections.
type road struct {
	settings confighttp.ClientConfig
	http.RoundTripper
	connections *transport.Connections
	users       int
}

// roads are those of all receivers in this process.
var roads = &pool{}

// shareable reports whether a client with these settings can have its connections in common with others. Extensions and
// cookies are about one receiver alone, and a limit of connections is meant for each.
func shareable(cfg *confighttp.ClientConfig) bool {
	return !cfg.Auth.HasValue() && !cfg.Cookies.HasValue() && len(cfg.Middlewares) == 0 && cfg.MaxConnsPerHost == 0
}

// take returns a client with the settings, and what is known of its connections. What it takes is made where no other client
// has it already, and must be given back by leave.
func (p *pool) take(
	ctx context.Context, cfg *confighttp.ClientConfig, dial func(context.Context, *confighttp.ClientConfig) (*http.Client, error),
) (client *http.Client, connections *transport.Connections, leave func(), err error) {
	if !shareable(cfg) {
		client, err = dial(ctx, cfg)
		if err != nil {
			return nil, nil, nil, err
		}
		return client, &transport.Connections{}, client.CloseIdleConnections, nil
	}
	settings := *cfg
	settings.Endpoint, settings.Timeout = "", 0
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.all, func(r *road) bool { return reflect.DeepEqual(r.settings, settings) })
	if i < 0 {
		made, err := dial(ctx, &settings)
		if err != nil {
			return nil, nil, nil, err
		}
		i = len(p.all)
		p.all = append(p.all, &road{settings: settings, RoundTripper: made.Transport, connections: &transport.Connections{}})
	}
	r := p.all[i]
	r.users++
	return &http.Client{Transport: r.RoundTripper, Timeout: cfg.Timeout}, r.connections, sync.OnceFunc(func() { p.leave(r) }), nil
}

// leave closes the connections that the last user leaves.
func (p *pool) leave(r *road) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.users--; r.users > 0 {
		return
	}
	p.all = slices.DeleteFunc(p.all, func(each *road) bool { return each == r })
	(&http.Client{Transport: r.RoundTripper}).CloseIdleConnections()
}
