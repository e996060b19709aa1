// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

// Whatever a configuration is, it is taken or refused, and the refusal repeats no secret.
func FuzzConfig(f *testing.F) {
	for _, pattern := range []string{"testdata/config.yaml", "testdata/problems/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, name := range files {
			text, err := os.ReadFile(name)
			require.NoError(f, err)
			f.Add(string(text))
		}
	}
	f.Add(least)
	f.Add("tenant_id: [\nauthentication: {oauth: {client_secret: hush-hush}}")
	f.Add("tenant_id: 1\nauthentication: {oauth: {client_secret: {a: hush-hush}, client_sekret: hush-hush}}\nrevisit_ages: {a: 1d}\ndate_range: {start: -1h@h, end: 5}")
	f.Fuzz(func(t *testing.T, text string) {
		retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
		if err != nil {
			return
		}
		conf, err := retrieved.AsConf()
		if err != nil {
			return
		}
		// Unknown keys are named.
		if strings.Contains(strings.ToLower(strings.Join(conf.AllKeys(), " ")), "hush-hush") {
			return
		}
		// As one receiver, and as the file of a collector.
		all := []*confmap.Conf{conf}
		if receivers, err := conf.Sub("receivers"); err == nil {
			if own, err := receivers.Sub("o365messagetrace"); err == nil {
				all = append(all, own)
			}
		}
		for _, conf := range all {
			cfg, err := unmarshal(conf)
			if err == nil {
				require.NoError(t, cfg.Validate())
				continue
			}
			require.NotContains(t, strings.ToLower(err.Error()), "hush-hush")
		}
	})
}
