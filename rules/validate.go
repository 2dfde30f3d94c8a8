package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
)

// anyClass stands for the facilities of every class.
const anyClass gateway.Class = "any"

// slas are the tickets a rule may open.
var slas = []string{"rescue", "emergency", "ordinary"}

// trades are whom a rule may call.
var trades = []string{"electrician", "plumber", "lift", "fire", "hvac", "general"}

// Validate reports every mistake that the file alone shows: names, syntax,
// values that do not exist. Whether a rule fits the points of a facility is
// for Compile to say.
func (p *Pack) Validate(report gateway.Report) {
	if !p.Class.Valid() && p.Class != anyClass {
		report("class", fmt.Sprintf("unknown class %q", p.Class), "one of any, "+joinWords(gateway.Classes()))
	}
	for _, param := range p.Params {
		if !validName(param.Name) {
			report("params."+param.Name, fmt.Sprintf("%q cannot name a param", param.Name), "small letters, digits and _")
		}
	}
	for i := range p.Rules {
		p.Rules[i].validate(report.At("rules."+p.Rules[i].ID), p.Params)
	}
}

func (s *Spec) validate(report gateway.Report, params []Param) {
	if !validName(s.ID) {
		report("", fmt.Sprintf("%q cannot name a rule", s.ID), "small letters, digits and _")
	}
	if s.Title.ZH == "" || s.Title.EN == "" {
		report("title", "title is needed in both languages", "title: {zh: …, en: …}")
	}
	switch {
	case s.When != nil && len(s.Levels) > 0:
		report("levels", "a rule has either when or levels", "make two rules of it")
	case s.When == nil && len(s.Levels) == 0:
		report("", "the rule has no condition", "give it when: or levels:")
	case s.When != nil:
		s.validateWhen(report)
	default:
		s.validateLevels(report, params)
	}
	for key, c := range map[string]*Condition{"when": s.When, "reset": s.Reset, "only_when": s.OnlyWhen} {
		if c != nil {
			c.validate(report.At(key), params)
		}
	}
	if s.During != nil {
		s.During.parse(report.At("during"))
	}
	oneOf(report, "bad_data", s.BadData, "keep", "alarm", "clear")
	oneOf(report, "restart", s.Restart, "continue", "reset", "alarm_if_true")
	oneOf(report, "ticket", s.Ticket, slas...)
	oneOf(report, "why.role", s.Why.Role, trades...)
	for key, t := range map[string]gateway.Text{"why.cause": s.Why.Cause, "why.consequence": s.Why.Consequence, "why.response": s.Why.Response} {
		if t.ZH == "" || t.EN == "" {
			report(key, "text is needed in both languages", key[4:]+": {zh: …, en: …}")
		}
	}
}

func (s *Spec) validateWhen(report gateway.Report) {
	if len(s.Points) > 0 {
		report("points", "points go with levels", "name the point in the condition, or use levels")
	}
	if s.Value != "" {
		report("value", "a value goes with levels", "compare it in the condition, or use levels")
	}
	if _, ok := ParseSeverity(s.Severity); !ok {
		report("severity", fmt.Sprintf("unknown severity %q", s.Severity), "one of "+strings.Join(severityNames[:], ", "))
	}
}

func (s *Spec) validateLevels(report gateway.Report, params []Param) {
	switch {
	case len(s.Points) == 0 && s.Value == "":
		report("points", "levels need the points they are for", "points: [pressure.outlet], or value: with what is computed from several")
	case len(s.Points) > 0 && s.Value != "":
		report("value", "levels are either for points or for one value", "make two rules of it")
	case s.Value != "":
		e, err := formula.ParseSum(s.Value)
		if err != nil {
			reportMistake(report.At("value"), s.Value, err)
		} else {
			checkExpr(report.At("value"), e, params)
		}
	}
	if s.Severity != "" {
		report("severity", "the severity of a rule with levels is that of its levels", "leave it out")
	}
	if s.Reset != nil {
		report("reset", "each level has a reset of its own", "move it into the level")
	}
	for _, l := range s.Levels {
		at := report.At("levels." + l.Severity)
		if _, ok := ParseSeverity(l.Severity); !ok {
			at("", fmt.Sprintf("unknown severity %q", l.Severity), "one of "+strings.Join(severityNames[:], ", "))
		}
		if (l.Above == "") == (l.Below == "") {
			at("", "a level has either above or below", "")
		}
		for key, sum := range map[string]string{"above": l.Above, "below": l.Below, "reset": l.Reset} {
			if sum == "" {
				continue
			}
			if terms, err := parseSum(sum); err != nil {
				at(key, err.Error(), "a quantity such as 75 degC, or $param - 2 V")
			} else {
				checkParams(at.At(key), terms, params)
			}
		}
	}
}

func (c *Condition) validate(report gateway.Report, params []Param) {
	given := 0
	for _, yes := range []bool{c.Expr != "", c.All != nil, c.Any != nil, c.Not != nil} {
		if yes {
			given++
		}
	}
	if given != 1 {
		report("", "a condition is a comparison, or one of all, any and not", "such as {all: [run == true, flow < 1 m3/h]}")
	}
	if c.Expr != "" {
		e, err := parseExpr(c.Expr)
		if err != nil {
			reportMistake(report, c.Expr, err)
			return
		}
		e.walk(func(t test) { checkExpr(report, t.whole, params) })
	}
	for i := range c.All {
		c.All[i].validate(report.At(fmt.Sprintf("all[%d]", i)), params)
	}
	for i := range c.Any {
		c.Any[i].validate(report.At(fmt.Sprintf("any[%d]", i)), params)
	}
	if c.Not != nil {
		c.Not.validate(report.At("not"), params)
	}
}

// walk calls f for every test of e.
func (e *expr) walk(f func(test)) {
	if e.join == isTest {
		f(e.test)
	}
	for _, k := range e.kids {
		k.walk(f)
	}
}

// reportMistake reports what is wrong with the text of a condition.
func reportMistake(report gateway.Report, text string, err error) {
	hint := "such as level > 1.5 m"
	if strings.Count(text, "(") != strings.Count(text, ")") {
		hint = `in a list [ ], what holds a comma stands in quotes: "max(a, b) > 3 A"`
	} else if e, ok := errors.AsType[*formula.Error](err); ok && e.Hint != "" {
		hint = e.Hint
	}
	report("", fmt.Sprintf("%q: %v", text, err), hint)
}

// checkExpr reports the params and functions in e that do not exist.
func checkExpr(report gateway.Report, e *formula.Expr, params []Param) {
	switch e.Op {
	case formula.Param:
		checkParams(report, []term{{param: e.Name}}, params)
	case formula.Call:
		if err := checkCall(e); err != nil {
			reportMistake(report, e.String(), err)
		}
	}
	for _, part := range e.Parts {
		checkExpr(report, part, params)
	}
}

func checkParams(report gateway.Report, terms []term, params []Param) {
	for _, t := range terms {
		known := slices.ContainsFunc(params, func(p Param) bool { return p.Name == t.param })
		if t.param != "" && !known {
			report("", fmt.Sprintf("unknown param $%s", t.param), "give it a value under params:")
		}
	}
}

func oneOf(report gateway.Report, key, got string, want ...string) {
	if got != "" && !slices.Contains(want, got) {
		report(key, fmt.Sprintf("unknown %s %q", key, got), "one of "+strings.Join(want, ", "))
	}
}

func validName(s string) bool {
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c == '_':
		case c >= '0' && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return s != ""
}

func joinWords[T ~string](words []T) string {
	s := make([]string, len(words))
	for i, w := range words {
		s[i] = string(w)
	}
	return strings.Join(s, ", ")
}
