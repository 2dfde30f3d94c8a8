package plant_test

import (
	"slices"
	"testing"
	"time"

	"github.com/intact-gateway/intact/simulators/plant"
)

// between is a closed range.
type between struct{ low, high float64 }

func is(v float64) between { return between{v, v} }

var above = func(v float64) between { return between{v, 1e9} }
var below = func(v float64) between { return between{-1e9, v} }

// faultCase is what a fault must show within a time, in the roles it touches.
type faultCase struct {
	model, fault string
	within       time.Duration
	shows        map[string]between
}

var faultCases = []faultCase{
	{"elevator", "entrapment", 30 * time.Second, map[string]between{"fault.code": is(4), "occupied": is(1), "moving": is(0), "door_zone": is(0), "door_closed": is(1), "direction": is(0)}},
	{"elevator", "entrapment", 80 * time.Second, map[string]between{"alarm_button": is(1), "occupied": is(1)}},
	{"elevator", "entrapment", 2 * time.Minute, map[string]between{"fault.code": is(11), "occupied": is(1), "door_closed": is(1)}},
	{"elevator", "door_fault", 2 * time.Minute, map[string]between{"fault.code": is(2), "door_closed": is(0), "door_zone": is(1), "moving": is(0)}},
	{"elevator", "power_off", 30 * time.Second, map[string]between{"fault.code": is(41), "power_ok": is(0), "mode": is(0), "moving": is(0), "door_zone": is(1), "occupied": is(0)}},
	{"elevator", "inspection", 2 * time.Minute, map[string]between{"fault.code": is(43), "mode": is(2), "moving": is(0), "occupied": is(0), "door_closed": is(1)}},
	{"elevator", "alarm_button", time.Second, map[string]between{"fault.code": is(90), "alarm_button": is(1)}},
	{"elevator", "fire_return", 2 * time.Minute, map[string]between{"fault.code": is(44), "mode": is(3), "floor": is(1), "door_closed": is(0), "occupied": is(0)}},
	{"elevator", "out_of_service", 2 * time.Minute, map[string]between{"fault.code": is(42), "mode": is(0), "moving": is(0), "occupied": is(0)}},
	{"elevator", "safety_circuit", time.Second, map[string]between{"fault.code": is(1), "moving": is(0)}},

	{"pump", "trip", time.Second, map[string]between{"fault": is(1), "fault.code": is(11), "drive.status": is(4), "run": is(0), "speed.hz": is(0), "flow": is(0), "current": is(0), "dc_bus": above(500)}},
	{"pump", "phase_loss", time.Second, map[string]between{"fault": is(1), "fault.code": is(13), "run": is(0), "power": is(0)}},
	{"pump", "undervoltage", time.Second, map[string]between{"fault.code": is(10), "dc_bus": below(400), "run": is(0)}},
	{"pump", "dry_run", time.Second, map[string]between{"run": is(1), "flow": is(0), "pressure.inlet": below(0.05), "fault.code": is(0)}},
	{"pump", "power_off", time.Second, map[string]between{"drive.status": is(5), "dc_bus": is(0), "run": is(0), "fault.code": is(0)}},

	{"booster", "trip", 20 * time.Minute, map[string]between{"fault.code": is(203), "run": is(0), "flow": is(0), "current": is(0), "pressure.outlet": below(0.25), "warning.code": is(211)}},
	{"booster", "phase_loss", 20 * time.Minute, map[string]between{"fault.code": is(2), "run": is(0), "pressure.outlet": below(0.25)}},
	{"booster", "dry_run", 2 * time.Minute, map[string]between{"run": is(1), "flow": is(0), "power": above(10), "pressure.inlet": is(0)}},
	{"booster", "dry_run", 4 * time.Minute, map[string]between{"fault.code": is(57), "run": is(0)}},
	{"booster", "mains_off", 12 * time.Hour, map[string]between{"level": below(0.1), "fault.code": is(57), "flow": is(0), "pressure.outlet": below(0.25)}},
	{"booster", "burst", time.Minute, map[string]between{"pressure.outlet": below(0.25), "fault.code": is(0), "flow": above(18)}},
	{"booster", "overpressure", time.Minute, map[string]between{"pressure.outlet": above(0.65), "fault.code": is(210), "run": is(1)}},

	{"sump", "blocked", 3 * time.Hour, map[string]between{"run": is(1), "flow": is(0), "level": above(1.5), "current": above(5)}},
	{"sump", "trip", 3 * time.Hour, map[string]between{"run": is(0), "fault": is(1), "level": above(1.8), "flood": is(1)}},
	{"sump", "storm", time.Hour, map[string]between{"run": is(1), "level": above(0.3)}},

	{"fire_panel", "smoke", 0, map[string]between{"fire_alarm": is(1), "fire_alarm:3": is(1), "fire_alarm:2": is(0), "fault": is(0)}},
	{"fire_panel", "detector_fault", 0, map[string]between{"fault": is(1), "fault:3": is(1), "fault:4": is(0), "fire_alarm": is(0)}},
	{"fire_panel", "shielded", 0, map[string]between{"shielded": is(1), "shielded:3": is(1), "shielded:1": is(0)}},
	{"fire_panel", "mains_lost", 0, map[string]between{"mains_lost": is(1), "backup_lost": is(0)}},
	{"fire_panel", "backup_lost", 0, map[string]between{"backup_lost": is(1), "mains_lost": is(0)}},
	{"fire_panel", "manual_mode", 0, map[string]between{"manual_mode": is(1)}},
	{"fire_panel", "silenced", 0, map[string]between{"silenced": is(1)}},

	{"fire_water", "leak", time.Hour, map[string]between{"jockey.starts": above(16), "pressure.hydrant": above(0.3), "pump.run": is(0)}},
	{"fire_water", "pressure_loss", time.Minute, map[string]between{"pressure.hydrant": below(0.09), "pump.run": is(0)}},
	{"fire_water", "tank_drained", 5 * time.Minute, map[string]between{"level": below(1.9), "pressure.hydrant": above(0.3)}},
	{"fire_water", "pump_fault", 0, map[string]between{"pump.fault": is(1), "pump.run": is(0)}},
	{"fire_water", "not_auto", 0, map[string]between{"auto": is(0)}},
	{"fire_water", "power_off", 0, map[string]between{"power_ok": is(0)}},
	{"fire_water", "fire", 10 * time.Minute, map[string]between{"pump.run": is(1), "level": below(2.9), "pressure.hydrant": above(0.3)}},

	{"electric_meter", "over_voltage", time.Second, map[string]between{"voltage.l1": above(240), "voltage.l2": above(240), "voltage.l3": above(240)}},
	{"electric_meter", "under_voltage", time.Second, map[string]between{"voltage.l1": {140, 197}, "voltage.l2": {140, 197}}},
	{"electric_meter", "phase_loss", time.Second, map[string]between{"voltage.l2": below(60), "current.l2": is(0), "power.l2": is(0), "voltage.l1": above(200), "voltage.l12": below(260), "current.n": above(1)}},
	{"electric_meter", "unbalance", time.Second, map[string]between{"current.n": above(20)}},
	{"electric_meter", "overload", time.Second, map[string]between{"current.l1": above(240), "current.l2": above(240), "current.l3": above(240)}},
	{"electric_meter", "harmonics", time.Second, map[string]between{"thd.voltage.l1": above(6)}},

	{"water_meter", "leak", time.Second, map[string]between{"flow": above(0.8), "signal.quality": above(70)}},
	{"water_meter", "burst", time.Second, map[string]between{"flow": above(20)}},
	{"water_meter", "signal_loss", time.Second, map[string]between{"flow": is(0), "signal.quality": below(40), "warning.code": is(1)}},
	{"gas_meter", "leak", time.Second, map[string]between{"flow": above(1.2)}},
	{"gas_meter", "signal_loss", time.Second, map[string]between{"flow": is(0), "warning.code": is(1)}},

	{"environment", "hot", 10 * time.Minute, map[string]between{"temperature": above(38)}},
	{"environment", "humid", 10 * time.Minute, map[string]between{"humidity": above(90)}},
	{"environment", "leak", 0, map[string]between{"leak": is(1), "flood": is(1)}},
	{"environment", "low_battery", 0, map[string]between{"battery": below(10)}},
	{"leak_sensor", "leak", 0, map[string]between{"leak": is(1)}},
	{"leak_sensor", "low_battery", 0, map[string]between{"battery": below(10)}},
}

func TestEveryFaultShowsInTheRolesItTouches(t *testing.T) {
	for _, c := range faultCases {
		t.Run(c.model+" "+c.fault, func(t *testing.T) {
			// At different moments the device is found in different states.
			for _, start := range []time.Duration{3 * time.Hour, morning, 12*time.Hour + 7*time.Second, 19 * time.Hour} {
				p, d := add(t, start, c.model, nil)
				p.Step(17 * time.Minute)
				begin(t, d, c.fault)
				if c.within > 0 {
					reaches(t, p, c.within, c.fault, func() bool { return shows(d, c.shows) })
				}
				if !shows(d, c.shows) {
					for role := range c.shows {
						t.Errorf("started at %v: %s is %v, want %v", start, role, value(t, d, role), c.shows[role])
					}
				}
			}
		})
	}
	for _, model := range plant.Models() {
		for _, fault := range plant.Faults(model) {
			if !slices.ContainsFunc(faultCases, func(c faultCase) bool { return c.model == model && c.fault == fault }) {
				t.Errorf("nobody checks %s of %s", fault, model)
			}
		}
	}
}

func shows(d *plant.Device, want map[string]between) bool {
	for role, b := range want {
		if v, ok := d.Value(role); !ok || v < b.low || v > b.high {
			return false
		}
	}
	return true
}

// healthy is what a device shows some time after its fault has ended.
var healthy = map[string]map[string]between{
	"elevator":       {"fault.code": is(0), "mode": is(1), "power_ok": is(1), "alarm_button": is(0)},
	"pump":           {"fault.code": is(0), "run": is(1), "flow": above(1), "dc_bus": above(500), "drive.status": is(1)},
	"booster":        {"fault.code": is(0), "pressure.outlet": {0.4, 0.5}, "warning.code": is(0)},
	"sump":           {"fault": is(0), "level": below(1.1), "flood": is(0)},
	"fire_panel":     {"fire_alarm": is(0), "fault": is(0), "shielded": is(0), "mains_lost": is(0)},
	"fire_water":     {"pump.run": is(0), "level": above(2.8), "pressure.hydrant": {0.3, 0.62}, "auto": is(1), "power_ok": is(1)},
	"electric_meter": {"voltage.l2": {198, 235.4}, "thd.voltage.l1": below(5), "current.l1": below(200)},
	"water_meter":    {"signal.quality": above(60), "flow": {0.01, 8}, "warning.code": is(0)},
	"gas_meter":      {"warning.code": is(0), "flow": {0.01, 12}},
	"environment":    {"temperature": below(28), "humidity": below(75), "leak": is(0), "battery": above(15)},
	"leak_sensor":    {"leak": is(0), "battery": above(15)},
}

func TestEveryDeviceComesBackWhenItsFaultEnds(t *testing.T) {
	for _, model := range plant.Models() {
		for _, fault := range plant.Faults(model) {
			p, d := add(t, 11*time.Hour, model, nil)
			begin(t, d, fault)
			p.Step(30 * time.Minute)
			d.End(fault)
			reaches(t, p, 30*time.Minute, model+" without "+fault, func() bool { return shows(d, healthy[model]) })
		}
	}
}

func TestAPumpThatRunsDryDrawsLittle(t *testing.T) {
	p, d := add(t, morning, "pump", nil)
	p.Step(10 * time.Minute)
	usual := value(t, d, "current")
	begin(t, d, "dry_run")
	p.Step(time.Second)
	if dry := value(t, d, "current"); dry >= 0.6*usual || dry <= 0 {
		t.Errorf("dry it draws %v A of %v A", dry, usual)
	}
}

func TestWhoIsTrappedGetsOutAfterwards(t *testing.T) {
	p, d := add(t, 12*time.Hour, "elevator", nil)
	begin(t, d, "entrapment")
	p.Step(10 * time.Minute)
	if value(t, d, "fault.code") != 11 {
		t.Fatalf("nobody is trapped: code %v", value(t, d, "fault.code"))
	}
	d.End("entrapment")
	reaches(t, p, time.Minute, "open door at a landing", func() bool {
		return shows(d, map[string]between{"door_closed": is(0), "door_zone": is(1), "fault.code": is(0)})
	})
}

func TestFirePumpWaitsForItsSelector(t *testing.T) {
	p, d := add(t, morning, "fire_water", nil)
	begin(t, d, "not_auto")
	begin(t, d, "fire")
	p.Step(5 * time.Minute)
	if !shows(d, map[string]between{"pump.run": is(0), "pressure.hydrant": below(0.25)}) {
		t.Error("the pump started in manual")
	}
	d.End("not_auto")
	p.Step(time.Minute)
	if !shows(d, map[string]between{"pump.run": is(1), "pressure.hydrant": above(0.3)}) {
		t.Error("the pump did not start in automatic")
	}
}

// TestALiftTrapsSomebodyEveryTime: while it stands still ever more people wait for
// it, more than one car takes.
func TestALiftTrapsSomebodyEveryTime(t *testing.T) {
	p := plant.New(1, 7*time.Hour)
	lift, err := p.Add("lift-1", "elevator", map[string]float64{"floors": 18})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 10 {
		p.Step(45 * time.Minute)
		if err := lift.Begin("entrapment"); err != nil {
			t.Fatal(err)
		}
		p.Step(2 * time.Hour)
		if code, _ := lift.Value("fault.code"); code != 11 {
			t.Errorf("round %d: nobody is trapped, fault code %v", round, code)
		}
		lift.End("entrapment")
		p.Step(2 * time.Hour)
	}
}
