// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/test/browser/fakeapi"
)

// view is one picture of the page.
type view struct {
	name, address string
	dark          bool
	// width and height are those of the window, 0 for 1280 and 800.
	width, height int64
	// ready is a JavaScript expression that becomes true when there is something to see.
	ready string
}

const (
	someJobs   = `document.querySelectorAll('.jobs:not(.inputs) tbody tr').length > 2`
	someGraphs = `document.querySelector('.input-card .sparkline rect:not(.is-empty)')`
)

var pictured = []view{
	{name: "overview", address: "overview", height: 1020, ready: someGraphs + " && " + someJobs},
	{name: "overview-dark", address: "overview", dark: true, height: 1020, ready: someGraphs + " && " + someJobs},
	{name: "overview-phone", address: "overview", width: 390, height: 1020, ready: someGraphs},
	{name: "jobs", address: "jobs", ready: someJobs},
	{name: "findings", address: "findings", ready: someFindings},
	{name: "log", address: "log", ready: `document.querySelector('.log-line')`},
}

// TestScreenshots writes pictures of the page into the folder named by O365MT_SCREENSHOTS.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("O365MT_SCREENSHOTS")
	if folder == "" {
		t.Skip("O365MT_SCREENSHOTS does not name a folder for the pictures")
	}
	require.NoError(t, os.MkdirAll(folder, 0o750))
	now := time.Now().UTC()
	server := newFake(t)
	server.AddDay(now)
	server.AddTrouble(now)
	server.AddFindings(now, "bulk_mail", "exfiltration", "auto_forward", "lookalike_domain")
	p := openBrowser(t, server.URL)
	for _, v := range pictured {
		p.take(folder, v)
	}
	p.take(folder, view{
		name: "graphs", address: "graphs?minutes=240", height: 1900,
		ready: `document.querySelectorAll('.chart canvas').length === 5 && document.querySelector('.top-list li') &&
			/[1-9]/.test(document.querySelector('.legend-value').textContent)`,
	})
	p.open("jobs?state=failed")
	p.waitFor(`document.querySelector('.jobs .row-link')`)
	p.click(".jobs tbody tr:nth-child(2) .row-link")
	p.waitFor(`document.querySelector('.job-view:not([hidden]) .log-line')`)
	p.click(".problem summary")
	p.settle()
	p.screenshot(filepath.Join(folder, "job.png"))
	p.open("live")
	p.click("#capture-run")
	requireWatched(t, server)
	for n := range 40 {
		server.Deliver(fakeapi.Mail(fakeapi.Contoso, n, now.Add(time.Duration(n)*time.Second)))
	}
	p.waitFor(`document.querySelectorAll('.record').length >= 12`)
	p.click(".record:nth-child(3) summary")
	p.settle()
	p.screenshot(filepath.Join(folder, "live.png"))
	p.requireClean()

	many := newFake(t)
	many.AddMany(now, 60)
	p = openBrowser(t, many.URL)
	p.take(folder, view{name: "overview-60", address: "overview", ready: `document.querySelectorAll('.inputs tbody tr').length === 60`})
}

func (p *page) take(folder string, v view) {
	p.t.Helper()
	theme := "light"
	if v.dark {
		theme = "dark"
	}
	p.prefer(theme)
	p.size(cmp.Or(v.width, 1280), cmp.Or(v.height, 800))
	p.open(v.address)
	p.waitFor(v.ready)
	p.settle()
	p.screenshot(filepath.Join(folder, v.name+".png"))
	p.prefer("light")
	p.size(1280, 800)
}

// settle waits until what changes smoothly has changed.
func (p *page) settle() {
	p.t.Helper()
	p.waitFor(`document.getAnimations().every((a) => a.effect.getTiming().iterations === Infinity)`)
	p.waitFor(`(window.settled ??= performance.now()) + 300 < performance.now()`)
	evaluate[bool](p, `delete window.settled`)
}
