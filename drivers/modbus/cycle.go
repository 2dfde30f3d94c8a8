package modbus

import "time"

// slot is the grid on which cycles begin. Waking up costs a processor more than
// reading a block, so buses wake together where they may.
const slot = 100 * time.Millisecond

// startWithin is how long after the start everything is read once, whatever its
// period.
const startWithin = time.Second

// cycle is a period at which something on the bus is due.
type cycle struct {
	period time.Duration
	at     time.Time // next beginning
	due    bool      // in the current pass
}

// cycle returns the cycle of the period, which is made if there is none.
func (b *Bus) cycle(period time.Duration) *cycle {
	for _, c := range b.cycles {
		if c.period == period {
			return c
		}
	}
	c := &cycle{period: period}
	b.cycles = append(b.cycles, c)
	return c
}

// schedule makes all cycles begin together soon after now.
func (b *Bus) schedule(now time.Time) {
	begin := now.Add(b.untilNext(now, startWithin))
	for _, c := range b.cycles {
		c.at = begin
	}
}

// untilNext returns how long after now the bus' next cycle of the period begins.
// As it depends on the clock and the phase alone, the cycles of periods that
// divide each other fall together, and a restart keeps the rhythm.
func (b *Bus) untilNext(now time.Time, period time.Duration) time.Duration {
	wait := (int64(b.phase()) - now.UnixNano()) % int64(period)
	if wait < 0 {
		wait += int64(period)
	}
	return time.Duration(wait)
}

// wake returns when the next cycle begins.
func (b *Bus) wake() time.Time {
	first := b.cycles[0].at
	for _, c := range b.cycles[1:] {
		if c.at.Before(first) {
			first = c.at
		}
	}
	return first
}

// advance sets the next beginning of the cycles that were due, which is after
// now: those missed meanwhile are skipped and counted.
func (b *Bus) advance(now time.Time) {
	for _, c := range b.cycles {
		if !c.due {
			continue
		}
		next := now.Add(b.untilNext(now, c.period))
		// Right after the start, or when the clock is being set back, the next
		// beginning may be all but now.
		if next.Sub(c.at) < c.period/2 {
			next = next.Add(c.period)
		}
		if missed := (next.Sub(c.at)+c.period/2)/c.period - 1; missed > 0 {
			b.counters.overrun(uint64(missed))
		}
		c.at = next
	}
}
