package modbus

import (
	"math"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// holdPolls is how many readings in a row a field that has leapt must agree with
// itself before it is believed.
const holdPolls = 3

// frozen is for how long a total may be taken to have grown unseen while it
// stood still: concentrators read meters less often than they are read.
const frozen = time.Hour

// Counter says what a total can do from one reading to the next.
type Counter struct {
	MaxRate  float64 // the most it grows in a second, in the point's unit; 0 if nobody knows
	Rollover float64 // what it loses when it begins again after its last digit; 0 for never
	Step     float64 // its resolution
}

// watched reports whether readings of the field are held against earlier ones.
func (f *Field) watched() bool { return f.Counter != nil || f.MaxStep > 0 }

// reading is a value with when it was read and since when it has been the same.
type reading struct {
	value     float64
	at, moved gateway.Instant
}

// next returns the reading that s is after r.
func (r reading) next(s *gateway.Sample) reading {
	n := reading{value: s.Value, at: s.At, moved: s.At}
	if s.Value == r.value && !r.moved.IsZero() {
		n.moved = r.moved
	}
	return n
}

// watch tells the readings of one field that can be true from those that cannot.
//
//	trusted --reading follows--> trusted
//	trusted --reading leaps----> doubting --follows what was trusted--> trusted
//	                             doubting --agrees with itself 3 times--> trusted
//
// While it doubts, a total that has fallen keeps its last good value, uncertain,
// for as many readings as would prove a reset; anything else has no value.
type watch struct {
	trusted reading
	known   bool
	doubted reading
	agreed  int // readings in a row that agree with doubted, itself included
	doubts  int // readings since the last trusted one
}

// newWatches returns a watch for each field that needs one, nil for the others.
func newWatches(fields []Field) []*watch {
	watches := make([]*watch, len(fields))
	for i := range fields {
		if fields[i].watched() {
			watches[i] = new(watch)
		}
	}
	return watches
}

// judge makes s, a sample of f, what can be believed of it.
func (w *watch) judge(f *Field, s *gateway.Sample) {
	switch {
	case !s.Quality.HasValue():
		return
	case !w.known && f.Counter != nil && s.Value == 0 && w.agreed < holdPolls:
		// Devices that have just started show 0 before they know their total,
		// and there is no earlier reading to tell that from a new meter.
		w.agreed++
		s.Quality = gateway.Uncertain
	case !w.known, f.follows(w.trusted, s):
		w.trust(s)
	default:
		w.doubt(f, s)
	}
}

// trust takes s as the truth.
func (w *watch) trust(s *gateway.Sample) {
	*w = watch{trusted: w.trusted.next(s), known: true}
}

// doubt deals with a reading that does not follow from the trusted one.
func (w *watch) doubt(f *Field, s *gateway.Sample) {
	if w.agreed > 0 && f.follows(w.doubted, s) {
		w.agreed++
		w.doubted = w.doubted.next(s)
	} else {
		w.agreed = 1
		w.doubted = reading{}.next(s)
	}
	w.doubts++
	switch {
	case w.agreed > holdPolls:
		w.trust(s)
	case f.Counter != nil && s.Value < w.trusted.value && w.doubts <= holdPolls:
		s.Value, s.Quality = w.trusted.value, gateway.Uncertain
	default:
		s.Value, s.Quality = 0, gateway.BadImplausible
	}
}

// follows reports whether s can come after r.
func (f *Field) follows(r reading, s *gateway.Sample) bool {
	elapsed := s.At.Sub(r.at)
	if f.Counter == nil {
		periods := math.Round(float64(elapsed) / float64(f.Period))
		return math.Abs(s.Value-r.value) <= f.MaxStep*max(1, periods)
	}
	c := f.Counter
	rise := s.Value - r.value
	if rise < 0 {
		// A total near its end that begins again has gone on a little; one that
		// falls to 0 from anywhere else would have made most of a turn.
		rise += c.Rollover
		if rise < 0 || rise > c.Rollover/8 {
			return false
		}
	}
	if c.MaxRate == 0 {
		return true
	}
	// The clock may be set back, and a device does not count at the moment it is
	// asked: two periods pass at least.
	elapsed = max(elapsed, 2*f.Period, min(s.At.Sub(r.moved), frozen))
	const digits = 1 << 23 // those of a float32
	resolution := max(c.Step, math.Abs(s.Value)/digits)
	return rise <= c.MaxRate*elapsed.Seconds()+resolution
}
