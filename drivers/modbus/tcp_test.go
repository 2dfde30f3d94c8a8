package modbus_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	foreign "github.com/simonvetter/modbus"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// handler serves words by their address to the foreign server.
type handler struct{ unit byte }

func (h handler) read(unit, function uint8, addr, n uint16) ([]uint16, error) {
	if unit != h.unit {
		return nil, foreign.ErrGWTargetFailedToRespond
	}
	if addr+n > 1000 {
		return nil, foreign.ErrIllegalDataAddress
	}
	words := make([]uint16, n)
	for i := range words {
		words[i] = word(unit, function, addr+uint16(i))
	}
	return words, nil
}

func (h handler) HandleHoldingRegisters(r *foreign.HoldingRegistersRequest) ([]uint16, error) {
	return h.read(r.UnitId, 3, r.Addr, r.Quantity)
}

func (h handler) HandleInputRegisters(r *foreign.InputRegistersRequest) ([]uint16, error) {
	return h.read(r.UnitId, 4, r.Addr, r.Quantity)
}

func (h handler) bits(unit, function uint8, addr, n uint16) ([]bool, error) {
	words, err := h.read(unit, function, addr, n)
	bits := make([]bool, len(words))
	for i, w := range words {
		bits[i] = w%3 == 0
	}
	return bits, err
}

func (h handler) HandleCoils(r *foreign.CoilsRequest) ([]bool, error) {
	return h.bits(r.UnitId, 1, r.Addr, r.Quantity)
}

func (h handler) HandleDiscreteInputs(r *foreign.DiscreteInputsRequest) ([]bool, error) {
	return h.bits(r.UnitId, 2, r.Addr, r.Quantity)
}

// follow runs a bus until seen says that it has seen enough.
func follow(t *testing.T, c modbus.Config, seen func(gateway.Sample) (enough bool)) {
	t.Helper()
	bus, err := modbus.New(c, modbus.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := false
	if err := bus.Run(ctx, func(batch []gateway.Sample) {
		for _, s := range batch {
			if !ended && seen(s) {
				ended = true
				cancel()
			}
		}
	}); err != nil {
		t.Errorf("Run returned %v", err)
	}
	if !ended {
		t.Errorf("waited in vain: %+v", bus.Stats())
	}
}

// TestAForeignServer reads all four tables of a server that others have written.
func TestAForeignServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	server, err := foreign.NewServer(&foreign.ServerConfiguration{URL: "tcp://" + address}, handler{unit: 9})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Stop()

	var fields []modbus.Field
	want := make(map[gateway.PointRef]float64)
	for table := modbus.Coils; table <= modbus.InputRegisters; table++ {
		for _, address := range []uint16{0, 1, 7, 8, 9, 100, 998, 999, 1000} {
			f := modbus.Field{Point: gateway.PointRef(len(fields)), Table: table, Type: modbus.U16, Address: address, Period: 20 * time.Millisecond}
			want[f.Point] = float64(word(9, byte(table), address))
			if table.Single() {
				f.Type, want[f.Point] = modbus.Bit, float64(map[bool]int{true: 1}[word(9, byte(table), address)%3 == 0])
			}
			if address == 1000 {
				want[f.Point] = -1 // refused
			}
			fields = append(fields, f)
		}
	}
	const link, deadLink, line = 900, 901, 902
	count := make(map[gateway.PointRef]int)
	follow(t, modbus.Config{ID: "b1", Address: address, Link: line, Devices: []modbus.Device{
		{Unit: 9, Link: link, Every: 20 * time.Millisecond, MaxGap: 8, Fields: fields},
		{Unit: 8, Link: deadLink, Every: 20 * time.Millisecond, Fields: []modbus.Field{{Point: 800, Table: modbus.HoldingRegisters, Period: 20 * time.Millisecond}}},
	}}, func(s gateway.Sample) bool {
		w, of := want[s.Point]
		switch {
		case of && w < 0 && s.Quality != gateway.BadException, of && w >= 0 && (s.Quality != gateway.Good || s.Value != w),
			s.Point == 800 && s.Quality != gateway.BadException,
			s.Point == deadLink && s.Value != 0, s.Point == link && s.Value != 1, s.Point == line && s.Value != 1:
			t.Errorf("point %d is %v, %s; want %v", s.Point, s.Value, s.Quality, w)
		}
		count[s.Point]++
		return count[fields[len(fields)-1].Point] == 20
	})
}

// TestAResetInMidFrame has a real connection reset in the middle of every other
// answer: the value comes all the same, over the next connection.
func TestAResetInMidFrame(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		d := newDevice()
		for n := 0; ; n++ {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			for {
				request := make([]byte, 12)
				if _, err := io.ReadFull(c, request); err != nil {
					break
				}
				reply := d.reply(request)
				if n%2 == 0 {
					_, _ = c.Write(reply[:len(reply)-1])
					_ = c.(*net.TCPConn).SetLinger(0)
					break
				}
				n++
				if _, err := c.Write(reply); err != nil {
					break
				}
				_ = c.(*net.TCPConn).SetLinger(0)
				break
			}
			_ = c.Close()
		}
	})
	good := 0
	follow(t, modbus.Config{ID: "b1", Address: listener.Addr().String(), Link: gateway.NoPoint, Devices: []modbus.Device{{
		Unit: 1, Link: gateway.NoPoint, Every: 20 * time.Millisecond,
		Fields: []modbus.Field{{Point: 0, Table: modbus.HoldingRegisters, Address: 40, Period: 20 * time.Millisecond}},
	}}}, func(s gateway.Sample) bool {
		if s.Quality.HasValue() && s.Value != float64(word(1, 3, 40)) {
			t.Errorf("value is %v", s.Value)
		}
		if s.Quality == gateway.Good {
			good++
		} else if s.Quality != gateway.BadClosed {
			t.Errorf("sample is %s", s.Quality)
		}
		return good == 5
	})
	listener.Close()
	serving.Wait()
}
