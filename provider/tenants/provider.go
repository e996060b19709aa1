// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package tenants is a provider of the collector's configuration: it makes a receiver of each line of a list of tenants.
// docs/scaling.md tells what a list looks like.
package tenants

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"
)

const (
	// scheme begins the URIs of lists: tenants:/etc/otelcol/tenants.yaml.
	scheme = "tenants"
	// strict ends the URI of a list whose wrong lines are errors: `validate` shows no log lines.
	strict = "#strict"
)

// NewFactory returns the factory of the provider.
func NewFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(set confmap.ProviderSettings) confmap.Provider { return &provider{set.Logger} })
}

type provider struct{ logger *zap.Logger }

var errNone = errors.New("no tenant of the list can be read")

// Retrieve returns the receivers of a list, and the pipelines that they feed. A line that is wrong is logged with its number
// and left out, unless the URI ends in #strict. A list is an error if it cannot be read, is wrong outside its lines, or has
// no line that is right.
func (p *provider) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	path, ok := strings.CutPrefix(uri, scheme+":")
	if !ok {
		return nil, fmt.Errorf("%q is not supported by the provider %q", uri, scheme)
	}
	path, isStrict := strings.CutSuffix(path, strict)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the list of tenants cannot be read: %w", err)
	}
	l, err := parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	conf, wrong := l.configuration()
	if isStrict && len(wrong) > 0 {
		return nil, fmt.Errorf("%s: %w", path, errors.Join(joined(wrong)...))
	}
	for _, each := range wrong {
		p.logger.Error("a tenant is left out, since its line of the list is wrong",
			zap.String("list", path), zap.Int("line", each.line), zap.Error(each.err))
	}
	if conf == nil {
		return nil, fmt.Errorf("%s: %w", path, errors.Join(append([]error{errNone}, joined(wrong)...)...))
	}
	return confmap.NewRetrieved(conf)
}

// maxShown is how many wrong lines an error repeats.
const maxShown = 10

func joined(wrong []wrongLine) (all []error) {
	for _, each := range wrong[:min(len(wrong), maxShown)] {
		all = append(all, fmt.Errorf("line %d: %w", each.line, each.err))
	}
	return all
}

// Scheme returns what URIs of lists begin with.
func (*provider) Scheme() string { return scheme }

// Shutdown does nothing.
func (*provider) Shutdown(context.Context) error { return nil }
