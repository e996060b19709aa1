// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package e2e tests the built collector against the built simulator, as a user runs them. Its tests have the build tag
// e2e and find the binaries by the environment variables O365MT_COLLECTOR, O365MT_SIMULATOR and O365MT_CHECK, which
// make check-e2e sets.
package e2e
