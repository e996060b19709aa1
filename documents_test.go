// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package o365messagetrace_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"

	"github.com/o365messagetrace/o365messagetrace/connector/findings"
	"github.com/o365messagetrace/o365messagetrace/extension/jobinspector"
	"github.com/o365messagetrace/o365messagetrace/receiver"
)

// unset is how the documents write the default of a key that has none.
const unset = "–"

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// section returns what of a document stands under a heading of the second level.
func section(t *testing.T, document, heading string) string {
	t.Helper()
	_, after, found := strings.Cut(document, "\n## "+heading+"\n")
	require.True(t, found, "no section %q", heading)
	text, _, _ := strings.Cut(after, "\n## ")
	return text
}

var keyRow = regexp.MustCompile("(?m)^\\| `([a-z0-9_.]+)` \\| (\\S.*?) \\| \\S.* \\|$")

func TestConfigurationPageListsAllKeysWithTheirDefaults(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	describe(want, "", reflect.ValueOf(receiver.NewFactory().CreateDefaultConfig()).Elem())

	_, table, found := strings.Cut(section(t, read(t, "docs/configuration.md"), "Keys"), "\n| Key | Default | Rule |\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	got := map[string]string{}
	for _, row := range keyRow.FindAllStringSubmatch(table, -1) {
		assert.NotContains(t, got, row[1], "listed twice")
		got[row[1]] = strings.Trim(row[2], "`")
	}
	assert.Equal(t, want, got)
}

// ownDefaults are the keys of the HTTP client for which this receiver has a default of its own.
var ownDefaults = []string{"endpoint", "timeout", "http2_read_idle_timeout", "http2_ping_timeout"}

// describe notes the keys of a configuration with their defaults, those of the HTTP client only as far as this receiver
// has something to say about them.
func describe(defaults map[string]string, path string, config reflect.Value) {
	for i := range config.NumField() {
		field, value := config.Type().Field(i), config.Field(i)
		if !field.IsExported() {
			continue
		}
		name, option, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		// An optional part has a method that returns it, with its defaults, even if it is not there.
		optional := value.Addr().MethodByName("GetOrInsertDefault")
		switch {
		case option == "squash":
			describe(defaults, path, value)
		case config.Type() == reflect.TypeFor[confighttp.ClientConfig]() && !slices.Contains(ownDefaults, name):
		case value.Kind() == reflect.Struct && optional.IsValid():
			describe(defaults, path+name+".", optional.Call(nil)[0].Elem())
		case value.Kind() == reflect.Struct:
			describe(defaults, path+name+".", value)
		default:
			defaults[path+name] = written(value)
		}
	}
}

// zeroUnits are what time.Duration.String ends with and nobody writes: 5m0s.
var zeroUnits = regexp.MustCompile(`([hm])(0[ms])+$`)

// written is a value as YAML has it.
func written(v reflect.Value) string {
	if d, ok := reflect.TypeAssert[time.Duration](v); ok {
		return zeroUnits.ReplaceAllString(d.String(), "$1")
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return unset
		}
	case reflect.Map:
		if v.Len() == 0 {
			return unset
		}
	case reflect.Slice:
		var list []string
		for i := range v.Len() {
			list = append(list, written(v.Index(i)))
		}
		return "[" + strings.Join(list, ", ") + "]"
	case reflect.String:
		// Not by Interface: an opaque string prints as something else.
		if v.String() == "" {
			return unset
		}
		return v.String()
	}
	return fmt.Sprint(v.Interface())
}

// documents are the Markdown files of the repository, with slashes.
func documents(t *testing.T) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(name, ".") && name != "." || slices.Contains([]string{"testdata", "build", "dist"}, name)):
			return fs.SkipDir
		case filepath.Ext(name) == ".md":
			paths = append(paths, filepath.ToSlash(path))
		}
		return nil
	}))
	require.Contains(t, paths, "docs/configuration.md")
	return paths
}

// READMEs that are longer are not read.
func TestREADMEIsShort(t *testing.T) {
	t.Parallel()
	assert.LessOrEqual(t, strings.Count(read(t, "README.md"), "\n"), 220, "lines: move what is not needed first to docs/")
}

var (
	fenced = regexp.MustCompile("(?s)\n```.*?\n```")
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

func TestLinksOfTheDocumentsLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, document := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(fenced.ReplaceAllString(read(t, document), ""), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(match[1], "#")
			target := document
			if file != "" {
				target = path.Join(path.Dir(document), file)
			}
			_, err := os.Stat(filepath.FromSlash(target))
			if assert.NoError(t, err, "link in %s", document) && anchor != "" {
				assert.Contains(t, anchors(read(t, target)), anchor, "link in %s to %s", document, target)
			}
		}
	}
}

var (
	heading     = regexp.MustCompile(`(?m)^#+ (.+)$`)
	punctuation = regexp.MustCompile(`[^\p{L}\p{N}\-_ ]`)
)

// anchors are the names under which GitHub knows the headings of a document.
func anchors(document string) (names []string) {
	for _, match := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(document, ""), -1) {
		name := punctuation.ReplaceAllString(strings.ToLower(match[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

var (
	yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	// variable is what the environment fills in; a domain is valid wherever a document has one.
	variable = regexp.MustCompile(`\$\{env:\w+\}`)
)

// configurations are the YAML blocks of the documents that have a service, by document and position.
func configurations(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, document := range documents(t) {
		for i, block := range yamlBlock.FindAllStringSubmatch(read(t, document), -1) {
			retrieved, err := confmap.NewRetrievedFromYAML([]byte(block[1]))
			require.NoError(t, err)
			conf, err := retrieved.AsConf()
			require.NoError(t, err, "%s: %s", document, block[1])
			if conf.IsSet("service") {
				found[fmt.Sprint(document, " block ", i+1)] = block[1]
			}
		}
	}
	return found
}

func TestConfigurationsInTheDocumentsAreValid(t *testing.T) {
	t.Parallel()
	found := configurations(t)
	assert.Contains(t, found, "README.md block 2", "a minimal and a production configuration")
	for place, text := range found {
		retrieved, err := confmap.NewRetrievedFromYAML([]byte(variable.ReplaceAllString(text, "contoso.com")))
		require.NoError(t, err, place)
		conf, err := retrieved.AsConf()
		require.NoError(t, err, place)
		for top, components := range conf.ToStringMap() {
			assert.Contains(t, []string{"receivers", "processors", "exporters", "connectors", "extensions", "service"}, top, place)
			parts, _ := components.(map[string]any)
			for id := range parts {
				kind, _, _ := strings.Cut(id, "/")
				var cfg component.Config
				switch {
				case top == "receivers" && kind == "o365messagetrace":
					cfg = receiver.NewFactory().CreateDefaultConfig()
				case top == "connectors" && kind == "o365findings":
					cfg = findings.NewFactory().CreateDefaultConfig()
				case top == "extensions" && kind == "o365jobinspector":
					cfg = jobinspector.NewFactory().CreateDefaultConfig()
				default:
					continue
				}
				own, err := conf.Sub(top + "::" + id)
				require.NoError(t, err, place)
				require.NoError(t, own.Unmarshal(cfg), place)
				// The example that the Job Inspector's README shortens.
				if !strings.Contains(text, "# ...") {
					require.NoError(t, confmap.Validate(cfg), place)
				}
			}
		}
	}
}

var metricRow = regexp.MustCompile("(?m)^\\| (`[^|]+) \\|")

func TestMetricsToWatchExist(t *testing.T) {
	t.Parallel()
	declared := read(t, "metadata.yaml")
	rows := metricRow.FindAllStringSubmatch(section(t, read(t, "docs/operating.md"), "What to watch"), -1)
	require.Greater(t, len(rows), 8)
	for _, row := range rows {
		names, _, _ := strings.Cut(row[1], ", by ")
		for _, name := range span.FindAllStringSubmatch(names, -1) {
			assert.Contains(t, declared, "\n    receiver_o365_message_trace_"+name[1]+":\n")
		}
	}
}

var exported = regexp.MustCompile(`(?m)^export O365MT_\w+=([^…\s]+)$`)

func TestQuickstartHasWhatTheSimulatorExpects(t *testing.T) {
	t.Parallel()
	values := exported.FindAllStringSubmatch(read(t, "docs/quickstart.md"), -1)
	require.Len(t, values, 3)
	for _, value := range values {
		assert.Contains(t, read(t, "simulator/config.go"), strconv.Quote(value[1]))
	}
}

// Whoever looks for something finds where it belongs.
func TestContributingListsAllFolders(t *testing.T) {
	t.Parallel()
	tree, _, _ := strings.Cut(section(t, read(t, "CONTRIBUTING.md"), "Where things belong"), "\n| ")
	for _, pattern := range []string{"*", "internal/*", "simulator/*", "cmd/*", "test/*"} {
		folders, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, folder := range folders {
			name := filepath.Base(folder)
			info, err := os.Stat(folder)
			require.NoError(t, err)
			if !info.IsDir() || strings.HasPrefix(name, ".") || slices.Contains([]string{"build", "dist", "testdata", "connector", "extension", "cmd", "test"}, name) {
				continue
			}
			if !regexp.MustCompile(`(^|[\s/])` + name + `/`).MatchString(tree) {
				t.Errorf("CONTRIBUTING.md does not list %s", folder)
			}
		}
	}
}

var (
	versionConstant = regexp.MustCompile(`(?m)^const version = "(.+)"$`)
	manifestLine    = regexp.MustCompile(`gomod: github\.com/o365messagetrace/o365messagetrace v(\S+)`)
)

func TestDocumentsNameTheVersion(t *testing.T) {
	t.Parallel()
	match := versionConstant.FindStringSubmatch(read(t, "receiver/receiver.go"))
	require.NotNil(t, match, "receiver.go has no version")
	version := regexp.QuoteMeta(match[1])
	for document, want := range map[string]string{
		"CHANGELOG.md":        `(?m)^## .*\b` + version + `\b`,
		"README.md":           `(?m)gomod: github.com/o365messagetrace/o365messagetrace v` + version + `$`,
		"builder-config.yaml": `(?m)^  version: ` + version + `\b`,
	} {
		assert.Regexp(t, want, read(t, document), document)
	}
	for _, document := range documents(t) {
		for _, named := range manifestLine.FindAllStringSubmatch(read(t, document), -1) {
			assert.Equal(t, match[1], named[1], document)
		}
	}
}

var target = regexp.MustCompile(`(?m)^([a-z-]+):.*## `)

func TestContributingListsAllTargetsOfMake(t *testing.T) {
	t.Parallel()
	table := section(t, read(t, "CONTRIBUTING.md"), "make")
	for _, each := range target.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		if each[1] != "help" {
			assert.Contains(t, table, "`"+each[1]+"`")
		}
	}
}

var (
	flagDefined = regexp.MustCompile(`set\.\w*(?:Var|Func)\([^"]*"([a-z-]+)"`)
	flagNamed   = regexp.MustCompile("`--([a-z-]+)`")
)

func TestSimulatorPageListsAllFlags(t *testing.T) {
	t.Parallel()
	names := func(matches [][]string) (all []string) {
		for _, match := range matches {
			all = append(all, match[1])
		}
		return all
	}
	_, table, _ := strings.Cut(read(t, "docs/simulator.md"), "\n|")
	table, _, _ = strings.Cut(table, "\n\n")
	var got []string
	for row := range strings.Lines(table) {
		flags, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " | ")
		got = append(got, names(flagNamed.FindAllStringSubmatch(flags, -1))...)
	}
	assert.ElementsMatch(t, names(flagDefined.FindAllStringSubmatch(read(t, "cmd/m365sim/flags.go")+read(t, "cmd/m365sim/credentials.go"), -1)), got)
}
