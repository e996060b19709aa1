// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package fakeapi is a stand-in for the server of the Job Inspector: its page from disk, under the same headers, and its
// JSON API with answers that a test arranges.
package fakeapi
