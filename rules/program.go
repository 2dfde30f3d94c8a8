package rules

// program is a condition in postfix order. A number from 0 pushes the truth of
// that atom; the others join what was pushed before.
type program []instr

type instr int32

const (
	instrAnd instr = -1
	instrOr  instr = -2
	instrNot instr = -3
)

// stackSize is how many truth values an evaluation may hold at once; a
// condition nested more deeply is evaluated on a larger stack.
const stackSize = 64

func negated(p program) program { return append(append(program(nil), p...), instrNot) }

// eval works the condition out from the truth of the atoms.
func (p program) eval(truth []Truth) Truth {
	var fixed [stackSize]Truth
	stack := fixed[:0]
	for _, op := range p {
		n := len(stack)
		switch op {
		case instrAnd:
			stack[n-2] = and(stack[n-2], stack[n-1])
			stack = stack[:n-1]
		case instrOr:
			stack[n-2] = or(stack[n-2], stack[n-1])
			stack = stack[:n-1]
		case instrNot:
			stack[n-1] = not(stack[n-1])
		default:
			stack = append(stack, truth[op])
		}
	}
	return stack[0]
}

// and, or and not are those of Kleene: what is not known matters only where the
// other side leaves the answer open.
func and(a, b Truth) Truth {
	switch {
	case a == False || b == False:
		return False
	case a == True && b == True:
		return True
	default:
		return Unknown
	}
}

func or(a, b Truth) Truth { return not(and(not(a), not(b))) }

func not(t Truth) Truth {
	switch t {
	case True:
		return False
	case False:
		return True
	default:
		return Unknown
	}
}

func truthOf(b bool) Truth {
	if b {
		return True
	}
	return False
}
