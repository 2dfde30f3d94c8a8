package configs_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/chain"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
	"github.com/intact-gateway/intact/simulators/plant"
)

// longYear, if it is set in the environment, has the healthy plant run for all of a
// year, and be read more often, instead of for a day in winter and one in summer.
const longYear = "INTACT_YEAR"

// How often the simulated devices are read.
const (
	pollEvery  = 5 * time.Second
	pollInYear = 2 * time.Second
)

const oneDay = 24 * time.Hour

// newYear is the moment that the simulated time of a plant counts from: a
// Thursday.
var newYear = gateway.InstantOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))

// models are what plays the facilities of testdata/year.
var models = map[gateway.FacilityID]string{
	"lift": "elevator", "panel": "fire_panel", "hydrants": "fire_water", "booster": "booster", "drive": "pump", "pump": "pump",
	"sump": "sump", "meter": "electric_meter", "water": "water_meter", "gas": "gas_meter", "room": "environment", "leak": "leak_sensor",
}

// TestAHealthyPlantRaisesNoAlert reads a building without a fault through the
// rules that ship, alerts and tickets included: people must hear of nothing.
func TestAHealthyPlantRaisesNoAlert(t *testing.T) {
	c := yearSite(t)
	type span struct{ from, length, every time.Duration }
	spans := []span{{14 * oneDay, oneDay, pollEvery}, {199 * oneDay, oneDay, pollEvery}} // a Thursday and a Sunday
	if os.Getenv(longYear) != "" {
		spans = []span{{0, 365 * oneDay, pollInYear}}
	}
	for _, s := range spans {
		told := 0
		b := newBuilding(t, c, s.from, func(ev alerts.Event) {
			told++
			t.Errorf("%v: %s %s %s, value %g", time.Duration(ev.At.Sub(newYear)), ev.Alert.Key, ev.Kind, ev.Alert.Severity, ev.Alert.Value)
		})
		for range int(s.length / s.every) {
			b.poll(s.every)
		}
		if b.pending == 0 {
			t.Error("no rule ever began to hold a condition: did the plant run?")
		}
		t.Logf("from day %d on: %v, %d facilities, %d rule instances, %d samples, %d conditions began to be held, %d alerts",
			int(s.from/oneDay)+1, s.length, len(models), len(b.chain.Engine.Instances()), b.samples, b.pending, told)
	}
}

// building is a plant whose devices are read into a chain.
type building struct {
	plant   *plant.Plant
	chain   *chain.Chain
	sensors []sensor
	batch   []gateway.Sample
	samples int
	pending int // how often a rule has begun to hold
	tickets int // that were opened
}

// sensor is a point of a facility and the device that answers for it.
type sensor struct {
	device *plant.Device
	ref    gateway.PointRef
	role   string
	factor float64 // from the unit of the plant to that of the point
	zero   float64
}

// newBuilding returns the building at a time since newYear. It tells of what the
// people of the site would hear of.
func newBuilding(t *testing.T, c *configs.Config, from time.Duration, tell func(alerts.Event)) *building {
	t.Helper()
	b := &building{plant: plant.New(20260101, from)}
	devices := make(map[gateway.FacilityID]*plant.Device)
	for _, id := range slices.Sorted(maps.Keys(models)) {
		d, err := b.plant.Add(string(id), models[id], nil)
		if err != nil {
			t.Fatal(err)
		}
		devices[id] = d
		b.wire(t, c.Site, c.Site.Facility(id), d)
	}
	engine := rules.Compile(c.Site, c.Packs, c.Settings, func(path, problem, _ string) { t.Fatalf("%s: %s", path, problem) })
	b.chain = chain.New(chain.Parts{
		Engine: engine,
		Book:   alerts.NewBook(c.Site, engine.Instances(), nil, 0, alerts.Options{}),
		Desk:   tickets.NewDesk(c.Site, nil, 0, nil, tickets.Options{}),
		Router: notify.NewRouter(notify.Config{}, c.Site),
	}, chain.Listener{
		Change: func(c rules.Change) {
			if c.To == rules.Pending && c.From == rules.Normal {
				b.pending++
			}
		},
		Alert: tell,
		Ticket: func(ev tickets.Event) {
			if ev.Name == "opened" {
				b.tickets++
			}
		},
	}, b.now())
	b.well(c.Site)
	return b
}

// wire connects the points of a facility to the device that has them.
func (b *building) wire(t *testing.T, site *gateway.Site, f *gateway.Facility, d *plant.Device) {
	t.Helper()
	alike := make(map[string]int)
	for _, p := range f.Points {
		alike[p.Role]++
	}
	number := make(map[string]int)
	for _, p := range f.Points {
		role := p.Role
		if role == "" {
			role = "." + p.Name
		} else if number[role]++; alike[role] > 1 {
			role = fmt.Sprintf("%s:%d", role, number[role])
		}
		_, has := d.Value(role)
		if p.Formula != "" || !has {
			continue
		}
		ref, _ := site.Lookup(gateway.PointID(string(f.ID) + "/" + p.Name))
		s := sensor{device: d, ref: ref, role: role}
		var err error
		if s.zero, err = gateway.ConvertUnit(0, plant.UnitOf(role), p.Unit); err != nil {
			t.Fatalf("%s of %s: %v", p.Name, f.ID, err)
		}
		one, _ := gateway.ConvertUnit(1, plant.UnitOf(role), p.Unit)
		s.factor = one - s.zero
		b.sensors = append(b.sensors, s)
	}
}

// well says of the points of the gateway's own that all is well with them.
func (b *building) well(site *gateway.Site) {
	var batch []gateway.Sample
	for ref, p := range site.Points() {
		v := 1.0
		switch {
		case p.Role == gateway.BlindPoint:
			v = gateway.BlindToNothing
		case p.Role != gateway.LinkPoint && !strings.HasPrefix(string(p.ID()), string(gateway.Self)+"/"):
			continue
		}
		batch = append(batch, gateway.Sample{Point: ref, Value: v, Quality: gateway.Good, At: b.now()})
	}
	b.chain.Observe(batch)
}

func (b *building) now() gateway.Instant { return newYear.Add(b.plant.Now()) }

// poll moves the plant on by every and reads all of it.
func (b *building) poll(every time.Duration) {
	b.plant.Step(every)
	b.batch = b.batch[:0]
	for _, s := range b.sensors {
		v, _ := s.device.Value(s.role)
		b.batch = append(b.batch, gateway.Sample{Point: s.ref, Value: v*s.factor + s.zero, Quality: gateway.Good, At: b.now()})
	}
	b.samples += len(b.batch)
	b.chain.Observe(b.batch)
}

// yearSite loads the site of testdata/year.
func yearSite(t *testing.T) *configs.Config {
	t.Helper()
	c, err := configs.Load(os.DirFS("testdata/year"), "site.yaml", configs.Options{Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
