package configs

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// rule explains a rule on a facility. A rule that lists points has an instance
// for each: the limits of all are told.
func (x *explainer) rule(name string, refs []rules.Ref) *Explanation {
	in, a := x.engine.Instances()[refs[0]], x.engine.Anatomy(refs[0])
	spec := &x.Packs[a.Pack].Rules[a.Rule]
	e := &Explanation{Name: name, Kind: "rule", Title: in.Rule.Title}
	e.Sections = append(e.Sections, x.condition(in.Facility, a, spec))
	for _, ref := range refs {
		e.Sections = append(e.Sections, x.stages(ref)...)
		e.Points = append(e.Points, x.inputs(ref)...)
	}
	e.Sections = append(e.Sections, x.timers(a, spec), x.consequences(in.Rule), x.advice(in.Rule))
	return e
}

// condition says what is written, and what its params stand for.
func (x *explainer) condition(f gateway.FacilityID, a rules.Anatomy, spec *rules.Spec) ExplainSection {
	s := ExplainSection{Title: gateway.Text{ZH: "条件", EN: "condition"}}
	if spec.When != nil {
		s.add("触发", "when", spec.When.String())
	}
	for _, l := range spec.Levels {
		limit := "> " + l.Above
		if l.Below != "" {
			limit = "< " + l.Below
		}
		s.add("级别 "+inWords(l.Severity).ZH, "level "+l.Severity, cmp.Or(spec.Value, strings.Join(spec.Points, ", "))+" "+limit)
		s.add("恢复", "until", l.Reset)
	}
	if spec.Reset != nil {
		s.add("恢复", "until", spec.Reset.String())
	}
	if spec.OnlyWhen != nil {
		s.add("仅当", "only when", spec.OnlyWhen.String())
	}
	if spec.During != nil {
		s.add("时段", "at work", strings.TrimPrefix(spec.During.String(), "during "))
	}
	doc := x.written.sound()[a.Pack].doc
	s.add("写于", "written in", origin{doc, "rules." + spec.ID}.String())
	for _, param := range params(conditionText(spec)) {
		x.param(&s, f, a.Pack, param)
	}
	return s
}

var paramName = regexp.MustCompile(`\$([a-z0-9_]+)`)

// params returns the params that a text names, each once.
func params(text string) (names []string) {
	for _, m := range paramName.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

// param says what a param is for a facility and where that is written, and then
// what it would be without that, down to the rule file.
func (x *explainer) param(s *ExplainSection, f gateway.FacilityID, pack int, name string) {
	instead := gateway.Text{}
	say := func(q gateway.Quantity, doc *yaml.Document, path string) {
		at := fmt.Sprintf("%s  %s", q, origin{doc, path})
		s.text("$"+name, "$"+name, gateway.Text{ZH: instead.ZH + at, EN: instead.EN + at})
		instead = gateway.Text{ZH: "代替 ", EN: "instead of "}
	}
	if i := x.Settings.InForce(f, name, x.Site.Location); i >= 0 {
		o := x.Settings.Overrides[i]
		say(o.Set[name], x.written.site, fmt.Sprintf("rules.overrides[%d].set.%s", i, name))
		s.text("$"+name, "$"+name, gateway.Text{
			ZH: fmt.Sprintf("临时限值，%s 止，%s 负责：%s", o.Until, o.By, o.Reason),
			EN: fmt.Sprintf("an override until %s by %s: %s", o.Until, o.By, o.Reason),
		})
	}
	if q, ok := x.Settings.Set[f][name]; ok {
		say(q, x.written.site, "rules.set."+string(f)+"."+name)
	}
	class := x.Site.Facility(f).Class
	if q, ok := x.Settings.Classes[class][name]; ok {
		say(q, x.written.site, "rules.classes."+string(class)+"."+name)
	}
	for _, p := range x.Packs[pack].Params {
		if p.Name == name {
			say(p.Value, x.written.sound()[pack].doc, "params."+name)
		}
	}
}

// sound returns the packs without mistakes, which are those of Config.Packs.
func (l *loader) sound() []pack {
	return slices.DeleteFunc(slices.Clone(l.packs), func(p pack) bool { return len(p.doc.Problems()) > 0 })
}

// stages says of each level of an instance what every point is held against.
func (x *explainer) stages(ref rules.Ref) (sections []ExplainSection) {
	in, a := x.engine.Instances()[ref], x.engine.Anatomy(ref)
	for _, stage := range a.Stages {
		severity := inWords(stage.Severity.String())
		s := ExplainSection{Title: gateway.Text{ZH: in.Key + "  " + severity.ZH, EN: in.Key + "  " + severity.EN}}
		x.compare(&s, in.Facility, "成立", "true", stage.When)
		if !slices.Equal(stage.When, stage.Reset) {
			x.compare(&s, in.Facility, "恢复", "reset", stage.Reset)
		}
		x.compare(&s, in.Facility, "仅当", "only", a.Only)
		s.add("持续", "for", cmp.Or(durationText(stage.Hold), "0s"))
		sections = append(sections, s)
	}
	return append(sections, x.lookingBack(ref)...)
}

// lookingBack says in words what an instance knows of points over time; nothing, if
// it goes by the newest values alone.
func (x *explainer) lookingBack(ref rules.Ref) []ExplainSection {
	s := ExplainSection{Title: gateway.Text{ZH: "回看", EN: "looks back"}}
	for _, f := range x.engine.FeaturesOf(ref) {
		if f.Back > 0 {
			s.Facts = append(s.Facts, Fact{gateway.Text{ZH: f.Written, EN: f.Written}, f.Means})
		}
	}
	if s.Facts == nil {
		return nil
	}
	return []ExplainSection{s}
}

// inputs returns the points of its facility that an instance looks at.
func (x *explainer) inputs(ref rules.Ref) (names []string) {
	for _, point := range x.engine.Inputs()[ref] {
		if p := x.Site.Point(point); p.Facility == x.engine.Instances()[ref].Facility {
			names = append(names, p.Name)
		}
	}
	return names
}

// compare says what is compared; of several none speaks for the whole.
func (x *explainer) compare(s *ExplainSection, own gateway.FacilityID, zh, en string, all []rules.Comparison) {
	if len(all) > 1 {
		zh, en = zh+"取决于", en+" by"
	}
	for _, c := range all {
		if c.Computed != "" {
			s.add(zh, en, computed(c))
			continue
		}
		p := x.Site.Point(c.Point)
		value := strings.TrimSpace(strconv.FormatFloat(c.Value, 'f', -1, 64) + " " + p.Unit)
		name := p.Name
		if p.Facility != own {
			name = string(p.ID())
		}
		text := fmt.Sprintf("%s %s %s", name, c.Op, value)
		if c.Op == "bit" {
			text = fmt.Sprintf("%s.bit(%s)", name, value)
		} else if state, ok := p.States[int64(c.Value)]; ok && p.Kind == gateway.Enum {
			text += " (" + state.Name + ")"
		}
		if p.Role != "" && p.Role != p.Name {
			text += "  [" + p.Role + "]"
		}
		s.add(zh, en, text)
	}
}

// computed says what is compared of what a rule computes for itself.
func computed(c rules.Comparison) string {
	if c.Truth {
		if (c.Op == "!=") == (c.Value == 0) {
			return c.Computed
		}
		return "not (" + c.Computed + ")"
	}
	const digits = 1e9 // a limit that was converted, without its last bits
	value := strconv.FormatFloat(math.Round(c.Value*digits)/digits, 'f', -1, 64)
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", c.Computed, c.Op, value, c.Unit))
}

// timers says what delays an alert and its end.
func (x *explainer) timers(a rules.Anatomy, spec *rules.Spec) ExplainSection {
	s := ExplainSection{Title: gateway.Text{ZH: "时间与恢复", EN: "timers and reset"}}
	if spec.Hold.Polls > 0 {
		s.add("持续（所写）", "hold as written", spec.Hold.String())
	}
	s.add("恢复延时", "clears after", cmp.Or(durationText(a.ClearAfter), "0s"))
	s.add("最短持续", "active at least", durationText(a.MinActive))
	if spec.Latch {
		s.text("锁存", "latch", gateway.Text{ZH: "由人工复位", EN: "until a person resets it"})
	}
	s.text("坏数据", "bad data", map[string]gateway.Text{
		"keep":  {ZH: "保持现状：既不触发也不恢复", EN: "keep: neither raise nor clear"},
		"alarm": {ZH: "视为故障", EN: "alarm: count as the fault"},
		"clear": {ZH: "视为正常", EN: "clear: count as no fault"},
	}[a.BadData])
	s.text("重启后", "after a restart", map[string]gateway.Text{
		"continue":      {ZH: "告警继续，仍成立则延时接着计", EN: "an alert goes on, and a hold if it is still true"},
		"reset":         {ZH: "重新判断", EN: "judged from the beginning"},
		"alarm_if_true": {ZH: "首次判断成立即告警", EN: "true at first sight needs no hold"},
	}[cmp.Or(spec.Restart, "continue")])
	return s
}

// consequences says what an alert of the rule leads to.
func (x *explainer) consequences(r *rules.Rule) ExplainSection {
	s := ExplainSection{Title: gateway.Text{ZH: "后果", EN: "leads to"}}
	s.text("级别", "severity", inWords(r.Severity.String()))
	if r.Impairs {
		s.text("完好率", "intact rate", gateway.Text{ZH: "期间计为故障", EN: "counts as down"})
	} else {
		s.text("完好率", "intact rate", gateway.Text{ZH: "不影响", EN: "not touched"})
	}
	if r.SLA != "" {
		s.text("工单", "ticket", inWords(r.SLA))
		s.add("故障类别", "fault family", r.Family)
	} else {
		s.text("工单", "ticket", gateway.Text{ZH: "不生成", EN: "none"})
	}
	return s
}

// advice says what a person should know.
func (x *explainer) advice(r *rules.Rule) ExplainSection {
	s := ExplainSection{Title: gateway.Text{ZH: "处置", EN: "what to do"}}
	s.text("原因", "cause", r.Why.Cause)
	s.text("影响", "consequence", r.Why.Consequence)
	s.text("处置", "response", r.Why.Response)
	s.add("时限", "within", durationText(r.Why.Within))
	s.text("工种", "role", inWords(r.Why.Role))
	return s
}
