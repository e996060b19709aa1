// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/pipeline"
	"go.yaml.in/yaml/v3"

	"github.com/o365messagetrace/o365messagetrace/receiver"
)

// wrongLine is a tenant that cannot be read.
type wrongLine struct {
	line int
	err  error
}

// Keys of a line that are not the receiver's.
const (
	nameKey     = "name"
	pipelineKey = "pipeline"
	tenantKey   = "tenant_id"
)

// configuration returns the part of the collector's configuration that the list stands for, nil if no line is right, and
// the lines that are wrong.
func (l *list) configuration() (conf map[string]any, wrong []wrongLine) {
	receivers, pipelines := map[string]any{}, map[string]any{}
	used := map[string]int{}
	for _, line := range l.lines {
		id, into, cfg, err := l.receiver(line, used)
		if err != nil {
			wrong = append(wrong, wrongLine{line.number, err})
			continue
		}
		receivers[id] = cfg
		if pipelines[into] == nil {
			pipelines[into] = map[string]any{"receivers": []any{}}
		}
		each := pipelines[into].(map[string]any)
		each["receivers"] = append(each["receivers"].([]any), id)
	}
	if len(receivers) == 0 {
		return nil, wrong
	}
	return map[string]any{"receivers": receivers, "service": map[string]any{"pipelines": pipelines}}, wrong
}

// receiver returns the receiver of a line and the pipeline that it feeds. used are the names and tenants of the lines before.
func (l *list) receiver(line line, used map[string]int) (id, into string, cfg map[string]any, err error) {
	tenant, err := line.tenant()
	if err != nil {
		return "", "", nil, err
	}
	cfg = merged(l.Defaults, tenant)
	delete(cfg, nameKey)
	delete(cfg, pipelineKey)
	texts := map[string]string{nameKey: "", tenantKey: "", pipelineKey: l.Pipeline}
	for key := range texts {
		if value, given := tenant[key]; given {
			text, ok := value.(string)
			if !ok || text == "" {
				return "", "", nil, fmt.Errorf("%s: it is no text", key)
			}
			texts[key] = text
		}
	}
	if texts[tenantKey] == "" {
		return "", "", nil, fmt.Errorf("%s is missing", tenantKey)
	}
	if texts[nameKey] == "" {
		texts[nameKey] = texts[tenantKey]
	}
	var own component.ID
	if err := own.UnmarshalText([]byte(receiver.NewFactory().Type().String() + "/" + texts[nameKey])); err != nil {
		return "", "", nil, fmt.Errorf("%s: %w", nameKey, err)
	}
	var target pipeline.ID
	if err := target.UnmarshalText([]byte(texts[pipelineKey])); err != nil || target.Signal() != pipeline.SignalLogs {
		return "", "", nil, fmt.Errorf("%s: %q is no pipeline of logs, such as logs/contoso", pipelineKey, texts[pipelineKey])
	}
	for _, key := range []string{nameKey, tenantKey} {
		taken := key + " " + strings.ToLower(texts[key])
		if before := used[taken]; before > 0 {
			return "", "", nil, fmt.Errorf("%s: line %d has the same", key, before)
		}
	}
	if err := check(cfg); err != nil {
		return "", "", nil, err
	}
	used[nameKey+" "+strings.ToLower(texts[nameKey])] = line.number
	used[tenantKey+" "+strings.ToLower(texts[tenantKey])] = line.number
	return own.String(), target.String(), cfg, nil
}

// merged returns the defaults with what a tenant's line sets instead. Where it signs in in another way, it gets nothing of the
// defaults' way.
func merged(defaults, own map[string]any) map[string]any {
	all := maps.Clone(defaults)
	if all == nil {
		all = map[string]any{}
	}
	for key, value := range own {
		inner, isMap := value.(map[string]any)
		before, wasMap := all[key].(map[string]any)
		if isMap && wasMap && (key != "authentication" || sameWay(before, inner)) {
			value = merged(before, inner)
		}
		all[key] = value
	}
	return all
}

func sameWay(before, own map[string]any) bool {
	for way := range own {
		if _, ok := before[way]; !ok {
			return false
		}
	}
	return true
}

// check returns what the receiver will find wrong with a configuration.
func check(cfg map[string]any) error {
	expanded, known := expand(cfg)
	if !known {
		return nil
	}
	whole := receiver.NewFactory().CreateDefaultConfig()
	if err := confmap.NewFromStringMap(expanded.(map[string]any)).Unmarshal(whole); err != nil {
		return err
	}
	return confmap.Validate(whole)
}

// variable is an environment variable as the collector expands it: ${env:NAME}, ${NAME} or either with :-DEFAULT.
var variable = regexp.MustCompile(`\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}`)

// expand returns a value as the collector will expand it; known is false where it takes another provider to tell.
func expand(value any) (expanded any, known bool) {
	known = true
	switch value := value.(type) {
	case map[string]any:
		all := make(map[string]any, len(value))
		for key, each := range value {
			inner, ok := expand(each)
			all[key], known = inner, known && ok
		}
		return all, known
	case []any:
		all := make([]any, len(value))
		for i, each := range value {
			inner, ok := expand(each)
			all[i], known = inner, known && ok
		}
		return all, known
	case string:
		text := variable.ReplaceAllStringFunc(value, lookUp)
		if strings.Contains(text, "${") {
			return text, false
		}
		var scalar any
		if variable.FindString(value) == value && value != "" && yaml.Unmarshal([]byte(text), &scalar) == nil {
			return scalar, true
		}
		return text, true
	}
	return value, true
}

func lookUp(text string) string {
	match := variable.FindStringSubmatch(text)
	if value, given := os.LookupEnv(match[1]); given {
		return value
	}
	return strings.TrimPrefix(match[2], ":-")
}
