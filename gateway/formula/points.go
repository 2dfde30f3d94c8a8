package formula

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Derived is a point that is computed from others of its facility.
type Derived struct {
	Point  gateway.PointRef
	Inputs []gateway.PointRef // measured or derived points, each once
	Kind   gateway.Kind
	Unit   string
	Period time.Duration // how often a new sample is expected; 0 if an input comes on events only
	// Difference is set of the difference of two amounts, such as 5 degC less:
	// where the scale of Unit begins is no part of it.
	Difference bool
	code       program
}

// Compile compiles the formulas among the points of one facility, which are
// numbered from first on. What it returns is in the order in which it has to be
// computed. A mistake goes to report with the index of its point, which is left
// out, as are those that are made from it.
func Compile(points []gateway.Point, first gateway.PointRef, report func(point int, err *Error)) []Derived {
	s := sorter{points: points, first: first, report: report}
	for i := range points {
		if points[i].Formula != "" {
			s.visit(i)
		}
	}
	return s.done
}

// Complete fills in what formulas say of their points: kind and period, and the
// unit where none is given. Formulas with mistakes are left as they are.
func Complete(points []gateway.Point) {
	for _, d := range Compile(points, 0, func(int, *Error) {}) {
		p := &points[d.Point]
		p.Kind, p.Unit, p.Period = d.Kind, d.Unit, d.Period
	}
}

// Sample computes the point from the latest table. It is as new as the newest of
// its inputs, and of quality NotSeen until what it needs has come.
func (d *Derived) Sample(latest []gateway.Sample) gateway.Sample {
	s := gateway.Sample{Point: d.Point}
	for _, ref := range d.Inputs {
		s.At = max(s.At, latest[ref].At)
	}
	s.Value, s.Quality = d.code.run(latest)
	return s
}

// sorter compiles formulas each after those that it is made from.
type sorter struct {
	points []gateway.Point
	first  gateway.PointRef
	report func(point int, err *Error)
	done   []Derived
	state  []visit
	path   []int // the formulas that are being compiled, each for the one before
}

type visit uint8

const (
	unvisited visit = iota
	begun
	compiled
	failed
)

// visit compiles the formula of point i. It returns false if that cannot be
// computed.
func (s *sorter) visit(i int) bool {
	if s.state == nil {
		s.state = make([]visit, len(s.points))
	}
	if s.state[i] != unvisited {
		return s.state[i] == compiled
	}
	s.state[i] = begun
	s.path = append(s.path, i)
	d, err := s.compile(i)
	s.path = s.path[:len(s.path)-1]
	if err != nil {
		s.report(i, err)
	}
	if d == nil {
		s.state[i] = failed
		return false
	}
	s.state[i] = compiled
	s.done = append(s.done, *d)
	return true
}

// compile returns nil without an error if an input cannot be computed, which has
// been reported.
func (s *sorter) compile(i int) (*Derived, *Error) {
	e, err := Parse(s.points[i].Formula)
	if err != nil {
		return nil, err.(*Error)
	}
	d := &Derived{Point: s.first + gateway.PointRef(i)}
	c := compiler{find: s.find}
	sound := true
	for n := range e.Names() {
		j := s.index(n.Name)
		switch {
		case j < 0:
			continue // perhaps a state: for the compiler to say
		case s.points[j].Formula != "" && !s.visit(j):
			if err := s.circle(i, j, n); err != nil {
				return nil, err
			}
			sound = false
		}
		if ref := s.first + gateway.PointRef(j); !slices.Contains(d.Inputs, ref) {
			d.Inputs = append(d.Inputs, ref)
		}
	}
	if !sound {
		return nil, nil
	}
	t := c.expr(e)
	d.Kind, d.Unit = c.result(t, &s.points[i])
	d.Difference = t.difference
	if c.err != nil {
		return nil, c.err
	}
	if len(d.Inputs) == 0 {
		return nil, &Error{Problem: "the formula names no point", Hint: "such as a + b"}
	}
	d.code, d.Period = c.code, s.period(d.Inputs)
	return d, nil
}

// index returns the index of the point called name, or -1.
func (s *sorter) index(name string) int {
	return slices.IndexFunc(s.points, func(p gateway.Point) bool { return p.Name == name })
}

// find returns the point that a part of a formula names, which has been compiled
// if it has a formula.
func (s *sorter) find(e *Expr) (gateway.PointRef, typ, *Error) {
	i := s.index(e.Name)
	if i < 0 {
		return gateway.NoPoint, typ{}, &Error{At: e.At, Problem: fmt.Sprintf("there is no point %q", e.Name), Hint: "the points of the facility are " + s.pointNames()}
	}
	return s.first + gateway.PointRef(i), s.typeOf(i), nil
}

// pointNames lists the points that a formula may name.
func (s *sorter) pointNames() string {
	const most = 12
	var names []string
	for i := range s.points {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, s.points[i].Name)
	}
	return strings.Join(names, ", ")
}

// circle returns the error of a formula that is made from itself: point j,
// which n names, is being compiled already.
func (s *sorter) circle(i, j int, n *Expr) *Error {
	k := slices.Index(s.path, j)
	if k < 0 {
		return nil
	}
	var names []string
	for _, p := range append(slices.Clone(s.path[k:]), j) {
		names = append(names, s.points[p].Name)
	}
	return &Error{At: n.At, Problem: fmt.Sprintf("%s is made from itself: %s", s.points[i].Name, strings.Join(names, " from ")), Hint: "one of them must be measured"}
}

// typeOf returns the type of point i, whose formula, if it has one, has been
// compiled.
func (s *sorter) typeOf(i int) typ {
	p := &s.points[i]
	for k := range s.done {
		if d := &s.done[k]; d.Point == s.first+gateway.PointRef(i) {
			return typeOf(p, d.Kind, d.Unit, d.Difference)
		}
	}
	return typeOf(p, p.Kind, p.Unit, false)
}

// typeOf returns the type of a point of that kind and unit.
func typeOf(p *gateway.Point, kind gateway.Kind, unit string, difference bool) typ {
	switch kind {
	case gateway.Discrete:
		return typ{class: flag, point: p}
	case gateway.Enum, gateway.Bitset:
		return typ{class: code, point: p}
	default:
		return typ{class: number, unit: unit, point: p, difference: difference}
	}
}

// period returns that of the slowest input, or 0 if one comes on events only.
func (s *sorter) period(inputs []gateway.PointRef) (slowest time.Duration) {
	for _, ref := range inputs {
		period := s.points[ref-s.first].Period
		for k := range s.done {
			if s.done[k].Point == ref {
				period = s.done[k].Period
			}
		}
		if period == 0 {
			return 0
		}
		slowest = max(slowest, period)
	}
	return slowest
}
