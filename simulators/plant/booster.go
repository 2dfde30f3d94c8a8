package plant

import (
	"math"
	"time"
)

// What all booster sets share.
const (
	boosterPumps = 3
	vessel       = 0.15    // m3 that the pressure vessel takes for each MPa
	waterColumn  = 0.00981 // MPa for each m of water
	dryDelay     = 20.0    // seconds without water until the protection stops the pumps

	tankRefill = 1.6 // m: the float valve opens
	tankFull   = 2.0 // m: it shuts
	tankEmpty  = 0.1 // m: the pumps draw air
	tankReady  = 0.5 // m: after a dry run they start again
)

// Alarm codes of the controller, as Grundfos numbers them.
const (
	alarmPhase    = 2
	alarmDry      = 57
	alarmAll      = 203
	alarmPressure = 210
	warnPressure  = 211
)

// booster keeps the pressure of a zone: up to three equal pumps at one speed
// draw from a break tank and fill a small vessel, from which the taps draw. At
// night the pumps rest until the vessel has given its water away.
type booster struct {
	base
	curve   curve
	motor   motor
	speed   float64
	pumps   int     // that run
	outlet  float64 // MPa
	last    float64 // outlet one step ago
	idle    float64 // seconds of next to no flow
	busy    float64 // seconds in which one pump more or less was wanted
	flow    float64 // m3/h out of the tank
	power   float64
	level   float64
	filling bool
	dry     float64 // seconds without water
	tripped bool    // by the dry run protection
	out, in float64 // m3 that left the tank and that came in
	hours   float64
	starts  float64
	noise   wobble
}

// newBooster sizes pumps and motors for the set pressure and the highest demand.
func newBooster(b base) machine {
	set, q := b.set["setpoint"], b.set["flow"]
	s := &booster{base: b, speed: 0.75, pumps: 1, outlet: set, last: set, level: 1.8}
	// At nine tenths of full speed the pumps bring the highest demand together.
	each := q / (boosterPumps - 0.5)
	s.curve.shutoff = 2.1 * set
	s.curve.droop = (s.curve.shutoff*0.81 - set) / (each * each)
	s.motor = newMotor(each, 1.3*set)
	s.hours = float64(5_000 + b.rng.IntN(30_000))
	s.starts = float64(5_000 + b.rng.IntN(30_000))
	return s
}

// step finds the demand, lets the controller answer the pressure of the step
// before, and balances vessel and tank.
func (s *booster) step(now time.Duration) {
	demand := s.set["flow"] * household(now) * (1 + 0.08*cooling(now)) * (1 + s.noise.step(s.rng, 0.08, 120))
	if s.on("burst") {
		demand = 6 * s.set["flow"]
	}
	s.protect()
	s.control()
	s.pump()
	s.tank()
	// Taps give less as the pressure falls.
	use := demand * math.Sqrt(s.outlet/s.set["setpoint"])
	s.last = s.outlet
	s.outlet = max(0, s.outlet+(s.flow-use)*dtHours/vessel)
	if s.running() {
		s.hours += dtHours
	}
}

// protect stops the pumps after a while without water, until there is water
// again.
func (s *booster) protect() {
	switch {
	case !s.noWater():
		s.dry = 0
		s.tripped = s.tripped && s.level < tankReady
	case s.running():
		s.dry += dt
		s.tripped = s.tripped || s.dry >= dryDelay
	}
}

// noWater reports whether the pumps draw air.
func (s *booster) noWater() bool { return s.on("dry_run") || s.level <= tankEmpty }

// alarm returns the code of what keeps the pumps from running, or of pressure
// out of control.
func (s *booster) alarm() float64 {
	switch {
	case s.on("phase_loss"):
		return alarmPhase
	case s.on("trip"):
		return alarmAll
	case s.tripped:
		return alarmDry
	case s.on("overpressure"):
		return alarmPressure
	}
	return 0
}

func (s *booster) running() bool { return s.speed > 0 }

// control sets the speed and the number of pumps.
func (s *booster) control() {
	set := s.set["setpoint"]
	switch {
	case s.alarm() == alarmPressure:
		s.speed, s.pumps = toward(s.speed, 1, 0.2*dt), boosterPumps
		return
	case s.alarm() != 0:
		s.speed, s.pumps = 0, 0
		return
	case s.speed == 0:
		if s.outlet < set-0.04 {
			s.speed, s.pumps, s.idle, s.busy = 0.6, 1, 0, 0
			s.starts++
		}
		return
	}
	// A PI controller in its incremental form; pressures relative to the
	// set-point make one tuning fit all sets.
	rise, miss := (s.last-s.outlet)/set, (set-s.outlet)/set
	s.speed = max(0.3, min(1, s.speed+0.8*rise+0.15*miss*dt))
	s.stage()
	if s.flow < 0.05*s.set["flow"] {
		s.idle += dt
	} else {
		s.idle = 0
	}
	if s.idle > 30 {
		s.speed, s.pumps = 0, 0
	}
}

// stage adds a pump when those that run are at their end, and takes one off
// when the rest would do.
func (s *booster) stage() {
	more := s.speed > 0.95 && s.pumps < boosterPumps
	less := s.speed < 0.78 && s.pumps > 1 && s.flow < 0.6*float64(s.pumps-1)*s.set["flow"]/boosterPumps
	if !more && !less {
		s.busy = 0
		return
	}
	if s.busy += dt; s.busy < 10 {
		return
	}
	s.busy = 0
	if more {
		s.pumps++
		s.starts++
	} else {
		s.pumps--
	}
}

// pump finds what the running pumps give and take.
func (s *booster) pump() {
	s.flow, s.power = 0, 0
	if !s.running() {
		return
	}
	n := float64(s.pumps)
	work := 0.0
	if !s.noWater() {
		each := s.curve.flow(s.outlet-s.suction(), s.speed)
		s.flow = n * each
		work = hydraulic(each, s.curve.pressure(each, s.speed))
	}
	s.power = n * s.motor.power(work, s.speed)
}

// suction returns the pressure before the pumps: the water in the tank.
func (s *booster) suction() float64 {
	if s.on("dry_run") {
		return 0
	}
	return s.level * waterColumn
}

// tank balances the break tank.
func (s *booster) tank() {
	switch {
	case s.level < tankRefill:
		s.filling = true
	case s.level >= tankFull:
		s.filling = false
	}
	out := s.flow * dtHours
	in := 0.0
	if s.filling && !s.on("mains_off") {
		in = 1.4 * s.set["flow"] * dtHours
	}
	out = min(out, s.level*s.set["area"])
	s.level += (in - out) / s.set["area"]
	s.in, s.out = s.in+in, s.out+out
}

// warning returns the code of pressure that the pumps cannot keep.
func (s *booster) warning() float64 {
	if s.outlet < 0.6*s.set["setpoint"] {
		return warnPressure
	}
	return 0
}

// Value answers for the set as a whole; current and power are those of all pumps.
func (s *booster) Value(role string) (float64, bool) {
	switch role {
	case "run":
		return truth(s.running()), true
	case "fault":
		return truth(s.alarm() != 0), true
	case "fault.code":
		return s.alarm(), true
	case "warning":
		return truth(s.warning() != 0), true
	case "warning.code":
		return s.warning(), true
	case "auto", "remote":
		return 1, true
	case ".control_mode":
		return 4, true // constant pressure
	case ".feedback":
		return 100 * s.outlet / 1.6, true // of a 16 bar sensor
	case "speed":
		return s.speed * s.motor.rpm, true
	case "speed.hz":
		return s.speed * s.motor.fullHz, true
	case "current":
		return float64(s.pumps) * s.motor.amps(s.power/max(1, float64(s.pumps)), s.speed), true
	case "power":
		return s.power, true
	case "pressure.outlet":
		return s.outlet, true
	case "pressure.inlet":
		return s.suction(), true
	case "pressure.setpoint":
		return s.set["setpoint"], true
	case "flow":
		return s.flow, true
	case "level":
		return s.level, true
	case "volume":
		return s.out, true
	case ".refilled":
		return s.in, true
	case "run_hours":
		return s.hours, true
	case "starts":
		return s.starts, true
	}
	return 0, false
}
