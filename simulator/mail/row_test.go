// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestStatusOverTime(t *testing.T) {
	row := Row{Timeline: []Change{{noon, Delivered}, {noon.Add(time.Hour), Quarantined}, {noon.Add(2 * time.Hour), Delivered}}}
	for _, test := range []struct {
		at      time.Duration
		status  Status
		visible bool
		changes int
	}{
		{-1, "", false, 0},
		{0, Delivered, true, 1},
		{time.Hour - 1, Delivered, true, 1},
		{time.Hour, Quarantined, true, 2},
		{90 * time.Hour, Delivered, true, 3},
	} {
		status, visible := row.StatusAt(noon.Add(test.at))
		assert.Equal(t, test.visible, visible, test.at)
		assert.Equal(t, test.status, status, test.at)
		assert.Equal(t, row.Timeline[:test.changes], row.Until(noon.Add(test.at)), test.at)
	}
}

func TestRowSurvivesJSON(t *testing.T) {
	row := Row{
		ID: "1", MessageID: new("<m>"), Received: noon.Add(100), Sender: "<>", Recipient: "a@b", Subject: new(""),
		ToIP: new("::1"), Size: 7, Incident: LookAlike, Timeline: []Change{{noon, Recalled}},
	}
	text, err := json.Marshal(row)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"incident":"lookalike"`)
	assert.Contains(t, string(text), `"fromIP":null`)
	var back Row
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, row, back)

	text, err = json.Marshal(Row{})
	require.NoError(t, err)
	assert.NotContains(t, string(text), "incident")
}
