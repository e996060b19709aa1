// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package receiver

// raceEnabled reports whether the race detector is on, which makes everything ten times slower.
const raceEnabled = true
