package plant

import "time"

// The levels of a sump in m, and what its pump lifts out in m3/h.
const (
	sumpStop  = 0.3
	sumpStart = 1.0
	sumpFlood = 1.8
	sumpDepth = 2.2
	sumpFlow  = 12.0
)

// sump is a drainage pit with one pump on a float switch.
type sump struct {
	base
	level   float64
	running bool
	flow    float64 // m3/h out of the pit
	hours   float64
	starts  float64
	in, out float64 // m3; what overflows counts as out
	noise   wobble
}

// newSump returns a pit that is neither full nor empty.
func newSump(b base) machine {
	return &sump{base: b, level: 0.4 + 0.4*b.rng.Float64(), hours: float64(b.rng.IntN(3000)), starts: float64(b.rng.IntN(9000))}
}

// step lets water in, more of it in the rains of summer, and the pump lift it out. What does not fit runs over.
func (s *sump) step(now time.Duration) {
	inflow := s.set["inflow"] * (1 + cooling(now)) * max(0, 1+s.noise.step(s.rng, 0.3, 600))
	if s.on("storm") {
		inflow = 0.8*sumpFlow + 3*inflow
	}
	switch {
	case s.on("trip"):
		s.running = false
	case !s.running && s.level >= sumpStart:
		s.running = true
		s.starts++
	case s.running && s.level <= sumpStop:
		s.running = false
	}
	s.flow = 0
	if s.running && !s.on("blocked") {
		s.flow = sumpFlow
	}
	if s.running {
		s.hours += dtHours
	}
	area := s.set["area"]
	in, out := inflow*dtHours, min(s.flow*dtHours, s.level*area)
	s.level += (in - out) / area
	if over := (s.level - sumpDepth) * area; over > 0 {
		s.level, out = sumpDepth, out+over
	}
	s.in, s.out = s.in+in, s.out+out
}

// current returns the A of the pump: a blocked impeller draws more.
func (s *sump) current() float64 {
	switch {
	case !s.running:
		return 0
	case s.on("blocked"):
		return 6.8
	}
	return 4.2
}

func (s *sump) Value(role string) (float64, bool) {
	switch role {
	case "level":
		return s.level, true
	case "run":
		return truth(s.running), true
	case "fault":
		return truth(s.on("trip")), true
	case "flood":
		return truth(s.level >= sumpFlood), true
	case "auto":
		return 1, true
	case "current":
		return s.current(), true
	case "flow":
		return s.flow, true
	case "volume":
		return s.out, true
	case ".inflow":
		return s.in, true
	case "run_hours":
		return s.hours, true
	case "starts":
		return s.starts, true
	}
	return 0, false
}
