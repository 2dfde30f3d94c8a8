package plant

import (
	"math"
	"time"
)

// curve is the pressure a centrifugal pump gives: it falls with the square of
// the flow and grows with the square of the speed.
type curve struct {
	shutoff float64 // MPa at full speed without flow
	droop   float64 // MPa lost for each (m3/h)²
}

// pressure returns the gain in MPa at flow q in m3/h and speed s, 1 being full.
func (c curve) pressure(q, s float64) float64 { return c.shutoff*s*s - c.droop*q*q }

// flow returns the flow in m3/h against a back pressure in MPa, 0 where the
// pump cannot reach it: the check valve shuts.
func (c curve) flow(back, s float64) float64 {
	return math.Sqrt(max(0, c.shutoff*s*s-back) / c.droop)
}

// motor turns hydraulic work into electric power and current.
type motor struct {
	rated   float64 // W at the shaft at full load
	current float64 // A at full load
	fullHz  float64
	rpm     float64 // at full speed
}

// newMotor returns a 400 V motor for a pump that gives at most q m3/h at p MPa.
func newMotor(q, p float64) motor {
	rated := hydraulic(q, p) / 0.6
	return motor{rated: rated, current: rated / 0.9 / (math.Sqrt(3) * 400 * 0.86), fullHz: 50, rpm: 2900}
}

// hydraulic returns the power in W that lifts q m3/h by p MPa.
func hydraulic(q, p float64) float64 { return p * 1e6 * q / 3600 }

// power returns the electric power in W of a pump at speed s that does work W:
// what bearings and water friction take grows with the cube of the speed.
func (m motor) power(work, s float64) float64 {
	return (work/0.72 + 0.12*m.rated*s*s*s) / 0.92
}

// amps returns the current for the power: the part that magnetises the motor
// flows without any load.
func (m motor) amps(power, s float64) float64 {
	if s == 0 {
		return 0
	}
	return m.current * math.Hypot(0.25*s, power/m.rated)
}

// Fault codes of the drive, as its manual numbers them.
const (
	codeUndervoltage = 10
	codeOverload     = 11
	codeInputPhase   = 13
)

// pump is a circulation pump on a variable speed drive. The loop has friction
// only, so the flow follows the speed.
type pump struct {
	base
	curve  curve
	motor  motor
	loop   float64 // MPa for each (m3/h)²
	speed  float64
	flow   float64
	power  float64
	dcBus  float64
	hours  float64
	starts float64
	heat   float64 // degC of the motor
	noise  wobble
	mains  wobble
}

// newPump sizes pump, loop and motor for each other.
func newPump(b base) machine {
	q, head := b.set["flow"], b.set["head"]
	p := &pump{base: b, heat: 45, dcBus: 540}
	// At full speed the set flow meets half the shut-off pressure in the loop.
	p.curve = curve{shutoff: head, droop: head / 2 / (q * q)}
	p.loop = head / 2 / (q * q)
	p.motor = newMotor(q, head)
	p.hours = float64(2_000 + b.rng.IntN(20_000))
	p.starts = float64(100 + b.rng.IntN(900))
	p.speed = 0.8
	return p
}

// fault returns the drive's fault code.
func (p *pump) fault() float64 {
	switch {
	case p.on("trip"):
		return codeOverload
	case p.on("phase_loss"):
		return codeInputPhase
	case p.on("undervoltage"):
		return codeUndervoltage
	}
	return 0
}

func (p *pump) running() bool { return p.speed > 0 }

// step sets the speed that the day demands, unless the drive is off, and finds
// the operating point.
func (p *pump) step(now time.Duration) {
	h := hour(now)
	want := 0.76 + 0.14*peak(h, 7, 2.5) + 0.12*peak(h, 20, 3) + p.noise.step(p.rng, 0.01, 300)
	p.dcBus = 540 + p.mains.step(p.rng, 2, 60)
	switch {
	case p.on("power_off"):
		p.speed, p.dcBus = 0, 0
	case p.fault() != 0: // the drive cuts the motor off, it does not ramp down
		p.speed = 0
	case p.speed == 0:
		p.starts++
		fallthrough
	default:
		p.speed = toward(p.speed, want, 0.05*dt)
	}
	if p.on("undervoltage") {
		p.dcBus *= 0.7
	}
	p.flow = 0
	work := 0.0
	if !p.on("dry_run") {
		// Where the pump's curve meets the loop's.
		p.flow = p.speed * math.Sqrt(p.curve.shutoff/(p.curve.droop+p.loop))
		work = hydraulic(p.flow, p.curve.pressure(p.flow, p.speed))
	}
	p.power = p.motor.power(work, p.speed)
	if p.running() {
		p.hours += dtHours
	}
	p.heat = toward(p.heat, 30+35*p.power/p.motor.rated, 0.05*dt)
}

// status returns the state word of the drive: 1 forward, 3 stopped, 4 faulted,
// 5 without power.
func (p *pump) status() float64 {
	switch {
	case p.on("power_off"):
		return 5
	case p.fault() != 0:
		return 4
	case p.running():
		return 1
	}
	return 3
}

// inlet returns the pressure before the pump, kept by an expansion vessel.
func (p *pump) inlet() float64 {
	if p.on("dry_run") {
		return 0.005
	}
	return 0.18
}

// outlet returns the pressure behind the pump in MPa.
func (p *pump) outlet() float64 {
	if p.on("dry_run") {
		return p.inlet()
	}
	return p.inlet() + p.curve.pressure(p.flow, p.speed)
}

func (p *pump) Value(role string) (float64, bool) {
	switch role {
	case "run":
		return truth(p.running()), true
	case "fault":
		return truth(p.fault() != 0), true
	case "fault.code":
		return p.fault(), true
	case "drive.status":
		return p.status(), true
	case "power_ok":
		return truth(!p.on("power_off")), true
	case "auto", "remote":
		return 1, true
	case "speed":
		return p.speed * p.motor.rpm, true
	case "speed.hz":
		return p.speed * p.motor.fullHz, true
	case "current":
		return p.motor.amps(p.power, p.speed), true
	case "power":
		return p.power, true
	case ".power":
		return 100 * p.power / p.motor.rated, true
	case ".volts":
		return 380 * p.speed, true
	case "dc_bus":
		return p.dcBus, true
	case "pressure.inlet":
		return p.inlet(), true
	case "pressure.outlet":
		return p.outlet(), true
	case "flow":
		return p.flow, true
	case "temperature":
		return p.heat, true
	case "run_hours":
		return p.hours, true
	case "starts":
		return p.starts, true
	}
	return 0, false
}
