package rules

import (
	"fmt"
	"strings"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
)

// pointsNamed returns the points that a rule on facility f means by name: those
// of f with that role or, if none has it, the one of that name. "peer(ID).name"
// means those of facility ID, and "parent.name" those of the lines that f is
// reached through.
func pointsNamed(site *gateway.Site, f *gateway.Facility, name string) (refs []gateway.PointRef) {
	if id, rest, ok := peerOf(name); ok {
		if f = site.Facility(id); f == nil {
			return nil
		}
		name = rest
	} else if rest, ok := strings.CutPrefix(name, "parent."); ok {
		for _, line := range f.Lines {
			if f := site.Facility(line); f != nil {
				refs = append(refs, pointsNamed(site, f, rest)...)
			}
		}
		return refs
	}
	if name == "" {
		return nil // a point without a role has none
	}
	byName := gateway.NoPoint
	first, _ := site.PointsOf(site.FacilityIndex(f.ID))
	for i := range f.Points {
		switch ref := first + gateway.PointRef(i); name {
		case f.Points[i].Role:
			refs = append(refs, ref)
		case f.Points[i].Name:
			byName = ref
		}
	}
	if refs == nil && byName != gateway.NoPoint {
		return []gateway.PointRef{byName}
	}
	return refs
}

// peerOf takes a name such as "peer(pump-2).flow" apart.
func peerOf(name string) (gateway.FacilityID, string, bool) {
	rest, ok := strings.CutPrefix(name, "peer(")
	if !ok {
		return "", "", false
	}
	id, rest, ok := strings.Cut(rest, ").")
	return gateway.FacilityID(id), rest, ok
}

func (s *scope) points(name string) []gateway.PointRef { return pointsNamed(s.site, s.facility, name) }

// peers looks for facilities that an expression names. A rule does not apply to
// a facility that it holds others against.
func (s *scope) peers(e *formula.Expr, report gateway.Report) {
	for n := range e.Names() {
		switch id, _, ok := peerOf(n.Name); {
		case !ok:
		case id == s.facility.ID:
			s.missing = true
		case s.site.Facility(id) == nil:
			s.failed = true
			report("", fmt.Sprintf("character %d: there is no facility %q", n.At, id), nearest(string(id), s.site))
		}
	}
}

// nearest is the hint for the id of a facility that does not exist.
func nearest(id string, site *gateway.Site) string {
	const most = 8
	var ids []string
	for _, f := range site.Facilities() {
		if strings.HasPrefix(string(f.ID), id[:1]) {
			ids = append(ids, string(f.ID))
		}
	}
	if ids == nil {
		return "peer(ID).point names a facility of the site file"
	}
	return "one of " + strings.Join(ids[:min(most, len(ids))], ", ")
}

// subject returns the point that a test is about and how it is held against the
// right side. One side that is computed is a point of its own; where both sides
// name points it is the whole comparison that is.
func (s *scope) subject(t *test, report gateway.Report) (gateway.PointRef, operator) {
	s.peers(t.whole, report)
	if s.missing || s.failed {
		return gateway.NoPoint, t.op
	}
	compares := t.whole.Op.Compares()
	switch {
	case compares && s.varies(t):
		return s.reckon(t.whole, report), opTrue
	case compares && t.computes():
		return s.reckon(t.whole.Parts[0], report), t.op
	case t.computes():
		return s.reckon(t.whole, report), t.op
	}
	return s.one(t.name, report), t.op
}

// one returns the one point that a name means; if there is none the rule does not
// apply to the facility.
func (s *scope) one(name string, report gateway.Report) gateway.PointRef {
	switch refs := s.points(name); len(refs) {
	case 0:
		s.missing = true
	case 1:
		return refs[0]
	default:
		s.fail(report, "%q means %d points of the facility", name, len(refs))
	}
	return gateway.NoPoint
}

// varies reports whether the right side of a comparison is no constant. A word
// there is a state of the point on the left side or else a point.
func (s *scope) varies(t *test) bool {
	if t.sum == nil {
		return true
	}
	left := s.points(t.name)
	stateless := len(left) == 1 && s.site.Point(left[0]).States == nil
	for _, term := range t.sum {
		switch {
		case term.word == "" || term.word == "true" || term.word == "false":
		case len(left) == 1 && hasState(s.site.Point(left[0]), term.word):
		case t.computes() || len(s.points(term.word)) > 0 || stateless && t.op.orders():
			return true
		}
	}
	return false
}

func hasState(p *gateway.Point, word string) bool {
	for _, state := range p.States {
		if state.Name == word {
			return true
		}
	}
	return false
}

// value returns the point that the text of a value: computes, or NoPoint.
func (s *scope) value(text string, report gateway.Report) gateway.PointRef {
	e, err := formula.ParseSum(text)
	if err != nil {
		s.fail(report, "%q: %v", text, err)
		return gateway.NoPoint
	}
	if s.peers(e, report); s.missing || s.failed {
		return gateway.NoPoint
	}
	ref := s.reckon(e, report)
	if ref != gateway.NoPoint && s.engine.point(ref).Kind.Stepwise() {
		s.fail(report, "%s is no amount, so it has no levels", e)
		return gateway.NoPoint
	}
	return ref
}

// reckon returns the point that e computes, or NoPoint if it cannot be.
func (s *scope) reckon(e *formula.Expr, report gateway.Report) gateway.PointRef {
	r := s.resolve(e, report)
	if s.missing || s.failed {
		return gateway.NoPoint
	}
	if ref := s.engine.find(r.String()); ref != gateway.NoPoint {
		return ref
	}
	d, err := formula.Inline(r, s.operand)
	switch {
	case s.missing:
		return gateway.NoPoint
	case err != nil:
		return s.mistake(report, e, err)
	}
	p := innerPoint{key: r.String(), difference: d.Difference}
	p.Point = gateway.Point{Facility: s.facility.ID, Name: e.String(), Kind: d.Kind, Unit: d.Unit, Period: d.Period}
	return s.engine.addInner(p, node{Derived: d})
}

// mistake reports what is wrong with e on the facility, which has no point then.
func (s *scope) mistake(report gateway.Report, e *formula.Expr, err *formula.Error) gateway.PointRef {
	s.failed = true
	report("", fmt.Sprintf("%s: %v", e, err), strings.TrimPrefix(err.Hint+"; on facility "+string(s.facility.ID), "; "))
	return gateway.NoPoint
}

// resolve returns e with its params replaced by what they are here, and each name
// of a point by its key: two rules may mean the same point by different names, and
// the same name means another one elsewhere. So the text of the result says what is
// computed, wherever it is written.
func (s *scope) resolve(e *formula.Expr, report gateway.Report) *formula.Expr {
	if s.missing || s.failed {
		return e
	}
	r := *e
	r.Parts = make([]*formula.Expr, len(e.Parts))
	for i, part := range e.Parts {
		r.Parts[i] = s.resolve(part, report)
	}
	switch {
	case looksBack(&r):
		ref := s.feature(e, &r, report)
		if ref == gateway.NoPoint {
			return e
		}
		return &formula.Expr{Op: formula.Name, At: e.At, Name: s.engine.key(ref)}
	case e.Op == formula.Param:
		q, ok := s.param(e.Name)
		if !ok {
			s.fail(report, "unknown param $%s", e.Name)
		}
		r.Op, r.Number = formula.Number, q
	case e.Op == formula.Name || e.Op == formula.Bit:
		if refs := s.points(e.Name); len(refs) == 1 {
			r.Name = s.engine.key(refs[0])
		}
	case e.Op.Compares() && e.Parts[1].Op == formula.Name:
		if ref := s.engine.find(r.Parts[0].Name); ref != gateway.NoPoint && hasState(s.engine.point(ref), e.Parts[1].Name) {
			r.Parts[1] = e.Parts[1]
		}
	}
	return &r
}

// operand finds the point that a resolved Name or Bit is.
func (s *scope) operand(e *formula.Expr) (formula.Operand, *formula.Error) {
	ref := s.engine.find(e.Name)
	if ref == gateway.NoPoint {
		if n := len(s.points(e.Name)); n > 1 {
			return formula.Operand{}, &formula.Error{At: e.At, Problem: fmt.Sprintf("%q means %d points of the facility", e.Name, n)}
		}
		s.missing = true
		return formula.Operand{}, &formula.Error{At: e.At, Problem: "no such point"}
	}
	return formula.Operand{Ref: ref, Point: s.engine.point(ref), Difference: s.engine.difference(ref)}, nil
}
