// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/component"
)

// validateSignIn accepts exactly one way to sign in.
func (cfg *Config) validateSignIn() error {
	ways := cfg.ways()
	var found []string
	if cfg.Auth.HasValue() {
		found = append(found, "auth")
	}
	for _, way := range ways {
		found = append(found, way.key)
	}
	const choice = "give exactly one of authentication.oauth, .certificate, .basic, .workload_identity, .managed_identity, or auth " +
		"with an extension"
	var errs []error
	switch len(found) {
	case 0:
		errs = append(errs, errors.New("authentication: found no way to sign in; "+choice+"; an empty block is written {}"))
	case 1:
	default:
		errs = append(errs, fmt.Errorf("authentication: found %s; %s", strings.Join(found, " and "), choice))
	}
	for _, way := range ways {
		errs = append(errs, way.validate(way.key+"."))
	}
	if cfg.Auth.HasValue() && cfg.Auth.Get().AuthenticatorID == (component.ID{}) {
		errs = append(errs, errors.New("auth.authenticator: required; give the ID of the extension"))
	}
	if cfg.Authentication.Basic.HasValue() && cfg.api() == Graph {
		errs = append(errs, errors.New("authentication.basic: works only with api reporting_webservice"))
	}
	needsTenant := len(ways) > 0 && !cfg.Authentication.Basic.HasValue()
	return errors.Join(append(errs, validateTenant(cfg.TenantID, needsTenant), cfg.validateAuthority())...)
}

// way is a block of authentication that is in the configuration.
type way struct {
	key      string
	validate func(prefix string) error
}

// ways returns the blocks of authentication that are in the configuration.
func (cfg *Config) ways() (all []way) {
	a := &cfg.Authentication
	if a.OAuth.HasValue() {
		all = append(all, way{"authentication.oauth", func(prefix string) error { return a.OAuth.Get().validate(cfg, prefix) }})
	}
	if a.Certificate.HasValue() {
		all = append(all, way{"authentication.certificate", func(prefix string) error { return a.Certificate.Get().validate(cfg, prefix) }})
	}
	if a.Basic.HasValue() {
		all = append(all, way{"authentication.basic", func(prefix string) error { return a.Basic.Get().validate(prefix) }})
	}
	if a.WorkloadIdentity.HasValue() {
		all = append(all, way{"authentication.workload_identity", func(prefix string) error {
			return a.WorkloadIdentity.Get().validate(cfg, prefix)
		}})
	}
	if a.ManagedIdentity.HasValue() {
		all = append(all, way{"authentication.managed_identity", func(prefix string) error {
			return cfg.validateResource(prefix+"resource", a.ManagedIdentity.Get().Resource)
		}})
	}
	return all
}

// tenantID matches a GUID or a domain name.
var tenantID = regexp.MustCompile(`^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|` +
	`([0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.)+[A-Za-z][0-9A-Za-z-]{0,61}[0-9A-Za-z])$`)

func validateTenant(id string, required bool) error {
	switch {
	case id == "" && required:
		return errors.New("tenant_id: required; give the tenant's GUID or one of its verified domains")
	case id != "" && !tenantID.MatchString(id):
		return fmt.Errorf("tenant_id: %q is neither a GUID nor a domain", id)
	}
	return nil
}

func (cfg *Config) validateAuthority() error {
	authority := cfg.authorityHost()
	if authority == "" {
		return nil
	}
	if strings.Contains(authority, "@") {
		// It may hold a password, so it is not repeated.
		return errors.New("authority_host: user information in the URL is not supported; sign in with authentication")
	}
	u, err := url.Parse(authority)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("authority_host: %q is not an https URL", authority)
	}
	if !validPort(u) {
		return fmt.Errorf("authority_host: %q has no port from 1 to 65535", authority)
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("authority_host: %q has more than a host and a port; the tenant belongs in tenant_id", authority)
	}
	return nil
}

func (o *OAuth) validate(cfg *Config, prefix string) error {
	return errors.Join(
		validateGiven(prefix+"client_id", o.ClientID, "give the application's ID"),
		validateSecret(prefix, "client_secret", string(o.ClientSecret), o.ClientSecretFile, true),
		cfg.validateResource(prefix+"resource", o.Resource),
	)
}

func (c *Certificate) validate(cfg *Config, prefix string) error {
	return errors.Join(
		validateGiven(prefix+"client_id", c.ClientID, "give the application's ID"),
		validateGiven(prefix+"cert_file", c.CertFile, "give the path of the certificate"),
		validateGiven(prefix+"key_file", c.KeyFile, "give the path of its private key"),
		validatePath(prefix+"cert_file", c.CertFile),
		validatePath(prefix+"key_file", c.KeyFile),
		validateSecret(prefix, "passphrase", string(c.Passphrase), c.PassphraseFile, false),
		cfg.validateResource(prefix+"resource", c.Resource),
	)
}

func (b *Basic) validate(prefix string) error {
	return errors.Join(
		validateGiven(prefix+"username", b.Username, "give the name of the service account"),
		validateSecret(prefix, "password", string(b.Password), b.PasswordFile, true),
	)
}

func (w *WorkloadIdentity) validate(cfg *Config, prefix string) error {
	return errors.Join(
		validatePath(prefix+"token_file", w.TokenFile),
		cfg.validateResource(prefix+"resource", w.Resource),
	)
}

// fill takes what is left out from the environment, as the Azure SDK does.
func (w WorkloadIdentity) fill() WorkloadIdentity {
	if w.ClientID == "" {
		w.ClientID = os.Getenv("AZURE_CLIENT_ID")
	}
	if w.TokenFile == "" {
		w.TokenFile = os.Getenv("AZURE_FEDERATED_TOKEN_FILE")
	}
	return w
}

func validateGiven(key, value, what string) error {
	switch trimmed := strings.TrimSpace(value); {
	case trimmed == "":
		return fmt.Errorf("%s: required; %s", key, what)
	case trimmed != value:
		return fmt.Errorf("%s: begins or ends with white space", key)
	}
	return nil
}

// validateSecret accepts a secret or the file that holds it, not both.
func validateSecret(prefix, name, value, file string, required bool) error {
	key := prefix + name
	switch {
	case value != "" && file != "":
		return fmt.Errorf("%[1]s and %[1]s_file: give one of them, not both", key)
	case value == "" && file == "" && required:
		return fmt.Errorf("%s: required; give it or %s_file", key, name)
	}
	return validatePath(key+"_file", file)
}

func (cfg *Config) validateResource(key, configured string) error {
	if configured == "" {
		return nil
	}
	u, err := url.Parse(configured)
	if err != nil || u.Scheme == "" {
		return fmt.Errorf("%s: %q is not a URI", key, configured)
	}
	return cfg.validateOwner(key, u)
}
