// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
)

// The cases of testdata/service in which a service or a proxy refuses something.

// TestAServiceThatLowersTheLimitOfItsPages refuses pages of more than 1000 rows, and later those of more than 200.
func TestAServiceThatLowersTheLimitOfItsPages(t *testing.T) {
	for _, api := range []API{Graph, ReportingWebService} {
		for _, name := range []string{"F39-400-page-size", "F18-400-transient", "F18-504-empty-message"} {
			t.Run(string(api)+" "+name, func(t *testing.T) {
				punctual(t, 200_000, 3*time.Hour, func(t *testing.T, w *world) {
					began := time.Now()
					response := simulatortest.Case(t, name+".http", began)
					lower := func(most int) {
						require.NoError(t, w.sim.Faults().Set(fault.Rule{Kind: fault.Replay, On: fault.Page, TopAbove: most, Response: response}))
					}
					lower(1000)
					w.start(func(c *Config) {
						c.API, c.RevisitAges, c.InitialLookback, c.RateLimit.Requests = api, nil, 2*time.Hour, 0
					})
					time.Sleep(30 * time.Minute)
					assert.NotEmpty(t, w.logs.FilterMessageSnippet("refuses long pages").All())
					for _, line := range w.logs.FilterMessageSnippet("refuses long pages").All() {
						assert.Contains(t, line.ContextMap()["hint"], "set page_size to ")
					}
					lower(200)
					time.Sleep(90 * time.Minute)
					w.stop()
					refused := 0
					for _, request := range w.sim.Requests() {
						if request.Status >= 400 {
							refused++
						}
					}
					assert.LessOrEqual(t, refused, 60, "what is refused is remembered")
					assert.Zero(t, w.logs.FilterMessageSnippet("a window could not be read").Len(), "windows do not shrink for it")
					w.check(began.Add(-2*time.Hour+time.Minute), time.Now().Add(-10*time.Minute))
				})
			})
		}
	}
}

// TestF20EveryLinkFails reads all rows although no link leads anywhere for hours.
func TestF20EveryLinkFails(t *testing.T) {
	for _, api := range []API{Graph, ReportingWebService} {
		t.Run(string(api), func(t *testing.T) {
			punctual(t, 100_000, 3*time.Hour, func(t *testing.T, w *world) {
				began := time.Now()
				require.NoError(t, w.sim.Faults().Set(fault.Rule{
					Kind: fault.Replay, On: fault.ContinuedPage, Response: simulatortest.Case(t, "F20-502-unknown-error.http", began),
				}))
				w.start(func(c *Config) {
					c.API, c.RevisitAges, c.PageSize, c.RateLimit.Requests = api, nil, new(500), 0
				})
				time.Sleep(3 * time.Hour)
				assert.LessOrEqual(t, busiest(w, time.Minute), 60, "no storm")
				w.sim.Faults().Clear()
				time.Sleep(70 * time.Minute)
				w.stop()
				w.check(began.Add(-time.Hour+time.Minute), time.Now().Add(-10*time.Minute))
			})
		})
	}
}

// TestDamagedPagesAreAskedForAgain has one page in three be damaged, with rows in it that nobody has sent.
func TestDamagedPagesAreAskedForAgain(t *testing.T) {
	for name, rows := range map[string]int{"F21-200-truncated": 1, "F21-200-cut-connection": 1, "F22-200-no-comma": 1, "F23-200-bom": 2} {
		t.Run(name, func(t *testing.T) {
			punctual(t, 20_000, 2*time.Hour, func(t *testing.T, w *world) {
				began := time.Now()
				require.NoError(t, w.sim.Faults().Set(fault.Rule{
					Kind: fault.Replay, On: fault.FirstPage, Count: 1, Response: simulatortest.Case(t, name+".http", began.Add(-30*time.Minute)),
				}))
				w.start(func(c *Config) { c.RevisitAges, c.PollInterval = nil, time.Hour })
				time.Sleep(5 * time.Minute)
				foreign := 0
				w.sink.mu.Lock()
				for key := range w.sink.statuses {
					if strings.HasPrefix(key, "3f6d0a52") {
						foreign++
					}
				}
				w.sink.mu.Unlock()
				assert.LessOrEqual(t, foreign, rows, "none is taken from inside another")
				assert.LessOrEqual(t, len(w.sim.Requests()), 5)
				w.stop()
				if name == "F23-200-bom" {
					assert.Equal(t, rows, foreign, "rows as usual")
					return
				}
				w.check(began.Add(-time.Hour+time.Minute), began.Add(-time.Minute))
			})
		})
	}
}

// TestWhatARefusalTells answers everything with a case. The status decides what to do, and nothing is asked for in a hurry.
func TestWhatARefusalTells(t *testing.T) {
	for _, c := range []struct {
		name string
		api  API
		says []string
	}{
		{"F31-401-disabled-sp.http", Graph, []string{"enable the service principal 8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"}},
		{"F33-403-no-role.http", Graph, []string{"ExchangeMessageTrace.Read.All", "The caller has not been granted"}},
		{"F36-401-no-exchange.http", Graph, []string{"tenant_id", "Exchange Online"}},
		{"F36-404-no-exchange.http", Graph, []string{"tenant_id", "Exchange Online"}},
		{"F36-401-no-exchange.http", ReportingWebService, []string{"tenant_id", "Exchange Online"}},
		{"F40-400-nested.http", Graph, []string{": The interval is too long."}},
		{"F42-v1-retired.http", ReportingWebService, []string{"set api to graph", ": This report has been retired"}},
		{"F43-rws-error-object.json", ReportingWebService, []string{"Der Typ hat keine Eigenschaft dieses Namens."}},
		{"F45-302-captive.http", Graph, []string{"proxy_url", "endpoint"}},
		{"F45-302-captive.http", ReportingWebService, []string{"proxy_url", "endpoint"}},
		{"F28-401-outdated-policies.http", Graph, []string{"Conditional Access"}},
	} {
		for _, mark := range []string{"", "\uFEFF"} {
			t.Run(c.name+" "+string(c.api)+" "+fmt.Sprintf("%x", mark), func(t *testing.T) {
				punctual(t, 1_000, time.Hour, func(t *testing.T, w *world) {
					response := simulatortest.Case(t, c.name, time.Now())
					head, body, _ := strings.Cut(response, "\r\n\r\n")
					head = strings.Replace(head, "200 OK", "400 Bad Request", 1)
					head = strings.Replace(head, "Content-Length", "X-Was", 1)
					response = head + "\r\n\r\n" + mark + body
					require.NoError(t, w.sim.Faults().Set(fault.Rule{Kind: fault.Replay, Response: response}))
					w.start(func(cfg *Config) { cfg.API = c.api })
					time.Sleep(10 * time.Minute)
					status, text, _ := w.current.report.Health()
					assert.Equal(t, "recoverable_error", status)
					for _, part := range c.says {
						assert.Contains(t, text, part)
					}
					assert.LessOrEqual(t, len(w.sim.Requests()), 30, "requests in ten minutes")
					began := time.Now()
					w.sim.Faults().Clear()
					time.Sleep(time.Hour)
					status, text, _ = w.current.report.Health()
					assert.Equal(t, "ok", status, text)
					w.stop()
					w.check(began.Add(-time.Hour), began)
				})
			})
		}
	}
}

// TestWhatTheLoginHostTells signs in by real HTTP.
func TestWhatTheLoginHostTells(t *testing.T) {
	t.Parallel()
	for name, says := range map[string][]string{
		"F29-token-53003": {"AADSTS53003", "Conditional Access"}, "F30-token-500014": {"AADSTS500014", "enable"},
		"F30-token-50196": {"AADSTS50196", "signs in too often"}, "F30-token-7000112": {"AADSTS7000112", "enable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := simulatortest.Start(t, simulator.Config{})
			require.NoError(t, sim.Faults().Set(fault.Rule{
				Kind: fault.Replay, On: fault.SignIn, Response: simulatortest.Case(t, name+".http", time.Now()),
			}))
			r, _ := observedReceiver(t, fmt.Sprintf("tenant_id: %s\nendpoint: %s%s\nauthority_host: %s\ntls: {ca_file: '%s'}\npoll_interval: 1s\nunhealthy_after: 0\n"+
				"authentication: {oauth: {client_id: c, client_secret: s}}", simulator.DefaultTenantID, sim.URL, graphPath, sim.URL, sim.CAFile))
			host := &statusHost{shown: make(chan *componentstatus.Event, 100)}
			require.NoError(t, r.Start(t.Context(), host))
			event := <-host.shown
			require.NoError(t, r.Shutdown(t.Context()))
			assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
			for _, part := range says {
				require.ErrorContains(t, event.Err(), part)
			}
			asked := 0
			for _, request := range sim.Requests() {
				if strings.HasSuffix(request.Path, "/token") {
					asked++
				}
			}
			assert.LessOrEqual(t, asked, 3, "no storm")
		})
	}
}
