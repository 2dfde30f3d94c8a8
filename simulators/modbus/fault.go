package modbus

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"
)

// Fault is what goes wrong between a unit and who asks it. The zero Fault is a
// healthy wire.
type Fault struct {
	Kind  FaultKind
	Delay time.Duration // of Slow: before the answer; of Drip: before each byte; of Split: between the halves
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
	WrongFunction FaultKind = "wrong_function" // the answer to another function
	Cut           FaultKind = "cut"            // half an answer, then nothing
	Drip          FaultKind = "drip"           // the right answer, byte by byte
	Split         FaultKind = "split"          // the right answer in two halves
	Twice         FaultKind = "twice"          // the right answer two times in one piece
	Merged        FaultKind = "merged"         // every other answer comes in front of the next one
	NaN           FaultKind = "nan"            // floats are NaN, of other registers all bits are set
	Swapped       FaultKind = "swapped"        // the registers of long values in reverse order

	// On a number in front of each frame.
	Stale FaultKind = "stale" // the number of an earlier request

	// On a checksum behind each frame.
	BadCRC FaultKind = "bad_crc"

	// On a connection.
	Drop   FaultKind = "drop"    // half an answer, then the connection closes (FIN)
	Reset  FaultKind = "reset"   // half an answer, then the connection breaks (RST)
	HangUp FaultKind = "hang_up" // the connection closes instead of an answer
)

// FaultKinds returns every kind of fault that there is on a wire, for messages
// and checks.
func FaultKinds(w Wire) []FaultKind {
	kinds := []FaultKind{
		Dead, Slow, Exception, Garbage, Short, Foreign, WrongFunction, Cut, Drip, Split, Twice, Merged, NaN, Swapped,
	}
	if w.serial() {
		kinds = append(kinds, BadCRC)
	} else {
		kinds = append(kinds, Stale)
	}
	if w != RTU {
		kinds = append(kinds, Drop, Reset, HangUp)
	}
	return kinds
}

// Delayed reports whether the kind has a delay.
func (k FaultKind) Delayed() bool { return k == Slow || k == Drip || k == Split }

// errDropped ends a connection on purpose.
var errDropped = errors.New("connection dropped by a fault")

// send puts the answer on the wire, spoilt in the way the fault says. A fault
// that the wire cannot have leaves it as it is.
func (f Fault) send(ctx context.Context, conn io.WriteCloser, w Wire, a reply) error {
	if !slices.Contains(FaultKinds(w), f.Kind) {
		return write(conn, a.frame(w))
	}
	switch f.Kind {
	case Dead:
		return nil
	case HangUp:
		return errDropped
	case Garbage:
		return write(conn, garbage(a.transaction))
	case Slow:
		if err := pause(ctx, f.Delay); err != nil {
			return err
		}
	case Exception:
		a.pdu = exception(a.pdu[0]&0x7F, f.Code)
	case Short:
		a.pdu = shorten(a.pdu)
	case Foreign:
		a.unit++
	case Stale:
		a.transaction--
	case WrongFunction:
		a.pdu = slices.Clone(a.pdu)
		a.pdu[0] ^= 0x07 // 3 becomes 4 and the reverse
	}
	return f.spoil(ctx, conn, a.frame(w))
}

// spoil puts the bytes of a frame on the wire in the way the fault says.
func (f Fault) spoil(ctx context.Context, conn io.WriteCloser, frame []byte) error {
	half := len(frame) / 2
	switch f.Kind {
	case BadCRC:
		frame[len(frame)-1] ^= 0xFF
	case Twice:
		frame = slices.Concat(frame, frame)
	case Cut:
		frame = frame[:half]
	case Drop:
		return errors.Join(write(conn, frame[:half]), errDropped)
	case Reset:
		err := write(conn, frame[:half])
		reset(conn)
		return errors.Join(err, errDropped)
	case Split:
		if err := write(conn, frame[:half]); err != nil {
			return err
		}
		if err := pause(ctx, f.Delay); err != nil {
			return err
		}
		frame = frame[half:]
	case Drip:
		return drip(ctx, conn, frame, f.Delay)
	}
	return write(conn, frame)
}

// write sends all of b.
func write(conn io.Writer, b []byte) error {
	_, err := conn.Write(b)
	return err
}

// drip sends a frame byte by byte with a pause before each.
func drip(ctx context.Context, conn io.Writer, frame []byte, delay time.Duration) error {
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
