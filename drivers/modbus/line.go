package modbus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"github.com/goburrow/modbus"

	"github.com/intact-gateway/intact/gateway"
)

const (
	dialTimeout  = 3 * time.Second
	firstBackOff = 200 * time.Millisecond
	maxBackOff   = 30 * time.Second
	// A device or converter that reboots is back within rebootTime, and must not
	// be missed then: for as long it is dialled at least this often.
	rebootTime    = 10 * time.Minute
	rebootBackOff = 900 * time.Millisecond
	// Opening a serial port disturbs nobody, and a plug is put back by hand.
	maxPortBackOff = 5 * time.Second
)

var (
	// errDial marks a connection that could not be made.
	errDial = errors.New("connect")
	// errClosed marks a connection that ended in the middle of an exchange.
	errClosed = errors.New("connection lost")
)

// unreachable is a request that was never sent, because there is no connection.
type unreachable struct{ cause error }

func (u unreachable) Error() string { return u.cause.Error() }
func (u unreachable) Unwrap() error { return u.cause }

// quality returns what the outcome of a request makes of its points.
func quality(err error) gateway.Quality {
	switch {
	case err == nil:
		return gateway.Good
	case errors.Is(err, errDial):
		return gateway.BadRefused
	case errors.Is(err, os.ErrDeadlineExceeded):
		return gateway.BadTimeout
	case errors.Is(err, errClosed):
		return gateway.BadClosed
	case errors.Is(err, errShort):
		return gateway.BadShort
	case exceptionCode(err) != 0:
		return gateway.BadException
	default:
		return gateway.BadFrame
	}
}

// exceptionCode returns the code of the Modbus exception that err is, or 0.
func exceptionCode(err error) byte {
	if e, ok := errors.AsType[*modbus.ModbusError](err); ok {
		return e.ExceptionCode
	}
	return 0
}

// stream is an open connection or serial port. A deadline is absolute and ends
// reads and writes that have begun; Close ends them from any goroutine.
type stream interface {
	io.ReadWriteCloser
	SetDeadline(t time.Time) error
}

// framing is how requests and answers lie in a stream, and what is left to
// trust in the stream after something went wrong.
type framing interface {
	// packager returns the codec's part for one unit.
	packager(unit byte) modbus.Packager
	// exchange sends the request of q and returns its answer, a part of l.buf.
	// It has closed the stream if the error says that it has to be opened anew.
	// With an error may come an answer that is not the one asked for.
	exchange(l *line, q question) ([]byte, error)
	// wire returns the least time that request and its answer are on the wire, or
	// a good allowance for it if that is not known.
	wire(request []byte) time.Duration
}

// question is one request on its way over a line.
type question struct {
	request []byte        // whole, as the codec has made it
	wait    time.Duration // for the answer
	timeout time.Duration // after which it is no more likely to come
	pause   time.Duration // silence demanded before it
	probe   bool          // of a unit that is taken for dead
	lenient bool          // an answer from unit 0 or 255 counts, too
}

// line is the one connection of a bus, or its serial port. It carries one
// request at a time, or on Modbus TCP as many as it may, and a reply only reaches the codec after the framing has
// found that it answers the request.
//
// All but the counters belongs to the goroutine that runs the bus.
type line struct {
	address string
	open    func(ctx context.Context) (stream, error)
	framing framing
	longest time.Duration // between two attempts to open the stream
	log     *slog.Logger
	ctx     context.Context // of Run: the codec's interface has none to hand on

	conn     stream
	detach   func() bool // ends the watch of ctx over conn
	proven   bool        // conn has given an answer
	asked    time.Time   // when the last request was sent, or the one before it answered if that was later
	answered time.Time   // when its answer came
	quiet    time.Time   // when the last exchange ended
	buf      [2 * maxFrame]byte
	filled   int // bytes in buf
	taken    int // bytes at its beginning that are the frame handed out last

	// Of Modbus TCP.
	pipeline int       // requests that may be on their way together
	alone    time.Time // until when they go one at a time all the same
	aloneFor time.Duration
	upcoming []read // what will be asked for next
	flights  flights
	out      []byte // to be written

	backOff   time.Duration // before the next attempt to connect; 0 after an answer
	away      time.Time     // since when backOff is not 0
	notBefore time.Time
	cause     error // why backOff is not 0

	connected    atomic.Bool
	dials, stale atomic.Uint64
}

// port is the way of one unit to its line, in the form the codec wants. Several
// units share the line, each with its own codec.
type port struct {
	*line
	timeout time.Duration // the most for one answer
	wait    time.Duration // for the next one, not counting its time on the wire
	pause   time.Duration
	probe   bool
	lenient bool

	// Of the last request. The bytes are valid until the next one; sent is
	// empty if there was no connection.
	began, ended time.Time
	sent, heard  []byte
}

// Send implements modbus.Transporter. The reply is valid until the next call.
func (p *port) Send(request []byte) ([]byte, error) {
	p.began, p.sent, p.heard = time.Now(), nil, nil
	if err := p.connect(p.timeout); err != nil {
		p.ended = time.Now()
		return nil, err
	}
	wait := min(p.wait+p.framing.wire(request), p.timeout)
	reply, err := p.framing.exchange(p.line, question{request, wait, p.timeout, p.pause, p.probe, p.lenient})
	if p.pipeline > 1 {
		p.began = p.asked // maybe long ago, or only after the answers to others
	}
	p.sent, p.heard = request, reply
	if err != nil {
		p.ended = time.Now()
		p.quiet = p.ended
		if all := p.buf[:p.filled]; bytes.HasPrefix(all, reply) {
			p.heard = all // with what came behind it
		}
		return nil, err
	}
	p.ended = p.answered
	p.quiet = p.ended
	if !p.proven && (p.dials.Load() == 1 || p.backOff > 0) {
		p.log.Info("line connected", "address", p.address)
	}
	p.proven, p.backOff = true, 0
	return reply, nil
}

// took returns how long the answer to the last request took, its time on the
// wire not counted.
func (p *port) took() time.Duration {
	return p.ended.Sub(p.asked) - p.framing.wire(p.sent)
}

// connect makes sure that there is a connection. An attempt that is due soon is
// waited for, until a later one every request fails at once. So it does after an
// attempt that failed: one request of a pass finds that out for all.
func (l *line) connect(patience time.Duration) error {
	if l.conn != nil {
		return nil
	}
	if wait := time.Until(l.notBefore); wait > patience || wait > 0 && errors.Is(l.cause, errDial) {
		return unreachable{l.cause}
	} else if !sleep(l.ctx, wait) {
		return unreachable{lost(l.ctx.Err())}
	}
	ctx, cancel := context.WithTimeout(l.ctx, dialTimeout)
	defer cancel()
	conn, err := l.open(ctx)
	if err != nil && l.ctx.Err() != nil {
		return unreachable{lost(l.ctx.Err())} // given up by us, not refused
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", errDial, err)
		if l.backOff == 0 {
			l.log.Warn("line cannot be reached", "address", l.address, "err", err)
		}
		l.delay(err)
		return unreachable{err}
	}
	l.dials.Add(1)
	l.conn, l.filled, l.taken, l.proven = conn, 0, 0, false
	l.detach = context.AfterFunc(l.ctx, func() { _ = conn.Close() })
	l.connected.Store(true)
	return nil
}

// drop closes the connection for the reason err.
func (l *line) drop(err error) {
	l.close()
	// A mute unit must not keep the others from a new connection; a peer that
	// hangs up or talks nonsense from the start must not be dialled in a loop.
	if !l.proven && !errors.Is(err, os.ErrDeadlineExceeded) {
		l.delay(err)
	}
}

// delay puts the next attempt to connect off, longer each time. The jitter keeps
// many gateways from dialling a rebooted converter at once.
func (l *line) delay(cause error) {
	if l.backOff == 0 {
		l.away = time.Now()
	}
	limit := l.longest
	if time.Since(l.away) < rebootTime {
		limit = rebootBackOff
	}
	l.backOff = min(max(2*l.backOff, firstBackOff), limit)
	jitter := time.Duration(rand.Int64N(int64(l.backOff) / 4))
	l.cause, l.notBefore = cause, time.Now().Add(l.backOff-jitter)
}

// close ends the connection, if there is one.
func (l *line) close() {
	if l.conn == nil {
		return
	}
	l.detach()
	_ = l.conn.Close()
	l.conn = nil
	l.flights.forget()
	l.connected.Store(false)
}

// forget makes room for what comes next by letting the frame go that was handed
// out last.
func (l *line) forget() {
	l.filled = copy(l.buf[:], l.buf[l.taken:l.filled])
	l.taken = 0
}

// receive waits until more bytes are in buf, of which some must be free. It may
// return both bytes and later an error.
func (l *line) receive() error {
	n, err := l.conn.Read(l.buf[l.filled:])
	l.filled += n
	switch {
	case n > 0:
		return nil
	case err == nil:
		return lost(io.ErrNoProgress)
	default:
		return lost(err)
	}
}

// lost classifies an error of the connection itself.
func lost(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("no answer in time: %w", err)
	}
	return fmt.Errorf("%w: %w", errClosed, err)
}

// sleep waits for d and reports whether ctx is still alive then.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
