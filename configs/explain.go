package configs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Explanation is all that the configuration says of a point or of a rule on a
// facility, in the words of both languages.
type Explanation struct {
	Name     string           `json:"name"`
	Kind     string           `json:"kind"` // point, rule or limit
	Title    gateway.Text     `json:"title"`
	Points   []string         `json:"points"` // of the facility, that it is about
	Sections []ExplainSection `json:"sections"`
}

// ExplainSection is some facts about one thing.
type ExplainSection struct {
	Title gateway.Text `json:"title"`
	Facts []Fact       `json:"facts"`
}

// Fact is one line of an explanation.
type Fact struct {
	Label gateway.Text `json:"label"`
	Value gateway.Text `json:"value"`
}

// add appends a fact, unless there is nothing to say.
func (s *ExplainSection) add(zh, en string, value string) {
	s.text(zh, en, gateway.Text{ZH: value, EN: value})
}

func (s *ExplainSection) text(zh, en string, value gateway.Text) {
	if !value.IsZero() {
		s.Facts = append(s.Facts, Fact{gateway.Text{ZH: zh, EN: en}, value})
	}
}

// Explain says all that the configuration, which was loaded with its Places,
// knows of a point ("facility/point"), of a rule on a facility ("facility/rule",
// or "facility/rule/point" for a rule that lists points) or of a limit that rules
// name ("facility/$param", and without the $ unless a rule has that name). The
// error of a name that is none of them says which are near.
func (c *Config) Explain(name string) (*Explanation, error) {
	if c.written == nil {
		return nil, errors.New("the configuration was loaded without its places")
	}
	x := explainer{Config: c, engine: rules.Compile(c.Site, c.Packs, c.Settings, func(_, _, _ string) {})}
	var found []rules.Ref
	for i, in := range x.engine.Instances() {
		if in.Key == name || strings.HasPrefix(in.Key, name+"/") && strings.Contains(name, "/") {
			found = append(found, rules.Ref(i))
		}
	}
	ref, isPoint := c.Site.Lookup(gateway.PointID(name))
	switch {
	case isPoint && len(found) > 0: // such as blind, which is both
		p, r := x.point(ref), x.rule(name, found)
		p.Sections = append(p.Sections, r.Sections...)
		return p, nil
	case isPoint:
		return x.point(ref), nil
	case len(found) > 0:
		return x.rule(name, found), nil
	}
	facility, limit, _ := strings.Cut(name, "/")
	if e := x.limit(facility, limit); e != nil {
		return e, nil
	}
	return nil, x.unknown(name)
}

// explainer gathers what is known of one site.
type explainer struct {
	*Config
	engine *rules.Engine
}

// unknown is the error of a name that means nothing.
func (x *explainer) unknown(name string) error {
	facility, _, whole := strings.Cut(name, "/")
	var ids, own, all []string
	for _, f := range x.Site.Facilities() {
		ids = append(ids, string(f.ID))
	}
	for _, p := range x.Site.Points() {
		all = append(all, string(p.ID()))
	}
	for _, in := range x.engine.Instances() {
		all = append(all, in.Key)
	}
	all = append(all, x.limits(x.Site.Facility(gateway.FacilityID(facility)))...)
	listed := make(map[string]bool)
	for _, n := range all {
		if strings.HasPrefix(n, facility+"/") && !listed[n] {
			own = append(own, n)
			listed[n] = true // what is both a point and a rule is one name
		}
	}
	switch {
	case !slices.Contains(ids, facility):
		return fmt.Errorf("there is no facility %q (%s)", facility, yaml.Suggest(facility, ids))
	case !whole:
		return fmt.Errorf("%s is a facility: name one of its points, rules or limits (%s)", name, some(own))
	default:
		slices.Sort(own)
		hint := yaml.Suggest(name, own)
		if hint == "" {
			hint = "there are " + some(own)
		}
		return fmt.Errorf("facility %s has no point, rule or limit %q (%s)", facility, name, hint)
	}
}

// some lists the first of many names.
func some(names []string) string {
	const most = 32
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
