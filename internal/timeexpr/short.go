// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package timeexpr

import (
	"strings"
	"time"
)

// Short writes a duration without the zero units that time.Duration.String ends with: 5m, not 5m0s.
func Short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
