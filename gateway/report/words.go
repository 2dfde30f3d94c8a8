package report

import (
	"fmt"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// catalogue holds the texts of the report.
var catalogue = map[string]gateway.Text{
	"title":         {ZH: "设施完好率月报", EN: "Facility-intact rate: monthly report"},
	"through":       {ZH: "统计截至", EN: "counted up to"},
	"not_over":      {ZH: "本月尚未结束", EN: "the month is not over"},
	"rate":          {ZH: "完好率", EN: "Intact rate"},
	"target":        {ZH: "目标", EN: "Target"},
	"pass":          {ZH: "达标", EN: "met"},
	"fail":          {ZH: "未达标", EN: "missed"},
	"none":          {ZH: "无数据", EN: "no data"},
	"thin":          {ZH: "数据不足", EN: "too little data"},
	"before":        {ZH: "上月", EN: "Month before"},
	"down":          {ZH: "故障停机", EN: "Down"},
	"required":      {ZH: "应运行", EN: "Required"},
	"unknown":       {ZH: "未知", EN: "Unknown"},
	"coverage":      {ZH: "监测覆盖率", EN: "Coverage"},
	"budget":        {ZH: "停机额度", EN: "Down time allowed"},
	"left":          {ZH: "剩余额度", EN: "Left of it"},
	"unrepaired":    {ZH: "期末未修复设施", EN: "Still down at the end"},
	"by_class":      {ZH: "按类别", EN: "By class"},
	"by_building":   {ZH: "按楼栋", EN: "By building"},
	"by_facility":   {ZH: "按设施", EN: "By facility"},
	"facility":      {ZH: "设施", EN: "Facility"},
	"facilities":    {ZH: "数量", EN: "Facilities"},
	"class":         {ZH: "类别", EN: "Class"},
	"building":      {ZH: "楼栋", EN: "Building"},
	"faults":        {ZH: "故障次数", EN: "Faults"},
	"mtbf":          {ZH: "平均无故障时间", EN: "MTBF"},
	"mttr":          {ZH: "平均修复时间", EN: "MTTR"},
	"days":          {ZH: "每日完好率", EN: "Day by day"},
	"causes":        {ZH: "停机原因", EN: "Causes of down time"},
	"cause":         {ZH: "原因", EN: "Cause"},
	"share":         {ZH: "累计占比", EN: "Running share"},
	"clocks":        {ZH: "维修时限", EN: "Repair clocks"},
	"priority":      {ZH: "级别", EN: "Priority"},
	"clock":         {ZH: "时限", EN: "Clock"},
	"due":           {ZH: "应达", EN: "Due"},
	"met":           {ZH: "按时", EN: "Met"},
	"mean":          {ZH: "平均用时", EN: "Mean time"},
	"worst":         {ZH: "最长用时", EN: "Longest"},
	"late":          {ZH: "超时明细", EN: "Clocks that were missed"},
	"ticket":        {ZH: "工单", EN: "Ticket"},
	"deadline":      {ZH: "时限到期", EN: "Deadline"},
	"at_last":       {ZH: "实际完成", EN: "Done at"},
	"not_yet":       {ZH: "未完成", EN: "not yet"},
	"owner":         {ZH: "负责人", EN: "Owner"},
	"repeats":       {ZH: "重复故障", EN: "Faults that came back"},
	"fault":         {ZH: "故障", EN: "Fault"},
	"count":         {ZH: "次数", EN: "Times"},
	"alarms":        {ZH: "报警", EN: "Alerts"},
	"raised":        {ZH: "发生", EN: "Raised"},
	"hidden":        {ZH: "其中为连带报警", EN: "Of them consequences"},
	"mean_ack":      {ZH: "平均确认用时", EN: "Mean time to acknowledge"},
	"top":           {ZH: "最频繁的报警", EN: "Most frequent alerts"},
	"done":          {ZH: "本月完成的维修", EN: "Repairs finished"},
	"open":          {ZH: "期末未完成的工单", EN: "Tickets still open"},
	"title_of":      {ZH: "内容", EN: "What"},
	"opened":        {ZH: "开单", EN: "Opened"},
	"finished":      {ZH: "完成", EN: "Finished"},
	"action":        {ZH: "处理", EN: "Done"},
	"nothing":       {ZH: "无", EN: "none"},
	"made_by":       {ZH: "由 Intact 网关根据其日志统计；百分比截断至两位小数，达标按毫秒整数判定。", EN: "Counted by the Intact gateway from its journal. Percentages are cut to two decimals; the target is judged by whole milliseconds."},
	"respond":       {ZH: "响应", EN: "Respond"},
	"arrive":        {ZH: "到场", EN: "Arrive"},
	"finish":        {ZH: "修复", EN: "Finish"},
	"rescue":        {ZH: "救援", EN: "Rescue"},
	"emergency":     {ZH: "紧急", EN: "Emergency"},
	"ordinary":      {ZH: "一般", EN: "Ordinary"},
	"life_safety":   {ZH: "生命安全", EN: "Life safety"},
	"critical":      {ZH: "严重", EN: "Critical"},
	"warning":       {ZH: "警告", EN: "Warning"},
	"info":          {ZH: "提示", EN: "Info"},
	"no_building":   {ZH: "未注明", EN: "Not given"},
	"silent_24":     {ZH: "失联超过 24 小时", EN: "Silent for more than 24 h"},
	"open_at_start": {ZH: "网关启动时已有的故障", EN: "Fault that was open when the gateway started"},
}

// words gives the texts of a report in one language.
type words gateway.Language

// T returns the text named key. A test finds a key that is missing.
func (w words) T(key string) string {
	if t, ok := catalogue[key]; ok {
		return t.In(gateway.Language(w))
	}
	return key
}

// Tag returns the language for the lang attribute of HTML.
func (w words) Tag() string {
	if gateway.Language(w) == gateway.Chinese {
		return "zh-CN"
	}
	return "en"
}

// In returns t in the language of the report.
func (w words) In(t gateway.Text) string { return t.In(gateway.Language(w)) }

// Long writes a time in milliseconds as people say it, in two units at most and
// never longer than it was: 3 h 21 min.
func (w words) Long(ms int64) string {
	if ms < 0 {
		return "−" + w.Long(-ms)
	}
	units := []struct {
		of     time.Duration
		zh, en string
	}{{24 * time.Hour, "天", " d"}, {time.Hour, "小时", " h"}, {time.Minute, "分", " min"}, {time.Second, "秒", " s"}}
	d := time.Duration(ms) * time.Millisecond
	for i, u := range units {
		if d < u.of && i < len(units)-1 {
			continue
		}
		text := fmt.Sprint(int64(d/u.of)) + w.In(gateway.Text{ZH: u.zh, EN: u.en})
		if i+1 < len(units) {
			if rest := d % u.of / units[i+1].of; rest > 0 {
				text += w.gap() + fmt.Sprint(int64(rest)) + w.In(gateway.Text{ZH: units[i+1].zh, EN: units[i+1].en})
			}
		}
		return text
	}
	return ""
}

func (w words) gap() string {
	if gateway.Language(w) == gateway.Chinese {
		return ""
	}
	return " "
}

// Moment writes a time to the minute.
func (w words) Moment(t time.Time) string { return t.Format("2006-01-02 15:04") }
