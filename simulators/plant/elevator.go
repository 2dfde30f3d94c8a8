package plant

import (
	"math"
	"slices"
	"time"
)

// Times and bounds of a lift.
const (
	floorTime  = 2.5  // seconds from one floor to the next
	doorTime   = 2.0  // seconds to open or to close
	dwellTime  = 4.0  // seconds the door stays open
	unlockZone = 0.05 // floors off the landing within which the door may open
	capacity   = 13   // persons
	mostCalls  = 30   // more people than that take the stairs
	trappedFor = 60.0 // seconds until the controller calls a stop an entrapment
)

// The modes and fault codes of GB/T 24476.
const (
	modeStopped, modeNormal, modeInspection, modeFireReturn, modeEmergencyPower = 0, 1, 2, 3, 5

	codeSafetyCircuit, codeDoorClose, codeOutOfZone, codeEntrapment    = 1, 2, 4, 11
	codePowerOff, codeOutOfService, codeInspecting, codeFire, codeBell = 41, 42, 43, 44, 90
)

// phase is what the car is doing. The phases follow each other in a ring:
//
//	parked -> travelling -> opening -> open -> closing -> parked
//
// with parked -> opening for a call at the same floor.
type phase int

const (
	parked phase = iota // door closed at a landing
	travelling
	opening
	open
	closing
)

// elevator is a lift of a residential building with collective control: it
// serves the stops ahead of it before it turns.
type elevator struct {
	base
	floors int
	phase  phase
	pos    float64 // floors, 1 the lowest
	target int
	up     bool
	door   float64 // 0 closed to 1 open
	dwell  float64 // seconds the door stays open yet
	riders []int   // destinations
	calls  []call
	runs   float64
	hours  float64
	halt   float64 // seconds since it was stopped by a fault on its way
	missed int     // times the door could not be closed
}

// call is somebody who waits at one floor to go to another.
type call struct{ from, to int }

// newElevator returns a lift that stands at some floor with its door closed.
func newElevator(b base) machine {
	e := &elevator{base: b, floors: int(b.set["floors"]), up: true}
	e.pos = float64(1 + b.rng.IntN(e.floors))
	e.runs = float64(50_000 + b.rng.IntN(400_000))
	e.hours = math.Round(e.runs * 9 / 3600)
	return e
}

// step moves the car one quantum through its phases, unless a fault holds it.
func (e *elevator) step(now time.Duration) {
	e.call(now)
	if e.held() {
		e.halt += dt
		return
	}
	e.halt = 0
	switch e.phase {
	case parked:
		e.leave()
	case travelling:
		e.travel()
	case opening:
		if e.door = min(1, e.door+dt/doorTime); e.door == 1 {
			e.exchange()
			e.phase, e.dwell = open, dwellTime
		}
	case open:
		if e.dwell -= dt; e.dwell <= 0 && !e.staysOpen() {
			e.phase = closing
		}
	case closing:
		e.closeDoor()
	}
}

// call lets people press a button: down to the street in the morning, home in
// the evening, and a little of everything all day.
func (e *elevator) call(now time.Duration) {
	h := hour(now)
	morning, evening := peak(h, 7.8, 0.8), peak(h, 18.5, 1.2)
	if weekend(now) {
		morning, evening = 0.3*morning, 0.5*evening
	}
	perHour := 3 + 15*peak(h, 13, 4) + 70*morning + 55*evening
	if e.rng.Float64() >= perHour*dtHours || len(e.calls) >= mostCalls {
		return
	}
	lobby, other := 1, 2+e.rng.IntN(e.floors-1)
	c := call{other, lobby}
	if e.rng.Float64() < (0.2+evening)/(0.4+evening+morning) {
		c = call{lobby, other}
	}
	e.calls = append(e.calls, c)
}

// held reports whether a fault holds the car where it is.
func (e *elevator) held() bool {
	if e.on("safety_circuit") {
		return true
	}
	between := math.Abs(e.pos-math.Floor(e.pos)-0.5) < 0.2
	return e.on("entrapment") && e.phase == travelling && between && len(e.riders) > 0
}

// outOfUse reports whether the car takes nobody.
func (e *elevator) outOfUse() bool {
	return e.on("power_off") || e.on("inspection") || e.on("out_of_service") || e.on("fire_return")
}

// staysOpen reports whether the door must not close: without power nothing
// moves it, and at fire return it shows that the car is empty.
func (e *elevator) staysOpen() bool {
	return e.on("power_off") || e.on("fire_return") && e.floor() == 1
}

// leave decides where a parked car goes.
func (e *elevator) leave() {
	e.door = 0
	next, ok := e.next()
	if e.on("fire_return") {
		next, ok = 1, true
	} else if e.outOfUse() || e.on("door_fault") {
		// Whoever is inside gets out; an obstacle in the sill needs an open door.
		next, ok = e.floor(), len(e.riders) > 0 || e.on("door_fault")
	} else if e.on("entrapment") && len(e.riders) == 0 {
		next, ok = e.farther(), true
	}
	switch {
	case !ok:
		return
	case next == e.floor():
		e.phase = opening
		return
	}
	e.target, e.up = next, float64(next) > e.pos
	e.phase = travelling
	e.runs++
}

// farther returns a floor that is not this one.
func (e *elevator) farther() int {
	if e.floor() < e.floors {
		return e.floor() + 1
	}
	return e.floor() - 1
}

// next returns the nearest stop ahead, else the nearest behind.
func (e *elevator) next() (int, bool) {
	stops := slices.Clone(e.riders)
	if len(e.riders) < capacity { // a full car stops for nobody who waits
		for _, c := range e.calls {
			stops = append(stops, c.from)
		}
	}
	if len(stops) == 0 {
		return 0, false
	}
	away := func(floor int) float64 {
		d := float64(floor) - e.pos
		if !e.up {
			d = -d
		}
		if d < 0 { // behind: after everything that is ahead
			return float64(e.floors) - d
		}
		return d
	}
	return slices.MinFunc(stops, func(a, b int) int { return int(away(a) - away(b)) }), true
}

// travel moves the car toward its target and opens the door there.
func (e *elevator) travel() {
	speed := 1 / floorTime
	switch {
	case e.on("power_off"): // the rescue device takes it to the next landing
		speed /= 2
		e.target = e.ahead()
	case e.on("fire_return") && e.up:
		e.target = e.ahead()
	case e.on("entrapment") && len(e.riders) == 0: // a lift that is stuck empty traps nobody
		e.riders = append(e.riders, e.target)
	}
	e.hours += dtHours
	e.pos = toward(e.pos, float64(e.target), speed*dt)
	if e.pos != float64(e.target) {
		return
	}
	e.phase = opening
	if e.on("fire_return") && e.target != 1 {
		e.phase = parked
	}
}

// ahead returns the next landing in the direction of travel.
func (e *elevator) ahead() int {
	if e.up {
		return int(math.Ceil(e.pos))
	}
	return int(math.Floor(e.pos))
}

// exchange lets people out and in.
func (e *elevator) exchange() {
	here := e.floor()
	e.riders = slices.DeleteFunc(e.riders, func(to int) bool { return to == here || e.outOfUse() })
	if e.outOfUse() {
		return
	}
	e.calls = slices.DeleteFunc(e.calls, func(c call) bool {
		boards := c.from == here && len(e.riders) < capacity
		if boards {
			e.riders = append(e.riders, c.to)
		}
		return boards
	})
}

// closeDoor closes the door; an obstacle makes it open again.
func (e *elevator) closeDoor() {
	e.door -= dt / doorTime
	switch {
	case e.on("door_fault") && e.door < 0.5:
		e.missed++
		e.phase = opening
	case e.door <= 0:
		e.door, e.missed, e.phase = 0, 0, parked
	}
}

// floor returns the nearest landing, which is what the car shows.
func (e *elevator) floor() int { return int(math.Round(e.pos)) }

// moving reports whether the car moves; one that is held on its way does not.
func (e *elevator) moving() bool { return e.phase == travelling && e.halt == 0 }

// mode returns the service mode. Without power the contacts of the controller are
// open, which reads as out of service.
func (e *elevator) mode() float64 {
	switch {
	case e.on("power_off") && e.moving():
		return modeEmergencyPower
	case e.on("power_off"), e.on("out_of_service"):
		return modeStopped
	case e.on("inspection"):
		return modeInspection
	case e.on("fire_return"):
		return modeFireReturn
	}
	return modeNormal
}

// code returns the fault code. What endangers people goes before what merely
// keeps them waiting.
func (e *elevator) code() float64 {
	switch {
	case e.halt > 0 && e.on("safety_circuit"):
		return codeSafetyCircuit
	case e.halt >= trappedFor:
		return codeEntrapment
	case e.halt > 0:
		return codeOutOfZone
	case e.missed >= 3:
		return codeDoorClose
	case e.on("power_off"):
		return codePowerOff
	case e.on("out_of_service"):
		return codeOutOfService
	case e.on("inspection"):
		return codeInspecting
	case e.on("fire_return"):
		return codeFire
	case e.bell():
		return codeBell
	}
	return 0
}

// bell reports whether the alarm button is pressed. Who is trapped presses it
// after a while, and again every minute.
func (e *elevator) bell() bool {
	since := math.Mod(e.halt, 60)
	trapped := e.halt > 0 && e.on("entrapment") && since >= 20 && since < 30
	return trapped || e.on("alarm_button")
}

// direction returns 0 for none, 1 for up and 2 for down.
func (e *elevator) direction() float64 {
	switch {
	case !e.moving():
		return 0
	case e.up:
		return 1
	default:
		return 2
	}
}

func (e *elevator) Value(role string) (float64, bool) {
	switch role {
	case "mode":
		return e.mode(), true
	case "fault.code":
		return e.code(), true
	case "moving":
		return truth(e.moving()), true
	case "direction":
		return e.direction(), true
	case "floor":
		return float64(e.floor()), true
	case "door_zone":
		return truth(math.Abs(e.pos-math.Round(e.pos)) <= unlockZone), true
	case "door_closed":
		return truth(e.door == 0), true
	case "occupied":
		return truth(len(e.riders) > 0), true
	case "alarm_button":
		return truth(e.bell()), true
	case "power_ok":
		return truth(!e.on("power_off")), true
	case "runs":
		return e.runs, true
	case "run_hours":
		return e.hours, true
	}
	return 0, false
}
