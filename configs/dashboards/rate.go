package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// spent is how long facilities of the area counted as something in a time.
func spent(as, in string) string {
	return fmt.Sprintf("increase(intact_facility_%s_total{%s}[%s])", as, area, in)
}

// rateOver is the intact rate by some labels in a time; empty where nothing was
// due, and never a 0 or a 1 in its place.
func rateOver(by, in string) string {
	return fmt.Sprintf("1 - sum by (%s) (%s) / (sum by (%s) (%s) > 0)", by, spent("down_seconds", in), by, spent("required_seconds", in))
}

// intactRate says where the rate is lost.
func intactRate() page {
	each := "instance, facility"
	sum := func(as string) string { return "sum by (" + each + ") (" + spent(as, "$__range") + ")" }
	return page{
		id: "intact-rate", title: words("完好率", "Intact rate"), from: "now-30d", refresh: "5m", choose: chooseArea,
		about: words("完好率丢在哪里。Prometheus 按采样计算，接近但不等于网关的精确值；考核以网关报告为准。",
			"Where the rate is lost. Prometheus works with samples: close to the figure of the gateway, not equal to it. The report of the gateway counts."),
		panels: []panel{
			rateNow("month", words("本月完好率", "Intact rate this month")),
			rateNow("today", words("今日完好率", "Intact rate today")),
			{
				form: bars, w: 16, h: 6, title: words("各类别完好率", "Intact rate by class"), unit: units.PercentUnit, decimals: new(2.0), low: new(0.0), high: new(1.0), steps: target,
				ask: []query{{expr: rateOver("class", "$__range"), legend: words("{{class}}", "{{class}}")}},
			},
			{
				form: lines, title: words("24 小时完好率走势", "Intact rate of the last 24 hours"), unit: units.PercentUnit, high: new(1.0), steps: target,
				ask: []query{{expr: rateOver("instance", "1d"), legend: words("全部", "All")}, {expr: rateOver("building", "1d"), legend: words("{{building}}", "{{building}}")}},
			},
			{
				form: areas, title: words("停机、计划、未知的设施数", "Facilities down, planned, unknown"), low: new(0.0),
				ask: []query{
					{expr: `sum(intact_facility_state{` + area + `} == bool 2)`, legend: words("故障停机", "Down")},
					{expr: `sum(intact_facility_state{` + area + `} == bool 3)`, legend: words("计划停机", "Planned")},
					{expr: `sum(intact_facility_state{` + area + `} == bool 4)`, legend: words("未知", "Unknown")},
					{expr: `sum(intact_facility_state{` + area + `} == bool 1)`, legend: words("降级", "Degraded")},
				},
			},
			frequentAlerts(area),
			{
				form: bars, title: words("停机时间最长的设施", "Longest down"), unit: units.Seconds, steps: []step{{0, bad}}, openPlaces: true,
				ask: []query{{expr: named("topk(15, " + sum("down_seconds") + " > 0)")}},
			},
			{
				form: list, w: 24, h: 12, title: words("各设施", "Facility by facility"),
				about: words("所选时间内。MTBF=正常时间÷故障次数，MTTR=停机时间÷故障次数；没有故障则为空。",
					"In the chosen time. MTBF is up time by faults, MTTR down time by faults; empty without faults."),
				ask: []query{
					{expr: named("1 - " + sum("down_seconds") + " / (" + sum("required_seconds") + " > 0)")},
					{expr: named(sum("down_seconds"))},
					{expr: named(sum("required_seconds"))},
					{expr: named("round(" + sum("faults") + ")")},
					{expr: named("(" + sum("required_seconds") + " - " + sum("down_seconds") + ") / (round(" + sum("faults") + ") > 0)")},
					{expr: named(sum("down_seconds") + " / (round(" + sum("faults") + ") > 0)")},
				},
				columns: []column{
					{field: "name", title: words("设施", "Facility")}, {field: "facility", title: words("编号", "Id"), link: "/?open=${__value.raw}#f-${__value.raw}"},
					{field: "Value #A", title: words("完好率", "Rate"), unit: units.PercentUnit}, {field: "Value #B", title: words("停机", "Down"), unit: units.Seconds},
					{field: "Value #C", title: words("应运行", "Required"), unit: units.Seconds}, {field: "Value #D", title: words("故障次数", "Faults")},
					{field: "Value #E", title: words("MTBF", "MTBF"), unit: units.Seconds}, {field: "Value #F", title: words("MTTR", "MTTR"), unit: units.Seconds},
				},
			},
		},
	}
}
