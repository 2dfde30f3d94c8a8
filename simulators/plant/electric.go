package plant

import (
	"math"
	"time"
)

// Figures of a low-voltage supply.
const (
	nominalVoltage = 226.0 // V at the busbar without load
	sag            = 6.0   // V that the supply gives way at rated current
	lostVoltage    = 14.0  // V that capacitance leaves on a lost phase
)

// phaseLoad is one phase of an electricity meter.
type phaseLoad struct {
	voltage, current, power, apparent float64
	supply, load                      wobble
}

// electricMeter measures a three-phase feeder whose load follows the day.
type electricMeter struct {
	base
	phases    [3]phaseLoad
	frequency float64
	harmonics float64
	energy    float64
	grid      wobble
	thd       wobble
}

// shares are how the load lies on the phases.
var shares = [3]float64{0.36, 0.33, 0.31}

// newElectricMeter returns a meter that has counted for years.
func newElectricMeter(b base) machine {
	return &electricMeter{base: b, energy: float64(10_000 + b.rng.IntN(400_000))}
}

// step follows the load of the day, the week and the year, and counts the energy of this step.
func (m *electricMeter) step(now time.Duration) {
	h := hour(now)
	day := peak(h, 13, 3.2)
	evening := peak(h, 20, 1.8)
	if weekend(now) {
		day *= 0.4
	}
	load := 1000 * (m.set["base"] + m.set["day"]*day + m.set["evening"]*evening) * (1 + 0.35*cooling(now) + 0.15*heating(now))
	m.frequency = 50 + m.grid.step(m.rng, 0.015, 120)
	m.harmonics = 2.4 + 0.6*evening + m.thd.step(m.rng, 0.2, 600)
	if m.on("harmonics") {
		m.harmonics += 5
	}
	total := 0.0
	for i := range m.phases {
		m.phase(i, load*shares[i])
		total += m.phases[i].power
	}
	m.energy += total / 1000 * dtHours
}

// phase finds voltage, current and power of phase i for a load in W at nominal
// voltage.
func (m *electricMeter) phase(i int, load float64) {
	p := &m.phases[i]
	load *= 1 + p.load.step(m.rng, 0.05, 30)
	supply := nominalVoltage + p.supply.step(m.rng, 1.2, 90)
	rated := m.set["rated"]
	const pf = 0.93
	switch {
	case m.on("over_voltage"):
		supply *= 1.12
	case m.on("under_voltage"):
		supply *= 0.84
	}
	if m.on("unbalance") && i == 0 {
		load *= 2.5
	}
	if m.on("overload") {
		load = 1.15 * rated * nominalVoltage * pf * (1 + float64(p.load))
	}
	if m.on("phase_loss") && i == 1 {
		*p = phaseLoad{voltage: lostVoltage, supply: p.supply, load: p.load}
		return
	}
	// The load draws its power at whatever voltage is there.
	p.voltage = supply - sag*load/pf/supply/rated
	p.power = load
	p.apparent = load / pf
	p.current = p.apparent / p.voltage
}

// sum returns active power in W and apparent power in VA of all phases.
func (m *electricMeter) sum() (power, apparent float64) {
	for _, p := range m.phases {
		power, apparent = power+p.power, apparent+p.apparent
	}
	return power, apparent
}

// factor returns the power factor, 1 without load.
func (m *electricMeter) factor() float64 {
	power, apparent := m.sum()
	if apparent == 0 {
		return 1
	}
	return power / apparent
}

// line returns the voltage between two phases 120 degrees apart.
func (m *electricMeter) line(i, j int) float64 {
	a, b := m.phases[i].voltage, m.phases[j].voltage
	return math.Sqrt(a*a + b*b + a*b)
}

// neutral returns the current in the neutral: what three phases 120 degrees
// apart leave over.
func (m *electricMeter) neutral() float64 {
	a, b, c := m.phases[0].current, m.phases[1].current, m.phases[2].current
	return math.Sqrt(max(0, a*a+b*b+c*c-a*b-b*c-c*a))
}

func (m *electricMeter) Value(role string) (float64, bool) {
	power, _ := m.sum()
	switch role {
	case "voltage.l1":
		return m.phases[0].voltage, true
	case "voltage.l2":
		return m.phases[1].voltage, true
	case "voltage.l3":
		return m.phases[2].voltage, true
	case "voltage.l12":
		return m.line(0, 1), true
	case "voltage.l23":
		return m.line(1, 2), true
	case "voltage.l31":
		return m.line(2, 0), true
	case "current.l1":
		return m.phases[0].current, true
	case "current.l2":
		return m.phases[1].current, true
	case "current.l3":
		return m.phases[2].current, true
	case "current.n":
		return m.neutral(), true
	case "power":
		return power, true
	case "power.l1":
		return m.phases[0].power, true
	case "power.l2":
		return m.phases[1].power, true
	case "power.l3":
		return m.phases[2].power, true
	case "power_factor":
		return m.factor(), true
	case "frequency":
		return m.frequency, true
	case "energy.import":
		return m.energy, true
	case "energy.export":
		return 0, true
	case "thd.voltage.l1", "thd.voltage.l2", "thd.voltage.l3":
		return m.harmonics, true
	case "thd.current":
		return 3 * m.harmonics, true
	}
	return 0, false
}
