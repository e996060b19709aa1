// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/test/browser/fakeapi"
)

// axe is axe-core, which looks for what keeps people with a keyboard or a screen reader from using a page.
var axe = sync.OnceValue(func() string {
	text, err := os.ReadFile("testdata/axe/axe.min.js")
	if err != nil {
		panic(err)
	}
	return string(text)
})

// requireAccessible fails the test if axe-core finds something on what the page shows now.
func (p *page) requireAccessible(name string) {
	p.t.Helper()
	p.settle()
	if !evaluate[bool](p, `typeof window.axe === 'object'`) {
		evaluate[bool](p, axe()+";true")
	}
	found := ask[[]string](p, `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
		violations.flatMap(({ id, help, nodes }) => nodes.map((n) => id + ': ' + help + ': ' + n.target.join(' ') + ' ' + n.html.slice(0, 200) + ' ' + n.failureSummary)))`)
	require.Empty(p.t, found, name)
}

func TestNothingKeepsPeopleOut(t *testing.T) {
	server := newFake(t)
	now := time.Now().UTC()
	server.AddDay(now)
	server.AddTrouble(now)
	server.AddFindings(now, "bulk_mail", "exfiltration")
	failed := server.AddJob(runningJob(fakeapi.Contoso, "live"))
	server.End(failed, fakeapi.Rows{Accepted: 3}, "401 Unauthorized", "consent to ExchangeMessageTrace.Read.All")
	running := server.AddJob(runningJob(fakeapi.Contoso, "backfill"))
	p := openBrowser(t, server.URL)
	for _, screen := range []struct {
		width int64
		theme string
	}{{1280, "light"}, {1280, "dark"}, {390, "light"}} {
		p.size(screen.width, 900)
		p.prefer(screen.theme)
		for view, ready := range map[string]string{
			"overview":                          `document.querySelector('.progress:not([hidden])') && ` + someJobs,
			"overview?input=" + fakeapi.Contoso: `document.querySelectorAll('.input-card').length === 1`,
			"overview?show=late":                `document.querySelector('.count[aria-current]')`,
			"jobs":                              someJobs,
			"jobs?from=2026-01-02T00:00:00Z":    `document.querySelector('#filter-from').checkVisibility()`,
			"jobs?q=nowhere":                    `document.querySelector('.empty')`,
			"jobs/" + failed:                    `document.querySelector('.log-line')`,
			"jobs/" + running:                   `document.querySelector('.log-line')`,
			"jobs/none":                         `document.querySelector('.empty.is-error')`,
			"findings":                          someFindings,
			"findings?rule=auto_forward":        `document.querySelector('.empty')`,
			"live":                              `document.querySelector('.empty')`,
			"graphs":                            `document.querySelectorAll('.chart canvas').length === 5 && document.querySelector('.top-list li')`,
			"log":                               `document.querySelector('.log-line')`,
		} {
			p.open(view)
			p.waitFor(ready)
			p.requireAccessible(fmt.Sprintf("%s at %d, %s", view, screen.width, screen.theme))
		}
	}
}

func TestNothingKeepsPeopleOutOfDialogsAndRecords(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	server.Lock("secret")
	running := server.AddJob(runningJob(fakeapi.Contoso, "backfill"))
	p := openBrowser(t, server.URL)
	for _, theme := range []string{"light", "dark"} {
		p.prefer(theme)
		p.open("graphs")
		p.waitFor(`document.querySelector('.top-locked:not([hidden])')`)
		p.requireAccessible(theme + " locked lists")
		p.click(".top-locked button")
		p.waitFor(`document.querySelector('dialog #token')`)
		p.requireAccessible(theme + " token")
		p.press("\x1b")
	}
	p.do(chromedp.Navigate(p.base + "#token=secret"))
	for _, theme := range []string{"light", "dark"} {
		p.prefer(theme)
		p.open("live")
		p.waitFor(`document.querySelector('#capture-run')`)
		p.click("#capture-run")
		requireWatched(t, server)
		for n := range 10 {
			server.Deliver(fakeapi.Mail(fakeapi.Contoso, n, time.Now()))
		}
		p.waitFor(`document.querySelectorAll('.record').length >= 10`)
		p.click(".record summary")
		p.requireAccessible(theme + " records")
		p.click("#capture-run")
		p.click("#read-window")
		p.waitFor(`document.querySelector('dialog #read-input option')`)
		p.requireAccessible(theme + " read a window")
		p.press("\x1b")
		p.open("jobs/" + running)
		p.waitFor(`document.querySelector('.log-line')`)
		p.click(".job-head .is-danger")
		p.waitFor(`document.querySelector('dialog')`)
		p.requireAccessible(theme + " cancel")
		p.press("\x1b")
	}
	many := newFake(t)
	p = openBrowser(t, many.URL)
	p.open("overview")
	p.waitFor(`document.querySelector('.empty')`)
	p.requireAccessible("no inputs")
	many.AddMany(time.Now().UTC(), 60)
	for _, width := range []int64{1280, 390} {
		p.size(width, 900)
		p.waitFor(`document.querySelectorAll('.inputs tbody tr').length === 60`)
		p.requireAccessible("many inputs")
	}
}
