// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// list is a list of tenants, understood as far as its lines can be told from each other.
type list struct {
	// Defaults is what all tenants have in common, in the keys of the receiver.
	Defaults map[string]any `yaml:"defaults"`
	// Pipeline is where tenants go that do not say otherwise.
	Pipeline string `yaml:"pipeline"`

	lines []line
}

// line is the text of a tenant, which begins at a line of the file. It may have several.
type line struct {
	number int
	text   string
}

var (
	// head is the line before the tenants.
	head = regexp.MustCompile(`^tenants:\s*(#.*)?$`)
	// item begins a tenant.
	item = regexp.MustCompile(`^(\s*)-(\s|$)`)
	// key begins something else than a tenant.
	key = regexp.MustCompile(`^\w+:`)
)

// defaultPipeline is the pipeline of a list that names none.
const defaultPipeline = "logs"

// parse reads a list. What is wrong with one tenant, even with its YAML, must harm no other one, so that each is parsed by
// itself.
func parse(text string) (*list, error) {
	l := &list{Pipeline: defaultPipeline}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	// rest is the file without its tenants, on lines of the same numbers.
	rest := make([]string, len(lines))
	found, inside, indent := false, false, ""
	for i, text := range lines {
		switch match := item.FindStringSubmatch(text); {
		case head.MatchString(text):
			if found {
				return nil, fmt.Errorf("line %d: tenants are listed twice", i+1)
			}
			found, inside = true, true
		case inside && key.MatchString(text):
			inside, rest[i] = false, text
		case !inside:
			rest[i] = text
		case len(match) > 0 && (len(l.lines) == 0 || match[1] == indent):
			indent = match[1]
			l.lines = append(l.lines, line{i + 1, text})
		case len(l.lines) > 0:
			l.lines[len(l.lines)-1].text += "\n" + text
		}
	}
	if !found {
		return nil, errors.New("there is no line `tenants:`, below which each tenant has one that begins with a dash")
	}
	decoder := yaml.NewDecoder(strings.NewReader(strings.Join(rest, "\n")))
	decoder.KnownFields(true)
	if err := decoder.Decode(l); err != nil && strings.TrimSpace(strings.Join(rest, "")) != "" {
		return nil, fmt.Errorf("outside tenants, a list has defaults and pipeline alone: %w", withoutValues(err))
	}
	return l, nil
}

// quoted is what errors of YAML repeat of the file, which may be a secret.
var quoted = regexp.MustCompile("`[^`]*`")

func withoutValues(err error) error {
	return errors.New(quoted.ReplaceAllString(err.Error(), "a value"))
}

// tenant returns what a line says.
func (l line) tenant() (map[string]any, error) {
	var all []any
	if err := yaml.Unmarshal([]byte(l.text), &all); err != nil {
		return nil, fmt.Errorf("it is no YAML; lines count from here: %w", withoutValues(err))
	}
	if len(all) != 1 {
		return nil, errors.New("it is no tenant")
	}
	tenant, ok := all[0].(map[string]any)
	if !ok {
		return nil, errors.New("it has no keys; write: - {name: contoso, tenant_id: 11111111-1111-1111-1111-111111111111}")
	}
	return tenant, nil
}
