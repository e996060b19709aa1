// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestFactsOf(t *testing.T) {
	t.Parallel()
	for data, want := range map[string][]trace.Fact{
		"":         nil,
		"no XML":   nil,
		"<root/>":  nil,
		"a <b & c": nil,
		`<root><MEP Name="SCL" Integer="8"/><MEP Name="SFV" String="SPM" /></root>`: {{Name: "SCL", Value: "8"}, {Name: "SFV", Value: "SPM"}},
		`<root><MEP String="before" Name="x"/><MEP String="nameless"/></root>`:      {{Name: "x", Value: "before"}},
		`<root><MEP Name="a" String="&lt;b&gt; &amp; c"/></root>`:                   {{Name: "a", Value: "<b> & c"}},
		`<root><MEP Name="kept" Long="1"/><MEP Name="cut" Str`:                      {{Name: "kept", Value: "1"}},
		`<root><other Name="x" String="y"/></root>`:                                 nil,
	} {
		assert.Equal(t, want, factsOf(data), data)
	}
	assert.Len(t, factsOf("<root>"+strings.Repeat(`<MEP Name="x" String="y"/>`, maxFacts+1)+"</root>"), maxFacts)
}

func asText(text []byte, d *trace.Detail) error {
	d.Event = strings.Trim(string(text), "{}")
	if d.Event == `"bad":1` {
		return errors.New("bad")
	}
	return nil
}

func TestReadDetails(t *testing.T) {
	t.Parallel()
	dialect := Dialect{
		Properties:  func(*trace.Row, []byte) (*[]byte, *trace.Number) { return nil, nil },
		Fingerprint: func(raw []byte) []byte { return raw },
		Received:    "at", Rows: []string{"value"},
	}
	page := NewPage([]byte(`{"value":[{"at":"2026-11-27T12:00:00Z"},7,{"bad":1},{},{"x":2}]}`), dialect, 1)
	released := 0
	page.Release = func() { released++ }
	got, err := ReadDetails(page, asText)
	require.NoError(t, err)
	require.Len(t, got.Events, 2, "what is no event is left out")
	assert.Equal(t, 1, released)
	assert.Equal(t, "2026-11-27T12:00:00Z", got.Events[0].At.Format("2006-01-02T15:04:05Z07:00"))
	assert.JSONEq(t, `{"x":2}`, string(got.Events[1].Raw))

	_, err = ReadDetails(NewPage([]byte(`{"value":[{"x":1},`), dialect, 1), asText)
	require.Error(t, err)

	got, err = ReadDetails(NewPage([]byte(`{"value":[`+strings.Repeat(`{"x":1},`, maxEvents)+`{"x":1}]}`), dialect, 1), asText)
	require.NoError(t, err)
	assert.Len(t, got.Events, maxEvents)
}
