// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

import "time"

var began = time.Now()

// cpu is the time that has passed, where processor time cannot be had.
func cpu() time.Duration { return time.Since(began) }
