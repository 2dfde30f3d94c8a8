package plant_test

import (
	"math"
	"testing"
	"time"

	"github.com/intact-gateway/intact/simulators/plant"
)

func TestAHealthyDayStaysWithinTheLimitsOfTheRules(t *testing.T) {
	bounds := map[string]map[string][2]float64{
		"electric_meter": {
			"voltage.l1": {200, 235}, "voltage.l2": {200, 235}, "voltage.l3": {200, 235}, "frequency": {49.9, 50.1},
			"power_factor": {0.9, 1}, "thd.voltage.l1": {0, 4.5}, "power": {1000, 200_000}, "voltage.l12": {353, 407},
		},
		"booster":     {"pressure.outlet": {0.38, 0.55}, "level": {1.4, 2.05}, "fault.code": {0, 0}, "warning.code": {0, 0}, "speed.hz": {0, 50}},
		"pump":        {"speed.hz": {30, 50}, "dc_bus": {500, 580}, "fault.code": {0, 0}, "run": {1, 1}, "pressure.inlet": {0.1, 0.3}, ".power": {10, 110}},
		"sump":        {"level": {0.25, 1.1}, "flood": {0, 0}},
		"fire_water":  {"pressure.hydrant": {0.3, 0.5}, "pressure.sprinkler": {0.3, 0.6}, "level": {2.8, 3.1}, "jockey.starts": {0, 10}, "pump.run": {0, 0}},
		"fire_panel":  {"fire_alarm": {0, 0}, "fault": {0, 0}, "shielded": {0, 0}},
		"water_meter": {"signal.quality": {70, 99}, "flow": {0, 10}, "flow.velocity": {0, 5}},
		"environment": {"temperature": {18, 28}, "humidity": {30, 75}, "battery": {60, 100}, "leak": {0, 0}},
		"elevator":    {"floor": {1, 18}, "mode": {1, 1}, "fault.code": {0, 0}, "alarm_button": {0, 0}, "power_ok": {1, 1}},
	}
	for model, roles := range bounds {
		p, d := add(t, 0, model, nil)
		for p.Now() < day {
			p.Step(10 * time.Second)
			for role, b := range roles {
				if v := value(t, d, role); v < b[0] || v > b[1] {
					t.Fatalf("%s at %v: %s is %v, want %v to %v", model, p.Now(), role, v, b[0], b[1])
				}
			}
		}
	}
}

func TestNoWaterIsMadeOrLost(t *testing.T) {
	for _, tt := range []struct {
		model, out, in string
		area           float64
		faults         []string
	}{
		{"booster", "volume", ".refilled", 10, []string{"", "burst", "mains_off", "trip", "dry_run"}},
		{"sump", "volume", ".inflow", 2, []string{"", "storm", "blocked", "trip"}},
	} {
		for _, fault := range tt.faults {
			p, d := add(t, morning, tt.model, nil)
			if fault != "" {
				begin(t, d, fault)
			}
			before := values(t, d, "level", tt.out, tt.in)
			p.Step(6 * time.Hour)
			after := values(t, d, "level", tt.out, tt.in)
			stored := (after["level"] - before["level"]) * tt.area
			through := after[tt.in] - before[tt.in] - (after[tt.out] - before[tt.out])
			if math.Abs(stored-through) > 1e-6 {
				t.Errorf("%s with %q: the level took %v m3, in less out is %v", tt.model, fault, stored, through)
			}
			if after["level"] < 0 {
				t.Errorf("%s with %q: level %v", tt.model, fault, after["level"])
			}
		}
	}
}

func TestCountersIntegrateWhatTheyCount(t *testing.T) {
	for _, tt := range []struct {
		model, rate, total string
		perHour            float64
	}{
		{"electric_meter", "power", "energy.import", 1.0 / 1000},
		{"water_meter", "flow", "volume", 1},
		{"gas_meter", "flow", "volume", 1},
		{"booster", "flow", "volume", 1},
	} {
		p, d := add(t, morning, tt.model, nil)
		before, sum, last := value(t, d, tt.total), 0.0, 0.0
		for range 4 * 3600 {
			p.Step(250 * time.Millisecond)
			sum += value(t, d, tt.rate) * tt.perHour * 0.25 / 3600
			if grown := value(t, d, tt.total) - before; grown < last {
				t.Fatalf("%s: %s ran backwards", tt.model, tt.total)
			} else {
				last = grown
			}
		}
		if sum <= 0 || math.Abs(last-sum) > 1e-6*sum {
			t.Errorf("%s: %s grew by %v, the integral of %s is %v", tt.model, tt.total, last, tt.rate, sum)
		}
	}
}

func TestPhasesAddUp(t *testing.T) {
	p, d := add(t, morning, "electric_meter", nil)
	for range 100 {
		p.Step(time.Minute)
		v := values(t, d, "power", "power.l1", "power.l2", "power.l3", "voltage.l1", "current.l1", "power_factor", "current.n")
		if math.Abs(v["power"]-v["power.l1"]-v["power.l2"]-v["power.l3"]) > 1e-6 {
			t.Fatalf("phases do not add up: %v", v)
		}
		if p1 := v["voltage.l1"] * v["current.l1"] * v["power_factor"]; math.Abs(p1-v["power.l1"]) > 0.01*v["power.l1"] {
			t.Fatalf("U·I·cosφ is %v W, power %v W", p1, v["power.l1"])
		}
	}
}

func TestMorePumpSpeedGivesMoreFlowAndMorePower(t *testing.T) {
	p, d := add(t, 0, "pump", nil)
	type point struct{ hz, flow, power, current float64 }
	var seen []point
	for p.Now() < day {
		p.Step(10 * time.Minute)
		v := values(t, d, "speed.hz", "flow", "power", "current")
		seen = append(seen, point{v["speed.hz"], v["flow"], v["power"], v["current"]})
	}
	for _, a := range seen {
		for _, b := range seen {
			if a.hz < b.hz && (a.flow >= b.flow || a.power >= b.power || a.current >= b.current) {
				t.Fatalf("slower %+v gives no less than faster %+v", a, b)
			}
		}
	}
}

func TestMoreLoadMeansLessVoltage(t *testing.T) {
	average := func(set map[string]float64) float64 {
		p, d := add(t, 19*time.Hour, "electric_meter", set)
		sum := 0.0
		for range 600 {
			p.Step(time.Second)
			sum += value(t, d, "voltage.l1")
		}
		return sum / 600
	}
	light, heavy := average(map[string]float64{"base": 1}), average(map[string]float64{"base": 120})
	if heavy >= light-1 {
		t.Errorf("%v V without load, %v V with", light, heavy)
	}
}

func TestBoosterRestsAtNightAndStagesByDay(t *testing.T) {
	p, d := add(t, 2*time.Hour, "booster", nil)
	rest, starts := 0, value(t, d, "starts")
	for p.Now() < 4*time.Hour {
		p.Step(10 * time.Second)
		if value(t, d, "run") == 0 {
			rest++
		}
	}
	if night := value(t, d, "starts") - starts; rest == 0 || night < 2 || night > 100 {
		t.Errorf("at night it rested %d times 10 s and started %v times", rest, night)
	}
}

func TestLiftKeepsToItsShaftAndItsDoors(t *testing.T) {
	p, d := add(t, 6*time.Hour, "elevator", map[string]float64{"floors": 9})
	last := values(t, d, "runs", "run_hours")
	floors, occupied := make(map[float64]bool), 0
	begun := last["runs"]
	for p.Now() < 13*time.Hour {
		p.Step(250 * time.Millisecond)
		v := values(t, d, "floor", "door_zone", "door_closed", "moving", "direction", "runs", "run_hours", "occupied")
		if v["door_closed"] == 0 && (v["door_zone"] == 0 || v["moving"] == 1) {
			t.Fatalf("at %v the door is open on the way: %v", p.Now(), v)
		}
		if v["floor"] < 1 || v["floor"] > 9 {
			t.Fatalf("at %v floor %v of 9", p.Now(), v["floor"])
		}
		if (v["moving"] == 1) != (v["direction"] != 0) {
			t.Fatalf("at %v moving and direction disagree: %v", p.Now(), v)
		}
		if v["runs"] < last["runs"] || v["run_hours"] < last["run_hours"] || v["runs"] > last["runs"]+1 {
			t.Fatalf("at %v counters jump: %v after %v", p.Now(), v, last)
		}
		last = v
		floors[v["floor"]] = true
		occupied += int(v["occupied"])
	}
	if len(floors) != 9 {
		t.Errorf("it visited %d of 9 floors", len(floors))
	}
	if runs := last["runs"] - begun; runs < 100 || runs > 2000 || occupied == 0 {
		t.Errorf("%v runs on a day, occupied %d quarter seconds", runs, occupied)
	}
}

func TestPlantTimeRunsAlsoInShortSteps(t *testing.T) {
	p := plant.New(1, morning)
	for range 7 {
		p.Step(100 * time.Millisecond)
	}
	if got := p.Now() - morning; got != 700*time.Millisecond {
		t.Errorf("seven steps of 100 ms are %v", got)
	}
}

// TestWeekAndYearShow compares days that differ only in the calendar.
func TestWeekAndYearShow(t *testing.T) {
	const thursday, sunday, july = 0, 3 * day, 203 * day // a Thursday, too
	used := func(from time.Duration, model, role string) float64 {
		p, d := add(t, from, model, nil)
		before := value(t, d, role)
		p.Step(day)
		return value(t, d, role) - before
	}
	for _, c := range []struct {
		model, role string
		more, less  time.Duration
	}{
		{"elevator", "runs", thursday, sunday},
		{"electric_meter", "energy.import", thursday, sunday},
		{"electric_meter", "energy.import", july, 95 * day},
		{"gas_meter", "volume", thursday, july},
		{"water_meter", "volume", july, thursday},
		{"sump", ".inflow", july, thursday},
	} {
		if more, less := used(c.more, c.model, c.role), used(c.less, c.model, c.role); more < 1.05*less {
			t.Errorf("%s %s: %.0f on day %d, %.0f on day %d", c.model, c.role, more, c.more/day, less, c.less/day)
		}
	}
}
