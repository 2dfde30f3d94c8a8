package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/intact-gateway/intact/gateway"
)

// repairs is for whoever answers for the tickets.
func repairs() page {
	state := func(state string, text gateway.Text) query {
		return query{expr: fmt.Sprintf(`sum(intact_tickets_open{%s,state="%s"})`, here, state), legend: text}
	}
	steps := func(name string) string {
		return fmt.Sprintf(`sum(increase(intact_ticket_steps_total{%s,step=~"%s"}[$__range]))`, here, name)
	}
	perDay := func(name string, text gateway.Text) query {
		return query{expr: fmt.Sprintf(`sum(increase(intact_ticket_steps_total{%s,step="%s"}[1d]))`, here, name), legend: text}
	}
	panels := metPanels()
	panels = append(panels,
		one(words("返工率", "Rework"), words("所选时间内验收不合格或故障复发的次数÷完成次数。", "Work that was rejected or whose fault came back, by work that was done, in the chosen time."),
			units.PercentUnit, steps("reject|relapsed")+" / ("+steps("done")+" > 0)", []step{{0, good}, {0.1, act}}),
		one(words("取消率（含误报）", "Cancelled (false alarms too)"), words("所选时间内取消÷新开。", "Cancelled by opened in the chosen time."),
			units.PercentUnit, steps("cancel")+" / ("+steps("opened")+" > 0)", []step{{0, good}, {0.2, act}}),
		one(words("最久未结", "Oldest open"), words("", ""), units.Seconds, `max(time() - intact_ticket_opened_timestamp_seconds{`+here+`})`, []step{{0, good}, {2 * 86400, act}}),
		panel{
			form: bars, w: 12, h: 9, title: words("未结工单按状态", "Open tickets by state"), steps: []step{{0, planned}},
			ask: []query{
				state("new", words("待派单", "New")), state("assigned", words("已派单", "Assigned")), state("accepted", words("已接单", "Accepted")),
				state("arrived", words("已到场", "On site")), state("working", words("处理中", "In repair")), state("hold", words("挂起", "On hold")), state("done", words("待验收", "Awaiting check")),
			},
		},
		panel{
			form: lines, w: 12, h: 9, title: words("过去 24 小时的工单", "Tickets of the last 24 hours"), low: new(0.0),
			ask: []query{
				perDay("opened", words("新开", "Opened")), perDay("done", words("完成", "Done")), perDay("verify", words("关闭", "Closed")), perDay("cancel", words("取消", "Cancelled")),
			},
		},
		openTickets(),
		panel{
			form: lines, w: 8, title: words("已超时的时钟", "Clocks that have run out"), low: new(0.0), decimals: new(0.0),
			ask: []query{{expr: `sum by (clock) (intact_ticket_deadline_timestamp_seconds{` + here + `} < bool time())`, legend: words("{{clock}}", "{{clock}}")}},
		},
		panel{
			form: lines, w: 8, title: words("10 分钟内的报警", "Alerts told in 10 minutes"), low: new(0.0), steps: []step{{0, good}, {10, bad}},
			about: words("超过 10 条为报警洪水（EEMUA 191）。", "More than 10 are a flood (EEMUA 191)."),
			ask:   []query{{expr: `intact_alerts_told_recent{` + here + `,window="10m"}`, legend: words("条", "Alerts")}},
		},
		panel{
			form: lines, w: 8, title: words("长期与抖动的报警", "Standing and chattering alerts"), low: new(0.0),
			ask: []query{
				{expr: `intact_alerts_standing{` + here + `}`, legend: words("超过 24 小时", "Longer than 24 h")},
				{expr: `intact_alerts_chattering{` + here + `}`, legend: words("抖动", "Come and go")},
				{expr: `intact_alerts_shelved{` + here + `}`, legend: words("已搁置", "Shelved")},
			},
		},
	)
	return page{
		id: "tickets", title: words("工单与时限", "Tickets and SLA"), from: "now-7d", refresh: "30s", choose: chooseNothing,
		about:  words("谁在等、等了多久、时限守住多少。不按人员统计：标签里没有人名。", "What waits, for how long, and which deadlines were kept. Nothing is counted by person: no label holds a name."),
		panels: panels,
	}
}

func openTickets() panel {
	return panel{
		form: list, w: 24, h: 10, title: words("未结工单", "Open tickets"),
		about: words("剩余为负表示已超时。点编号打开网关页面。", "What is left is negative once a clock has run out. The number opens the page of the gateway."),
		ask: []query{
			{expr: "time() - " + named("max by (instance, facility, family, priority, state) (intact_ticket_opened_timestamp_seconds{"+here+"})")},
			{expr: named("min by (instance, facility, family, priority) (intact_ticket_deadline_timestamp_seconds{"+here+"})") + " - time()"},
			{expr: named("max by (instance, facility, family) (intact_ticket_number{" + here + "})")},
		},
		columns: []column{
			{field: "name", title: words("设施", "Facility")}, {field: "family", title: words("故障类", "Kind of fault")},
			{field: "priority", title: words("优先级", "Priority"), words: priorityWords}, {field: "state", title: words("状态", "State"), words: ticketStates},
			{field: "Value #A", title: words("已开", "Open for"), unit: units.Seconds}, {field: "Value #B", title: words("剩余", "Left"), unit: units.Seconds},
			{field: "Value #C", title: words("编号", "Number"), link: "/#t-${__value.raw}"},
		},
	}
}

var ticketStates = []word{
	{"new", words("待派单", "New"), ""}, {"assigned", words("已派单", "Assigned"), ""}, {"accepted", words("已接单", "Accepted"), ""},
	{"arrived", words("已到场", "On site"), ""}, {"working", words("处理中", "In repair"), ""}, {"hold", words("挂起", "On hold"), ""}, {"done", words("待验收", "Awaiting check"), ""},
}

// facility is everything of one facility.
func facility() page {
	time := func(as string) string {
		return "sum(increase(intact_facility_" + as + "_total{" + chosen + "}[$__range]))"
	}
	return page{
		id: "facility", title: words("单个设施", "One facility"), from: "now-24h", refresh: "10s", classes: ".+", choose: chooseFacility,
		about: words("一个设施的一切：状态、完好率、报警、全部测点。", "All of one facility: state, rate, alerts, every point."),
		panels: []panel{
			sized(6, 5, panel{form: number, title: words("现在", "Now"), words: states, ask: []query{{expr: "intact_facility_state{" + chosen + "}", legend: words("状态", "State")}}}),
			sized(6, 5, one(words("完好率（所选时间）", "Intact rate of the chosen time"), words("", ""), units.PercentUnit, "1 - "+time("down_seconds")+" / ("+time("required_seconds")+" > 0)", target)),
			sized(6, 5, one(words("故障停机", "Down"), words("", ""), units.Seconds, time("down_seconds"), []step{{0, good}, {1, bad}})),
			sized(6, 5, one(words("故障次数", "Faults"), words("", ""), "", "round("+time("faults")+")", anyIsBad)),
			sized(24, 5, stateOf(chosen)),
			openAlerts(chosen),
			{
				form: lines, w: 24, h: 12, title: words("测点走势", "Points"), about: words("在顶部选测点；坏值不画线。", "Choose the points at the top; a bad value leaves a gap."),
				read: []reading{{classes: ".+", points: "$point", several: true, legend: words("{{point}}", "{{point}}")}},
			},
			{
				form: list, w: 24, h: 14, title: words("全部测点的现值", "Every point now"), about: words("没有出现的测点现在没有可信的值。", "A point that is not listed has no value to be believed right now."),
				ask: []query{
					{expr: "intact_point_value{" + chosen + "}"},
					{expr: "intact_point_age_seconds{" + chosen + "}"},
				},
				columns: []column{
					{field: "point", title: words("测点", "Point")}, {field: "Value #A", title: words("值", "Value")}, {field: "unit", title: words("单位", "Unit")},
					{field: "Value #B", title: words("多久以前", "Age"), unit: units.Seconds},
				},
			},
		},
	}
}
