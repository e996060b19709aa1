// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/test/browser/fakeapi"
)

func runningJob(input, lane string) fakeapi.Job {
	now := time.Now().UTC()
	return fakeapi.Job{
		Input: input, Lane: lane, State: "running", Window: fakeapi.Window{Start: now.Add(-5 * time.Minute), End: now}, Tick: now, Started: now,
		Log: []fakeapi.Line{
			{Time: now, Level: "debug", Message: "a page arrived"},
			{Time: now, Level: "warn", Message: "asked once more", Fields: map[string]any{"status": 503}},
		},
	}
}

func TestJobsFinishAndShowRows(t *testing.T) {
	p := openBrowser(t, lively(t).url)
	p.open("overview")
	p.waitFor(`document.querySelector('.input-card [data-health]')`)
	p.waitFor(`document.querySelector('.jobs tr[data-state="done"]')`)
	p.open("jobs?state=done&lane=live")
	p.waitFor(`[...document.querySelectorAll('.jobs td[data-label="New rows"]')].some((e) => /[1-9]/.test(e.textContent))`)
	p.requireClean()
}

func TestRunningJobBecomesDone(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	id := server.AddJob(runningJob(fakeapi.Tailspin, "live"))
	row := `document.querySelector('tr[data-job="` + id + `"]')`
	p := openBrowser(t, server.URL)
	p.open("jobs")
	p.waitFor(row + `?.dataset.state === 'running'`)
	evaluate[bool](p, row+`.querySelector('a').focus(), scrollTo(0, 300), true`)

	server.ChangeJob(id, func(job *fakeapi.Job) { job.Bytes, job.Requests = 3_200_000, 2 })
	server.End(id, fakeapi.Rows{Accepted: 1234, Duplicate: 7}, "", "")
	p.waitFor(row + `?.dataset.state === 'done'`)
	text := evaluate[string](p, row+`.innerText`)
	for _, shown := range []string{"Done", "1,234", "3.2 MB"} {
		require.Contains(t, text, shown)
	}
	require.Equal(t, id, evaluate[string](p, `document.activeElement.closest('tr').dataset.job`), "an update takes the focus away")
	require.InDelta(t, 300, evaluate[float64](p, `scrollY`), 1, "an update scrolls")
	p.requireClean()
}

func TestDetailsAreShown(t *testing.T) {
	server := newFake(t)
	now := time.Now().UTC()
	waiting := 12
	server.AddInput(fakeapi.Input{ID: fakeapi.Contoso, Health: fakeapi.Health{Status: "ok", Since: now}, DetailsWaiting: &waiting})
	job := runningJob(fakeapi.Contoso, "details")
	job.Details = 174
	id := server.AddJob(job)
	p := openBrowser(t, server.URL)
	p.open("overview")
	p.waitForText(".facts", "12 waiting for details")
	p.open("jobs?lane=details")
	p.waitFor(`document.querySelector('tr[data-job="` + id + `"]')`)
	p.open("jobs/" + id)
	p.waitForText("h1", "Details job")
	p.waitForText(".kinds", "174 records of details")
	p.requireClean()
}

func TestFailedJobShowsItsHint(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	id := server.AddJob(runningJob(fakeapi.Contoso, "live"))
	p := openBrowser(t, server.URL)
	p.open("jobs/" + id)
	p.waitForText("h1", "Live job")
	p.waitFor(`document.querySelector('.badge').dataset.state === 'running'`)
	require.True(t, evaluate[bool](p, `document.querySelector('.problem').hidden`))

	server.End(id, fakeapi.Rows{}, "401 Unauthorized <b>now</b>", "consent to ExchangeMessageTrace.Read.All")
	p.waitForText(".problem-hint", "consent to ExchangeMessageTrace.Read.All")
	require.False(t, evaluate[bool](p, `document.querySelector('.problem details').open`), "what to do comes first")
	p.click(".problem summary")
	p.waitForText(".problem details[open] .problem-error", "401 Unauthorized <b>now</b>")
	require.True(t, evaluate[bool](p, `[...document.querySelectorAll('button')].find((b) => b.textContent === 'Cancel job').hidden`))

	require.Equal(t, 2, evaluate[int](p, `document.querySelectorAll('.log-line').length`))
	p.click(`input[name="segment-level"][value="warn"] + span`)
	p.waitFor(`document.querySelectorAll('.log-line').length === 1`)
	p.waitForText(".log-line", "status=503")
	p.click(".back")
	p.waitForText("tr[data-state='failed'] .job-error", "consent to ExchangeMessageTrace.Read.All")
	require.Equal(t, "401 Unauthorized <b>now</b>", evaluate[string](p, `document.querySelector("tr[data-state='failed'] .job-error").title`))
	p.requireClean()
}

func TestInputInTroubleShowsItsHint(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("overview")
	p.waitForText(`[data-input="`+fakeapi.Fabrikam+`"] .hint`, fakeapi.FabrikamHint)
	p.waitForText(`[data-input="`+fakeapi.Fabrikam+`"] .badge`, "Needs attention")
	p.waitForText(`[data-input="`+fakeapi.Contoso+`"] .badge`, "OK")
	p.waitForText(`[data-input="`+fakeapi.Contoso+`"] .quota`, "41 of 90 requests in 5 min")
	p.click(`[data-input="` + fakeapi.Contoso + `"] .config summary`)
	p.waitForText(`.config[open] pre`, "revisit_ages: [5m, 15m, 30m, 1h, 2h, 4h, 8h, 30h]")
	p.requireClean()
}

func TestCancelAsksFirst(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	id := server.AddJob(runningJob(fakeapi.Contoso, "backfill"))
	p := openBrowser(t, server.URL)
	p.open("jobs/" + id)
	cancel := ".job-head .is-danger"
	p.click(cancel)
	p.waitForText("dialog", "counts as a gap")
	p.press("\x1b")
	p.waitFor(`!document.querySelector('dialog')`)
	jobs := server.Jobs()
	require.Equal(t, "running", jobs[len(jobs)-1].State)

	p.click(cancel)
	p.click("dialog .is-danger")
	p.waitFor(`document.querySelector('.job-head .badge').dataset.state === 'cancelled'`)
	p.requireClean()
}

func TestReadWindow(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("jobs?input=" + fakeapi.Tailspin)
	p.click("#read-window")
	p.waitFor(`document.querySelector('#read-input').value === "` + fakeapi.Tailspin + `"`)
	evaluate[string](p, `document.querySelector('#read-start').value = '2026-01-02T00:00:00'`)
	evaluate[string](p, `document.querySelector('#read-end').value = '2026-01-01T00:00:00'`)
	p.click(".read-form [type=submit]")
	p.waitForText(".note.is-bad", "swap them")

	evaluate[string](p, `document.querySelector('#read-end').value = '2026-01-03T00:00:00'`)
	p.click(".read-form [type=submit]")
	p.waitForText(".note.is-ok", "Still remembered")
	p.waitForText(".note.is-ok", "2026-01-02 00:00:00 – 12:00:00")
	p.click(".note a")
	p.waitForText("h1", "Backfill job")
	jobs := server.Jobs()
	require.Equal(t, fakeapi.Tailspin, jobs[len(jobs)-1].Input)
	require.False(t, evaluate[bool](p, `Boolean(document.querySelector('dialog'))`))
	// The browser itself notes the refused request.
	require.Len(t, p.complaints, 1)
	require.Contains(t, p.complaints[0], "400")
}

func TestFiltersSurviveReload(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("jobs")
	p.waitFor(`document.querySelectorAll('#filter-input option').length === 4`)
	choose := func(filter, value string) {
		evaluate[bool](p, `(() => { const s = document.querySelector("#filter-`+filter+`"); s.value = "`+value+`"; return s.dispatchEvent(new Event('change')); })()`)
	}
	choose("input", fakeapi.Fabrikam)
	choose("lane", "live")
	p.click(`input[name="segment-state"][value="failed"] + span`)
	matching := `document.querySelector('.jobs tbody').childElementCount > 0 && [...document.querySelectorAll('.jobs tbody tr')]
		.every((row) => row.dataset.state === 'failed' && row.innerText.includes('` + fakeapi.Fabrikam + `'))`
	p.waitFor(matching)

	p.reload()
	p.waitFor(matching)
	p.waitFor(`document.querySelector('#filter-input').value === '` + fakeapi.Fabrikam + `'`)
	require.Equal(t, "live", evaluate[string](p, `document.querySelector('#filter-lane').value`))
	require.Equal(t, "failed", evaluate[string](p, `document.querySelector('[name=segment-state]:checked').value`))
	require.Contains(t, evaluate[string](p, `document.querySelector('[data-view=graphs]').hash`), "input=", "the input goes along to other views")

	choose("input", fakeapi.Contoso)
	p.waitForText(".empty", "No such jobs")
	p.requireClean()
}

func TestOlderJobs(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("jobs")
	p.waitFor(`document.querySelectorAll('.jobs tbody tr').length === 50`)
	first := evaluate[string](p, `document.querySelector('.jobs tbody tr').dataset.job`)
	p.click(".pager a:last-child")
	p.waitFor(`document.querySelector('.jobs tbody tr').dataset.job !== '` + first + `'`)
	require.Contains(t, evaluate[string](p, `location.hash`), "after=")
	p.reload()
	p.waitFor(`document.querySelector('.jobs tbody tr') && document.querySelector('.jobs tbody tr').dataset.job !== '` + first + `'`)
	p.click(".pager a:first-child")
	p.waitFor(`document.querySelector('.jobs tbody tr').dataset.job === '` + first + `'`)
	p.requireClean()
}

func TestJobsAreFoundByTextAndTime(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("jobs")
	p.waitFor(`document.querySelectorAll('.jobs tbody tr').length === 50`)
	require.Regexp(t, `^\d{3} jobs · 50 on this page`, evaluate[string](p, `document.querySelector('.summary').textContent`))
	p.click("#filter-q")
	p.press("global reader")
	failed := 0
	for _, job := range server.Jobs() {
		if job.State == "failed" {
			failed++
		}
	}
	p.waitFor(fmt.Sprintf(`document.querySelectorAll('.jobs tbody tr').length === %d && document.querySelector('.summary').textContent.startsWith('%d jobs')`,
		failed, failed))

	p.open("jobs")
	choose := func(value string) {
		evaluate[bool](p, `(() => { const s = document.querySelector('#filter-last'); s.value = '`+value+`'; return s.dispatchEvent(new Event('change')); })()`)
	}
	choose("15")
	p.waitFor(`location.hash.includes('last=15') && document.querySelectorAll('.jobs tbody tr').length < 20`)
	choose("between")
	p.waitFor(`document.querySelector('#filter-from').checkVisibility()`)
	evaluate[bool](p, `(() => { const f = document.querySelector('#filter-to'); f.value = '2026-01-01T00:00:00'; return f.dispatchEvent(new Event('change')); })()`)
	p.waitForText(".empty", "No such jobs")
	require.Contains(t, evaluate[string](p, `location.hash`), "to=2026-01-0")
	p.reload()
	p.waitFor(`document.querySelector('#filter-to').value === '2026-01-01T00:00'`)
	p.requireClean()
}

func TestJobsAreSaved(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	for range 600 { // more than a page
		server.AddJob(runningJob(fakeapi.Contoso, "live"))
	}
	p := openBrowser(t, server.URL)
	p.open("jobs?input=" + fakeapi.Contoso + "&state=running")
	p.waitFor(someJobs)
	folder := p.downloads()
	saved := func(button, kind string) (text string) {
		p.click(".toolbar button:" + button + "-child")
		require.Eventually(t, func() bool {
			files, err := filepath.Glob(filepath.Join(folder, "jobs-????-??-??."+kind))
			require.NoError(t, err)
			if len(files) == 0 {
				return false
			}
			content, err := os.ReadFile(files[0])
			text = string(content)
			return err == nil && text != ""
		}, patience, 10*time.Millisecond)
		return text
	}
	lines := strings.Split(strings.TrimSpace(saved("first", "csv")), "\r\n")
	require.Equal(t, "id,state", lines[0])
	require.Len(t, lines, 602, "the names of the columns, 600 jobs and that of the day, from all pages")
	var jobs []fakeapi.Job
	require.NoError(t, json.Unmarshal([]byte(saved("last", "json")), &jobs))
	require.Len(t, jobs, 601)
	for i := range jobs {
		require.Equal(t, "running", jobs[i].State)
	}
	p.requireClean()
}

func TestTheZoneIsChosen(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	job := runningJob(fakeapi.Contoso, "live")
	job.Started = time.Date(2026, 1, 2, 20, 30, 0, 0, time.UTC)
	id := server.AddJob(job)
	p := openBrowser(t, server.URL)
	p.zone("Asia/Kolkata")
	p.open("jobs/" + id)
	p.waitForText(".figures time", "2026-01-03 02:00:00")
	choose := func(value string) {
		evaluate[bool](p, `(() => { const s = document.querySelector('#zone'); s.value = '`+value+`'; return s.dispatchEvent(new Event('change')); })()`)
	}
	choose("utc")
	p.waitForText(".figures time", "2026-01-02 20:30:00")
	p.reload()
	p.waitForText(".figures time", "2026-01-02 20:30:00")
	p.click("#read-window")
	p.waitForText("dialog", "Times are in UTC")
	now := time.Now().UTC().Format("2006-01-02T15")
	require.Contains(t, evaluate[string](p, `document.querySelector('#read-end').value`), now)
	p.click(".read-form [type=submit]")
	p.waitFor(`document.querySelector('.note.is-ok')`)
	jobs := server.Jobs()
	require.WithinDuration(t, time.Now(), jobs[len(jobs)-1].Window.End, time.Minute)
	p.press("\x1b")
	choose("")
	p.waitForText(".figures time", "2026-01-03 02:00:00")
	p.requireClean()
}

func TestTimesAreLocalWithUTCOnHover(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	job := runningJob(fakeapi.Contoso, "live")
	job.Started = time.Date(2026, 1, 2, 20, 30, 0, 0, time.UTC)
	id := server.AddJob(job)
	p := openBrowser(t, server.URL)
	p.zone("Asia/Tokyo")
	p.open("jobs/" + id)
	p.waitForText(".figures time", "2026-01-03 05:30:00")
	require.Equal(t, "2026-01-02 20:30:00 UTC", evaluate[string](p,
		`[...document.querySelectorAll('.figures time')].find((e) => e.textContent.startsWith('2026-01-03')).title`))
	p.waitForText("#zone", "Asia/Tokyo (UTC+09:00)")
}

func TestLogIsFiltered(t *testing.T) {
	server := newFake(t)
	server.AddDay(time.Now().UTC())
	p := openBrowser(t, server.URL)
	p.open("log?level=error")
	p.waitForText(".log-line.is-error", "request refused")
	require.Equal(t, 0, evaluate[int](p, `document.querySelectorAll('.log-line:not(.is-error)').length`))
	p.open("log")
	p.click("#filter-q")
	p.press(strings.ToUpper("page arrived"))
	p.waitFor(`document.querySelectorAll('.log-line').length > 0 &&
		[...document.querySelectorAll('.log-message')].every((e) => e.textContent === 'a page arrived')`)
	require.Contains(t, evaluate[string](p, `location.hash`), "q=PAGE+ARRIVED")
	p.requireClean()
}
