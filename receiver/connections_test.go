// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
)

// dialled makes clients and counts them.
type dialled struct{ atomic.Int32 }

func (d *dialled) dial(ctx context.Context, cfg *confighttp.ClientConfig) (*http.Client, error) {
	d.Add(1)
	cfg.Auth = configoptional.None[configauth.Config]()
	return cfg.ToClient(ctx, nil, componenttest.NewNopTelemetrySettings())
}

func TestWhoHasTheSameSettingsHasTheSameConnections(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		other  func(*confighttp.ClientConfig)
		shared bool
	}{
		"the same":            {func(*confighttp.ClientConfig) {}, true},
		"another URL":         {func(c *confighttp.ClientConfig) { c.Endpoint = "https://b.example" }, true},
		"another timeout":     {func(c *confighttp.ClientConfig) { c.Timeout = time.Second }, true},
		"another proxy":       {func(c *confighttp.ClientConfig) { c.ProxyURL = "http://127.0.0.1:1" }, false},
		"another name":        {func(c *confighttp.ClientConfig) { c.TLS.ServerName = "b.example" }, false},
		"another way to ping": {func(c *confighttp.ClientConfig) { c.HTTP2PingTimeout = time.Second }, false},
		"another header": {func(c *confighttp.ClientConfig) {
			c.Headers = configopaque.MapList{{Name: "X-A", Value: "2"}}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, d := &pool{}, &dialled{}
			one := newClientConfig()
			one.Endpoint, one.Timeout = "https://a.example", time.Minute
			one.Headers = configopaque.MapList{{Name: "X-A", Value: "1"}}
			other := one
			c.other(&other)
			first, ofFirst, leaveFirst, err := p.take(t.Context(), &one, d.dial)
			require.NoError(t, err)
			second, ofSecond, leaveSecond, err := p.take(t.Context(), &other, d.dial)
			require.NoError(t, err)
			assert.Equal(t, c.shared, first.Transport == second.Transport)
			assert.Equal(t, c.shared, ofFirst == ofSecond)
			assert.Equal(t, time.Minute, first.Timeout)
			assert.Equal(t, other.Timeout, second.Timeout, "each has its own timeout")
			leaveFirst()
			leaveFirst()
			leaveSecond()
			assert.Empty(t, p.all)
		})
	}
}

func TestWhatIsMeantForOneReceiverIsNotShared(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*confighttp.ClientConfig){
		"auth": func(c *confighttp.ClientConfig) {
			c.Auth = configoptional.Some(configauth.Config{AuthenticatorID: component.MustNewID("a")})
		},
		"cookies":            func(c *confighttp.ClientConfig) { c.Cookies = configoptional.Some(confighttp.CookiesConfig{}) },
		"middlewares":        func(c *confighttp.ClientConfig) { c.Middlewares = []configmiddleware.Config{{}} },
		"max_conns_per_host": func(c *confighttp.ClientConfig) { c.MaxConnsPerHost = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := newClientConfig()
			change(&cfg)
			p, made := &pool{}, 0
			dial := func(context.Context, *confighttp.ClientConfig) (*http.Client, error) {
				made++
				return &http.Client{Transport: &http.Transport{}}, nil
			}
			for range 2 {
				_, _, leave, err := p.take(t.Context(), &cfg, dial)
				require.NoError(t, err)
				leave()
			}
			assert.Equal(t, 2, made)
			assert.Empty(t, p.all)
		})
	}
}

func TestAClientThatCannotBeMadeIsNotKept(t *testing.T) {
	t.Parallel()
	wrong := errors.New("no such file")
	p := &pool{}
	cfg, own := newClientConfig(), newClientConfig()
	own.MaxConnsPerHost = 1
	for _, each := range []*confighttp.ClientConfig{&cfg, &own} {
		_, _, _, err := p.take(t.Context(), each, func(context.Context, *confighttp.ClientConfig) (*http.Client, error) { return nil, wrong })
		require.ErrorIs(t, err, wrong)
	}
	assert.Empty(t, p.all)
}

// TestConnectionsLastAsLongAsTheirLastUser has clients come and go, and asks with each.
func TestConnectionsLastAsLongAsTheirLastUser(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		connections.Add(1)
		return ctx
	}
	server.Start()
	defer server.Close()
	p, d := &pool{}, &dialled{}
	cfg := newClientConfig()
	get := func(client *http.Client) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, resp.Body)
		require.NoError(t, resp.Body.Close())
	}
	for range 2 {
		var leaves []func()
		for range 20 {
			client, _, leave, err := p.take(t.Context(), &cfg, d.dial)
			require.NoError(t, err)
			get(client)
			leaves = append(leaves, leave)
		}
		for _, leave := range leaves {
			leave()
		}
	}
	assert.EqualValues(t, 2, connections.Load(), "one for all, until the last has left")
	assert.EqualValues(t, 2, d.Load())
}
