package modbus

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Fault is what goes wrong between a unit and who asks it. The zero Fault is a
// healthy wire.
type Fault struct {
	Kind  FaultKind
	Delay time.Duration // of Slow: before the answer; of Drip: before each byte
	Code  byte          // of Exception
}

// FaultKind says in which way an answer is wrong.
type FaultKind string

// The kinds of faults.
const (
	Dead          FaultKind = "dead"           // no answer
	Slow          FaultKind = "slow"           // the right answer, late
	Exception     FaultKind = "exception"      // refused with Code
	Garbage       FaultKind = "garbage"        // bytes that are no frame
	Short         FaultKind = "short"          // one register less than was asked for
	Foreign       FaultKind = "foreign"        // the answer of another unit
	Stale         FaultKind = "stale"          // the number of an earlier request
	WrongFunction FaultKind = "wrong_function" // the answer to another function
	Cut           FaultKind = "cut"            // half an answer, then nothing
	Drop          FaultKind = "drop"           // half an answer, then the connection closes
	Drip          FaultKind = "drip"           // the right answer, byte by byte
	BadCRC        FaultKind = "crc"            // spoilt on the way: on a serial line its check sum is wrong, over TCP its header
	Twice         FaultKind = "twice"          // the right answer, and once more
	Blank         FaultKind = "blank"          // every register reads as FFFF: no value, of floats no number
	Swapped       FaultKind = "swapped"        // the words of each pair of registers change places
)

// FaultKinds returns every kind of fault, for messages and checks.
func FaultKinds() []FaultKind {
	return []FaultKind{Dead, Slow, Exception, Garbage, Short, Foreign, Stale, WrongFunction, Cut, Drop, Drip, BadCRC, Twice, Blank, Swapped}
}

// errDropped ends a connection on purpose.
var errDropped = errors.New("connection dropped by a fault")

// send puts the answer on the wire, spoilt in the way the fault says.
func (f Fault) send(ctx context.Context, to wire, a reply) error {
	switch f.Kind {
	case Dead:
		return nil
	case Slow:
		if err := pause(ctx, f.Delay); err != nil {
			return err
		}
	case Exception:
		a.pdu = exception(a.pdu[0]&0x7F, f.Code)
	case Garbage:
		return to.write(garbage(a.transaction))
	case Short:
		a.pdu = shorten(a.pdu)
	case Foreign:
		a.unit++
	case Stale:
		a.transaction--
	case WrongFunction:
		a.pdu = slices.Clone(a.pdu)
		a.pdu[0] ^= 0x07 // 3 becomes 4 and the reverse
	case Cut:
		b := to.frame(a)
		return to.write(b[:len(b)/2])
	case Drop:
		b := to.frame(a)
		return errors.Join(to.write(b[:len(b)/2]), errDropped)
	case Drip:
		return to.drip(ctx, to.frame(a), f.Delay)
	case BadCRC:
		return to.write(to.spoilt(to.frame(a)))
	case Twice:
		return to.write(append(to.frame(a), to.frame(a)...))
	case Blank:
		a.pdu = blank(a.pdu)
	case Swapped:
		a.pdu = swapped(a.pdu)
	}
	return to.write(to.frame(a))
}

// spoilt returns a frame that shows that it is wrong.
func (w wire) spoilt(frame []byte) []byte {
	at := len(frame) - 1
	if !w.serial {
		at = 2 // the protocol, which is 0 for Modbus
	}
	frame[at] ^= 0x55
	return frame
}

// write sends all of b.
func (w wire) write(b []byte) error {
	_, err := w.Write(b)
	return err
}

// drip sends a frame byte by byte with a pause before each.
func (w wire) drip(ctx context.Context, frame []byte, delay time.Duration) error {
	for i := range frame {
		if err := pause(ctx, delay); err != nil {
			return err
		}
		if err := w.write(frame[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// shorten takes the last register off a good answer, or the last byte of bits.
// Its byte count and the length of the frame agree with what is left.
func shorten(pdu []byte) []byte {
	if pdu[0]&0x80 != 0 {
		return pdu
	}
	unit := 2
	if pdu[0] <= readDiscrete {
		unit = 1
	}
	short := slices.Clone(pdu[:len(pdu)-unit])
	short[1] -= byte(unit)
	return short
}

// blank returns a good answer of registers with all bits set.
func blank(pdu []byte) []byte {
	if pdu[0]&0x80 != 0 || pdu[0] <= readDiscrete {
		return pdu
	}
	b := slices.Clone(pdu)
	for i := range b[2:] {
		b[2+i] = 0xFF
	}
	return b
}

// swapped returns a good answer of registers with those of each pair exchanged.
func swapped(pdu []byte) []byte {
	if pdu[0]&0x80 != 0 || pdu[0] <= readDiscrete {
		return pdu
	}
	b := slices.Clone(pdu)
	for i := 2; i+4 <= len(b); i += 4 {
		b[i], b[i+1], b[i+2], b[i+3] = b[i+2], b[i+3], b[i], b[i+1]
	}
	return b
}

// garbage returns noise as a bad cable makes it, different each time. Its
// protocol field is never that of Modbus.
func garbage(n uint16) []byte {
	b := make([]byte, 5+n%23)
	x := uint32(n) + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	b[2] |= 1
	return b
}

// pause waits for d, or returns the error of ctx if that ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
