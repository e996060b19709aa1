// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/o365messagetrace/o365messagetrace/simulator"
)

// credentialFlags are the ways in beside the application's secret. What is secret
// may come from the environment, since others can see a command line.
func credentialFlags(set *flag.FlagSet, sim *simulator.Config, getenv func(string) string) {
	set.Func("client-cert", "", func(path string) error {
		certificate, err := readCertificate(path)
		sim.ClientCertificates = append(sim.ClientCertificates, certificate)
		return err
	})
	set.Func("managed-identity", "", func(id string) error {
		sim.ManagedIdentities = append(sim.ManagedIdentities, id)
		return nil
	})
	set.StringVar(&sim.IdentityHeader, "identity-header", getenv("M365SIM_IDENTITY_HEADER"), "")
	set.DurationVar(&sim.IdentityTokenCache, "identity-token-cache", 0, "")
	set.StringVar(&sim.BasicUser, "basic-user", getenv("M365SIM_BASIC_USER"), "")
	set.StringVar(&sim.BasicPassword, "basic-password", getenv("M365SIM_BASIC_PASSWORD"), "")
}

// readCertificate reads the first certificate of a PEM file: what follows is the
// chain above it, and keys are the client's affair.
func readCertificate(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err //nolint:wrapcheck // names the file
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return certificate, nil
	}
	return nil, errors.New(path + ": no certificate in it")
}
