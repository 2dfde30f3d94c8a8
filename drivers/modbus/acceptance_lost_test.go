package modbus_test

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// loss is one way to lose a device, and to find it again.
type loss struct {
	name string
	lose func(n *network, h *host)
	// find undoes it after away.
	away time.Duration
	find func(n *network, h *host)
	// most is how long after its return the first good value may take, over
	// Modbus TCP and through a converter.
	most, mostSerial time.Duration
	// connects says that it can be connected to all the while.
	connects bool
}

// losses are those of a device or converter that reboots. The way to it is lost
// after ten minutes.
func losses() []loss {
	nothing := func(*network, *host) {}
	once := func(answer func(*device, net.Conn, []byte, []byte) bool) func(*device, net.Conn, []byte, []byte) bool {
		var first sync.Once
		return func(d *device, c net.Conn, request, reply []byte) bool {
			spoil := false
			first.Do(func() { spoil = true })
			if spoil {
				return answer(d, c, request, reply)
			}
			return send(d, c, request, reply)
		}
	}
	spoilOnce := func(h *host, answer func(*device, net.Conn, []byte, []byte) bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.answer = once(answer)
	}
	const second = time.Second
	return []loss{
		{"reset in mid-frame", func(_ *network, h *host) { spoilOnce(h, h.resetInMidFrame) }, 0, nothing, 2 * second, 2 * second, false},
		{"closed in mid-frame", func(_ *network, h *host) { spoilOnce(h, closeInMidFrame) }, 0, nothing, 2 * second, 2 * second, false},
		{"closed between two requests", func(_ *network, h *host) { h.hangUp() }, 0, nothing, 2 * second, 2 * second, false},
		// A dead connection to a converter looks like a dead unit: only three
		// requests in a row on which nothing at all is heard tell them apart.
		{"connection gone without a word", func(_ *network, h *host) { h.vanish() }, 0, nothing, 2 * second, 4 * second, false},
		{"host gone for a minute", func(_ *network, h *host) { h.gone = true; h.vanish() }, time.Minute,
			func(_ *network, h *host) { h.gone = false }, 2 * second, 2 * second, false},
		{"port refused for a minute", func(_ *network, h *host) { h.refusing = true; h.hangUp() }, time.Minute,
			func(_ *network, h *host) { h.refusing = false }, 2 * second, 2 * second, false},
		{"hangs up for a minute whenever it is asked", func(_ *network, h *host) { h.setAnswer(func(*device, net.Conn, []byte, []byte) bool { return false }) },
			time.Minute, func(_ *network, h *host) { h.setAnswer(nil) }, 2 * second, 2 * second, true},
		{"port refused for five seconds", func(_ *network, h *host) { h.refusing = true; h.hangUp() }, 5 * second,
			func(_ *network, h *host) { h.refusing = false }, 2 * second, 2 * second, false},
		// The dial that is on its way to the old address has its three seconds.
		{"another address behind the name", func(_ *network, h *host) { h.gone = true; h.vanish() }, 20 * second,
			func(n *network, h *host) {
				n.hosts["192.0.2.2"] = &host{device: h.device}
				n.names["plc"] = "192.0.2.2"
			}, 4 * second, 4 * second, false},
	}
}

// TestAcceptance06ALostDeviceIsFoundAgain loses the device behind one bus in
// every way, beside a bus that is well.
func TestAcceptance06ALostDeviceIsFoundAgain(t *testing.T) {
	for name, transport := range map[string]modbus.Transport{"tcp": modbus.TCP, "rtu over tcp": modbus.RTUOverTCP} {
		for _, l := range losses() {
			t.Run(name+"/"+l.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { loseAndFind(t, transport, l) })
			})
		}
	}
}

func loseAndFind(t *testing.T, transport modbus.Transport, l loss) {
	const period, before = time.Second, 10 * time.Minute
	n := newNetwork()
	sick, well := n.add("plc", "192.0.2.1"), n.add("other", "192.0.2.9")
	sick.serial = transport != modbus.TCP
	var next gateway.PointRef
	bus, r, stop := n.connectTo(t, "plc", modbus.Config{ID: "b1", Transport: transport, Link: lineLink, Devices: []modbus.Device{{
		Unit: 1, Link: unitLink, Every: period, Timeout: timeout, Fields: registers(&next, period, 10, 12),
	}}})
	next = 0
	_, other, stopOther := n.connectTo(t, "other", modbus.Config{ID: "b2", Link: lineLink, Devices: []modbus.Device{{
		Unit: 2, Link: unitLink, Every: fleetPeriod, Timeout: timeout, Fields: registers(&next, fleetPeriod, 10, 12),
	}}})

	time.Sleep(before + 300*time.Millisecond) // between two polls
	synctest.Wait()
	r.clear()
	n.change(func() { l.lose(n, sick) })
	lost := time.Now()
	time.Sleep(l.away)
	n.change(func() { l.find(n, sick) })
	found := time.Now()
	time.Sleep(10 * period)
	stop()
	time.Sleep(fleetPeriod)
	stopOther()
	sick.serving.Wait()
	well.serving.Wait()

	rightOrBad(t, r, 1, 0)
	for _, s := range r.of(0) {
		if at := s.At.Time(); at.Before(found) && at.After(lost) && s.Quality == gateway.Good {
			t.Errorf("a value came %s after the device was lost", at.Sub(lost))
		}
	}
	most := l.most
	if transport != modbus.TCP {
		most = l.mostSerial
	}
	if after := firstGood(r, 0, found); after < 0 || after >= most {
		t.Errorf("the first good value came %s after the device did", after)
	}
	dials := n.dialled("plc")
	if l.connects {
		if len(dials) > int(l.away/period)+4 { // the first ones follow each other faster
			t.Errorf("%d dials in %s", len(dials), l.away)
		}
	} else if checkDials(t, dials, lost, found, period, most); bus.Stats().Reconnects != 1 {
		t.Errorf("there were %d connections after the first one, want 1", bus.Stats().Reconnects)
	}
	healthy(t, other, 2, 0, int((before+l.away+10*period+fleetPeriod)/fleetPeriod), 0)
}

// firstGood returns how long after from the first good sample of p came, -1 if
// none did.
func firstGood(r *record, p gateway.PointRef, from time.Time) time.Duration {
	for _, s := range r.of(p) {
		if after := s.At.Time().Sub(from); s.Quality == gateway.Good && after >= 0 {
			return after
		}
	}
	return -1
}

// checkDials fails if the line was dialled more than once in the time of a poll,
// or without need.
func checkDials(t *testing.T, dials []time.Time, lost, found time.Time, period, most time.Duration) {
	t.Helper()
	if len(dials) < 2 {
		t.Fatalf("dialled %d times", len(dials))
	}
	if dials[1].Before(lost) {
		t.Errorf("dialled %s before the device was lost", lost.Sub(dials[1]))
	}
	for i := 2; i < len(dials); i++ {
		if gap := dials[i].Sub(dials[i-1]); gap < period {
			t.Errorf("dialled %s after the device was lost and %s later again", dials[i-1].Sub(lost), gap)
		}
	}
	if last := dials[len(dials)-1]; last.Sub(found) >= most {
		t.Errorf("dialled %s after the device had come back", last.Sub(found))
	}
}

// TestAcceptance06OneDialForAllUnits has twenty patient units behind a port that
// refuses: one request finds that out for all of them, and every point still
// gives its bad sample in every cycle.
func TestAcceptance06OneDialForAllUnits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period, units, span = time.Second, 20, 5 * time.Minute
		n := newNetwork()
		n.add("plc", "192.0.2.1").refusing = true
		config := modbus.Config{ID: "b1", Link: lineLink}
		var next gateway.PointRef
		for unit := byte(1); unit <= units; unit++ {
			config.Devices = append(config.Devices, modbus.Device{
				Unit: unit, Link: unitLink + gateway.PointRef(unit), Every: period, Timeout: 3 * time.Second, Fields: registers(&next, period, 1, 1),
			})
		}
		bus, r, stop := n.connectTo(t, "plc", config)
		time.Sleep(span)
		stop()
		if dials := len(n.dialled("plc")); dials > int(span/period)+1 {
			t.Errorf("%d dials in %s", dials, span)
		}
		for p := range next {
			if n := len(r.of(p)); n < int(span/period)-1 {
				t.Fatalf("point %d has %d samples in %s", p, n, span)
			}
		}
		if s := bus.Stats(); s.Overruns > 0 {
			t.Errorf("%d cycles were skipped", s.Overruns)
		}
	})
}
