// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"testing"
	"time"
)

const someFindings = `document.querySelector('.finding')`

func TestFindings(t *testing.T) {
	server := newFake(t)
	p := openBrowser(t, server.URL)
	p.open("findings")
	p.waitForText(".empty", "Nothing found")
	now := time.Now().UTC()
	server.AddFindings(now, "bulk_mail", "exfiltration")
	p.waitFor(`document.querySelectorAll('.finding').length === 2`)
	p.waitForText(".finding .badge", "Exfiltration")
	p.click(".finding summary")
	p.waitForText(".finding[open] .attributes", "mailer@northwind.example")
	p.waitForText(".finding[open] .attributes", "1498 of at least 100")
	p.open("findings?rule=bulk_mail")
	p.waitFor(`document.querySelectorAll('.finding').length === 1`)
	p.open("findings?rule=auto_forward")
	p.waitForText(".empty", "No such findings")

	server.AddDay(now)
	p.open("overview")
	p.waitForText("section", "Latest findings")
	p.waitForText("section", "All findings (2)")
	p.requireClean()
}

func TestFindingsNamePeopleWithTheTokenOnly(t *testing.T) {
	server := locked(t)
	server.AddFindings(time.Now().UTC(), "bulk_mail")
	p := openBrowser(t, server.URL)
	p.open("findings")
	p.waitForText(".finding", "***@northwind.example")
	p.waitForText("main", "Enter the token")
	p.click("main .locked button")
	p.waitFor(`document.querySelector('dialog #token')`)
	evaluate[bool](p, `document.querySelector('#token').value = "`+token+`", true`)
	p.click("dialog [type=submit]")
	p.waitForText(".finding", "mailer@northwind.example")
	p.waitFor(`!document.querySelector('main .locked').checkVisibility()`)
	p.requireClean()
}
