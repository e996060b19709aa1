// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever a list says, each of its tenants is a receiver or wrong, and no error repeats a secret.
func FuzzList(f *testing.F) {
	const hidden = "hidden-secret"
	own := "- {name: last, tenant_id: " + two + ", authentication: {oauth: {client_id: a, client_secret: " + hidden + "}}}\n"
	for _, text := range []string{
		"tenants:\n",
		defaults + "tenants:\n- {tenant_id: " + one + "}\n",
		"tenants: # all\r\n  - tenant_id: a.example\r\n    tls:\r\n",
		"tenants:\n- {name: a\n-\n- 7\n- &a b\n- *a\n",
		"tenants:\n- {tenant_id: ${env:X:-y}, poll_interval: '${file:/x}'}\n",
		"defaults: {authentication: {basic: {}}}\npipeline: logs/a\ntenants:\n  - !!binary eA==\n",
		"tenants:\n- {<<: {a: b}, poll_interval: [",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, hidden) {
			return
		}
		l, err := parse(text + own)
		if err != nil {
			require.NotContains(t, err.Error(), hidden)
			return
		}
		conf, wrong := l.configuration()
		receivers, _ := conf["receivers"].(map[string]any)
		require.Len(t, l.lines, len(receivers)+len(wrong))
		for _, each := range wrong {
			require.Positive(t, each.line)
			require.LessOrEqual(t, each.line, strings.Count(text, "\n")+1)
			require.NotContains(t, each.err.Error(), hidden)
		}
	})
}
