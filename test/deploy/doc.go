// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package deploy checks what is in deploy/: manifests, images, units, dashboards and alerts. It is a module of its own, so
// that Kubernetes and Grafana stay out of the collector's. make check-deploy runs it with the built programs. What needs
// promtool, prometheus or systemd is skipped where they are missing.
package deploy
