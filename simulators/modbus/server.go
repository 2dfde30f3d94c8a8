// Package modbus plays the Modbus TCP side of a building: units that answer
// reads with the registers of a shipped profile, filled from a simulated device,
// or with registers set one by one.
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
	"encoding/binary"
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

// Server is one Modbus TCP address with its units behind it. The zero value is
// a server without units.
type Server struct {
	mu    sync.Mutex
	units map[byte]*Unit
	conns map[net.Conn]bool
	down  bool
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
// serial converter does, until the client leaves, ctx ends or a request cannot
// be understood. It closes conn.
func (s *Server) ServeConn(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	if !s.enter(conn) {
		return
	}
	defer s.leave(conn)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	for {
		r, err := readRequest(conn)
		if err != nil {
			return
		}
		if err := s.answer(ctx, conn, r); err != nil {
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

// enter takes note of a connection, so that SetDown can close it. It reports
// whether the line is up.
func (s *Server) enter(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return false
	}
	if s.conns == nil {
		s.conns = make(map[net.Conn]bool)
	}
	s.conns[conn] = true
	return true
}

// leave forgets a connection.
func (s *Server) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// request is one request as it came.
type request struct {
	transaction uint16
	unit        byte
	function    byte
	body        []byte // of the PDU, after the function code
}

// readRequest reads one request. A header that is none is an error: there is
// no way to find the next one in the stream.
func readRequest(r io.Reader) (request, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return request{}, err
	}
	length := binary.BigEndian.Uint16(header[4:])
	if binary.BigEndian.Uint16(header[2:]) != 0 || length < 2 || length > longest {
		return request{}, fmt.Errorf("header % x is not Modbus TCP", header)
	}
	pdu := make([]byte, length-1)
	if _, err := io.ReadFull(r, pdu); err != nil {
		return request{}, err
	}
	return request{
		transaction: binary.BigEndian.Uint16(header[:]),
		unit:        header[6],
		function:    pdu[0],
		body:        pdu[1:],
	}, nil
}

// reply is one answer before it is framed.
type reply struct {
	transaction uint16
	unit        byte
	pdu         []byte
}

// frame returns the bytes of the answer on the wire.
func (r reply) frame() []byte {
	b := make([]byte, headerSize, headerSize+len(r.pdu))
	binary.BigEndian.PutUint16(b, r.transaction)
	binary.BigEndian.PutUint16(b[4:], uint16(1+len(r.pdu)))
	b[6] = r.unit
	return append(b, r.pdu...)
}

// exception returns the PDU that refuses a function.
func exception(function, code byte) []byte { return []byte{function | 0x80, code} }

// answer answers one request. The error means that the connection is done for.
func (s *Server) answer(ctx context.Context, conn net.Conn, r request) error {
	s.mu.Lock()
	u := s.units[r.unit]
	s.mu.Unlock()
	a := reply{transaction: r.transaction, unit: r.unit}
	if u == nil {
		a.pdu = exception(r.function, noTarget)
		_, err := conn.Write(a.frame())
		return err
	}
	var f Fault
	a.pdu, f = u.read(r)
	return f.send(ctx, conn, a)
}
