package dashboards

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"

	"github.com/intact-gateway/intact/gateway"
)

// source is a kind of data source that Grafana reads dashboards from.
type source struct {
	name   string // of its folder
	short  string // prefix of the uids
	plugin string // Grafana's name of it
	uid    string // of the one in provisioning/datasources
	title  string

	metrics bool                          // it holds what /metrics tells
	write   func(r reading) string        // a question after points in its language
	values  func(of, where string) string // a question after the values of a label
}

// The sources, in the order of docs/grafana.md.
var sources = []source{
	{
		name: "prometheus", plugin: "prometheus", uid: "intact-prometheus", title: "Prometheus",
		metrics: true, write: reading.promQL, values: metricLabels,
	},
	{
		name: "influxdb", short: "influx-", plugin: "influxdb", uid: "intact-influxdb", title: "InfluxDB",
		write: reading.influxQL, values: influxTags,
	},
	{
		name: "victoriametrics", short: "vm-", plugin: "prometheus", uid: "intact-victoriametrics", title: "VictoriaMetrics",
		write: reading.victoria, values: victoriaLabels,
	},
}

// datasource is the variable that holds the data source, so that a dashboard
// works in a Grafana that names its sources otherwise.
const datasource = "datasource"

// pageURL is where the gateway shows its page. For Prometheus it is the address
// it scrapes.
const pageURL = "http://${gateway}"

func (s source) ref() common.DataSourceRef {
	return common.DataSourceRef{Type: &s.plugin, Uid: new("${" + datasource + "}")}
}

// tag joins the dashboards that link to each other.
func (s source) tag(l gateway.Language) string { return fmt.Sprintf("intact-%s-%s", s.name, l) }

// answers returns the panels that s has data for.
func (s source) answers(panels []panel) (known []panel) {
	for _, p := range panels {
		if len(p.read) > 0 || len(p.ask) > 0 && s.metrics {
			known = append(known, p)
		}
	}
	return known
}

// targets are the queries of a panel, in order: A, B, …
func (s source) targets(p panel, l gateway.Language) (targets []variants.Dataquery) {
	next := func() string { return string(rune('A' + len(targets))) }
	if s.metrics {
		for _, q := range p.ask {
			legend := "{{" + nameLabel(l) + "}}"
			if text := q.legend.In(l); text != "" {
				legend = text
			}
			targets = append(targets, s.prometheus(next(), q.in(l), legend, p.form))
		}
	}
	for _, r := range p.read {
		expr := s.write(r)
		if s.plugin == "prometheus" {
			targets = append(targets, s.prometheus(next(), expr, s.legend(r, l), p.form))
			continue
		}
		targets = append(targets, variants.UnknownDataquery{
			"refId": next(), "datasource": map[string]any{"type": s.plugin, "uid": "${" + datasource + "}"},
			"query": expr, "rawQuery": true, "resultFormat": "time_series", "alias": r.alias(l),
		})
	}
	return targets
}

func (s source) prometheus(refID, expr, legend string, f form) variants.Dataquery {
	q := prometheus.NewDataqueryBuilder().RefId(refID).Datasource(s.ref()).Expr(expr).LegendFormat(legend).EditorMode(prometheus.QueryEditorModeCode)
	whole := strings.Contains(expr, "$__range") // of the chosen time: one value, at its end
	switch {
	case f == list:
		q.Instant().Format(prometheus.PromQueryFormatTable)
	case f == bars, whole:
		q.Instant().Format(prometheus.PromQueryFormatTimeSeries)
	default:
		q.Range().Format(prometheus.PromQueryFormatTimeSeries)
	}
	built, err := q.Build()
	if err != nil {
		panic(err) // every field is set here
	}
	return built
}

// legend is what a series of points is called: the facility, and the point if
// there are several of one facility.
func (s source) legend(r reading, l gateway.Language) string {
	facility := "{{facility}}"
	if s.metrics {
		facility = "{{" + nameLabel(l) + "}}"
	}
	switch {
	case r.legend.In(l) != "":
		return r.legend.In(l)
	case r.several:
		return facility + " {{point}}"
	default:
		return facility
	}
}

// nameLabel is the label of intact_facility_info that says what a facility is
// called.
func nameLabel(l gateway.Language) string { return "name_" + string(l) }

// variables are what people choose at the top of a dashboard.
func (s source) variables(p page, l gateway.Language) []cog.Builder[dashboard.VariableModel] {
	v := []cog.Builder[dashboard.VariableModel]{
		dashboard.NewDatasourceVariableBuilder(datasource).Label(words("数据源", "Data source").In(l)).Type(s.plugin).
			Current(option(s.title, s.uid)),
	}
	page := words("网关", "Gateway").In(l)
	if s.metrics {
		v = append(v, s.query("gateway", page, "label_values(intact_build_info, instance)").Refresh(dashboard.VariableRefreshOnDashboardLoad))
	} else {
		v = append(v, dashboard.NewTextBoxVariableBuilder("gateway").Label(page).DefaultValue(dashboard.StringOrMap{String: new("127.0.0.1:8080")}))
	}
	building := s.query("building", words("楼栋", "Building").In(l), s.values("building", "")).Multi(true).IncludeAll(true).AllValue(".*").Current(all)
	where := p.classes
	switch p.choose {
	case chooseNothing:
		return v
	case chooseArea:
		class := s.query("class", words("类别", "Class").In(l), s.values("class", "")).Multi(true).IncludeAll(true).AllValue(".*").Current(all)
		return append(v, building, class)
	case chooseFacility:
		return append(v, building, s.query("facility", words("设施", "Facility").In(l), s.values("facility", where)),
			s.query("point", words("测点", "Point").In(l), s.values("point", where)).Multi(true).IncludeAll(true).Current(all))
	default:
		return append(v, building, s.query("facility", words("设施", "Facility").In(l), s.values("facility", where)).Multi(true).IncludeAll(true).Current(all))
	}
}

// all is the choice of everything.
var all = option("All", "$__all")

func option(text, value string) dashboard.VariableOption {
	return dashboard.VariableOption{
		Text: dashboard.StringOrArrayOfString{String: &text}, Value: dashboard.StringOrArrayOfString{String: &value}, Selected: new(true),
	}
}

// query is a variable whose values the data source is asked for each time the
// time range changes: a new facility appears by itself.
func (s source) query(name, label, question string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).Label(label).Datasource(s.ref()).Definition(question).
		Query(dashboard.StringOrMap{String: &question}).Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortNaturalAsc)
}

// links lead to the other dashboards of the same kind, and to the gateway.
func (s source) links(l gateway.Language) []cog.Builder[dashboard.DashboardLink] {
	return []cog.Builder[dashboard.DashboardLink]{
		dashboard.NewDashboardLinkBuilder(words("完好 Intact", "Intact").In(l)).Type(dashboard.DashboardLinkTypeDashboards).
			Tags([]string{s.tag(l)}).AsDropdown(true).KeepTime(true),
		dashboard.NewDashboardLinkBuilder(words("网关页面", "Gateway page").In(l)).Type(dashboard.DashboardLinkTypeLink).
			Url(pageURL + "/?lang=" + string(l)).TargetBlank(true).Icon("external link"),
	}
}

// annotations mark on every curve when an alert began and when a ticket was
// opened: the times are those of the journal, to the millisecond, because they
// are the values of the series and not the times of the scrapes.
func (s source) annotations(p page, l gateway.Language) []cog.Builder[dashboard.AnnotationQuery] {
	if !s.metrics {
		return nil
	}
	chosen := ""
	switch p.choose {
	case choosePlant, chooseFacility:
		chosen = `,facility=~"$facility"`
	}
	mark := func(name gateway.Text, expr, title, text, color string) cog.Builder[dashboard.AnnotationQuery] {
		return dashboard.NewAnnotationQueryBuilder().Name(name.In(l)).Datasource(s.ref()).Enable(true).IconColor(color).
			Expr(expr).TitleFormat(title).TextFormat(text).TagKeys("facility").Step("60s").UseValueForTime(true)
	}
	name := nameLabel(l)
	return []cog.Builder[dashboard.AnnotationQuery]{
		mark(words("报警", "Alerts"), named(`intact_alert_started_timestamp_seconds{`+here+chosen+`} * 1000`),
			"{{"+name+"}}", "{{title_"+string(l)+"}}", "red"),
		mark(words("工单", "Tickets"), named(`intact_ticket_opened_timestamp_seconds{`+here+chosen+`} * 1000`),
			"{{"+name+"}}", words("工单：{{family}}", "Ticket: {{family}}").In(l), "blue"),
	}
}

// words is a text in both languages.
func words(zh, en string) gateway.Text { return gateway.Text{ZH: zh, EN: en} }
