// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
)

// Authentication is the way to sign in: exactly one of its blocks, or an authentication extension instead of it.
type Authentication struct {
	// OAuth signs in as an application with a client secret.
	OAuth configoptional.Optional[OAuth] `mapstructure:"oauth"`
	// Certificate signs in as an application with a certificate.
	Certificate configoptional.Optional[Certificate] `mapstructure:"certificate"`
	// Basic signs in to the Reporting Web Service with user name and password. Microsoft ended it in 2023.
	Basic configoptional.Optional[Basic] `mapstructure:"basic"`
	// WorkloadIdentity signs in as an application with the token of another identity provider, such as Kubernetes.
	WorkloadIdentity configoptional.Optional[WorkloadIdentity] `mapstructure:"workload_identity"`
	// ManagedIdentity signs in as the identity that Azure has given to the machine.
	ManagedIdentity configoptional.Optional[ManagedIdentity] `mapstructure:"managed_identity"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// OAuth signs in with the client credentials flow of OAuth 2.0 and a client secret.
type OAuth struct {
	// ClientID is the ID of the application.
	ClientID string `mapstructure:"client_id"`
	// ClientSecret is the value of a client secret.
	ClientSecret configopaque.String `mapstructure:"client_secret"`
	// ClientSecretFile is the path of a file that holds the client secret. It is read again whenever a token is needed.
	ClientSecretFile string `mapstructure:"client_secret_file"`
	// Resource is the audience of the token; empty means https://graph.microsoft.com with Graph, and with the Reporting Web
	// Service https://outlook.office365.com, https://outlook.office365.us for gcc_high, https://outlook-dod.office365.us for
	// dod, https://partner.outlook.cn for china.
	Resource string `mapstructure:"resource"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Certificate signs in with the client credentials flow of OAuth 2.0 and a certificate. Its files are read again whenever
// a token is needed.
type Certificate struct {
	// ClientID is the ID of the application.
	ClientID string `mapstructure:"client_id"`
	// CertFile is the path of the certificate in PEM. Further certificates in it are sent along as its chain.
	CertFile string `mapstructure:"cert_file"`
	// KeyFile is the path of the RSA private key in PEM: PKCS#1, PKCS#8 or encrypted PKCS#8.
	KeyFile string `mapstructure:"key_file"`
	// Passphrase decrypts the private key.
	Passphrase configopaque.String `mapstructure:"passphrase"`
	// PassphraseFile is the path of a file that holds the passphrase.
	PassphraseFile string `mapstructure:"passphrase_file"`
	// Resource is the audience of the token; empty means https://graph.microsoft.com with Graph, and with the Reporting Web
	// Service https://outlook.office365.com, https://outlook.office365.us for gcc_high, https://outlook-dod.office365.us for
	// dod, https://partner.outlook.cn for china.
	Resource string `mapstructure:"resource"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Basic signs in with user name and password.
type Basic struct {
	// Username is the name of the service account.
	Username string `mapstructure:"username"`
	// Password is the password of the service account.
	Password configopaque.String `mapstructure:"password"`
	// PasswordFile is the path of a file that holds the password. It is read again for each request.
	PasswordFile string `mapstructure:"password_file"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// WorkloadIdentity signs in with a federated token. Settings that are left out come from the environment variables
// AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE and AZURE_AUTHORITY_HOST, as in the Azure SDK.
type WorkloadIdentity struct {
	// ClientID is the ID of the application; empty means AZURE_CLIENT_ID of the environment.
	ClientID string `mapstructure:"client_id"`
	// TokenFile is the path of the token; empty means AZURE_FEDERATED_TOKEN_FILE of the environment. It is read again
	// whenever a token of Entra's is needed.
	TokenFile string `mapstructure:"token_file"`
	// Resource is the audience of the token; empty means https://graph.microsoft.com with Graph, and with the Reporting Web
	// Service https://outlook.office365.com, https://outlook.office365.us for gcc_high, https://outlook-dod.office365.us for
	// dod, https://partner.outlook.cn for china.
	Resource string `mapstructure:"resource"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// ManagedIdentity signs in with a managed identity of Azure.
type ManagedIdentity struct {
	// ClientID is the ID of a user-assigned identity; empty means the system-assigned one.
	ClientID string `mapstructure:"client_id"`
	// Resource is the audience of the token; empty means https://graph.microsoft.com with Graph, and with the Reporting Web
	// Service https://outlook.office365.com, https://outlook.office365.us for gcc_high, https://outlook-dod.office365.us for
	// dod, https://partner.outlook.cn for china.
	Resource string `mapstructure:"resource"`

	// prevent unkeyed literal initialization
	_ struct{}
}
