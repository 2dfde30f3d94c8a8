package formula

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/intact-gateway/intact/gateway"
)

// class is what can be done with a value.
type class uint8

const (
	number class = iota
	truth        // what a comparison or a join gives
	flag         // a discrete point: a truth, or a number 0 or 1
	code         // an enum or a bitset: can be compared, and means nothing as a number
)

// typ is what is known of a part of a formula.
type typ struct {
	class   class
	unit    string         // of a number; "" for none, or for one that products have made
	literal bool           // made of what is written in the formula alone
	point   *gateway.Point // that the part is; nil for none
	// difference is set of the difference of two amounts: where the scale of the
	// unit begins is no part of it.
	difference bool
}

// compiler turns an expression into a program.
type compiler struct {
	find  func(e *Expr) (gateway.PointRef, typ, *Error) // the point that a Name or a Bit names
	code  program
	depth int // of the stack, after code
	err   *Error
}

func (c *compiler) fail(e *Expr, hint, format string, args ...any) typ {
	if c.err == nil {
		c.err = &Error{At: e.At, Problem: fmt.Sprintf(format, args...), Hint: hint}
	}
	return typ{}
}

// Names yields the parts of e that may name a point; a Name may also be a state.
func (e *Expr) Names() iter.Seq[*Expr] {
	return func(yield func(*Expr) bool) { e.each(yield) }
}

func (e *Expr) each(yield func(*Expr) bool) bool {
	if (e.Op == Name || e.Op == Bit) && !yield(e) {
		return false
	}
	for _, part := range e.Parts {
		if !part.each(yield) {
			return false
		}
	}
	return true
}

// emit appends an instruction that changes the depth of the stack by grows.
func (c *compiler) emit(in instr, grows int) {
	c.code = append(c.code, in)
	if c.depth += grows; c.depth > stackSize && c.err == nil {
		c.err = &Error{Problem: "the formula is nested too deeply", Hint: "divide it into several derived points"}
	}
}

func (c *compiler) expr(e *Expr) typ {
	switch {
	case e.Op == Name:
		return c.name(e)
	case e.Op == Number:
		c.emit(instr{op: opConst, by: e.Number.Value}, 1)
		return typ{unit: e.Number.Unit, literal: true}
	case e.Op == Param:
		return c.fail(e, "write the number", "a formula has no params, so $%s says nothing", e.Name)
	case e.Op == Bit:
		return c.bit(e)
	case e.Op == In:
		return c.in(e)
	case e.Op == Call:
		return c.call(e)
	case e.Op.Compares():
		return c.compare(e)
	case e.Op == And || e.Op == Or || e.Op == Not:
		return c.join(e)
	case e.Op == Neg:
		t := c.number(e.Parts[0])
		c.emit(instr{op: opNeg}, 0)
		return typ{unit: t.unit, literal: t.literal, difference: t.difference}
	case e.Op == Mul || e.Op == Div:
		return c.product(e)
	default:
		return c.sum(e)
	}
}

func (c *compiler) name(e *Expr) typ {
	if e.Name == "true" || e.Name == "false" {
		c.emit(instr{op: opConst, by: bit(e.Name == "true")}, 1)
		return typ{class: flag, literal: true}
	}
	ref, t, err := c.find(e)
	if err != nil {
		if c.err == nil {
			c.err = err
		}
		return typ{}
	}
	c.emit(instr{op: opPoint, ref: ref}, 1)
	return t
}

func (c *compiler) bit(e *Expr) typ {
	t := c.name(e)
	switch {
	case c.err != nil:
	case t.point == nil:
		return c.fail(e, "", "%s has no bits", e.Name)
	case t.class != code:
		return c.fail(e, "say kind: bitset there", "%s has no bits", t.point.Name)
	}
	c.emit(instr{op: opBit, by: float64(e.Bit)}, 0)
	return typ{class: truth}
}

// in compares a point with each of a list.
func (c *compiler) in(e *Expr) typ {
	for i, word := range e.List {
		t := c.expr(e.Parts[0])
		if t.point == nil {
			return c.fail(e, "such as mode in [auto, manual]", "only a point can be in a list of states")
		}
		c.state(e, t.point, word)
		c.emit(instr{op: opEqual}, -1)
		if i > 0 {
			c.emit(instr{op: opOr}, -1)
		}
	}
	return typ{class: truth}
}

// state emits the number that word stands for as a value of p.
func (c *compiler) state(e *Expr, p *gateway.Point, word string) {
	v, ok := stateOf(p, word)
	if f, err := strconv.ParseFloat(word, 64); err == nil {
		v, ok = f, true
	}
	if !ok {
		var names []string
		for _, value := range slices.Sorted(maps.Keys(p.States)) {
			names = append(names, p.States[value].Name)
		}
		c.fail(e, "its states are "+strings.Join(names, ", "), "point %s has no state %q", p.Name, word)
	}
	c.emit(instr{op: opConst, by: v}, 1)
}

func stateOf(p *gateway.Point, word string) (float64, bool) {
	if p == nil {
		return 0, false
	}
	for value, s := range p.States {
		if s.Name == word {
			return float64(value), true
		}
	}
	return 0, false
}

var comparing = map[Op]opcode{
	Equal: opEqual, NotEqual: opNotEqual, Less: opLess, LessEqual: opLessEqual, Greater: opGreater, GreaterEqual: opGreaterEqual,
}

func (c *compiler) compare(e *Expr) typ {
	a, right := c.expr(e.Parts[0]), e.Parts[1]
	if _, isState := stateOf(a.point, right.Name); isState && right.Op == Name {
		c.state(right, a.point, right.Name)
	} else {
		c.comparable(e, a, c.expr(right))
	}
	c.emit(instr{op: comparing[e.Op]}, -1)
	return typ{class: truth}
}

// comparable brings b, which was emitted last, into the unit of a.
func (c *compiler) comparable(e *Expr, a, b typ) {
	switch isTruth := func(t typ) bool { return t.class == truth || t.class == flag }; {
	case c.err != nil:
	case a.literal && b.literal:
		c.fail(e, "compare a point", "two constants are compared")
	case isTruth(a) && isTruth(b):
		if e.Op != Equal && e.Op != NotEqual {
			c.fail(e, "compare them with == or !=", "a truth is not more or less than another one")
		}
	case a.class == truth || b.class == truth:
		c.fail(e, "", "a truth cannot be compared with a number")
	default:
		c.convert(e, a, b, false)
	}
}

// number emits a part that must be a number.
func (c *compiler) number(e *Expr) typ {
	t := c.expr(e)
	switch {
	case c.err != nil:
	case t.class == truth:
		return c.fail(e, "", "a truth cannot be reckoned with")
	case t.class == code:
		return c.fail(e, "compare it: "+t.point.Name+" == …", "%s is a code, with which nothing can be reckoned", t.point.Name)
	}
	return t
}

// convert turns b, which was emitted last, from its unit into that of a. A
// literal that is added is a difference, and so is what a difference is held
// against: five degrees more are five degrees more, wherever the scale begins.
func (c *compiler) convert(e *Expr, a, b typ, added bool) {
	if c.err != nil || a.unit == b.unit || a.unit == "" || b.unit == "" {
		return
	}
	zero, err := gateway.ConvertUnit(0, b.unit, a.unit)
	if err != nil {
		c.fail(e, "add and compare only amounts of one kind", "%v", err)
		return
	}
	one, _ := gateway.ConvertUnit(1, b.unit, a.unit)
	scale := instr{op: opScale, by: one - zero, plus: zero}
	if b.difference || b.literal && (added || a.difference) {
		scale.plus = 0
	}
	c.emit(scale, 0)
}

func (c *compiler) sum(e *Expr) typ {
	a := c.number(e.Parts[0])
	b := c.number(e.Parts[1])
	c.convert(e, a, b, true)
	op := opAdd
	if e.Op == Sub {
		op = opSub
	}
	c.emit(instr{op: op}, -1)
	t := typ{unit: cmp.Or(a.unit, b.unit), literal: a.literal && b.literal, difference: a.difference && b.difference}
	if e.Op == Sub && !a.literal && !b.literal {
		t.difference = a.difference == b.difference
	}
	return t
}

// product keeps the unit of what is multiplied with or divided by a plain
// number; of anything else it is for the point to say.
func (c *compiler) product(e *Expr) typ {
	a, b := c.number(e.Parts[0]), c.number(e.Parts[1])
	op, unit, difference := opMul, "", false
	if e.Op == Div {
		op = opDiv
	}
	switch {
	case b.unit == "" && (b.literal || b.class == flag):
		unit, difference = a.unit, a.difference
	case a.unit == "" && (a.literal || a.class == flag) && e.Op == Mul:
		unit, difference = b.unit, b.difference
	}
	if _, err := gateway.ConvertUnit(1, b.unit, a.unit); e.Op == Div && err == nil {
		c.convert(e, a, b, false) // a ratio of kW and W
	}
	c.emit(instr{op: op}, -1)
	return typ{unit: unit, literal: a.literal && b.literal, difference: difference}
}

// call emits min, max, avg or abs.
func (c *compiler) call(e *Expr) typ {
	ops := map[string]opcode{"min": opMin, "max": opMax, "avg": opAdd, "abs": opAbs}
	op, known := ops[e.Name]
	switch {
	case !known:
		return c.fail(e, "there are min, max, avg and abs", "there is no function %q", e.Name)
	case op == opAbs && len(e.Parts) > 1:
		return c.fail(e, "", "abs is of one number")
	}
	t := c.number(e.Parts[0])
	for _, part := range e.Parts[1:] {
		next := c.number(part)
		c.convert(part, t, next, false)
		c.emit(instr{op: op}, -1)
		difference := t.difference && (next.difference || next.literal) || t.literal && next.difference
		t = typ{unit: cmp.Or(t.unit, next.unit), literal: t.literal && next.literal, difference: difference}
	}
	switch e.Name {
	case "abs":
		c.emit(instr{op: opAbs}, 0)
	case "avg":
		c.emit(instr{op: opScale, by: 1 / float64(len(e.Parts))}, 0)
	}
	return typ{unit: t.unit, literal: t.literal, difference: t.difference}
}

func (c *compiler) join(e *Expr) typ {
	op := opAnd
	if e.Op == Or {
		op = opOr
	}
	for i, part := range e.Parts {
		switch t := c.expr(part); {
		case c.err != nil:
		case t.class != truth && t.class != flag:
			return c.fail(part, "compare it, such as x > 0", "a number is neither true nor false")
		case t.literal:
			return c.fail(part, "leave it out", "%s is no question", part.Name)
		}
		if i > 0 {
			c.emit(instr{op: op}, -1)
		}
	}
	if e.Op == Not {
		c.emit(instr{op: opNot}, 0)
	}
	return typ{class: truth}
}

// result returns the kind and unit of point p, whose formula is of type t.
func (c *compiler) result(t typ, p *gateway.Point) (gateway.Kind, string) {
	switch {
	case c.err != nil:
	case t.class == code:
		c.err = &Error{Problem: fmt.Sprintf("the formula is but the code %s", t.point.Name), Hint: "compare it: " + t.point.Name + " == …"}
	case t.class == truth || t.class == flag:
		if p.Unit != "" {
			c.err = &Error{Problem: "what is true or false has no unit " + p.Unit, Hint: "leave out unit"}
		}
		return gateway.Discrete, ""
	case p.Unit == "":
		return amount(p.Kind), t.unit
	default:
		whole := Expr{At: 0}
		c.convert(&whole, typ{unit: p.Unit}, t, false)
	}
	return amount(p.Kind), p.Unit
}

// amount returns the kind of a number: a total of totals is one, too.
func amount(k gateway.Kind) gateway.Kind {
	if k == gateway.Counter {
		return gateway.Counter
	}
	return gateway.Analog
}
