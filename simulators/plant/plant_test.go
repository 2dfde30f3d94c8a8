package plant_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/simulators/plant"
)

const (
	morning = 7 * time.Hour
	day     = 24 * time.Hour
)

// add returns a plant at start with one device in it.
func add(t *testing.T, start time.Duration, model string, set map[string]float64) (*plant.Plant, *plant.Device) {
	t.Helper()
	p := plant.New(1, start)
	d, err := p.Add("d", model, set)
	if err != nil {
		t.Fatal(err)
	}
	return p, d
}

func value(t *testing.T, d *plant.Device, role string) float64 {
	t.Helper()
	v, ok := d.Value(role)
	if !ok {
		t.Fatalf("%s has no role %s", d.ID(), role)
	}
	return v
}

// values returns the present values of roles.
func values(t *testing.T, d *plant.Device, roles ...string) map[string]float64 {
	t.Helper()
	got := make(map[string]float64)
	for _, r := range roles {
		got[r] = value(t, d, r)
	}
	return got
}

// reaches steps the plant until ok holds, for at most limit.
func reaches(t *testing.T, p *plant.Plant, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := p.Now() + limit; p.Now() < end; {
		if ok() {
			return
		}
		p.Step(250 * time.Millisecond)
	}
	t.Errorf("no %s within %v", what, limit)
}

func begin(t *testing.T, d *plant.Device, fault string) {
	t.Helper()
	if err := d.Begin(fault); err != nil {
		t.Fatal(err)
	}
}

// rolesOf are the roles that each model must answer.
var rolesOf = map[string]string{
	"elevator":       "mode moving direction door_zone door_closed floor occupied alarm_button fault.code runs run_hours power_ok",
	"pump":           "run fault fault.code auto remote drive.status power_ok speed speed.hz current power .power .volts dc_bus pressure.inlet pressure.outlet flow temperature run_hours starts",
	"booster":        "run fault fault.code warning warning.code auto remote .control_mode .feedback speed speed.hz current power pressure.outlet pressure.inlet pressure.setpoint flow level volume run_hours starts",
	"sump":           "level run fault flood auto current flow volume run_hours starts",
	"fire_panel":     "fire_alarm fire_alarm:3 fault fault:3 shielded shielded:3 mains_lost backup_lost manual_mode silenced",
	"fire_water":     "pressure.hydrant pressure.sprinkler level jockey.starts auto pump.run pump.fault power_ok",
	"electric_meter": "voltage.l1 voltage.l2 voltage.l3 voltage.l12 voltage.l23 voltage.l31 current.l1 current.l2 current.l3 current.n power power.l1 power.l2 power.l3 power_factor frequency energy.import energy.export thd.voltage.l1 thd.voltage.l2 thd.voltage.l3 thd.current",
	"water_meter":    "flow flow.velocity volume volume.positive signal.quality warning.code temperature",
	"gas_meter":      "flow volume temperature",
	"environment":    "temperature humidity battery leak flood",
	"leak_sensor":    "leak battery temperature",
}

func TestEveryModelAnswersItsRoles(t *testing.T) {
	if got := slices.Sorted(maps.Keys(rolesOf)); !slices.Equal(got, plant.Models()) {
		t.Errorf("roles are listed for %v, models are %v", got, plant.Models())
	}
	for model, roles := range rolesOf {
		p, d := add(t, morning, model, nil)
		for range 100 {
			p.Step(time.Minute)
			for _, role := range strings.Fields(roles) {
				if v, ok := d.Value(role); !ok || math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("%s: %s is %v, %v", model, role, v, ok)
				}
			}
		}
		for _, role := range []string{"", "link", "nonsense", "fire_alarm:9:9x", "mains_lost:1"} {
			if v, ok := d.Value(role); ok && !(model == "fire_panel" && strings.HasPrefix(role, "fire_alarm")) {
				t.Errorf("%s answers %v for %q", model, v, role)
			}
		}
	}
}

func TestUnitsAreThoseOfTheGateway(t *testing.T) {
	for role, want := range map[string]string{
		"voltage.l1": "V", "current.n": "A", "power": "W", "power.l2": "W", "power_factor": "", "energy.import": "kWh",
		"pressure.outlet": "MPa", "flow": "m3/h", "flow.velocity": "m/s", "speed": "rpm", "speed.hz": "Hz",
		"thd.voltage.l3": "%", "level": "m", "volume.positive": "m3", "fire_alarm:3": "", ".power": "", "power_ok": "",
		"pump.run": "", "": "", "run_hours": "h",
	} {
		if got := plant.UnitOf(role); got != want || !gateway.ValidUnit(got) {
			t.Errorf("%q is in %q, want %q", role, got, want)
		}
	}
}

// series records every role of one device over two hours in steps of step.
func series(t *testing.T, seed uint64, model string, step time.Duration, others ...string) []string {
	t.Helper()
	p := plant.New(seed, morning)
	for i, m := range others {
		if _, err := p.Add(fmt.Sprintf("other-%d", i), m, nil); err != nil {
			t.Fatal(err)
		}
	}
	d, err := p.Add("d", model, nil)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for p.Now() < morning+2*time.Hour {
		for at := p.Now() + time.Minute; p.Now() < at; {
			p.Step(step)
		}
		lines = append(lines, fmt.Sprint(values(t, d, strings.Fields(rolesOf[model])...)))
	}
	return lines
}

func TestTheSameSeedGivesTheSameDayHoweverItIsCut(t *testing.T) {
	for _, model := range plant.Models() {
		first := series(t, 7, model, time.Second)
		if diff := cmp.Diff(first, series(t, 7, model, time.Minute)); diff != "" {
			t.Errorf("%s depends on the length of a step:\n%s", model, diff)
		}
		if diff := cmp.Diff(first, series(t, 7, model, 100*time.Millisecond, "sump", "elevator")); diff != "" {
			t.Errorf("%s depends on its neighbours or on short steps:\n%s", model, diff)
		}
		if model != "fire_panel" && slices.Equal(first, series(t, 8, model, time.Second)) {
			t.Errorf("%s does not depend on the seed", model)
		}
	}
}

func TestWhatCannotBeAddedSaysWhy(t *testing.T) {
	for want, try := range map[string]struct {
		model string
		set   map[string]float64
	}{
		`unknown model "lift"`:                 {"lift", nil},
		`no parameter "floor", only floors`:    {"elevator", map[string]float64{"floor": 3}},
		"parameter floors is 1, want 2 to 63":  {"elevator", map[string]float64{"floors": 1}},
		"parameter floors is NaN":              {"elevator", map[string]float64{"floors": math.NaN()}},
		"parameter setpoint is 5, want 0.2 to": {"booster", map[string]float64{"setpoint": 5}},
	} {
		if _, err := plant.New(1, 0).Add("x", try.model, try.set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	_, d := add(t, 0, "pump", nil)
	if err := d.Begin("entrapment"); err == nil || !strings.Contains(err.Error(), "trip, phase_loss") {
		t.Errorf("a pump can be trapped: %v", err)
	}
}

func TestAFaultThatBeganTwiceEndsTwice(t *testing.T) {
	p, d := add(t, morning, "pump", nil)
	begin(t, d, "trip")
	begin(t, d, "trip")
	d.End("trip")
	p.Step(time.Minute)
	if value(t, d, "fault") != 1 {
		t.Error("the first end ended both")
	}
	d.End("trip")
	d.End("trip") // once too often
	p.Step(time.Minute)
	if value(t, d, "fault") != 0 || value(t, d, "run") != 1 {
		t.Error("the pump did not come back")
	}
	begin(t, d, "trip")
	if value(t, d, "fault") != 1 {
		t.Error("ending too often has made the pump immune")
	}
}

func TestAStuckSensorKeepsItsValueAndOnlyItsOwn(t *testing.T) {
	p, d := add(t, morning, "water_meter", nil)
	p.Step(time.Minute)
	flow, volume := value(t, d, "flow"), value(t, d, "volume")
	d.Stick("flow")
	d.Stick("flow")
	p.Step(10 * time.Minute)
	if got := value(t, d, "flow"); got != flow {
		t.Errorf("stuck flow moved from %v to %v", flow, got)
	}
	if value(t, d, "volume") <= volume {
		t.Error("the total is stuck too")
	}
	d.Free("flow")
	if value(t, d, "flow") != flow {
		t.Error("freed at the first of two ends")
	}
	d.Free("flow")
	if value(t, d, "flow") == flow {
		t.Error("still stuck")
	}
}

func BenchmarkStepBuilding(b *testing.B) {
	p := plant.New(1, morning)
	for i := range 46 {
		model := plant.Models()[i%len(plant.Models())]
		if _, err := p.Add(fmt.Sprint(i), model, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Step(time.Second)
	}
}
