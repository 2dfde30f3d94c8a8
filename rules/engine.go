package rules

import (
	"math"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Engine holds samples against rules. It belongs to one goroutine, reads no
// clock, and allocates nothing once it is made.
//
// For each point it keeps the band of values within which no comparison on the
// point changes its truth. A sample inside the band costs two comparisons,
// however many rules look at the point; only a sample outside it, or one of bad
// quality, is looked at more closely.
type Engine struct {
	site   *gateway.Site
	latest []gateway.Sample // by PointRef
	bands  []band           // by PointRef
	seen   []bool           // by PointRef: a sample has come, good or bad
	atoms  []atom
	truth  []Truth // by atom

	atomsOf     [][]int32 // atoms by PointRef
	instancesOf [][]Ref   // instances by PointRef
	atomAt      map[atomKey]int32

	instances []instance
	list      []Instance
	steps     []step
	byKey     map[string]Ref
	unmatched []string

	derived derivation
	outer   int                         // points that the site has; those behind them are computed for rules alone
	inners  []innerPoint                // by PointRef less outer
	innerAt map[string]gateway.PointRef // by key, while rules are compiled
	readers [][]Ref                     // by PointRef of the site: the instances that look at it, also through an inner point
	keeping keeping

	timers timers // of steps, until the end of a hold or clear_after
	ticks  timers // of nodes, until their value may be another by itself
	now    gateway.Instant
	begun  bool // the time is known, and what goes by the clock has been looked at
}

// band is where a value may lie without changing anything.
type band struct{ lo, hi float64 }

// noBand lets every sample through to the closer look.
var noBand = band{lo: math.Inf(1), hi: math.Inf(-1)}

// atom is one comparison of one point with one number, shared by all rules.
type atom struct {
	op    operator
	point gateway.PointRef
	value float64
}

type atomKey atom

type badData uint8

const (
	badKeeps badData = iota
	badAlarms
	badClears
)

// instance is one rule on one facility: what it looks at and where it stands.
type instance struct {
	rule       *Rule
	point      gateway.PointRef
	only       program // nil for always
	clearAfter time.Duration
	minActive  time.Duration
	badData    badData
	first, end int32 // its steps
	pack, spec int   // where it is written
	unseen     int32 // points of which no sample has come yet: not even a bad one

	phase    Phase
	severity Severity
	stale    bool
	resets   bool // a person ends the latch
	waits    bool // until what is derived from its inputs is known, too
	touched  bool // it may stand otherwise than was last kept
}

// step is one level of a rule, each with a small machine of its own; a rule
// without levels has one.
type step struct {
	when, reset program
	severity    Severity
	limit       float64
	hold        time.Duration
	owner       Ref

	phase    Phase
	began    gateway.Instant // first sample of the fault
	ended    gateway.Instant // first sample without it
	active   gateway.Instant // when hold had passed
	deadline gateway.Instant // of hold or clear_after; 0 while none runs
	left     time.Duration   // of a hold that stands still while nothing is known
	bridge   gateway.Instant // deadline of a hold that a restart cut short; 0 once its inputs are known again
	paused   bool
	unknown  bool
	judged   bool // its condition has been known since the start
}

func newEngine(site *gateway.Site) *Engine {
	e := &Engine{
		site:        site,
		outer:       site.Len(),
		keeping:     keeping{kept: make(map[Ref]State)},
		derived:     derivation{feeds: make([]*feed, site.Len())},
		latest:      make([]gateway.Sample, site.Len()),
		bands:       make([]band, site.Len()),
		seen:        make([]bool, site.Len()),
		atomsOf:     make([][]int32, site.Len()),
		instancesOf: make([][]Ref, site.Len()),
		atomAt:      make(map[atomKey]int32),
		innerAt:     make(map[string]gateway.PointRef),
		byKey:       make(map[string]Ref),
	}
	for i := range e.bands {
		e.bands[i] = noBand
		e.latest[i].Point = gateway.PointRef(i)
	}
	return e
}

// atom returns the instruction that pushes the truth of a comparison.
func (e *Engine) atom(ref gateway.PointRef, op operator, v float64) instr {
	key := atomKey{op: op, point: ref, value: v}
	if i, ok := e.atomAt[key]; ok {
		return instr(i)
	}
	i := int32(len(e.atoms))
	e.atoms = append(e.atoms, atom(key))
	e.truth = append(e.truth, Unknown)
	e.atomsOf[ref] = append(e.atomsOf[ref], i)
	e.atomAt[key] = i
	return instr(i)
}

func (e *Engine) add(in instance, steps []step, key string, f gateway.FacilityID) {
	ref := Ref(len(e.instances))
	in.first, in.end = int32(len(e.steps)), int32(len(e.steps)+len(steps))
	for _, s := range steps {
		s.owner = ref
		e.steps = append(e.steps, s)
	}
	e.instances = append(e.instances, in)
	e.list = append(e.list, Instance{Key: key, Facility: f, Rule: in.rule, Point: in.point})
	e.byKey[key] = ref
}

// finish links every point to the instances that look at it.
func (e *Engine) finish() {
	for i := range e.instances {
		in := &e.instances[i]
		touched := make(map[gateway.PointRef]bool)
		programs := []program{in.only}
		for _, s := range e.steps[in.first:in.end] {
			programs = append(programs, s.when, s.reset)
		}
		for _, p := range programs {
			for _, op := range p {
				if op >= 0 {
					touched[e.atoms[op].point] = true
				}
			}
		}
		for ref := range touched {
			e.instancesOf[ref] = append(e.instancesOf[ref], Ref(i))
			in.unseen++
		}
	}
	e.linkReaders()
	e.derived.grow(len(e.instances))
	e.keeping.touched = make([]Ref, 0, len(e.instances))
	e.timers.grow(len(e.steps))
	e.ticks.grow(len(e.derived.nodes))
	e.atomAt, e.innerAt = nil, nil
}

// Latest returns the latest table: the newest sample of every point, by
// PointRef, of quality NotSeen where none has come. It belongs to the goroutine
// of the engine and must not be changed.
func (e *Engine) Latest() []gateway.Sample { return e.latest[:e.outer:e.outer] }

// Instances returns every rule on every facility, by Ref.
func (e *Engine) Instances() []Instance { return e.list }

// Reads reports whether a rule looks at a point, and whether one does that says
// when the facility is down.
func (e *Engine) Reads(ref gateway.PointRef) (read, impairs bool) {
	for _, i := range e.readers[ref] {
		impairs = impairs || e.instances[i].rule.Impairs
	}
	return len(e.readers[ref]) > 0, impairs
}

// Unmatched returns the rules that apply to no facility, as "class/rule".
func (e *Engine) Unmatched() []string { return e.unmatched }

// Observe takes samples into the latest table, computes what is derived from
// them, holds each against the rules and appends to dst what they change, in
// their order. The samples of one point come in the order of their time; an
// older one counts as of now.
func (e *Engine) Observe(dst []Change, samples []gateway.Sample) []Change {
	e.derived.told = e.derived.told[:0]
	latest, bands := e.latest, e.bands
	for i := range samples {
		s := &samples[i]
		if b := &bands[s.Point]; s.Value >= b.lo && s.Value <= b.hi && s.Quality.HasValue() {
			latest[s.Point] = *s
			continue
		}
		dst = e.look(dst, *s)
	}
	return e.derive(dst)
}

// look takes a sample that may change something.
func (e *Engine) look(dst []Change, s gateway.Sample) []Change {
	feed := e.derived.feeds[s.Point]
	if len(e.derived.taken) > 0 && (s.At != e.derived.at || feed != nil && feed.fresh) {
		dst = e.derive(dst)
	}
	e.latest[s.Point] = s
	dst = e.Advance(dst, s.At) // a hold that ended before this sample has passed
	news := e.judge(s)
	if feed != nil {
		e.bands[s.Point] = noBand // what is derived may change though no rule looks at the point
		e.derived.take(feed, s.At)
	}
	if !news {
		return dst
	}
	for _, ref := range e.instancesOf[s.Point] {
		if feed != nil {
			e.wait(ref)
		} else {
			dst = e.weigh(dst, ref)
		}
	}
	return dst
}

// judge works out the truth of all comparisons of a point. It reports whether
// the instances that look at it have to be weighed.
func (e *Engine) judge(s gateway.Sample) bool {
	known := s.Quality.HasValue() && !math.IsNaN(s.Value)
	b := &e.bands[s.Point]
	if known {
		*b = band{lo: math.Inf(-1), hi: math.Inf(1)}
	} else {
		*b = noBand
	}
	changed := false
	for _, i := range e.atomsOf[s.Point] {
		t := Unknown
		if known {
			t = e.atoms[i].hold(s.Value, b)
		} else if e.inner(s.Point) {
			t = e.atoms[i].within(e.nodeOf(s.Point).certain)
		}
		changed = changed || t != e.truth[i]
		e.truth[i] = t
	}
	// A feature that is not known yet may still decide by what is certain. One whose
	// source was bad and has come is not known yet, either.
	seen, missing := !e.inner(s.Point) || s.Quality != gateway.NotSeen, int32(-1)
	if seen == e.seen[s.Point] {
		return changed
	}
	if e.seen[s.Point] = seen; !seen {
		missing = 1
	}
	for _, ref := range e.instancesOf[s.Point] {
		e.instances[ref].unseen += missing
	}
	return true
}

// hold compares v and narrows the band to where the answer stays the same.
func (a *atom) hold(v float64, b *band) Truth {
	below, above := math.Nextafter(a.value, math.Inf(-1)), math.Nextafter(a.value, math.Inf(1))
	switch a.op {
	case opGreater, opLessEqual:
		return a.split(v > a.value, b, a.value, above, a.op == opGreater)
	case opGreaterEqual, opLess:
		return a.split(v >= a.value, b, below, a.value, a.op == opGreaterEqual)
	case opBit:
		b.lo, b.hi = v, v
		return truthOf(uint64(int64(v))>>uint(a.value)&1 == 1)
	default: // opEqual, opNotEqual
		switch {
		case v < a.value:
			b.hi = min(b.hi, below)
		case v > a.value:
			b.lo = max(b.lo, above)
		default:
			b.lo, b.hi = v, v
		}
		return truthOf((v == a.value) == (a.op == opEqual))
	}
}

// split narrows the band to one side of a limit: up to top, or from bottom on.
func (a *atom) split(over bool, b *band, top, bottom float64, want bool) Truth {
	if over {
		b.lo = max(b.lo, bottom)
	} else {
		b.hi = min(b.hi, top)
	}
	return truthOf(over == want)
}

// Advance lets time pass until now and appends to dst the instances that change by
// it: a hold or clear_after has ended, or what happened has passed out of the time
// that a rule looks back. Everything happens in the order of its time.
func (e *Engine) Advance(dst []Change, now gateway.Instant) []Change {
	told := len(dst)
	now = max(e.now, now)
	if !e.begun && !now.IsZero() {
		e.begun, e.now = true, now
		dst = e.begin(dst)
	}
	for e.now <= now {
		i, at, held := e.timers.first()
		_, tick, ticks := e.ticks.first()
		held, ticks = held && at <= now, ticks && tick <= now
		switch {
		case held && (!ticks || at <= tick):
			e.now = max(e.now, at)
			dst = e.expireAll(dst, e.steps[i].owner, at)
			continue
		case ticks:
			e.now = max(e.now, tick)
			dst = e.tick(dst, tick)
			continue
		}
		break
	}
	e.now = now
	for i := range dst[told:] {
		dst[told+i].At = now // it is told now, since when it is so says Since
	}
	return dst
}

// expireAll ends what ends at one moment on all levels of an instance: none of
// them is told as if it were the only one.
func (e *Engine) expireAll(dst []Change, ref Ref, at gateway.Instant) []Change {
	in := &e.instances[ref]
	for i := in.first; i < in.end; i++ {
		if s := &e.steps[i]; s.deadline == at {
			e.stop(s, i)
			e.expire(s, at)
		}
	}
	return e.tell(dst, ref)
}

// Skip puts every hold, clear_after and min_active that runs, and all that features
// have seen, off by d: the clock was set forward, and no time has passed. It must be
// called before time is told to Observe or Advance by the new clock.
func (e *Engine) Skip(d time.Duration) {
	for i := range e.timers.at {
		e.timers.at[i] = e.timers.at[i].Add(d)
		s := &e.steps[e.timers.heap[i]]
		s.deadline = e.timers.at[i]
		e.touch(s.owner)
	}
	for i := range e.steps {
		s := &e.steps[i]
		if s.phase == Active || s.phase == Clearing {
			s.active = s.active.Add(d) // from which min_active counts
			e.touch(s.owner)
		}
		if !s.bridge.IsZero() {
			s.bridge = s.bridge.Add(d)
		}
	}
	for i := range e.ticks.at {
		e.ticks.at[i] = e.ticks.at[i].Add(d)
	}
	for i := range e.derived.nodes {
		if f := e.derived.nodes[i].feature; f != nil {
			f.skip(d)
		}
	}
	e.resumeCalendars(d)
}

// Next returns when the next thing happens by itself: a hold or clear_after ends,
// or something passes out of the time that a rule looks back.
func (e *Engine) Next() (gateway.Instant, bool) {
	_, at, held := e.timers.first()
	_, tick, ticks := e.ticks.first()
	if ticks && (!held || tick < at) {
		return tick, true
	}
	return at, held
}

// Reset ends the latch of an instance whose condition is gone, in the name of a
// person. If the condition still holds or is unknown, nothing changes.
func (e *Engine) Reset(dst []Change, ref Ref, now gateway.Instant) []Change {
	e.now = max(e.now, now)
	e.instances[ref].resets = true
	dst = e.weigh(dst, ref)
	e.instances[ref].resets = false
	return dst
}
