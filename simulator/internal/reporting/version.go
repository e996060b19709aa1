// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import "net/http"

// version is the only one there has been since 2013, by Microsoft's
// documentation of the versions of the Reporting Web Service.
const version = "2013-V1"

// checkVersion looks at the version that a request asks for by header or by
// option. By the documentation, both at once is an error even if they agree, an
// unsupported version is one, and who asks for none gets the newest.
func checkVersion(r *http.Request) *failure {
	header, inHeader := r.Header[http.CanonicalHeaderKey("X-RWS-Version")]
	option, inQuery := r.URL.Query()["rws-version"]
	switch {
	case inHeader && inQuery: // the documentation has no text for this one
		return serviceFault("AmbiguousVersion", "The version is specified in both the request header and the URI.")
	case inHeader && (len(header) != 1 || header[0] != version), inQuery && (len(option) != 1 || option[0] != version):
		return serviceFault("UnsupportedVersion", "The version specified in the request is unsupported.")
	}
	return nil
}
