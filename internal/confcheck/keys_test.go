// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package confcheck

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

// Config is a configuration with a part that decodes itself, as parts of newer collectors do.
type Config struct {
	Part `mapstructure:",squash"`
	Own  Inner `mapstructure:"own"`

	_ struct{}
}

type Part struct {
	Endpoint string `mapstructure:"endpoint"`
	Limits   Inner  `mapstructure:"limits"`
}

func (p *Part) Unmarshal(conf *confmap.Conf) error {
	return conf.Unmarshal(p, confmap.WithIgnoreUnused())
}

type Inner struct {
	Size int `mapstructure:"size"`
}

func (c *Config) Unmarshal(conf *confmap.Conf) error { return conf.Unmarshal(c) }

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		values map[string]any
		wrong  string
	}{
		"nothing":                      {nil, ""},
		"all keys":                     {map[string]any{"endpoint": "x", "limits": map[string]any{"size": 1}, "own": map[string]any{"size": 2}}, ""},
		"an unknown key":               {map[string]any{"end_point": "x"}, "'confcheck.Config' has invalid keys: end_point"},
		"an unknown key of its own":    {map[string]any{"own": map[string]any{"sizes": 1}}, "sizes"},
		"an unknown key of the part's": {map[string]any{"limits": map[string]any{"sizes": 1}}, "sizes"},
		"a value of another type":      {map[string]any{"limits": map[string]any{"size": "many"}}, "size"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := &Config{Own: Inner{Size: 5}}
			err := Check(confmap.NewFromStringMap(test.values), cfg)
			assert.Equal(t, &Config{Own: Inner{Size: 5}}, cfg)
			if test.wrong == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.wrong)
			}
		})
	}
}
