package rules

import (
	"cmp"
	"slices"

	"github.com/intact-gateway/intact/gateway"
)

// Doubt is a kind of thing that a rule may say and most likely does not mean.
type Doubt uint8

// The doubts.
const (
	// NoDeadBand: a limit on a measured value clears where it trips, so a value
	// that wavers there rings again and again.
	NoDeadBand Doubt = iota + 1
	// NoUnit: a number without a unit is held against a point with one. It means
	// something else as soon as a device tells the same in another unit.
	NoUnit
	// Duplicate: another rule has the same condition.
	Duplicate
	// Implied: another rule on the same point trips before it, and both ask for
	// the same: they are levels of one rule.
	Implied
)

// Finding is one doubt about a rule, on the first facility that shows it.
type Finding struct {
	Doubt Doubt
	Ref   Ref
	Other Ref    // the rule that it is like; of Duplicate and Implied
	Path  string // in the rule, such as "levels.warning.above"
}

// Lint returns what is doubtful about the rules that an engine was made of. Each
// doubt about a rule comes once, however many facilities it works on.
func Lint(site *gateway.Site, packs []Pack, e *Engine) []Finding {
	l := linter{site: site, packs: packs, Engine: e, seen: make(map[shown]bool)}
	byFacility := make(map[gateway.FacilityID][]Ref)
	for i := range e.instances {
		ref := Ref(i)
		l.deadBand(ref)
		l.units(ref)
		others := byFacility[e.list[i].Facility]
		for _, other := range others {
			l.alike(other, ref)
		}
		byFacility[e.list[i].Facility] = append(others, ref)
	}
	return l.found
}

type linter struct {
	*Engine
	site  *gateway.Site
	packs []Pack
	found []Finding
	seen  map[shown]bool
}

// shown is a doubt that has been told of.
type shown struct {
	doubt       Doubt
	rule, other *Rule
	path        string
}

func (l *linter) add(f Finding) {
	s := shown{doubt: f.Doubt, rule: l.instances[f.Ref].rule, path: f.Path}
	if f.Other >= 0 {
		s.other = l.instances[f.Other].rule
	}
	if !l.seen[s] {
		l.seen[s] = true
		l.found = append(l.found, f)
	}
}

// noOther is the Other of a finding that is about one rule.
const noOther Ref = -1

func (l *linter) stepsOf(ref Ref) []step { return l.steps[l.instances[ref].first:l.instances[ref].end] }

// spec returns the rule as it is written.
func (l *linter) spec(ref Ref) (*Pack, *Spec) {
	in := &l.list[ref]
	class := l.site.Facility(in.Facility).Class
	for i := range l.packs {
		p := &l.packs[i]
		if p.Class != class && p.Class != anyClass {
			continue
		}
		if j := slices.IndexFunc(p.Rules, func(s Spec) bool { return s.ID == in.Rule.ID }); j >= 0 {
			return p, &p.Rules[j]
		}
	}
	return nil, nil
}

// limit reports whether an instruction holds a measured value against a limit.
func (l *linter) limit(op instr) bool {
	if op < 0 {
		return false
	}
	a := &l.atoms[op]
	return a.direction() != 0 && l.point(a.point).Kind == gateway.Analog
}

// direction returns 1 for a comparison that is true above a number, -1 for one
// below, 0 for any other.
func (a *atom) direction() int {
	switch a.op {
	case opGreater, opGreaterEqual:
		return 1
	case opLess, opLessEqual:
		return -1
	default:
		return 0
	}
}

// deadBand looks for limits that clear where they trip.
func (l *linter) deadBand(ref Ref) {
	for _, s := range l.stepsOf(ref) {
		if !slices.ContainsFunc(s.when, l.limit) {
			continue
		}
		if len(s.when) == 1 && len(s.reset) == 1 {
			if l.atoms[s.when[0]].value == l.atoms[s.reset[0]].value {
				l.add(Finding{NoDeadBand, ref, noOther, l.path(ref, s.severity)})
			}
		} else if slices.Equal(negated(s.when), s.reset) {
			l.add(Finding{NoDeadBand, ref, noOther, l.path(ref, s.severity)})
		}
	}
}

// path returns where the condition of a step is written in its rule.
func (l *linter) path(ref Ref, severity Severity) string {
	if _, spec := l.spec(ref); spec != nil && len(spec.Levels) > 0 {
		return "levels." + severity.String()
	}
	return "when"
}

// units looks for numbers without a unit on points that have one.
func (l *linter) units(ref Ref) {
	pack, spec := l.spec(ref)
	if spec == nil {
		return
	}
	bare := func(point *gateway.Point, terms []term) bool {
		return point != nil && point.Unit != "" && slices.ContainsFunc(terms, func(t term) bool { return t.bare(pack) })
	}
	for _, level := range spec.Levels {
		if spec.Value != "" {
			break // its limits must have units, for Compile to say
		}
		for _, limit := range []struct{ key, text string }{{"above", level.Above}, {"below", level.Below}, {"reset", level.Reset}} {
			if terms, err := parseSum(limit.text); limit.text != "" && err == nil && bare(l.site.Point(l.list[ref].Point), terms) {
				l.add(Finding{NoUnit, ref, noOther, "levels." + level.Severity + "." + limit.key})
			}
		}
	}
	for _, c := range []struct {
		key       string
		condition *Condition
	}{{"when", spec.When}, {"reset", spec.Reset}, {"only_when", spec.OnlyWhen}} {
		c.condition.tests(func(t test) {
			if bare(l.named(ref, t.name), t.sum) {
				l.add(Finding{NoUnit, ref, noOther, c.key})
			}
		})
	}
}

// bare reports whether t is a number that says nothing of its unit. Nought is
// the same in every unit but those of temperature.
func (t term) bare(pack *Pack) bool {
	q := t.quantity
	if t.param != "" {
		i := slices.IndexFunc(pack.Params, func(p Param) bool { return p.Name == t.param })
		if i < 0 {
			return false
		}
		q = pack.Params[i].Value
	}
	return t.word == "" && q.Unit == "" && q.Value != 0
}

// tests calls f for every test of a condition.
func (c *Condition) tests(f func(test)) {
	if c == nil {
		return
	}
	if e, err := parseExpr(c.Expr); c.Expr != "" && err == nil {
		e.walk(f)
	}
	for _, k := range slices.Concat(c.All, c.Any) {
		k.tests(f)
	}
	c.Not.tests(f)
}

// named returns the point that a rule calls name on the facility of ref.
func (l *linter) named(ref Ref, name string) *gateway.Point {
	refs := pointsNamed(l.site, l.site.Facility(l.list[ref].Facility), name)
	if len(refs) == 0 {
		return nil // what is computed must have units, for Compile to say
	}
	return l.site.Point(refs[0])
}

// alike holds two rules of one facility against each other.
func (l *linter) alike(a, b Ref) {
	x, y := &l.instances[a], &l.instances[b]
	if x.rule == y.rule || !slices.Equal(x.only, y.only) {
		return
	}
	same := x.rule.Impairs == y.rule.Impairs && x.rule.SLA == y.rule.SLA
	for _, s := range l.stepsOf(a) {
		for _, t := range l.stepsOf(b) {
			if slices.Equal(s.when, t.when) {
				l.add(Finding{Duplicate, b, a, l.path(b, t.severity)})
				return
			}
			// Rules that ask for something else of people are no levels.
			if n := l.earlier(s.when, t.when); n != 0 && same {
				first, second, path := a, b, l.path(b, t.severity)
				if n > 0 {
					first, second, path = b, a, l.path(a, s.severity)
				}
				l.add(Finding{Implied, second, first, path})
				return
			}
		}
	}
}

// earlier compares two limits on one point in one direction: -1 if the first
// trips before the second, 1 for the reverse, 0 if they cannot be compared.
func (l *linter) earlier(s, t program) int {
	if len(s) != 1 || len(t) != 1 || !l.limit(s[0]) || !l.limit(t[0]) {
		return 0
	}
	a, b := &l.atoms[s[0]], &l.atoms[t[0]]
	if a.point != b.point || a.direction() != b.direction() {
		return 0
	}
	return a.direction() * cmp.Compare(a.value, b.value)
}
