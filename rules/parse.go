package rules

import (
	"fmt"

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

// test holds one point against something.
type test struct {
	name string
	op   operator
	sum  []term   // of a comparison
	list []string // of op opIn: words or numbers
	bit  int      // of op opBit
}

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

// term is one part of what a point is held against.
type term struct {
	minus    bool
	param    string // without the $
	word     string // true, false or the name of a state
	quantity gateway.Quantity
}

// parseExpr reads a condition: comparisons of one point with a constant each,
// joined by and, or and not. For each the engine knows within which band of
// values it stays as it is, which a sum of points does not have.
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
	switch op, compares := operators[e.Op]; {
	case e.Op == formula.Name:
		return test{name: e.Name}, nil
	case e.Op == formula.Bit:
		return test{name: e.Name, op: opBit, bit: e.Bit}, nil
	case e.Op == formula.In && e.Parts[0].Op == formula.Name:
		return test{name: e.Parts[0].Name, op: opIn, list: e.List}, nil
	case compares && e.Parts[0].Op == formula.Name:
		t = test{name: e.Parts[0].Name, op: op}
		t.sum, err = terms(nil, e.Parts[1], false)
		return t, err
	case compares || e.Op == formula.In:
		e = e.Parts[0]
	}
	return t, reckons(e)
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
		return nil, reckons(e)
	}
	return append(dst, t), nil
}

// reckons is the error of a rule that computes something.
func reckons(e *formula.Expr) error {
	return fmt.Errorf("character %d: a rule holds one point against a constant; let a derived point compute, under derive: in the profile", e.At)
}
