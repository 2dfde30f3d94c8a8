// Package modbus plays the Modbus side of a building, over Modbus TCP, over a
// serial line or over both as a converter joins them: units that answer reads
// with the registers of a shipped profile, filled from a simulated device, or
// with registers set one by one.
//
// It is the measure for the driver and therefore shares no code with it: of a
// profile it reads the data only, frames and register encoding are written here
// from the Modbus specifications. It answers function codes 1 to 4 and nothing
// else, so that a write can never seem to work. Faults of the wire are switched
// on and off for each unit while it runs. Everything exported is safe for
// concurrent use.
package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/intact-gateway/intact/drivers"
)

// Exception codes of the Modbus application protocol, 7.
const (
	illegalFunction = 1
	illegalAddress  = 2
	illegalValue    = 3
	noTarget        = 11 // a gateway's answer for a unit it cannot find
)

// The MBAP header: transaction, protocol 0, length of what follows, unit.
const (
	headerSize = 7
	longest    = 254 // unit and PDU
)

// Server is one address, or one serial line, with its units behind it. The zero
// value is a server of Modbus TCP without units.
type Server struct {
	Wire Wire // set before the first connection is served

	mu     sync.Mutex
	units  map[byte]*Unit
	conns  map[io.Closer]bool
	down   bool
	silent bool
}

// AddUnit puts a unit behind the server. It has the registers of the profile,
// which read as not available until Update; with a nil profile it has none
// until SetRegister. The error says which point cannot be laid out, or that the
// unit is taken.
func (s *Server) AddUnit(id byte, profile *drivers.Profile) (*Unit, error) {
	u := newUnit()
	if profile != nil {
		if err := u.lay(profile); err != nil {
			return nil, fmt.Errorf("unit %d: %w", id, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.units[id] != nil {
		return nil, fmt.Errorf("unit %d exists twice", id)
	}
	if s.units == nil {
		s.units = make(map[byte]*Unit)
	}
	s.units[id] = u
	return u, nil
}

// Serve answers on l until ctx ends, then closes l and every connection and
// returns nil. It returns an error if l breaks before.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	serving, cancel := context.WithCancel(ctx)
	var conns sync.WaitGroup
	defer conns.Wait()
	defer cancel()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("serve Modbus on %s: %w", l.Addr(), errors.Join(err, l.Close()))
		}
		conns.Go(func() { s.ServeConn(serving, conn) })
	}
}

// ServeConn answers the requests that come over conn, one after the other as a
// converter does, until the client leaves, ctx ends or a request cannot be
// understood. It closes conn.
//
// On a serial line each unit thinks for itself: one that is late holds up nobody
// else, and does not hear what it is asked meanwhile.
func (s *Server) ServeConn(ctx context.Context, conn io.ReadWriteCloser) {
	ctx, cancel := context.WithCancel(ctx)
	v := &visit{server: s, conn: conn}
	defer v.thinking.Wait()
	defer cancel()
	defer conn.Close()
	if !s.enter(conn) {
		return
	}
	defer s.leave(conn)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	next := s.Wire.requests(conn)
	for {
		r, err := next()
		if err != nil {
			return
		}
		if err := v.answer(ctx, r); err != nil {
			return
		}
	}
}

// SetDown cuts the line or mends it: while it is down every connection is
// closed at once, and so are new ones.
func (s *Server) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
	if down {
		for conn := range s.conns {
			conn.Close()
		}
	}
}

// SetSilent has nobody answer any more, or again: connections stay, and what
// comes over them is lost, as behind a cable that was cut.
func (s *Server) SetSilent(silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = silent
}

// Reset ends every connection with an RST.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		reset(conn)
	}
}

// enter takes note of a connection, so that SetDown can close it. It reports
// whether the line is up.
func (s *Server) enter(conn io.Closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return false
	}
	if s.conns == nil {
		s.conns = make(map[io.Closer]bool)
	}
	s.conns[conn] = true
	return true
}

// leave forgets a connection.
func (s *Server) leave(conn io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// asked returns the unit of that number, nil if there is none, and whether
// anybody answers at all.
func (s *Server) asked(id byte) (u *Unit, answers bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.units[id], !s.silent
}

// visit is one connection while it is served.
type visit struct {
	server   *Server
	conn     io.ReadWriteCloser
	thinking sync.WaitGroup // late units of a serial line
}

// answer answers one request. The error means that the connection is done for.
func (v *visit) answer(ctx context.Context, r request) error {
	wire := v.server.Wire
	u, answers := v.server.asked(r.unit)
	a := reply{transaction: r.transaction, unit: r.unit}
	switch {
	case !answers:
		return nil
	case u == nil && wire.serial():
		return nil // there is no gateway that could say so
	case u == nil:
		a.pdu = exception(r.function, noTarget)
		return write(v.conn, a.frame(wire))
	}
	pdu, f, hears := u.read(r)
	if !hears {
		return nil
	}
	a.pdu = pdu
	switch {
	case f.Kind == Slow && wire.serial():
		u.think(true)
		v.thinking.Go(func() {
			err := pause(ctx, f.Delay)
			u.think(false)
			if err == nil {
				_ = write(v.conn, a.frame(wire)) // who has left will be seen by reading
			}
		})
		return nil
	case f.Kind == Merged:
		both := u.keep(a.frame(wire))
		if both == nil {
			return nil
		}
		return write(v.conn, both)
	default:
		return f.send(ctx, v.conn, wire, a)
	}
}
