package rules

import (
	"math"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// feature says what a point did over time. It is plain data of a fixed size, which
// neither grows nor allocates once it is made.
type feature interface {
	// take counts a sample of the source that came at now, good or bad.
	take(s gateway.Sample, now gateway.Instant)
	// read returns what the feature is at now.
	read(now gateway.Instant) reading
	// skip moves all that was seen by d: the clock was set.
	skip(d time.Duration)
	// size returns the memory it takes, in bytes.
	size() int
	// record returns what it has seen, for a later run; false if that is nothing.
	record() (Record, bool)
	// resume continues a run that ended before now, and reports whether was is of
	// this feature and makes sense. What its source is now is not known.
	resume(was State, now gateway.Instant) bool
}

// reading is what a feature is at one moment.
type reading struct {
	value   float64
	quality gateway.Quality // NotSeen until it is known for the first time
	certain span            // while it is not known
	next    gateway.Instant // when it may be another without a new sample; 0 for never
}

// span is a range that a value is certain to be in, both ends included. What was
// counted so far cannot become less: a limit may be known to be passed long before
// the count itself is known.
type span struct{ least, most float64 }

// anything is the span of a value of which nothing is known.
var anything = span{math.Inf(-1), math.Inf(1)}

// within compares a value that is only known to be within a span.
func (a *atom) within(s span) Truth {
	switch a.op {
	case opGreater:
		return decided(s.least > a.value, s.most <= a.value)
	case opGreaterEqual:
		return decided(s.least >= a.value, s.most < a.value)
	case opLess:
		return decided(s.most < a.value, s.least >= a.value)
	case opLessEqual:
		return decided(s.most <= a.value, s.least > a.value)
	case opEqual:
		return decided(false, s.least > a.value || s.most < a.value)
	case opNotEqual:
		return decided(s.least > a.value || s.most < a.value, false)
	default:
		return Unknown
	}
}

func decided(yes, no bool) Truth {
	switch {
	case yes:
		return True
	case no:
		return False
	default:
		return Unknown
	}
}

// unknown says why a feature has no value: its source has none, or too little of
// the time that it looks back is known. Before it is known for the first time it
// counts as not seen, so that bad_data does not speak at every start.
type unknown struct {
	source gateway.Quality // of the newest sample of the source
	ever   bool            // the feature has had a value
}

func (u *unknown) quality() gateway.Quality {
	switch {
	case u.source != gateway.NotSeen && !u.source.HasValue():
		return u.source
	case u.ever:
		return gateway.BadUndefined
	default:
		return gateway.NotSeen
	}
}

// valued returns the quality of a sample as features count it: what is no number
// is no value.
func valued(s gateway.Sample) gateway.Quality {
	if s.Quality.HasValue() && (math.IsNaN(s.Value) || math.IsInf(s.Value, 0)) {
		return gateway.BadUndefined
	}
	return s.Quality
}
