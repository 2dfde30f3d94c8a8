package rules

import (
	"slices"
	"time"
	"unsafe"

	"github.com/intact-gateway/intact/gateway"
)

// A slope is drawn through dots, at most one for each slopeParts-th of its time,
// and at least leastDots over half of it.
const (
	slopeParts = 30
	slopeDots  = slopeParts + 2
	leastDots  = 5
)

// slope is how fast a point changes, by the estimate of Theil and Sen: the median
// of the slopes between every two dots. Up to a quarter of the dots may be wrong
// by any amount and the slope is still that of the others.
//
// While the source has no value the slope has none; when it comes back, the dots
// from before count as long as they are within the time.
type slope struct {
	back  gateway.Instant // the time that it looks back
	width gateway.Instant // between two dots

	dots  [slopeDots]dot // a ring
	first int
	n     int
	value float64 // of the dots, per minute
	fresh bool    // the dots have changed since
	unknown
}

type dot struct {
	at    gateway.Instant
	value float64
}

func newSlope(back time.Duration) *slope {
	ms := gateway.Instant(back.Milliseconds())
	return &slope{back: ms, width: (ms + slopeParts - 1) / slopeParts}
}

func (l *slope) dot(i int) *dot { return &l.dots[(l.first+i)%slopeDots] }

func (l *slope) take(s gateway.Sample, now gateway.Instant) {
	l.forget(now)
	l.source = valued(s)
	if !l.source.HasValue() || l.n > 0 && now-l.dot(l.n-1).at < l.width {
		return
	}
	*l.dot(l.n) = dot{now, s.Value}
	l.n++
	l.fresh = true
}

// forget drops the dots that are out of the time. There is always room for one
// more: the first and the last of slopeDots would be further apart than that.
func (l *slope) forget(now gateway.Instant) {
	for l.n > 0 && now-l.dot(0).at > l.back {
		l.first = (l.first + 1) % slopeDots
		l.n--
		l.fresh = true
	}
}

func (l *slope) read(now gateway.Instant) reading {
	l.forget(now)
	r := reading{certain: anything}
	if l.n > 0 {
		r.next = l.dot(0).at + l.back + 1
	}
	if !l.source.HasValue() || l.n < leastDots || l.dot(l.n-1).at-l.dot(0).at < l.back/2 {
		r.quality = l.unknown.quality()
		return r
	}
	if l.fresh {
		l.value, l.fresh = l.median(), false
	}
	l.ever = true
	r.value, r.quality = l.value, gateway.Good
	return r
}

// median returns the median of the slopes between every two dots, per minute.
func (l *slope) median() float64 {
	const minute = float64(time.Minute / time.Millisecond)
	var all [slopeDots * (slopeDots - 1) / 2]float64
	n := 0
	for i := range l.n {
		a := l.dot(i)
		for j := i + 1; j < l.n; j++ {
			b := l.dot(j)
			all[n] = (b.value - a.value) / float64(b.at-a.at) * minute
			n++
		}
	}
	slopes := all[:n]
	slices.Sort(slopes)
	return (slopes[(n-1)/2] + slopes[n/2]) / 2
}

func (l *slope) skip(d time.Duration) {
	for i := range l.n {
		l.dot(i).at = l.dot(i).at.Add(d)
	}
}

func (l *slope) size() int { return int(unsafe.Sizeof(*l)) }
