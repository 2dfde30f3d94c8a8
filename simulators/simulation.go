package simulators

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/simulators/plant"
)

// tick is how often registers change.
const tick = 100 * time.Millisecond

// Options are what a simulation tells its owner.
type Options struct {
	Log *slog.Logger // default discards
	// Tell is called when a fault of the script begins or ends, from a goroutine
	// of Run; default nobody is told.
	Tell func(Happening)
	// Listen takes the port of a Modbus server; default net.Listen.
	Listen func(network, address string) (net.Listener, error)
}

// Simulation is a plan at work.
type Simulation struct {
	plan  Plan
	o     Options
	buses map[string]*bus

	mu      sync.Mutex // held while the plant is stepped or looked at
	plant   *plant.Plant
	devices map[string]*device
}

// New builds the plan and takes its ports, which Run serves and frees; without
// Run, Close frees them. Profiles are found by name. The error names everything
// that is wrong.
func New(plan Plan, profiles map[string]*drivers.Profile, o Options) (*Simulation, error) {
	if err := check(&plan); err != nil {
		return nil, err
	}
	if plan.Speed == 0 {
		plan.Speed = 1
	}
	if plan.Publish == 0 {
		plan.Publish = 2 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Tell == nil {
		o.Tell = func(Happening) {}
	}
	if o.Listen == nil {
		o.Listen = net.Listen
	}
	s := &Simulation{
		plan: plan, o: o, buses: make(map[string]*bus), devices: make(map[string]*device),
		plant: plant.New(plan.Seed, time.Duration(plan.Start)),
	}
	for id, b := range plan.Buses {
		s.buses[id] = newBus(b, o, o.Log.With("bus", id))
	}
	var errs []error
	for i := range plan.Devices {
		errs = append(errs, s.add(plan.Devices[i], profiles))
	}
	errs = append(errs, s.checkStuck())
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(s.buses)) {
		if err := s.buses[id].open(); err != nil {
			return nil, errors.Join(fmt.Errorf("bus %s: %w", id, err), s.Close())
		}
	}
	return s, nil
}

// check returns the mistakes of a plan as one error.
func check(plan *Plan) error {
	var errs []error
	plan.Validate(func(path, problem, hint string) {
		text := strings.TrimPrefix(path+": "+problem, ": ")
		if hint != "" {
			text += "; " + hint
		}
		errs = append(errs, errors.New(text))
	})
	return errors.Join(errs...)
}

// add makes one device and puts it on its bus.
func (s *Simulation) add(d Device, profiles map[string]*drivers.Profile) error {
	profile := profiles[d.Profile]
	if profile == nil {
		return fmt.Errorf("device %s: there is no profile %q", d.ID, d.Profile)
	}
	bus := s.buses[d.Bus]
	if isMQTT := profile.Protocol == drivers.MQTT; isMQTT != (bus.server == nil) {
		return fmt.Errorf("device %s: profile %s does not speak the protocol of bus %s", d.ID, d.Profile, d.Bus)
	}
	made, err := s.plant.Add(d.ID, d.Model, d.Set)
	if err != nil {
		return err
	}
	dev := &device{Device: made, plan: d, profile: profile, counts: counters(profile)}
	s.devices[d.ID] = dev
	if bus.server == nil {
		if err := checkPayload(profile); err != nil {
			return fmt.Errorf("device %s: %w", d.ID, err)
		}
		bus.states[d.Topic] = func(time.Time) map[string]any { return s.state(dev) }
		return nil
	}
	if dev.unit, err = bus.server.AddUnit(byte(*d.Unit), profile); err != nil {
		return fmt.Errorf("device %s: %w", d.ID, err)
	}
	dev.unit.Update(dev)
	return nil
}

// checkStuck returns the events whose device has no sensor for the role.
func (s *Simulation) checkStuck() error {
	var errs []error
	for _, e := range s.plan.Script {
		d := s.devices[e.Device]
		if e.Role == "" || d == nil {
			continue
		}
		if _, ok := d.Value(e.Role); !ok {
			errs = append(errs, fmt.Errorf("device %s: model %s has no role %q that could be stuck", e.Device, d.plan.Model, e.Role))
		}
	}
	return errors.Join(errs...)
}

// state returns what a device on MQTT publishes now, or nil if it is dead.
func (s *Simulation) state(d *device) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(d.wire) > 0 {
		return nil
	}
	return payload(d.profile, d)
}

// Addrs returns where each bus is reached by its id: host:port, or the name of
// its serial port.
func (s *Simulation) Addrs() map[string]string {
	addrs := make(map[string]string, len(s.buses))
	for id, b := range s.buses {
		addrs[id] = b.where()
	}
	return addrs
}

// Run plays the plan until ctx ends, then frees the ports and returns nil. It
// returns an error if a port fails.
func (s *Simulation) Run(ctx context.Context) error {
	begin := time.Now()
	s.advance(-1, 0) // nobody is answered before what is due at 0 has happened
	g, ctx := errgroup.WithContext(ctx)
	for _, b := range s.buses {
		g.Go(func() error { return b.run(ctx, s.plan.Publish) })
	}
	g.Go(func() error { s.live(ctx, begin); return nil })
	return errors.Join(g.Wait(), s.Close())
}

// Close frees the ports. It is safe to call it twice, and after Run.
func (s *Simulation) Close() error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(s.buses)) {
		errs = append(errs, s.buses[id].close())
	}
	return errors.Join(errs...)
}

// live moves the plant with the time since begin until ctx ends.
func (s *Simulation) live(ctx context.Context, begin time.Time) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Since(begin)
		s.advance(last, now)
		last = now
	}
}

// advance plays the real time after from up to to.
func (s *Simulation) advance(from, to time.Duration) {
	events := due(s.plan.Script, s.plan.Repeat, from, to, true)
	events = append(events, due(s.plan.Script, 0, s.simulated(from), s.simulated(to), false)...)
	for _, h := range events {
		s.apply(h)
	}
	s.step(s.simulated(to) - max(0, s.simulated(from)))
	for _, h := range events {
		s.o.Tell(h.Happening)
	}
}

// simulated returns the simulated time since the start after a real one. It
// keeps the -1 before the start.
func (s *Simulation) simulated(real time.Duration) time.Duration {
	if real < 0 {
		return real
	}
	return time.Duration(float64(real) * s.plan.Speed)
}

// step moves the plant and shows what has become of it in the registers.
func (s *Simulation) step(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plant.Step(d)
	for _, dev := range s.devices {
		if dev.unit != nil {
			dev.unit.Update(dev)
		}
	}
}

// apply begins or ends one fault.
func (s *Simulation) apply(h happening) {
	e := h.Event
	if e.Bus != "" {
		s.buses[e.Bus].setFault(e.Fault, h.Begin)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.devices[e.Device]
	switch {
	case slices.Contains(plant.Faults(d.plan.Model), e.Fault) && h.Begin:
		if err := d.Begin(e.Fault); err != nil {
			s.o.Log.Error("fault not begun", "err", err)
		}
	case slices.Contains(plant.Faults(d.plan.Model), e.Fault):
		d.End(e.Fault)
	default:
		d.suffer(h)
	}
}
