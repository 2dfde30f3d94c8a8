package configs_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
	"github.com/intact-gateway/intact/simulators/plant"
)

// The course of a scripted fault: the device is well for wellBefore, the fault
// lasts, and what it leaves behind is over within wellAgain. The next device's
// turn comes stagger later, so that the alerts of one fault are seen apart from
// those of the others.
const (
	wellBefore = 30 * time.Minute
	faultLasts = time.Hour
	wellAgain  = 90 * time.Minute
	stagger    = 13 * time.Minute
)

// most is how many alerts people may hear of in ten minutes before it is a flood
// (EEMUA 191).
const most = 10

// scripted is one fault of a device and the rules that it must and may raise.
type scripted struct {
	fault string
	found string // rules that find it, each once on each of its points
	also  string // rules that what the fault does to the plant may raise, too
	lasts time.Duration
	blind string // why no rule finds it
}

// script lists every fault of every device, in the order in which they are played.
var script = map[gateway.FacilityID][]scripted{
	"lift": {
		// The controller first calls it a stop between floors, after a minute an
		// entrapment; the passenger presses the alarm button again and again.
		{fault: "entrapment", found: "entrapment entrapment_reported stopped_out_of_zone alarm_button", also: "control_fault"},
		{fault: "door_fault", found: "door_fault"},
		{fault: "power_off", found: "power_lost out_of_service"},
		{fault: "inspection", found: "inspection"},
		{fault: "alarm_button", found: "alarm_button"},
		{fault: "fire_return", found: "fire_service"},
		{fault: "out_of_service", found: "out_of_service"},
		{fault: "safety_circuit", found: "safety_circuit", also: "entrapment stopped_out_of_zone"},
	},
	"panel": {
		{fault: "smoke", found: "fire_alarm"}, {fault: "detector_fault", found: "panel_fault"}, {fault: "shielded", found: "shielded"},
		{fault: "mains_lost", found: "mains_lost"}, {fault: "backup_lost", found: "backup_lost"},
		{fault: "manual_mode", found: "manual_mode"}, {fault: "silenced", found: "silenced"},
	},
	"hydrants": {
		{fault: "leak", found: "jockey_starts"}, {fault: "pressure_loss", found: "hydrant_low"}, {fault: "tank_drained", found: "tank_low"},
		{fault: "pump_fault", found: "pump_fault"}, {fault: "not_auto", found: "not_auto"},
		// Without the jockey pump the ring loses its pressure within the hour.
		{fault: "power_off", found: "power_lost", also: "hydrant_low"},
		{fault: "fire", found: "pump_running"},
	},
	"booster": {
		{fault: "trip", found: "group_alarm outlet_low", also: "warned"}, {fault: "phase_loss", found: "group_alarm outlet_low", also: "warned"},
		{fault: "dry_run", found: "group_alarm inlet_low outlet_low", also: "warned"},
		{fault: "mains_off", found: "group_alarm inlet_low outlet_low", also: "warned", lasts: 14 * time.Hour},
		{fault: "burst", found: "outlet_low warned"}, {fault: "overpressure", found: "group_alarm outlet_high"},
	},
	"drive": {
		{fault: "trip", found: "tripped"}, {fault: "phase_loss", found: "tripped"}, {fault: "undervoltage", found: "tripped bus_voltage_low"},
		{fault: "power_off", found: "bus_voltage_low"},
		{fault: "dry_run", blind: "a drive measures no flow; the pump below does"},
	},
	"pump": {
		{fault: "trip", found: "tripped"}, {fault: "phase_loss", found: "tripped"}, {fault: "undervoltage", found: "tripped"},
		{fault: "dry_run", found: "dry_run no_flow"}, {fault: "power_off", found: "power_lost"},
	},
	"sump": {
		{fault: "blocked", found: "runs_long level_high flooded", lasts: 6 * time.Hour},
		{fault: "trip", found: "tripped high_not_pumping level_high flooded", lasts: 6 * time.Hour},
		{fault: "storm", found: "runs_long"},
	},
	"meter": {
		{fault: "over_voltage", found: "voltage_high"}, {fault: "under_voltage", found: "voltage_low"},
		{fault: "phase_loss", found: "phase_lost", also: "voltage_low current_imbalance"},
		{fault: "unbalance", found: "current_imbalance"}, {fault: "overload", found: "overload"}, {fault: "harmonics", found: "harmonics"},
	},
	"water": {
		{fault: "burst", found: "burst"}, {fault: "signal_loss", found: "signal_poor"},
		{fault: "leak", found: "night_leak", lasts: 24 * time.Hour}, // what is less than the highest flow shows at night
	},
	"gas": {
		{fault: "signal_loss", found: "meter_error"},
		{fault: "leak", blind: "below the highest flow it looks like a boiler that runs: only the site knows the least flow of its nights"},
	},
	"room": {
		{fault: "hot", found: "temperature_high"}, {fault: "humid", found: "humidity_high"}, {fault: "leak", found: "leak"}, {fault: "low_battery", found: "battery_low"},
	},
	"leak": {{fault: "leak", found: "leak"}, {fault: "low_battery", found: "battery_low"}},
}

// TestScriptedFaultsAreFound plays the faults of each device, one after the other
// and those of all devices side by side: each is found by the rules that should,
// once, and what it raised is over when it is.
func TestScriptedFaultsAreFound(t *testing.T) {
	d := newFaultDays(t, yearSite(t))
	begin := d.plant.Now()
	d.play(t)
	faults := 0
	for id, model := range models {
		for _, fault := range plant.Faults(model) {
			n := slices.IndexFunc(script[id], func(s scripted) bool { return s.fault == fault })
			if n < 0 {
				t.Errorf("fault %s of %s is not in the script", fault, id)
				continue
			}
			faults++
			d.check(t, occurrence{id, n})
		}
	}
	for _, a := range d.chain.Book.Open() {
		if a.Phase != rules.Normal { // else it has returned, and nobody has acknowledged it
			t.Errorf("%s is %s although every fault is over", a.Key, a.Phase)
		}
	}
	if d.chatter > 0 || d.peak > most {
		t.Errorf("%d events of alerts that chatter, %d alerts within ten minutes, want at most %d", d.chatter, d.peak, most)
	}
	hours := (d.plant.Now() - begin).Hours()
	t.Logf("%d faults of %d devices in %.0f h: %d alerts (%.1f an hour, at most %d within an hour and %d within ten minutes), %d tickets, none chattered",
		faults, len(models), hours, d.told, float64(d.told)/hours, d.hour, d.peak, d.tickets)
}

// occurrence is one fault of the script: whose, and its place in the list.
type occurrence struct {
	facility gateway.FacilityID
	number   int
}

// faultDays are the days in which the script is played, and what people hear.
type faultDays struct {
	*building
	devices map[gateway.FacilityID]*plant.Device
	turn    map[gateway.FacilityID]int    // which of its faults it has come to
	raised  map[occurrence]map[string]int // how often each alert was raised, by key

	told, hour, peak, chatter int
}

func newFaultDays(t *testing.T, c *configs.Config) *faultDays {
	d := &faultDays{devices: make(map[gateway.FacilityID]*plant.Device), turn: make(map[gateway.FacilityID]int), raised: make(map[occurrence]map[string]int)}
	d.building = newBuilding(t, c, 107*oneDay, d.hear)
	for _, s := range d.sensors {
		d.devices[gateway.FacilityID(s.device.ID())] = s.device
	}
	return d
}

func (d *faultDays) hear(ev alerts.Event) {
	if ev.Alert.Chattering() {
		d.chatter++
	}
	if ev.Kind != alerts.Raised {
		return
	}
	d.told++
	o := occurrence{ev.Alert.Facility, d.turn[ev.Alert.Facility]}
	if d.raised[o] == nil {
		d.raised[o] = make(map[string]int)
	}
	d.raised[o][ev.Alert.Key]++
}

// act is what a script has come to at a time.
type act struct {
	at time.Duration
	do func()
}

// play lets all devices go through their faults, and then be well.
func (d *faultDays) play(t *testing.T) {
	acts, end := d.acts(t)
	for d.plant.Now() < end {
		for len(acts) > 0 && acts[0].at <= d.plant.Now() {
			acts[0].do()
			acts = acts[1:]
		}
		d.poll(pollEvery)
		load := d.chain.Book.Load()
		d.peak, d.hour = max(d.peak, load.TenMinutes), max(d.hour, load.Hour)
	}
}

// acts returns what the script does, in the order of time, and when all is over.
func (d *faultDays) acts(t *testing.T) (acts []act, end time.Duration) {
	begin := d.plant.Now()
	for i, id := range slices.Sorted(maps.Keys(script)) {
		at := begin + time.Duration(i)*stagger
		for n, s := range script[id] {
			from := at + wellBefore
			to := from + cmp.Or(s.lasts, faultLasts)
			acts = append(acts,
				act{at, func() { d.turn[id] = n }},
				act{from, func() {
					if err := d.devices[id].Begin(s.fault); err != nil {
						t.Error(err)
					}
				}},
				act{to, func() { d.devices[id].End(s.fault) }})
			at = to + wellAgain
		}
		end = max(end, at)
	}
	slices.SortStableFunc(acts, func(a, b act) int { return cmp.Compare(a.at, b.at) })
	return acts, end
}

// check holds what a fault has raised against what it should.
func (d *faultDays) check(t *testing.T, o occurrence) {
	s := script[o.facility][o.number]
	must, may := strings.Fields(s.found), strings.Fields(s.also)
	if (s.blind == "") == (len(must) == 0) {
		t.Errorf("%s %s: say which rule finds it, or why none does", o.facility, s.fault)
	}
	for key, times := range d.raised[o] {
		rule := strings.Split(key, "/")[1]
		must = slices.DeleteFunc(must, func(r string) bool { return r == rule })
		if !slices.Contains(strings.Fields(s.found), rule) && !slices.Contains(may, rule) {
			t.Errorf("%s %s raised %s, which has nothing to do with it", o.facility, s.fault, key)
		}
		if times != 1 {
			t.Errorf("%s %s raised %s %d times", o.facility, s.fault, key, times)
		}
	}
	if len(must) > 0 {
		t.Errorf("%s %s was not found by %s", o.facility, s.fault, strings.Join(must, ", "))
	}
}
