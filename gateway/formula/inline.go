package formula

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Operand is a point that an expression names.
type Operand struct {
	Ref        gateway.PointRef
	Point      *gateway.Point
	Difference bool // as in Derived
}

// Inline compiles an expression that is part of something else, such as a
// condition, over the points that find returns for its names and bits. The
// result has no Point yet.
func Inline(e *Expr, find func(e *Expr) (Operand, *Error)) (Derived, *Error) {
	var d Derived
	events := false
	c := compiler{find: func(e *Expr) (gateway.PointRef, typ, *Error) {
		o, err := find(e)
		if err != nil {
			return gateway.NoPoint, typ{}, err
		}
		if !slices.Contains(d.Inputs, o.Ref) {
			d.Inputs = append(d.Inputs, o.Ref)
		}
		d.Period, events = max(d.Period, o.Point.Period), events || o.Point.Period == 0
		return o.Ref, typeOf(o.Point, o.Point.Kind, o.Point.Unit, o.Difference), nil
	}}
	t := c.expr(e)
	d.Kind, d.Unit = c.result(t, new(gateway.Point))
	if c.err == nil && len(d.Inputs) == 0 {
		c.err = &Error{At: e.At, Problem: "the expression names no point", Hint: "such as a + b"}
	}
	if events {
		d.Period = 0
	}
	d.Difference, d.code = t.difference, c.code
	return d, c.err
}

// String returns the expression as it may be written.
func (e *Expr) String() string { return e.text(0) }

// binding says how tightly the operators hold their parts together. Where a part
// is held less tightly than what it is in, it stands in brackets.
var binding = map[Op]int{
	Or: 1, And: 2, Not: 3, In: 4, Equal: 4, NotEqual: 4, Less: 4, LessEqual: 4, Greater: 4, GreaterEqual: 4,
	Add: 5, Sub: 5, Mul: 6, Div: 6, Neg: 7,
}

var signs = map[Op]string{Or: " or ", And: " and ", Add: " + ", Sub: " - ", Mul: " * ", Div: " / "}

// text returns e for a place that holds its parts together as tightly as around.
func (e *Expr) text(around int) string {
	own := binding[e.Op]
	var s string
	switch e.Op {
	case Name:
		return e.Name
	case Param:
		return "$" + e.Name
	case Number:
		return e.Number.String()
	case Bit:
		return e.Name + ".bit(" + strconv.Itoa(e.Bit) + ")"
	case Call:
		if e.Name == Held && len(e.Parts) == 4 {
			return fmt.Sprintf("%s(%s, %s of %s in %s)", e.Name, e.Parts[0], e.Parts[1], e.Parts[2], e.Parts[3])
		}
		return e.Name + "(" + e.list(", ", 0) + ")"
	case In:
		s = e.Parts[0].text(own) + " in [" + strings.Join(e.List, ", ") + "]"
	case Not:
		s = "not " + e.Parts[0].text(own)
	case Neg:
		s = "-" + e.Parts[0].text(own)
	default:
		if e.Op.Compares() {
			s = e.Parts[0].text(own+1) + " " + e.Op.String() + " " + e.Parts[1].text(own+1)
		} else {
			s = e.list(signs[e.Op], own)
		}
	}
	if own < around {
		return "(" + s + ")"
	}
	return s
}

// list returns the parts with a sign between them; all but the first are held
// more tightly, as in a - (b - c).
func (e *Expr) list(sign string, around int) string {
	var parts []string
	for i, part := range e.Parts {
		if i > 0 && around > 0 {
			parts = append(parts, part.text(around+1))
		} else {
			parts = append(parts, part.text(around))
		}
	}
	return strings.Join(parts, sign)
}

// Duration returns the time that e, a number with a unit of time, stands for.
func (e *Expr) Duration() (time.Duration, *Error) {
	wrong := func(problem string) (time.Duration, *Error) {
		return 0, &Error{At: e.At, Problem: problem, Hint: "a time such as 30s, 10min or 1h"}
	}
	if e.Op != Number {
		return wrong(fmt.Sprintf("%s is no time", e))
	}
	seconds, err := e.Number.In("s")
	if err != nil || e.Number.Unit == "" {
		return wrong(fmt.Sprintf("%s is no time", e))
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
