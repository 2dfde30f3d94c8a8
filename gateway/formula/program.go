package formula

import (
	"math"

	"github.com/intact-gateway/intact/gateway"
)

// program is a formula in postfix order.
type program []instr

type opcode uint8

const (
	opPoint opcode = iota // push the point ref
	opConst               // push by
	opScale               // value*by + plus
	opNeg
	opAbs
	opBit // bit number by
	opNot
	opAdd // this one and the following take two values
	opSub
	opMul
	opDiv
	opMin
	opMax
	opEqual
	opNotEqual
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opAnd
	opOr
)

type instr struct {
	op       opcode
	ref      gateway.PointRef
	by, plus float64
}

// stackSize is how many values a formula may hold at once.
const stackSize = 64

// value is a number, or a truth as 1 or 0, and how far it can be trusted.
type value struct {
	v float64
	q gateway.Quality
}

// run computes the program from the latest table.
func (p program) run(latest []gateway.Sample) (float64, gateway.Quality) {
	var stack [stackSize]value
	n := 0 // values on the stack
	for i := range p {
		switch in := &p[i]; {
		case in.op == opPoint:
			s := &latest[in.ref]
			stack[n] = finite(value{s.Value, s.Quality})
			n++
		case in.op == opConst:
			stack[n] = value{in.by, gateway.Good}
			n++
		case in.op < opAdd:
			stack[n-1] = in.one(stack[n-1])
		default:
			n--
			stack[n-1] = in.two(stack[n-1], stack[n])
		}
	}
	if !stack[0].q.HasValue() {
		return 0, stack[0].q
	}
	return stack[0].v, stack[0].q
}

// one applies an instruction to one value.
func (in *instr) one(a value) value {
	switch in.op {
	case opScale:
		a.v = a.v*in.by + in.plus
	case opNeg:
		a.v = -a.v
	case opAbs:
		a.v = math.Abs(a.v)
	case opBit:
		a.v = float64(uint64(int64(a.v)) >> uint(in.by) & 1)
	case opNot:
		a.v = bit(a.v == 0)
	}
	return finite(a)
}

// two applies an instruction to two values.
func (in *instr) two(a, b value) value {
	switch in.op {
	case opAnd:
		return and(a, b)
	case opOr:
		return not(and(not(a), not(b)))
	}
	r := value{q: worse(a.q, b.q)}
	switch in.op {
	case opAdd:
		r.v = a.v + b.v
	case opSub:
		r.v = a.v - b.v
	case opMul:
		r.v = a.v * b.v
	case opDiv:
		r.v = a.v / b.v
	case opMin:
		r.v = min(a.v, b.v)
	case opMax:
		r.v = max(a.v, b.v)
	case opEqual:
		r.v = bit(a.v == b.v)
	case opNotEqual:
		r.v = bit(a.v != b.v)
	case opLess:
		r.v = bit(a.v < b.v)
	case opLessEqual:
		r.v = bit(a.v <= b.v)
	case opGreater:
		r.v = bit(a.v > b.v)
	case opGreaterEqual:
		r.v = bit(a.v >= b.v)
	}
	return finite(r)
}

// finite turns what is no number, such as a quotient by 0, into a bad value: a
// comparison would take infinity for large.
func finite(a value) value {
	if a.q.HasValue() && (math.IsNaN(a.v) || math.IsInf(a.v, 0)) {
		return value{q: gateway.BadUndefined}
	}
	return a
}

// worse returns the quality of what two values make. Of two that are not there
// it is the reason of the first, unless that has only not come yet.
func worse(a, b gateway.Quality) gateway.Quality {
	switch {
	case a.HasValue() && b.HasValue():
		return max(a, b) // Uncertain is above Good
	case a.HasValue() || a == gateway.NotSeen && !b.HasValue():
		return b
	default:
		return a
	}
}

// and is that of Kleene: one false side decides, whatever the other one is. Two
// false sides can be trusted as far as the better of them.
func and(a, b value) value {
	aFalse, bFalse := a.q.HasValue() && a.v == 0, b.q.HasValue() && b.v == 0
	switch {
	case aFalse && bFalse:
		return value{0, min(a.q, b.q)}
	case aFalse:
		return a
	case bFalse:
		return b
	default:
		return value{1, worse(a.q, b.q)}
	}
}

func not(a value) value {
	a.v = bit(a.v == 0)
	return a
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
