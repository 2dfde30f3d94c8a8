package modbus_test

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// TestTwentyUnitsOnASlowLine has one unit of twenty dead and one slow, at 9600
// baud.
func TestTwentyUnitsOnASlowLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period, dead, slow, units = 5 * time.Second, 7, 9, 20
		config := modbus.Config{ID: "b1", Transport: modbus.RTUOverTCP, Serial: modbus.Serial{Baud: 9600}, Link: lineLink}
		var next gateway.PointRef
		for unit := byte(1); unit <= units; unit++ {
			config.Devices = append(config.Devices, modbus.Device{
				Unit: unit, Link: unitLink + gateway.PointRef(unit), Every: period, Timeout: time.Second, Fields: registers(&next, period, 10, 19),
			})
		}
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			switch unit := request[6]; {
			case unit == dead && time.Since(d.start) < time.Hour:
				return true
			case unit == slow:
				time.Sleep(900 * time.Millisecond)
			default:
				time.Sleep(time.Duration(8+len(reply)) * 10 * time.Second / 9600)
			}
			return send(d, c, request, reply)
		}
		// wasted is the time that the line was waiting for nothing.
		wasted := func(s modbus.Stats) time.Duration {
			for _, u := range s.Units {
				s.Busy -= u.Response.Sum
			}
			return s.Busy
		}
		bus, r, stop := start(t, config, d)
		defer stop()
		time.Sleep(time.Minute) // three failures
		r.clear()
		before := bus.Stats()
		time.Sleep(58 * time.Minute)
		after := bus.Stats()
		probes := after.Units[dead-1].Requests["timeout"] - before.Units[dead-1].Requests["timeout"]
		if share := (wasted(after) - wasted(before)).Seconds() / (58 * 60); share >= 0.02 || probes < 58 {
			t.Errorf("%d probes of the dead unit cost %.1f %% of the line", probes, 100*share)
		}
		for p := range next {
			unit := byte(p/10) + 1
			samples := r.of(p)
			for i, s := range samples {
				if want := map[bool]gateway.Quality{true: gateway.BadTimeout, false: gateway.Good}[unit == dead]; s.Quality != want {
					t.Fatalf("unit %d: sample is %s", unit, s.Quality)
				}
				if i > 0 && unit != dead {
					if gap := s.At.Sub(samples[i-1].At); gap < period*9/10 || gap > period*11/10 {
						t.Fatalf("unit %d: a sample came %s after the one before", unit, gap)
					}
				}
			}
			if n := len(samples); n < 694 || n > 698 {
				t.Errorf("unit %d: %d samples in 58 minutes", unit, n)
			}
		}
		time.Sleep(time.Minute + 50*time.Second + period) // a time-out is a fiftieth of the time to the next probe
		if v, q := value(t, r, (dead-1)*10); q != gateway.Good || v != float64(word(dead, 3, 10)) {
			t.Errorf("the unit came back as %v, %s", v, q)
		}
	})
}

// TestALineThatWasDeadLivesAgain has all of twenty units go and come together.
func TestALineThatWasDeadLivesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period = 5 * time.Second
		config := modbus.Config{ID: "b1", Link: lineLink}
		var next gateway.PointRef
		for unit := byte(1); unit <= 20; unit++ {
			config.Devices = append(config.Devices, modbus.Device{
				Unit: unit, Link: unitLink + gateway.PointRef(unit), Every: period, Timeout: time.Second, Fields: registers(&next, period, 10, 10),
			})
		}
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			return time.Since(d.start) < time.Hour || send(d, c, request, reply)
		}
		_, r, stop := start(t, config, d)
		defer stop()
		time.Sleep(time.Hour + 3*period)
		for p := range next {
			if _, q := value(t, r, p); q != gateway.Good {
				t.Errorf("point %d is %s three periods after the line came back", p, q)
			}
		}
	})
}

// TestTheClassesOfExceptions has four units refuse, each in its way, for hours.
func TestTheClassesOfExceptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period = 5 * time.Second
		const refusing, busy, broken, unreached = 1, 2, 3, 4
		config := modbus.Config{ID: "b1", Link: lineLink}
		var next gateway.PointRef
		for unit := byte(refusing); unit <= unreached; unit++ {
			config.Devices = append(config.Devices, modbus.Device{
				Unit: unit, Link: unitLink + gateway.PointRef(unit), Every: period, Fields: registers(&next, period, 0, 59),
			})
		}
		requests := make(map[byte]int)
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			unit := request[6]
			d.mu.Lock()
			requests[unit]++
			odd := requests[unit]%2 == 1
			d.mu.Unlock()
			first, count := request[9], request[11]
			switch {
			case unit == refusing && first <= 17 && 17 < first+count:
				reply = exception(request, 2)
			case unit == busy && odd:
				reply = exception(request, 6)
			case unit == broken:
				reply = exception(request, 4)
			case unit == unreached:
				reply = exception(request, 11)
			}
			return send(d, c, request, reply)
		}
		var log bytes.Buffer
		_, r, stop := startLogging(t, config, d, slog.New(slog.NewTextHandler(&log, nil)))
		time.Sleep(2 * time.Second)
		r.clear()
		d.mu.Lock()
		clear(requests)
		d.mu.Unlock()
		time.Sleep(6 * time.Hour)
		stop()
		samples := make(map[gateway.PointRef]int)
		for _, s := range r.samples {
			unit, address := byte(s.Point/60)+1, s.Point%60
			want := map[byte]gateway.Quality{refusing: gateway.Good, busy: gateway.Good, broken: gateway.BadException, unreached: gateway.BadException}[unit]
			if unit == refusing && address == 17 {
				want = gateway.BadException
			}
			if s.Point < next && s.Quality != want {
				t.Fatalf("unit %d register %d is %s, want %s", unit, address, s.Quality, want)
			}
			samples[s.Point]++
		}
		for p := range next {
			if n := samples[p]; n < 4319 || n > 4321 {
				t.Fatalf("point %d has %d samples", p, n)
			}
		}
		// Two good parts in every cycle, and the bad one every 10 minutes.
		if n := requests[refusing]; n > 2*4321+6*6+10 {
			t.Errorf("%d requests to the unit that refuses one address", n)
		}
		if n := requests[busy]; n < 2*4319 || n > 2*4321 {
			t.Errorf("%d requests to the busy unit", n)
		}
		if n := requests[broken]; n < 4319 || n > 4321 {
			t.Errorf("%d requests to the unit that is broken", n)
		}
		if n := requests[unreached]; n > 6*3600/45 {
			t.Errorf("%d requests to the unit that its gateway does not reach", n)
		}
		for unit, link := range map[gateway.PointRef]float64{refusing: 1, busy: 1, broken: 1, unreached: 0} {
			if v, _ := value(t, r, unitLink+unit); v != link {
				t.Errorf("link of unit %d is %v", unit, v)
			}
		}
		if v, _ := value(t, r, lineLink); v != 1 {
			t.Error("the line is not linked")
		}
		for unit, want := range map[string]int{"unit=1 ": 1, "unit=2 ": 0, "unit=3 ": 1, "unit=4 ": 2} {
			if n := strings.Count(log.String(), unit); n != want {
				t.Errorf("%d lines of log for %s, want %d:\n%s", n, unit, want, log.String())
			}
		}
	})
}

// TestAMuteBlockCostsLittle has one of two blocks of a unit never answer.
func TestAMuteBlockCostsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var next gateway.PointRef
		fields := append(registers(&next, time.Second, 1, 1), registers(&next, 5*time.Second, 101, 101)...)
		var muted atomic.Int64
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			if request[6] == 1 && request[9] == 1 && time.Since(d.start) < time.Hour {
				muted.Add(1)
				return true
			}
			return send(d, c, request, reply)
		}
		config := modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{
			{Unit: 1, Link: unitLink, Every: 5 * time.Second, Timeout: 500 * time.Millisecond, Fields: fields},
			{Unit: 2, Link: unitLink + 1, Every: time.Second, Fields: registers(&next, time.Second, 1, 1)},
		}}
		_, r, stop := start(t, config, d)
		defer stop()
		time.Sleep(5 * time.Minute)
		r.clear()
		muted.Store(0)
		time.Sleep(50 * time.Minute)
		if n := muted.Load(); n > 50*60/25+1 {
			t.Errorf("the mute block was asked for %d times in 50 minutes", n)
		}
		for _, p := range []gateway.PointRef{0, 1} {
			for _, s := range r.of(p) {
				if (s.Quality == gateway.Good) != (p == 1) {
					t.Fatalf("point %d is %s", p, s.Quality)
				}
			}
		}
		for _, s := range r.of(unitLink) {
			if s.Value != 1 {
				t.Fatal("a unit that answers something is not linked")
			}
		}
		time.Sleep(6 * time.Minute)
		if _, q := value(t, r, 0); q != gateway.Good {
			t.Errorf("the block came back as %s", q)
		}
	})
}

// TestFastPointsOfAllUnitsComeFirst looks at the order of requests in a pass in
// which everything is due. Two facilities share a unit.
func TestFastPointsOfAllUnitsComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var next gateway.PointRef
		var config modbus.Config
		for _, unit := range []byte{1, 2, 2} {
			var fields []modbus.Field
			for _, period := range []time.Duration{time.Minute, time.Second, 5 * time.Second} {
				from := int(period/time.Second)*2 + len(config.Devices)
				fields = append(fields, registers(&next, period, from, from)...)
			}
			config.Devices = append(config.Devices, modbus.Device{Unit: unit, Link: gateway.NoPoint, MaxGap: 8, Every: 5 * time.Second, Fields: fields})
		}
		config.ID, config.Link = "b1", gateway.NoPoint
		d := newDevice()
		_, _, stop := start(t, config, d)
		time.Sleep(1500 * time.Millisecond)
		stop()
		var got []string
		for _, q := range d.requests[:6] {
			got = append(got, string('0'+q[6])+":"+map[byte]string{2: "fast", 3: "fast", 10: "normal", 11: "normal", 120: "slow", 121: "slow"}[q[9]])
		}
		const want = "1:fast 2:fast 1:normal 2:normal 1:slow 2:slow"
		if strings.Join(got, " ") != want {
			t.Errorf("asked %s, want %s", got, want)
		}
	})
}

// TestAConverterThatAnswersAsAnotherUnit is forgiven only where the profile says
// so, and only for the units 0 and 255.
func TestAConverterThatAnswersAsAnotherUnit(t *testing.T) {
	for _, tt := range []struct {
		as      byte
		lenient bool
		want    gateway.Quality
	}{{0, true, gateway.Good}, {255, true, gateway.Good}, {9, true, gateway.BadFrame}, {0, false, gateway.BadFrame}} {
		synctest.Test(t, func(t *testing.T) {
			var next gateway.PointRef
			d := newDevice()
			d.answer = alter(func(r []byte) []byte { r[6] = tt.as; return r })
			_, r, stop := start(t, modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{{
				Unit: 5, Link: unitLink, Every: time.Second, LenientUnit: tt.lenient, Fields: registers(&next, time.Second, 1, 2),
			}}}, d)
			time.Sleep(3 * time.Second)
			stop()
			if v, q := value(t, r, 0); q != tt.want || q.HasValue() && v != float64(word(5, 3, 1)) {
				t.Errorf("as unit %d, lenient %v: %v, %s; want %s", tt.as, tt.lenient, v, q, tt.want)
			}
		})
	}
}

// TestTheLastExchangesAreKept reads what was said on the wire, well and badly.
func TestTheLastExchangesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var next gateway.PointRef
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			if time.Since(d.start) > time.Minute {
				reply[len(reply)-1] ^= 1
			}
			return send(d, c, request, reply)
		}
		bus, _, stop := start(t, modbus.Config{ID: "b1", Transport: modbus.RTUOverTCP, Link: lineLink, Devices: []modbus.Device{{
			Unit: 5, Link: unitLink, Every: time.Second, Fields: registers(&next, time.Second, 1, 1),
		}}}, d)
		defer stop()
		time.Sleep(50 * time.Second)
		w := word(5, 3, 1)
		request, good := seal([]byte{5, 3, 0, 1, 0, 1}), seal([]byte{5, 3, 2, byte(w >> 8), byte(w)})
		all := bus.Exchanges(5)
		if len(all) != 25 {
			t.Fatalf("%d exchanges are kept", len(all))
		}
		for i, x := range all {
			if !bytes.Equal(x.Sent, request) || !bytes.Equal(x.Heard, good) || x.Result != "good" || i > 0 && x.At <= all[i-1].At {
				t.Errorf("exchange %d is %+v", i, x)
			}
		}
		time.Sleep(30 * time.Second)
		all = bus.Exchanges(5)
		if x := all[len(all)-1]; x.Result != "frame" || len(x.Heard) == 0 || bytes.Equal(x.Heard, good) {
			t.Errorf("a spoilt answer is kept as %+v", x)
		}
		if bus.Exchanges(6) != nil {
			t.Error("there are exchanges with nobody")
		}
	})
}
