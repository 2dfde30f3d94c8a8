package modbus

import (
	"context"
	"errors"
	"net"
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
)

// FaultKinds returns every kind of fault, for messages and checks.
func FaultKinds() []FaultKind {
	return []FaultKind{Dead, Slow, Exception, Garbage, Short, Foreign, Stale, WrongFunction, Cut, Drop, Drip}
}

// errDropped ends a connection on purpose.
var errDropped = errors.New("connection dropped by a fault")

// send puts the answer on the wire, spoilt in the way the fault says.
func (f Fault) send(ctx context.Context, conn net.Conn, a reply) error {
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
		return write(conn, garbage(a.transaction))
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
		b := a.frame()
		return write(conn, b[:len(b)/2])
	case Drop:
		b := a.frame()
		return errors.Join(write(conn, b[:len(b)/2]), errDropped)
	case Drip:
		return drip(ctx, conn, a.frame(), f.Delay)
	}
	return write(conn, a.frame())
}

// write sends all of b.
func write(conn net.Conn, b []byte) error {
	_, err := conn.Write(b)
	return err
}

// drip sends a frame byte by byte with a pause before each.
func drip(ctx context.Context, conn net.Conn, frame []byte, delay time.Duration) error {
	for i := range frame {
		if err := pause(ctx, delay); err != nil {
			return err
		}
		if err := write(conn, frame[i:i+1]); err != nil {
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
