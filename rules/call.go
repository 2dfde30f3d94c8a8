package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
)

// Functions that look back over time, with how they are written.
var lookBack = map[string]string{
	"rate":   "rate(temperature, 5min)",
	"mean":   "mean(pressure, 10min)",
	"usage":  "usage(volume, 30min), or with the value at which the total begins anew: usage(volume, 30min, 100000 m3)",
	"starts": "starts(run, 1h)",
}

// plainFunctions are those of package formula. min and max also look back, if the
// second of two parts is a time.
var plainFunctions = []string{"min", "max", "avg", "abs"}

// longestBack bounds what a window looks back: parts of a longer one would be
// hours.
const longestBack = 31 * 24 * time.Hour

// checkCall returns what is wrong with the call of a function, as far as the
// file alone shows it.
func checkCall(e *formula.Expr) *formula.Error {
	such, looks := lookBack[e.Name]
	switch {
	case looks && (len(e.Parts) == 2 || len(e.Parts) == 3 && e.Name == "usage"):
		return nil
	case looks:
		return &formula.Error{At: e.At, Problem: fmt.Sprintf("%s has %d parts", e.Name, len(e.Parts)), Hint: "such as " + such}
	case slices.Contains(plainFunctions, e.Name):
		return nil
	}
	return &formula.Error{At: e.At, Problem: fmt.Sprintf("there is no function %q", e.Name), Hint: "there are min, max, avg, abs, and over time rate, min, max, mean, usage and starts"}
}

// looksBack reports whether a call with resolved parts is about time.
func looksBack(e *formula.Expr) bool {
	if e.Op != formula.Call {
		return false
	}
	if _, ok := lookBack[e.Name]; ok {
		return true
	}
	return (e.Name == "min" || e.Name == "max") && len(e.Parts) == 2 && isTime(e.Parts[1])
}

func isTime(e *formula.Expr) bool {
	_, err := e.Duration()
	return err == nil
}

// feature returns the point that the call e of a function over time computes;
// r is e with its parts resolved.
func (s *scope) feature(e, r *formula.Expr, report gateway.Report) gateway.PointRef {
	source := s.reckon(e.Parts[0], report)
	if source == gateway.NoPoint {
		return gateway.NoPoint
	}
	made := s.newFeature(r, source)
	if made.err != nil {
		s.failed = true
		report("", fmt.Sprintf("%s: %v", e, made.err), strings.TrimPrefix(made.err.Hint+"; on facility "+string(s.facility.ID), "; "))
		return gateway.NoPoint
	}
	key := *r
	key.Parts = slices.Clone(r.Parts)
	key.Parts[0] = &formula.Expr{Op: formula.Name, Name: "#" + strconv.Itoa(int(source))}
	if ref := s.engine.findInner(key.String()); ref != gateway.NoPoint {
		return ref
	}
	p := innerPoint{key: key.String(), difference: made.difference, back: made.back, function: e.Name}
	p.Point = gateway.Point{Facility: s.facility.ID, Name: e.String(), Kind: gateway.Analog, Unit: made.unit, Period: s.engine.point(source).Period}
	n := node{feature: made.feature}
	n.Inputs = []gateway.PointRef{source}
	return s.engine.addInner(p, n)
}

// madeFeature is a feature with what is known of its value, or why there is none.
type madeFeature struct {
	feature    feature
	unit       string
	difference bool
	back       time.Duration
	err        *formula.Error
}

func (s *scope) newFeature(r *formula.Expr, source gateway.PointRef) (m madeFeature) {
	p := s.engine.point(source)
	m.unit, m.difference = p.Unit, s.engine.difference(source)
	if m.back, m.err = r.Parts[1].Duration(); m.err != nil {
		return m
	}
	if m.err = s.checkBack(r, p, m.back); m.err != nil {
		return m
	}
	kinds := map[string]windowKind{"min": windowMin, "max": windowMax, "mean": windowMean, "usage": windowUsage, "starts": windowStarts}
	rollover := 0.0
	switch {
	case r.Name == "rate":
		m.unit, m.difference = gateway.RateUnit(p.Unit), false
		if !gateway.ValidUnit(m.unit) {
			m.err = &formula.Error{At: r.At, Problem: fmt.Sprintf("%s is in %s, of which there is no rate", p.Name, p.Unit)}
		}
		m.feature = newSlope(m.back)
		return m
	case r.Name == "starts":
		m.unit = ""
	case len(r.Parts) == 3:
		if rollover, m.err = s.rollover(r.Parts[2], p); m.err != nil {
			return m
		}
	}
	m.feature = newWindow(kinds[r.Name], m.back, reach(p), rollover)
	return m
}

// reach returns for how long a value of a point holds: as long as it is not stale,
// or three times as long as the next one should take. That of a point which comes
// on events only holds for ever.
func reach(p *gateway.Point) time.Duration {
	if p.MaxAge > 0 {
		return p.MaxAge
	}
	return 3 * p.Period
}

// checkBack returns why a function cannot look at a point, or not over that time.
func (s *scope) checkBack(r *formula.Expr, p *gateway.Point, back time.Duration) *formula.Error {
	wrong := func(hint, format string, args ...any) *formula.Error {
		return &formula.Error{At: r.At, Problem: fmt.Sprintf(format, args...), Hint: hint}
	}
	values := 2
	switch r.Name {
	case "rate":
		values = 2 * (leastDots - 1) // so that half of them are missing before it is unknown
		if p.Kind == gateway.Counter {
			return wrong("take usage, or the point that tells the flow or power", "%s is a total, and one that begins anew has no rate", p.Name)
		}
	case "usage":
		if p.Kind != gateway.Counter {
			return wrong("usage is of a point of kind counter; of an amount take mean", "%s is no total", p.Name)
		}
	case "starts":
		if p.Kind != gateway.Discrete {
			return wrong("compare it: starts("+p.Name+" == …, 1h)", "%s is neither on nor off", p.Name)
		}
	}
	if (p.Kind == gateway.Enum || p.Kind == gateway.Bitset || p.Kind == gateway.Discrete) && r.Name != "starts" {
		return wrong("count how often it becomes true: starts(…, 1h)", "%s is no amount", p.Name)
	}
	least := max(time.Duration(values)*p.Period, time.Second)
	switch {
	case back < least:
		return wrong(fmt.Sprintf("at least %s", hold(least)), "%s is too short for %s: %d values are needed, and one comes each %s", r.Parts[1], p.Name, values, hold(p.Period))
	case back > longestBack:
		return wrong("a total that people look at is a matter of reports", "%s is too long: at most %s", r.Parts[1], hold(longestBack))
	}
	return nil
}

// rollover returns the value at which a total begins anew.
func (s *scope) rollover(e *formula.Expr, p *gateway.Point) (float64, *formula.Error) {
	if e.Op != formula.Number {
		return 0, &formula.Error{At: e.At, Problem: e.String() + " is no number", Hint: "the first value that the total cannot show, such as 100000 m3"}
	}
	v, err := e.Number.In(p.Unit)
	if err != nil {
		return 0, &formula.Error{At: e.At, Problem: err.Error()}
	}
	if v <= 0 {
		return 0, &formula.Error{At: e.At, Problem: fmt.Sprintf("a total does not begin anew at %s", e), Hint: "the first value that it cannot show, such as 100000 m3"}
	}
	return v, nil
}

func hold(d time.Duration) string { return Hold{Duration: d}.String() }
