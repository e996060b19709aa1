// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// patience bounds one wait for something to appear. A real collector may have to come to its next tick.
const patience = 30 * time.Second

// chromium is the browser to test with, or "".
var chromium = sync.OnceValue(func() string {
	for _, name := range []string{os.Getenv("O365MT_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	return ""
})

// page is one tab of a browser of its own.
type page struct {
	t    *testing.T
	ctx  context.Context
	base string
	// profile is the tab's own.
	profile cdp.BrowserContextID

	mu sync.Mutex
	// complaints are what the browser's console shows.
	complaints []string
	// asked are the addresses that were asked for.
	asked []string
}

// theBrowser is started for the first test that needs it. Each test gets a tab with a profile of its own in it.
var theBrowser = sync.OnceValues(func() (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium()), chromedp.NoSandbox, chromedp.WindowSize(1280, 800), chromedp.Flag("lang", "en-US"))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	// Newer browsers send events that the driver does not know.
	ctx, _ = chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {}))
	endBrowser = stop
	return ctx, chromedp.Run(ctx)
})

var endBrowser = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	endBrowser()
	os.Exit(code)
}

// openBrowser opens a tab for a page that is served at base.
func openBrowser(t *testing.T, base string) *page {
	t.Helper()
	if chromium() == "" {
		t.Skip("there is no Chromium: install chromium, or name one in O365MT_CHROMIUM")
	}
	ctx, profile := openTab(t)
	p := &page{t: t, ctx: ctx, profile: profile, base: strings.TrimSuffix(base, "/") + "/"}
	chromedp.ListenTarget(ctx, p.note)
	// The tab ends with the context of its first action.
	require.NoError(t, chromedp.Run(ctx, runtime.Enable(), log.Enable(), network.Enable(), emulation.SetFocusEmulationEnabled(true)))
	p.size(1280, 800)
	t.Cleanup(func() {
		if t.Failed() {
			p.screenshotOfFailure()
		}
	})
	return p
}

// openTab opens a tab in a window and with a profile of its own: others neither hide it nor share its storage.
func openTab(t *testing.T) (context.Context, cdp.BrowserContextID) {
	t.Helper()
	browser, err := theBrowser()
	require.NoError(t, err)
	commands := cdp.WithExecutor(browser, chromedp.FromContext(browser).Browser)
	profile, err := target.CreateBrowserContext().Do(commands)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, target.DisposeBrowserContext(profile).Do(commands)) })
	tab, err := target.CreateTarget("about:blank").WithBrowserContextID(profile).WithNewWindow(true).Do(commands)
	require.NoError(t, err)
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithTargetID(tab))
	t.Cleanup(cancel)
	return ctx, profile
}

func (p *page) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		words := []string{string(e.Type)}
		for _, argument := range e.Args {
			words = append(words, string(argument.Value), argument.Description)
		}
		p.complaints = append(p.complaints, strings.Join(words, " "))
	case *runtime.EventExceptionThrown:
		p.complaints = append(p.complaints, e.ExceptionDetails.Error())
	case *log.EventEntryAdded:
		p.complaints = append(p.complaints, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	case *network.EventRequestWillBeSent:
		p.asked = append(p.asked, e.Request.URL)
	}
}

// requireClean fails the test if the console of the browser shows anything, or if another host was asked.
func (p *page) requireClean() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Empty(p.t, p.complaints, "the console of the browser")
	require.NotEmpty(p.t, p.asked)
	for _, address := range p.asked {
		if strings.HasPrefix(address, "data:") {
			continue
		}
		require.Equal(p.t, host(p.t, p.base), host(p.t, address), address)
	}
}

// requests are the calls of the API that were made.
func (p *page) requests() (calls []string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, address := range p.asked {
		parsed, err := url.Parse(address)
		require.NoError(p.t, err)
		if call, of := strings.CutPrefix(parsed.Path, "/api/v1/"); of {
			calls = append(calls, call)
		}
	}
	return calls
}

func host(t *testing.T, address string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	return parsed.Host
}

func (p *page) do(actions ...chromedp.Action) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	require.NoError(p.t, chromedp.Run(ctx, actions...))
}

// open shows a view, such as "jobs?state=failed".
func (p *page) open(view string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.base + "#/" + view))
	p.waitFor(`document.querySelector('h1')`)
}

func (p *page) reload() {
	p.t.Helper()
	p.do(chromedp.Reload())
	p.waitFor(`document.querySelector('h1')`)
}

// waitFor waits until a JavaScript expression is true.
func (p *page) waitFor(expression string) {
	p.t.Helper()
	// It fails as long as an element is not there that it looks into.
	predicate := "(() => { try { return Boolean(" + expression + ") } catch { return false } })()"
	err := chromedp.Run(p.ctx, chromedp.Poll(predicate, nil,
		chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(patience)))
	require.NoError(p.t, err, "waiting for %s; the page shows:\n%s", expression, p.shown())
}

// waitForText waits until an element contains a text.
func (p *page) waitForText(selector, text string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.textContent.includes(%q))", selector, text))
}

func (p *page) shown() (text string) {
	_ = chromedp.Run(p.ctx, chromedp.Evaluate("document.body.innerText", &text)) // for a message of failure
	return text
}

// evaluate returns the value of a JavaScript expression.
func evaluate[T any](p *page, expression string) (value T) {
	p.t.Helper()
	p.do(chromedp.Evaluate(expression, &value))
	return value
}

func (p *page) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible))
}

// press presses keys, one after the other.
func (p *page) press(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// size makes the window of the browser so many pixels wide and high.
func (p *page) size(width, height int64) {
	p.t.Helper()
	p.do(emulation.SetDeviceMetricsOverride(width, height, 1, false))
}

// prefer sets the theme of the system, light or dark.
func (p *page) prefer(theme string) {
	p.t.Helper()
	p.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}))
}

// zone puts the browser into a time zone.
func (p *page) zone(name string) {
	p.t.Helper()
	p.do(emulation.SetTimezoneOverride(name))
}

// ask evaluates a JavaScript promise.
func ask[T any](p *page, expression string) (value T) {
	p.t.Helper()
	p.do(chromedp.Evaluate(expression, &value, func(e *runtime.EvaluateParams) *runtime.EvaluateParams {
		return e.WithAwaitPromise(true)
	}))
	return value
}

// downloads has files saved into a folder, which it returns.
func (p *page) downloads() string {
	p.t.Helper()
	folder := p.t.TempDir()
	browser := cdp.WithExecutor(p.ctx, chromedp.FromContext(p.ctx).Browser)
	require.NoError(p.t, cdpbrowser.SetDownloadBehavior(cdpbrowser.SetDownloadBehaviorBehaviorAllow).
		WithBrowserContextID(p.profile).WithDownloadPath(folder).Do(browser))
	return folder
}

func (p *page) screenshot(path string) {
	p.t.Helper()
	var picture []byte
	p.do(chromedp.CaptureScreenshot(&picture))
	require.NoError(p.t, os.WriteFile(path, picture, 0o600))
}

func (p *page) screenshotOfFailure() {
	folder := os.Getenv("O365MT_SCREENSHOTS")
	if folder == "" {
		return
	}
	var picture []byte
	if chromedp.Run(p.ctx, chromedp.CaptureScreenshot(&picture)) == nil {
		_ = os.WriteFile(folder+"/failed-"+strings.ReplaceAll(p.t.Name(), "/", "-")+".png", picture, 0o600) // only an aid
	}
}
