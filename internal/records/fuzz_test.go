// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever sends mail chooses the domain that is looked up.
func FuzzDomain(f *testing.F) {
	for _, address := range []string{
		"", "@", "a@b.example", "a@b.co.uk>", "a@[192.0.2.1]", "a@::1", "a@xn--", "a@ü.example", "a@" + string(make([]byte, 300)), "a@...", "a@İ.example",
	} {
		f.Add([]byte(address))
	}
	f.Fuzz(func(t *testing.T, address []byte) {
		b := Batch{origin: &Origin{Local: NewDomains([]string{"contoso.com"}), Attributes: Attributes{SenderDomain: true}}}
		found := b.domainOf(address)
		require.Equal(t, found, b.domainOf(address), "a domain that is looked up again is the same")
		if found.name != "" {
			require.NotEmpty(t, found.registrable)
			require.Equal(t, found.registrable, registrable(found.registrable), "what is registered is registered by itself")
		}
	})
}
