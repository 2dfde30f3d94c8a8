// Package formula reads expressions over the points of a facility, and computes
// the points that are made from others by one.
//
// There is one grammar for what people write: the conditions of rules, which
// hold one point against a constant at a time, and the formulas of derived
// points, which may also reckon. A Derived carries the unknown through: a value
// that is not there is never taken for 0, and what decides an "and" or an "or"
// alone does so whatever the other side is. Every mistake is found when the
// formula is compiled, so that computing cannot fail; it allocates nothing and
// reads no clock.
package formula

import (
	"fmt"

	"github.com/intact-gateway/intact/gateway"
)

// Op is what an expression does with its parts.
type Op uint8

// The operators. Those of comparison stand together, and so do those of
// arithmetic.
const (
	Name   Op = iota // a point, or a state of the point on the left
	Number           // with its unit
	Param            // $name
	Bit              // one bit of the point Name
	In               // the first part is one of List
	Call             // the function Name of the parts
	Equal
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
	Add
	Sub
	Mul
	Div
	Neg
	Not
	And // of two parts or more
	Or
)

// Compares reports whether o compares two numbers.
func (o Op) Compares() bool { return o >= Equal && o <= GreaterEqual }

// String returns a comparison as it is written, and the number of any other
// operator.
func (o Op) String() string {
	for written, op := range comparisons {
		if op == o {
			return written
		}
	}
	return fmt.Sprintf("op(%d)", uint8(o))
}

// Expr is a parsed expression.
type Expr struct {
	Op     Op
	At     int // the character its operator or its only word begins at, from 1
	Parts  []*Expr
	Name   string // of a Name, a Bit or a Call; of a Param without the $
	Number gateway.Quantity
	Bit    int      // of a Bit, 0 the lowest
	List   []string // of an In: states or numbers
}

// Error is one mistake in an expression.
type Error struct {
	At      int // the character, from 1; 0 for the expression as a whole
	Problem string
	Hint    string // how to mend it; "" if the problem says it
}

// Error returns the place and the problem.
func (e *Error) Error() string {
	if e.At == 0 {
		return e.Problem
	}
	return fmt.Sprintf("character %d: %s", e.At, e.Problem)
}
