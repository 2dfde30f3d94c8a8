package rules

import (
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
)

// expr is a parsed condition. It is either a test or joins others.
type expr struct {
	join joinKind
	kids []*expr
	test test
}

type joinKind uint8

const (
	isTest joinKind = iota
	joinAnd
	joinOr
	joinNot
)

// test holds a point, or what is computed from points, against something.
type test struct {
	name  string        // of the point on the left side; "" if that is no name alone
	whole *formula.Expr // the comparison, or what is true or false by itself
	op    operator
	sum   []term   // of a comparison with constants
	list  []string // of op opIn: words or numbers
	bit   int      // of op opBit
}

// computes reports whether the left side is more than the name of a point.
func (t *test) computes() bool { return t.name == "" }

type operator uint8

const (
	opTrue operator = iota // the bare name of a discrete point
	opEqual
	opNotEqual
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opIn
	opBit
)

var operators = map[formula.Op]operator{
	formula.Equal: opEqual, formula.NotEqual: opNotEqual, formula.Less: opLess,
	formula.LessEqual: opLessEqual, formula.Greater: opGreater, formula.GreaterEqual: opGreaterEqual,
}

// orders reports whether o says which of two amounts is more.
func (o operator) orders() bool { return o >= opLess && o <= opGreaterEqual }

// term is one part of what a point is held against.
type term struct {
	minus    bool
	param    string // without the $
	word     string // true, false or the name of a state
	quantity gateway.Quantity
}

// parseExpr reads a condition: comparisons joined by and, or and not.
func parseExpr(s string) (*expr, error) {
	e, err := formula.Parse(s)
	if err != nil {
		return nil, err
	}
	return condition(e)
}

// parseSum reads a limit such as "$high - 2 V".
func parseSum(s string) ([]term, error) {
	e, err := formula.ParseSum(s)
	if err != nil {
		return nil, err
	}
	return terms(nil, e, false)
}

func condition(e *formula.Expr) (*expr, error) {
	joins := map[formula.Op]joinKind{formula.Not: joinNot, formula.And: joinAnd, formula.Or: joinOr}
	join, ok := joins[e.Op]
	if !ok {
		t, err := testOf(e)
		return &expr{test: t}, err
	}
	all := &expr{join: join}
	for _, part := range e.Parts {
		kid, err := condition(part)
		if err != nil {
			return nil, err
		}
		all.kids = append(all.kids, kid)
	}
	return all, nil
}

func testOf(e *formula.Expr) (t test, err error) {
	t.whole = e
	switch op, compares := operators[e.Op]; {
	case e.Op == formula.Name:
		t.name = e.Name
	case e.Op == formula.Call && e.Name == formula.Held:
	case e.Op == formula.Bit:
		t.name, t.op, t.bit = e.Name, opBit, e.Bit
	case e.Op == formula.In && e.Parts[0].Op == formula.Name:
		t.name, t.op, t.list = e.Parts[0].Name, opIn, e.List
	case compares:
		t.op = op
		if e.Parts[0].Op == formula.Name {
			t.name = e.Parts[0].Name
		}
		t.sum, _ = terms(nil, e.Parts[1], false)
	default:
		return t, &formula.Error{At: e.At, Problem: e.String() + " is neither true nor false", Hint: "compare it, such as x > 0"}
	}
	return t, nil
}

// terms appends the parts of a sum to dst.
func terms(dst []term, e *formula.Expr, minus bool) ([]term, error) {
	t := term{minus: minus}
	switch e.Op {
	case formula.Number:
		t.quantity = e.Number
	case formula.Param:
		t.param = e.Name
	case formula.Name:
		t.word = e.Name
	case formula.Neg:
		return terms(dst, e.Parts[0], !minus)
	case formula.Add, formula.Sub:
		dst, err := terms(dst, e.Parts[0], minus)
		if err != nil {
			return nil, err
		}
		return terms(dst, e.Parts[1], minus != (e.Op == formula.Sub))
	default:
		return nil, &formula.Error{At: e.At, Problem: e.String() + " is no constant", Hint: "a limit is a number with its unit, or $param with + or -"}
	}
	return append(dst, t), nil
}
