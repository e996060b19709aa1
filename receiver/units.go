// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/confmap"

	"github.com/o365messagetrace/o365messagetrace/internal/confcheck"
)

// readSeconds has a bare number under the key read as seconds. Here and below, single values are merged into conf: only
// so do the others keep the text that they had before an environment variable was expanded.
func readSeconds(conf *confmap.Conf, key string) error {
	number, bare := confcheck.BareNumber(conf.Get(key))
	if !bare {
		return nil
	}
	return conf.Merge(confmap.NewFromStringMap(map[string]any{key: number + "s"}))
}

// readTexts has the values of a block of texts read as such. YAML takes seconds since 1970 for a number, and RFC 3339 for a
// time.
func readTexts(conf *confmap.Conf, block string) error {
	values, ok := conf.Get(block).(map[string]any)
	if !ok {
		return nil
	}
	for key, value := range values {
		switch value := value.(type) {
		case int, int64, uint64:
			values[key] = fmt.Sprint(value)
		case float64:
			values[key] = strconv.FormatFloat(value, 'f', -1, 64)
		case time.Time:
			values[key] = value.Format(time.RFC3339Nano)
		}
	}
	// All of them, since an environment variable may have brought the block as a whole.
	return conf.Merge(confmap.NewFromStringMap(map[string]any{block: values}))
}
