package gateway

import "time"

// stillReadings is how many readings in a row must be alike, besides the time
// that they must span, before a sensor is called stuck: two equal readings an
// hour apart prove nothing.
const stillReadings = 10

// Stillness notices a sensor that answers and measures no more: what it senses
// is never quite at rest, yet its readings have been exactly the same for long.
// The last number it showed may be of any age, so it counts as none.
//
// Only the time between readings counts. A device that is silent, or whose
// value is bad, is judged by that; it neither becomes stuck in the meantime nor
// is believed again because it comes back with the same number. The first
// reading that differs is good. Nothing is kept across a restart.
type Stillness struct {
	value float64
	last  Instant       // of the last reading, 0 after one without a value
	still time.Duration // for how long readings have held value
	alike int           // readings in a row that hold value
	stuck bool          // the last reading that had a value was
}

// Judge takes the value from s, with the quality BadStuck, once it has not
// changed for the time after. What passes between two readings counts for no
// more than gap, so that neither a silence nor a clock set forward makes a
// sensor stuck. It returns for how long the value has been the same.
func (w *Stillness) Judge(s *Sample, after, gap time.Duration) time.Duration {
	switch {
	case !s.Quality.HasValue():
		w.last = 0
		return w.still
	case w.alike == 0 || s.Value != w.value:
		*w = Stillness{value: s.Value, last: s.At, alike: 1}
		return 0
	}
	if !w.last.IsZero() {
		w.still += min(max(0, s.At.Sub(w.last)), gap)
	}
	w.last = s.At
	w.alike++
	if w.stuck = w.still >= after && w.alike >= stillReadings; w.stuck {
		s.Value, s.Quality = 0, BadStuck
	}
	return w.still
}

// Stuck reports whether the last reading that had a value was stuck.
func (w *Stillness) Stuck() bool { return w.stuck }
