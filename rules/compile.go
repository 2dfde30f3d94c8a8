package rules

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// defaultPoll stands for the period of a point that comes on events only, where
// a hold is given in polls.
const defaultPoll = 10 * time.Second

// Compile lays the rules of packs out over the facilities of site. A rule that
// needs a point which a facility does not have is left out there; every other
// mistake goes to report, with paths such as "packs[0].rules.dry_run.when", and
// leaves out the rule on that facility. The Engine is never nil.
func Compile(site *gateway.Site, packs []Pack, set Settings, report gateway.Report) *Engine {
	c := &compiler{site: site, set: set, engine: newEngine(site), seen: make(map[string]bool)}
	c.report = func(path, problem, hint string) {
		if key := path + "\x00" + problem; !c.seen[key] { // once, not for every facility
			c.seen[key] = true
			report(path, problem, hint)
		}
	}
	c.engine.addDerived(site)
	c.checkSettings(packs)
	for i := range packs {
		pack := &packs[i]
		for j := range pack.Rules {
			c.number = [2]int{i, j}
			c.compileSpec(pack, &pack.Rules[j], gateway.Report(c.report).At(fmt.Sprintf("packs[%d].rules.%s", i, pack.Rules[j].ID)))
		}
	}
	c.engine.finish()
	return c.engine
}

type compiler struct {
	site   *gateway.Site
	set    Settings
	report gateway.Report
	seen   map[string]bool
	number [2]int // of the pack, and of the rule in it, that is being compiled
	engine *Engine
}

func (c *compiler) compileSpec(pack *Pack, spec *Spec, report gateway.Report) {
	rule := spec.rule()
	for i, id := range spec.Facilities {
		if f := c.site.Facility(id); f == nil || f.Class != pack.Class && pack.Class != anyClass {
			report(fmt.Sprintf("facilities[%d]", i), fmt.Sprintf("there is no facility %q of class %s", id, pack.Class), "")
		}
	}
	matched := false
	for i := range c.site.Facilities() {
		f := &c.site.Facilities()[i]
		if pack.Class != f.Class && pack.Class != anyClass || len(spec.Facilities) > 0 && !slices.Contains(spec.Facilities, f.ID) {
			continue
		}
		s := scope{compiler: c, pack: pack, facility: f, report: report}
		if len(spec.Levels) > 0 {
			matched = s.levels(spec, rule) || matched
		} else {
			matched = s.condition(spec, rule) || matched
		}
	}
	if !matched {
		c.engine.unmatched = append(c.engine.unmatched, string(pack.Class)+"/"+spec.ID)
	}
}

// rule returns what all instances of the spec have in common.
func (s *Spec) rule() *Rule {
	r := &Rule{ID: s.ID, Title: s.Title, Why: s.Why, Impairs: s.Impairs, SLA: s.Ticket, Family: cmp.Or(s.Family, s.ID), Latch: s.Latch, Restart: restart(s.Restart)}
	r.Severity, _ = ParseSeverity(s.Severity)
	for _, l := range s.Levels {
		sev, _ := ParseSeverity(l.Severity)
		r.Severity = max(r.Severity, sev)
	}
	return r
}

// scope compiles one rule for one facility.
type scope struct {
	*compiler
	pack     *Pack
	facility *gateway.Facility
	report   gateway.Report
	missing  bool // a point that the facility does not have
	failed   bool // a mistake that was reported
	slowest  time.Duration
	first    gateway.PointRef // the point that stands for a condition
	limit    float64
	chosen   bool
}

func (s *scope) fail(report gateway.Report, format string, args ...any) {
	s.failed = true
	report("", fmt.Sprintf(format, args...), "on facility "+string(s.facility.ID))
}

// condition compiles a rule that has one condition. It returns whether the
// facility has the points for it.
func (s *scope) condition(spec *Spec, rule *Rule) bool {
	in := instance{rule: rule, pack: s.number[0], spec: s.number[1], point: gateway.NoPoint, clearAfter: spec.ClearAfter, minActive: spec.MinActive, badData: policy(spec.BadData)}
	s.first, s.limit = gateway.NoPoint, math.NaN()
	st := step{severity: rule.Severity}
	st.when = s.program(spec.When, s.report.At("when"))
	st.reset = negated(st.when)
	if spec.Reset != nil {
		st.reset = s.program(spec.Reset, s.report.At("reset"))
	}
	st.hold = spec.Hold.over(s.slowest)
	in.only = s.only(spec)
	in.point, st.limit = s.first, s.limit
	if s.missing || s.failed {
		return s.failed
	}
	s.engine.add(in, []step{st}, string(s.facility.ID)+"/"+spec.ID, s.facility.ID)
	return true
}

// levels compiles a rule with levels: one instance for each of its points.
func (s *scope) levels(spec *Spec, rule *Rule) bool {
	if spec.Value != "" {
		ref := s.value(spec.Value, s.report.At("value"))
		if ref == gateway.NoPoint {
			return s.failed
		}
		return s.levelsOn(spec, rule, ref, "")
	}
	matched := false
	for _, name := range spec.Points {
		for _, ref := range s.points(name) {
			one := scope{compiler: s.compiler, pack: s.pack, facility: s.facility, report: s.report}
			matched = one.levelsOn(spec, rule, ref, "/"+s.site.Point(ref).Name) || matched
		}
	}
	return matched
}

// levelsOn adds the instance for one point, with the end of its key.
func (s *scope) levelsOn(spec *Spec, rule *Rule, ref gateway.PointRef, suffix string) bool {
	in := instance{rule: rule, pack: s.number[0], spec: s.number[1], point: s.shown(ref), clearAfter: spec.ClearAfter, minActive: spec.MinActive, badData: policy(spec.BadData)}
	s.use(ref)
	var steps []step
	for _, l := range spec.Levels {
		steps = append(steps, s.level(l, spec, ref))
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.severity, b.severity) })
	in.only = s.only(spec)
	if s.missing || s.failed {
		return s.failed
	}
	s.engine.add(in, steps, string(s.facility.ID)+"/"+spec.ID+suffix, s.facility.ID)
	return true
}

func (s *scope) level(l Level, spec *Spec, ref gateway.PointRef) step {
	report := s.report.At("levels." + l.Severity)
	st := step{}
	st.severity, _ = ParseSeverity(l.Severity)
	on, off, key, text := opGreater, opLessEqual, "above", l.Above
	if l.Below != "" {
		on, off, key, text = opLess, opGreaterEqual, "below", l.Below
	}
	st.limit = s.parsedSum(text, ref, report.At(key))
	reset := st.limit
	if l.Reset != "" {
		reset = s.parsedSum(l.Reset, ref, report.At("reset"))
		if on == opGreater && reset > st.limit || on == opLess && reset < st.limit {
			s.fail(report.At("reset"), "the reset %v lies on the wrong side of the limit %v", reset, st.limit)
		}
	}
	st.when = program{s.engine.atom(ref, on, st.limit)}
	st.reset = program{s.engine.atom(ref, off, reset)}
	hold := l.Hold
	if hold == (Hold{}) {
		hold = spec.Hold
	}
	st.hold = hold.over(s.slowest)
	if s.engine.inner(ref) || s.site.Point(ref).Kind.Stepwise() {
		st.limit = math.NaN() // half way between off and on is no figure for people
	}
	return st
}

// over returns the hold time where the slowest point comes every slowest.
func (h Hold) over(slowest time.Duration) time.Duration {
	if h.Polls > 0 {
		return time.Duration(h.Polls) * cmp.Or(slowest, defaultPoll)
	}
	return h.Duration
}

func restart(s string) Restart {
	switch s {
	case "reset":
		return Anew
	case "alarm_if_true":
		return AlarmIfTrue
	default:
		return Continue
	}
}

func policy(s string) badData {
	switch s {
	case "alarm":
		return badAlarms
	case "clear":
		return badClears
	default:
		return badKeeps
	}
}

func (s *scope) use(ref gateway.PointRef) { s.slowest = max(s.slowest, s.engine.point(ref).Period) }

// program compiles a condition into postfix order.
func (s *scope) program(c *Condition, report gateway.Report) program {
	switch {
	case c.Expr != "":
		e, err := parseExpr(c.Expr)
		if err != nil {
			s.fail(report, "%q: %v", c.Expr, err)
			return nil
		}
		return s.expr(e, report)
	case c.All != nil:
		return s.join(c.All, instrAnd, report.At("all"))
	case c.Any != nil:
		return s.join(c.Any, instrOr, report.At("any"))
	case c.Not != nil:
		return negated(s.program(c.Not, report.At("not")))
	}
	s.fail(report, "the condition is empty")
	return nil
}

func (s *scope) join(cs []Condition, with instr, report gateway.Report) (p program) {
	for i := range cs {
		p = append(p, s.program(&cs[i], report.At(fmt.Sprintf("[%d]", i)))...)
		if i > 0 {
			p = append(p, with)
		}
	}
	return p
}

func (s *scope) expr(e *expr, report gateway.Report) (p program) {
	switch e.join {
	case joinNot:
		return negated(s.expr(e.kids[0], report))
	case joinAnd, joinOr:
		with := instrAnd
		if e.join == joinOr {
			with = instrOr
		}
		for i, k := range e.kids {
			p = append(p, s.expr(k, report)...)
			if i > 0 {
				p = append(p, with)
			}
		}
		return p
	}
	return s.test(e.test, report)
}

func (s *scope) test(t test, report gateway.Report) program {
	before := s.failed
	s.failed = false // every test is looked at, whatever is wrong with another
	ref, op := s.subject(&t, report)
	s.failed = s.failed || before
	if ref == gateway.NoPoint {
		return nil
	}
	s.use(ref)
	switch op {
	case opTrue:
		return s.against(ref, opNotEqual, 0)
	case opBit:
		return s.against(ref, opBit, float64(t.bit))
	case opIn:
		var p program
		for i, word := range t.list {
			p = append(p, s.engine.atom(ref, opEqual, s.word(ref, word, report)))
			if i > 0 {
				p = append(p, instrOr)
			}
		}
		s.stand(ref, math.NaN())
		return p
	default:
		return s.against(ref, op, s.sum(t.sum, ref, report))
	}
}

func (s *scope) against(ref gateway.PointRef, op operator, v float64) program {
	limit := math.NaN()
	if k := s.engine.point(ref).Kind; (k == gateway.Analog || k == gateway.Counter) && op != opBit {
		limit = v
	}
	s.stand(ref, limit)
	return program{s.engine.atom(ref, op, v)}
}

// stand makes ref the point that a condition shows: the first one with a limit,
// else the first. What is computed for a rule alone cannot be shown: the first
// point that it is made from stands for it, without the limit, which is none of
// that point's values. A value of another facility would be taken for one of this.
func (s *scope) stand(ref gateway.PointRef, limit float64) {
	if s.engine.inner(ref) {
		ref, limit = s.shown(ref), math.NaN()
	}
	if ref == gateway.NoPoint || s.site.FacilityOf(ref) != s.facility {
		return
	}
	better := !math.IsNaN(limit) && math.IsNaN(s.limit)
	if !s.chosen || better {
		s.first, s.limit, s.chosen = ref, limit, true
	}
}

func (s *scope) parsedSum(text string, ref gateway.PointRef, report gateway.Report) float64 {
	terms, err := parseSum(text)
	if err != nil {
		s.fail(report, "%v", err)
		return math.NaN()
	}
	return s.sum(terms, ref, report)
}

// sum folds terms into one number in the unit of the point ref.
func (s *scope) sum(terms []term, ref gateway.PointRef, report gateway.Report) float64 {
	total := 0.0
	for i, t := range terms {
		v := s.term(t, ref, i > 0, report)
		if t.minus {
			v = -v
		}
		total += v
	}
	return total
}

func (s *scope) term(t term, ref gateway.PointRef, difference bool, report gateway.Report) float64 {
	if t.word != "" {
		return s.word(ref, t.word, report)
	}
	q := t.quantity
	if t.param != "" {
		var ok bool
		if q, ok = s.param(t.param); !ok {
			s.fail(report, "unknown param $%s", t.param)
			return math.NaN()
		}
	}
	p := s.engine.point(ref)
	v, err := q.In(p.Unit)
	switch {
	case err != nil:
		s.fail(report, "%s of %s: %v", q, p.Name, err)
	case s.engine.inner(ref) && q.Unit == "" && q.Value != 0 && p.Unit != "":
		s.fail(report, "%s is in %s, and %g has no unit", p.Name, p.Unit, q.Value)
	}
	if difference || s.engine.difference(ref) {
		// Five degrees more are five degrees more, wherever the scale begins.
		zero, _ := gateway.ConvertUnit(0, q.Unit, p.Unit)
		v -= zero
	}
	return v
}

func (s *scope) param(name string) (gateway.Quantity, bool) {
	for _, p := range s.pack.Params {
		if p.Name != name {
			continue
		}
		// What does not fit was reported where it is written.
		if own, ok := s.set.of(s.facility, name, s.site.Location); ok && fits(own, p.Value) {
			return own, true
		}
		return p.Value, true
	}
	return gateway.Quantity{}, false
}

// word returns the number that a word stands for: true, false, the name of a
// state of the point, or a number as it is.
func (s *scope) word(ref gateway.PointRef, word string, report gateway.Report) float64 {
	switch word {
	case "true":
		return 1
	case "false":
		return 0
	}
	if v, err := strconv.ParseFloat(word, 64); err == nil {
		return v
	}
	p := s.engine.point(ref)
	var names []string
	for _, v := range slices.Sorted(maps.Keys(p.States)) {
		if p.States[v].Name == word {
			return float64(v)
		}
		names = append(names, p.States[v].Name)
	}
	if len(names) == 0 {
		s.fail(report, "point %s has no named states, so %q says nothing", p.Name, word)
	} else {
		s.fail(report, "point %s has no state %q; its states are %s", p.Name, word, strings.Join(names, ", "))
	}
	return math.NaN()
}
