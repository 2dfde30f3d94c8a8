package rules

import (
	"math/bits"
	"time"
	"unsafe"

	"github.com/intact-gateway/intact/gateway"
)

// mostLooks is how many looks are remembered: one bit each.
const mostLooks = 64

// looks is whether something held at n of the last looks at it. It looks at even
// moments of the clock, at what was so just before them. With some looks at what
// was not known it is still known where the others decide.
type looks struct {
	n, of int
	every gateway.Instant

	next    gateway.Instant // look; 0 before the first sample
	state   Truth           // of the source now
	yes, no uint64          // of the last looks, the newest in the lowest bit
	unknown
}

func newLooks(n, of int, back time.Duration) *looks {
	return &looks{n: n, of: of, every: gateway.Instant(back.Milliseconds()) / gateway.Instant(max(of, 1))}
}

func (l *looks) take(s gateway.Sample, now gateway.Instant) {
	if l.next.IsZero() {
		l.next = now - now%l.every + l.every
	}
	l.look(now)
	l.state = Unknown
	if l.source = valued(s); l.source.HasValue() {
		l.state = truthOf(s.Value != 0)
	}
}

// look takes the looks that are due at now. Beyond the last ones none is
// remembered, so that a long time costs no more.
func (l *looks) look(now gateway.Instant) {
	if behind := (now - l.next) / l.every; behind > mostLooks {
		l.next += (behind - mostLooks) * l.every
	}
	for !l.next.IsZero() && l.next <= now {
		l.yes, l.no = l.yes<<1, l.no<<1
		switch l.state {
		case True:
			l.yes |= 1
		case False:
			l.no |= 1
		}
		l.next += l.every
	}
}

// last cuts the looks to those that count.
func (l *looks) last(all uint64) uint64 { return all & (1<<l.of - 1) }

func (l *looks) read(now gateway.Instant) reading {
	l.look(now)
	yes, no := bits.OnesCount64(l.last(l.yes)), bits.OnesCount64(l.last(l.no))
	r := reading{quality: gateway.Good, certain: anything}
	switch {
	case yes >= l.n:
		r.value, l.ever = 1, true
	case no > l.of-l.n:
		l.ever = true
	default:
		r.quality = l.unknown.quality()
	}
	// Once all looks were alike the next ones change nothing.
	settled := l.state == True && yes == l.of || l.state == False && no == l.of || l.state == Unknown && yes+no == 0
	if !settled {
		r.next = l.next
	}
	return r
}

func (l *looks) skip(d time.Duration) {
	if !l.next.IsZero() {
		l.next = l.next.Add(d) + l.every - 1
		l.next -= l.next % l.every // looks stay at even times
	}
}

func (l *looks) size() int { return int(unsafe.Sizeof(*l)) }
