// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/httpsprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/receiver"
)

// ours is the type of the receivers.
var ours = receiver.NewFactory().Type()

// configuration is that of a collector.
type configuration struct {
	conf *confmap.Conf
	// written are the parts as they were written, later ones last, as far as they can be had.
	written []map[string]any
}

// read reads a configuration as the collector does, with the providers of its distribution.
func read(ctx context.Context, uris []string) (_ *configuration, err error) {
	noting := &noted{}
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs:             uris,
		ProviderSettings: confmap.ProviderSettings{Logger: zap.NewNop()},
		ProviderFactories: []confmap.ProviderFactory{
			envprovider.NewFactory(), noting.whatIsWritten(fileprovider.NewFactory()), httpsprovider.NewFactory(),
			noting.whatIsWritten(yamlprovider.NewFactory()),
		},
		DefaultScheme: "env",
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, resolver.Shutdown(context.WithoutCancel(ctx))) }()
	conf, err := resolver.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	return &configuration{conf: conf, written: noting.maps}, nil
}

// noted keeps what providers retrieve before variables are expanded in it.
type noted struct{ maps []map[string]any }

type notingProvider struct {
	confmap.Provider
	noted *noted
}

func (n *noted) whatIsWritten(f confmap.ProviderFactory) confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(set confmap.ProviderSettings) confmap.Provider {
		return &notingProvider{f.Create(set), n}
	})
}

// Retrieve implements confmap.Provider. What it returns is changed in place, and so retrieved once more to be kept.
func (p *notingProvider) Retrieve(ctx context.Context, uri string, watch confmap.WatcherFunc) (*confmap.Retrieved, error) {
	kept, err := p.Provider.Retrieve(ctx, uri, nil)
	if err != nil {
		return nil, err
	}
	if raw, err := kept.AsRaw(); err == nil {
		if block, ok := raw.(map[string]any); ok {
			p.noted.maps = append(p.noted.maps, block)
		}
	}
	return p.Provider.Retrieve(ctx, uri, watch)
}

// receivers returns the IDs of the receivers of our type, sorted.
func (c *configuration) receivers() (ids []component.ID, err error) {
	block, err := c.conf.Sub("receivers")
	if err != nil {
		return nil, errors.New("receivers: must be a block of keys")
	}
	for _, key := range slices.Sorted(maps.Keys(block.ToStringMap())) {
		var id component.ID
		if err := id.UnmarshalText([]byte(key)); err != nil {
			return nil, fmt.Errorf("receivers: %w", err)
		}
		if id.Type() == ours {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("there is no receiver of type %s under receivers", ours)
	}
	return ids, nil
}

// receiver returns the configuration of a receiver.
func (c *configuration) receiver(id component.ID) (*confmap.Conf, error) {
	receivers, err := c.conf.Sub("receivers")
	if err != nil {
		return nil, err
	}
	for key := range receivers.ToStringMap() {
		var found component.ID
		if found.UnmarshalText([]byte(key)) == nil && found == id {
			return receivers.Sub(key)
		}
	}
	return confmap.New(), nil
}

// extensions returns the extensions that are defined and those that run.
func (c *configuration) extensions() (defined, listed map[component.ID]bool) {
	block, _ := c.conf.Get("extensions").(map[string]any)
	return idsOf(slices.Collect(maps.Keys(block))), idsOf(texts(c.conf.Get("service" + confmap.KeyDelimiter + "extensions")))
}

// piped returns the receivers that are in a pipeline.
func (c *configuration) piped() map[component.ID]bool {
	pipelines, _ := c.conf.Get("service" + confmap.KeyDelimiter + "pipelines").(map[string]any)
	var all []string
	for _, pipeline := range pipelines {
		if pipeline, ok := pipeline.(map[string]any); ok {
			all = append(all, texts(pipeline["receivers"])...)
		}
	}
	return idsOf(all)
}

func texts(value any) (all []string) {
	list, _ := value.([]any)
	for _, item := range list {
		all = append(all, fmt.Sprint(item))
	}
	return all
}

func idsOf(names []string) map[component.ID]bool {
	ids := map[component.ID]bool{}
	for _, name := range names {
		var id component.ID
		if id.UnmarshalText([]byte(name)) == nil {
			ids[id] = true
		}
	}
	return ids
}

// variable matches an environment variable as a configuration refers to it, with its default if there is one.
var variable = regexp.MustCompile(`\$\{(?:env:)?([A-Za-z_]\w*)(:-[^}]*)?\}`)

// unset returns the environment variables without a value in what is written for a key of a receiver.
func (c *configuration) unset(id component.ID, key string) (names []string) {
	for _, written := range c.written {
		receivers, _ := written["receivers"].(map[string]any)
		for _, match := range variable.FindAllStringSubmatch(textAt(receivers[id.String()], key), -1) {
			if os.Getenv(match[1]) == "" && match[2] == "" && !slices.Contains(names, match[1]) {
				names = append(names, match[1])
			}
		}
	}
	return names
}

// keyParts matches the parts of a key such as fields[0].name.
var keyParts = regexp.MustCompile(`[^.\[\]]+`)

// textAt returns the text under a key, or under a block that the key is in.
func textAt(value any, key string) string {
	for _, part := range keyParts.FindAllString(key, -1) {
		switch block := value.(type) {
		case map[string]any:
			value = block[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(block) {
				return ""
			}
			value = block[i]
		}
	}
	text, _ := value.(string)
	return strings.TrimSpace(text)
}
