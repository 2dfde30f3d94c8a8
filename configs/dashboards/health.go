package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// health is for whoever keeps the gateway itself running.
func health() page {
	per := func(by, name, more string) string {
		return fmt.Sprintf(`sum by (%s) (rate(%s{%s%s}[$__rate_interval]))`, by, name, here, more)
	}
	answered := func(by string) string {
		return per(by, "intact_modbus_requests_total", `,result="good"`) + " / " + per(by, "intact_modbus_requests_total", "")
	}
	slow := func(q float64) string {
		return fmt.Sprintf("histogram_quantile(%g, %s)", q, per("bus, le", "intact_modbus_response_seconds_bucket", ""))
	}
	bus := words("{{bus}}", "{{bus}}")
	result := words("{{result}}", "{{result}}")
	return page{
		id: "gateway", title: words("网关健康", "Gateway health"), from: "now-6h", refresh: "30s", classes: ".+", choose: choosePlant,
		about: words("网关自己好不好：总线、存储、通知、时钟。", "Whether the gateway itself is well: lines, storage, notices, clock."),
		panels: []panel{
			one(words("抓取正常", "Scraped"), words("1 为 Prometheus 能抓到网关。", "1 while Prometheus reaches the gateway."), "", `up{`+here+`}`, []step{{0, bad}, {1, good}}),
			one(words("自身故障", "Own faults"), words("", ""), "", `intact_gateway_faults{`+here+`}`, anyIsBad),
			one(words("写盘失败", "Refused by the disk"), words("所选时间内。", "Transactions in the chosen time."), "", `increase(intact_journal_commit_failures_total{`+here+`}[$__range])`, anyIsBad),
			one(words("磁盘剩余", "Disk left"), words("", ""), units.PercentUnit, `intact_data_free_bytes{`+here+`} / intact_data_size_bytes{`+here+`}`, []step{{0, bad}, {0.1, act}, {0.2, good}}),
			one(words("时钟偏差", "Clock against Prometheus"), words("网关快照时刻减 Prometheus 抓取时刻；正常为 -2 到 0 秒。", "When the gateway made its snapshot less when Prometheus scraped it; -2 to 0 s is normal."),
				units.Seconds, `intact_snapshot_timestamp_seconds{`+here+`} - timestamp(intact_snapshot_timestamp_seconds{`+here+`})`, []step{{-1e9, bad}, {-5, good}, {2, bad}}),
			one(words("没有序列的", "Left out"), words("因数量上限没有自己序列的测点、报警、工单。", "Points, alerts and tickets without series of their own, because there are too many."),
				"", `intact_points_left_out{`+here+`} + intact_alerts_left_out{`+here+`} + intact_tickets_left_out{`+here+`}`, anyIsBad),
			{form: timeline, h: 7, title: words("总线连接", "Lines connected"), words: yesNo, ask: []query{{expr: `intact_bus_connected{` + here + `}`, legend: bus}}},
			{form: timeline, h: 10, title: words("设备应答", "Devices that answer"), words: yesNo, read: []reading{{classes: ".+", points: "link"}}},
			{form: lines, title: words("轮询成功率（按总线）", "Polls that succeed, by line"), unit: units.PercentUnit, high: new(1.0), steps: []step{{0, bad}, {0.99, good}}, ask: []query{{expr: answered("bus"), legend: bus}}},
			{
				form: bars, title: words("最差的 10 台从站", "The 10 worst units"), unit: units.PercentUnit, low: new(0.0), high: new(1.0), steps: []step{{0, bad}, {0.99, good}},
				ask: []query{{expr: "bottomk(10, " + answered("bus, unit") + ")", legend: words("{{bus}} 从站 {{unit}}", "{{bus}} unit {{unit}}")}},
			},
			{form: lines, title: words("应答时间", "Time to an answer"), unit: units.Seconds, low: new(0.0), ask: []query{{expr: slow(0.5), legend: words("{{bus}} 中位", "{{bus}} median")}, {expr: slow(0.95), legend: words("{{bus}} 95 %", "{{bus}} 95 %")}}},
			{form: lines, title: words("总线占用", "Lines busy"), unit: units.PercentUnit, low: new(0.0), high: new(1.0), steps: []step{{0, good}, {0.8, bad}}, ask: []query{{expr: `intact_bus_utilization_ratio{` + here + `}`, legend: bus}}},
			{form: lines, title: words("漏掉的轮询", "Polls skipped"), unit: units.CountsPerSecond, low: new(0.0), ask: []query{{expr: per("bus", "intact_poll_overruns_total", ""), legend: bus}}},
			{form: lines, title: words("MQTT 消息", "MQTT messages"), unit: units.CountsPerSecond, low: new(0.0), ask: []query{{expr: per("result", "intact_mqtt_messages_total", ""), legend: result}}},
			{form: areas, title: words("测点质量", "Points by quality"), low: new(0.0), ask: []query{{expr: `sum by (quality) (intact_points{` + here + `})`, legend: words("{{quality}}", "{{quality}}")}}},
			{form: lines, title: words("采样与规则变化", "Samples and rule changes"), unit: units.CountsPerSecond, low: new(0.0), ask: []query{
				{expr: `rate(intact_samples_total{` + here + `}[$__rate_interval])`, legend: words("采样", "Samples")},
				{expr: `rate(intact_rule_transitions_total{` + here + `}[$__rate_interval])`, legend: words("规则变化", "Rule changes")},
				{expr: `rate(intact_samples_coalesced_total{` + here + `}[$__rate_interval])`, legend: words("过载合并", "Replaced under overload")},
			}},
			{form: lines, title: words("写盘用时", "Time of a write to disk"), unit: units.Seconds, low: new(0.0), ask: []query{
				{expr: `rate(intact_journal_commit_seconds_total{` + here + `}[$__rate_interval]) / (rate(intact_journal_commits_total{` + here + `}[$__rate_interval]) > 0)`, legend: words("平均", "Mean")},
			}},
			{form: lines, title: words("通知", "Notices"), low: new(0.0), ask: []query{
				{expr: `sum by (receiver, result) (increase(intact_notify_total{` + here + `}[1h]))`, legend: words("{{receiver}} {{result}}", "{{receiver}} {{result}}")},
			}},
			{form: lines, title: words("送往 InfluxDB 的采样", "Samples to InfluxDB"), unit: units.CountsPerSecond, low: new(0.0), ask: []query{{expr: per("result", "intact_influx_samples_total", ""), legend: result}}},
			{form: lines, title: words("内存", "Memory"), unit: units.BytesIEC, low: new(0.0), ask: []query{{expr: `process_resident_memory_bytes{` + here + `}`, legend: words("网关", "Gateway")}}},
			{form: lines, title: words("处理器", "Processor"), unit: units.PercentUnit, low: new(0.0), ask: []query{{expr: `rate(process_cpu_seconds_total{` + here + `}[$__rate_interval])`, legend: words("核", "Cores")}}},
		},
	}
}
