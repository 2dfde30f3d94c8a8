package rules

import (
	"slices"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
)

// innerPoint is a point that the engine computes for rules alone. It is numbered
// behind those of the site and lives in the same tables, so that comparisons,
// levels and holds know no difference. Nobody outside sees it.
type innerPoint struct {
	gateway.Point               // named as it is written
	key           string        // as Engine.key says: of two alike there is one
	difference    bool          // as in formula.Derived
	means         gateway.Text  // of a feature, in words
	back          time.Duration // that the function looks back
}

// node computes a point from others, by a formula or by a feature of what another
// point did over time.
type node struct {
	formula.Derived
	feature feature // nil for a formula; the only input is its source
	fresh   bool    // an input has a sample that has not been counted
	certain span    // within which the value of a feature is, although it is not known
}

// compute returns the new sample of a node.
func (e *Engine) compute(i int32) gateway.Sample {
	n := &e.derived.nodes[i]
	fresh := n.fresh
	n.fresh = false
	if n.feature == nil {
		return n.Sample(e.latest)
	}
	if fresh {
		n.feature.take(e.latest[n.Inputs[0]], e.now)
	}
	r := n.feature.read(e.now)
	n.certain = r.certain
	e.ticks.remove(i)
	if !r.next.IsZero() {
		e.ticks.add(i, max(r.next, e.now+1))
	}
	return gateway.Sample{Point: n.Point, Value: r.value, Quality: r.quality, At: e.now}
}

// tick computes all nodes that are due at one moment, and what is made from them.
func (e *Engine) tick(dst []Change, at gateway.Instant) []Change {
	for i, next, ok := e.ticks.first(); ok && next <= at; i, next, ok = e.ticks.first() {
		e.ticks.remove(i)
		e.derived.demand(i)
	}
	return e.derive(dst)
}

// inner reports whether a point is computed for rules alone.
func (e *Engine) inner(ref gateway.PointRef) bool { return int(ref) >= e.outer }

// point returns the point numbered ref, of the site or not.
func (e *Engine) point(ref gateway.PointRef) *gateway.Point {
	if e.inner(ref) {
		return &e.inners[int(ref)-e.outer].Point
	}
	return e.site.Point(ref)
}

// shown returns the point of the facility that stands for a point which is computed
// from it and others, or NoPoint.
func (s *scope) shown(ref gateway.PointRef) gateway.PointRef {
	for _, source := range s.engine.sources(ref) {
		if s.site.FacilityOf(source) == s.facility {
			return source
		}
	}
	return gateway.NoPoint
}

// difference reports whether a point is the difference of two amounts.
func (e *Engine) difference(ref gateway.PointRef) bool {
	return e.inner(ref) && e.inners[int(ref)-e.outer].difference
}

// key returns what names a point wherever it is written, and over restarts: of one
// of the site its full name, of an inner one what it is computed from, such as
// "rate(pump-1/bearing_temp, 5 min)".
func (e *Engine) key(ref gateway.PointRef) string {
	if e.inner(ref) {
		return e.inners[int(ref)-e.outer].key
	}
	return string(e.site.Point(ref).ID())
}

// find returns the point with a key, or NoPoint. It is for the compiler alone.
func (e *Engine) find(key string) gateway.PointRef {
	if ref, ok := e.site.Lookup(gateway.PointID(key)); ok {
		return ref
	}
	if ref, ok := e.innerAt[key]; ok {
		return ref
	}
	return gateway.NoPoint
}

// addInner adds a point that n computes, and returns its number.
func (e *Engine) addInner(p innerPoint, n node) gateway.PointRef {
	n.Point = gateway.PointRef(e.outer + len(e.inners))
	e.inners = append(e.inners, p)
	e.innerAt[p.key] = n.Point
	e.latest = append(e.latest, gateway.Sample{Point: n.Point})
	e.bands = append(e.bands, noBand)
	e.seen = append(e.seen, false)
	e.atomsOf = append(e.atomsOf, nil)
	e.instancesOf = append(e.instancesOf, nil)
	e.derived.feeds = append(e.derived.feeds, nil)
	e.addNode(n)
	return n.Point
}

// addNode has a point computed whenever an input of it is new.
func (e *Engine) addNode(n node) {
	d := &e.derived
	n.certain = anything
	for _, input := range n.Inputs {
		if d.feeds[input] == nil {
			d.feeds[input] = new(feed)
		}
		d.feeds[input].into = append(d.feeds[input].into, int32(len(d.nodes)))
	}
	d.nodes = append(d.nodes, n)
}

// linkReaders links every point of the site to the instances that look at it,
// by itself or through what is computed from it for them.
func (e *Engine) linkReaders() {
	e.readers = make([][]Ref, e.outer)
	for ref := range e.instancesOf {
		for _, source := range e.sources(gateway.PointRef(ref)) {
			for _, i := range e.instancesOf[ref] {
				if !slices.Contains(e.readers[source], i) {
					e.readers[source] = append(e.readers[source], i)
				}
			}
		}
	}
	for _, of := range e.readers {
		slices.Sort(of)
	}
}

// sources returns the points of the site that a point is made from, in the order
// in which they are written; of a point of the site itself.
func (e *Engine) sources(ref gateway.PointRef) (all []gateway.PointRef) {
	if !e.inner(ref) {
		return []gateway.PointRef{ref}
	}
	for _, input := range e.nodeOf(ref).Inputs {
		for _, source := range e.sources(input) {
			if !slices.Contains(all, source) {
				all = append(all, source)
			}
		}
	}
	return all
}

// nodeOf returns what computes an inner point.
func (e *Engine) nodeOf(ref gateway.PointRef) *node {
	first := len(e.derived.nodes) - len(e.inners)
	return &e.derived.nodes[first+int(ref)-e.outer]
}

// grow makes room for everything that may be due at one moment.
func (d *derivation) grow(instances int) {
	d.due = make([]int32, 0, len(d.nodes))
	d.told = make([]gateway.Sample, 0, len(d.nodes))
	d.waiting = make([]Ref, 0, instances)
}
