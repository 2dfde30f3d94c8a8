package modbus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/goburrow/modbus"
)

// The MBAP header (Modbus Messaging on TCP/IP 3.1.3): transaction id, protocol
// id and length of two bytes each, then the unit id, which the length counts.
const (
	headerSize   = 7
	lengthOffset = 6 // the length counts from here
	unitOffset   = 6
	maxFrame     = 260 // header and the largest PDU
)

// mbap is the framing of Modbus TCP. A transaction id tells an answer from one
// to an earlier request, and the answers to requests that are on their way
// together from each other. Any other surprise closes the connection: a stream
// that was wrong once has no beginning of a frame that could be trusted.
type mbap struct {
	id uint16 // of the last request, over all connections
}

func (*mbap) packager(unit byte) modbus.Packager {
	p := modbus.NewTCPClientHandler("")
	p.SlaveId = unit
	return p
}

// wire implements framing: what the network takes is part of the answer's time.
func (*mbap) wire([]byte) time.Duration { return 0 }

func (m *mbap) exchange(l *line, q question) ([]byte, error) {
	if q.pause > 0 && !sleep(l.ctx, time.Until(l.quiet.Add(q.pause))) {
		return nil, lost(l.ctx.Err())
	}
	now := time.Now()
	l.out = l.out[:0]
	f := l.flights.claim(q.request)
	if f == nil {
		if err := m.clear(l, q, now); err != nil {
			return nil, err
		}
		l.reached(q.request)
		f = m.send(l, q.request, now)
	}
	for i := 0; i < min(len(l.upcoming), foresight) && len(l.flights.open) < l.atOnce(now); {
		request := l.upcoming[i].frame()
		if l.flights.alike(request[:]) != nil {
			i++ // of two alike nobody could tell whether a device has swapped their ids
			continue
		}
		l.upcoming = slices.Delete(l.upcoming, i, i+1)
		m.send(l, request[:], now)
	}
	l.asked = latest(f.sent, l.flights.came)
	err := m.await(l, f, now.Add(q.wait))
	if err == nil {
		l.asked, l.answered = f.asked, f.came
		if unit := &f.answer[unitOffset]; q.lenient && (*unit == 0 || *unit == 255) {
			*unit = q.request[unitOffset] // the transaction id says whose answer it is
		}
		err = check(q.request, f.answer)
	}
	if err != nil {
		m.abandon(l, err)
		return f.answer, err
	}
	l.flights.done(f)
	if m.torn(l.buf[l.taken:l.filled], len(l.flights.open) > 0) {
		l.close() // the answer is whole, and what follows would swallow the next one
	}
	return f.answer, nil
}

// clear waits for the answers to what is on its way and looks like the request of
// q, should there be any.
func (m *mbap) clear(l *line, q question, now time.Time) error {
	for f := l.flights.alike(q.request); f != nil; f = l.flights.alike(q.request) {
		if err := m.await(l, f, now.Add(q.wait)); err != nil {
			m.abandon(l, err)
			return err
		}
	}
	return nil
}

// send puts request among what is to be written. The codec of each unit counts
// its requests for itself. An id that is new on the whole line tells late replies
// to any unit apart from the awaited one; it is put where the codec will look for
// the one it has sent.
func (m *mbap) send(l *line, request []byte, now time.Time) *flight {
	m.id++
	f := l.flights.depart(request, m.id, now)
	l.out = append(l.out, request...)
	return f
}

// abandon gives the connection up for the reason err, with all that is on its
// way. Nobody but the request that was waited for is to blame.
func (m *mbap) abandon(l *line, err error) {
	if len(l.flights.open) > 1 && l.ctx.Err() == nil {
		l.sendAlone(err)
	}
	l.drop(err)
}

// torn reports whether the bytes behind an answer are anything but late answers
// and duplicates, or answers to others on their way, the last of which may still
// be coming.
func (m *mbap) torn(rest []byte, others bool) bool {
	for len(rest) > 0 {
		size, err := frameSize(rest)
		if err != nil || size == 0 && !others {
			return true // no header yet, or none at all
		}
		if size == 0 {
			return false
		}
		if id := binary.BigEndian.Uint16(rest); int16(m.id-id) < 0 {
			return true
		}
		if size > len(rest) {
			return false
		}
		rest = rest[size:]
	}
	return false
}

// await writes what is to be written and waits until deadline for the answer to
// f. Answers to others on their way are put aside.
func (m *mbap) await(l *line, f *flight, deadline time.Time) error {
	if err := l.conn.SetDeadline(deadline); err != nil {
		return lost(err)
	}
	if len(l.out) > 0 {
		if _, err := l.conn.Write(l.out); err != nil {
			return lost(err)
		}
	}
	for f.answer == nil {
		frame, err := m.next(l)
		if err != nil {
			return err
		}
		if err := l.flights.land(frame, m.id, time.Now()); errors.Is(err, errStale) {
			l.stale.Add(1)
		} else if err != nil {
			return err
		} else if f.answer == nil {
			l.forget() // it is put aside
		}
	}
	return nil
}

// next returns the next whole frame. It stays valid until next is called again.
func (m *mbap) next(l *line) ([]byte, error) {
	l.forget()
	for {
		size, err := frameSize(l.buf[:l.filled])
		if err != nil {
			return nil, err
		}
		if size > 0 && l.filled >= size {
			l.taken = size
			return l.buf[:size], nil
		}
		if err := l.receive(); err != nil {
			return nil, err
		}
	}
}

// frameSize returns how long the frame at the beginning of b is, or 0 if b does
// not hold all of the header's fields yet. A header that cannot be one is an
// errFrame: from there on the stream has no meaning.
func frameSize(b []byte) (int, error) {
	if len(b) < lengthOffset {
		return 0, nil
	}
	if p := binary.BigEndian.Uint16(b[2:]); p != 0 {
		return 0, fmt.Errorf("%w: protocol id %d", errFrame, p)
	}
	// A unit id, a function code and one byte is the least there is.
	n := lengthOffset + int(binary.BigEndian.Uint16(b[4:]))
	if n < headerSize+2 || n > maxFrame {
		return 0, fmt.Errorf("%w: length %d", errFrame, n-lengthOffset)
	}
	return n, nil
}

// age says whether an id is the wanted one, that of an earlier request, or one
// that nobody has sent.
func age(want, got uint16) error {
	if older := int16(want - got); older > 0 {
		return errStale
	} else if older < 0 {
		return fmt.Errorf("%w: transaction id %d for request %d", errFrame, got, want)
	}
	return nil
}

// check says whether the whole frame answers the request, a read of one of the
// four tables or of what the device is. It returns nil only for data of exactly
// the length that was asked for, for a whole identification, or for an exception.
func check(request, frame []byte) error {
	if err := age(binary.BigEndian.Uint16(request), binary.BigEndian.Uint16(frame)); err != nil {
		return err
	}
	if frame[6] != request[6] {
		return fmt.Errorf("%w: from unit %d", errFrame, frame[6])
	}
	function, payload := request[7], frame[8:]
	switch frame[7] {
	case function:
		if function == identify {
			return checkIdentity(payload)
		}
		return checkData(Table(function), int(binary.BigEndian.Uint16(request[10:])), payload)
	case function | exceptionBit:
		if len(payload) != 1 || payload[0] == 0 {
			return fmt.Errorf("%w: exception % x", errFrame, payload)
		}
		return nil
	default:
		return fmt.Errorf("%w: function code %d", errFrame, frame[7])
	}
}
