package modbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/goburrow/modbus"

	"github.com/intact-gateway/intact/gateway"
)

// tripAfter is how many times in a row a unit, or one of its blocks, may leave
// requests unanswered before it is only probed.
const tripAfter = 3

// patience is how many requests of a pass a unit may leave unanswered before the
// others of it are spared.
const patience = 2

// What a dead unit may cost the others of its line: one time-out in probeShare
// of them, and not more often than shortestProbe.
const (
	probeShare    = 50
	shortestProbe = 10 * time.Second
)

// busyPause is what a unit gets that says it is busy.
const busyPause = 100 * time.Millisecond

// longestRefusal is how long a refused address is left alone at most.
const longestRefusal = 10 * time.Minute

// unit is one device on the line, with what is known of it. It belongs to the
// goroutine that runs the bus.
type unit struct {
	id       byte
	number   int // on the bus
	client   modbus.Client
	port     *port
	pace     pace
	log      *slog.Logger
	counters *counters

	fields  []Field              // in the order in which they are read
	values  []gateway.Sample     // by field, of the current cycle
	watches []*watch             // by field, nil where none is needed
	stills  []*gateway.Stillness // the same
	demands demands
	equal   int // registers alike that disprove an answer; 0 for the rule, negative for never
	blocks  []*block

	due      []*block // in the current turn
	asked    int      // requests in the current pass
	answered int      // of them
	left     []*block // those not asked, for good reason, in the current pass
	probed   *block   // asked for on trial in the current pass

	failed int             // passes in a row without an answer
	first  int             // which of the blocks is asked first
	retry  time.Time       // of a tripped unit: when to probe it
	reason gateway.Quality // why it did not answer last
}

// block is a planned request with what is known of it.
type block struct {
	Request
	cells   []cell // of its fields, in their order
	cycle   *cycle
	devices []*device // whose fields it holds
	doubted bool      // its last answer cannot be true
	quality gateway.Quality
	mute    int           // requests in a row without an answer
	refused bool          // for what it asks for, not for now
	wait    time.Duration // before a refused one is asked for again
	retry   time.Time     // of a mute or refused one
}

// tripped reports whether the unit is only probed.
func (u *unit) tripped() bool { return u.failed >= tripAfter }

// begin prepares a pass over the units.
func (u *unit) begin() {
	u.asked, u.answered, u.left, u.probed = 0, 0, u.left[:0], nil
	u.port.probe = u.tripped()
}

// take puts the blocks into u.due that are due in the cycle c, or in any. It
// reports whether there are some.
func (u *unit) take(c *cycle) bool {
	u.due = u.due[:0]
	for _, b := range u.blocks {
		if b.cycle.due && (c == nil || b.cycle == c) {
			u.due = append(u.due, b)
		}
	}
	return len(u.due) > 0
}

// together returns the values of the blocks in u.due, if they lie together and
// all of them are of points; otherwise nil.
func (u *unit) together() []gateway.Sample {
	if u.demands.hidden {
		return nil
	}
	first := u.due[0].Fields[0]
	next := first
	for _, b := range u.due {
		if b.Fields[0] != next {
			return nil
		}
		next += len(b.Fields)
	}
	return u.values[first:next]
}

// poll asks for the blocks in u.due until the unit has shown that it is mute.
// Afterwards u.values holds their values, good or bad.
func (u *unit) poll(ctx context.Context) {
	for i := range u.due {
		b := u.due[(u.first+i)%len(u.due)]
		switch {
		case ctx.Err() != nil:
			return
		case b == u.probed:
		case u.answered == 0 && u.asked >= patience:
			u.assume(b, u.reason)
			b.note(false)
		case u.leaves(b):
			u.assume(b, b.quality)
			u.left = append(u.left, b)
		default:
			u.request(ctx, b)
		}
	}
	u.settle()
}

// appendReads appends what poll will ask for to dst, as long as all goes well.
func (u *unit) appendReads(dst []read) []read {
	for i := range u.due {
		if b := u.due[(u.first+i)%len(u.due)]; !b.refused && b.mute == 0 {
			dst = append(dst, read{u.id, b.Table, b.Start, b.Count})
		}
	}
	return dst
}

// leaves reports whether b need not be asked for now: it was refused or mute
// before, while the unit answers something else.
func (u *unit) leaves(b *block) bool {
	if !b.refused && b.mute < tripAfter || !time.Now().Before(b.retry) || u.failed > 0 {
		return false
	}
	return slices.ContainsFunc(u.blocks, func(o *block) bool { return !o.refused && o.mute < tripAfter })
}

// request asks for b and draws the conclusions for the unit.
func (u *unit) request(ctx context.Context, b *block) {
	// That a block is mute which was so before says nothing of the unit.
	telling := b.mute < tripAfter || u.failed > 0
	err := u.ask(ctx, b)
	if err == nil {
		u.asked++
		u.answered++
		return
	}
	if _, never := errors.AsType[unreachable](err); !never && (telling || heard(err)) {
		u.asked++
	}
	if heard(err) {
		u.answered++
	}
	if divisible(err) && !b.refused {
		u.split(ctx, b, err)
	}
}

// probe asks for one block, due or not, to find out whether a unit that has not
// answered lives. Each probe takes another one: one may be mute for ever while
// the others work.
func (u *unit) probe(ctx context.Context) {
	u.probed = u.blocks[u.first%len(u.blocks)]
	u.request(ctx, u.probed)
	if u.answered > 0 {
		u.port.probe = false
	}
}

// skip gives all blocks in u.due the reason why the unit did not answer,
// without asking.
func (u *unit) skip() {
	for _, b := range u.due {
		if b != u.probed {
			u.assume(b, u.reason)
			b.note(false)
		}
	}
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

// divisible reports whether err refuses a request of which a part might be
// answered: for an address, or for its length.
func divisible(err error) bool {
	code := exceptionCode(err)
	return code == modbus.ExceptionCodeIllegalDataAddress || code == modbus.ExceptionCodeIllegalDataValue
}

// end draws the conclusion from a pass. It reports whether the unit has begun
// to answer again.
func (u *unit) end() (revived bool) {
	if u.asked == 0 {
		return false
	}
	u.counters.cycle(u.number, u.answered > 0)
	if u.answered > 0 {
		if u.failed > 0 {
			u.log.Info("unit answers again", "unit", u.id)
		}
		revived = u.tripped()
		u.failed = 0
		return revived
	}
	for _, b := range u.left {
		b.note(false)
	}
	if u.failed == 0 {
		u.log.Warn("unit does not answer", "unit", u.id, "reason", u.reason)
	}
	u.failed++
	u.first++
	u.retry = time.Now().Add(u.probePeriod())
	return false
}

// probePeriod returns how long what is mute is left alone.
func (u *unit) probePeriod() time.Duration { return max(shortestProbe, probeShare*u.pace.full) }

// secondTry reports whether a request that ended with err is worth another one,
// and after which pause. Reading is harmless, and many converters hang up on a
// line that was idle. A mute unit is not asked twice, nor one that has refused.
func secondTry(err error) (pause time.Duration, ok bool) {
	if err == nil {
		return 0, false
	}
	if _, never := errors.AsType[unreachable](err); never {
		return 0, false
	}
	switch quality(err) {
	case gateway.BadClosed, gateway.BadFrame, gateway.BadShort:
		return 0, true
	}
	switch exceptionCode(err) {
	case modbus.ExceptionCodeAcknowledge, modbus.ExceptionCodeServerDeviceBusy:
		return busyPause, true
	}
	return 0, false
}

// ask reads b, with a second try where that may help. A unit that was given up
// before its time gets all of it then.
func (u *unit) ask(ctx context.Context, b *block) error {
	data, at, err := u.read(&b.Request)
	if pause, ok := secondTry(err); (ok || u.pace.hasty) && sleep(ctx, pause) {
		data, at, err = u.read(&b.Request)
	}
	if err != nil {
		u.set(b, quality(err), at)
		u.lack(b, err)
		return err
	}
	b.decode(u.fields, u.values, data, at)
	u.doubt(b, data)
	b.note(true)
	if b.quality != gateway.Good {
		u.logChange(b, gateway.Good, nil)
		b.quality = gateway.Good
	}
	b.mute, b.refused, b.wait = 0, false, 0
	return nil
}

// lack draws the conclusions for b from err, with which it was not read.
func (u *unit) lack(b *block, err error) {
	u.port.upcoming = nil // it may be asked for otherwise now
	q := quality(err)
	b.note(heard(err))
	if q != b.quality && (b.refused || !divisible(err)) {
		u.logChange(b, q, err) // of a division the outcome is told
	}
	b.quality = q
	if !heard(err) {
		u.reason = q
		if _, never := errors.AsType[unreachable](err); !never {
			b.mute++
			b.retry = time.Now().Add(u.probePeriod())
		}
		return
	}
	b.mute = 0
	b.refused = b.refused || exceptionCode(err) == modbus.ExceptionCodeIllegalFunction
	if b.refused {
		b.wait = min(max(2*b.wait, b.Period), longestRefusal)
		b.retry = time.Now().Add(b.wait)
	}
}

// logChange logs that b is answered otherwise than before, with the frames of a
// wrong answer: the maker of the device will ask for them. A mute unit is told of
// as a whole.
func (u *unit) logChange(b *block, q gateway.Quality, err error) {
	log := u.log.With("unit", u.id, "table", b.Table, "address", b.Start, "count", b.Count)
	switch {
	case wrong(q):
		if x, ok := u.counters.latest(u.number, &b.Request, q); ok {
			log = log.With("sent", fmt.Sprintf("% x", x.Sent), "heard", fmt.Sprintf("% x", x.Heard))
		}
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
func (u *unit) read(r *Request) (data []byte, at gateway.Instant, err error) {
	switch r.Table {
	case Coils:
		data, err = u.client.ReadCoils(r.Start, r.Count)
	case DiscreteInputs:
		data, err = u.client.ReadDiscreteInputs(r.Start, r.Count)
	case InputRegisters:
		data, err = u.client.ReadInputRegisters(r.Start, r.Count)
	default:
		data, err = u.client.ReadHoldingRegisters(r.Start, r.Count)
	}
	u.keepPace(err)
	at = gateway.InstantOf(u.port.ended)
	u.counters.request(u.number, exchange{at, u.port.ended.Sub(u.port.began), u.port.sent, u.port.heard, quality(err)}, u.pace.wait)
	return data, at, err
}

// keepPace takes in how long the answer to the last request took, which ended
// with err.
func (u *unit) keepPace(err error) {
	u.pace.hasty = false
	switch {
	case heard(err):
		u.pace.answered(u.port.took())
	case quality(err) == gateway.BadTimeout:
		u.pace.missed()
	}
	u.port.wait = u.pace.wait
}

// assume gives all points of b the quality q without asking.
func (u *unit) assume(b *block, q gateway.Quality) {
	u.set(b, q, gateway.InstantOf(time.Now()))
}

// set gives all points of b the quality q and no value.
func (u *unit) set(b *block, q gateway.Quality, at gateway.Instant) {
	for _, i := range b.Fields {
		v := &u.values[i]
		v.Value, v.Quality, v.At = 0, q, at
	}
}

// note tells the devices whose points b holds whether it was answered.
func (b *block) note(answered bool) {
	for _, d := range b.devices {
		d.asked = true
		d.answered = d.answered || answered
	}
}

// split finds out which addresses of b the unit refuses, and puts the requests
// that avoid them in its place for good. What is refused is asked for on its
// own from then on, less and less often, so that a device that was only starting
// up heals by itself.
func (u *unit) split(ctx context.Context, b *block, reason error) {
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
		u.logChange(b, gateway.BadException, reason)
		return
	}
	joined := u.rejoin(pieces)
	for _, p := range joined {
		if p.refused {
			u.logChange(p, gateway.BadException, reason)
		}
	}
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
		half := &block{Request: r, cells: cellsOf(u.fields, &r), cycle: b.cycle, devices: b.devices}
		if err := u.ask(ctx, half); divisible(err) {
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
			last.cells = cellsOf(u.fields, &last.Request)
			continue
		}
		joined = append(joined, p)
	}
	return joined
}
