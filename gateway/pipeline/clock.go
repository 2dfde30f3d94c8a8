package pipeline

import (
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// clock is the loop's time: the wall clock that never runs backwards and never
// stands still. When the wall clock is set back, it goes on at the pace of the
// monotonic clock, so that hold times and deadlines still pass; when it is set
// forward, it follows and tells by how much, so that nothing is taken for late
// that was only skipped.
type clock struct {
	wall   func() time.Time     // may be set at any time
	steady func() time.Duration // since the clock was made; cannot be set

	base time.Time // what wall said then, and by how much it was set forward since
	last gateway.Instant
}

func newClock() *clock {
	start := time.Now()
	return &clock{wall: time.Now, steady: func() time.Duration { return time.Since(start) }, base: start.Round(0)}
}

// now returns the time, and by how much it was set forward since the last call.
func (c *clock) now() (now gateway.Instant, skipped time.Duration) {
	if ahead := c.wall().Round(0).Sub(c.base.Add(c.steady())); ahead > time.Second {
		c.base = c.base.Add(ahead)
		skipped = ahead
	}
	c.last = max(c.last, gateway.InstantOf(c.base.Add(c.steady())))
	return c.last, skipped
}

// now returns the loop's time. What it skips has happened to nobody: waiting
// times go on behind it, and what the facilities were meanwhile is unknown.
func (p *Pipeline) now() gateway.Instant {
	now, skipped := p.clock.now()
	if skipped == 0 {
		return now
	}
	p.o.Log.Warn("the clock was set forward", "by", skipped)
	p.entry(now, "gateway.clock", gateway.Self, "", map[string]float64{"skipped": skipped.Seconds()})
	for ref := range p.arrived {
		p.arrived[ref] = p.arrived[ref].Add(skipped)
	}
	for i := range p.sights {
		p.sights[i].skip(skipped)
	}
	p.parts.Engine.Skip(skipped)
	p.events = p.parts.Book.Skip(p.events[:0], now, skipped)
	p.applyEvents()
	p.jobs = p.parts.Desk.Skip(p.jobs[:0], now, skipped)
	p.recordJobs(p.jobs)
	p.recordSpans(p.parts.Meter.Skip(nil, now, skipped))
	return now
}
