// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import "github.com/o365messagetrace/o365messagetrace/internal/entra"

// warnings returns what of a valid configuration the user should be warned of at start, each with its key.
func (cfg *Config) warnings() (all []string) {
	if cfg.TLS.InsecureSkipVerify {
		all = append(all, "tls.insecure_skip_verify: certificates are not checked, so that anybody between this machine and Microsoft can read "+
			"secrets, tokens and mail data; name the authority in tls.ca_file instead")
	}
	if b := cfg.Authentication.Basic.Get(); b != nil {
		all = append(all, "authentication.basic: Microsoft ended basic authentication in 2023; use another block of authentication")
		// The service does not tell a wrong password from a missing permission.
		if suspicion := entra.Suspicion(string(b.Password)); suspicion != "" {
			all = append(all, "authentication.basic.password: "+suspicion)
		}
	}
	return all
}
