// Package plant plays the equipment of a building: lifts, pumps, tanks, fire
// systems and meters, with physics a building engineer would believe and faults
// that can be switched on and off.
//
// A plant is driven by simulated time alone: it reads no clock, starts no
// goroutine and knows no wire. The same seed, devices, steps and faults give the
// same series, however the time was cut into steps, and a device's series does
// not depend on which others are there. A plant belongs to one goroutine.
//
// Simulated time is counted from the midnight that begins a year: people keep the
// hours of the day and the days of the week, and heating, cooling, rain and rooms
// follow the seasons.
//
// Values are asked for by role, in the unit that UnitOf tells. Where a device
// has several points of one role they are asked for as "role:1", "role:2" and
// so on; a point of a profile that has no role is asked for as ".name". What a
// device does not have it does not answer.
package plant

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// quantum is the step of all models. Longer steps of a caller are made of it,
// shorter ones wait until they fill it.
const quantum = 250 * time.Millisecond

// dt is the quantum in seconds, dtHours in hours.
const (
	dt      = float64(quantum) / float64(time.Second)
	dtHours = dt / 3600
)

// Plant is a set of devices that share one simulated time.
type Plant struct {
	seed    uint64
	now     time.Duration
	pending time.Duration
	devices []*Device
}

// New returns an empty plant whose simulated time begins at start, counted from
// midnight of its first day.
func New(seed uint64, start time.Duration) *Plant {
	return &Plant{seed: seed, now: start}
}

// Now returns the simulated time since midnight of the first day.
func (p *Plant) Now() time.Duration { return p.now + p.pending }

// Step moves the plant forward by d of simulated time.
func (p *Plant) Step(d time.Duration) {
	for p.pending += d; p.pending >= quantum; p.pending -= quantum {
		p.now += quantum
		for _, d := range p.devices {
			d.machine.step(p.now)
		}
	}
}

// Add puts a device of the named model into the plant. Set overrides parameters
// of the model; the error names an unknown model or parameter, or one that is
// out of bounds.
func (p *Plant) Add(id, model string, set map[string]float64) (*Device, error) {
	if err := Check(model, set); err != nil {
		return nil, fmt.Errorf("device %s: %w", id, err)
	}
	k := kinds[model]
	values := make(map[string]float64, len(k.params))
	for name, param := range k.params {
		values[name] = param.usual
	}
	maps.Copy(values, set)
	// The id goes into the seed so that a device added later leaves the series
	// of all others as they were.
	name := fnv.New64a()
	name.Write([]byte(id))
	b := base{
		rng:    rand.New(rand.NewPCG(p.seed, name.Sum64())),
		set:    values,
		active: make(map[string]int),
	}
	d := &Device{id: id, model: model, active: b.active, machine: k.make(b), stuck: make(map[string]reading)}
	p.devices = append(p.devices, d)
	// One step lets a device settle, so that it has values from the start.
	d.machine.step(p.now)
	return d, nil
}

// Check returns what is wrong with a model and its parameters.
func Check(model string, set map[string]float64) error {
	k, ok := kinds[model]
	if !ok {
		return fmt.Errorf("unknown model %q, want one of %s", model, strings.Join(Models(), ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		param, ok := k.params[name]
		if !ok {
			return fmt.Errorf("model %s has no parameter %q, only %s", model, name,
				strings.Join(slices.Sorted(maps.Keys(k.params)), ", "))
		}
		if v := set[name]; !(v >= param.min && v <= param.max) {
			return fmt.Errorf("parameter %s is %v, want %v to %v", name, v, param.min, param.max)
		}
	}
	return nil
}

// Device is one machine of a plant.
type Device struct {
	id      string
	model   string
	machine machine
	active  map[string]int // shared with the machine
	stuck   map[string]reading
}

// reading is an answer of Value that a stuck sensor keeps giving, and how many
// reasons it has to be stuck.
type reading struct {
	value float64
	ok    bool
	count int
}

// ID returns the name the device was added under.
func (d *Device) ID() string { return d.id }

// Value returns what the device measures for a role, and whether it has it.
func (d *Device) Value(role string) (float64, bool) {
	if r, ok := d.stuck[role]; ok {
		return r.value, r.ok
	}
	return d.machine.Value(role)
}

// Begin switches a fault of the device's model on. A fault that began several
// times lasts until it has ended as often.
func (d *Device) Begin(fault string) error {
	if !slices.Contains(Faults(d.model), fault) {
		return fmt.Errorf("device %s: model %s has no fault %q, only %s", d.id, d.model, fault,
			strings.Join(Faults(d.model), ", "))
	}
	d.active[fault]++
	return nil
}

// End switches a fault off. To end what never began does nothing.
func (d *Device) End(fault string) {
	if d.active[fault] > 0 {
		d.active[fault]--
	}
}

// Stick makes the sensor of a role keep the value it has now, until Free has
// been called as often.
func (d *Device) Stick(role string) {
	r, already := d.stuck[role]
	if !already {
		r.value, r.ok = d.machine.Value(role)
	}
	r.count++
	d.stuck[role] = r
}

// Free lets the sensor of a role measure again.
func (d *Device) Free(role string) {
	r := d.stuck[role]
	if r.count--; r.count > 0 {
		d.stuck[role] = r
		return
	}
	delete(d.stuck, role)
}

// machine is the model behind a device.
type machine interface {
	// step moves the model one quantum to now.
	step(now time.Duration)
	// Value changes nothing: noise is drawn in step.
	Value(role string) (float64, bool)
}

// base is what every model has.
type base struct {
	rng    *rand.Rand
	set    map[string]float64
	active map[string]int
}

// on reports whether a fault is on.
func (b *base) on(fault string) bool { return b.active[fault] > 0 }
