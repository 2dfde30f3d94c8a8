package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
)

// livePoint is a point as the API tells it.
type livePoint struct {
	Name    string     `json:"name"`
	Value   *float64   `json:"value"`
	Unit    string     `json:"unit"`
	State   string     `json:"state"`
	Quality string     `json:"quality"`
	Reason  string     `json:"reason"`
	Time    *time.Time `json:"time"`
}

// liveRule is where an instance of a rule stands, as the API tells it.
type liveRule struct {
	Key      string       `json:"key"`
	Phase    string       `json:"phase"`
	Severity string       `json:"severity"`
	Stale    bool         `json:"stale"`
	Since    *time.Time   `json:"since"`
	Ends     *time.Time   `json:"ends"`
	Left     *float64     `json:"left"`
	Clears   gateway.Text `json:"clears"`
	OverTime []struct {
		Means gateway.Text `json:"means"`
		Value *float64     `json:"value"`
		Unit  string       `json:"unit"`
	} `json:"over_time"`
	Alert   *int64 `json:"alert"`
	ShownAs string `json:"shown_as"`
	Shelf   *struct {
		By     string     `json:"by"`
		Second string     `json:"second"`
		Reason string     `json:"reason"`
		Until  *time.Time `json:"until"`
	} `json:"shelf"`
	Cause *struct {
		Alert    int64        `json:"alert"`
		Facility string       `json:"facility"`
		Rule     string       `json:"rule"`
		Title    gateway.Text `json:"title"`
	} `json:"cause"`
}

// askLive asks the gateway at base, which must be that of site, how what e
// explains stands now: the values of its points, and the rule.
func askLive(ctx context.Context, base, site string, e *configs.Explanation) (configs.ExplainSection, error) {
	s := configs.ExplainSection{Title: gateway.Text{ZH: "当前", EN: "now"}}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	base = strings.TrimSuffix(base, "/")
	now, err := askSite(ctx, base, site)
	if err != nil {
		return s, err
	}
	facility, rest, _ := strings.Cut(e.Name, "/")
	var points []livePoint
	if err := askAll(ctx, base, "points", url.Values{"facility": {facility}}, &points); err != nil {
		return s, err
	}
	for _, p := range points {
		if slices.Contains(e.Points, p.Name) {
			add(&s, p.Name, p.Name, p.text(now))
		}
	}
	if e.Kind != "rule" {
		return s, nil
	}
	rule, _, _ := strings.Cut(rest, "/")
	var stands []liveRule
	if err := askAll(ctx, base, "rules/"+url.PathEscape(facility)+"/"+url.PathEscape(rule), nil, &stands); err != nil {
		return s, err
	}
	for _, r := range stands {
		if r.Key == e.Name || strings.HasPrefix(r.Key, e.Name+"/") {
			r.tell(&s, len(stands) > 1)
		}
	}
	return s, nil
}

// askSite returns what time it is at the gateway at base. That of another site is
// refused: its answers would be taken for those of this one.
func askSite(ctx context.Context, base, site string) (now time.Time, err error) {
	var is struct{ Site string }
	date, err := ask(ctx, base+"/readyz", &is)
	switch {
	case err != nil:
		return now, fmt.Errorf("ask the running gateway: %w", err)
	case is.Site != site:
		return now, fmt.Errorf("the gateway at %s is that of site %q, the site file is that of %q", base, is.Site, site)
	}
	return date, nil
}

func add(s *configs.ExplainSection, zh, en string, value gateway.Text) {
	s.Facts = append(s.Facts, configs.Fact{Label: gateway.Text{ZH: zh, EN: en}, Value: value})
}

// liveWords are the words for codes of the API that people read in Chinese.
var liveWords = map[string]string{
	"normal": "正常", "pending": "计时中", "active": "有效", "clearing": "解除计时中",
	"info": "提示", "warning": "一般", "critical": "紧急", "life_safety": "生命安全",
	"unacknowledged": "未确认", "acknowledged": "已确认", "returned": "已恢复", "shelved": "已搁置", "suppressed": "已隐藏", "closed": "已关闭",
	"good": "正常", "uncertain": "可疑", "bad": "无效",
	"not_seen": "尚未收到", "timeout": "超时", "refused": "拒绝连接", "frame": "帧错误", "short": "应答过短",
	"exception": "设备异常应答", "decode": "无法解码", "payload": "内容无法识别", "not_available": "设备报无效", "out_of_range": "超出量程",
	"stale": "过期", "offline": "离线", "implausible": "不可信", "undefined": "未定义", "stuck": "卡住不变",
}

// inWords joins codes of the API in both languages, two blanks apart, without
// those that are empty.
func inWords(codes ...string) gateway.Text {
	codes = slices.DeleteFunc(codes, func(s string) bool { return s == "" })
	zh := slices.Clone(codes)
	for i, code := range zh {
		if word, ok := liveWords[strings.Trim(code, "()")]; ok {
			zh[i] = strings.Replace(code, strings.Trim(code, "()"), word, 1)
		}
	}
	return gateway.Text{ZH: strings.Join(zh, "  "), EN: strings.Join(codes, "  ")}
}

// join puts two blanks between texts.
func join(a, b gateway.Text) gateway.Text {
	return gateway.Text{ZH: strings.TrimSpace(a.ZH + "  " + b.ZH), EN: strings.TrimSpace(a.EN + "  " + b.EN)}
}

// text says the value with its quality and age. A bad one is never a number.
func (p *livePoint) text(now time.Time) gateway.Text {
	var value, reason string
	if p.Value != nil {
		value = strings.TrimSpace(strconv.FormatFloat(*p.Value, 'g', 6, 64) + " " + p.Unit)
	}
	if p.Reason != "" {
		reason = "(" + p.Reason + ")"
	}
	t := join(gateway.Text{ZH: value, EN: value}, join(gateway.Text{ZH: p.State, EN: p.State}, inWords(p.Quality, reason)))
	if p.Time != nil {
		clock := p.Time.Format(time.TimeOnly)
		age := max(now.Sub(*p.Time), 0).Round(time.Second).String()
		t = join(t, gateway.Text{ZH: clock + "（" + age + " 前）", EN: clock + " (" + age + " ago)"})
	}
	return t
}

// tell says where the rule stands, what it waits for and who hides its alert. Of
// one of several its name comes first.
func (r *liveRule) tell(s *configs.ExplainSection, several bool) {
	state := inWords(r.Phase, r.Severity)
	if r.Stale {
		state = join(state, gateway.Text{ZH: "（凭信任保持）", EN: "(stale: kept on trust)"})
	}
	if r.Since != nil {
		state = join(state, gateway.Text{ZH: "自 " + r.Since.Format(time.DateTime), EN: "since " + r.Since.Format(time.DateTime)})
	}
	if several {
		add(s, "规则", "rule", gateway.Text{ZH: r.Key, EN: r.Key})
	}
	add(s, "状态", "state", state)
	for _, f := range r.OverTime {
		value := gateway.Text{ZH: "未知", EN: "not known"}
		if f.Value != nil {
			text := strings.TrimSpace(strconv.FormatFloat(*f.Value, 'g', 4, 64) + " " + f.Unit)
			value = gateway.Text{ZH: text, EN: text}
		}
		add(s, "其中", "looking back", gateway.Text{ZH: f.Means.ZH + "：" + value.ZH, EN: f.Means.EN + ": " + value.EN})
	}
	if r.Left != nil {
		left := (time.Duration(*r.Left) * time.Second).String()
		if r.Ends != nil {
			add(s, "剩余", "time left", gateway.Text{ZH: left + "，至 " + r.Ends.Format(time.TimeOnly), EN: left + ", until " + r.Ends.Format(time.TimeOnly)})
		} else {
			add(s, "剩余", "time left", gateway.Text{ZH: left + "，输入未知，暂停计时", EN: left + ", standing still: its inputs are not known"})
		}
	}
	if !r.Clears.IsZero() {
		add(s, "解除条件", "ends when", r.Clears)
	}
	r.tellAlert(s)
}

func (r *liveRule) tellAlert(s *configs.ExplainSection) {
	if r.Alert == nil {
		add(s, "告警", "alert", gateway.Text{ZH: "无", EN: "none"})
		return
	}
	add(s, "告警", "alert", inWords(fmt.Sprintf("#%d", *r.Alert), r.ShownAs))
	if sh := r.Shelf; sh != nil && sh.Until != nil {
		by, until := sh.By, sh.Until.Format(time.DateTime)
		if sh.Second != "" {
			by += " + " + sh.Second
		}
		add(s, "搁置", "shelved", gateway.Text{
			ZH: fmt.Sprintf("%s，至 %s：%s", by, until, sh.Reason), EN: fmt.Sprintf("by %s until %s: %s", by, until, sh.Reason),
		})
	}
	if c := r.Cause; c != nil {
		name := fmt.Sprintf("#%d  %s/%s  ", c.Alert, c.Facility, c.Rule)
		add(s, "被其隐藏", "hidden by", gateway.Text{ZH: name + c.Title.In(gateway.Chinese), EN: name + c.Title.In(gateway.English)})
	}
}
