// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package standby tests two collectors of which one at a time leads, elected by contrib's extension k8s_leader_elector. It is
// a module of its own since that extension, which is to be had at another version than the rest, brings the whole client of
// Kubernetes along.
package standby
