// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestParseStatus(t *testing.T) {
	t.Parallel()
	for _, known := range []struct {
		graph string
		want  trace.Status
		bad   bool
	}{
		{"gettingStatus", trace.GettingStatus, false},
		{"pending", trace.Pending, false},
		{"failed", trace.Failed, true},
		{"delivered", trace.Delivered, false},
		{"expanded", trace.Expanded, false},
		{"quarantined", trace.Quarantined, true},
		{"filteredAsSpam", trace.FilteredAsSpam, true},
		{"recalled", trace.Recalled, false},
	} {
		t.Run(known.graph, func(t *testing.T) {
			t.Parallel()
			reporting := strings.ToUpper(known.graph[:1]) + known.graph[1:]
			for _, text := range []string{known.graph, reporting, strings.ToUpper(known.graph), strings.ToLower(known.graph)} {
				assert.Equal(t, known.want, trace.ParseStatus([]byte(text)), text)
			}
			assert.Equal(t, known.graph, string(known.want), "statuses are written as Microsoft Graph writes them")
			assert.Equal(t, known.bad, known.want.Bad())
		})
	}
}

func TestParseStatusKeepsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "None", "unknownFutureValue", "Failed ", " failed", "deliver", "deliveredd", "e\u017Fpanded", "\xFF"} {
		got := trace.ParseStatus([]byte(text))
		assert.Equal(t, text, string(got))
		assert.False(t, got.Bad(), text)
	}
}

// The text of a row is borrowed, a status is kept.
func TestParseStatusKeepsNoReference(t *testing.T) {
	t.Parallel()
	text := []byte("unheardOf")
	status := trace.ParseStatus(text)
	copy(text, "XXXXXXXXX")
	assert.Equal(t, trace.Status("unheardOf"), status)
}
