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
		{"resolved", trace.Resolved, false},
	} {
		t.Run(known.graph, func(t *testing.T) {
			t.Parallel()
			reporting := strings.ToUpper(known.graph[:1]) + known.graph[1:]
			for _, text := range []string{known.graph, reporting, strings.ToUpper(known.graph), strings.ToLower(known.graph)} {
				assert.Equal(t, known.want, trace.ParseStatus([]byte(text)), text)
			}
			assert.Equal(t, known.graph, string(known.want), "statuses are written as Microsoft Graph writes them")
			assert.Equal(t, known.bad, known.want.Bad())
			assert.Equal(t, known.want, known.want.Folded())
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

func TestStatusesAreComparedWithoutCase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		one, other trace.Status
		same       bool
	}{
		{trace.Delivered, trace.Delivered, true},
		{"", "", true},
		{"OnHold", "onhold", true},
		{"ONHOLD", "onHold", true},
		{"\u00C9chou\u00E9", "\u00E9CHOU\u00C9", true},
		{"Resolved", trace.Resolved, true}, // as it was stored before it was known
		{trace.Delivered, trace.Failed, false},
		{"onHold", "onHold ", false},
		{"onHold", "", false},
	} {
		assert.Equal(t, c.same, c.one.Is(c.other), "%q %q", c.one, c.other)
		assert.Equal(t, c.same, c.other.Is(c.one), "%q %q", c.other, c.one)
		assert.Equal(t, c.same, c.one.Folded() == c.other.Folded(), "%q %q", c.one, c.other)
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
