// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
)

// adviseOnConnection names the key to look at after a request that got no response.
func adviseOnConnection(err error) string {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var op *net.OpError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.Is(err, context.Canceled):
		return ""
	case errors.Is(err, ErrForeignLink):
		return "check endpoint: the service at this address leads to somewhere else"
	case errors.As(err, &certificate):
		return "the certificate of the host in endpoint is not trusted: renew it there, or name its authority in tls.ca_file"
	case errors.As(err, &noTLS):
		return "the host in endpoint does not speak TLS at this port: check endpoint"
	case errors.As(err, &dns):
		return "the host in endpoint is unknown here: check endpoint and the name server, or set proxy_url"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "raise timeout if the service needs longer for a page"
	case errors.As(err, &op):
		return "the host in endpoint cannot be reached: check endpoint, the firewall and proxy_url"
	}
	return ""
}
