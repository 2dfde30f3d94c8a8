package modbus_test

import (
	"fmt"
	"net"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// fleetPeriod is how often the devices of a fleet are read.
const fleetPeriod = 5 * time.Second

// healthy checks the samples of a unit that answers at once, numbered from
// first on: none is wrong, at most spare polls of it are bad or missing, and
// p99 of the distance of two polls is within a tenth of the period.
func healthy(t *testing.T, r *record, unit byte, first gateway.PointRef, polls, spare int) {
	t.Helper()
	rightOrBad(t, r, unit, first)
	bad := 0
	for _, s := range r.of(first) {
		if s.Quality != gateway.Good {
			bad++
		}
	}
	samples := r.of(first)
	if n := len(samples); n-bad < polls-1-spare || n > polls+1 {
		t.Fatalf("unit %d has %d samples of %d polls, %d of them bad", unit, n, polls, bad)
	}
	var jitter []time.Duration
	for i := 1; i < len(samples); i++ {
		jitter = append(jitter, (samples[i].At.Sub(samples[i-1].At) - fleetPeriod).Abs())
	}
	slices.Sort(jitter)
	if p99 := jitter[len(jitter)*99/100]; p99 > fleetPeriod/10 {
		t.Errorf("unit %d: p99 of the jitter is %s, the worst %s", unit, p99, jitter[len(jitter)-1])
	}
}

// rightOrBad fails if a sample of a unit is a wrong value.
func rightOrBad(t *testing.T, r *record, unit byte, first gateway.PointRef) {
	t.Helper()
	for i := range gateway.PointRef(3) {
		for _, s := range r.of(first + i) {
			if s.Quality.HasValue() && s.Value != float64(word(unit, 3, 10+uint16(i))) {
				t.Fatalf("unit %d: point %d is %v, %s", unit, i, s.Value, s.Quality)
			}
		}
	}
}

// TestAFifthOfTheFleetIsSick has 200 devices on lines of their own, 40 of which
// misbehave, each in another way.
func TestAFifthOfTheFleetIsSick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lines, every, span = 200, 5, 20 * time.Minute
		bad := misbehaviours()
		sick := func(i int) bool { return i%every == 0 }
		records := make([]*record, lines)
		before := runtime.NumGoroutine()
		for i := range lines {
			d := newDevice()
			if sick(i) {
				d.answer = bad[i/every%len(bad)].answer
			}
			var next gateway.PointRef
			_, r, stop := start(t, modbus.Config{ID: fmt.Sprint("b", i), Link: lineLink, Devices: []modbus.Device{{
				Unit: byte(i), Link: unitLink, Every: fleetPeriod, Timeout: timeout, Fields: registers(&next, fleetPeriod, 10, 12),
			}}}, d)
			defer stop()
			records[i] = r
		}
		time.Sleep(span)
		synctest.Wait()
		// A line has its bus and the server of its connection here, an old
		// server that still waits to answer besides.
		if n := runtime.NumGoroutine() - before; n > 2*lines+3*lines/every {
			t.Errorf("%d goroutines for %d lines", n, lines)
		}
		for i, r := range records {
			if sick(i) {
				rightOrBad(t, r, byte(i), 0)
			} else {
				healthy(t, r, byte(i), 0, int(span/fleetPeriod), 0)
			}
		}
	})
}

// TestAFifthOfTheUnitsBehindAGatewayIsSick has 20 units share a connection, of
// which four misbehave at once: every misbehaviour has its turn, next to three
// others. Hanging up is the gateway's own, and costs everybody. The gateway does
// one thing at a time: while it waits for a late unit it may fail a healthy one,
// until the late one is only probed. That may cost one poll in a hundred.
func TestAFifthOfTheUnitsBehindAGatewayIsSick(t *testing.T) {
	for name, wire := range wires() {
		bad := slices.DeleteFunc(slices.Clone(wire.misbehaviours), func(m misbehaviour) bool {
			return m.want == gateway.BadClosed
		})
		for first := 0; first < len(bad); first += 4 {
			t.Run(fmt.Sprint(name, " from ", bad[first].name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sickGateway(t, wire.transport, func(unit byte) *misbehaviour {
						if unit%5 != 0 {
							return nil
						}
						return &bad[(first+int(unit)/5-1)%len(bad)]
					})
				})
			})
		}
	}
}

// sickGateway polls units 1 to 20 for 40 minutes, of which those misbehave that
// sick gives a misbehaviour.
func sickGateway(t *testing.T, transport modbus.Transport, sick func(unit byte) *misbehaviour) {
	const units, polls = 20, 480
	d := newDevice()
	d.shared = transport != modbus.TCP
	d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
		if m := sick(request[6]); m != nil {
			return m.answer(d, c, request, reply)
		}
		return send(d, c, request, reply)
	}
	config := modbus.Config{ID: "b1", Transport: transport, Link: lineLink}
	var next gateway.PointRef
	for unit := byte(1); unit <= units; unit++ {
		config.Devices = append(config.Devices, modbus.Device{
			Unit: unit, Link: unitLink + gateway.PointRef(unit), Every: fleetPeriod, Timeout: timeout,
			Fields: registers(&next, fleetPeriod, 10, 12),
		})
	}
	before := runtime.NumGoroutine()
	_, r, stop := start(t, config, d)
	defer stop()
	time.Sleep(polls * fleetPeriod)
	synctest.Wait()
	if n := runtime.NumGoroutine() - before; n > 8 {
		t.Errorf("%d goroutines for one line", n)
	}
	for unit := byte(1); unit <= units; unit++ {
		first := gateway.PointRef(unit-1) * 3
		if m := sick(unit); m != nil {
			rightOrBad(t, r, unit, first)
		} else {
			healthy(t, r, unit, first, polls, polls/100)
		}
	}
}
