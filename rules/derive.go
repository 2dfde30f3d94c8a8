package rules

import (
	"slices"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
)

// derivation computes points from others. It costs nothing for points that
// nothing is derived from: those that something is derived from have no band, so
// that every sample of theirs gets the closer look, and only that comes here.
//
// What comes at one moment counts together. A device tells the currents of three
// phases in one answer; with the new one of the first and the old ones of the
// others the phases would be out of balance for an instant. The instances that
// look at an input wait, too, so that none sees a new input beside an old
// derived value.
type derivation struct {
	nodes []node  // each after those it is made from
	feeds []*feed // by PointRef, nil for a point that nothing is derived from

	// Between two calls of Observe the rest is empty but for told.
	at      gateway.Instant // of the samples that were taken last
	taken   []*feed         // that have a fresh sample
	due     []int32         // what has to be computed, in the order of nodes
	waiting []Ref           // what has to be weighed then
	told    []gateway.Sample
}

// feed is what is derived from one point.
type feed struct {
	into  []int32 // in the order of nodes
	fresh bool    // its newest sample has not been counted yet
}

// Derived returns the samples of derived points that the last call of Observe
// has computed, in their order. They are in the latest table already, and are
// only lent.
func (e *Engine) Derived() []gateway.Sample { return e.derived.told }

// addDerived compiles the formulas of a site. One with a mistake, which whoever
// read the formula has reported, is left out: its point never has a value.
func (e *Engine) addDerived(site *gateway.Site) {
	for i := range site.Facilities() {
		first, _ := site.PointsOf(i)
		for _, made := range formula.Compile(site.Facilities()[i].Points, first, func(int, *formula.Error) {}) {
			e.addNode(node{Derived: made})
		}
	}
}

// take notes that a point has a new sample of the moment at.
func (d *derivation) take(f *feed, at gateway.Instant) {
	d.at = at
	if !f.fresh {
		f.fresh = true
		d.taken = append(d.taken, f)
	}
	d.need(f)
}

// need makes everything due that is made from a point.
func (d *derivation) need(f *feed) {
	for _, i := range f.into {
		d.nodes[i].fresh = true
		d.demand(i)
	}
}

// demand makes a node due.
func (d *derivation) demand(i int32) {
	if k, already := slices.BinarySearch(d.due, i); !already {
		d.due = slices.Insert(d.due, k, i)
	}
}

// wait has an instance weighed once everything derived is up to date.
func (e *Engine) wait(ref Ref) {
	if in := &e.instances[ref]; !in.waits {
		in.waits = true
		e.derived.waiting = append(e.derived.waiting, ref)
	}
}

// derive computes what is due and weighs the instances that waited for it.
func (e *Engine) derive(dst []Change) []Change {
	d := &e.derived
	for len(d.due) > 0 {
		i := d.due[0]
		d.due = slices.Delete(d.due, 0, 1)
		s := e.compute(i)
		if s.Quality == gateway.NotSeen && d.nodes[i].feature == nil {
			continue // as long as an input is missing nothing has come
		}
		e.latest[s.Point] = s
		if !e.inner(s.Point) {
			d.told = append(d.told, s)
		}
		if f := d.feeds[s.Point]; f != nil {
			d.need(f)
		}
		if e.judge(s) {
			for _, ref := range e.instancesOf[s.Point] {
				e.wait(ref)
			}
		}
	}
	for _, f := range d.taken {
		f.fresh = false
	}
	d.taken = d.taken[:0]
	for _, ref := range d.waiting {
		e.instances[ref].waits = false
		dst = e.weigh(dst, ref)
	}
	d.waiting = d.waiting[:0]
	return dst
}
