// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package claims_test

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/claims"
)

func FuzzRead(f *testing.F) {
	for _, payload := range []string{
		"{}", "[]", "null", `{"tid":"t","aud":"https://graph.microsoft.com","roles":["A","B b","\u0000"]}`, `{"scp":"a b","roles":null}`, `{"roles":"A"}`,
	} {
		f.Add("e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c")
	}
	f.Add("a.b.c.d")
	f.Fuzz(func(t *testing.T, token string) {
		set, ok := claims.Read(token)
		if !ok {
			return
		}
		// Of a role nothing is repeated that could end a line or stand for something else.
		require.Regexp(t, `^[\w .,'-]{1,1000}$`, set.ListRoles())
		for _, missing := range set.Missing(claims.Wanted{TenantID: "a.example", Resource: "https://graph.microsoft.com/", Role: "R"}) {
			require.NotContains(t, missing, "\n")
		}
	})
}
