// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

var testNames = Names{
	Sender: "from", Recipient: "to", Status: "state",
	Omittable: map[Property]string{Subject: "subject", FromIP: "fromIP", ToIP: "toIP"},
}

func TestClause(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		filter Filter
		want   string
	}{
		"nothing":    {},
		"one":        {Filter{Recipient: "a@b.example"}, " and to eq 'a@b.example'"},
		"a quote":    {Filter{Sender: "o'neil@b.example"}, " and from eq 'o''neil@b.example'"},
		"everything": {Filter{"a", "b", "c", "d", "e"}, " and from eq 'a' and to eq 'b' and state eq 'c' and fromIP eq 'd' and toIP eq 'e'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, test.filter.Clause(testNames))
		})
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	assert.Nil(t, Dialect{Names: testNames}.Without(nil).redact())
	redact := Dialect{Names: testNames}.Without([]Property{Subject, ToIP}).redact()
	for name, test := range map[string]struct{ text, want string }{
		"first and last":       {`{"subject":"s","id":"1","toIP":"::1"}`, `{"id":"1"}`},
		"in between":           {`{"a":1,"subject":{"b":[1,2]},"c":null}`, `{"a":1,"c":null}`},
		"nothing to cut":       {`{"a": 1,  "b":"ü\u00fc"}`, `{"a":1,"b":"ü\u00fc"}`},
		"nothing left":         {`{"subject":"s"}`, `{}`},
		"the name is escaped":  {`{"\u0073ubject":"s","a":1}`, `{"a":1}`},
		"twice":                {`{"subject":"s","a":1,"subject":"t"}`, `{"a":1}`},
		"names differ by case": {`{"Subject":"s"}`, `{"Subject":"s"}`},
		"deeper down":          {`{"a":{"subject":"s"}}`, `{"a":{"subject":"s"}}`},
		"no object":            {`["subject"]`, `["subject"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, string(redact([]byte(test.text))))
		})
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for asked, want := range map[int]int{0: 500, 1: 1, 500: 500, 501: 500, Most: 5000} {
		assert.Equal(t, want, Query{PageSize: 500}.Size(asked, 5000), asked)
	}
}
