package modbus

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/goburrow/modbus"
)

// A frame of Modbus over Serial Line V1.02 is the unit, the PDU and a CRC.
const (
	rtuRequest   = 8 // a read: unit, function, address, count, CRC
	rtuOverhead  = 5 // unit, function, byte count, CRC around the data
	rtuException = 5
)

const (
	// turnaround is the least that a device gets to begin its answer, besides
	// the time that the answer is on the wire.
	turnaround = 200 * time.Millisecond
	// debtLife is how long after a request its answer is still thought possible.
	debtLife = time.Minute
	// restless is how long a line may babble before nothing is asked on it.
	restless = time.Second
	// muteStreak is how many requests in a row nothing at all may be heard on
	// before a connection to a converter is made anew.
	muteStreak = 3
	// converterHush is T3.5 of a line whose speed is not known: the converter
	// keeps the silence on it, this only joins what came in two segments.
	converterHush = 2 * time.Millisecond
	// slowChar is one character on such a line, if it is as slow as any: 2400 baud.
	slowChar = 11 * time.Second / 2400
)

// rtu is the framing of serial lines. Its frames carry no number: a late answer
// looks exactly like the answer to the next request of the same kind. Therefore
//
//   - an answer counts only with the right unit, function, length and CRC;
//   - after any error the line is listened to for as long as a late answer is
//     likely, and what comes is thrown away. Only of a unit that was dead all
//     along, and of a port that was pulled out, none is likely;
//   - a unit that may still owe an answer is asked first for another number of
//     registers. As it answers in order, the answer of that length shows that
//     nothing older is on its way;
//   - nothing is sent before the line is silent.
type rtu struct {
	char    time.Duration // one character on the wire, 0 if unknown
	hush    time.Duration // T3.5
	echo    bool          // the port hears what it sends
	dialled bool          // a connection may be dead without a sign of it
	debts   []debt
	settled time.Time // until when late answers are waited for
	mute    int       // requests in a row on which nothing was heard
}

// debt is an answer that may still come.
type debt struct {
	unit, function byte
	size           int // of the data
	until          time.Time
}

func (*rtu) packager(unit byte) modbus.Packager {
	p := modbus.NewRTUClientHandler("")
	p.SlaveId = unit
	return p
}

// wire implements framing. Behind a converter the speed may not be known.
func (r *rtu) wire(request []byte) time.Duration {
	return time.Duration(frameBytes(request)) * cmp.Or(r.char, slowChar)
}

func (r *rtu) exchange(l *line, q question) ([]byte, error) {
	r.debts = slices.DeleteFunc(r.debts, func(d debt) bool { return time.Now().After(d.until) })
	for q.request[1] != identify && r.owes(q.request, answerSize(q.request)) {
		marker := q
		marker.request = r.marker(q.request)
		if _, err := r.ask(l, marker); err != nil {
			return nil, err
		}
	}
	return r.ask(l, q)
}

// ask sends the request of q into silence and returns its answer.
func (r *rtu) ask(l *line, q question) ([]byte, error) {
	answer, open, err := r.try(l, q)
	l.quiet = time.Now()
	if err == nil {
		l.answered = l.quiet
		r.settleUp(answer)
		r.mute = 0
		return answer, nil
	}
	if open {
		r.incur(q)
	}
	closed := errors.Is(err, errClosed)
	if !q.probe && (r.dialled || !closed) {
		r.settled = l.quiet.Add(q.timeout)
	}
	if r.mute++; l.filled > 0 {
		r.mute = 0
	}
	if closed || r.dialled && r.mute >= muteStreak {
		r.mute = 0
		l.drop(err)
	}
	return nil, err
}

// incur notes that the answer to q may come late.
func (r *rtu) incur(q question) {
	d := debt{q.request[0], q.request[1], answerSize(q.request), time.Now().Add(debtLife)}
	r.debts = append(slices.DeleteFunc(r.debts, func(o debt) bool {
		return o.unit == d.unit && o.function == d.function && o.size == d.size
	}), d)
}

// settleUp strikes out what the unit that gave answer cannot owe any more. It
// answers in order: with data of a length that was not owed, nothing older is on
// its way. A refusal has no length and may be an old one.
func (r *rtu) settleUp(answer []byte) {
	own := func(d debt) bool { return d.unit == answer[0] }
	if answer[1]&exceptionBit == 0 {
		r.debts = slices.DeleteFunc(r.debts, own)
	} else if i := slices.IndexFunc(r.debts, own); i >= 0 {
		r.debts = slices.Delete(r.debts, i, i+1)
	}
}

// try does what ask says, without drawing conclusions. After an error it says
// whether the answer may still come.
func (r *rtu) try(l *line, q question) (answer []byte, open bool, err error) {
	if err := r.settle(l, q.pause); err != nil {
		return nil, false, err
	}
	l.asked = time.Now()
	known := time.Duration(frameBytes(q.request)) * r.char
	if err := l.conn.SetDeadline(l.asked.Add(max(q.wait, known+min(q.timeout, turnaround)))); err != nil {
		return nil, false, lost(err)
	}
	if _, err := l.conn.Write(q.request); err != nil {
		return nil, true, lost(err)
	}
	if r.echo {
		if err := r.hearEcho(l, q.request); err != nil {
			return nil, true, err
		}
	}
	for {
		answer, used, err := r.find(q.request, l.buf[:l.filled])
		if err != nil {
			return nil, used == 0, err
		}
		if answer != nil {
			if used > len(answer) {
				l.stale.Add(1)
			}
			l.taken = used
			return answer, false, nil
		}
		r.makeRoom(l, used)
		if err := l.receive(); err != nil {
			return nil, true, r.unanswered(q.request, l.buf[:l.filled], err)
		}
	}
}

// hearEcho takes in what the port hears of its own request.
func (r *rtu) hearEcho(l *line, request []byte) error {
	for l.filled < len(request) {
		if err := l.receive(); err != nil {
			return err
		}
	}
	if b := l.buf[:len(request)]; !bytes.Equal(b, request) {
		return fmt.Errorf("%w: the port heard % x while it sent % x", errFrame, b, request)
	}
	l.taken = len(request)
	l.forget()
	return nil
}

// makeRoom throws the first used bytes away, which end with something that
// nobody waits for, and half of a buffer that is full of anything else.
func (r *rtu) makeRoom(l *line, used int) {
	if used == 0 && l.filled == len(l.buf) {
		used = l.filled / 2
	}
	if used > 0 {
		l.stale.Add(1)
		l.taken = used
		l.forget()
	}
}

// find looks for the answer to request in b. It returns the answer and where it
// ends; or no answer and the end of a late one or an echo; or no answer and 0 if
// more bytes are needed. An error with an end is that of a whole answer without the data
// asked for; without an end, of one that was spoilt on the way.
func (r *rtu) find(request, b []byte) (answer []byte, end int, err error) {
	unit, function, size := request[0], request[1], answerSize(request)
	for i := 0; i+rtuException <= len(b); i++ {
		switch f := b[i:]; {
		case f[0] != unit:
		case bytes.HasPrefix(f, request):
			return nil, i + len(request), nil // an echo, which may look like an answer
		case f[1] == function|exceptionBit && f[2] != 0:
			if sealed(f[:rtuException]) {
				return f[:rtuException], i + rtuException, nil
			}
		case f[1] == function && function == identify:
			if size, err := identitySize(f[2:]); err == nil && size > 0 && len(f) >= size+4 && sealed(f[:size+4]) {
				return f[:size+4], i + size + 4, nil
			}
		case f[1] == function:
			whole := rtuOverhead + int(f[2])
			if len(f) < whole || !sealed(f[:whole]) {
				continue
			}
			if int(f[2]) == size {
				return f[:whole], i + whole, nil
			}
			if r.owes(request, int(f[2])) {
				return nil, i + whole, nil
			}
			return nil, i + whole, checkData(Table(function), int(binary.BigEndian.Uint16(request[4:])), f[2:whole-2])
		}
	}
	if spoilt(b, unit, function, size) {
		return nil, 0, fmt.Errorf("%w: wrong CRC", errFrame)
	}
	return nil, 0, nil
}

// spoilt reports whether b begins with all of what can only be meant as the
// answer. It is used where no valid one has been found.
func spoilt(b []byte, unit, function byte, size int) bool {
	if len(b) < rtuException || b[0] != unit {
		return false
	}
	return b[1] == function|exceptionBit || b[1] == function && int(b[2]) == size && len(b) >= rtuOverhead+size
}

// unanswered says what it means that err has ended the wait for the answer to
// request, with b heard.
func (r *rtu) unanswered(request, b []byte, err error) error {
	begun := len(b) < rtuOverhead+answerSize(request) &&
		(len(b) < 1 || b[0] == request[0]) && (len(b) < 2 || b[1]&^exceptionBit == request[1])
	if errors.Is(err, errClosed) || begun {
		return err
	}
	return fmt.Errorf("%w: heard % x", errFrame, b[:min(len(b), 16)])
}

// settle waits until late answers are in and the line is silent, and throws
// away what it hears.
func (r *rtu) settle(l *line, pause time.Duration) error {
	l.forget()
	silence := max(r.hush, pause)
	// What has come meanwhile is there to be read at once.
	until := latest(r.settled, l.quiet.Add(silence), time.Now().Add(time.Millisecond))
	limit := until.Add(restless)
	stray := l.filled > 0
	defer func() {
		l.filled = 0
		if stray {
			l.stale.Add(1)
		}
	}()
	for {
		if err := l.conn.SetDeadline(until); err != nil {
			return lost(err)
		}
		if l.filled == len(l.buf) {
			l.filled = 0
		}
		if err := l.receive(); errors.Is(err, errClosed) {
			return err
		} else if err != nil {
			return nil // nothing came until then
		}
		stray = true
		if r.pay(l.buf[:l.filled]) {
			r.settled = time.Time{}
		}
		if until = latest(r.settled, time.Now().Add(silence)); until.After(limit) {
			return fmt.Errorf("%w: the line does not fall silent", errFrame)
		}
	}
}

// pay strikes out the debts whose answers are in b. It reports whether the one
// that was incurred last is among them.
func (r *rtu) pay(b []byte) bool {
	if len(r.debts) == 0 {
		return false
	}
	last := r.debts[len(r.debts)-1]
	r.debts = slices.DeleteFunc(r.debts, func(d debt) bool {
		for i := range b {
			f, whole := b[i:], rtuOverhead+d.size
			if len(f) >= whole && f[0] == d.unit && f[1] == d.function && int(f[2]) == d.size && sealed(f[:whole]) {
				return true
			}
		}
		return false
	})
	return !slices.Contains(r.debts, last)
}

// owes reports whether an answer to a request of the kind of request may still
// come, with so many bytes of data.
func (r *rtu) owes(request []byte, size int) bool {
	return slices.ContainsFunc(r.debts, func(d debt) bool {
		return d.unit == request[0] && d.function == request[1] && d.size == size
	})
}

// marker returns a read like request whose answer has a length that is not owed:
// a part of it if possible, in even steps for devices that refuse half a value.
func (r *rtu) marker(request []byte) []byte {
	bits := Table(request[1]).Single()
	own, step, most := answerSize(request), 4, 2*maxRegisters
	if bits {
		step, most = 1, maxBits/8
	} else if own <= 4 {
		step = 2
	}
	size := own - step
	for size > 0 && r.owes(request, size) {
		size -= step
	}
	if size <= 0 {
		for size = min(own+step, most); size < most && r.owes(request, size); {
			size += step
		}
	}
	count := size / 2
	if bits {
		count = 8 * size
	}
	m := slices.Clone(request[:rtuRequest])
	binary.BigEndian.PutUint16(m[2:], uint16(min(int(binary.BigEndian.Uint16(m[2:])), 1<<16-count)))
	binary.BigEndian.PutUint16(m[4:], uint16(count))
	binary.LittleEndian.PutUint16(m[6:], crc(m[:6]))
	return m
}

// frameBytes returns how many bytes a request and its answer are.
func frameBytes(request []byte) int { return len(request) + rtuOverhead + answerSize(request) }

// answerSize returns how many bytes of data a read asks for; of an identification
// the most there may be.
func answerSize(request []byte) int {
	if request[1] == identify {
		return maxFrame - headerSize - 2
	}
	count := int(binary.BigEndian.Uint16(request[4:]))
	if Table(request[1]).Single() {
		return (count + 7) / 8
	}
	return 2 * count
}

// sealed reports whether the last two bytes of the frame are the CRC of those
// before.
func sealed(frame []byte) bool {
	n := len(frame) - 2
	return binary.LittleEndian.Uint16(frame[n:]) == crc(frame[:n])
}

// crc returns the checksum of b (Modbus over Serial Line V1.02, 6.2.2).
func crc(b []byte) uint16 {
	sum := uint16(0xFFFF)
	for _, c := range b {
		sum ^= uint16(c)
		for range 8 {
			odd := sum & 1
			sum >>= 1
			if odd == 1 {
				sum ^= 0xA001
			}
		}
	}
	return sum
}

// latest returns the last of the times.
func latest(first time.Time, others ...time.Time) time.Time {
	for _, t := range others {
		if t.After(first) {
			first = t
		}
	}
	return first
}
