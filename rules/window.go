package rules

import (
	"math"
	"time"
	"unsafe"

	"github.com/intact-gateway/intact/gateway"
)

// windowKind is what a window keeps of each part of its time.
type windowKind uint8

const (
	windowMin windowKind = iota
	windowMax
	windowMean
	windowUsage
	windowStarts
)

// A window looks back over its time in parts of a sixtieth, at least leastPart
// each: so much is what it may look back further than is written.
const (
	windowParts = 60
	leastPart   = gateway.Instant(250)
)

// window is what a point did in the time before now.
//
// A value holds from its sample to the next one, but no longer than reach: after
// that, and after a bad sample, nothing is known. The window is known while nine
// tenths of its time are.
//
// What is counted (starts, and what a total grew by) is counted when the sample
// comes that tells it, unless the one before it is too long ago to say whether it
// happened within the window. A total that falls was set back: counting goes on
// from the new value, or over rollover where that is given.
type window struct {
	kind     windowKind
	back     gateway.Instant // the time that it looks back
	width    gateway.Instant // of a part
	reach    gateway.Instant // for which a value holds; 0 for ever
	rollover float64         // of a total; 0 if it has none

	parts []part
	head  int             // the part of now
	edge  gateway.Instant // when the head began
	now   gateway.Instant // up to when parts are filled; 0 before the first sample
	last  float64         // good value
	at    gateway.Instant // of last
	begun bool            // there is a last value
	holds bool            // the newest sample was good
	unknown
}

// part is what is kept of one part of the time.
type part struct {
	sum   float64         // smallest, largest, value by time, or count
	known gateway.Instant // for so long
}

func newWindow(kind windowKind, back, reach time.Duration, rollover float64) *window {
	w := &window{kind: kind, back: gateway.Instant(back.Milliseconds()), reach: gateway.Instant(reach.Milliseconds()), rollover: rollover}
	w.width = max((w.back+windowParts-1)/windowParts, leastPart)
	w.parts = make([]part, (w.back+w.width-1)/w.width+1)
	w.clear()
	return w
}

func (w *window) clear() {
	for i := range w.parts {
		w.parts[i] = w.empty()
	}
}

func (w *window) empty() part {
	switch w.kind {
	case windowMin:
		return part{sum: math.Inf(1)}
	case windowMax:
		return part{sum: math.Inf(-1)}
	default:
		return part{}
	}
}

func (w *window) take(s gateway.Sample, now gateway.Instant) {
	if w.now.IsZero() {
		w.now, w.edge = now, now-now%w.width
	}
	w.fill(now)
	if w.source = valued(s); !w.source.HasValue() {
		w.holds = false
		return
	}
	head := &w.parts[w.head]
	// Otherwise nobody knows whether it was within the window.
	recent := w.begun && (w.reach == 0 || now-w.at <= max(w.reach, w.back/10))
	switch w.kind {
	case windowMin:
		head.sum = min(head.sum, s.Value)
	case windowMax:
		head.sum = max(head.sum, s.Value)
	case windowUsage:
		if recent {
			head.sum += w.grown(s.Value)
		}
	case windowStarts:
		if recent && w.last == 0 && s.Value != 0 {
			head.sum++
		}
	}
	w.last, w.at, w.begun, w.holds = s.Value, now, true, true
}

// grown returns what a total has grown by.
func (w *window) grown(to float64) float64 {
	by := to - w.last
	if by < 0 {
		by += w.rollover
	}
	return max(by, 0)
}

// fill brings the parts up to now.
func (w *window) fill(now gateway.Instant) {
	if behind := (now - w.edge) / w.width; behind > gateway.Instant(2*len(w.parts)) {
		// All of it has passed; only what still holds goes on.
		w.clear()
		w.edge += (behind - gateway.Instant(len(w.parts))) * w.width
		w.now = w.edge
	}
	for w.now < now {
		end := min(now, w.edge+w.width)
		w.hold(end)
		w.now = end
		if end == w.edge+w.width {
			w.edge = end
			w.head = (w.head + 1) % len(w.parts)
			w.parts[w.head] = w.empty()
		}
	}
}

// hold lets the last value hold until end, within the head.
func (w *window) hold(end gateway.Instant) {
	if w.reach > 0 {
		end = min(end, w.at+w.reach)
	}
	if !w.holds || end <= w.now {
		return
	}
	head := &w.parts[w.head]
	head.known += end - w.now
	switch w.kind {
	case windowMin:
		head.sum = min(head.sum, w.last)
	case windowMax:
		head.sum = max(head.sum, w.last)
	case windowMean:
		head.sum += w.last * float64(end-w.now)
	}
}

func (w *window) read(now gateway.Instant) reading {
	if w.now.IsZero() {
		return reading{quality: w.quality(), certain: anything}
	}
	w.fill(now)
	all, known := w.total()
	r := reading{value: all.sum, quality: gateway.Good, certain: anything}
	if w.kind == windowMean {
		r.value /= float64(all.known)
	}
	if known {
		w.ever = true
	} else {
		r.value, r.quality = 0, w.unknown.quality()
		switch w.kind {
		case windowMin:
			r.certain.most = all.sum
		case windowMax, windowUsage, windowStarts:
			r.certain.least = all.sum
		}
	}
	if !w.settled(now, all) {
		r.next = w.edge + w.width
	}
	return r
}

// total puts all parts together. It reports whether nine tenths of the time are
// known.
func (w *window) total() (all part, known bool) {
	all = w.empty()
	for i := range w.parts {
		p := &w.parts[i]
		all.known += p.known
		switch w.kind {
		case windowMin:
			all.sum = min(all.sum, p.sum)
		case windowMax:
			all.sum = max(all.sum, p.sum)
		default:
			all.sum += p.sum
		}
	}
	return all, all.known*10 >= w.back*9
}

// settled reports whether the window stays as it is until a new sample comes:
// nothing else is in it than what holds, or nothing at all.
func (w *window) settled(now gateway.Instant, all part) bool {
	if !w.holds || w.reach > 0 && now >= w.at+w.reach {
		return all == w.empty()
	}
	return w.reach == 0 && now-w.at > w.width*gateway.Instant(len(w.parts))
}

func (w *window) skip(d time.Duration) {
	if !w.now.IsZero() {
		w.edge, w.now, w.at = w.edge.Add(d), w.now.Add(d), w.at.Add(d)
	}
}

func (w *window) size() int {
	return int(unsafe.Sizeof(*w)) + len(w.parts)*int(unsafe.Sizeof(part{}))
}
