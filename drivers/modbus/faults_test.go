package modbus_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// misbehaviour is one way of a device not to answer well.
type misbehaviour struct {
	name   string
	answer func(d *device, c net.Conn, request, reply []byte) bool
	want   gateway.Quality // of the points, when it never stops; Good if they survive
	heard  bool            // the device counts as answering
}

// timeout is that of the devices which misbehave.
const timeout = 500 * time.Millisecond

func write(c net.Conn, parts ...[]byte) bool {
	for _, p := range parts {
		if _, err := c.Write(p); err != nil {
			return false
		}
	}
	return true
}

// drip writes the reply one byte at a time.
func drip(pause time.Duration) func(*device, net.Conn, []byte, []byte) bool {
	return func(_ *device, c net.Conn, _, reply []byte) bool {
		for i := range reply {
			time.Sleep(pause)
			if !write(c, reply[i:i+1]) {
				return false
			}
		}
		return true
	}
}

func alter(change func(reply []byte) []byte) func(*device, net.Conn, []byte, []byte) bool {
	return func(_ *device, c net.Conn, _, reply []byte) bool { return write(c, change(reply)) }
}

// anywhere is what real devices and converters have been seen to do on any
// transport.
func anywhere() []misbehaviour {
	all := []misbehaviour{
		{"mute", func(*device, net.Conn, []byte, []byte) bool { return true }, gateway.BadTimeout, false},
		{"late", func(_ *device, c net.Conn, _, reply []byte) bool {
			time.Sleep(timeout + 100*time.Millisecond)
			return write(c, reply)
		}, gateway.BadTimeout, false},
		{"three time-outs late", func(_ *device, c net.Conn, _, reply []byte) bool {
			time.Sleep(3 * timeout)
			return write(c, reply)
		}, gateway.BadTimeout, false},
		{"late, in front of the next answer", func(d *device, _ net.Conn, _, reply []byte) bool {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.owed = append(d.owed, reply)
			return true
		}, gateway.BadTimeout, false},
		{"slow", func(_ *device, c net.Conn, _, reply []byte) bool {
			time.Sleep(timeout - 100*time.Millisecond)
			return write(c, reply)
		}, gateway.Good, true},
		{"one byte at a time, in time", drip(10 * time.Millisecond), gateway.Good, true},
		{"one byte at a time, too slowly", drip(100 * time.Millisecond), gateway.BadTimeout, false},
		{"twice in one segment", alter(func(r []byte) []byte { return append(r, r...) }), gateway.Good, true},
		{"with the beginning of something else behind it", alter(func(r []byte) []byte { return append(r, r[:5]...) }), gateway.Good, true},
		{"hangs up", func(*device, net.Conn, []byte, []byte) bool { return false }, gateway.BadClosed, false},
		{"hangs up in the middle", func(_ *device, c net.Conn, _, reply []byte) bool {
			write(c, reply[:len(reply)-1])
			return false
		}, gateway.BadClosed, false},
		{"hangs up after the answer", func(_ *device, c net.Conn, _, reply []byte) bool {
			write(c, reply)
			return false
		}, gateway.Good, true},
		{"nothing but zeros", alter(func(r []byte) []byte { return make([]byte, len(r)) }), gateway.BadFrame, false},
		{"text", alter(func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }), gateway.BadFrame, false},
	}
	for _, code := range []byte{1, 2, 3, 4, 5, 6, 8, 10, 11} {
		all = append(all, misbehaviour{fmt.Sprintf("exception %d", code), func(d *device, c net.Conn, request, _ []byte) bool {
			return write(c, d.wire(exception(request, code)))
		}, gateway.BadException, code < 10})
	}
	return all
}

// misbehaviours is what devices do on Modbus TCP.
func misbehaviours() []misbehaviour {
	set := func(i int, b byte) func(*device, net.Conn, []byte, []byte) bool {
		return alter(func(r []byte) []byte { r[i] = b; return r })
	}
	return append(anywhere(), []misbehaviour{
		{"a serial frame on the TCP port", alter(func(r []byte) []byte { return append(r[6:], 0xAA, 0x55) }), gateway.BadFrame, false},
		{"wrong protocol id", set(3, 1), gateway.BadFrame, false},
		{"length 0", alter(func(r []byte) []byte { r[4], r[5] = 0, 0; return r[:6] }), gateway.BadFrame, false},
		{"length 65535", alter(func(r []byte) []byte { r[4], r[5] = 0xFF, 0xFF; return r }), gateway.BadFrame, false},
		{"an id from the future", alter(func(r []byte) []byte { r[0] ^= 0x40; return r }), gateway.BadFrame, false},
		{"another unit", set(6, 99), gateway.BadFrame, false},
		{"another function", set(7, 4), gateway.BadFrame, false},
		{"an exception of another function", alter(func(r []byte) []byte { return append(r[:4], 0, 3, r[6], 0x84, 2) }), gateway.BadFrame, false},
		{"an exception with more behind it", alter(func(r []byte) []byte { return append(r[:4], 0, 4, r[6], 0x83, 2, 2) }), gateway.BadFrame, false},
		{"fewer registers than asked for", alter(func(r []byte) []byte {
			return append(r[:4], 0, 5, r[6], r[7], 2, r[9], r[10])
		}), gateway.BadShort, false},
		{"no data", alter(func(r []byte) []byte { return append(r[:4], 0, 3, r[6], r[7], 0) }), gateway.BadShort, false},
		{"more registers than asked for", alter(func(r []byte) []byte {
			r[5] += 2
			r[8] += 2
			return append(r, 0, 0)
		}), gateway.BadFrame, false},
		{"a byte count that lies", alter(func(r []byte) []byte { r[8] -= 2; return r }), gateway.BadFrame, false},
	}...)
}

// serialMisbehaviours is what devices do on a serial line.
func serialMisbehaviours() []misbehaviour {
	set := func(i int, b byte) func(*device, net.Conn, []byte, []byte) bool {
		return alter(func(r []byte) []byte { r[i] = b; return seal(r[:len(r)-2]) })
	}
	cut := func(size byte) func(*device, net.Conn, []byte, []byte) bool {
		return alter(func(r []byte) []byte {
			data := bytes.Repeat(r[3:len(r)-2], 12)
			return seal(append([]byte{r[0], r[1], size}, data[:size]...))
		})
	}
	return append(anywhere(), []misbehaviour{
		{"a TCP frame on the serial line", alter(func(r []byte) []byte {
			return append([]byte{0, 1, 0, 0, 0, byte(len(r) - 2)}, r[:len(r)-2]...)
		}), gateway.BadFrame, false},
		{"behind noise", alter(func(r []byte) []byte { return append([]byte{0, 0xFF, 1, 3}, r...) }), gateway.Good, true},
		{"behind the answer of another unit", alter(func(r []byte) []byte { return append(seal([]byte{77, 3, 2, 0, 9}), r...) }), gateway.Good, true},
		{"behind an echo of the request", func(_ *device, c net.Conn, request, reply []byte) bool {
			return write(c, seal(request[6:]), reply)
		}, gateway.Good, true},
		{"an echo and nothing else", func(_ *device, c net.Conn, request, _ []byte) bool {
			return write(c, seal(request[6:]))
		}, gateway.BadTimeout, false},
		{"in two pieces", func(_ *device, c net.Conn, _, reply []byte) bool {
			return write(c, reply[:4]) && sleepy(50*time.Millisecond) && write(c, reply[4:])
		}, gateway.Good, true},
		{"an exception in two pieces", func(d *device, c net.Conn, request, _ []byte) bool {
			e := d.wire(exception(request, 4))
			return write(c, e[:4]) && sleepy(50*time.Millisecond) && write(c, e[4:])
		}, gateway.BadException, true},
		{"wrong checksum", alter(func(r []byte) []byte { r[len(r)-1] ^= 1; return r }), gateway.BadFrame, false},
		{"a flipped bit", alter(func(r []byte) []byte { r[5] ^= 0x10; return r }), gateway.BadFrame, false},
		{"an exception with a wrong checksum", func(d *device, c net.Conn, request, _ []byte) bool {
			e := d.wire(exception(request, 4))
			e[3] ^= 1
			return write(c, e)
		}, gateway.BadFrame, false},
		{"another unit", set(0, 99), gateway.BadFrame, false},
		{"another function", set(1, 4), gateway.BadFrame, false},
		{"an exception of another function", alter(func(r []byte) []byte { return seal([]byte{r[0], 0x84, 2}) }), gateway.BadFrame, false},
		{"an exception without a reason", alter(func(r []byte) []byte { return seal([]byte{r[0], 0x83, 0}) }), gateway.BadFrame, false},
		{"fewer registers than asked for", cut(2), gateway.BadShort, false},
		{"no data", cut(0), gateway.BadShort, false},
		{"more registers than asked for", cut(12), gateway.BadFrame, false},
		{"a byte count that lies", set(2, 8), gateway.BadFrame, false},
	}...)
}

func sleepy(d time.Duration) bool {
	time.Sleep(d)
	return true
}

// wires are the transports with what goes wrong on them.
func wires() map[string]struct {
	transport     modbus.Transport
	misbehaviours []misbehaviour
} {
	type wire = struct {
		transport     modbus.Transport
		misbehaviours []misbehaviour
	}
	return map[string]wire{
		"tcp":          {modbus.TCP, misbehaviours()},
		"rtu over tcp": {modbus.RTUOverTCP, serialMisbehaviours()},
	}
}

// TestEveryMisbehaviourHasItsReason lets a device misbehave for ever and then
// come to its senses.
func TestEveryMisbehaviourHasItsReason(t *testing.T) {
	for name, wire := range wires() {
		for _, m := range wire.misbehaviours {
			t.Run(name+"/"+m.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { misbehave(t, wire.transport, m) })
			})
		}
	}
}

func misbehave(t *testing.T, transport modbus.Transport, m misbehaviour) {
	var next gateway.PointRef
	d := newDevice()
	d.answer = m.answer
	bus, r, stop := start(t, modbus.Config{ID: "b1", Transport: transport, Link: lineLink, Devices: []modbus.Device{{
		Unit: 1, Link: unitLink, Every: 5 * time.Second, Timeout: timeout, Fields: registers(&next, 5*time.Second, 10, 14),
	}}}, d)
	defer stop()
	time.Sleep(31 * time.Second)
	for p := range next {
		if v, q := value(t, r, p); q != m.want || q.HasValue() && v != float64(word(1, 3, 10+uint16(p))) {
			t.Errorf("point %d is %v, %s; want %s", p, v, q, m.want)
		}
	}
	for _, link := range []gateway.PointRef{lineLink, unitLink} {
		if v, q := value(t, r, link); q != gateway.Good || (v == 1) != m.heard {
			t.Errorf("link %d is %v, %s; want heard: %v", link, v, q, m.heard)
		}
	}
	u := bus.Stats().Units[0]
	if u.Requests[m.want.String()] == 0 || u.Answering != m.heard {
		t.Errorf("stats are %+v", u)
	}

	d.mu.Lock()
	d.answer = nil
	d.mu.Unlock()
	time.Sleep(45 * time.Second) // the longest back-off to the next dial, and a cycle
	r.clear()
	time.Sleep(5 * time.Second)
	for p := range next {
		if v, q := value(t, r, p); q != gateway.Good || v != float64(word(1, 3, 10+uint16(p))) {
			t.Errorf("point %d came back as %v, %s", p, v, q)
		}
	}
	if v, _ := value(t, r, unitLink); v != 1 {
		t.Errorf("link came back as %v", v)
	}
}

// TestNoWrongValueInAThousandPolls mixes every misbehaviour with good answers,
// over three units whose blocks all have the same length. The values tell where
// they come from and when they were asked for.
func TestNoWrongValueInAThousandPolls(t *testing.T) {
	for name, wire := range wires() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { poll(t, wire.transport, wire.misbehaviours, 7) })
		})
	}
}

// TestNoWrongValueInManyExchanges goes on with other random numbers until the
// devices have been asked 20,000 times on each transport; a million times with
// INTACT_LONG=1, which takes half a minute, and minutes under -race.
func TestNoWrongValueInManyExchanges(t *testing.T) {
	enough := 20_000
	if os.Getenv("INTACT_LONG") != "" {
		enough = 1_000_000
	}
	for name, wire := range wires() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exchanges := 0
			for seed := uint64(100); exchanges < enough && !t.Failed(); seed++ {
				synctest.Test(t, func(t *testing.T) {
					exchanges += poll(t, wire.transport, wire.misbehaviours, seed)
				})
			}
			t.Logf("%d exchanges", exchanges)
		})
	}
}

// poll returns how many requests the device was asked.
func poll(t *testing.T, transport modbus.Transport, bad []misbehaviour, seed uint64) (requests int) {
	t.Helper()
	const polls, period = 1000, 20 * time.Second
	random := rand.New(rand.NewPCG(seed, 11))
	d := newDevice()
	d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
		d.mu.Lock() // of several connections, one being closed
		well, which := random.IntN(3) > 0, random.IntN(len(bad))
		d.mu.Unlock()
		if well {
			return send(d, c, request, reply)
		}
		return bad[which].answer(d, c, request, reply)
	}
	type truth struct {
		unit    byte
		address uint16
	}
	truths := make(map[gateway.PointRef]truth)
	config := modbus.Config{ID: "b1", Transport: transport, Link: lineLink}
	var next gateway.PointRef
	for unit := byte(1); unit <= 3; unit++ {
		var fields []modbus.Field
		for _, from := range []int{100, 200, 300, clockRegister - 1} {
			fields = append(fields, registers(&next, period, from, from+1)...)
		}
		for _, f := range fields {
			truths[f.Point] = truth{unit, f.Address}
		}
		config.Devices = append(config.Devices, modbus.Device{
			Unit: unit, Link: unitLink + gateway.PointRef(unit), Every: period, Timeout: timeout, Fields: fields,
		})
	}
	bus, r, stop := start(t, config, d)
	time.Sleep(polls * period)
	stop()

	good, qualities := 0, make(map[gateway.Quality]int)
	for _, s := range r.samples {
		tr, ok := truths[s.Point]
		if !ok {
			continue // a link
		}
		qualities[s.Quality]++
		if !s.Quality.HasValue() {
			continue
		}
		good++
		if tr.address == clockRegister {
			age := s.At.Time().Sub(d.start).Seconds() - s.Value
			if age < 0 || age > 2 {
				t.Fatalf("unit %d answered with a value %v s old", tr.unit, age)
			}
		} else if s.Value != float64(word(tr.unit, 3, tr.address)) {
			t.Fatalf("unit %d register %d is %v, want %d", tr.unit, tr.address, s.Value, word(tr.unit, 3, tr.address))
		}
	}
	for p := range next {
		if n := len(r.of(p)); n < polls-1 || n > polls+2 {
			t.Errorf("point %d has %d samples of %d polls", p, n, polls)
		}
	}
	for _, q := range []gateway.Quality{gateway.BadTimeout, gateway.BadClosed, gateway.BadFrame, gateway.BadShort, gateway.BadException} {
		if qualities[q] == 0 {
			t.Errorf("no sample was bad for the reason %s: %v", q, qualities)
		}
	}
	if good < polls*int(next)/3 {
		t.Errorf("only %d of %d samples are good: %v", good, polls*int(next), qualities)
	}
	s := bus.Stats()
	if s.Stale == 0 || s.Reconnects == 0 || s.Busy <= 0 {
		t.Errorf("stats are %+v", s)
	}
	t.Logf("0 wrong of %d good, %v, %d stale answers, %d reconnects", good, qualities, s.Stale, s.Reconnects)
	_, requests = d.counts()
	return requests
}

// TestARefusedAddressCostsItsOwnPointsOnly has a device answer exception 2 to
// every read that covers register 17, or an address in a gap.
func TestARefusedAddressCostsItsOwnPointsOnly(t *testing.T) {
	for _, tt := range []struct {
		name    string
		refused uint16
		bad     int // point, -1 for none
		most    int // requests in a cycle afterwards
	}{
		{"of a point", 17, 17, 3},
		{"of a bit of a shared register", 0, 0, 2},
		{"in a gap", 63, -1, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const period = 5 * time.Second
				var refusing atomic.Bool
				refusing.Store(true)
				d := newDevice()
				d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
					first, count := uint16(request[8])<<8|uint16(request[9]), uint16(request[11])
					if refusing.Load() && first <= tt.refused && tt.refused < first+count {
						return send(d, c, request, exception(request, 2))
					}
					return send(d, c, request, reply)
				}
				var next gateway.PointRef
				fields := append(registers(&next, period, 0, 59), registers(&next, period, 66, 66)...)
				_, r, stop := start(t, modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{{
					Unit: 1, Link: unitLink, Every: period, MaxGap: 8, Fields: fields,
				}}}, d)
				defer stop()
				time.Sleep(2 * time.Second)
				if len(r.of(0)) == 0 {
					t.Fatal("no first cycle")
				}
				r.clear()
				_, before := d.counts()
				time.Sleep(100 * period)
				_, after := d.counts()
				for p := range next {
					for _, s := range r.of(p) {
						good := s.Quality == gateway.Good && s.Value == float64(word(1, 3, fields[p].Address))
						if int(p) == tt.bad && s.Quality != gateway.BadException || int(p) != tt.bad && !good {
							t.Fatalf("point %d is %v, %s", p, s.Value, s.Quality)
						}
					}
				}
				if v, _ := value(t, r, unitLink); v != 1 {
					t.Error("a device that refuses one address is not linked")
				}
				if n := after - before; n > 101*tt.most {
					t.Errorf("%d requests in 100 cycles", n)
				}
				refusing.Store(false)
				time.Sleep(10*time.Minute + period)
				for p := range next {
					if _, q := value(t, r, p); q != gateway.Good {
						t.Errorf("point %d is %s after the device was mended", p, q)
					}
				}
			})
		})
	}
}

func TestADeviceThatRefusesEverythingIsNotAskedPointByPoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var next gateway.PointRef
		var booting atomic.Bool
		var updated atomic.Bool
		booting.Store(true)
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			if booting.Load() || updated.Load() && request[9] <= 3 && request[9]+request[11] > 3 {
				reply = exception(request, 2)
			}
			return send(d, c, request, reply)
		}
		_, r, stop := start(t, modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{{
			Unit: 1, Link: unitLink, Every: 5 * time.Second, MaxGap: 8,
			Fields: append(registers(&next, 5*time.Second, 0, 16), registers(&next, 5*time.Second, 20, 36)...),
		}}}, d)
		defer stop()
		time.Sleep(2 * time.Second)
		_, before := d.counts()
		time.Sleep(50 * time.Second)
		if _, after := d.counts(); after-before > 10 {
			t.Errorf("%d requests in 10 cycles", after-before)
		}
		booting.Store(false)
		time.Sleep(10 * time.Second)
		for p := range next {
			if _, q := value(t, r, p); q != gateway.Good {
				t.Errorf("point %d is %s after the device has started", p, q)
			}
		}
		updated.Store(true)
		time.Sleep(10 * time.Second)
		for p := range next {
			if _, q := value(t, r, p); (q == gateway.Good) == (p == 3) {
				t.Errorf("point %d is %s after register 3 has gone", p, q)
			}
		}
	})
}

// TestBlocksThatAreMuteForEver has a unit answer one of three blocks only.
func TestBlocksThatAreMuteForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period = 5 * time.Second
		var next gateway.PointRef
		fields := registers(&next, period, 1, 1)
		fields = append(fields, registers(&next, period, 101, 101)...)
		fields = append(fields, registers(&next, period, 201, 201)...)
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			return request[9] != 201 || send(d, c, request, reply)
		}
		_, r, stop := start(t, modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{{
			Unit: 1, Link: unitLink, Every: period, Timeout: 500 * time.Millisecond, Fields: fields,
		}}}, d)
		defer stop()
		time.Sleep(4 * period)
		r.clear()
		time.Sleep(20 * period)
		for p, want := range []gateway.Quality{gateway.BadTimeout, gateway.BadTimeout, gateway.Good} {
			for _, s := range r.of(gateway.PointRef(p)) {
				if s.Quality != want {
					t.Fatalf("point %d is %s, want %s", p, s.Quality, want)
				}
			}
		}
		for _, s := range r.of(unitLink) {
			if s.Value != 1 {
				t.Fatal("a unit that answers something is not linked")
			}
		}
	})
}

// TestADuplicateInPiecesIsThrownAway has every answer come twice, the second
// time in two pieces of which the latter comes with the next answer.
func TestADuplicateInPiecesIsThrownAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var next gateway.PointRef
		var rest []byte
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			all := append(append(rest, reply...), reply[:9]...)
			rest = reply[9:]
			return send(d, c, request, all)
		}
		bus, _, stop := start(t, modbus.Config{ID: "b1", Link: lineLink, Devices: []modbus.Device{{
			Unit: 1, Link: unitLink, Every: time.Second, Fields: registers(&next, time.Second, 1, 3),
		}}}, d)
		time.Sleep(20 * time.Second)
		stop()
		s := bus.Stats()
		if n := s.Units[0].Requests["good"]; n < 19 || len(s.Units[0].Requests) != 1 || s.Stale != n-1 || s.Reconnects != 0 {
			t.Errorf("stats are %+v", s)
		}
	})
}
