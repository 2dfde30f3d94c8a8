package plant

import "time"

// flowMeter is a water or gas meter of a building. A clamp-on water meter that
// loses its signal reads flow 0, as a TUF-2000M does, and its totals stand
// still while the water runs on.
type flowMeter struct {
	base
	flow    float64
	total   float64
	quality float64
	noise   wobble
	signal  wobble
	heats   bool    // what it measures heats the building, too
	clampOn bool    // has a signal that can be lost and shows it
	pipe    float64 // m2, for the velocity
	warm    wobble
}

// newWaterMeter returns a clamp-on ultrasonic meter.
func newWaterMeter(b base) machine {
	return &flowMeter{base: b, total: float64(1_000 + b.rng.IntN(60_000)), clampOn: true,
		pipe: b.set["flow"] / 3600 / 1.5} // 1.5 m/s at the highest flow
}

// newGasMeter returns a meter with a pulse counter, which has no signal to lose
// but can stop counting.
func newGasMeter(b base) machine {
	return &flowMeter{base: b, heats: true, total: float64(500 + b.rng.IntN(20_000)), pipe: b.set["flow"] / 3600 / 10}
}

// step draws what the building uses and counts what the meter sees of it.
func (m *flowMeter) step(now time.Duration) {
	highest := m.set["flow"]
	// Somebody always opens a tap and shuts it again: noise in proportion.
	flow := highest * household(now) * m.season(now) * max(0, 1+m.noise.step(m.rng, 0.2, 60))
	if m.on("leak") {
		flow += 0.2 * highest
	}
	if m.on("burst") {
		flow += 5 * highest
	}
	m.quality = 84 + m.signal.step(m.rng, 2, 120)
	m.warm.step(m.rng, 0.5, 600)
	if m.on("signal_loss") {
		m.quality, flow = 12+float64(m.signal), 0
	}
	m.flow = flow
	m.total += flow * dtHours
}

// season is how much more than on a mild day is used.
func (m *flowMeter) season(now time.Duration) float64 {
	if m.heats {
		return 1 + heating(now)
	}
	return 1 + 0.1*cooling(now)
}

// errors returns the error bits of the meter: bit 0 for no signal.
func (m *flowMeter) errors() float64 { return truth(m.on("signal_loss")) }

func (m *flowMeter) Value(role string) (float64, bool) {
	switch role {
	case "flow":
		return m.flow, true
	case "flow.velocity":
		return m.flow / 3600 / m.pipe, true
	case "volume", "volume.positive":
		return m.total, true
	case "temperature":
		return 16 + float64(m.warm), true
	case "signal.quality":
		return m.quality, m.clampOn
	case "warning.code":
		return m.errors(), true
	}
	return 0, false
}
