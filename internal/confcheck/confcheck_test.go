// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package confcheck

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"pgregory.net/rapid"
)

// Config is a configuration with a part that decodes itself, as parts of newer collectors do.
type Config struct {
	Part     `mapstructure:",squash"`
	Own      Inner                          `mapstructure:"own"`
	Maybe    configoptional.Optional[Inner] `mapstructure:"maybe"`
	Colour   Colour                         `mapstructure:"colour"`
	Big      int64                          `mapstructure:"big"`
	Share    float64                        `mapstructure:"share"`
	Open     bool                           `mapstructure:"open"`
	Storage  *component.ID                  `mapstructure:"storage"`
	Headers  configopaque.MapList           `mapstructure:"headers"`
	Waits    []time.Duration                `mapstructure:"waits"`
	Inners   []Inner                        `mapstructure:"inners"`
	Password configopaque.String            `mapstructure:"password"`

	_ struct{}
}

type Part struct {
	Endpoint string `mapstructure:"endpoint"`
	Limits   Inner  `mapstructure:"limits"`
}

func (p *Part) Unmarshal(conf *confmap.Conf) error {
	return conf.Unmarshal(p, confmap.WithIgnoreUnused())
}

type Inner struct {
	Size  int           `mapstructure:"size"`
	Delay time.Duration `mapstructure:"delay"`
}

type Colour string

func (Colour) Choices() []string { return []string{"red", "green"} }

func (c *Config) Unmarshal(conf *confmap.Conf) error {
	return Unmarshal(conf, c, Names{"own.groesse": "own.size", "farbe": "colour", "alt": "leave it out", "grenze": "limits.size"})
}

func (c *Config) Validate() error {
	var errs []error
	if c.Own.Size > 9 {
		errs = append(errs, errors.New("own.size: too large"))
	}
	if c.Own.Delay > 24*time.Hour {
		errs = append(errs, errors.New("own.delay: too long"))
	}
	return errors.Join(append(errs, Choose("colour", c.Colour))...)
}

func defaults() *Config { return &Config{Own: Inner{Size: 5}, Colour: "red"} }

// decode reads a configuration in YAML and returns what is wrong with it, line by line.
func decode(t *testing.T, yaml string) (*Config, []string) {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	cfg := defaults()
	if err := cfg.Unmarshal(conf); err != nil {
		return nil, strings.Split(err.Error(), "\n")
	}
	return cfg, nil
}

func TestRightValues(t *testing.T) {
	t.Parallel()
	for yaml, change := range map[string]func(c *Config){
		"":   func(*Config) {},
		"{}": func(*Config) {},
		"{endpoint: x, limits: {size: 1}, own: {size: 2, delay: 1d}}": func(c *Config) {
			c.Part, c.Own = Part{Endpoint: "x", Limits: Inner{Size: 1}}, Inner{Size: 2, Delay: 24 * time.Hour}
		},
		"maybe: {size: 1}":                 func(c *Config) { c.Maybe = configoptional.Some(Inner{Size: 1}) },
		"maybe: {size: 1, enabled: false}": func(*Config) {},
		"maybe:":                           func(*Config) {},
		"own:":                             func(*Config) {},
		"colour: green":                    func(c *Config) { c.Colour = "green" },
		"{big: 4294967296, share: 1, open: true}": func(c *Config) { c.Big, c.Share, c.Open = 1<<32, 1, true },
		"{big: 2.0, share: 0.5, own: {delay: 0}}": func(c *Config) { c.Big, c.Share = 2, 0.5 },
		"waits: 1d,5m":    func(c *Config) { c.Waits = []time.Duration{24 * time.Hour, 5 * time.Minute} },
		"waits: [1h, 1d]": func(c *Config) { c.Waits = []time.Duration{time.Hour, 24 * time.Hour} },
		"inners: [{size: 1, delay: 1d}, {size: 2}]": func(c *Config) {
			c.Inners = []Inner{{Size: 1, Delay: 24 * time.Hour}, {Size: 2}}
		},
		"storage: file_storage/x": func(c *Config) {
			id := component.MustNewIDWithName("file_storage", "x")
			c.Storage = &id
		},
		"headers: {A: b}": func(c *Config) { c.Headers = configopaque.MapList{{Name: "A", Value: "b"}} },
	} {
		want := defaults()
		change(want)
		got, problems := decode(t, yaml)
		require.Empty(t, problems, yaml)
		assert.Equal(t, want, got, yaml)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for yaml, want := range map[string][]string{
		// Keys.
		"end_point: x":            {"unknown key end_point: did you mean endpoint?"},
		"endpont: x":              {"unknown key endpont: did you mean endpoint?"},
		"own: {sizes: 1}":         {"unknown key own.sizes: did you mean size?"},
		"limits: {sizes: 1}":      {"unknown key limits.sizes: did you mean size?"},
		"inners: [{siz: 1}]":      {"unknown key inners[0].siz: did you mean size?"},
		"maybe: {what: 1}":        {"unknown key maybe.what: the keys are size, delay"},
		"unheard_of: 1":           {"unknown key unheard_of"},
		"own: {endpoint: x}":      {"unknown key own.endpoint: it belongs at the top level"},
		"delay: 1":                {"unknown key delay: it belongs in limits or in own or in maybe"},
		"farbe: green":            {"unknown key farbe: here it is colour"},
		"farbe: blue":             {"unknown key farbe: here it is colour", `colour: "blue" is none of red, green`},
		"own: {groesse: 50}":      {"unknown key own.groesse: here it is size"},
		"grenze: 1":               {"unknown key grenze: here it is limits.size"},
		"alt: 1":                  {"unknown key alt: leave it out"},
		"{colour: red, colur: 1}": {"unknown key colur: did you mean colour?"},
		"{colr: red, colur: 1}":   {"unknown key colr: did you mean colour?", "unknown key colur: did you mean colour?"},

		// All problems come together, and none twice.
		"{unheard_of: 1, own: {size: 10}}":                 {"unknown key unheard_of", "own.size: too large"},
		"own: {sizes: 10}":                                 {"unknown key own.sizes: did you mean size?", "own.size: too large"},
		"own: {sizes: many}":                               {"unknown key own.sizes: did you mean size?", "own.sizes: must be a whole number, not a text"},
		"own: {size: many, delay: 2 days}":                 {"own.delay: `2 days`: write 2d", "own.size: must be a whole number, not a text", "own.delay: too long"},
		"{own: [], colour: [], unheard_of: 1, open: 1}":    {"colour: must be red or green, not a list", "open: must be true or false, not a number", "own: must be a block of keys, not a list", "unknown key unheard_of"},
		"{own: {size: }, waits: [5m, 7, 1 h], colour: {}}": {"colour: must be red or green, not a block of keys", "own.size: has no value; give one, or leave the key out", "waits[1]: 7 has no unit; write 7s", "waits[2]: `1 h`: write 1h"},

		"own: {delay: 90000}": {"own.delay: 90000 has no unit; write 90000s", "own.delay: too long"},
		"own: {delay: soon}":  {"own.delay: `soon`: write a number with a unit, such as 5m, 1h30m or 90d"},

		// Values.
		"colour: blue\nopen: maybe": {"open: must be true or false, not a text", `colour: "blue" is none of red, green`},
		"big: 1e300":                {"big: 1e+300 is too large"},
		"own: {size: 1.5}":          {"own.size: 1.5 is not a whole number"},
		"own: {size: 4294967296}":   {"own.size: 4294967296 is too large"},
		"share: half":               {"share: must be a number, not a text"},
		"storage: a b":              {`storage: in "a b" id: invalid character(s) in type "a b"`},
		"storage: 5":                {"storage: must be a text, not a number; put it in quotes"},
		"headers: {A: 5}":           {"headers[A]: must be a text, not a number; put it in quotes"},
		"headers: a":                {"headers: must be a block of keys, not a text"},
		"password: 5":               {"password: must be a text, not a number; put it in quotes"},
		"endpoint: 2026-01-31":      {"endpoint: must be a text, not a time; put it in quotes"},
		"inners: {size: 1}":         {"inners: must be a list, not a block of keys"},
		"inners: [1]":               {"inners[0]: must be a block of keys, not a number"},
		"waits: 5":                  {"waits: must be a list, not a number"},
		"own: {delay: true}":        {"own.delay: must be a duration such as 5m, not true"},
		"own: {delay: .nan}":        {"own.delay: NaN is no duration; write a number with a unit, such as 5m, 1h30m or 90d"},
	} {
		_, got := decode(t, yaml)
		assert.Equal(t, want, got, yaml)
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"90d": 2160 * time.Hour, "1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, ".5d": 12 * time.Hour, "-1d": -24 * time.Hour, "0": 0, "0d": 0,
		"1h1d": 25 * time.Hour, "106751d": 106751 * 24 * time.Hour, "5m": 5 * time.Minute,
	} {
		d, err := ParseDuration(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, d, text)
	}
	const unclear = "a number with a unit, such as 5m, 1h30m or 90d"
	for text, want := range map[string]string{
		"5 min": "write 5m", "5min": "write 5m", "5 minutes": "write 5m", "5M": "write 5m", " 5m": "write 5m", "5 m": "write 5m",
		"30 sec.": "write 30s", "1 hour and 30 minutes": "write 1h30m", "1h, 30m": "write 1h30m", "1 day": "write 1d", "2 Weeks": "write 14d",
		"1.5 hrs": "write 1.5h", "- 5 min": "write -5m", "500 ms": "write 500ms",
		"soon": "write " + unclear, "3 months": "write " + unclear, "1y": "write " + unclear, "5": "write " + unclear, "": "write " + unclear,
		"1d12": "write " + unclear, "5:00": "write " + unclear, "1,5h": "write " + unclear, "m": "write " + unclear,
		"106752d": "is too long", "999999999999999999999h": "is too long",
	} {
		_, err := ParseDuration(text)
		assert.EqualError(t, err, "`"+text+"`: "+want)
	}
}

func TestDaysAreHoursTimes24(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		days, rest := rapid.Int64Range(0, 50_000).Draw(t, "days"), time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "rest"))
		text := (time.Duration(days) * time.Hour).String()
		text = strings.TrimSuffix(text, "h0m0s")
		if days == 0 {
			text = "0"
		}
		d, err := ParseDuration(text + "d" + rest.String())
		require.NoError(t, err)
		assert.Equal(t, time.Duration(days)*24*time.Hour+rest, d)
	})
}

// A suggestion that is made is one that is accepted.
func TestSuggestedDurationsAreRight(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[+-]?( ?[0-9]{1,4}(\.[0-9])? ?(s|sec|m|Min|minutes|h|hrs|days?|weeks|ms|x|mon)[ ,.]?( and )?){1,3}`).Draw(t, "text")
		_, err := ParseDuration(text)
		if suggestion := suggested(text); err != nil && suggestion != "" {
			_, err := ParseDuration(suggestion)
			require.NoError(t, err)
		}
	})
}

// One slip of the finger in a key leads back to it.
func TestSlipsAreUnderstood(t *testing.T) {
	t.Parallel()
	all := fieldsOf(defaults())
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(all).Filter(func(f field) bool { return len(f.key) > 4 }).Draw(t, "field")
		at := rapid.IntRange(1, len(f.key)-1).Draw(t, "at")
		letter := rapid.StringMatching("[a-z_]").Draw(t, "letter")
		slip := rapid.SampledFrom([]string{
			f.key[:at] + f.key[at+1:], f.key[:at] + letter + f.key[at:], f.key[:at] + letter + f.key[at+1:], strings.ToUpper(f.key),
		}).Draw(t, "slip")
		if _, known := find(all, slip); known {
			return
		}
		got, found := alike(all, slip)
		if !found {
			got, found = closest(all, slip)
		}
		assert.True(t, found, slip)
		assert.Equal(t, f.key, got.key, slip)
	})
}

// Whatever a configuration holds, each problem is told with the key that it is about, and nothing in words of Go.
func TestEveryProblemNamesItsKey(t *testing.T) {
	t.Parallel()
	var keys []string
	for _, f := range append(fieldsOf(defaults()), field{key: "siz"}, field{key: "size"}, field{key: "delay"}, field{key: "name"}) {
		keys = append(keys, f.key)
	}
	single := rapid.OneOf(
		rapid.SampledFrom([]any{nil, true, "", "red", "5m", "5 min", "1d", "a,b", "file_storage", time.Time{}, 1e300, uint64(1 << 63)}),
		rapid.Custom(func(t *rapid.T) any { return rapid.IntRange(-3, 20).Draw(t, "int") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.Float64().Draw(t, "float") }),
	)
	var block func(depth int) *rapid.Generator[map[string]any]
	block = func(depth int) *rapid.Generator[map[string]any] {
		values := single
		if depth > 0 {
			values = rapid.OneOf(single, rapid.Custom(func(t *rapid.T) any { return block(depth-1).Draw(t, "block") }),
				rapid.Custom(func(t *rapid.T) any { return rapid.SliceOfN(single, 0, 3).Draw(t, "list") }),
				rapid.Custom(func(t *rapid.T) any { return []any{block(depth-1).Draw(t, "element")} }))
		}
		return rapid.MapOfN(rapid.SampledFrom(keys), values, 0, 4)
	}
	about := regexp.MustCompile(`^(unknown key )?[a-z_]+[\[\].\w]*(: |$)`)
	rapid.Check(t, func(t *rapid.T) {
		values := block(3).Draw(t, "values")
		err := defaults().Unmarshal(confmap.NewFromStringMap(values))
		for _, problem := range flatten(err) {
			assert.Regexp(t, about, problem.Error())
			assert.NotRegexp(t, `interface|struct|map\[|unconvertible|[a-z]\.[A-Z]`, problem.Error())
		}
	})
}
