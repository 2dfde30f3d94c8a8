package modbus

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/goburrow/modbus"

	"github.com/intact-gateway/intact/gateway"
)

// tripAfter is how many cycles in a row a unit may leave without any answer
// before it is only probed.
const tripAfter = 3

// probeShare bounds what a dead unit may cost the others of its line: at most
// one time-out in so many.
const probeShare = 50

// unit is one device on the line, with what is known of it. It belongs to the
// goroutine that runs the bus.
type unit struct {
	id       byte
	number   int // on the bus
	client   modbus.Client
	port     *port
	timeout  time.Duration
	shared   bool // other units wait for the same line
	log      *slog.Logger
	counters *counters

	fields []Field
	values []gateway.Sample // by field, of the current cycle
	blocks []*block
	due    []*block // scratch

	failed int             // cycles in a row without an answer
	first  int             // which of the due blocks is asked first
	probed bool            // tripped when the current cycle began
	retry  time.Time       // of a tripped unit: when to probe it
	reason gateway.Quality // why it did not answer last
}

// block is a planned request with what is known of it.
type block struct {
	Request
	cycle   *cycle
	devices []*device // whose fields it holds
	refused bool      // as a whole, for its address
	quality gateway.Quality
}

// tripped reports whether the unit is only probed.
func (u *unit) tripped() bool { return u.failed >= tripAfter }

// poll reads all blocks that are due. Afterwards u.due holds them and u.values
// their values, good or bad.
func (u *unit) poll(ctx context.Context) {
	u.due = u.due[:0]
	for _, b := range u.blocks {
		if b.cycle.due {
			u.due = append(u.due, b)
		}
	}
	if len(u.due) == 0 {
		return
	}
	if u.tripped() && u.shared && time.Now().Before(u.retry) {
		for _, b := range u.due {
			u.assumeMute(b)
		}
		return
	}
	u.port.probe = u.tripped()
	asked, answered := u.askAll(ctx)
	if asked > 0 && ctx.Err() == nil {
		u.judge(answered > 0)
	}
	u.applyGates()
}

// askAll asks for the due blocks until the unit has shown that it is mute.
func (u *unit) askAll(ctx context.Context) (asked, answered int) {
	patience := 2
	if u.failed > 0 {
		patience = 1
	}
	for i := range u.due {
		b := u.due[(u.first+i)%len(u.due)]
		if ctx.Err() != nil {
			return asked, answered
		}
		if answered == 0 && asked >= patience {
			u.assumeMute(b)
			continue
		}
		err := u.ask(b)
		if _, never := errors.AsType[unreachable](err); !never {
			asked++
		}
		if heard(err) {
			answered++
		}
		if code := exceptionCode(err); code == modbus.ExceptionCodeIllegalDataAddress && !b.refused {
			u.split(ctx, b)
		}
	}
	return asked, answered
}

// heard reports whether a request that ended with err has been answered by the
// unit. Of the exceptions, two come from a gateway that has not reached it.
func heard(err error) bool {
	switch exceptionCode(err) {
	case 0:
		return err == nil
	case modbus.ExceptionCodeGatewayPathUnavailable, modbus.ExceptionCodeGatewayTargetDeviceFailedToRespond:
		return false
	default:
		return true
	}
}

// judge draws the conclusion from a cycle in which the unit was asked.
func (u *unit) judge(answered bool) {
	u.counters.cycle(u.number, answered)
	if answered {
		if u.failed > 0 {
			u.log.Info("unit answers again", "unit", u.id)
		}
		u.failed = 0
		return
	}
	if u.failed == 0 {
		u.log.Warn("unit does not answer", "unit", u.id, "reason", u.reason)
	}
	u.failed++
	// The next probe asks for another block: one may be mute for ever while
	// the others work.
	u.first++
	if over := u.failed - tripAfter; over >= 0 {
		u.retry = time.Now().Add(min(u.timeout<<min(over, 10), probeShare*u.timeout))
	}
}

// ask reads b once, or twice if the line dropped or carried nonsense: reading
// is harmless, and many converters hang up on a line that was idle. A mute unit
// is not asked twice.
func (u *unit) ask(b *block) error {
	data, at, err := u.read(&b.Request)
	if _, never := errors.AsType[unreachable](err); !never {
		switch quality(err) {
		case gateway.BadClosed, gateway.BadFrame, gateway.BadShort:
			data, at, err = u.read(&b.Request)
		}
	}
	q := quality(err)
	for _, i := range b.Fields {
		v := &u.values[i]
		v.Value, v.Quality, v.At = 0, q, at
		if err == nil {
			v.Value, v.Quality = u.fields[i].Decode(data, b.Start)
		}
	}
	b.note(heard(err))
	if q != b.quality {
		u.logChange(b, q, err)
	}
	b.quality = q
	if err == nil {
		b.refused = false
	}
	if !heard(err) {
		u.reason = q
	}
	return err
}

// logChange logs that b is answered otherwise than before. A mute unit is told
// of as a whole.
func (u *unit) logChange(b *block, q gateway.Quality, err error) {
	log := u.log.With("unit", u.id, "table", b.Table, "address", b.Start, "count", b.Count)
	switch {
	case wrong(q):
		log.Warn("request is answered wrongly", "err", err)
	case q == gateway.Good && wrong(b.quality):
		log.Info("request is answered well")
	}
}

// wrong reports whether q is that of an answer without the data asked for.
func wrong(q gateway.Quality) bool {
	return q == gateway.BadException || q == gateway.BadFrame || q == gateway.BadShort
}

// read performs one request and returns the data of the answer, which are valid
// until the next request, and when it ended.
func (u *unit) read(r *Request) ([]byte, gateway.Instant, error) {
	read := u.client.ReadHoldingRegisters
	switch r.Table {
	case Coils:
		read = u.client.ReadCoils
	case DiscreteInputs:
		read = u.client.ReadDiscreteInputs
	case InputRegisters:
		read = u.client.ReadInputRegisters
	}
	began := time.Now()
	data, err := read(r.Start, r.Count)
	ended := time.Now()
	u.counters.request(u.number, quality(err), ended.Sub(began))
	return data, gateway.InstantOf(ended), err
}

// assumeMute gives all points of b the reason why the unit did not answer,
// without asking again.
func (u *unit) assumeMute(b *block) {
	at := gateway.InstantOf(time.Now())
	for _, i := range b.Fields {
		v := &u.values[i]
		v.Value, v.Quality, v.At = 0, u.reason, at
	}
	b.note(false)
}

// note tells the devices whose points b holds whether it was answered.
func (b *block) note(answered bool) {
	for _, d := range b.devices {
		d.asked = true
		d.answered = d.answered || answered
	}
}

// applyGates takes the value from each due field whose gate is closed. The gate
// has been read in the same cycle, in the same request if it lies near enough.
func (u *unit) applyGates() {
	for _, b := range u.due {
		for _, i := range b.Fields {
			g := u.fields[i].Gate
			if g == nil || !u.values[i].Quality.HasValue() {
				continue
			}
			if by := u.values[g.Field]; !g.Open(by.Value, by.Quality) {
				u.values[i].Value, u.values[i].Quality = 0, gateway.BadNotAvailable
			}
		}
	}
}

// split finds out which addresses of b the unit refuses, and puts the requests
// that avoid them in its place for good. What is refused is asked for on its
// own from then on, so that a device that was only starting up heals by itself.
func (u *unit) split(ctx context.Context, b *block) {
	pieces := u.bisect(ctx, b)
	if ctx.Err() != nil {
		return
	}
	whole := true
	for _, p := range pieces {
		whole = whole && p.refused
	}
	if whole {
		// No address is better than the others: it is not the address.
		b.refused = true
		return
	}
	joined := u.rejoin(pieces)
	var blocks []*block
	for _, old := range u.blocks {
		if old == b {
			blocks = append(blocks, joined...)
		} else {
			blocks = append(blocks, old)
		}
	}
	u.blocks = blocks
}

// bisect asks for the halves of the refused block b, and for the halves of a
// refused half, down to what cannot be cut.
func (u *unit) bisect(ctx context.Context, b *block) []*block {
	halves := b.halves(u.fields)
	if halves == nil || ctx.Err() != nil {
		b.refused = true
		return []*block{b}
	}
	var pieces []*block
	for _, r := range halves {
		half := &block{Request: r, cycle: b.cycle, devices: b.devices, quality: b.quality}
		if err := u.ask(half); exceptionCode(err) == modbus.ExceptionCodeIllegalDataAddress {
			pieces = append(pieces, u.bisect(ctx, half)...)
		} else {
			pieces = append(pieces, half)
		}
	}
	return pieces
}

// rejoin joins neighbours of which all addresses are known to be readable, or
// all refused.
func (u *unit) rejoin(pieces []*block) []*block {
	var joined []*block
	for _, p := range pieces {
		n := len(joined) - 1
		if n >= 0 && joined[n].refused == p.refused && joined[n].quality == p.quality && joined[n].end() == int(p.Start) {
			last := joined[n]
			last.Request = last.part(u.fields, append(last.Fields, p.Fields...))
			continue
		}
		joined = append(joined, p)
	}
	return joined
}
