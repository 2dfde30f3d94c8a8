package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Comparison is one point held against one number, as rules are compiled to.
type Comparison struct {
	Point gateway.PointRef // of the site; of what is computed for rules alone the first that it is made from
	Op    string           // as it is written in rules; "bit" for bit number Value
	Value float64
	// Computed is what is computed for rules alone, as it is written, such as
	// "abs(temperature - setpoint)"; "" if it is Point that is compared.
	Computed string
	Unit     string // of Value
	Truth    bool   // what is compared is true or false
}

// Stage is one level of an instance; an instance without levels has one.
type Stage struct {
	Severity    Severity
	Hold        time.Duration
	When, Reset []Comparison // each once, in the order in which they are written
}

// Anatomy is what an instance is made of.
type Anatomy struct {
	Pack, Rule int // where in the packs given to Compile it is written
	Stages     []Stage
	Only       []Comparison // of only_when
	ClearAfter time.Duration
	MinActive  time.Duration
	BadData    string // keep, alarm or clear
}

// Anatomy returns what the instance numbered ref is made of.
func (e *Engine) Anatomy(ref Ref) Anatomy {
	in := &e.instances[ref]
	a := Anatomy{
		Pack: in.pack, Rule: in.spec, Only: e.comparisons(in.only), ClearAfter: in.clearAfter, MinActive: in.minActive,
		BadData: in.badData.String(),
	}
	for _, s := range e.steps[in.first:in.end] {
		a.Stages = append(a.Stages, Stage{Severity: s.severity, Hold: s.hold, When: e.comparisons(s.when), Reset: e.comparisons(s.reset)})
	}
	return a
}

// ReadBy returns the instances that look at a point.
func (e *Engine) ReadBy(ref gateway.PointRef) []Ref { return e.readers[ref] }

func (e *Engine) comparisons(p program) (all []Comparison) {
	for _, op := range p {
		if op < 0 {
			continue
		}
		a := e.atoms[op]
		sources := e.sources(a.point)
		if sources == nil {
			continue // a time of day compares no point
		}
		p := e.point(a.point)
		c := Comparison{Point: sources[0], Op: a.op.String(), Value: a.value, Unit: p.Unit, Truth: p.Kind == gateway.Discrete}
		if e.inner(a.point) {
			c.Computed = p.Name
		}
		if !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all
}

// String returns the operator as it is written in rules.
func (o operator) String() string {
	if o == opBit {
		return "bit"
	}
	for written, op := range operators {
		if op == o {
			return written.String()
		}
	}
	return fmt.Sprintf("operator(%d)", uint8(o))
}

// String returns the condition as one line.
func (c *Condition) String() string {
	switch {
	case c.Not != nil:
		return "not (" + c.Not.String() + ")"
	case c.All != nil:
		return joinConditions(c.All, " and ")
	case c.Any != nil:
		return joinConditions(c.Any, " or ")
	default:
		return c.Expr
	}
}

// joinConditions puts brackets round what holds several.
func joinConditions(all []Condition, with string) string {
	parts := make([]string, len(all))
	for i := range all {
		if parts[i] = all[i].String(); all[i].All != nil || all[i].Any != nil || strings.Contains(parts[i], " or ") {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return strings.Join(parts, with)
}
