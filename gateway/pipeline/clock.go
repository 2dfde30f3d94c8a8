package pipeline

import (
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// clock is the loop's time: the wall clock that never runs backwards and never
// stands still. When the wall clock is set back, it goes on at the pace of the
// monotonic clock, so that hold times and deadlines still pass; when it is set
// forward, it follows.
type clock struct {
	base  time.Time // with monotonic reading
	ahead time.Duration
	last  gateway.Instant
}

func newClock() *clock { return &clock{base: time.Now()} }

func (c *clock) now() gateway.Instant {
	wall := time.Now()
	steady := c.base.Round(0).Add(wall.Sub(c.base) + c.ahead)
	if jump := wall.Round(0).Sub(steady); jump > time.Second {
		c.ahead += jump
		steady = steady.Add(jump)
	}
	c.last = max(c.last, gateway.InstantOf(steady))
	return c.last
}
