// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/test/browser/fakeapi"
)

func TestCaptureShowsMail(t *testing.T) {
	server := lively(t)
	p := openBrowser(t, server.url)
	p.open("live")
	p.click("#capture-run")
	server.deliver(t, 3)
	p.waitFor(`document.querySelectorAll('.record').length >= 3`)
	p.waitForText(".record-mail", "@")
	p.click(".record summary")
	p.waitForText(".record[open] .attributes", "email.to.address")
	p.click("#capture-run")
	p.waitForText(".summary", "Not capturing")
	p.requireClean()
}

func TestSubjectsStayText(t *testing.T) {
	const subject = `<img src=x onerror="window.broken=1"><script>window.broken=1</script>`
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("live")
	p.click("#capture-run")
	requireWatched(t, server)
	record := fakeapi.Mail(fakeapi.Contoso, 1, time.Now())
	record.Attributes["email.subject"] = subject
	record.Attributes["email.from.address"] = subject
	record.Attributes[subject] = subject
	record.Body = `{"subject": "` + subject + `"`
	server.Deliver(record)
	p.waitForText(".record-subject", subject)
	p.click(".record summary")
	p.waitForText(".record .code", subject)
	require.Equal(t, 0, evaluate[int](p, `document.querySelectorAll('main img, main script').length`))
	require.True(t, evaluate[bool](p, `window.broken === undefined`))
	p.requireClean()
}

func TestCaptureIsPausedFilteredAndBounded(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("live?input=" + fakeapi.Contoso)
	p.click("#capture-run")
	requireWatched(t, server)
	require.Zero(t, server.Deliver(fakeapi.Mail(fakeapi.Tailspin, 0, time.Now())), "the capture is of another input")
	for n := range 700 {
		server.Deliver(fakeapi.Mail(fakeapi.Contoso, n, time.Now()))
	}
	p.waitForText(".summary", "700 records received · 500 shown · the last 500 are kept")
	require.Equal(t, 500, evaluate[int](p, `document.querySelectorAll('.record').length`))

	p.click("#capture-pause")
	for n := range 4 {
		server.Deliver(fakeapi.Mail(fakeapi.Contoso, 1000+n, time.Now()))
	}
	p.waitForText(".summary", "4 waiting")
	p.click("#capture-pause")
	p.waitForText(".summary", "704 records received")
	p.waitFor(`!document.querySelector('.summary').textContent.includes('waiting')`)

	p.click("#filter-q")
	p.press("LEE.GU@")
	p.waitFor(`document.querySelectorAll('.record').length < 500 &&
		[...document.querySelectorAll('.record-to')].every((e) => e.textContent.startsWith('lee.gu@'))`)

	// Leaving the view ends the capture; what was captured stays.
	p.click("#tabs [data-view=jobs]")
	require.Eventually(t, func() bool { return server.Watchers() == 0 }, patience, 10*time.Millisecond, "the capture goes on")
	p.click("#tabs [data-view=live]")
	p.waitForText(".summary", "Not capturing · 704 records received")
	p.requireClean()
}

func TestLiveMailIsNewestFirst(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("live")
	p.click("#capture-run")
	requireWatched(t, server)
	start := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for _, minute := range []int{3, 1, 4, 0, 2} {
		server.Deliver(fakeapi.Mail(fakeapi.Contoso, minute, start.Add(time.Duration(minute)*time.Minute)))
	}
	p.waitFor(`document.querySelectorAll('.record').length === 5`)
	require.Equal(t, "04 03 02 01 00", evaluate[string](p, `[...document.querySelectorAll('.record summary time')].map((e) => e.dateTime.slice(14, 16)).join(' ')`))
	p.requireClean()
}

func TestTheCauseIsBesideItsMail(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("live")
	p.click("#capture-run")
	requireWatched(t, server)
	row := map[string]any{"o365.message_trace.row.uid": "1", "o365.message_trace.status": "failed", "email.to.address": "lee.gu@contoso.example"}
	send := func(minute int, of, more map[string]any) {
		record := fakeapi.Record{Time: time.Date(2026, 3, 2, 10, minute, 0, 0, time.UTC), Input: fakeapi.Contoso, Attributes: maps.Clone(of)}
		maps.Copy(record.Attributes, more)
		server.Deliver(record)
	}
	send(1, row, map[string]any{"email.subject": "Minutes"})
	earlier := map[string]any{"o365.message_trace.row.uid": "1", "o365.message_trace.status": "pending"}
	send(0, earlier, map[string]any{"email.subject": "Before"})
	p.waitFor(`document.querySelectorAll('.record').length === 2`)
	p.click(".record summary")
	send(2, row, map[string]any{"o365.message_trace.detail.event": "Fail", "o365.message_trace.detail.text": "554 5.2.2 mailbox full"})
	send(3, row, map[string]any{"o365.message_trace.cause": "mailbox_full", "o365.message_trace.cause.text": "554 5.2.2 mailbox full"})
	p.waitFor(`document.querySelectorAll('.record').length === 4`)
	require.Equal(t, "mailbox_full|mailbox_full|mailbox_full|", evaluate[string](p, `[...document.querySelectorAll('.record-cause')].map((e) => e.textContent).join('|')`))
	require.Equal(t, "mailbox_fullMinutes", evaluate[string](p, `document.querySelector('.record[open] .record-subject').textContent`))
	p.waitForText(".record:nth-child(2) .record-subject", "Fail · 554 5.2.2 mailbox full")
	p.requireClean()
}

func TestALostCaptureIsOpenedAgain(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("live")
	p.click("#capture-run")
	requireWatched(t, server)
	server.CloseClientConnections()
	p.waitForText(".summary", "connecting again")
	p.waitForText(".summary", "Capturing")
	requireWatched(t, server)
	server.Deliver(fakeapi.Mail(fakeapi.Contoso, 1, time.Now()))
	p.waitFor(`document.querySelectorAll('.record').length === 1`)
}

func TestRowsAreStackedByStatusAndDirection(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("graphs?minutes=240")
	p.waitForText(".chart .legend-key:not([hidden])", "Filtered as spam")
	require.Equal(t, []string{"Delivered", "Expanded", "Pending", "Quarantined", "Filtered as spam", "Failed"}, evaluate[[]string](p,
		`[...document.querySelectorAll('.chart:nth-child(2) .legend-key:not([hidden])')].map((e) => e.childNodes[1].textContent)`))
	p.waitForText(".chart:nth-child(3) .legend-key:not([hidden])", "Outbound")
	require.Equal(t, "[1,10] [3,30] [7,70]", ask[string](p, `import('./js/parts/chart.js').then((m) => m.sums([[1, 10], [2, 20], [4, 40]]).map((l) => JSON.stringify(l)).join(' '))`))
	p.requireClean()
}

func TestTopSendersAndRecipients(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("graphs")
	p.waitForText(".top-list", "billing@northwind.example")
	p.waitForText(".top-list", "80 to 81")
	server.Restrict(false, false)
	p.reload()
	p.waitFor(`document.querySelector('.top-lists').hidden`)
}

func TestCopyAsJSON(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("live")
	p.click("#capture-run")
	requireWatched(t, server)
	server.Deliver(fakeapi.Mail(fakeapi.Contoso, 5, time.Now()))
	p.click(".record summary")
	evaluate[bool](p, `navigator.clipboard.writeText = (text) => { window.copied = JSON.parse(text); return Promise.resolve(); }, true`)
	p.click(".record-actions button")
	p.waitForText("#toasts", "Copied the record as JSON")
	require.Equal(t, fakeapi.Contoso, evaluate[string](p, `window.copied.attributes.__inputId`))
	p.requireClean()
}

func TestRefusedCaptureSaysWhy(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("live")
	server.Restrict(false, false)
	p.click("#capture-run")
	p.waitForText(".empty.is-error", "there is no live capture: the extension needs capture: true")
	p.waitForText("#capture-run", "Start capture")
}

func TestGraphsAreDrawn(t *testing.T) {
	server := lively(t)
	p := openBrowser(t, server.url)
	p.open(fmt.Sprintf("graphs?minutes=%d", server.minutes))
	p.waitFor(`document.querySelectorAll('.chart canvas').length === 5`)
	p.waitFor(`/[1-9]/.test(document.querySelector('.legend-value').textContent)`)
	// The colour of bars is nowhere else.
	p.waitFor(`(() => {
		const canvas = document.querySelector('.chart canvas');
		const probe = document.createElement('span');
		probe.style.color = 'var(--chart-front)';
		document.body.append(probe);
		const want = getComputedStyle(probe).color.match(/\d+/g).map(Number);
		probe.remove();
		const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
		let pixels = 0;
		for (let i = 0; i < data.length; i += 4) if (want.every((c, j) => data[i + j] === c) && data[i + 3] === 255) pixels++;
		return pixels > 20;
	})()`)
	p.requireClean()
}
