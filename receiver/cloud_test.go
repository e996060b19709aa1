// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	worldwideLogin = "https://login.microsoftonline.com"
	usLogin        = "https://login.microsoftonline.us"
	graphTraces    = "https://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces"
	reports        = "https://reports.office365.com/ecp/reportingwebservice/reporting.svc/MessageTrace"
	usReports      = "https://reports.office365.us/ecp/reportingwebservice/reporting.svc/MessageTrace"
	chinaLogin     = "https://login.partner.microsoftonline.cn"
	chinaReports   = "https://partner.outlook.cn/ecp/reportingwebservice/reporting.svc/MessageTrace"
	dodReports     = "https://reports.dod.example/ecp/reportingwebservice/reporting.svc/MessageTrace"
)

// methods are the ways to sign in, each as the least that it takes.
var methods = map[string]string{
	"oauth":             "tenant_id: contoso.com\nauthentication: {oauth: {client_id: c, client_secret: s}}",
	"certificate":       "tenant_id: contoso.com\nauthentication: {certificate: {client_id: c, cert_file: /c.pem, key_file: /k.pem}}",
	"workload_identity": "tenant_id: contoso.com\nauthentication: {workload_identity: {}}",
	"managed_identity":  "tenant_id: contoso.com\nauthentication: {managed_identity: {}}",
	"basic":             "authentication: {basic: {username: svc@contoso.com, password: p}}",
	"auth":              "auth: {authenticator: bearertokenauth}",
}

func TestPlansAndServices(t *testing.T) {
	t.Parallel()
	const (
		noGraph = "api: graph: Microsoft Graph has no message trace in the cloud of subscription_plan "
		noHost  = "endpoint: required with subscription_plan dod"
	)
	graph := limits{pageSize: 5000, retention: 90 * 24 * time.Hour, maxRevisitAge: 240 * time.Hour, finest: time.Millisecond / 2}
	reporting := limits{pageSize: 2000, retention: 10 * 24 * time.Hour, maxRevisitAge: 216 * time.Hour, finest: time.Second}
	for _, c := range []struct {
		plan, api, given, wrong   string
		service                   API
		endpoint, login, resource string
		limits                    limits
	}{
		{"", "", "", "", Graph, graphTraces, worldwideLogin, "https://graph.microsoft.com", graph},
		{"enterprise", "", "", "", Graph, graphTraces, worldwideLogin, "https://graph.microsoft.com", graph},
		{"enterprise", "graph", "", "", Graph, graphTraces, worldwideLogin, "https://graph.microsoft.com", graph},
		{"enterprise", "reporting_webservice", "", "", ReportingWebService, reports, worldwideLogin, "https://outlook.office365.com", reporting},
		{"gcc", "", "", "", Graph, graphTraces, worldwideLogin, "https://graph.microsoft.com", graph},
		{"gcc", "graph", "", "", Graph, graphTraces, worldwideLogin, "https://graph.microsoft.com", graph},
		{"gcc", "reporting_webservice", "", "", ReportingWebService, reports, worldwideLogin, "https://outlook.office365.com", reporting},
		{"gcc_high", "", "", "", ReportingWebService, usReports, usLogin, "https://outlook.office365.us", reporting},
		{"gcc_high", "graph", "", noGraph + "gcc_high", "", "", "", "", limits{}},
		{"gcc_high", "graph", "https://graph.microsoft.us/x", noGraph + "gcc_high", "", "", "", "", limits{}},
		{"gcc_high", "reporting_webservice", "", "", ReportingWebService, usReports, usLogin, "https://outlook.office365.us", reporting},
		{"dod", "", "", noHost, "", "", "", "", limits{}},
		{"dod", "", dodReports, "", ReportingWebService, dodReports, usLogin, "https://outlook-dod.office365.us", reporting},
		{"dod", "graph", dodReports, noGraph + "dod", "", "", "", "", limits{}},
		{"dod", "reporting_webservice", "", noHost, "", "", "", "", limits{}},
		{"dod", "reporting_webservice", dodReports, "", ReportingWebService, dodReports, usLogin, "https://outlook-dod.office365.us", reporting},
		{"china", "", "", "", ReportingWebService, chinaReports, chinaLogin, "https://partner.outlook.cn", reporting},
		{"china", "reporting_webservice", "", "", ReportingWebService, chinaReports, chinaLogin, "https://partner.outlook.cn", reporting},
		{"china", "graph", "", noGraph + "china", "", "", "", "", limits{}},
		{"china", "graph", "https://microsoftgraph.chinacloudapi.cn/x", noGraph + "china", "", "", "", "", limits{}},
		{"enterprise", "rest", "", `api: "rest" is none of graph, reporting_webservice`, "", "", "", "", limits{}},
	} {
		for method, signIn := range methods {
			t.Run(fmt.Sprintf("%s %s %s %s", c.plan, c.api, c.given, method), func(t *testing.T) {
				t.Parallel()
				texts := []string{signIn}
				for key, value := range map[string]string{"subscription_plan": c.plan, "api": c.api, "endpoint": c.given} {
					if value != "" {
						texts = append(texts, key+": "+value)
					}
				}
				cfg, err := load(t, texts...)
				switch {
				case c.wrong != "":
					require.ErrorContains(t, err, c.wrong)
					return
				case method == "basic" && c.service == Graph:
					require.ErrorContains(t, err, "authentication.basic: works only with api reporting_webservice")
					return
				}
				require.NoError(t, err)
				assert.Equal(t, c.service, cfg.api())
				assert.Equal(t, c.endpoint, cfg.endpoint())
				assert.Equal(t, c.login, cfg.signIn().AuthorityHost)
				assert.Equal(t, c.resource, cfg.signIn().Resource)
				assert.Equal(t, c.limits, cfg.limits())
				assert.Equal(t, c.limits.pageSize, cfg.pageSize())
				assert.Equal(t, c.limits.retention, cfg.planConfig(0).Retention)
			})
		}
	}
}

func TestWhatThePlanSaysCanBeOverridden(t *testing.T) {
	t.Parallel()
	for method, block := range map[string]string{
		"oauth":             "{client_id: c, client_secret: s, resource: 'https://traces.example'}",
		"certificate":       "{client_id: c, cert_file: /c.pem, key_file: /k.pem, resource: 'https://traces.example'}",
		"workload_identity": "{resource: 'https://traces.example'}",
		"managed_identity":  "{client_id: c, resource: 'https://traces.example'}",
	} {
		for _, plan := range []string{"enterprise", "gcc", "gcc_high", "dod", "china"} {
			t.Run(method+" "+plan, func(t *testing.T) {
				t.Parallel()
				cfg, err := load(t, "tenant_id: contoso.com\napi: reporting_webservice\nendpoint: https://traces.example/x\n"+
					"authority_host: https://login.example\nsubscription_plan: "+plan+"\nauthentication: {"+method+": "+block+"}")
				require.NoError(t, err)
				in := cfg.signIn()
				assert.Equal(t, "https://traces.example/x", cfg.endpoint())
				assert.Equal(t, "https://login.example", in.AuthorityHost)
				assert.Equal(t, "https://traces.example", in.Resource)
				assert.Equal(t, "contoso.com", in.TenantID)
				assert.Equal(t, "authentication."+method, in.Block)
			})
		}
	}
}

// What belongs to one service is no good for the other, wherever it stands.
func TestTheOtherServicesThings(t *testing.T) {
	t.Parallel()
	foreign := map[API][]string{
		Graph: {
			"https://outlook.office365.com", "https://outlook.office.com", "https://outlook.office365.us", "https://outlook-dod.office365.us",
			"https://manage.office.com", "https://partner.outlook.cn", reports, chinaReports,
		},
		ReportingWebService: {"https://graph.microsoft.com", "https://graph.microsoft.us", "https://dod-graph.microsoft.us", "https://microsoftgraph.chinacloudapi.cn", graphTraces},
	}
	for api, urls := range foreign {
		for _, url := range urls {
			for method, block := range map[string]string{
				"oauth":             "client_id: c, client_secret: s",
				"certificate":       "client_id: c, cert_file: /c.pem, key_file: /k.pem",
				"workload_identity": "client_id: c",
				"managed_identity":  "client_id: c",
			} {
				_, err := load(t, fmt.Sprintf("tenant_id: contoso.com\napi: %s\nauthentication: {%s: {%s, resource: '%s'}}", api, method, block, url))
				require.ErrorContains(t, err, "authentication."+method+".resource: ")
				require.ErrorContains(t, err, "but api is "+string(api))
			}
			_, err := load(t, least, fmt.Sprintf("api: %s\nendpoint: '%s'", api, url))
			require.ErrorContains(t, err, "endpoint: ")
			require.ErrorContains(t, err, "but api is "+string(api))
		}
	}
}
