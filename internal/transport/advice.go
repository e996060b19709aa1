// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// AdviceOnProxy is what to do where a proxy asks for credentials.
const AdviceOnProxy = "the proxy asks for credentials: give user and password in proxy_url; of the schemes only Basic is supported, " +
	"neither NTLM nor Kerberos, so have the proxy let this machine or the host pass without them"

// AdviceOnPolicy is what to do where a policy of the tenant refuses a token, or to issue one.
var AdviceOnPolicy = trouble.Advice{
	Hint: "a policy of the tenant (Conditional Access or continuous access evaluation) refuses the application: exclude the " +
		"application (its service principal) from the policy, or add the address that this machine has on the internet to the locations " +
		"that the policy allows; the policy is named in the sign-in logs of service principals",
	Step: trouble.Step{
		Portal: "Microsoft Entra admin center > Monitoring & health > Sign-in logs > Service principal sign-ins > the failed sign-in > " +
			"Conditional Access; then Conditional Access > Policies, or Named locations",
		Command: `az rest --url "https://graph.microsoft.com/v1.0/identity/conditionalAccess/policies" --query "value[].{name:displayName,state:state}"`,
	},
}

// adviseOnConnection names the key to look at after a request to host, perhaps with a port, that got no whole response.
func adviseOnConnection(err error, host string) trouble.Advice {
	if advice := AdviseOnCertificate(err, host, "endpoint"); advice.Hint != "" {
		return advice
	}
	if hint := hintOnConnection(err); hint != "" {
		return trouble.Advice{Hint: hint, Step: StepTo(host)}
	}
	return trouble.Advice{}
}

// StepTo shows what this machine gets of a host without this program.
func StepTo(host string) trouble.Step {
	return trouble.Step{Command: "curl --verbose --max-time 20 --output /dev/null https://" + Clean(host) + "/"}
}

func hintOnConnection(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.Is(err, context.Canceled):
		return ""
	case errors.Is(err, ErrForeignLink):
		return "something other than the service at endpoint seems to answer, such as the login page of a proxy: check endpoint and proxy_url"
	case errors.As(err, &noTLS):
		return "the host in endpoint does not speak TLS at this port: check endpoint and proxy_url"
	case errors.As(err, &dns):
		return "the host in endpoint is unknown here: check endpoint and the name server, or set proxy_url"
	case errors.Is(err, errSilent), strings.Contains(err.Error(), "client connection lost"):
		return "the connection has fallen silent, and the next request makes a new one; if it goes on, see whether a firewall or the " +
			"proxy in proxy_url drops connections, and whether timeout leaves the service time to begin its answer"
	case errors.Is(err, errNoConnection), errors.As(err, &op):
		return "the host in endpoint cannot be reached: check endpoint, the firewall and proxy_url"
	case timedOut(err):
		return "raise timeout if the service needs longer for a page"
	}
	return HintOnTunnel(err, "endpoint")
}

// authenticationRequired matches how proxies word the status 407.
var authenticationRequired = regexp.MustCompile(`(?i)proxy ?auth|authentication ?required`)

// HintOnTunnel returns what to do where a proxy refuses to connect to the host of the configuration key; nothing if err is about
// something else. Of such a refusal net/http returns the text of the status and nothing else.
func HintOnTunnel(err error, key string) string {
	text := err.Error()
	switch {
	case authenticationRequired.MatchString(text):
		return AdviceOnProxy
	case slices.ContainsFunc(refusals, func(status int) bool { return text == http.StatusText(status) }):
		return "the proxy refuses to connect to the host in " + key + ": check proxy_url, and have the proxy let the host pass"
	}
	return ""
}

// refusals are the statuses with which proxies refuse to connect.
var refusals = []int{
	http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
	http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusNotImplemented, http.StatusBadGateway,
	http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusNetworkAuthenticationRequired,
}

// AdviseOnCertificate returns whose certificate TLS did not accept, who issued it, and what to do; nothing if err is about
// something else. The host, perhaps with a port, is that of the configuration key.
func AdviseOnCertificate(err error, host, key string) trouble.Advice {
	var refused *tls.CertificateVerificationError
	if !errors.As(err, &refused) {
		return trouble.Advice{}
	}
	at := url.URL{Host: Clean(host)}
	return trouble.Advice{Hint: hintOnCertificate(err, refused, at.Hostname(), key), Step: trouble.Step{
		Command: "openssl s_client -connect " + net.JoinHostPort(at.Hostname(), cmp.Or(at.Port(), "443")) + " -servername " + at.Hostname() +
			" -showcerts </dev/null",
	}}
}

func hintOnCertificate(err error, refused *tls.CertificateVerificationError, host, key string) string {
	subject := "the certificate of " + host
	var leaf *x509.Certificate
	if len(refused.UnverifiedCertificates) > 0 {
		leaf = refused.UnverifiedCertificates[0]
		subject += fmt.Sprintf(", issued by %q,", issuer(leaf))
	}
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	switch {
	case leaf != nil && errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("%s is valid only from %s to %s: set this machine's clock, or renew the certificate there", subject,
			leaf.NotBefore.UTC().Format("2006-01-02 15:04"), leaf.NotAfter.UTC().Format("2006-01-02 15:04"))
	case errors.As(err, &name):
		return subject + " is for another host: something else seems to answer; check " + key + ", proxy_url and the name server"
	}
	return subject + " is not trusted: if a proxy or firewall inspects TLS here, name its authority in tls.ca_file"
}

// issuer returns the name of whoever issued the certificate.
func issuer(c *x509.Certificate) string {
	for _, names := range [][]string{{c.Issuer.CommonName}, c.Issuer.Organization, c.Issuer.OrganizationalUnit} {
		if len(names) > 0 && names[0] != "" {
			return Clean(names[0])
		}
	}
	return "nobody that it names"
}
