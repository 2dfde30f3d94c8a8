package rules

import (
	"math"
	"strings"

	"github.com/intact-gateway/intact/gateway"
)

// featurePrefix begins the Key of a State that is of a feature. No instance has
// such a key: ids hold no colon.
const featurePrefix = "feature:"

// The kinds of records of features, and the version in which each is written.
const (
	recordWindow, windowVersion = "window", 1
	recordSlope, slopeVersion   = "slope", 1
	recordLooks, looksVersion   = "looks", 1
)

// windowState is what a window has seen. Sums are null where a part has seen
// nothing.
type windowState struct {
	Kind  windowKind        `json:"kind"`
	Width gateway.Instant   `json:"width"`
	Sums  []*float64        `json:"sums"`
	Known []gateway.Instant `json:"known"`
	Head  int               `json:"head"`
	Edge  gateway.Instant   `json:"edge"`
	Now   gateway.Instant   `json:"now"`
	Last  float64           `json:"last"`
	At    gateway.Instant   `json:"at"`
	Begun bool              `json:"begun"`
	Ever  bool              `json:"ever"`
}

// slopeState is what a slope has seen: its dots, the oldest first.
type slopeState struct {
	At    []gateway.Instant `json:"at"`
	Value []float64         `json:"value"`
	Ever  bool              `json:"ever"`
}

// looksState is what was looked at.
type looksState struct {
	Next gateway.Instant `json:"next"`
	Yes  uint64          `json:"yes"`
	No   uint64          `json:"no"`
	Ever bool            `json:"ever"`
}

// Lookback appends to dst what every rule that looks back in time has seen up to
// now. It changes with every sample: whoever keeps it does so now and then and at
// the end. What came after it was kept is a gap for a later run.
func (e *Engine) Lookback(dst []State) []State {
	for i := range e.inners {
		ref := gateway.PointRef(e.outer + i)
		f := e.nodeOf(ref).feature
		if f == nil {
			continue
		}
		f.read(e.now) // up to now
		if r, ok := f.record(); ok {
			dst = append(dst, State{Key: featurePrefix + e.key(ref), Records: []Record{r}})
		}
	}
	return dst
}

// resumeFeatures continues what rules look back at. Between then and now nothing
// is known.
func (e *Engine) resumeFeatures(states []State) {
	kept := make(map[string]State)
	for _, s := range states {
		if key, ok := strings.CutPrefix(s.Key, featurePrefix); ok {
			kept[key] = s
		}
	}
	for i := range e.inners {
		ref := gateway.PointRef(e.outer + i)
		f, key := e.nodeOf(ref).feature, e.key(ref)
		if s, ok := kept[key]; ok && f != nil && f.resume(s, e.now) {
			e.derived.demand(int32(len(e.derived.nodes) - len(e.inners) + i))
			delete(kept, key)
		}
	}
	for key := range kept {
		e.keeping.gone = append(e.keeping.gone, featurePrefix+key)
	}
}

func (w *window) record() (Record, bool) {
	s := windowState{
		Kind: w.kind, Width: w.width, Head: w.head, Edge: w.edge, Now: w.now,
		Last: w.last, At: w.at, Begun: w.begun, Ever: w.ever,
	}
	for _, p := range w.parts {
		var sum *float64
		if !math.IsInf(p.sum, 0) {
			sum = &p.sum
		}
		s.Sums, s.Known = append(s.Sums, sum), append(s.Known, p.known)
	}
	return record(recordWindow, windowVersion, "", s), !w.now.IsZero()
}

func (w *window) resume(was State, now gateway.Instant) bool {
	var s windowState
	if !was.find(recordWindow, windowVersion, "", &s) || s.Kind != w.kind || s.Width != w.width ||
		len(s.Sums) != len(w.parts) || len(s.Known) != len(w.parts) || s.Head < 0 || s.Head >= len(w.parts) || s.Now > now {
		return false
	}
	for i := range w.parts {
		w.parts[i] = w.empty()
		if w.parts[i].known = s.Known[i]; s.Sums[i] != nil {
			w.parts[i].sum = *s.Sums[i]
		}
	}
	w.head, w.edge, w.now = s.Head, s.Edge, s.Now
	w.last, w.at, w.begun, w.ever = s.Last, s.At, s.Begun, s.Ever
	return true
}

func (l *slope) record() (Record, bool) {
	s := slopeState{Ever: l.ever}
	for i := range l.n {
		s.At, s.Value = append(s.At, l.dot(i).at), append(s.Value, l.dot(i).value)
	}
	return record(recordSlope, slopeVersion, "", s), l.n > 0
}

func (l *slope) resume(was State, now gateway.Instant) bool {
	var s slopeState
	if !was.find(recordSlope, slopeVersion, "", &s) || len(s.At) == 0 || len(s.At) > slopeDots || len(s.Value) != len(s.At) {
		return false
	}
	for i, at := range s.At {
		if at > now || i > 0 && at-s.At[i-1] < l.width {
			return false
		}
	}
	for i := range s.At {
		l.dots[i] = dot{s.At[i], s.Value[i]}
	}
	l.n, l.fresh, l.ever = len(s.At), true, s.Ever
	return true
}

func (l *looks) record() (Record, bool) {
	return record(recordLooks, looksVersion, "", looksState{l.next, l.yes, l.no, l.ever}), !l.next.IsZero()
}

func (l *looks) resume(was State, now gateway.Instant) bool {
	var s looksState
	if !was.find(recordLooks, looksVersion, "", &s) || s.Next.IsZero() || s.Next > now+l.every || s.Next%l.every != 0 || s.Yes&s.No != 0 {
		return false
	}
	l.next, l.yes, l.no, l.ever = s.Next, s.Yes, s.No, s.Ever
	return true
}

// What goes by the clock alone has seen nothing.

func (*calendar) record() (Record, bool) { return Record{}, false }

func (*calendar) resume(State, gateway.Instant) bool { return false }
