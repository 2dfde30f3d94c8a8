// Package intact counts what the facility-intact rate (设施完好率) is made of:
// how long, in whole milliseconds, each facility was up, down or unknown.
//
// The Meter turns alerts and silence into Events: from this moment on the
// facility counts as that. Every sum for any window is worked out from the
// Events alone, by Account, so that an auditor can do the same. Time is never
// rounded and never counted twice: two faults at once are one down time, a
// fault begins at its first bad sample, and what nobody can know is Unknown,
// taken out of the required time instead of being called up.
package intact

import (
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

var classNames = [...]string{"up", "degraded", "down", "planned", "unknown", "excluded"}

// String returns the class as the API writes it.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// MarshalText writes the name of the class.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the name of a class.
func (c *Class) UnmarshalText(b []byte) error {
	for i, n := range classNames {
		if n == string(b) {
			*c = Class(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no class of time", b)
}

// Account adds up the events of one facility, in the order in which they were
// recorded, over the window from from up to but not including to. Time before
// the first event is before its service and counts as nothing. For a fault that
// begins with the window the event before it is needed, too: only who was up can
// fail.
//
// An event that takes effect before others that were recorded earlier takes
// their place: those are of a time that had not come, by a clock that was ahead.
func Account(events []Event, from, to gateway.Instant) Tally {
	var t Tally
	for s := range Spans(events, from, to) {
		if s.Fault {
			t.Faults++
		}
		t.count(s.Class, int64(s.To-s.From))
	}
	return t
}

// Span is the time of a window for which one event is in force.
type Span struct {
	Event
	From, To gateway.Instant
	Fault    bool // the facility was up before, and is down from within the window on
}

// Spans returns what Account adds up, the newest first. The span of a fault may
// be empty.
func Spans(events []Event, from, to gateway.Instant) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		end, next := to, Span{}
		// give passes next on, now that the class of time before it is known.
		give := func(before Class) bool {
			next.Fault = fails(before, next.Class) && next.Effective >= from && next.Effective < to
			return next.To <= next.From && !next.Fault || yield(next)
		}
		for _, e := range slices.Backward(events) {
			if e.Effective > end {
				continue
			}
			if !give(e.Class) {
				return
			}
			next = Span{Event: e, From: max(e.Effective, from), To: max(end, from)}
			end = e.Effective
		}
		give(next.Class)
	}
}

// fails reports whether it is a fault that one class of time follows another. A
// facility that nobody could see before it was down is not counted as having
// failed then.
func fails(before, after Class) bool { return after == Down && before.up() }

// up reports whether time of the class counts as up.
func (c Class) up() bool { return c == Up || c == Degraded }

func (t *Tally) count(c Class, ms int64) {
	switch c {
	case Up, Degraded:
		t.Up += ms
	case Down:
		t.Down += ms
	case Planned:
		t.Planned += ms
	case Excluded:
		t.Excluded += ms
	default:
		t.Unknown += ms
	}
}

// Add returns the pooled time of both.
func (t Tally) Add(o Tally) Tally {
	return Tally{
		Up: t.Up + o.Up, Down: t.Down + o.Down, Planned: t.Planned + o.Planned,
		Unknown: t.Unknown + o.Unknown, Excluded: t.Excluded + o.Excluded, Faults: t.Faults + o.Faults,
	}
}

// Required returns the known required time in milliseconds: the denominator of
// the rate.
func (t Tally) Required() int64 { return t.Up + t.Down }

// Pass reports whether the rate reaches percent, such as 98, exactly. Without
// required time there is no rate, and nothing passes.
func (t Tally) Pass(percent int64) bool {
	return t.Required() > 0 && compareProducts(100, t.Down, 100-percent, t.Required()) <= 0
}

// Percent returns the rate in percent with two decimals, cut and never rounded,
// so that what fails by a millisecond does not show as passed; "" if there is
// no required time.
func (t Tally) Percent() string { return percent(t.Up, t.Required()) }

// Coverage returns how much of the time that should be known is known, in
// percent as Percent; "" if there is none.
func (t Tally) Coverage() string { return percent(t.Required(), t.Required()+t.Unknown) }

// Sufficient reports whether at least 90 % of the time that should be known is.
func (t Tally) Sufficient() bool {
	return t.Required() > 0 && 10*t.Required() >= 9*(t.Required()+t.Unknown)
}

// percent returns part/whole in hundredths of a percent, cut. The product needs
// 128 bits: a thousand facilities over ten years overflow 64.
func percent(part, whole int64) string {
	if whole <= 0 {
		return ""
	}
	hi, lo := bits.Mul64(uint64(part), 10_000)
	q, _ := bits.Div64(hi, lo, uint64(whole))
	return fmt.Sprintf("%d.%02d", q/100, q%100)
}

// compareProducts compares a*b with c*d; none is negative.
func compareProducts(a, b, c, d int64) int {
	hi1, lo1 := bits.Mul64(uint64(a), uint64(b))
	hi2, lo2 := bits.Mul64(uint64(c), uint64(d))
	switch {
	case hi1 != hi2 && hi1 < hi2, hi1 == hi2 && lo1 < lo2:
		return -1
	case hi1 == hi2 && lo1 == lo2:
		return 0
	default:
		return 1
	}
}

// MTBF returns the mean up time between faults; ok is false if there was none.
func (t Tally) MTBF() (d time.Duration, ok bool) { return mean(t.Up, t.Faults) }

// MTTR returns the mean down time of a fault; ok is false if there was none.
func (t Tally) MTTR() (d time.Duration, ok bool) { return mean(t.Down, t.Faults) }

func mean(ms, n int64) (time.Duration, bool) {
	if n == 0 {
		return 0, false
	}
	return time.Duration(ms/n) * time.Millisecond, true
}

// DayStart returns the last midnight in loc at or before now.
func DayStart(now gateway.Instant, loc *time.Location) gateway.Instant {
	y, m, d := now.In(loc).Date()
	return gateway.InstantOf(time.Date(y, m, d, 0, 0, 0, 0, loc))
}

// MonthStart returns the last first of a month, midnight in loc, at or before
// now.
func MonthStart(now gateway.Instant, loc *time.Location) gateway.Instant {
	y, m, _ := now.In(loc).Date()
	return gateway.InstantOf(time.Date(y, m, 1, 0, 0, 0, 0, loc))
}
