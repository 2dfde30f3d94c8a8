package modbus

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// MaxPipeline is the most requests that may be on their way together: Modbus
// Messaging on TCP/IP has a server take between 1 and 16.
const MaxPipeline = 16

// foresight is how many of the next requests are looked through for one that may
// be sent ahead.
const foresight = 4 * MaxPipeline

// How long requests go one at a time after one of several was not answered: many
// devices take the first and forget the others. Each time it is longer.
const (
	firstAlone = time.Minute
	maxAlone   = time.Hour
)

// read is what a request asks for.
type read struct {
	unit         byte
	table        Table
	start, count uint16
}

// frame returns the request for r, without a transaction id.
func (r read) frame() (f [mbapRequest]byte) {
	f[5], f[unitOffset], f[headerSize] = mbapRequest-lengthOffset, r.unit, byte(r.table)
	binary.BigEndian.PutUint16(f[headerSize+1:], r.start)
	binary.BigEndian.PutUint16(f[headerSize+3:], r.count)
	return f
}

// flight is a request on its way over Modbus TCP, or the answer to it while
// nobody has asked for it yet.
type flight struct {
	request [mbapRequest]byte // with its transaction id
	sent    time.Time
	// answer is the frame that has come with the id of the request, a part of
	// buffer; nil until then. Whether it answers the request is found by whoever
	// asks for it, so that a wrong one is laid to the right unit.
	answer []byte
	buffer [maxFrame]byte
	// asked is when the request was sent, or when the answer before this one had
	// come if that was later: the device may take one at a time.
	asked, came time.Time
}

// flights are the requests on their way over one connection. There is one at a
// time unless the line is to have more of them.
type flights struct {
	open []*flight
	free []*flight
	came time.Time // when the last answer came
}

// claim returns the flight of a request that was sent ahead, whose id it puts
// into request; nil if it was not.
func (f *flights) claim(request []byte) *flight {
	for _, x := range f.open {
		if bytes.Equal(x.request[2:], request[2:]) {
			copy(request, x.request[:2])
			return x
		}
	}
	return nil
}

// alike returns a flight without an answer whose answer would pass for one to
// request: by unit, function and length; nil if there is none.
func (f *flights) alike(request []byte) *flight {
	for _, x := range f.open {
		if x.answer == nil && bytes.Equal(x.request[unitOffset:headerSize+1], request[unitOffset:headerSize+1]) &&
			bytes.Equal(x.request[headerSize+3:], request[headerSize+3:]) {
			return x
		}
	}
	return nil
}

// depart notes that request is sent with that id, which it puts into it.
func (f *flights) depart(request []byte, id uint16, now time.Time) *flight {
	if len(f.free) == 0 {
		f.free = append(f.free, new(flight))
	}
	last := len(f.free) - 1
	x := f.free[last]
	f.free = f.free[:last]
	binary.BigEndian.PutUint16(request, id)
	copy(x.request[:], request)
	x.sent, x.answer = now, nil
	f.open = append(f.open, x)
	return x
}

// land gives frame to the flight whose id it has; newest is the id sent last. It
// returns errStale for a frame that nobody waits for.
func (f *flights) land(frame []byte, newest uint16, now time.Time) error {
	id := binary.BigEndian.Uint16(frame)
	i := slices.IndexFunc(f.open, func(x *flight) bool { return binary.BigEndian.Uint16(x.request[:]) == id })
	if i < 0 {
		if id == newest {
			return errStale // a duplicate
		}
		return age(newest, id)
	}
	x := f.open[i]
	switch {
	case x.answer == nil:
		x.answer = append(x.buffer[:0], frame...)
		x.asked, x.came = latest(x.sent, f.came), now
		f.came = now
		return nil
	case bytes.Equal(x.answer, frame):
		return errStale
	default:
		// A device that mixes up its ids gives several answers the same one.
		return fmt.Errorf("%w: two answers with the transaction id %d", errFrame, id)
	}
}

// done ends the flight x. Its answer stays valid until the next one departs.
func (f *flights) done(x *flight) {
	f.open = slices.DeleteFunc(f.open, func(o *flight) bool { return o == x })
	f.free = append(f.free, x)
}

// forget gives all flights up. What comes for them is stale.
func (f *flights) forget() {
	f.free = append(f.free, f.open...)
	f.open = f.open[:0]
}

// setPipeline sets how many requests may be on their way together on the line of
// c: as many as the least of its devices takes, unless the site knows better.
func (l *line) setPipeline(c Config) error {
	if c.Pipeline > 1 && c.Transport != TCP {
		return errors.New("a serial line carries one request at a time, a pipeline is for Modbus TCP")
	}
	l.pipeline = MaxPipeline
	for _, d := range c.Devices {
		l.pipeline = min(l.pipeline, max(cmp.Or(c.Pipeline, d.Pipeline), 1))
		if d.Pause > 0 || c.Transport != TCP {
			l.pipeline = 1
		}
	}
	return nil
}

// lookAhead says what the line will be asked for next, so that it may send it
// together. What was sent ahead and never asked for is forgotten.
func (l *line) lookAhead(upcoming []read) {
	l.flights.forget()
	l.upcoming = upcoming
}

// reached notes that request is asked for and need not be sent ahead.
func (l *line) reached(request []byte) {
	i := slices.IndexFunc(l.upcoming, func(r read) bool {
		f := r.frame()
		return bytes.Equal(f[2:], request[2:])
	})
	if i >= 0 {
		l.upcoming = slices.Delete(l.upcoming, i, i+1)
	}
}

// atOnce returns how many requests may be on their way together now.
func (l *line) atOnce(now time.Time) int {
	if now.Before(l.alone) {
		return 1
	}
	return l.pipeline
}

// sendAlone has the requests go one at a time after several on their way together
// ended with err: for the rest of the pass if the peer hung up, as many do on a
// line that was idle; for a while if an answer is missing; for good if the device
// has mixed them up.
func (l *line) sendAlone(err error) {
	l.upcoming = nil
	switch {
	case errors.Is(err, errFrame), errors.Is(err, errShort):
		l.pipeline = 1
		l.log.Warn("requests on their way together are mixed up, from now on they go one at a time", "address", l.address, "err", err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		if l.aloneFor == 0 {
			l.log.Warn("a request among several on their way is not answered, for a while they go one at a time", "address", l.address)
		}
		l.aloneFor = min(max(2*l.aloneFor, firstAlone), maxAlone)
		l.alone = time.Now().Add(l.aloneFor)
	}
}
