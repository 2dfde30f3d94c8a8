package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/intact-gateway/intact/gateway"
)

// Units that Grafana has no name of its own for, in its way to write such.
const (
	megapascal = "suffix:MPa"
	cubicMetre = "suffix:m³"
	perHour    = "suffix:m³/h"
)

// The colours, by what they ask of people.
const (
	good    = "green"
	watch   = "yellow"
	act     = "orange"
	bad     = "red"
	planned = "blue"
	unknown = "purple"
	quiet   = "#8e8e8e"
)

// states says what a facility counts as.
var states = []word{
	{"0", words("正常", "Up"), good},
	{"1", words("降级", "Degraded"), watch},
	{"2", words("故障停机", "Down"), bad},
	{"3", words("计划停机", "Planned"), planned},
	{"4", words("未知", "Unknown"), unknown},
	{"5", words("除外", "Excluded"), quiet},
}

// yesNo says a flag of which 1 is well.
var yesNo = []word{{"1", words("是", "Yes"), good}, {"0", words("否", "No"), bad}}

// noYes says a flag of which 1 is not well.
var noYes = []word{{"0", words("否", "No"), good}, {"1", words("是", "Yes"), bad}}

// target is the intact rate of the 98 % that a site is held to.
var target = []step{{0, bad}, {0.98, good}}

// anyIsBad colours a count of which 0 is well.
var anyIsBad = []step{{0, good}, {1, bad}}

// stateOf is the band of states of the chosen facilities.
func stateOf(where string) panel {
	return panel{
		form: timeline, title: words("设施状态", "State of the facilities"), words: states, openPlaces: true,
		about: words("空白表示没有数据，不等于正常。", "Gaps mean that nothing is known, not that all is well."),
		ask:   []query{{expr: named("intact_facility_state{" + where + "}")}},
	}
}

// chosen selects the facilities that a page's variable names.
const chosen = here + `,facility=~"$facility"`

// openAlerts is the list of what is wrong now.
func openAlerts(where string) panel {
	return panel{
		form: list, w: 24, h: 8, title: words("当前报警", "Alerts now"),
		about: words("只列出仍然存在且未被搁置、未被上级原因覆盖的报警。点编号打开网关页面确认。",
			"Alerts whose condition lasts and that are neither shelved nor hidden behind their cause. The number opens the page of the gateway, where to acknowledge."),
		ask: []query{
			{expr: "time() - " + named("intact_alert_started_timestamp_seconds{"+where+"}")},
			{expr: named("intact_alert_number{" + where + "}")},
		},
		columns: []column{
			{field: "name", title: words("设施", "Facility")}, {field: "title", title: words("报警", "Alert")},
			{field: "severity", title: words("级别", "Severity"), words: severityWords},
			{field: "point", title: words("测点", "Point")},
			{field: "Value #A", title: words("已持续", "For"), unit: units.Seconds},
			{field: "Value #B", title: words("编号", "Number"), link: "/#a-${__value.raw}"},
		},
	}
}

var severityWords = []word{
	{"info", words("提示", "Info"), planned},
	{"warning", words("一般", "Warning"), watch},
	{"critical", words("紧急", "Critical"), act},
	{"life_safety", words("生命安全", "Life safety"), bad},
}

var priorityWords = []word{
	{"rescue", words("救援", "Rescue"), bad},
	{"emergency", words("紧急", "Emergency"), act},
	{"ordinary", words("一般", "Ordinary"), planned},
}

// frequentAlerts counts how often each alert was seen in the chosen time. An
// alert is one for each time its condition began; one shorter than a scrape may
// be missed.
func frequentAlerts(where string) panel {
	count := func(l gateway.Language) string {
		of := "instance, facility, rule, title_" + string(l)
		return fmt.Sprintf(`topk(15, sum by (title_%s) ((max by (%s) (changes(intact_alert_started_timestamp_seconds{%s}[$__range])) + 1) * on(instance, facility) group_left() intact_facility_info{%s}))`, l, of, here, where)
	}
	return panel{
		form: bars, title: words("报警次数排行（原因帕累托）", "Most frequent alerts (Pareto of causes)"),
		about: words("所选时间内每种报警出现的次数。", "How often each kind of alert came up in the chosen time."),
		ask:   []query{{expr: count(gateway.English), zh: count(gateway.Chinese), legend: words("{{title_zh}}", "{{title_en}}")}},
		steps: []step{{0, planned}},
	}
}

// met is the share of the clocks of tickets that were stopped in time.
func met(clock string, title gateway.Text) panel {
	of := func(name string) string {
		return fmt.Sprintf(`sum(increase(intact_sla_%s_total{%s,clock="%s"}[$__range]))`, name, here, clock)
	}
	return panel{
		form: number, title: title, unit: units.PercentUnit, decimals: new(0.0), steps: []step{{0, bad}, {0.9, watch}, {0.98, good}},
		about: words("所选时间内停表或超时的时钟中按时的比例；没有则为“—”。", "Of the clocks that were stopped or ran out in the chosen time, the share that was in time; — if there was none."),
		ask:   []query{{expr: fmt.Sprintf("%s / ((%s + %s) > 0)", of("met"), of("met"), of("breaches"))}},
	}
}

func metPanels() []panel {
	return []panel{
		met("respond", words("按时接单", "Responded in time")),
		met("arrive", words("按时到场", "Arrived in time")),
		met("finish", words("按时完成", "Finished in time")),
	}
}

// rateNow is the exact figure of the gateway for today or this month.
func rateNow(window string, title gateway.Text) panel {
	return panel{
		form: number, w: 4, h: 6, title: title, unit: units.PercentUnit, decimals: new(2.0), steps: target,
		ask: []query{{expr: fmt.Sprintf(`intact_rate{%s,window="%s"}`, here, window), legend: title}},
	}
}

// one is a single number that the whole site has.
func one(title, about gateway.Text, unit, expr string, steps []step) panel {
	return panel{form: number, title: title, about: about, unit: unit, steps: steps, ask: []query{{expr: expr, legend: title}}}
}
