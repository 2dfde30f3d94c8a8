package modbus_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// TestALateAnswerToAShortWaitIsNeverAValue has a device answer at once for long
// enough to be waited for shortly, and now and then later than that: within its
// configured time, after it, or in front of the next answer.
func TestALateAnswerToAShortWaitIsNeverAValue(t *testing.T) {
	for name, wire := range wires() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { lateNowAndThen(t, wire.transport) })
		})
	}
}

func lateNowAndThen(t *testing.T, transport modbus.Transport) {
	const polls, period, full = 20_000, time.Second, 2 * time.Second
	random := rand.New(rand.NewPCG(3, 5))
	late := 0
	d := newDevice()
	d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
		d.mu.Lock()
		kind := random.IntN(3000)
		d.mu.Unlock()
		switch kind {
		case 0:
			time.Sleep(250 * time.Millisecond)
		case 1:
			time.Sleep(full - 10*time.Millisecond)
		case 2:
			time.Sleep(2 * full)
		case 3:
			d.mu.Lock()
			d.owed = append(d.owed, reply)
			late++
			d.mu.Unlock()
			return true
		default:
			return send(d, c, request, reply)
		}
		d.mu.Lock()
		late++
		d.mu.Unlock()
		return send(d, c, request, reply)
	}
	var next gateway.PointRef
	fields := append(registers(&next, period, 100, 101), registers(&next, period, clockRegister, clockRegister+1)...)
	bus, r, stop := start(t, modbus.Config{ID: "b1", Transport: transport, Link: lineLink, Devices: []modbus.Device{{
		Unit: 1, Link: unitLink, Every: period, Timeout: full, Fields: fields,
	}}}, d)
	shortly := 0
	for range polls / 100 {
		time.Sleep(100 * period)
		if bus.Stats().Units[0].Wait < full/2 {
			shortly++
		}
	}
	stop()
	bad := 0
	for p, f := range fields {
		for _, s := range r.of(gateway.PointRef(p)) {
			switch {
			case !s.Quality.HasValue():
				bad++
			case f.Address == clockRegister:
				if age := s.At.Time().Sub(d.start).Seconds() - s.Value; age < 0 || age > 3 {
					t.Fatalf("a value is %v s old", age)
				}
			case s.Value != float64(word(1, 3, f.Address)):
				t.Fatalf("register %d is %v", f.Address, s.Value)
			}
		}
	}
	if late < 20 || shortly < polls/100/8 {
		t.Fatalf("%d answers were late, in %d of %d looks the wait was short", late, shortly, polls/100)
	}
	// Most late answers meet a short wait, and the second try has all the time.
	if bad > late {
		t.Errorf("%d samples of 4 points are bad for %d late answers", bad, late)
	}
	t.Logf("%d late answers, %d bad samples, short in %d of %d looks", late, bad, shortly, polls/100)
}

// TestADeviceThatGrowsSlowKeepsItsValues has a device that was quick for an hour
// need most of its time from one answer to the next.
func TestADeviceThatGrowsSlowKeepsItsValues(t *testing.T) {
	for name, wire := range wires() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const period, full = 5 * time.Second, time.Second
				d := newDevice()
				d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
					delay := 30 * time.Millisecond
					if time.Since(d.start) > time.Hour {
						delay = 900 * time.Millisecond
					}
					time.Sleep(delay)
					return send(d, c, request, reply)
				}
				var next gateway.PointRef
				bus, r, stop := start(t, modbus.Config{ID: "b1", Transport: wire.transport, Link: lineLink, Devices: []modbus.Device{{
					Unit: 1, Link: unitLink, Every: period, Timeout: full, Fields: registers(&next, period, 1, 9),
				}}}, d)
				time.Sleep(time.Hour - time.Second)
				if wait := bus.Stats().Units[0].Wait; wait != 200*time.Millisecond {
					t.Errorf("a quick device is waited for %s", wait)
				}
				time.Sleep(time.Hour)
				stop()
				if wait := bus.Stats().Units[0].Wait; wait != full {
					t.Errorf("a slow device is waited for %s", wait)
				}
				for _, s := range r.of(0) {
					if s.Quality != gateway.Good {
						t.Fatalf("a sample after %s is %s", s.At.Time().Sub(d.start), s.Quality)
					}
				}
				if n := bus.Stats().Units[0].Requests["timeout"]; n != 1 {
					t.Errorf("%d time-outs", n)
				}
			})
		})
	}
}

// TestAShortWaitLeavesTimeForTheWire has a device on a slow line whose answers
// are short but for a long one each minute.
func TestAShortWaitLeavesTimeForTheWire(t *testing.T) {
	for _, tt := range []struct{ baud, told int }{{1200, 1200}, {2400, 2400}, {9600, 9600}, {2400, 0}, {9600, 0}} {
		t.Run(fmt.Sprint(tt.baud, " baud, told ", tt.told), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				char := 11 * time.Second / time.Duration(tt.baud)
				d := newDevice()
				d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
					time.Sleep(time.Duration(8+len(reply))*char + 60*time.Millisecond)
					return send(d, c, request, reply)
				}
				var next gateway.PointRef
				fields := append(registers(&next, 5*time.Second, 1, 2), registers(&next, time.Minute, 100, 219)...)
				bus, r, stop := start(t, modbus.Config{ID: "b1", Transport: modbus.RTUOverTCP, Serial: modbus.Serial{Baud: tt.told}, Link: lineLink, Devices: []modbus.Device{{
					Unit: 1, Link: unitLink, Every: 5 * time.Second, Timeout: 3 * time.Second, Fields: fields,
				}}}, d)
				time.Sleep(6 * time.Hour)
				stop()
				if wait := bus.Stats().Units[0].Wait; wait > time.Second {
					t.Errorf("the device is waited for %s", wait)
				}
				for p := range next {
					for _, s := range r.of(p) {
						if s.Quality != gateway.Good {
							t.Fatalf("point %d is %s", p, s.Quality)
						}
					}
				}
				if n := bus.Stats().Units[0].Requests["timeout"]; n != 0 {
					t.Errorf("%d time-outs", n)
				}
			})
		})
	}
}
