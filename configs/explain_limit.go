package configs

import (
	"slices"
	"strings"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// limit explains a param of a facility, or returns nil if there is none of that
// name. With the $ that rules write before it, it is never taken for a rule.
func (x *explainer) limit(facility, name string) *Explanation {
	name = strings.TrimPrefix(name, "$")
	f := x.Site.Facility(gateway.FacilityID(facility))
	if f == nil {
		return nil
	}
	for i := range x.Packs {
		pack := &x.Packs[i]
		k := slices.IndexFunc(pack.Params, func(p rules.Param) bool { return p.Name == name })
		if k < 0 || pack.Class != f.Class && pack.Class != anyClass {
			continue
		}
		value := ExplainSection{Title: gateway.Text{ZH: "限值", EN: "limit"}}
		x.param(&value, f.ID, i, name)
		return &Explanation{Name: facility + "/$" + name, Kind: "limit", Title: pack.Params[k].Text, Sections: []ExplainSection{value, x.limited(f.ID, i, name)}}
	}
	return nil
}

// limited says which rules on a facility are held against a param of a pack.
func (x *explainer) limited(f gateway.FacilityID, pack int, name string) ExplainSection {
	s := ExplainSection{Title: gateway.Text{ZH: "用途", EN: "read by"}}
	for ref, in := range x.engine.Instances() {
		a := x.engine.Anatomy(rules.Ref(ref))
		if in.Facility == f && a.Pack == pack && slices.Contains(params(conditionText(&x.Packs[pack].Rules[a.Rule])), name) {
			s.text("规则", "rule", gateway.Text{ZH: in.Key + "  " + in.Rule.Title.In(gateway.Chinese), EN: in.Key + "  " + in.Rule.Title.In(gateway.English)})
		}
	}
	if len(s.Facts) == 0 {
		s.text("规则", "rule", gateway.Text{ZH: "无", EN: "none"})
	}
	return s
}

// conditionText returns everything of a rule in which a param may be named.
func conditionText(spec *rules.Spec) string {
	texts := []string{spec.Value}
	for _, c := range []*rules.Condition{spec.When, spec.Reset, spec.OnlyWhen} {
		if c != nil {
			texts = append(texts, c.String())
		}
	}
	for _, l := range spec.Levels {
		texts = append(texts, l.Above, l.Below, l.Reset)
	}
	return strings.Join(texts, " ")
}

// limits returns the names of the params of a facility, with their $.
func (x *explainer) limits(f *gateway.Facility) (names []string) {
	for _, p := range x.Packs {
		if f != nil && (p.Class == f.Class || p.Class == anyClass) {
			for _, param := range p.Params {
				names = append(names, string(f.ID)+"/$"+param.Name)
			}
		}
	}
	return names
}
