package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// area selects the facilities of the chosen buildings and classes.
const area = facilities + `,class=~"$class"`

// overview is the wall of the control room.
func overview() page {
	panels := []panel{
		rateNow("month", words("本月完好率", "Intact rate this month")),
		rateNow("today", words("今日完好率", "Intact rate today")),
		{
			form: dial, w: 4, h: 6, title: words("本月停机余量", "Down time left this month"), unit: units.PercentUnit,
			about: words("完好率 98 % 允许的停机时间还剩多少；按整月应运行时间计。", "How much of the down time that 98 % allows is left; the rest of the month is taken to be due in full."),
			low:   new(0.0), high: new(1.0), steps: []step{{0, bad}, {0.25, act}, {0.5, good}},
			ask: []query{{expr: `intact_down_budget_left_seconds{` + here + `} / intact_down_budget_seconds{` + here + `}`, legend: words("余量", "Left")}},
		},
		sized(4, 6, one(words("通讯覆盖率", "Coverage this month"), words("状态已知的应运行时间比例。覆盖率低时完好率不可信。", "Share of the due time whose state is known. A rate means little where it is low."),
			units.PercentUnit, `intact_coverage_ratio{`+here+`,window="month"}`, []step{{0, bad}, {0.9, watch}, {0.99, good}})),
		sized(4, 6, one(words("当前故障停机", "Down now"), words("故障停机的设施数。", "Facilities that are down."),
			"", `sum(intact_facility_state{`+area+`} == bool 2)`, anyIsBad)),
		sized(4, 6, one(words("未确认报警", "Alerts nobody acknowledged"), words("", ""), "", `sum(intact_alerts_unacknowledged{`+here+`})`, anyIsBad)),
		one(words("紧急工单", "Emergency tickets"), words("救援和紧急的未结工单。", "Open tickets of the priorities rescue and emergency."),
			"", `sum(intact_tickets_open{`+here+`,priority=~"rescue|emergency"})`, anyIsBad),
		one(words("一般工单", "Ordinary tickets"), words("", ""), "", `sum(intact_tickets_open{`+here+`,priority="ordinary"})`, []step{{0, planned}}),
		one(words("网关自身故障", "Faults of the gateway"), words("网关自身不正常的部件数。", "Parts of the gateway itself that do not work."),
			"", `intact_gateway_faults{`+here+`}`, anyIsBad),
	}
	panels = append(panels, metPanels()...)
	panels = append(panels,
		openAlerts(here),
		panel{
			form: list, w: 12, h: 8, title: words("故障停机的设施", "Facilities that are down"),
			ask: []query{{expr: named(`intact_facility_state{` + area + `} == 2`)}},
			columns: []column{
				{field: "name", title: words("设施", "Facility")}, {field: "building", title: words("楼栋", "Building")},
				{field: "class", title: words("类别", "Class")}, {field: "facility", title: words("编号", "Id"), link: "/?open=${__value.raw}#f-${__value.raw}"},
			},
		},
		panel{
			form: areas, title: words("各楼栋故障停机数", "Facilities down by building"), low: new(0.0), decimals: new(0.0),
			ask: []query{{expr: `sum by (building) (intact_facility_state{` + area + `} == bool 2)`, legend: words("{{building}}", "{{building}}")}},
		},
		stateOf(area),
	)
	return page{
		id: "overview", title: words("总览", "Overview"), from: "now-6h", refresh: "10s", choose: chooseArea,
		about:  words("现在怎么样：完好率、余量、故障、报警、工单。适合上墙。", "How things stand: rate, budget, what is down, alerts, tickets. For the wall."),
		panels: panels,
	}
}

// sized is p of another size.
func sized(w, h uint32, p panel) panel {
	p.w, p.h = w, h
	return p
}
