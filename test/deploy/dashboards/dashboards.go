// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package dashboards makes the dashboards in deploy/grafana, with Grafana's own builders, so that they fit its schema.
package dashboards

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

const (
	receiver  = "otelcol_receiver_o365_message_trace_"
	connector = "otelcol_connector_o365_findings_"
	tag       = "o365messagetrace"
)

// board is a dashboard.
type board struct {
	title, about string
	// metric and label are what its variable lists the values of.
	metric, label string
	rows          []row
}

type row struct {
	title  string
	panels []panel
}

// panel shows queries over time, or the worst of the latest values if it has bounds.
type panel struct {
	title, about, unit string
	// queries are PromQL by what names their lines. METRIC{} gets the filter of the dashboard's variable.
	queries [][2]string
	// warn and fail are where colours change; they are on the other side of each other if less is worse.
	bounds     bool
	warn, fail float64
	stacked    bool
}

// Boards returns the dashboards by the names of their files.
func Boards() (map[string]dashboard.Dashboard, error) {
	made := map[string]dashboard.Dashboard{}
	for name, b := range map[string]board{"receiver-health.json": health, "mail-flow.json": flow, "findings.json": findings} {
		d, err := b.build(strings.TrimSuffix(name, ".json"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		made[name] = d
	}
	return made, nil
}

func (b board) build(name string) (dashboard.Dashboard, error) {
	all := dashboard.VariableOption{
		Text:  dashboard.StringOrArrayOfString{String: new("All")},
		Value: dashboard.StringOrArrayOfString{String: new("$__all")},
	}
	built := dashboard.NewDashboardBuilder("Office 365 message trace: "+b.title).
		Uid("o365messagetrace-"+name).
		Description(b.about).
		Tags([]string{tag}).
		Time("now-6h", "now").
		Refresh("1m").
		Timezone("browser").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Link(dashboard.NewDashboardLinkBuilder("Message trace").Type(dashboard.DashboardLinkTypeDashboards).
			Tags([]string{tag}).IncludeVars(true).KeepTime(true)).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus")).
		WithVariable(dashboard.NewQueryVariableBuilder(b.label).Datasource(source()).
			Query(dashboard.StringOrMap{String: new(fmt.Sprintf("label_values(%s, %s)", b.metric, b.label))}).
			Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortAlphabeticalAsc).
			Multi(true).IncludeAll(true).AllValue(".*").Current(all))
	var id uint32
	for _, r := range b.rows {
		id++
		built.WithRow(dashboard.NewRowBuilder(r.title).Id(id))
		for _, p := range r.panels {
			id++
			built.WithPanel(p.build(id, fmt.Sprintf(`{%s=~"$%s"`, b.label, b.label), r.span()))
		}
	}
	return built.Build() //nolint:wrapcheck // the caller names the dashboard
}

// span is the width of each of its panels; 24 is that of the page.
func (r row) span() uint32 {
	return 24 / uint32(len(r.panels)) //nolint:gosec // a handful
}

func source() common.DataSourceRef {
	return common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}
}

func (p panel) build(id uint32, filter string, width uint32) cog.Builder[dashboard.Panel] {
	queries := make([]cog.Builder[variants.Dataquery], len(p.queries))
	for i, q := range p.queries {
		// A filter of the panel's own follows that of the dashboard.
		expr := strings.NewReplacer("{}", filter+"}", "{", filter+",").Replace(q[0])
		queries[i] = prometheus.NewDataqueryBuilder().Expr(expr).LegendFormat(q[1]).RefId(string(rune('A' + i))).Datasource(source())
	}
	if p.bounds {
		return stat.NewPanelBuilder().Id(id).Title(p.title).Description(p.about).Unit(p.unit).Datasource(source()).
			Targets(queries).Thresholds(p.thresholds()).GraphMode(common.BigValueGraphModeArea).
			ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).Height(5).Span(width)
	}
	mode := common.StackingModeNone
	if p.stacked {
		mode = common.StackingModeNormal
	}
	return timeseries.NewPanelBuilder().Id(id).Title(p.title).Description(p.about).Unit(p.unit).Datasource(source()).
		Targets(queries).Min(0).FillOpacity(10).Stacking(common.NewStackingConfigBuilder().Mode(mode)).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).
			Placement(common.LegendPlacementBottom)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending)).
		Height(8).Span(width)
}

func (p panel) thresholds() cog.Builder[dashboard.ThresholdsConfig] {
	steps := []dashboard.Threshold{{Color: "green"}, {Value: &p.warn, Color: "orange"}, {Value: &p.fail, Color: "red"}}
	if p.warn > p.fail { // less is worse
		steps = []dashboard.Threshold{{Color: "red"}, {Value: &p.fail, Color: "orange"}, {Value: &p.warn, Color: "green"}}
	}
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps)
}

// rate is the change a second of a counter, by labels.
func rate(metric, filter, labels string) string {
	return fmt.Sprintf("sum by (%s) (rate(%s{%s}[$__rate_interval]))", labels, metric, filter)
}

// quantile is a quantile of a histogram, by a label.
func quantile(q float64, metric, label string) string {
	return fmt.Sprintf("histogram_quantile(%g, sum by (le, %s) (rate(%s_bucket{}[$__rate_interval])))", q, label, metric)
}

var health = board{
	title:  "receiver health",
	about:  "How far behind receivers are, and why.",
	metric: receiver + "lag", label: "receiver",
	rows: []row{
		{"Now", []panel{
			{
				title: "Live mail is behind", about: "Alert: above three times poll_interval plus min_age.", unit: units.Seconds,
				queries: [][2]string{{"max(min by (receiver) (" + receiver + "lag{}))", ""}}, bounds: true, warn: 600, fail: 900,
			},
			{
				title: "Read at every age up to", about: "Alert: above the greatest of revisit_ages and a fifth.", unit: units.Seconds,
				queries: [][2]string{{"max(min by (receiver) (" + receiver + "settled_lag{}))", ""}}, bounds: true, warn: 115200, fail: 129600,
			},
			{
				title: "Mail never read", about: "In the last day: the service had deleted it.", unit: units.Seconds,
				queries: [][2]string{{"sum(increase(" + receiver + "gap{}[1d]))", ""}}, bounds: true, warn: 1, fail: 60,
			},
			{
				title: "Quota used", unit: units.PercentUnit,
				queries: [][2]string{{"max(" + receiver + "quota_used{})", ""}}, bounds: true, warn: 0.8, fail: 0.9,
			},
			{
				title: "A certificate expires in", about: "Of receivers that sign in with a certificate.", unit: units.Seconds,
				queries: [][2]string{{"min(" + receiver + "credential_expiry{})", ""}}, bounds: true, warn: 14 * 86400, fail: 2 * 86400,
			},
			{
				title: "The backfill is done in", about: "0 if there is none, or if it is not known.", unit: units.Seconds,
				queries: [][2]string{{"max(" + receiver + "backfill_eta{})", ""}}, bounds: true, warn: 86400, fail: 7 * 86400,
			},
		}},
		{"Progress", []panel{
			{title: "Lag", unit: units.Seconds, queries: [][2]string{{receiver + "lag{}", "{{receiver}}"}}},
			{
				title: "Settled lag", about: "How far behind is what has been read at every age.", unit: units.Seconds,
				queries: [][2]string{{receiver + "settled_lag{}", "{{receiver}}"}},
			},
			{
				title: "Older mail that is still to be read", unit: units.Seconds,
				queries: [][2]string{{receiver + "backfill_open{}", "{{receiver}}"}},
			},
		}},
		{"Requests", []panel{
			{
				title: "Requests by status", about: "0: no answer came.", unit: units.RequestsPerSecond, stacked: true,
				queries: [][2]string{{rate(receiver+"requests", "", "status_code"), "{{status_code}}"}},
			},
			{title: "Sent again", unit: units.RequestsPerSecond, queries: [][2]string{
				{rate(receiver+"retries", "", "reason"), "{{reason}}"},
				{rate(receiver+"throttled", "", "receiver"), "throttled, {{receiver}}"},
			}},
			{title: "Quota used", unit: units.PercentUnit, queries: [][2]string{{receiver + "quota_used{}", "{{receiver}}"}}},
		}},
		{"Jobs", []panel{
			{
				title: "Jobs by how they ended", unit: units.Short, stacked: true,
				queries: [][2]string{{
					"sum by (state) (increase(" + receiver + "jobs{}[$__rate_interval]))",
					"{{state}}",
				}},
			},
			{
				title: "Failed jobs", unit: units.Short,
				queries: [][2]string{{
					"sum by (receiver, lane) (increase(" + receiver + `jobs{state="failed"}[$__rate_interval]))`,
					"{{receiver}} {{lane}}",
				}},
			},
			{
				title: "How long jobs take, 95th percentile", unit: units.Seconds,
				queries: [][2]string{{quantile(0.95, receiver+"job_duration", "lane"), "{{lane}}"}},
			},
		}},
		{"Rows that were not delivered as they should", []panel{
			{
				title: "Refused and malformed", unit: units.Short,
				queries: [][2]string{{
					"sum by (receiver, outcome) (increase(" + receiver + `rows{outcome=~"refused|malformed"}[$__rate_interval]))`,
					"{{receiver}} {{outcome}}",
				}},
			},
			{
				title: "Failing expressions of fields", unit: units.Short,
				queries: [][2]string{{
					"sum by (receiver, field) (increase(" + receiver + "field_errors{}[$__rate_interval]))",
					"{{receiver}} {{field}}",
				}},
			},
			{title: "Remembered rows", unit: units.Short, stacked: true, queries: [][2]string{{receiver + "state_rows{}", "{{receiver}}"}}},
		}},
	},
}

var flow = board{
	title:  "mail flow",
	about:  "How much mail there is, and how soon it is known.",
	metric: receiver + "lag", label: "receiver",
	rows: []row{
		{"Mail", []panel{
			{
				title: "Records delivered", about: "A row of the trace is one recipient of one message.", unit: units.OpsPerMinute, stacked: true,
				queries: [][2]string{{
					"60 * " + rate(receiver+"rows", `outcome="accepted"`, "receiver"),
					"{{receiver}}",
				}},
			},
			{
				title: "Of these, later statuses",
				about: "Rows that were delivered again because their status had changed.",
				unit:  units.OpsPerMinute, stacked: true,
				queries: [][2]string{{"60 * " + rate(receiver+"status_changes", "", "receiver"), "{{receiver}}"}},
			},
		}},
		{"How soon", []panel{
			{
				title: "From receipt to the first record",
				about: "Of live mail and revisits: how long after Exchange received a message its row was first seen.",
				unit:  units.Seconds, queries: [][2]string{
					{quantile(0.5, receiver+"late_arrival", "receiver"), "{{receiver}}, half"},
					{quantile(0.95, receiver+"late_arrival", "receiver"), "{{receiver}}, 95 %"},
					{quantile(0.99, receiver+"late_arrival", "receiver"), "{{receiver}}, 99 %"},
				},
			},
			{title: "Live mail is behind", unit: units.Seconds, queries: [][2]string{{receiver + "lag{}", "{{receiver}}"}}},
		}},
		{"Reading", []panel{
			{
				title: "Rows by what became of them",
				about: "Duplicates are rows that were read again and had not changed.",
				unit:  units.OpsPerMinute, stacked: true,
				queries: [][2]string{{"60 * " + rate(receiver+"rows", "", "outcome"), "{{outcome}}"}},
			},
			{
				title: "Pages by why they were read", unit: units.OpsPerMinute, stacked: true,
				queries: [][2]string{{"60 * " + rate(receiver+"pages", "", "lane"), "{{lane}}"}},
			},
			{
				title: "Bytes", about: "Of pages received, after decompression, and of rows accepted.", unit: units.BytesPerSecondSI,
				queries: [][2]string{{rate(receiver+"bytes", "", "direction"), "{{direction}}"}},
			},
		}},
	},
}

var findings = board{
	title:  "findings",
	about:  "What o365findings has found. The records of the findings say who and what.",
	metric: connector + "tracked", label: "connector",
	rows: []row{
		{"Findings", []panel{
			{
				title: "Findings by rule", unit: units.Short, stacked: true,
				queries: [][2]string{{
					"sum by (rule) (increase(" + connector + "found{}[$__rate_interval]))",
					"{{rule}}",
				}},
			},
			{
				title: "In the last day", unit: units.Short, bounds: true, warn: 1, fail: 100,
				queries: [][2]string{{"sum by (rule) (increase(" + connector + "found{}[1d]))", "{{rule}}"}},
			},
		}},
		{"The connector", []panel{
			{
				title: "Tracked senders, domains and mailboxes", unit: units.Short, stacked: true,
				queries: [][2]string{{connector + "tracked{}", "{{connector}}"}},
			},
			{
				title: "Forgotten for lack of room", about: "Raise max_tracked.", unit: units.Short,
				queries: [][2]string{{
					"sum by (connector) (increase(" + connector + "evictions{}[$__rate_interval]))",
					"{{connector}}",
				}},
			},
			{title: "Rows older than lateness, and records that cannot be used", unit: units.Short, queries: [][2]string{
				{"sum by (connector) (increase(" + connector + "late_rows{}[$__rate_interval]))", "{{connector}}, late"},
				{"sum by (connector) (increase(" + connector + "ignored{}[$__rate_interval]))", "{{connector}}, of no use"},
			}},
			{
				title: "Time that a record takes, 95th percentile", unit: units.Seconds,
				queries: [][2]string{{quantile(0.95, connector+"record_time", "connector"), "{{connector}}"}},
			},
		}},
	},
}
