package modbus_test

import (
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// bank is what the registers of a device hold, whatever their table. It may be
// changed while it is read.
type bank struct {
	mu    sync.Mutex
	words map[uint16]uint16
}

func (b *bank) set(address uint16, words ...uint16) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.words == nil {
		b.words = make(map[uint16]uint16)
	}
	for i, w := range words {
		b.words[address+uint16(i)] = w
	}
}

// device returns a device that answers from the bank.
func (b *bank) device() *device {
	d := newDevice()
	d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
		b.mu.Lock()
		first := binary.BigEndian.Uint16(request[8:])
		for i := range binary.BigEndian.Uint16(request[10:]) {
			binary.BigEndian.PutUint16(reply[9+2*i:], b.words[first+i])
		}
		b.mu.Unlock()
		return send(d, c, request, reply)
	}
	return d
}

// watch runs a bus with one device of those fields, read from the bank.
func (b *bank) watch(t *testing.T, every time.Duration, fields []modbus.Field) (*record, func()) {
	t.Helper()
	for i := range fields {
		fields[i].Table = modbus.HoldingRegisters
	}
	_, r, stop := start(t, modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{
		{Unit: 1, Link: unitLink, Every: every, MaxGap: 8, Fields: fields},
	}}, b.device())
	return r, stop
}

func TestAFactorIsReadWithTheValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period = 5 * time.Second
		var b bank
		b.set(10, 2300, 0xFFFF)
		// The power is read every 5 s, its exponent as a point of its own every
		// minute, and the range is that of the scaled value.
		r, stop := b.watch(t, period, []modbus.Field{
			{Point: 0, Period: period, Address: 10, Range: []float64{0, 5000}, Factor: &modbus.Factor{Field: 1, Power: true}},
			{Point: 1, Period: time.Minute, Type: modbus.I16, Address: 11, NA: []int64{-32768}},
			{Point: 2, Period: period, Address: 10, Gate: &modbus.Gate{Field: 0, Min: 100, Max: 1000}},
		})
		defer stop()
		for _, tt := range []struct {
			exponent uint16
			want     float64
			quality  gateway.Quality
			gated    gateway.Quality
		}{
			{0xFFFF, 230, gateway.Good, gateway.Good},
			{0, 2300, gateway.Good, gateway.BadNotAvailable},
			{1, 0, gateway.BadOutOfRange, gateway.BadNotAvailable},
			{0x8000, 0, gateway.BadNotAvailable, gateway.BadNotAvailable},
			{0xFFFE, 23, gateway.Good, gateway.BadNotAvailable},
		} {
			b.set(11, tt.exponent)
			time.Sleep(2 * period)
			if v, q := value(t, r, 0); v != tt.want || q != tt.quality {
				t.Errorf("with the exponent %04X: %v, %s; want %v, %s", tt.exponent, v, q, tt.want, tt.quality)
			}
			if _, q := value(t, r, 2); q != tt.gated {
				t.Errorf("with the exponent %04X what it vouches for is %s, want %s", tt.exponent, q, tt.gated)
			}
		}
		if n := len(r.of(1)); n > 3 {
			t.Errorf("the factor gave %d samples in 50 s", n)
		}
	})
}

func TestAFactorThatCannotBeIsRefused(t *testing.T) {
	field := func(x *modbus.Factor) modbus.Field {
		return modbus.Field{Table: modbus.HoldingRegisters, Period: time.Second, Factor: x}
	}
	for name, fields := range map[string][]modbus.Field{
		"no field":                {field(&modbus.Factor{Field: 1})},
		"a field with a factor":   {field(&modbus.Factor{Field: 1}), field(&modbus.Factor{Field: 2}), field(nil)},
		"a field before all":      {field(&modbus.Factor{Field: -1})},
		"the field that it is of": {field(&modbus.Factor{Field: 0})},
	} {
		if _, err := modbus.New(modbus.Config{Address: "host:502", Devices: []modbus.Device{{Fields: fields}}}, modbus.Options{}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
