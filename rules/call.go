package rules

import (
	"fmt"
	"slices"
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

	formula.Held: "held(flow > 1 m3/h, 4 of 6 in 1min)",
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
	case looks && len(e.Parts) == 4 && e.Name == formula.Held:
		return checkLooks(e)
	case looks:
		return &formula.Error{At: e.At, Problem: fmt.Sprintf("%s has %d parts", e.Name, len(e.Parts)), Hint: "such as " + such}
	case slices.Contains(plainFunctions, e.Name):
		return nil
	}
	return &formula.Error{At: e.At, Problem: fmt.Sprintf("there is no function %q", e.Name), Hint: "there are min, max, avg, abs, and over time rate, min, max, mean, usage, starts and held"}
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

// checkLooks returns what is wrong with the counts of held.
func checkLooks(e *formula.Expr) *formula.Error {
	n, of := e.Parts[1].Number.Value, e.Parts[2].Number.Value
	if n < 1 || n > of || of < 2 || of > mostLooks {
		return &formula.Error{At: e.At, Problem: fmt.Sprintf("%v of %v looks", n, of), Hint: fmt.Sprintf("2 to %d looks, of which 1 or more", mostLooks)}
	}
	return nil
}

// feature returns the point that the call e of a function over time computes;
// r is e with its parts resolved.
func (s *scope) feature(e, r *formula.Expr, report gateway.Report) gateway.PointRef {
	if err := checkCall(e); err != nil {
		return s.mistake(report, e, err)
	}
	source := s.reckon(e.Parts[0], report)
	if source == gateway.NoPoint {
		return gateway.NoPoint
	}
	p := innerPoint{means: meaning(e, r), difference: s.engine.difference(source)}
	p.Point = gateway.Point{Facility: s.facility.ID, Name: e.String(), Kind: gateway.Analog, Unit: s.engine.point(source).Unit, Period: s.engine.point(source).Period}
	f, err := p.feature(r, s.engine.point(source))
	if err != nil {
		return s.mistake(report, e, err)
	}
	key := *r
	key.Parts = slices.Clone(r.Parts)
	key.Parts[0] = &formula.Expr{Op: formula.Name, Name: s.engine.key(source)}
	p.key = key.String()
	if ref := s.engine.find(p.key); ref != gateway.NoPoint {
		return ref
	}
	n := node{feature: f}
	n.Inputs = []gateway.PointRef{source}
	return s.engine.addInner(p, n)
}

// feature makes the feature that the resolved call r of a function is of the point
// source, and completes p with what is known of its value.
func (p *innerPoint) feature(r *formula.Expr, source *gateway.Point) (f feature, err *formula.Error) {
	over := r.Parts[1]
	if r.Name == formula.Held {
		over = r.Parts[3]
	}
	if p.back, err = over.Duration(); err != nil {
		return nil, err
	}
	if err := suits(r.Name, source); err != nil {
		err.At = r.At
		return nil, err
	}
	values := 2
	switch kinds := map[string]windowKind{"min": windowMin, "max": windowMax, "mean": windowMean, "usage": windowUsage, "starts": windowStarts}; r.Name {
	case "rate":
		p.Unit, p.difference = gateway.RateUnit(source.Unit), false
		values = 2 * (leastDots - 1) // half of them may be missing
		f = newSlope(p.back)
	case formula.Held:
		p.Kind, p.Unit = gateway.Discrete, ""
		values = int(r.Parts[2].Number.Value) // a look for which nothing new has come says nothing new
		f = newLooks(int(r.Parts[1].Number.Value), values, p.back)
	default:
		rollover := 0.0
		if len(r.Parts) == 3 {
			if rollover, err = rolloverOf(r.Parts[2], source); err != nil {
				return nil, err
			}
		}
		f = newWindow(kinds[r.Name], p.back, reach(source), rollover)
	}
	switch least := max(time.Duration(values)*source.Period, time.Second); {
	case p.back < least:
		err = &formula.Error{At: over.At, Problem: fmt.Sprintf("%s is too short: %d values of %s are needed, and one comes each %s", over, values, source.Name, hold(source.Period)), Hint: "at least " + hold(least)}
	case p.back > longestBack:
		err = &formula.Error{At: over.At, Problem: fmt.Sprintf("%s is too long", over), Hint: "at most " + hold(longestBack) + "; what lasts longer is a matter of reports"}
	case !gateway.ValidUnit(p.Unit):
		err = &formula.Error{At: r.At, Problem: fmt.Sprintf("%s is in %s, of which there is no rate", source.Name, source.Unit)}
	}
	return f, err
}

// suits returns why a function over time cannot be of a point.
func suits(function string, p *gateway.Point) *formula.Error {
	switch truth := p.Kind == gateway.Discrete; function {
	case "starts", formula.Held:
		if !truth {
			return &formula.Error{Problem: p.Name + " is neither true nor false", Hint: "compare it, such as " + p.Name + " == …"}
		}
	case "usage":
		if p.Kind != gateway.Counter {
			return &formula.Error{Problem: p.Name + " is no total", Hint: "usage is of a point of kind counter; of an amount take mean"}
		}
	case "rate":
		if p.Kind == gateway.Counter {
			return &formula.Error{Problem: p.Name + " is a total, and one that begins anew has no rate", Hint: "take usage, or the point that tells the flow or power"}
		}
		fallthrough
	default:
		if p.Kind.Stepwise() {
			return &formula.Error{Problem: p.Name + " is no amount", Hint: "count how often it becomes true: starts(…, 1h)"}
		}
	}
	return nil
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

// rolloverOf returns the value at which a total begins anew.
func rolloverOf(e *formula.Expr, total *gateway.Point) (float64, *formula.Error) {
	const hint = "the first value that the total cannot show, such as 100000 m3"
	if e.Op != formula.Number {
		return 0, &formula.Error{At: e.At, Problem: e.String() + " is no number", Hint: hint}
	}
	v, err := e.Number.In(total.Unit)
	if err != nil {
		return 0, &formula.Error{At: e.At, Problem: err.Error(), Hint: hint}
	}
	if v <= 0 {
		return 0, &formula.Error{At: e.At, Problem: fmt.Sprintf("a total does not begin anew at %s", e), Hint: hint}
	}
	return v, nil
}

func hold(d time.Duration) string { return Hold{Duration: d}.String() }
