// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package jobinspector is the Job Inspector: an extension that shows what the message trace receivers of the collector do,
// on a web page and by a JSON API.
package jobinspector
