// Package sieve decides which samples are worth storing. It is for what keeps
// samples: rules, alerts and the page see every one.
package sieve

import (
	"math"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// defaultHeartbeat is how often a point with a deadband is stored at least, so that
// a trend tells what stands still from what is not there.
const defaultHeartbeat = 10 * time.Minute

// Sieve keeps of each point the samples from which its course can be drawn: whoever
// holds the last one kept is never off by more than the deadband of the point, at
// any sample. It belongs to one goroutine.
//
// A sample is kept if it is the first, if its quality is another than that of the
// one kept last, if its value is further from that one than the deadband, and if
// the heartbeat has passed since. Of a point without deadband and heartbeat every
// sample is kept.
type Sieve struct {
	points []point // by PointRef; nil if every sample of all points is kept
}

type point struct {
	deadband  float64
	heartbeat time.Duration // 0 for a point of which every sample is kept
	last      gateway.Sample
	kept      bool
}

// New returns the sieve for the points of site.
func New(site *gateway.Site) *Sieve {
	s := &Sieve{}
	for ref, p := range site.Points() {
		if p.Deadband == 0 && p.Heartbeat == 0 {
			continue
		}
		if s.points == nil {
			s.points = make([]point, site.Len())
		}
		heartbeat := p.Heartbeat
		if heartbeat == 0 {
			heartbeat = defaultHeartbeat
		}
		s.points[ref] = point{deadband: p.Deadband, heartbeat: heartbeat}
	}
	return s
}

// All reports whether every sample is kept.
func (s *Sieve) All() bool { return s.points == nil }

// Keep reports whether x is to be stored. The samples of one point come in the
// order of their time; after a clock that was set back the next one is kept.
func (s *Sieve) Keep(x gateway.Sample) bool {
	if s.points == nil {
		return true
	}
	p := &s.points[x.Point]
	if p.heartbeat == 0 {
		return true
	}
	passed := x.At.Sub(p.last.At)
	same := p.kept && x.Quality == p.last.Quality && passed >= 0 && passed < p.heartbeat &&
		(!x.Quality.HasValue() || math.Abs(x.Value-p.last.Value) <= p.deadband)
	if !same {
		p.last, p.kept = x, true
	}
	return !same
}

// Lost says that x was kept and has got lost afterwards. If it was the last one of
// its point, the next is kept.
func (s *Sieve) Lost(x gateway.Sample) {
	if s.points == nil {
		return
	}
	if p := &s.points[x.Point]; p.last == x {
		p.kept = false
	}
}

// Reset says that of no point it is known whether the last sample kept is there.
// The next of each is kept.
func (s *Sieve) Reset() {
	for i := range s.points {
		s.points[i].kept = false
	}
}
