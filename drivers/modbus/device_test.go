package modbus_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// word is what the register at address of a table holds: no two registers of
// any two units near each other hold the same, so a value that went astray
// shows.
func word(unit, function byte, address uint16) uint16 {
	return uint16(unit)*7919 + uint16(function)*257 + address*13 + 1
}

// clockRegister holds the seconds since the start when the request came, so
// that an old answer shows.
const clockRegister = 900

// device is a Modbus server written from the specification, apart from the
// driver, that misbehaves as its test demands.
type device struct {
	start time.Time
	// serial has it speak as on a serial line. Requests are kept and given to
	// answer in the form of Modbus TCP all the same.
	serial bool
	// shared has every unit speak for itself on one wire, as on a serial line.
	shared bool
	// answer writes the answer to request to c; reply is the right one, ready
	// for the wire. It returns false to hang up. nil answers well.
	answer func(d *device, c net.Conn, request, reply []byte) bool

	mu       sync.Mutex
	refuse   error
	requests [][]byte // all of them
	dials    int
	owed     [][]byte // late replies of a converter that has lost its connection
	conns    map[net.Conn]bool
	serving  sync.WaitGroup
}

func newDevice() *device { return &device{start: time.Now(), conns: make(map[net.Conn]bool)} }

// dial is the driver's way to the device.
func (d *device) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dials++
	if d.refuse != nil {
		return nil, d.refuse
	}
	ours, theirs := net.Pipe()
	d.conns[theirs] = true
	d.serving.Go(func() {
		if d.shared {
			d.serveShared(theirs)
		} else {
			d.serve(theirs)
		}
	})
	return ours, nil
}

func (d *device) setRefuse(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse = err
	for c := range d.conns {
		_ = c.Close()
	}
}

func (d *device) counts() (dials, requests int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dials, len(d.requests)
}

func (d *device) serve(c net.Conn) {
	defer func() {
		_ = c.Close()
		d.mu.Lock()
		delete(d.conns, c)
		d.mu.Unlock()
	}()
	for {
		request, err := d.read(c)
		if err != nil {
			return
		}
		d.mu.Lock()
		d.requests = append(d.requests, request)
		owed, answer := d.owed, d.answer
		d.owed = nil
		d.mu.Unlock()
		for _, late := range owed {
			if _, err := c.Write(late); err != nil {
				return
			}
		}
		reply := d.wire(d.reply(request))
		if answer == nil {
			answer = send
		}
		if !answer(d, c, request, reply) {
			return
		}
	}
}

// speech is what the units of a serial line speak into. Each byte takes the time it
// has at 9600 baud, so that those of two units mix, and what nobody has read yet
// is kept.
type speech struct {
	net.Conn
	spoken chan byte
}

func (w speech) Write(b []byte) (int, error) {
	for _, c := range b {
		time.Sleep(11 * time.Second / 9600)
		w.spoken <- c
	}
	return len(b), nil
}

// serveShared hears every request at once, whoever is still speaking.
func (d *device) serveShared(c net.Conn) {
	w := speech{c, make(chan byte, 1<<16)}
	var speaking sync.WaitGroup
	d.serving.Go(func() {
		for b := range w.spoken {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
		}
	})
	for {
		request, err := d.read(c)
		if err != nil {
			break
		}
		d.mu.Lock()
		d.requests = append(d.requests, request)
		owed := d.owed
		d.owed = nil
		d.mu.Unlock()
		speaking.Go(func() {
			for _, late := range owed {
				_, _ = w.Write(late)
			}
			if !d.answer(d, w, request, d.wire(d.reply(request))) {
				_ = c.Close()
			}
		})
	}
	speaking.Wait()
	close(w.spoken)
}

// read returns the next request in the form of Modbus TCP. A serial request with
// a wrong checksum is no request.
func (d *device) read(c net.Conn) ([]byte, error) {
	if !d.serial {
		request := make([]byte, 12)
		_, err := io.ReadFull(c, request)
		return request, err
	}
	for {
		line := make([]byte, 8)
		if _, err := io.ReadFull(c, line); err != nil {
			return nil, err
		}
		if bytes.Equal(seal(line[:6]), line) {
			return append([]byte{0, 0, 0, 0, 0, 6}, line[:6]...), nil
		}
	}
}

// wire returns a frame of Modbus TCP as the device puts it on the wire.
func (d *device) wire(frame []byte) []byte {
	if !d.serial {
		return frame
	}
	return seal(frame[6:])
}

// seal returns the bytes with the checksum of serial lines behind them, by the
// polynomial x^16+x^15+x^2+1, bits reversed.
func seal(b []byte) []byte {
	sum := 0xFFFF
	for _, c := range b {
		for bit := range 8 {
			carry := (sum ^ int(c)>>bit) & 1
			sum = sum>>1 ^ carry*0xA001
		}
	}
	return append(slices.Clone(b), byte(sum), byte(sum>>8))
}

// reply returns the right answer to a read.
func (d *device) reply(request []byte) []byte {
	unit, function := request[6], request[7]
	first, count := binary.BigEndian.Uint16(request[8:]), int(binary.BigEndian.Uint16(request[10:]))
	var data []byte
	if function <= 2 {
		data = make([]byte, (count+7)/8)
		for i := range count {
			if word(unit, function, first+uint16(i))%3 == 0 {
				data[i/8] |= 1 << (i % 8)
			}
		}
	} else {
		for i := range count {
			w := word(unit, function, first+uint16(i))
			if first+uint16(i) == clockRegister {
				w = uint16(time.Since(d.start) / time.Second)
			}
			data = binary.BigEndian.AppendUint16(data, w)
		}
	}
	return frame(request, append([]byte{function, byte(len(data))}, data...))
}

// frame wraps pdu in the header that answers request.
func frame(request, pdu []byte) []byte {
	f := append([]byte(nil), request[:4]...)
	f = binary.BigEndian.AppendUint16(f, uint16(1+len(pdu)))
	return append(append(f, request[6]), pdu...)
}

func exception(request []byte, code byte) []byte {
	return frame(request, []byte{request[7] | 0x80, code})
}

func send(_ *device, c net.Conn, _, reply []byte) bool {
	_, err := c.Write(reply)
	return err == nil
}

var errRefused = errors.New("connection refused")

// registers returns fields for the holding registers from..to of unit, numbered
// from *next on.
func registers(next *gateway.PointRef, period time.Duration, from, to int) []modbus.Field {
	var fields []modbus.Field
	for a := from; a <= to; a++ {
		fields = append(fields, modbus.Field{
			Point: *next, Period: period, Table: modbus.HoldingRegisters, Type: modbus.U16, Address: uint16(a),
		})
		*next++
	}
	return fields
}

// record keeps what a bus emits.
type record struct {
	mu      sync.Mutex
	samples []gateway.Sample
}

func (r *record) emit(batch []gateway.Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = append(r.samples, batch...)
}

// of returns the samples of one point so far.
func (r *record) of(p gateway.PointRef) []gateway.Sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	var own []gateway.Sample
	for _, s := range r.samples {
		if s.Point == p {
			own = append(own, s)
		}
	}
	return own
}

// last returns the newest sample of a point.
func (r *record) last(p gateway.PointRef) gateway.Sample {
	if own := r.of(p); len(own) > 0 {
		return own[len(own)-1]
	}
	return gateway.Sample{Point: p}
}

func (r *record) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = nil
}

// start runs a bus until the returned function is called, which waits for its
// end.
func start(t *testing.T, c modbus.Config, d *device) (*modbus.Bus, *record, func()) {
	t.Helper()
	return startLogging(t, c, d, slog.New(slog.DiscardHandler))
}

func startLogging(t *testing.T, c modbus.Config, d *device, log *slog.Logger) (*modbus.Bus, *record, func()) {
	t.Helper()
	c.Address, d.serial = "device:502", c.Transport != modbus.TCP
	bus, err := modbus.New(c, modbus.Options{Log: log, Dial: d.dial})
	if err != nil {
		t.Fatal(err)
	}
	r := &record{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- bus.Run(ctx, r.emit) }()
	return bus, r, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
		d.serving.Wait()
	}
}
