// Package modbus reads the devices on one Modbus line, a serial port or a TCP
// address, and turns what they answer into samples.
//
// It owns the line: one goroutine sends one request at a time, for all units
// behind the address. Only the codec is a library's; connection, framing and
// the decision what counts as an answer are made here. The package promises
// that
//
//   - a value comes from a whole, valid answer to the very request that asked
//     for it. What is late, short, shifted or foreign becomes a bad sample with
//     its reason, never a number;
//   - every due point gives one sample in every cycle, good or bad;
//   - cycles never overlap and never queue: one that comes too late is skipped
//     and counted;
//   - a mute unit costs the others a bounded share of the line, and a refused
//     address costs its own points only;
//   - any failure heals by itself.
//
// It has no way to write to a device.
package modbus

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/goburrow/modbus"

	"github.com/intact-gateway/intact/gateway"
)

// Config is one line and what is read through it.
type Config struct {
	ID        string // of the bus; decides when within their period its cycles begin
	Transport Transport
	Address   string // host:port; of RTU the name of the serial port
	// Serial is the line behind RTU, or behind the converter of RTUOverTCP: no
	// Baud there stands for not known.
	Serial  Serial
	TLS     *tls.Config // of TCP; nil for none
	Link    gateway.PointRef
	Devices []Device
	// Pipeline is how many requests may be on their way together, on TCP only; 0
	// for what all devices allow.
	Pipeline int
}

// Device is one source of one facility. Several may share a unit: then the
// stricter limits hold for all.
type Device struct {
	Unit    byte
	Link    gateway.PointRef // NoPoint for none
	Every   time.Duration    // how often its link is judged, at least every 5s
	MaxRegs int              // registers in one request; 0 for the protocol's 125
	MaxGap  int              // unwanted registers read to join two fields
	Timeout time.Duration    // for one answer; default 1s
	Pause   time.Duration    // silence between two requests; with one, they never overlap
	// Pipeline is how many requests the device takes before it has answered the
	// first; 0 for one. On serial lines it has no effect.
	Pipeline int
	// LenientUnit takes answers from unit 0 or 255 for those of Unit, as some
	// converters give them. On serial lines it has no effect: there the unit
	// alone says who speaks.
	LenientUnit bool
	Fields      []Field
	// AllEqual is in how many registers or more one and the same word disproves
	// an answer. 0 leaves it to a rule that is safe for any device, a negative
	// number is for never.
	AllEqual int
}

// Options are what a Bus needs from its surroundings. The zero value logs to
// the default logger and dials the network.
type Options struct {
	Log  *slog.Logger
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Bus polls one line. Run may be called once.
type Bus struct {
	config   Config
	line     line
	counters counters

	// Owned by the goroutine that runs the bus.
	units   []*unit // by id
	devices []*device
	cycles  []*cycle // the shortest period first
	linkDue *cycle   // of the line's own link
	link    link
	batch   []gateway.Sample
	tripped []*unit // scratch
	ahead   []read  // scratch
}

// device is what the bus knows of a Device.
type device struct {
	link     link
	due      *cycle // when link is judged
	asked    bool   // since the last judgement
	answered bool
}

// link is a link point: unknown until its first sample.
type link struct {
	point gateway.PointRef
	known bool
	up    bool
}

// linkPeriod is how often links are told at least.
const linkPeriod = 5 * time.Second

// New checks c and plans the requests. The error names all mistakes.
func New(c Config, o Options) (*Bus, error) {
	b := &Bus{config: c, link: link{point: c.Link}}
	log := cmp.Or(o.Log, slog.Default())
	b.line = line{log: log}
	errs := []error{b.line.attach(c, o)}
	byUnit := make(map[byte][]Device)
	for _, d := range c.Devices {
		errs = append(errs, checkDevice(d))
		byUnit[d.Unit] = append(byUnit[d.Unit], d)
	}
	errs = append(errs, b.line.setPipeline(c))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for id := range 256 {
		if devices := byUnit[byte(id)]; devices != nil {
			b.addUnit(byte(id), devices)
		}
	}
	for _, u := range b.units {
		u.log, u.counters = log, &b.counters
	}
	slices.SortFunc(b.cycles, func(x, y *cycle) int { return cmp.Compare(x.period, y.period) })
	b.counters.units = make([]tally, len(b.units))
	for i, u := range b.units {
		b.counters.units[i].wait = u.pace.wait
	}
	for _, d := range b.devices {
		if b.linkDue == nil || d.due.period < b.linkDue.period {
			b.linkDue = d.due
		}
	}
	return b, nil
}

// checkDevice returns an error for what would make a request meaningless.
func checkDevice(d Device) error {
	var errs []error
	for i := range d.Fields {
		f := &d.Fields[i]
		switch {
		case f.Table < Coils || f.Table > InputRegisters || f.Type > Bit || f.Table.Single() != (f.Type == Bit):
			errs = append(errs, fmt.Errorf("unit %d, %s: type %s in table %s", d.Unit, f.Name, f.Type, f.Table))
		case f.end() > 1<<16:
			errs = append(errs, fmt.Errorf("unit %d, %s: address %d lies behind the table's end", d.Unit, f.Name, f.Address))
		case f.Period <= 0:
			errs = append(errs, fmt.Errorf("unit %d, %s: no period", d.Unit, f.Name))
		case f.Bits < 0 || f.Shift < 0 || f.Bits > 0 && (!f.Type.Unsigned() || f.Shift+f.Bits > f.Type.Width()):
			errs = append(errs, fmt.Errorf("unit %d, %s: bits %d to %d of %s", d.Unit, f.Name, f.Shift, f.Shift+f.Bits-1, f.Type))
		case f.Factor != nil && (f.Factor.Field < 0 || f.Factor.Field >= len(d.Fields) || d.Fields[f.Factor.Field].Factor != nil):
			errs = append(errs, fmt.Errorf("unit %d, %s: its factor is field %d of %d, or has one itself", d.Unit, f.Name, f.Factor.Field, len(d.Fields)))
		case f.Gate != nil && (f.Gate.Field < 0 || f.Gate.Field >= len(d.Fields)):
			errs = append(errs, fmt.Errorf("unit %d, %s: its gate is field %d of %d", d.Unit, f.Name, f.Gate.Field, len(d.Fields)))
		}
	}
	return errors.Join(errs...)
}

// addUnit plans the requests for all devices behind one unit id.
func (b *Bus) addUnit(id byte, devices []Device) {
	u := &unit{id: id, number: len(b.units)}
	maxRegs, maxGap := maxRegisters, devices[0].MaxGap
	var timeout, pause time.Duration
	lenient := false
	var owner []*device // by field
	for _, d := range devices {
		maxRegs, maxGap = min(maxRegs, cmp.Or(d.MaxRegs, maxRegisters)), min(maxGap, d.MaxGap)
		timeout, pause = max(timeout, cmp.Or(d.Timeout, time.Second)), max(pause, d.Pause)
		lenient = lenient || d.LenientUnit
		u.equal = cmp.Or(u.equal, d.AllEqual)
		state := &device{link: link{point: d.Link}, due: b.cycle(min(cmp.Or(d.Every, linkPeriod), linkPeriod))}
		b.devices = append(b.devices, state)
		u.fields = append(u.fields, withCompanions(d.Fields, len(u.fields))...)
		for len(owner) < len(u.fields) {
			owner = append(owner, state)
		}
	}
	fields, was := arrange(u.fields)
	u.fields, u.demands = fields, demandsOf(fields)
	u.watches, u.stills = newWatches(fields), newStills(fields)
	u.values = make([]gateway.Sample, len(u.fields))
	for i := range u.values {
		u.values[i].Point = u.fields[i].Point
	}
	for _, r := range Plan(u.fields, maxRegs, maxGap) {
		blk := &block{Request: r, cells: cellsOf(u.fields, &r), cycle: b.cycle(r.Period)}
		for _, i := range r.Fields {
			if d := owner[was[i]]; !slices.Contains(blk.devices, d) {
				blk.devices = append(blk.devices, d)
			}
		}
		u.blocks = append(u.blocks, blk)
	}
	u.pace = newPace(timeout)
	u.port = &port{line: &b.line, timeout: timeout, wait: timeout, pause: pause, lenient: lenient}
	u.client = modbus.NewClient2(b.line.framing.packager(id), u.port)
	b.units = append(b.units, u)
}

// Run polls until ctx ends, then closes the connection and returns nil. It
// gives samples to emit in batches that are only lent.
func (b *Bus) Run(ctx context.Context, emit func([]gateway.Sample)) error {
	if len(b.units) == 0 {
		<-ctx.Done()
		return nil
	}
	b.line.ctx = ctx
	defer b.line.close()
	b.schedule(time.Now())
	for sleep(ctx, time.Until(b.wake())) {
		b.pass(ctx, time.Now(), emit)
		b.advance(time.Now())
	}
	return nil
}

// pass polls what is due: first of the units that answer, the fastest points of
// all of them before slower ones; then of those that have failed. Then it tells
// the links.
func (b *Bus) pass(ctx context.Context, now time.Time, emit func([]gateway.Sample)) {
	for _, c := range b.cycles {
		c.due = !c.at.After(now)
	}
	for _, u := range b.units {
		u.begin()
	}
	for _, c := range b.cycles {
		if c.due {
			b.lookAhead(c)
		}
		for _, u := range b.units {
			if c.due && u.failed == 0 && ctx.Err() == nil && u.take(c) {
				u.poll(ctx)
				b.emitDue(ctx, u, emit)
			}
		}
	}
	b.line.lookAhead(nil)
	for _, u := range b.units {
		if u.failed > 0 && !u.tripped() {
			b.tryOut(ctx, u, true, emit)
		}
	}
	alive := slices.ContainsFunc(b.units, func(u *unit) bool { return !u.tripped() })
	spent := false
	for _, u := range b.longestUnasked() {
		// One time-out in a pass is enough. With nobody to protect, it may be in
		// every pass.
		allowed := !spent && (!alive || !now.Before(u.retry))
		b.tryOut(ctx, u, allowed, emit)
		spent = spent || u.asked > 0 && u.answered == 0
	}
	if ctx.Err() != nil {
		return
	}
	for _, u := range b.units {
		if u.end() && !alive {
			b.revive(now)
		}
	}
	b.tellLinks(emit)
}

// lookAhead tells the line what it is going to be asked for in the cycle c, if it
// may have more than one request on its way.
func (b *Bus) lookAhead(c *cycle) {
	if b.line.pipeline <= 1 {
		return
	}
	b.ahead = b.ahead[:0]
	for _, u := range b.units {
		if u.failed == 0 && u.take(c) {
			b.ahead = u.appendReads(b.ahead)
		}
	}
	b.line.lookAhead(b.ahead)
}

// tryOut probes a unit that has failed, if it is allowed to, and polls it if it
// answers.
func (b *Bus) tryOut(ctx context.Context, u *unit, allowed bool, emit func([]gateway.Sample)) {
	if ctx.Err() != nil || !u.take(nil) {
		return
	}
	if allowed {
		u.probe(ctx)
	}
	if u.answered > 0 {
		u.take(nil) // the probe may have split a block
		u.poll(ctx)
	} else {
		u.skip()
	}
	b.emitDue(ctx, u, emit)
}

// longestUnasked returns the tripped units, the one that has waited longest for
// its probe first.
func (b *Bus) longestUnasked() []*unit {
	b.tripped = b.tripped[:0]
	for _, u := range b.units {
		if u.tripped() {
			b.tripped = append(b.tripped, u)
		}
	}
	slices.SortStableFunc(b.tripped, func(x, y *unit) int { return x.retry.Compare(y.retry) })
	return b.tripped
}

// revive has the units probed that are still tripped: a line on which all were
// dead lives again.
func (b *Bus) revive(now time.Time) {
	for _, u := range b.units {
		u.retry = now
	}
}

// emitDue emits the samples of the blocks of u that were due.
func (b *Bus) emitDue(ctx context.Context, u *unit, emit func([]gateway.Sample)) {
	if ctx.Err() != nil {
		// The connection was taken away from under the requests: that says
		// nothing about the devices.
		return
	}
	if samples := u.together(); samples != nil {
		emit(samples)
		return
	}
	b.batch = b.batch[:0]
	for _, blk := range u.due {
		for _, i := range blk.Fields {
			if v := &u.values[i]; v.Point != gateway.NoPoint {
				b.batch = append(b.batch, *v)
			}
		}
	}
	if len(b.batch) > 0 {
		emit(b.batch)
	}
}

// tellLinks judges and emits the links that are due. A device is linked if any
// request for its points has been answered since it was judged last, the line
// if any device is. Where nothing was asked, nothing new is known.
func (b *Bus) tellLinks(emit func([]gateway.Sample)) {
	b.batch = b.batch[:0]
	asked, answered := false, false
	for _, d := range b.devices {
		asked, answered = asked || d.asked, answered || d.answered
		if d.due.due {
			b.batch = d.link.append(b.batch, d.asked, d.answered)
			d.asked, d.answered = false, false
		}
	}
	if b.linkDue.due {
		b.batch = b.link.append(b.batch, asked, answered)
	}
	if len(b.batch) == 0 {
		return
	}
	at := gateway.InstantOf(time.Now())
	for i := range b.batch {
		b.batch[i].At = at
	}
	emit(b.batch)
}

// append judges l and appends its sample, as yet without a time, unless it is
// still unknown.
func (l *link) append(dst []gateway.Sample, asked, answered bool) []gateway.Sample {
	if asked {
		l.known, l.up = true, answered
	}
	if !l.known || l.point == gateway.NoPoint {
		return dst
	}
	s := gateway.Sample{Point: l.point, Quality: gateway.Good}
	if l.up {
		s.Value = 1
	}
	return append(dst, s)
}

// phase returns how long the bus' cycles are shifted against those of other
// buses: a multiple of slot, so that many buses share one wake-up of the
// processor.
func (b *Bus) phase() time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(b.config.ID))
	return time.Duration(h.Sum32()%600) * slot
}
