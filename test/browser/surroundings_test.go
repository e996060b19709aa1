// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/test/browser/fakeapi"
)

var views = []string{"overview", "jobs", "findings", "live", "graphs", "log"}

func TestNoInputsSaysWhatToDo(t *testing.T) {
	server := newFake(t)
	p := openBrowser(t, server.URL)
	p.open("overview")
	p.waitForText(".empty pre", "inspector: o365jobinspector")
	p.open("jobs")
	p.waitForText(".empty", "No jobs yet")
	p.requireClean()
}

func TestServerThatIsAwayIsShownAndComesBack(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("jobs")
	p.waitFor(`document.querySelectorAll('.jobs tbody tr').length > 0`)
	server.SetDown(true)
	p.waitFor(`!document.querySelector('#banner').hidden`)
	p.waitForText("#banner", "The collector does not answer")
	require.Positive(t, evaluate[int](p, `document.querySelectorAll('.jobs tbody tr').length`), "what was shown is gone")
	p.click("#tabs [data-view=graphs]")
	p.waitForText("h1", "Graphs")
	p.click("#tabs [data-view=jobs]")
	p.waitForText(".empty.is-error", "The collector does not answer")
	server.SetDown(false)
	evaluate[bool](p, `document.querySelector('#banner button').click(), true`)
	p.waitFor(`document.querySelector('#banner').hidden && document.querySelectorAll('.jobs tbody tr').length > 0`)
}

func TestReadOnlyHidesWhatItRefuses(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	id := server.AddJob(runningJob(fakeapi.Contoso, "live"))
	server.Restrict(true, false)
	p := openBrowser(t, server.URL)
	p.open("jobs/" + id)
	p.waitFor(`document.querySelector('.badge').dataset.state === 'running'`)
	require.True(t, evaluate[bool](p, `document.querySelector('#read-window').hidden && document.querySelector('.job-head .is-danger').hidden`))
	p.open("live")
	p.waitForText(".empty", "read_only: true")
	require.True(t, evaluate[bool](p, `document.querySelector('#capture-run').disabled`))
	p.requireClean()
}

func TestUnknownJob(t *testing.T) {
	server := newFake(t)
	p := openBrowser(t, server.URL)
	p.open("jobs/nope")
	p.waitForText(".empty.is-error", "there is no such job")
	p.waitForText(".empty.is-error", "job_ttl")
}

func TestKeyboard(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("overview")
	p.press(kb.Tab)
	require.Equal(t, "skip", evaluate[string](p, `document.activeElement.id`))
	p.press(kb.Enter)
	require.Equal(t, "main", evaluate[string](p, `document.activeElement.id`))

	p.reload()
	for range 4 { // the skip link, the name of the page, Overview, Jobs
		p.press(kb.Tab)
	}
	require.Equal(t, "Jobs", evaluate[string](p, `document.activeElement.textContent`))
	require.NotEqual(t, "none", evaluate[string](p, `getComputedStyle(document.activeElement).outlineStyle`), "focus is not visible")
	p.press(kb.Enter)
	p.waitForText("h1", "Jobs")
	require.Equal(t, "H1", evaluate[string](p, `document.activeElement.tagName`))

	p.waitFor(`document.querySelectorAll('.jobs tbody tr').length > 0`)
	evaluate[bool](p, `document.querySelector('[name=segment-state]').focus(), true`)
	for range 6 { // All, Scheduled, Waiting, Running, Paused, Done, Failed
		p.press(kb.ArrowRight)
	}
	p.waitFor(`location.hash.includes('state=failed') && [...document.querySelectorAll('.jobs tbody tr')].every((e) => e.dataset.state === 'failed')`)
	p.waitFor(`document.querySelector('.row-link')`)
	for range 3 { // CSV, JSON, the first job
		p.press(kb.Tab)
	}
	require.Equal(t, "row-link", evaluate[string](p, `document.activeElement.className`))
	p.press(kb.Enter)
	p.waitForText(".problem", fakeapi.FabrikamHint)

	evaluate[bool](p, `document.querySelector('#read-window').focus(), true`)
	p.press(kb.Enter)
	p.waitFor(`document.querySelector('dialog')?.contains(document.activeElement)`)
	p.press(kb.Escape)
	p.waitFor(`!document.querySelector('dialog') && document.activeElement.id === 'read-window'`)
	p.requireClean()
}

func TestThemes(t *testing.T) {
	p := openBrowser(t, lively(t).url)
	lightness := `(() => { const [r, g, b] = getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).map(Number); return (r + g + b) / 3; })()`
	p.prefer("light")
	p.open("overview")
	require.Greater(t, evaluate[float64](p, lightness), 200.0)
	p.prefer("dark")
	p.waitFor(lightness + " < 50")
	p.click("#theme")
	p.waitFor(lightness + " > 200")
	p.reload()
	require.Greater(t, evaluate[float64](p, lightness), 200.0, "the choice is not kept")
	p.requireClean()
}

// TestContrast holds the colours of both themes to WCAG AA.
func TestContrast(t *testing.T) {
	p := openBrowser(t, lively(t).url)
	p.open("overview")
	contrast := `((text, ground) => {
		const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
		const luminance = (name) => {
			const probe = document.body.appendChild(document.createElement('span'));
			probe.style.color = 'var(' + name + ')';
			canvas.fillStyle = getComputedStyle(probe).color;
			probe.remove();
			canvas.fillRect(0, 0, 1, 1);
			const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
			return 0.2126 * r + 0.7152 * g + 0.0722 * b;
		};
		const [a, b] = [luminance(text), luminance(ground)].sort((x, y) => y - x);
		return (a + 0.05) / (b + 0.05);
	})`
	pairs := [][2]string{
		{"--text", "--ground"},
		{"--text", "--surface"},
		{"--text-muted", "--ground"},
		{"--text-muted", "--surface"},
		{"--text-muted", "--surface-3"},
		{"--accent", "--surface"},
		{"--accent", "--ground"},
		{"--accent", "--accent-soft"},
		{"--on-accent", "--accent-ground"},
		{"--ok", "--ok-soft"},
		{"--warn", "--warn-soft"},
		{"--bad", "--bad-soft"},
		{"--bad", "--surface"},
		{"--warn", "--surface"},
		{"--accent", "--ok-soft"},
		{"--on-accent", "--bad-ground"},
	}
	for _, theme := range []string{"light", "dark"} {
		p.prefer(theme)
		for _, pair := range pairs {
			require.GreaterOrEqual(t, evaluate[float64](p, fmt.Sprintf("%s(%q, %q)", contrast, pair[0], pair[1])), 4.5, "%s: %v", theme, pair)
		}
	}
}

func TestPhoneDoesNotScrollSideways(t *testing.T) {
	p := openBrowser(t, lively(t).url)
	p.size(360, 740)
	narrow := func(name string) {
		require.LessOrEqual(t, evaluate[int](p, `document.documentElement.scrollWidth`), 360, name)
	}
	for _, view := range views {
		p.open(view)
		p.settle()
		narrow(view)
	}
	p.open("jobs")
	p.waitFor(`document.querySelectorAll('.jobs tbody tr').length > 0`)
	narrow("jobs with rows")
	p.open("jobs/" + evaluate[string](p, `document.querySelector('.jobs tbody tr').dataset.job`))
	p.waitFor(`document.querySelector('.job-view:not([hidden])')`)
	narrow("job")
	p.click("#read-window")
	p.waitFor(`document.querySelector('dialog #read-input option')`)
	require.LessOrEqual(t, evaluate[int](p, `document.querySelector('dialog').scrollWidth - document.querySelector('dialog').clientWidth`), 0)
	narrow("dialog")
}

func TestTabletDoesNotScrollSideways(t *testing.T) {
	p := openBrowser(t, lively(t).url)
	for _, width := range []int64{768, 1024} {
		p.size(width, 800)
		for _, view := range []string{"overview", "jobs"} {
			p.open(view)
			p.waitFor(someJobs)
			require.LessOrEqual(t, evaluate[int64](p, `document.documentElement.scrollWidth`), width, view)
			require.LessOrEqual(t, evaluate[int](p, `document.querySelector('#tabs').scrollWidth - document.querySelector('#tabs').clientWidth`), 0)
		}
	}
}

func TestFormats(t *testing.T) {
	server := newFake(t)
	p := openBrowser(t, server.URL)
	p.open("overview")
	for expression, want := range map[string]string{
		`number(1234)`:          "1,234",
		`number(undefined)`:     "–",
		`bytes(0)`:              "0 B",
		`bytes(999)`:            "999 B",
		`bytes(999999)`:         "1 MB",
		`bytes(3_200_000)`:      "3.2 MB",
		`bytes(123_400_000)`:    "123 MB",
		`duration(0)`:           "0 s",
		`duration(0.0004)`:      "1 ms",
		`duration(0.45)`:        "450 ms",
		`duration(2.44)`:        "2.4 s",
		`duration(9.97)`:        "10 s",
		`duration(59.7)`:        "1 min",
		`duration(125)`:         "2 min 5 s",
		`duration(3600)`:        "1 h",
		`duration(111_600)`:     "1 d 7 h",
		`duration(-3)`:          "0 s",
		`duration(null)`:        "–",
		`plural(1, 'row')`:      "1 row",
		`plural(1200, 'row')`:   "1,200 rows",
		`dateTime(null)`:        "–",
		`utc(new Date(1.5e12))`: "2017-07-14 02:40:00 UTC",
		`parseTime('0001-01-01T00:00:00Z') === null`:                                                              "true",
		`relative(new Date(61_000), new Date(0))`:                                                                 "in 1 min 1 s",
		`relative(new Date(0), new Date(5_000))`:                                                                  "5 s ago",
		`span(new Date('2026-01-02T10:00:00'), new Date('2026-01-02T10:05:00'))`:                                  "2026-01-02 10:00:00 – 10:05:00",
		`span(new Date('2026-01-02T23:00:00'), new Date('2026-01-03T00:00:00'))`:                                  "2026-01-02 23:00:00 – 2026-01-03 00:00:00",
		`span(new Date('2026-01-02T10:00:00'), new Date('2026-01-02T10:05:00'), new Date('2026-01-02T11:00:00'))`: "10:00:00 – 10:05:00",
	} {
		require.Equal(t, want, ask[string](p, `import('./js/format.js').then((f) => String(f.`+expression+`))`), expression)
	}
}
