package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// lifts is for whoever keeps the lifts running.
func lifts() page {
	const classes = "elevator|escalator"
	of := func(r reading) []reading { r.classes = classes; return []reading{r} }
	return page{
		id: "lifts", title: words("电梯", "Lifts"), from: "now-24h", refresh: "30s", classes: classes, choose: choosePlant,
		about: words("哪台电梯停了、为什么、跑了多少、救援多快到场。", "Which lift stands still, why, how much each one runs, how fast help is there."),
		panels: []panel{
			sized(6, 5, one(words("停用的电梯", "Lifts down"), words("", ""), "", `sum(intact_facility_state{`+chosen+`} == bool 2)`, anyIsBad)),
			sized(6, 5, one(words("困人（所选时间）", "Entrapments in the chosen time"), words("困人报警的次数。没有发生过则为“—”。", "How often a passenger was trapped; — if none was."),
				"", `sum(max by (instance, facility, rule) (changes(intact_alert_started_timestamp_seconds{`+chosen+`,rule=~"entrapment.*"}[$__range])) + 1)`, anyIsBad)),
			sized(6, 5, one(words("30 分钟内到场", "On site within 30 min"), words("所选时间内全部工单，不只电梯。", "Of all tickets in the chosen time, not of lifts alone."),
				units.PercentUnit, `sum(increase(intact_ticket_arrival_seconds_bucket{`+here+`,le=~"1800([.]0)?"}[$__range])) / (sum(increase(intact_ticket_arrival_seconds_count{`+here+`}[$__range])) > 0)`, []step{{0, bad}, {0.9, watch}, {1, good}})),
			sized(6, 5, one(words("未知", "Unknown"), words("没有通讯、状态未知的电梯。", "Lifts that nobody hears of."), "", `sum(intact_facility_state{`+chosen+`} == bool 4)`, anyIsBad)),
			stateOf(chosen),
			openAlerts(chosen),
			frequentAlerts(here + `,facility=~"$facility"`),
			{
				form: bars, title: words("到场用时（累计次数）", "Arrivals, by how long they took (cumulative)"), steps: []step{{0, planned}},
				about: words("所选时间内，在多少秒以内到场的次数。全部工单。", "How often somebody was on site within so many seconds. All tickets."),
				ask:   []query{{expr: `sort(sum by (le) (increase(intact_ticket_arrival_seconds_bucket{` + here + `}[$__range])))`, legend: words("≤ {{le}} 秒", "≤ {{le}} s")}},
			},
			{
				form: timeline, title: words("故障代码", "Fault code"), about: words("0 为无故障；代码含义见设备档案。", "0 is no fault; the profile of the device says what each code means."),
				steps: []step{{0, good}, {1, bad}}, read: of(reading{points: "fault_code"}),
			},
			{
				form: timeline, title: words("运行模式", "Mode"), about: words("0 为正常运行，其他见设备档案。", "0 is normal service; the profile of the device says what the others mean."),
				steps: []step{{0, good}, {1, planned}}, read: of(reading{points: "mode"}),
			},
			{form: lines, title: words("每小时运行次数", "Runs per hour"), low: new(0.0), read: of(reading{points: "runs", how: grown, over: "1h"})},
			{
				form: lines, title: words("门关闭的时间占比", "Share of time with the door closed"), unit: units.PercentUnit, low: new(0.0), high: new(1.0),
				about: words("突然下降常是门机或光幕的问题。", "A sudden fall often is the door operator or the light curtain."), read: of(reading{points: "door_closed", how: mean, over: "1h"}),
			},
			{form: timeline, title: words("供电正常", "Power on"), words: yesNo, read: of(reading{points: "power_ok"})},
			{form: lines, title: words("累计运行小时", "Hours run"), unit: units.Hours, read: of(reading{points: "run_hours"})},
		},
	}
}

// fire is for the fire control room.
func fire() page {
	const classes = "fire_panel|fire_water"
	of := func(r reading) []reading { r.classes = classes; return []reading{r} }
	return page{
		id: "fire", title: words("消防", "Fire"), from: "now-24h", refresh: "10s", classes: classes, choose: choosePlant,
		about: words("主机、屏蔽、水压、水位、泵。只看不控：网关对消防设备没有写通道。", "Panels, disabled detectors, pressure, level, pumps. To watch only: the gateway cannot write to fire equipment."),
		panels: []panel{
			stateOf(chosen),
			openAlerts(chosen),
			{
				form: lines, w: 8, title: words("火警点数", "Detectors in alarm"), low: new(0.0), decimals: new(0.0), steps: anyIsBad,
				read: of(reading{points: ".*_active", how: highest, over: "1m", sum: true, per: "facility"}),
			},
			{
				form: lines, w: 8, title: words("屏蔽点数", "Disabled detectors"), low: new(0.0), decimals: new(0.0), steps: anyIsBad,
				about: words("屏蔽的探测器不会报火警。", "A detector that is disabled reports no fire."),
				read:  of(reading{points: ".*_disabled", how: highest, over: "1m", sum: true, per: "facility"}),
			},
			{
				form: lines, w: 8, title: words("故障点数", "Detectors in trouble"), low: new(0.0), decimals: new(0.0), steps: anyIsBad,
				read: of(reading{points: ".*_trouble", how: highest, over: "1m", sum: true, per: "facility"}),
			},
			{
				form: lines, title: words("消火栓与喷淋水压", "Hydrant and sprinkler pressure"), unit: megapascal, low: new(0.0),
				about: words("限值见站点的规则，此处不画线：各系统不同。", "The limits are those of the site's rules; no line is drawn because each system has its own."),
				read:  of(reading{points: "hydrant|sprinkler", several: true}),
			},
			{form: lines, title: words("消防水箱水位", "Fire tank level"), unit: units.Meter, low: new(0.0), read: of(reading{points: "tank_level"})},
			{
				form: lines, title: words("稳压泵每小时启动次数", "Jockey pump starts per hour"), low: new(0.0), steps: []step{{0, good}, {15, bad}},
				about: words("超过 15 次/小时：管网可能渗漏。", "More than 15 an hour: the pipes may leak."), read: of(reading{points: "jockey_starts"}),
			},
			{
				form: timeline, w: 12, h: 8, title: words("消防泵自动位", "Fire pump in automatic"), words: yesNo, read: of(reading{points: "auto"}),
			},
			{form: timeline, w: 12, h: 8, title: words("消防泵运行", "Fire pump running"), words: noYes, read: of(reading{points: "pump_run"})},
			{form: timeline, w: 12, h: 8, title: words("消防泵故障", "Fire pump fault"), words: noYes, read: of(reading{points: "pump_fault"})},
			{form: timeline, w: 24, h: 6, title: words("消防泵电源正常", "Fire pump power"), words: yesNo, read: of(reading{points: "power_ok"})},
		},
	}
}

// water is for pumps, tanks, meters and what leaks.
func water() page {
	const classes = "pump|pump_group|drive|sump|water_tank|water_meter|leak_sensor"
	of := func(r reading) []reading { r.classes = classes; return []reading{r} }
	pumped := `sum(avg_over_time(intact_point_value{` + chosen + `,point="power",unit="W"}[1h])) / 1000`
	volume := `sum(increase(intact_point_value{` + chosen + `,point="positive",unit="m3"}[1h]))`
	running := `avg_over_time((intact_point_value{` + chosen + `,point=~"hz|frequency",unit="Hz"} > bool 1)[$__range:1m])`
	return page{
		id: "water", title: words("给排水", "Water"), from: "now-24h", refresh: "30s", classes: classes, choose: choosePlant,
		about: words("水压、流量、夜间最小流量、泵的负荷均衡、漏水。", "Pressure, flow, night minimum, how evenly the pumps work, leaks."),
		panels: []panel{
			stateOf(chosen),
			openAlerts(chosen),
			{form: lines, title: words("泵组出水压力", "Outlet pressure of pump groups"), unit: units.Bars, low: new(0.0), read: of(reading{points: "outlet"})},
			{form: lines, title: words("瞬时流量", "Flow"), unit: perHour, read: of(reading{points: "flow"})},
			{
				form: lines, title: words("最小流量（24 小时）", "Lowest flow of 24 hours"), unit: perHour,
				about: words("正常住宅夜间应接近零；长期高于自身基线说明有暗漏。", "At night it should come near zero; a minimum that stays above its own base is a hidden leak."),
				read:  of(reading{points: "flow", how: lowest, over: "24h"}),
			},
			{form: lines, title: words("每小时用水量", "Water used per hour"), unit: cubicMetre, low: new(0.0), read: of(reading{points: "positive", how: grown, over: "1h"})},
			{form: lines, title: words("泵频率", "Frequency of pumps"), unit: units.Hertz, low: new(0.0), read: of(reading{points: "hz|frequency"})},
			{
				form: bars, title: words("运行时间占比（所选时间）", "Share of time running"), unit: units.PercentUnit, low: new(0.0), high: new(1.0), steps: []step{{0, planned}}, openPlaces: true,
				about: words("同组泵相差大：备用泵没有轮换。", "A large difference within a group: the standby pump is not rotated."), ask: []query{{expr: named(running)}},
			},
			{form: lines, title: words("泵组功率", "Power of pump groups"), unit: units.Watt, low: new(0.0), read: []reading{{classes: "pump_group", points: "power"}}},
			{
				form: lines, title: words("每方水电耗", "Energy per cubic metre"), unit: "suffix:kWh/m³", low: new(0.0),
				about: words("所选泵组一小时平均功率（千瓦）÷所选水表同一小时的用水量。只有选中的水表正好计量选中的泵时才有意义。",
					"Mean power in an hour of the chosen pump groups by what the chosen water meters counted in it. It means something only if those meters measure what those pumps move."),
				ask: []query{{expr: pumped + " / (" + volume + " > 0)", legend: words("电耗", "Energy")}},
			},
			{form: timeline, w: 12, h: 8, title: words("水浸", "Water found"), words: noYes, read: []reading{{classes: "leak_sensor", points: "leak"}}},
			{
				form: lines, title: words("水浸传感器电量", "Battery of leak sensors"), unit: units.Percent, low: new(0.0), high: new(100.0), steps: []step{{0, bad}, {20, good}},
				read: []reading{{classes: "leak_sensor", points: "battery"}},
			},
		},
	}
}

// power is for the switch room and the energy bill.
func power() page {
	const classes = "electric_meter|transformer|generator"
	of := func(r reading) []reading { r.classes = classes; return []reading{r} }
	const energy = `intact_point_value{` + chosen + `,point=~"k?wh_in",unit="kWh"}`
	byBuilding := `sum by (building) (increase(` + energy + `[1d]) * on(instance, facility) group_left(building) intact_facility_info{` + here + `})`
	return page{
		id: "power", title: words("电力与能耗", "Power and energy"), from: "now-24h", refresh: "30s", classes: classes, choose: choosePlant,
		about: words("电能质量、负荷、用电量及其变化。", "Quality of the supply, load, energy and how it changes."),
		panels: []panel{
			stateOf(chosen),
			openAlerts(chosen),
			{
				form: lines, title: words("相电压", "Phase voltage"), unit: units.Volt, steps: []step{{0, bad}, {198, good}, {235.4, bad}},
				about: words("220 V 供电允许 198–235.4 V（GB/T 12325）。", "A supply of 220 V may be 198 to 235.4 V (GB/T 12325)."), read: of(reading{points: "v_l[123]", several: true}),
			},
			{form: lines, title: words("相电流", "Phase current"), unit: units.Ampere, low: new(0.0), read: of(reading{points: "i_l[123]", several: true})},
			{form: lines, title: words("有功功率", "Active power"), unit: units.Watt, read: of(reading{points: "p_total"})},
			{
				form: lines, title: words("需量（15 分钟平均功率）", "Demand (mean power of 15 min)"), unit: units.Watt, read: of(reading{points: "p_total", how: mean, over: "15m"}),
			},
			{form: lines, title: words("功率因数", "Power factor"), high: new(1.0), steps: []step{{0, bad}, {0.9, good}}, read: of(reading{points: "pf"})},
			{form: lines, title: words("频率", "Frequency"), unit: units.Hertz, read: of(reading{points: "frequency"})},
			{
				form: lines, title: words("电压不平衡度", "Voltage unbalance"), unit: units.Percent, low: new(0.0), steps: []step{{0, good}, {2, bad}},
				about: words("限值 2 %（GB/T 15543）。", "Limit 2 % (GB/T 15543)."), read: of(reading{points: "v_imbalance"}),
			},
			{
				form: lines, title: words("电压谐波畸变率", "Voltage distortion (THD)"), unit: units.Percent, low: new(0.0), steps: []step{{0, good}, {5, bad}},
				about: words("限值 5 %（GB/T 14549，0.38 kV）。", "Limit 5 % (GB/T 14549, 0.38 kV)."), read: of(reading{points: "thd_v[123]", several: true}),
			},
			{form: lines, title: words("每小时用电量", "Energy per hour"), unit: units.KiloWattHour, low: new(0.0), read: of(reading{points: "k?wh_in", how: grown, over: "1h"})},
			{
				form: lines, title: words("各楼栋日用电量", "Energy of a day by building"), unit: units.KiloWattHour, low: new(0.0),
				about: words("过去 24 小时，并附一周前同一时刻。", "Of the last 24 hours, with the same time a week ago beside it."),
				ask: []query{
					{expr: byBuilding, legend: words("{{building}}", "{{building}}")},
					{expr: `sum by (building) (increase(` + energy + `[1d] offset 1w) * on(instance, facility) group_left(building) intact_facility_info{` + here + `})`, legend: words("{{building}} 一周前", "{{building}} a week ago")},
				},
			},
			{
				form: bars, title: words("与昨天相比变化最大", "Largest change against yesterday"), unit: units.KiloWattHour, openPlaces: true, steps: []step{{0, good}, {0.001, act}},
				about: words("过去 24 小时减去前 24 小时。", "The last 24 hours less the 24 hours before."),
				ask:   []query{{expr: named(`topk(10, increase(` + energy + `[1d]) - increase(` + energy + `[1d] offset 1d))`)}},
			},
		},
	}
}
