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

func TestACounterThatFallsIsHeldOnTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period = time.Second
		var b bank
		b.set(10, 0x0001, 0xE240) // 123456
		counter := &modbus.Counter{MaxRate: 10, Rollover: 1 << 32, Step: 1}
		r, stop := b.watch(t, period, []modbus.Field{
			{Point: 0, Period: period, Type: modbus.U32, Address: 10, Kind: gateway.Counter, Counter: counter},
			{Point: 1, Period: period, Type: modbus.U32, Address: 10},
		})
		defer stop()
		time.Sleep(3 * period)
		r.clear()
		b.set(10, 0, 0)
		time.Sleep(period)
		b.set(10, 0x0001, 0xE241)
		time.Sleep(2 * period)
		b.set(10, 0x7FFF, 0)
		time.Sleep(period)
		b.set(10, 0x0001, 0xE243)
		time.Sleep(2 * period)
		seen := make(map[gateway.Quality]int)
		for _, s := range r.of(0) {
			seen[s.Quality]++
			if s.Quality.HasValue() && (s.Value < 123456 || s.Value > 123459) {
				t.Errorf("the counter read %v, %s", s.Value, s.Quality)
			}
		}
		if seen[gateway.Uncertain] != 1 || seen[gateway.BadImplausible] != 1 || seen[gateway.Good] < 4 {
			t.Errorf("one fall and one leap gave %v", seen)
		}
		if v, q := value(t, r, 1); v != 123459 || q != gateway.Good {
			t.Errorf("the same register as a number is %v, %s", v, q)
		}
	})
}

func TestAnAnswerOfOneWordIsBelievedOnlyWhereItCanBeTrue(t *testing.T) {
	measured := func(n int, units ...string) []modbus.Field {
		fields := make([]modbus.Field, n)
		for i := range fields {
			fields[i] = modbus.Field{Point: gateway.PointRef(i), Period: time.Second, Address: uint16(10 + i), Unit: units[i%len(units)]}
		}
		return fields
	}
	for _, tt := range []struct {
		name     string
		fields   []modbus.Field
		word     uint16
		allEqual int
		want     gateway.Quality
	}{
		{"volts, amperes and watts all 236", measured(9, "V", "A", "W"), 236, 0, gateway.BadImplausible},
		{"volts, amperes and watts all set", measured(9, "V", "A", "W"), 0xFFFF, 0, gateway.BadImplausible},
		{"a device at rest", measured(9, "V", "A", "W"), 0, 0, gateway.Good},
		{"three voltages and three currents of a small meter", measured(6, "V", "A", "W"), 236, 0, gateway.Good},
		{"detectors in one state", measured(60, ""), 0x0400, 0, gateway.Good},
		{"temperatures of many rooms", measured(60, "degC"), 220, 0, gateway.Good},
		{"detectors of a device that is known for it", measured(60, ""), 236, 12, gateway.BadImplausible},
		{"fewer detectors", measured(11, ""), 236, 12, gateway.Good},
		{"a device that may", measured(9, "V", "A", "W"), 236, -1, gateway.Good},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b bank
				for i := range tt.fields {
					tt.fields[i].Table = modbus.HoldingRegisters
					b.set(tt.fields[i].Address, tt.word)
				}
				_, r, stop := start(t, modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{
					{Unit: 1, Link: unitLink, Every: time.Second, Fields: tt.fields, AllEqual: tt.allEqual},
				}}, b.device())
				defer stop()
				time.Sleep(3 * time.Second)
				if _, q := value(t, r, 5); q != tt.want {
					t.Errorf("the value is %s, want %s", q, tt.want)
				}
				if v, q := value(t, r, unitLink); v != 1 || q != gateway.Good {
					t.Errorf("the link of a device that answers is %v, %s", v, q)
				}
				b.set(10, tt.word+1)
				time.Sleep(2 * time.Second)
				if _, q := value(t, r, 5); q != gateway.Good {
					t.Errorf("once the registers differ the value is %s", q)
				}
			})
		})
	}
}

func TestASentinelDisprovesTheAnswerItIsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period = time.Second
		var b bank
		b.set(9, 0x3001, 230)
		b.set(100, 50)
		model := float64(0x3001)
		r, stop := b.watch(t, period, []modbus.Field{
			{Point: 0, Period: period, Address: 10},
			{Point: 1, Period: period, Address: 10, NA: []int64{231}},
			{Point: 2, Period: period, Address: 100},
			{Point: gateway.NoPoint, Period: period, Address: 9, Sentinel: &model},
		})
		defer stop()
		for _, tt := range []struct {
			model, volts uint16
			want, na     gateway.Quality
		}{
			{0x3001, 230, gateway.Good, gateway.Good},
			{230, 230, gateway.BadImplausible, gateway.BadImplausible},
			{0, 231, gateway.BadImplausible, gateway.BadNotAvailable},
			{0x3001, 230, gateway.Good, gateway.Good},
		} {
			b.set(9, tt.model, tt.volts)
			time.Sleep(2 * period)
			for p, want := range []gateway.Quality{tt.want, tt.na, gateway.Good} {
				if _, q := value(t, r, gateway.PointRef(p)); q != want {
					t.Errorf("with the model %04X point %d is %s, want %s", tt.model, p, q, want)
				}
			}
		}
	})
}

func TestASensorThatStandsStillIsStuckAndMovesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bank
		b.set(0, 215, 7)
		r, stop := b.watch(t, time.Minute, []modbus.Field{
			{Name: "temperature", Point: 1, Period: time.Minute, Type: modbus.U16, Divisor: 10, Stuck: 30 * time.Minute},
			{Name: "setpoint", Point: 2, Period: time.Minute, Address: 1, Type: modbus.U16},
		})
		defer stop()
		time.Sleep(29 * time.Minute)
		if s := r.last(1); s.Quality != gateway.Good || s.Value != 21.5 {
			t.Errorf("just short of the time: %+v", s)
		}
		time.Sleep(3 * time.Minute)
		if s := r.last(1); s.Quality != gateway.BadStuck || s.Value != 0 {
			t.Errorf("after the time: %+v", s)
		}
		if s := r.last(2); s.Quality != gateway.Good || s.Value != 7 {
			t.Errorf("what may stand still: %+v", s)
		}
		b.set(0, 216)
		time.Sleep(2 * time.Minute)
		if s := r.last(1); s.Quality != gateway.Good || s.Value != 21.6 {
			t.Errorf("after it moved: %+v", s)
		}
	})
}
