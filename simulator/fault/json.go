// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// format writes durations as Go does: "60s". Fields that a Rule does not have are
// errors.
var format = json.JoinOptions(
	json.RejectUnknownMembers(true),
	json.WithMarshalers(json.MarshalFunc(func(d time.Duration) ([]byte, error) {
		return strconv.AppendQuote(nil, d.String()), nil
	})),
	json.WithUnmarshalers(json.UnmarshalFunc(func(text []byte, d *time.Duration) (err error) {
		quoted, err := strconv.Unquote(string(text))
		if err == nil {
			*d, err = time.ParseDuration(quoted)
		}
		return err //nolint:wrapcheck // the caller names the place
	})),
)

// MarshalJSON writes the fields of the rule and how often it has struck.
func (s State) MarshalJSON() ([]byte, error) {
	type plain State                      // without this method
	return json.Marshal(plain(s), format) //nolint:wrapcheck // cannot fail
}

// ParseRules reads a JSON array of rules, or a single rule. Fields are named as
// those of Rule, in lower camel case.
func ParseRules(text []byte) ([]Rule, error) {
	if text = bytes.TrimSpace(text); !bytes.HasPrefix(text, []byte("[")) {
		text = append(append([]byte("["), text...), ']')
	}
	var list []State // as written; how often they have struck is left aside
	if err := json.Unmarshal(text, &list, format); err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	rules := make([]Rule, len(list))
	for i := range list {
		rules[i] = list[i].Rule
		if err := rules[i].Validate(); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i, err)
		}
	}
	return rules, nil
}
