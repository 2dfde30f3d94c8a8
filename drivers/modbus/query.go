package modbus

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"time"

	"github.com/goburrow/modbus"

	"github.com/intact-gateway/intact/gateway"
)

// Query is a line that is asked by hand, one question at a time, to find out what
// is there. It reads only. It belongs to one goroutine.
type Query struct {
	line    line
	timeout time.Duration
	pause   time.Duration
	ports   map[byte]*asker
}

// asker is the way to one unit.
type asker struct {
	port   port
	pack   modbus.Packager
	client modbus.Client
}

// NewQuery returns the line that c describes by its Transport, Address, Serial and
// TLS. It connects with the first question. An answer must come within timeout;
// pause is the silence kept between two questions.
func NewQuery(ctx context.Context, c Config, timeout, pause time.Duration, o Options) (*Query, error) {
	q := &Query{timeout: timeout, pause: pause, ports: make(map[byte]*asker)}
	q.line.ctx, q.line.log = ctx, o.Log
	if q.line.log == nil {
		q.line.log = slog.New(slog.DiscardHandler)
	}
	return q, q.line.attach(c, o)
}

// Close ends the connection.
func (q *Query) Close() { q.line.close() }

// Read reads count bits or registers of a unit from address on and returns the
// bytes of the answer. Reason and Exception tell what an error means.
func (q *Query) Read(unit byte, t Table, address, count uint16) ([]byte, error) {
	c := q.unit(unit).client
	switch t {
	case Coils:
		return c.ReadCoils(address, count)
	case DiscreteInputs:
		return c.ReadDiscreteInputs(address, count)
	case HoldingRegisters:
		return c.ReadHoldingRegisters(address, count)
	default:
		return c.ReadInputRegisters(address, count)
	}
}

// Identify asks a unit what it is. Devices need not know the question: then the
// error is an exception, or there is no answer.
func (q *Query) Identify(unit byte) (Identity, error) {
	id, err := q.identity(unit, identifyAll)
	if Exception(err) != 0 { // it may know the basic ones only
		return q.identity(unit, identifyBasic)
	}
	return id, err
}

// identity asks for all objects of a kind, in as many parts as it takes.
func (q *Query) identity(unit, access byte) (id Identity, err error) {
	next := byte(0)
	for range identityParts {
		payload, err := q.identify(unit, access, next)
		if err != nil {
			return id, err
		}
		if next = id.take(payload); next == 0 {
			break
		}
	}
	return id, nil
}

// identify asks for the objects of a unit from number object on.
func (q *Query) identify(unit, access, object byte) ([]byte, error) {
	u := q.unit(unit)
	request, err := u.pack.Encode(&modbus.ProtocolDataUnit{FunctionCode: identify, Data: []byte{identifyMEI, access, object}})
	if err != nil {
		return nil, fmt.Errorf("identify unit %d: %w", unit, err)
	}
	answer, err := u.port.Send(request)
	if err != nil {
		return nil, fmt.Errorf("identify unit %d: %w", unit, err)
	}
	pdu, err := u.pack.Decode(answer)
	if err != nil {
		return nil, fmt.Errorf("identify unit %d: %w", unit, err)
	}
	if pdu.FunctionCode != identify {
		return nil, fmt.Errorf("identify unit %d: %w", unit, &modbus.ModbusError{FunctionCode: pdu.FunctionCode, ExceptionCode: pdu.Data[0]})
	}
	return pdu.Data, nil
}

func (q *Query) unit(id byte) *asker {
	a := q.ports[id]
	if a == nil {
		a = &asker{port: port{line: &q.line, timeout: q.timeout, wait: q.timeout, pause: q.pause, probe: true}}
		a.pack = q.line.framing.packager(id)
		a.client = modbus.NewClient2(a.pack, &a.port)
		q.ports[id] = a
	}
	return a
}

// Reason returns what the error of a question means for the value that was asked
// for: BadRefused if there is no connection, BadTimeout if nothing was heard,
// BadException if the device refuses, and so on.
func Reason(err error) gateway.Quality { return quality(err) }

// Answered reports whether the unit that was asked is there: it has given data, or
// has refused for itself. A gateway that does not reach it answers for it.
func Answered(err error) bool { return heard(err) }

// Exception returns the code with which the device has refused, or 0.
func Exception(err error) byte { return exceptionCode(err) }

// Words returns the registers of an answer.
func Words(data []byte) []uint16 {
	words := make([]uint16, len(data)/2)
	for i := range words {
		words[i] = binary.BigEndian.Uint16(data[2*i:])
	}
	return words
}
