// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWarnings(t *testing.T) {
	t.Parallel()
	const basic = "api: reporting_webservice\nauthentication: {basic: {username: u, password: '%s'}}"
	for text, says := range map[string][]string{
		least:                               nil,
		least + "\ntls: {ca_file: /ca.pem}": nil,
		least + "\ntls: {insecure_skip_verify: false}": nil,
		least + "\ntls: {insecure_skip_verify: true}":  {"tls.insecure_skip_verify: certificates are not checked"},
		"auth: {authenticator: a}":                     nil,
		fmt.Sprintf(basic, "s3cr3t"):                   {"ended basic"},
		fmt.Sprintf(basic, `"s3cr3t"`):                 {"ended basic", "authentication.basic.password: it is in quotes"},
		fmt.Sprintf(basic, "PASSWORD=s3cr3t"):          {"ended basic", "authentication.basic.password: it looks like NAME=value"},
	} {
		cfg, err := load(t, text)
		require.NoError(t, err)
		warnings := cfg.warnings()
		require.Len(t, warnings, len(says), text)
		for i, part := range says {
			assert.Contains(t, warnings[i], part)
			assert.NotContains(t, warnings[i], "s3cr3t")
		}
	}
}
