package modbus_test

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

const (
	lineLink gateway.PointRef = 1000
	unitLink gateway.PointRef = 1001 // plus the number of the device
)

func value(t *testing.T, r *record, p gateway.PointRef) (float64, gateway.Quality) {
	t.Helper()
	s := r.last(p)
	return s.Value, s.Quality
}

func TestADayWithAMuteSpell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period = 5 * time.Second
		var next gateway.PointRef
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			if at := time.Since(d.start); at > 6*time.Hour && at < 6*time.Hour+100*time.Second {
				return true
			}
			return send(d, c, request, reply)
		}
		bus, r, stop := start(t, modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{{
			Unit: 1, Link: unitLink, Every: period, Timeout: time.Second, Fields: registers(&next, period, 10, 11),
		}}}, d)
		time.Sleep(24 * time.Hour)
		stop()
		polls := int(24 * time.Hour / period)
		for _, p := range []gateway.PointRef{0, unitLink, lineLink} {
			samples, bad := r.of(p), 0
			for _, s := range samples {
				if !s.Quality.HasValue() || p >= lineLink && s.Value == 0 {
					bad++
				}
			}
			if bad != 20 || len(samples) < polls-1 || len(samples) > polls+1 {
				t.Errorf("point %d: %d of %d samples are bad, want 20 of %d", p, bad, len(samples), polls)
			}
		}
		// The first time it was not waited for all of its time, and asked again.
		if s := bus.Stats(); s.Overruns != 0 || s.Units[0].Requests["timeout"] != 21 {
			t.Errorf("stats are %+v", s)
		}
	})
}

func TestADeadUnitDoesNotSlowTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period = 5 * time.Second
		const dead, units = 7, 20
		config := modbus.Config{ID: "b1", Link: lineLink}
		var next gateway.PointRef
		for unit := range byte(units) {
			config.Devices = append(config.Devices, modbus.Device{
				Unit: unit, Link: unitLink + gateway.PointRef(unit), Every: period, Timeout: time.Second,
				Fields: append(registers(&next, period, 10, 10), registers(&next, period, 100, 100)...),
			})
		}
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			if request[6] == dead && time.Since(d.start) < 30*time.Minute {
				return true
			}
			time.Sleep(20 * time.Millisecond)
			return send(d, c, request, reply)
		}
		bus, r, stop := start(t, config, d)
		defer stop()
		time.Sleep(time.Minute) // the breaker has opened
		r.clear()
		before := bus.Stats().Units[dead].Requests["timeout"]
		time.Sleep(28 * time.Minute)
		for p := range next {
			samples := r.of(p)
			if len(samples) < 335 || len(samples) > 337 {
				t.Errorf("point %d has %d samples in 28 minutes", p, len(samples))
			}
			for i, s := range samples {
				if p/2 == dead {
					if s.Quality != gateway.BadTimeout {
						t.Fatalf("point %d of the dead unit is %s", p, s.Quality)
					}
					continue
				}
				if s.Quality != gateway.Good {
					t.Fatalf("point %d is %s", p, s.Quality)
				}
				if i == 0 {
					continue
				}
				if gap := s.At.Sub(samples[i-1].At); gap < period*9/10 || gap > period*11/10 {
					t.Fatalf("point %d came %s after the one before", p, gap)
				}
			}
		}
		if cost := bus.Stats().Units[dead].Requests["timeout"] - before; cost > 28*60/50 {
			t.Errorf("the dead unit cost %d s of 28 minutes", cost)
		}
		if v, _ := value(t, r, unitLink+dead); v != 0 {
			t.Error("the dead unit is linked")
		}
		if v, _ := value(t, r, lineLink); v != 1 {
			t.Error("the line is not linked")
		}

		time.Sleep(time.Minute + 50*time.Second + 2*period) // it lives again; the longest time to a probe
		if v, q := value(t, r, dead*2); q != gateway.Good || v != float64(word(dead, 3, 10)) {
			t.Errorf("the unit came back as %v, %s", v, q)
		}
		if v, _ := value(t, r, unitLink+dead); v != 1 {
			t.Error("the unit that came back is not linked")
		}
	})
}

func TestARefusedLineIsDialledLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var next gateway.PointRef
		d := newDevice()
		d.setRefuse(errRefused)
		bus, r, stop := start(t, modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{
			{Unit: 1, Link: unitLink, Every: time.Second, Fields: registers(&next, time.Second, 1, 1)},
			{Unit: 2, Link: unitLink + 1, Every: time.Second, Fields: registers(&next, time.Second, 1, 1)},
		}}, d)
		defer stop()
		time.Sleep(10 * time.Minute)
		early, _ := d.counts()
		if early < 560 || early > 610 { // once in each poll
			t.Errorf("%d dials in 10 minutes, in which a device may be rebooting", early)
		}
		time.Sleep(20 * time.Minute)
		dials, requests := d.counts()
		if dials -= early; dials < 35 || dials > 65 || requests != 0 {
			t.Errorf("%d dials in the 20 minutes after that", dials)
		}
		for p := range next {
			if _, q := value(t, r, p); q != gateway.BadRefused {
				t.Errorf("point %d is %s", p, q)
			}
			if n := len(r.of(p)); n < 1790 {
				t.Errorf("point %d has %d samples in 30 minutes", p, n)
			}
		}
		for _, link := range []gateway.PointRef{lineLink, unitLink, unitLink + 1} {
			if v, q := value(t, r, link); v != 0 || q != gateway.Good {
				t.Errorf("link %d is %v, %s", link, v, q)
			}
		}
		if bus.Stats().Connected {
			t.Error("connected")
		}
		d.setRefuse(nil)
		time.Sleep(32 * time.Second)
		for p := range next {
			if _, q := value(t, r, p); q != gateway.Good {
				t.Errorf("point %d is %s after the line came back", p, q)
			}
		}
		if s := bus.Stats(); !s.Connected || s.Reconnects != 0 {
			t.Errorf("stats are %+v", s)
		}
	})
}

// TestALineThatWasIdleIsNotMissed has a converter that hangs up on a line that
// was idle for 3 s, less than the period.
func TestALineThatWasIdleIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var next gateway.PointRef
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			time.AfterFunc(3*time.Second, func() { _ = c.Close() })
			return send(d, c, request, reply)
		}
		bus, r, stop := start(t, modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{{
			Unit: 1, Link: unitLink, Every: 5 * time.Second, Fields: registers(&next, 5*time.Second, 1, 1),
		}}}, d)
		time.Sleep(10 * time.Minute)
		stop()
		for _, s := range r.of(0) {
			if s.Quality != gateway.Good {
				t.Fatalf("sample is %s", s.Quality)
			}
			if late := s.At % 100; late != 0 {
				t.Fatalf("the second try came %d ms late", late)
			}
		}
		if s := bus.Stats(); s.Reconnects < 100 {
			t.Errorf("stats are %+v", s)
		}
	})
}

func TestALateCycleIsSkippedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var next gateway.PointRef
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			time.Sleep(2500 * time.Millisecond)
			return send(d, c, request, reply)
		}
		fields := append(registers(&next, time.Second, 1, 1), registers(&next, 5*time.Second, 100, 100)...)
		bus, r, stop := start(t, modbus.Config{ID: "b1", Devices: []modbus.Device{{
			Unit: 1, Link: unitLink, Every: 5 * time.Second, Timeout: 3 * time.Second, Fields: fields,
		}}, Link: lineLink}, d)
		time.Sleep(5 * time.Minute)
		stop()
		if n := len(r.of(0)); n < 60 || n > 100 {
			t.Errorf("the fast point has %d samples in 5 minutes of answers that take 2.5 s", n)
		}
		if n := len(r.of(1)); n < 30 {
			t.Errorf("the fast points have starved the others: %d samples in 5 minutes", n)
		}
		s := bus.Stats()
		if total := s.Overruns + uint64(len(r.of(0))+len(r.of(1))); s.Overruns == 0 || total < 350 || total > 370 {
			t.Errorf("%d cycles are accounted for, want 300 fast and 60 others", total)
		}
	})
}

func TestAGateClosesThePointsBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period = 5 * time.Second
		var quality atomic.Uint32
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			switch {
			case request[9] == 91 && quality.Load() == 0:
				reply = exception(request, 4)
			case request[9] == 91:
				reply[9], reply[10] = 0x52, byte(quality.Load())
			}
			return send(d, c, request, reply)
		}
		// Flow is read every 5 s; its gate every minute, beside it, and as a
		// second point of its own pace.
		fields := []modbus.Field{
			{Point: 0, Period: period, Table: modbus.HoldingRegisters, Type: modbus.U16, Address: 1, Gate: &modbus.Gate{Field: 1, Min: 50, Max: 99}},
			{Point: 1, Period: time.Minute, Table: modbus.HoldingRegisters, Type: modbus.U16, Address: 91, Bits: 8},
		}
		other := []modbus.Field{{Point: 2, Period: period, Table: modbus.HoldingRegisters, Type: modbus.U16, Address: 2}}
		_, r, stop := start(t, modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{
			{Unit: 1, Link: unitLink, Every: period, Fields: other},
			{Unit: 1, Link: unitLink + 1, Every: period, Fields: fields},
		}}, d)
		defer stop()
		for _, tt := range []struct {
			quality byte
			want    gateway.Quality
		}{{80, gateway.Good}, {49, gateway.BadNotAvailable}, {50, gateway.Good}, {100, gateway.BadNotAvailable}, {99, gateway.Good}, {0, gateway.BadNotAvailable}, {60, gateway.Good}} {
			quality.Store(uint32(tt.quality))
			time.Sleep(2 * period)
			if v, q := value(t, r, 0); q != tt.want || q.HasValue() && v != float64(word(1, 3, 1)) {
				t.Errorf("with quality %d flow is %v, %s; want %s", tt.quality, v, q, tt.want)
			}
			if _, q := value(t, r, 2); q != gateway.Good {
				t.Errorf("with quality %d a point without a gate is %s", tt.quality, q)
			}
		}
		if n := len(r.of(1)); n > 4 {
			t.Errorf("the gate gave %d samples in 70 s", n)
		}
	})
}

func TestTheEndOfTheGatewayIsNoFaultOfTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var next gateway.PointRef
		d := newDevice()
		d.answer = func(*device, net.Conn, []byte, []byte) bool { return true }
		_, r, stop := start(t, modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{{
			Unit: 1, Link: unitLink, Every: 5 * time.Second, Timeout: time.Minute, Fields: registers(&next, 5*time.Second, 1, 3),
		}}}, d)
		time.Sleep(2 * time.Second) // in the middle of a read that takes a minute
		began := time.Now()
		stop()
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %s to end", took)
		}
		if len(r.samples) != 0 {
			t.Errorf("samples of an interrupted read: %v", r.samples)
		}
	})
}

func TestCoilsAndInputsAreReadFromTheirTables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fields []modbus.Field
		for i := range 100 {
			for table := modbus.Coils; table <= modbus.InputRegisters; table++ {
				typ := modbus.U16
				if table.Single() {
					typ = modbus.Bit
				}
				fields = append(fields, modbus.Field{
					Point: gateway.PointRef(len(fields)), Period: time.Second, Table: table, Type: typ, Address: uint16(i * 3),
				})
			}
		}
		d := newDevice()
		_, r, stop := start(t, modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{{
			Unit: 5, Link: unitLink, Every: time.Second, MaxGap: 8, Fields: fields,
		}}}, d)
		time.Sleep(3 * time.Second)
		stop()
		for _, f := range fields {
			want := float64(word(5, byte(f.Table), f.Address))
			if f.Table.Single() {
				want = 0
				if word(5, byte(f.Table), f.Address)%3 == 0 {
					want = 1
				}
			}
			if v, q := value(t, r, f.Point); q != gateway.Good || v != want {
				t.Errorf("%s %d is %v, %s; want %v", f.Table, f.Address, v, q, want)
			}
		}
	})
}

func TestPauseBetweenRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		shortest := time.Hour
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			if !last.IsZero() {
				shortest = min(shortest, time.Since(last))
			}
			ok := send(d, c, request, reply)
			last = time.Now()
			return ok
		}
		var next gateway.PointRef
		fields := append(registers(&next, time.Second, 1, 1), registers(&next, time.Second, 100, 100)...)
		_, _, stop := start(t, modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{{
			Unit: 1, Link: unitLink, Every: time.Second, Pause: 40 * time.Millisecond, Fields: fields,
		}}}, d)
		time.Sleep(10 * time.Second)
		stop()
		if shortest != 40*time.Millisecond {
			t.Errorf("the shortest silence is %s, want 40 ms", shortest)
		}
	})
}

func TestBusesDoNotAllWakeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		instants := make(map[time.Duration]bool)
		var stops []func()
		var records []*record
		for i := range 50 {
			var next gateway.PointRef
			_, r, stop := start(t, modbus.Config{ID: fmt.Sprint("bus-", i), Link: lineLink, Devices: []modbus.Device{{
				Unit: 1, Link: unitLink, Every: time.Second, Fields: registers(&next, time.Second, 1, 1),
			}}}, newDevice())
			records, stops = append(records, r), append(stops, stop)
		}
		time.Sleep(10 * time.Second)
		for _, stop := range stops {
			stop()
		}
		for _, r := range records {
			samples := r.of(0)
			if len(samples) < 9 {
				t.Fatalf("%d samples in 10 s", len(samples))
			}
			phase := samples[1].At.Time().Sub(samples[1].At.Time().Truncate(time.Second))
			if phase%(100*time.Millisecond) != 0 {
				t.Errorf("a cycle begins at %s, which no other bus shares", phase)
			}
			instants[phase] = true
		}
		if len(instants) < 8 {
			t.Errorf("50 buses begin at %d instants", len(instants))
		}
	})
}

func TestNewNamesAllMistakes(t *testing.T) {
	good := modbus.Field{Table: modbus.HoldingRegisters, Period: time.Second}
	change := func(f func(*modbus.Field)) modbus.Field {
		bad := good
		f(&bad)
		return bad
	}
	for name, f := range map[string]modbus.Field{
		"a bit in registers":      change(func(f *modbus.Field) { f.Type = modbus.Bit }),
		"a number in coils":       change(func(f *modbus.Field) { f.Table = modbus.Coils }),
		"no table":                change(func(f *modbus.Field) { f.Table = 0 }),
		"no period":               change(func(f *modbus.Field) { f.Period = 0 }),
		"behind the end":          change(func(f *modbus.Field) { f.Type, f.Address = modbus.U32, 65535 }),
		"a bit that is not there": change(func(f *modbus.Field) { f.Bits, f.Shift = 1, 16 }),
		"a bit of a float":        change(func(f *modbus.Field) { f.Type, f.Bits = modbus.F32, 1 }),
		"a gate that is none":     change(func(f *modbus.Field) { f.Gate = &modbus.Gate{Field: 1} }),
	} {
		if _, err := modbus.New(modbus.Config{Address: "host:502", Devices: []modbus.Device{{Fields: []modbus.Field{f}}}}, modbus.Options{}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := modbus.New(modbus.Config{Address: "host"}, modbus.Options{}); err == nil {
		t.Error("an address without port was taken")
	}
	if _, err := modbus.New(modbus.Config{Address: "host:502", Devices: []modbus.Device{{Fields: []modbus.Field{good}}}}, modbus.Options{}); err != nil {
		t.Errorf("a good field gave %v", err)
	}
}
