// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package o365messagetrace_test

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/receiver"
)

const criblGuide = "docs/migrate-from-cribl.md"

func TestGuideFromCriblShowsTheConvertedExample(t *testing.T) {
	t.Parallel()
	_, example, found := strings.Cut(read(t, "examples/cribl-converted.yaml"), "\nreceivers:\n")
	require.True(t, found)
	assert.Contains(t, read(t, criblGuide), "```yaml\nreceivers:\n"+example+"```\n")
}

var (
	// counterpart is the third column of a table.
	counterpart = regexp.MustCompile(`(?m)^\|[^|]*\|[^|]*\|([^|]*)\|`)
	keyNamed    = regexp.MustCompile("`\\.?([a-z0-9_.]+)`")
)

// TestGuideFromCriblNamesKeysThatExist takes a key for known if it is the end or the beginning of one.
func TestGuideFromCriblNamesKeysThatExist(t *testing.T) {
	t.Parallel()
	defaults := map[string]string{}
	describe(defaults, "", reflect.ValueOf(receiver.NewFactory().CreateDefaultConfig()).Elem())
	known := slices.Collect(maps.Keys(defaults))
	// Keys of the HTTP client, of the service, of exporters and of the Job Inspector.
	known = append(known, "proxy_url", "tls", "service.pipelines", "sending_queue.storage", "o365jobinspector")

	settings, _, _ := strings.Cut(section(t, read(t, criblGuide), "Settings"), "\n## ")
	named := 0
	for _, row := range counterpart.FindAllStringSubmatch(settings, -1) {
		for _, key := range keyNamed.FindAllStringSubmatch(row[1], -1) {
			named++
			assert.True(t, slices.ContainsFunc(known, func(each string) bool {
				return each == key[1] || strings.HasSuffix(each, "."+key[1]) || strings.HasPrefix(each, key[1]+".")
			}), "%s is no key", key[1])
		}
	}
	assert.Greater(t, named, 40)
}
