// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"context"
	"net/http"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// Credential is what an application signs in with: ClientSecret, Certificate, WorkloadIdentity or ManagedIdentity.
type Credential interface {
	// read returns what signs in at now, read again from its files. Errors are of type *Error.
	read(ctx context.Context, now time.Time) (material, error)
}

// material is what signs in.
type material struct {
	// identity tells it from other material. As long as it stays the same, a token stays in use.
	identity string
	// secrets never show.
	secrets []string
	// suspicion tells what the secret seems to be instead of a secret; it may be empty.
	suspicion string
	// expires is when it stops being accepted, zero if that is not known.
	expires time.Time
	// machine reports that it is a managed identity, whose tokens the machine hands out. The library keeps those for the whole
	// process, however many credentials there are.
	machine bool
	// credential makes of it what keeps and renews a token.
	credential func(Config, azcore.ClientOptions) (azcore.TokenCredential, error)
}

// same reports whether both would be refused alike.
func (m material) same(other material) bool {
	return m.identity == other.identity && slices.Equal(m.secrets, other.secrets)
}

// ClientSecret signs in with a client secret.
type ClientSecret struct{ Secret }

var secretID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (c ClientSecret) read(ctx context.Context, _ time.Time) (material, error) {
	secret, err := c.Read(ctx)
	suspicion := Suspicion(secret)
	if secretID.MatchString(secret) {
		suspicion = "it looks like a secret's ID: give the value, which is shown only when the secret is created"
	}
	return material{
		identity:  secret,
		secrets:   []string{secret},
		suspicion: suspicion,
		credential: func(cfg Config, o azcore.ClientOptions) (azcore.TokenCredential, error) {
			return azidentity.NewClientSecretCredential(cfg.TenantID, cfg.ClientID, secret, &azidentity.ClientSecretCredentialOptions{
				ClientOptions: o, DisableInstanceDiscovery: cfg.disableDiscovery(),
			})
		},
	}, err
}

// WorkloadIdentity signs in with a token that another identity provider has issued, such as Kubernetes to a pod.
type WorkloadIdentity struct {
	// Token is the file of the token. It is read whenever a token of Entra's is asked for.
	Token Secret
}

func (w WorkloadIdentity) read(ctx context.Context, _ time.Time) (material, error) {
	if w.Token.empty() {
		return material{}, &Error{
			Message: w.Token.Key + " is not set, nor is the environment variable AZURE_FEDERATED_TOKEN_FILE",
			Advice:  trouble.Advice{Hint: "set " + w.Token.Key + ", or see that the pod's service account is one of workload identity"},
		}
	}
	// The file rotates all the time, which does not change the credential: a token is in use until it expires.
	token, err := w.Token.Read(ctx)
	if err != nil {
		return material{}, err
	}
	return material{
		secrets: []string{token},
		credential: func(cfg Config, o azcore.ClientOptions) (azcore.TokenCredential, error) {
			if cfg.ClientID == "" {
				return nil, &Error{
					Message: cfg.Block + ".client_id is not set, nor is the environment variable AZURE_CLIENT_ID",
					Advice:  trouble.Advice{Hint: "set " + cfg.Block + ".client_id to the application's ID"},
				}
			}
			return azidentity.NewClientAssertionCredential(cfg.TenantID, cfg.ClientID, w.Token.Read, &azidentity.ClientAssertionCredentialOptions{
				ClientOptions: o, DisableInstanceDiscovery: cfg.disableDiscovery(),
			})
		},
	}, nil
}

// ManagedIdentity signs in as the identity that Azure has given to the machine, by the conventions of the Azure SDK.
type ManagedIdentity struct{}

func (ManagedIdentity) read(context.Context, time.Time) (material, error) {
	return material{
		secrets: []string{os.Getenv("IDENTITY_HEADER")},
		machine: true,
		credential: func(cfg Config, o azcore.ClientOptions) (azcore.TokenCredential, error) {
			// In Service Fabric the library pins the certificate of the machine's identity service, in a client that it knows.
			if os.Getenv("IDENTITY_SERVER_THUMBPRINT") != "" {
				o.Transport = cfg.HTTPClient
			}
			options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: o}
			if cfg.ClientID != "" {
				options.ID = azidentity.ClientID(cfg.ClientID)
			}
			return azidentity.NewManagedIdentityCredential(options)
		},
	}, nil
}

// DirectClient returns an HTTP client that asks the machine's own identity service, which no proxy can reach.
func DirectClient(timeout time.Duration) *http.Client {
	direct := http.DefaultTransport.(*http.Transport).Clone()
	direct.Proxy = nil
	return &http.Client{Transport: direct, Timeout: timeout}
}
