package rules

import (
	"fmt"
	"slices"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
)

// Feature is what rules know of a point over time, or of the clock.
type Feature struct {
	Facility gateway.FacilityID // "" for a time of day
	Written  string             // such as "rate(bearing_temp, 5 min)"
	Means    gateway.Text       // such as "slope of bearing_temp over 5 min"
	Unit     string             // of Value
	Back     time.Duration      // that it looks back; 0 for a time of day
	Bytes    int                // of memory, whatever comes
	Value    float64            // 1 or 0 for what is true or false; nothing unless Quality.HasValue
	Quality  gateway.Quality    // NotSeen until it is known for the first time
}

// Features returns all that rules look back at, each once, in the order in which
// the rules were compiled. It belongs to the goroutine of the engine.
func (e *Engine) Features() (all []Feature) {
	for i := range e.inners {
		if f, ok := e.feature(gateway.PointRef(e.outer + i)); ok {
			all = append(all, f)
		}
	}
	return all
}

// FeaturesOf returns what the instance numbered ref looks back at.
func (e *Engine) FeaturesOf(ref Ref) (all []Feature) {
	var seen []gateway.PointRef
	var visit func(point gateway.PointRef)
	visit = func(point gateway.PointRef) {
		if !e.inner(point) || slices.Contains(seen, point) {
			return
		}
		seen = append(seen, point)
		for _, input := range e.nodeOf(point).Inputs {
			visit(input)
		}
		if f, ok := e.feature(point); ok {
			all = append(all, f)
		}
	}
	in := &e.instances[ref]
	for _, s := range e.steps[in.first:in.end] {
		for _, op := range slices.Concat(s.when, s.reset, in.only) {
			if op >= 0 {
				visit(e.atoms[op].point)
			}
		}
	}
	return all
}

// feature returns the feature that an inner point is, if it is one.
func (e *Engine) feature(ref gateway.PointRef) (Feature, bool) {
	p, n := &e.inners[int(ref)-e.outer], e.nodeOf(ref)
	if n.feature == nil {
		return Feature{}, false
	}
	return Feature{
		Facility: p.Facility, Written: p.Name, Means: p.means, Unit: p.Unit, Back: p.back, Bytes: n.feature.size(),
		Value: e.latest[ref].Value, Quality: e.latest[ref].Quality,
	}, true
}

// meaning says in words what a function over time is: e as it is written, r with
// its params resolved.
func meaning(e, r *formula.Expr) gateway.Text {
	of, over := e.Parts[0].String(), r.Parts[len(r.Parts)-1].String()
	if r.Name == "usage" {
		over = r.Parts[1].String()
	}
	say := func(zh, en string) gateway.Text { return gateway.Text{ZH: zh, EN: en} }
	switch r.Name {
	case "rate":
		return say(of+" 在 "+over+" 内的变化速度", "slope of "+of+" over "+over)
	case "min":
		return say(of+" 在 "+over+" 内的最小值", "smallest "+of+" over "+over)
	case "max":
		return say(of+" 在 "+over+" 内的最大值", "largest "+of+" over "+over)
	case "mean":
		return say(of+" 在 "+over+" 内的平均值", "mean of "+of+" over "+over)
	case "usage":
		return say(of+" 在 "+over+" 内的增量", "growth of "+of+" over "+over)
	case "starts":
		return say(over+" 内 "+of+" 变为真的次数", "times that "+of+" became true in "+over)
	default:
		n, looks := r.Parts[1], r.Parts[2]
		return say(fmt.Sprintf("%s 内 %s 次查看中有 %s 次成立：%s", over, looks, n, of), fmt.Sprintf("%s of %s looks in %s at %s", n, looks, over, of))
	}
}
