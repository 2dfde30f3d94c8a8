package plant

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// firePanel is a fire alarm panel. Its detectors are told apart by number:
// "fire_alarm:3" is that of the third, "fire_alarm" that of the panel.
type firePanel struct{ base }

// newFirePanel returns a panel with nothing to report.
func newFirePanel(b base) machine { return &firePanel{b} }

// step does nothing: a panel only passes on what its detectors see.
func (f *firePanel) step(time.Duration) {}

// Value answers for the panel as a whole, or for one detector by its number.
func (f *firePanel) Value(role string) (float64, bool) {
	what, number, one := strings.Cut(role, ":")
	fault := ""
	switch what {
	case "fire_alarm":
		fault = "smoke"
	case "fault":
		fault = "detector_fault"
	case "shielded":
		fault = "shielded"
	case "mains_lost", "backup_lost", "manual_mode", "silenced":
		return truth(f.on(what)), !one
	default:
		return 0, false
	}
	if one && number != strconv.Itoa(int(f.set["detector"])) {
		return 0, true
	}
	return truth(f.on(fault)), true
}

// What all fire water sets share: pressures relative to the one the jockey pump
// stops at, rates in MPa/s, levels in m.
const (
	jockeyStart  = 0.86
	firePumpAuto = 0.70
	jockeyRate   = 4e-3
	ringLeak     = 8e-5 // healthy glands and valves
	badLeak      = 2e-3
	openRing     = 8e-3
	refillRate   = 2e-3 // m/s
	drainRate    = 1e-2
	drained      = 1.2 // m left in a tank that was drained
	hydrantDraw  = 4e-4
)

// fireWater is a hydrant ring and a sprinkler ring that one jockey pump keeps
// under pressure, a fire pump and their tank. The ring always leaks a little,
// so the jockey pump starts now and then; how often tells the size of the leak.
type fireWater struct {
	base
	hydrant   float64
	sprinkler float64
	level     float64
	jockey    bool
	pump      bool
	starts    []time.Duration // of the jockey pump within the last hour
	filling   bool
	noise     wobble
}

// newFireWater returns a set at rest. Where the hydrant ring stands between the
// start and the stop of the jockey pump differs, so that two sets never keep step.
func newFireWater(b base) machine {
	p := b.set["pressure"]
	return &fireWater{base: b, hydrant: p * (0.9 + 0.1*b.rng.Float64()), sprinkler: p + 0.08, level: b.set["level"]}
}

// step moves both rings and the tank. The sprinkler ring hangs behind a check
// valve: it follows a rise of the hydrant ring and keeps what it has when that falls.
func (f *fireWater) step(now time.Duration) {
	f.ring(now)
	f.tank()
	drift := f.noise.step(f.rng, 0.003, 300)
	f.sprinkler = toward(f.sprinkler, max(f.hydrant, f.set["pressure"])+0.08+drift, 1e-3*dt)
}

// ring moves the pressure of the hydrant ring and the pumps that keep it.
func (f *fireWater) ring(now time.Duration) {
	full := f.set["pressure"]
	powered := !f.on("power_off")
	switch {
	// A shut valve: neither pump sees the zone, so neither helps.
	case !powered, f.on("pressure_loss"), f.hydrant >= full:
		f.jockey = false
	case !f.jockey && f.hydrant < jockeyStart*full:
		f.jockey = true
		f.starts = append(f.starts, now)
	}
	f.starts = slices.DeleteFunc(f.starts, func(at time.Duration) bool { return at <= now-time.Hour })

	change := -ringLeak
	switch {
	case f.on("pressure_loss"), f.on("fire"):
		change = -openRing
	case f.on("leak"):
		change = -badLeak
	}
	if f.jockey {
		change += jockeyRate
	}
	f.hydrant = max(0.02, f.hydrant+change*dt)

	ready := powered && !f.on("pump_fault") && !f.on("not_auto") && !f.on("pressure_loss")
	// A ring that the jockey pump is filling does not start the fire pump; one
	// that still falls does, and then only the end of the fire stops it.
	drawn := f.hydrant < firePumpAuto*full && change < 0
	if f.pump = ready && (drawn || f.pump && f.on("fire")); f.pump {
		f.hydrant = toward(f.hydrant, 1.4*full, (0.05+openRing)*dt)
	}
}

// tank moves the level: a drained tank is refilled when the fault has ended.
func (f *fireWater) tank() {
	design := f.set["level"]
	switch {
	case f.level < design-0.1:
		f.filling = true
	case f.level >= design:
		f.filling = false
	}
	if f.on("tank_drained") {
		f.level = math.Max(min(f.level, drained), f.level-drainRate*dt)
		return
	}
	if f.pump {
		f.level = max(0, f.level-hydrantDraw*dt)
	}
	if f.filling {
		f.level = min(design, f.level+refillRate*dt)
	}
}

func (f *fireWater) Value(role string) (float64, bool) {
	switch role {
	case "pressure.hydrant":
		return f.hydrant, true
	case "pressure.sprinkler":
		return f.sprinkler, true
	case "level":
		return f.level, true
	case "jockey.starts":
		return float64(len(f.starts)), true
	case "auto":
		return truth(!f.on("not_auto")), true
	case "pump.run":
		return truth(f.pump), true
	case "pump.fault":
		return truth(f.on("pump_fault")), true
	case "power_ok":
		return truth(!f.on("power_off")), true
	}
	return 0, false
}
