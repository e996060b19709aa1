// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/test/browser/fakeapi"
)

const token = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// locked is a fake that needs the token.
func locked(t *testing.T) *fakeapi.Server {
	t.Helper()
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	server.Lock(token)
	return server
}

func TestTheLinkOfTheLogOpensEverything(t *testing.T) {
	server := locked(t)
	p := openBrowser(t, server.URL)
	p.do(chromedp.Navigate(p.base + "#token=" + token))
	p.waitForText("h1", "Overview")
	require.NotContains(t, evaluate[string](p, `location.href`), token, "the token stays in the address")
	p.open("graphs")
	p.waitForText(".top-list", "billing@northwind.example")
	p.reload()
	p.waitForText(".top-list", "billing@northwind.example")
	p.open("live")
	p.click("#capture-run")
	requireWatched(t, server)
	server.Deliver(fakeapi.Mail(fakeapi.Contoso, 1, time.Now()))
	p.waitFor(`document.querySelectorAll('.record').length === 1`)
	p.requireClean()
}

func TestWithoutTheTokenThePageAsksForIt(t *testing.T) {
	server := locked(t)
	id := server.AddJob(runningJob(fakeapi.Contoso, "live"))
	p := openBrowser(t, server.URL)
	p.open("overview")
	p.waitForText(".input-card", "fabrikam")
	p.click("#read-window")
	p.waitForText("dialog", "token of the log")
	p.click("dialog [type=button].button:not(.button-icon)")
	p.waitFor(`!document.querySelector('dialog')`)

	p.open("jobs/" + id)
	p.click(".job-head .is-danger")
	enter := func(text string) {
		evaluate[bool](p, `document.querySelector('#token').value = "`+text+`", true`)
		p.click("dialog [type=submit]")
	}
	p.waitFor(`document.querySelector('dialog #token')`)
	enter("no token!")
	p.waitForText("dialog .note", "neither the link nor its token")
	enter("wrong")
	p.waitForText("dialog .note", "does not know this token")
	enter("the Job Inspector is at http://localhost:8365/#token=" + token)
	p.waitForText("dialog", "Cancel this job?")
	p.click("dialog .is-danger")
	p.waitFor(`document.querySelector('.job-head .badge').dataset.state === 'cancelled'`)

	p.open("graphs")
	p.waitForText(".top-list", "billing@northwind.example")
	p.requireClean()
}

// A collector that starts again has another token.
func TestATokenThatIsNoLongerGoodIsAskedForAgain(t *testing.T) {
	server := locked(t)
	p := openBrowser(t, server.URL)
	p.do(chromedp.Navigate(p.base + "#token=" + token))
	p.open("live")
	p.waitForText(".empty", "See records as they are delivered")
	server.Lock("another")
	p.click("#capture-run")
	p.waitForText(".empty.is-error", "This needs the token of the log")
	p.click(".empty.is-error button")
	p.waitFor(`document.querySelector('dialog #token')`)
	evaluate[bool](p, `document.querySelector('#token').value = "another", true`)
	p.click("dialog [type=submit]")
	requireWatched(t, server)
}

// A browser sends what the user signed in with only where the page sends nothing of its own.
func TestATokenIsDroppedWhereTheUserHasToSignIn(t *testing.T) {
	server := locked(t)
	p := openBrowser(t, server.URL)
	p.do(chromedp.Navigate(p.base + "#token=" + token))
	p.waitForText(".input-card", "fabrikam")
	server.DemandSignIn()
	p.waitFor(`sessionStorage.length === 0`)
	calls := len(p.requests())
	require.Never(t, func() bool { return len(p.requests()) > calls+20 }, time.Second, 100*time.Millisecond, "the page asks again and again")
}
