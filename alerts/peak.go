package alerts

import (
	"math"
	"slices"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// trip notes the value and the limit of a change that makes a active. What comes
// and goes keeps the peak of its earlier comings.
func (a *Alert) trip(c rules.Change) {
	a.Value, a.Limit, a.Trip, a.TripLimit = c.Value, c.Limit, c.Value, c.Limit
	if math.IsNaN(a.Peak) && c.Value != c.Limit && !math.IsNaN(c.Limit) {
		a.Peak = c.Value
	}
	a.reach(c.Value)
}

// reach notes that the value of a's point is v: its peak is the one farthest
// beyond the limit, on the side on which it was raised.
func (a *Alert) reach(v float64) {
	if a.Trip > a.TripLimit && v > a.Peak || a.Trip < a.TripLimit && v < a.Peak {
		a.Peak = v
	}
}

// Observe follows the values of the points whose alerts are active. What it notes is written with the next event of the
// alert, at the latest when it returns.
func (b *Book) Observe(samples []gateway.Sample) {
	for i := range samples {
		s := &samples[i]
		if !s.Quality.HasValue() {
			continue
		}
		for _, e := range b.peaks[s.Point] {
			if e.Phase != rules.Normal {
				e.reach(s.Value)
			}
		}
	}
}

// follow lets Observe know of e, if its value can be better or worse.
func (b *Book) follow(e *entry) {
	if ref, ok := b.site.Lookup(e.Point); ok && !math.IsNaN(e.Peak) {
		b.peaks[ref] = append(b.peaks[ref], e)
	}
}

// unfollow undoes follow.
func (b *Book) unfollow(e *entry) {
	if ref, ok := b.site.Lookup(e.Point); ok {
		b.peaks[ref] = slices.DeleteFunc(b.peaks[ref], func(x *entry) bool { return x == e })
	}
}
