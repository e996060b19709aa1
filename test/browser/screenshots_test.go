// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// view is one picture of the page.
type view struct {
	name, address string
	dark          bool
	// ready is a JavaScript expression that becomes true when there is something to see.
	ready string
}

var pictured = []view{
	{name: "overview", address: "overview", ready: `document.querySelector('.input-card .sparkline rect:not(.is-empty)') && ` + someJobs},
	{name: "overview-dark", address: "overview", dark: true, ready: `document.querySelector('.input-card .sparkline rect:not(.is-empty)') && ` + someJobs},
	{name: "jobs", address: "jobs", ready: someJobs},
	{name: "log", address: "log", ready: `document.querySelector('.log-line')`},
}

const someJobs = `document.querySelectorAll('.jobs tbody tr').length > 2`

// TestScreenshots writes pictures of the page into the folder named by O365MT_SCREENSHOTS.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("O365MT_SCREENSHOTS")
	if folder == "" {
		t.Skip("O365MT_SCREENSHOTS does not name a folder for the pictures")
	}
	require.NoError(t, os.MkdirAll(folder, 0o750))
	server := lively(t)
	p := openBrowser(t, server.url)
	p.size(1280, 800)
	p.prefer("light")
	for _, v := range pictured {
		p.take(folder, v)
	}
	p.take(folder, view{
		name: "graphs", address: fmt.Sprintf("graphs?minutes=%d", server.minutes),
		ready: `document.querySelectorAll('.chart canvas').length === 5 && /[1-9]/.test(document.querySelector('.legend-value').textContent)`,
	})
	p.open("jobs?state=done")
	p.waitFor(someJobs)
	p.click(".jobs .row-link")
	p.waitFor(`document.querySelector('.job-view:not([hidden]) .log-line')`)
	p.settle()
	p.screenshot(filepath.Join(folder, "job.png"))
	p.open("live")
	p.click("#capture-run")
	server.deliver(t, 40)
	p.waitFor(`document.querySelectorAll('.record').length >= 12`)
	p.click(".record:nth-child(3) summary")
	p.settle()
	p.screenshot(filepath.Join(folder, "live.png"))
	p.requireClean()
}

func (p *page) take(folder string, v view) {
	p.t.Helper()
	theme := "light"
	if v.dark {
		theme = "dark"
	}
	p.prefer(theme)
	p.open(v.address)
	p.waitFor(v.ready)
	p.settle()
	p.screenshot(filepath.Join(folder, v.name+".png"))
	p.prefer("light")
}

// settle waits until what changes smoothly has changed.
func (p *page) settle() {
	p.t.Helper()
	p.waitFor(`document.getAnimations().every((a) => a.effect.getTiming().iterations === Infinity)`)
	p.waitFor(`(window.settled ??= performance.now()) + 300 < performance.now()`)
	evaluate[bool](p, `delete window.settled`)
}
