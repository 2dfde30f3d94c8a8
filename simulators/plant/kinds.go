package plant

import (
	"maps"
	"slices"
)

// kind is what a model is: how one is made, what can be set and what can fail.
type kind struct {
	make   func(base) machine
	faults []string
	params map[string]param
}

// param is a number that a plan may set.
type param struct{ usual, min, max float64 }

// kinds lists every model. The units of parameters are those of UnitOf where
// nothing else is said.
var kinds = map[string]kind{
	"elevator": {
		make: newElevator,
		faults: []string{"entrapment", "door_fault", "power_off", "inspection", "alarm_button",
			"fire_return", "out_of_service", "safety_circuit"},
		params: map[string]param{"floors": {18, 2, 63}},
	},
	// A single pump with a variable speed drive in a closed loop. Fault codes are
	// those of an INVT GD200A.
	"pump": {
		make:   newPump,
		faults: []string{"trip", "phase_loss", "undervoltage", "dry_run", "power_off"},
		params: map[string]param{"flow": {40, 1, 500}, "head": {0.3, 0.05, 2}},
	},
	// A constant-pressure set of three pumps behind a break tank; flow is the
	// highest demand on a mild day, area that of the tank in m2. Fault codes are Grundfos'.
	"booster": {
		make:   newBooster,
		faults: []string{"trip", "phase_loss", "dry_run", "mains_off", "burst", "overpressure"},
		params: map[string]param{"setpoint": {0.45, 0.2, 1.2}, "flow": {18, 2, 200}, "area": {10, 1, 200}},
	},
	// A drainage pit; inflow is the mean, area that of the pit in m2.
	"sump": {
		make:   newSump,
		faults: []string{"blocked", "trip", "storm"},
		params: map[string]param{"inflow": {0.8, 0, 10}, "area": {2, 0.5, 50}},
	},
	// Detector is the one that the faults smoke, detector_fault and shielded hit.
	"fire_panel": {
		make:   newFirePanel,
		faults: []string{"smoke", "detector_fault", "shielded", "mains_lost", "backup_lost", "manual_mode", "silenced"},
		params: map[string]param{"detector": {3, 1, 1000}},
	},
	"fire_water": {
		make:   newFireWater,
		faults: []string{"leak", "pressure_loss", "tank_drained", "pump_fault", "not_auto", "power_off", "fire"},
		params: map[string]param{"pressure": {0.42, 0.2, 1.5}, "level": {3, 2.2, 10}},
	},
	// Loads in kW: base all the time, day on top from 8 to 18, evening on top
	// around 20. Rated is that of the feeder in A.
	"electric_meter": {
		make:   newElectricMeter,
		faults: []string{"over_voltage", "under_voltage", "phase_loss", "unbalance", "overload", "harmonics"},
		params: map[string]param{"base": {12, 0, 5000}, "day": {20, 0, 5000}, "evening": {15, 0, 5000}, "rated": {250, 5, 10000}},
	},
	"water_meter": {
		make:   newWaterMeter,
		faults: []string{"leak", "burst", "signal_loss"},
		params: map[string]param{"flow": {4, 0.1, 500}},
	},
	"gas_meter": {
		make:   newGasMeter,
		faults: []string{"leak", "signal_loss"},
		params: map[string]param{"flow": {6, 0.1, 500}},
	},
	"environment": {
		make:   newRoom,
		faults: []string{"hot", "humid", "leak", "low_battery"},
		params: map[string]param{"temperature": {22, -20, 50}},
	},
	"leak_sensor": {
		make:   newLeakSensor,
		faults: []string{"leak", "low_battery"},
		params: map[string]param{"temperature": {19, -20, 50}},
	},
}

// Models returns the names of all models in alphabetical order.
func Models() []string { return slices.Sorted(maps.Keys(kinds)) }

// Faults returns the faults that a model can have, or nil for an unknown model.
func Faults(model string) []string { return kinds[model].faults }
