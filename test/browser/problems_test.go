// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/test/browser/fakeapi"
)

const shownInputs = `[...document.querySelectorAll('[data-input]')].map((e) => e.dataset.input.split('/')[1])`

func TestProblemsComeFirst(t *testing.T) {
	server := newFake(t)
	now := time.Now().UTC()
	server.AddDay(now)
	server.AddTrouble(now)
	p := openBrowser(t, server.URL)
	p.open("overview")
	p.waitFor(`document.querySelectorAll('.input-card').length === 6`)
	require.Equal(t, []string{"wingtip", "fabrikam", "litware", "adatum", "contoso", "tailspin"}, evaluate[[]string](p, shownInputs))
	for group, want := range map[string]struct {
		count string
		shown []string
	}{
		"stopped":   {"1 stopped", []string{"wingtip"}},
		"attention": {"1 needs attention", []string{"fabrikam"}},
		"paused":    {"1 paused", []string{"litware"}},
		"late":      {"2 late", []string{"wingtip", "fabrikam"}},
		"backfill":  {"1 in backfill", []string{"adatum"}},
	} {
		count := `[data-count="` + group + `"]`
		p.waitForText(count, want.count)
		p.click(count)
		p.waitFor(fmt.Sprintf(`%s.length === %d && document.querySelector('%s').ariaCurrent === 'true'`, shownInputs, len(want.shown), count))
		require.Equal(t, want.shown, evaluate[[]string](p, shownInputs), group)
		p.click(count)
		p.waitFor(shownInputs + `.length === 6`)
	}
	p.waitForText(`[data-count="failed"]`, "jobs failed in the last hour")
	p.click(`[data-count="failed"]`)
	p.waitForText("h1", "Jobs")
	p.waitFor(someJobs + ` && [...document.querySelectorAll('.jobs tbody tr')].every((row) => row.dataset.state === 'failed')`)
	require.Equal(t, "60", evaluate[string](p, `document.querySelector('#filter-last').value`))
	p.requireClean()
}

func TestAllWellIsSaid(t *testing.T) {
	server := newFake(t)
	p := openBrowser(t, server.URL)
	p.open("overview")
	server.AddMany(time.Now().UTC(), 3)
	p.waitForText(".summary", "3 inputs · all well")
	require.True(t, evaluate[bool](p, `document.querySelector('.attention').hidden`))
	p.requireClean()
}

func TestABackfillShowsItsProgress(t *testing.T) {
	server := newFake(t)
	server.AddTrouble(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("overview")
	card := `[data-input="` + fakeapi.Backfilling + `"] `
	p.waitForText(card+".positions > :first-child", "42 s behind")
	p.waitForText(card+".positions > :nth-child(2)", "Complete up to")
	p.waitForText(card+".progress", "42 % read · about 3 h left")
	require.Equal(t, "42", evaluate[string](p, `document.querySelector('`+card+`[role=progressbar]').ariaValueNow`))
	p.waitForText(card+".facts", "1 waiting for quota")
	require.True(t, evaluate[bool](p, `document.querySelector('[data-input="`+fakeapi.Stopped+`"] .progress').hidden`))
	p.open("jobs?input=" + fakeapi.Backfilling)
	p.waitForText(`tr[data-state="waiting"] .badge`, "Waiting for quota")
	p.requireClean()
}

func TestEstimatesHaveOneUnit(t *testing.T) {
	p := openBrowser(t, newFake(t).URL)
	p.open("overview")
	for seconds, want := range map[string]string{
		"null": "time left not known yet", "5": "about a minute left", "70": "about 1 min left", "3000": "about 50 min left",
		"5399": "about 90 min left", "5400": "about 2 h left", "10000": "about 3 h left", "129599": "about 36 h left",
		"129600": "about 2 d left",
	} {
		require.Equal(t, want, ask[string](p, `import('./js/parts/progress.js').then((m) => m.timeLeft({ eta_s: `+seconds+` }))`))
	}
	require.Equal(t, "99 %", ask[string](p, `import('./js/parts/progress.js').then((m) => m.percent({ share: 0.9999 }))`))
}

func TestAPauseSaysUntilWhen(t *testing.T) {
	server := newFake(t)
	server.AddTrouble(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("overview")
	card := `[data-input="` + fakeapi.Throttled + `"] `
	p.waitForText(card+".badge.is-warn", "Paused until ")
	p.waitForText(card+".is-pause", "Requests go on at ")
	p.waitForText(`tr[data-state="paused"] .badge.is-warn`, "Paused until ")
	p.requireClean()
}

func TestManyInputsAreADenseList(t *testing.T) {
	server := newFake(t)
	server.AddMany(time.Now().UTC(), 60)
	waiting := 12
	server.AddInput(fakeapi.Input{ID: "o365messagetrace/customer-59", Health: fakeapi.Health{Status: "ok", Since: time.Now().UTC()}, DetailsWaiting: &waiting})
	p := openBrowser(t, server.URL)
	p.open("overview")
	p.waitForText(".inputs", "12 waiting for details")
	p.waitFor(`document.querySelectorAll('.inputs tbody tr').length === 60`)
	shown := evaluate[[]string](p, shownInputs)
	require.Equal(t, []string{
		"customer-07", "customer-27", "customer-47", "customer-11", "customer-31", "customer-51", "customer-13", "customer-33", "customer-53", "customer-00",
	}, shown[:10])
	p.waitForText(`.inputs tr[data-health="warn"] .job-error`, fakeapi.FabrikamHint)
	require.False(t, slices.ContainsFunc(p.requests(), func(address string) bool { return address == "series" }), "no graph of each")
	p.click(`[data-count="late"]`)
	p.waitFor(`document.querySelectorAll('.input-card').length === 3`)
	p.open("overview")
	p.click(`.inputs tr[data-input="o365messagetrace/customer-13"] .row-link`)
	p.waitFor(`document.querySelectorAll('.input-card').length === 1`)
	p.waitForText(".input-card .progress", "88 % read · time left not known yet")
	p.click(".back")
	p.waitFor(`document.querySelectorAll('.inputs tbody tr').length === 60`)
	p.requireClean()
}
