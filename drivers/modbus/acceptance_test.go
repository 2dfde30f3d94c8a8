package modbus_test

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// The driver is accepted if it stands ten tests. Each of them is one or several
// of this package, unless it says otherwise. "Both" is Modbus TCP and serial
// frames over TCP; what is on a serial port needs real time and a real terminal.
//
//	 1  a stale reply after a time-out
//	    both          TestAcceptance01, TestALateAnswerToAShortWaitIsNeverAValue
//	    serial port   TestNoLateAnswerIsTakenOnASerialPort
//	 2  slow and dead units on one line
//	    9600 baud     TestTwentyUnitsOnASlowLine
//	    TCP           TestADeadUnitDoesNotSlowTheOthers, TestALineThatWasDeadLivesAgain
//	 3  split, merged and dripped frames
//	    both          TestAcceptance03, TestADuplicateInPiecesIsThrownAway
//	 4  wrong unit, function, length, checksum; foreign frames, echo
//	    both          TestAcceptance04, TestNoWrongValueInManyExchanges
//	    any bytes     FuzzAnswer, FuzzPipeline, FuzzFind, FuzzIdentity
//	 5  exceptions
//	    TCP           TestAcceptance05, TestARefusedAddressCostsItsOwnPointsOnly
//	    both          TestEveryMisbehaviourHasItsReason
//	 6  devices and converters that reboot
//	    both          TestAcceptance06
//	    serial port   TestAPortThatIsPulledOut
//	    real sockets  TestAResetInMidFrame
//	 7  NaN, not available, all registers alike, orders
//	    values        TestDecodeEveryTypeInEveryOrder, TestDecodeOddTypes
//	    TCP           TestAnAnswerOfOneWordIsBelievedOnlyWhereItCanBeTrue
//	    orders        drivers: TestAMeterIsRecognisedHoweverItsRegistersLie
//	 8  counters
//	    values        TestWatchWalks, TestWhatIsConsumedIsRight
//	    TCP           TestACounterThatFallsIsHeldOnTheBus
//	 9  flapping and overload
//	    TCP           gateway/app: TestAcceptance09, TestAUnitThatComesAndGoesEveryThreeSeconds
//	    converter     gateway/app: TestAcceptance09, TestALateCycleIsSkippedAndCounted
//	10  MQTT
//	    broker        drivers/mqtt: acceptance_test.go
//
// That the other units keep their pace while one is sick, and that memory and
// goroutines are bounded, is in fleet_test.go and TestAcceptanceMemory. A bubble
// of synctest does not end before all goroutines in it have.

// TestAcceptance01AStaleReplyIsNoValue has the first answer come after its
// deadline, with the next request on its way or in front of the next answer, and
// the others after 40 ms.
func TestAcceptance01AStaleReplyIsNoValue(t *testing.T) {
	const polls, period = 1000, time.Second
	for _, tt := range []struct {
		name      string
		transport modbus.Transport
		owed      bool // by a converter, to whoever comes next
		stale     bool // somebody is left to hear it
	}{
		{"tcp", modbus.TCP, false, false},
		{"tcp, through a converter", modbus.TCP, true, true},
		{"rtu over tcp", modbus.RTUOverTCP, false, true},
		{"rtu over tcp, in front of the next", modbus.RTUOverTCP, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var first sync.Once
				d := newDevice()
				d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
					late := false
					first.Do(func() { late = true })
					switch {
					case late && tt.owed:
						d.mu.Lock()
						defer d.mu.Unlock()
						d.owed = append(d.owed, reply)
						return true
					case late:
						time.Sleep(timeout + timeout/2)
					default:
						time.Sleep(40 * time.Millisecond)
					}
					return send(d, c, request, reply)
				}
				var next gateway.PointRef
				// Two blocks of one length, so that the one might pass for the other.
				fields := append(registers(&next, period, 10, 12), registers(&next, period, 110, 112)...)
				bus, r, stop := start(t, modbus.Config{ID: "b1", Transport: tt.transport, Link: lineLink, Devices: []modbus.Device{{
					Unit: 1, Link: unitLink, Every: period, Timeout: timeout, Fields: fields,
				}}}, d)
				time.Sleep(polls * period)
				stop()
				for p, f := range fields {
					for i, s := range r.of(gateway.PointRef(p)) {
						if s.Quality.HasValue() && s.Value != float64(word(1, 3, f.Address)) {
							t.Fatalf("register %d is %v", f.Address, s.Value)
						}
						if i >= 2 && s.Quality != gateway.Good {
							t.Fatalf("register %d is %s in poll %d", f.Address, s.Quality, i)
						}
					}
				}
				if n := len(r.of(0)); n < polls-1 || r.of(0)[0].Quality != gateway.BadTimeout {
					t.Errorf("%d samples, the first one %s", n, r.of(0)[0].Quality)
				}
				if s := bus.Stats(); s.Reconnects > 1 || (s.Stale > 0) != tt.stale {
					t.Errorf("%d stale answers were heard over %d connections", s.Stale, s.Reconnects+1)
				}
			})
		})
	}
}

// TestAcceptance03AFrameInPieces has the first answer come in pieces, or with
// another: it is decoded, or given up when its time is over, and nothing of it is
// left for the next.
func TestAcceptance03AFrameInPieces(t *testing.T) {
	const period = 5 * time.Second
	refusal := func(pause time.Duration) func(*device, net.Conn, []byte, []byte) bool {
		return func(d *device, c net.Conn, request, _ []byte) bool {
			e := d.wire(exception(request, 4))
			cut := len(e) - 1
			return write(c, e[:cut]) && sleepy(pause) && write(c, e[cut:])
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(*device, net.Conn, []byte, []byte) bool
		want   gateway.Quality
	}{
		{"byte by byte at once", drip(0), gateway.Good},
		{"byte by byte, 10 ms apart", drip(10 * time.Millisecond), gateway.Good},
		{"byte by byte, 150 ms apart", drip(150 * time.Millisecond), gateway.BadTimeout},
		{"in halves", func(_ *device, c net.Conn, _, reply []byte) bool {
			return write(c, reply[:4]) && sleepy(300*time.Millisecond) && write(c, reply[4:])
		}, gateway.Good},
		{"in halves, the second one late", func(_ *device, c net.Conn, _, reply []byte) bool {
			return write(c, reply[:4]) && sleepy(timeout+10*time.Millisecond) && write(c, reply[4:])
		}, gateway.BadTimeout},
		{"two times in one segment", alter(func(r []byte) []byte { return append(r, r...) }), gateway.Good},
		{"an exception in two pieces", refusal(0), gateway.BadException},
		{"an exception in two pieces, 100 ms apart", refusal(100 * time.Millisecond), gateway.BadException},
		{"an exception whose last byte is late", refusal(timeout + 10*time.Millisecond), gateway.BadTimeout},
	} {
		for name, wire := range wires() {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var first sync.Once
					var asked time.Time
					d := newDevice()
					d.shared = wire.transport != modbus.TCP
					d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
						spoil := false
						first.Do(func() { spoil, asked = true, time.Now() })
						if spoil {
							return tt.answer(d, c, request, reply)
						}
						return send(d, c, request, reply)
					}
					var next gateway.PointRef
					_, r, stop := start(t, modbus.Config{ID: "b1", Transport: wire.transport, Link: lineLink, Devices: []modbus.Device{{
						Unit: 1, Link: unitLink, Every: period, Timeout: timeout, Fields: registers(&next, period, 10, 12),
					}}}, d)
					time.Sleep(10 * period)
					stop()
					rightOrBad(t, r, 1, 0)
					for i, s := range r.of(0) {
						switch {
						case i > 0 && s.Quality != gateway.Good:
							t.Errorf("answer %d after it is %s", i, s.Quality)
						case i == 0 && s.Quality != tt.want:
							t.Errorf("it is %s, want %s", s.Quality, tt.want)
						case i == 0 && s.Quality == gateway.BadTimeout:
							if off := s.At.Time().Sub(asked) - timeout; off.Abs() > 50*time.Millisecond {
								t.Errorf("it was given up %s off its deadline", off)
							}
						}
					}
				})
			})
		}
	}
}

// TestAcceptance04WrongAnswersAreTold has a device misbehave in each way in
// every other poll, 100 times: each is counted for what it is, and nothing else.
func TestAcceptance04WrongAnswersAreTold(t *testing.T) {
	for name, wire := range wires() {
		for _, m := range wire.misbehaviours {
			t.Run(name+"/"+m.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { everyOther(t, wire.transport, m) })
			})
		}
	}
}

func everyOther(t *testing.T, transport modbus.Transport, m misbehaviour) {
	const period, times = 5 * time.Second, 100
	// The first poll comes soon after the start, from the second one on they come
	// regularly.
	var first, second time.Time
	d := newDevice()
	// What is spoken on a wire of its own is lost with the connection.
	d.shared = transport != modbus.TCP && !strings.HasPrefix(m.name, "hangs up")
	d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
		d.mu.Lock() // of several connections, one being closed
		now := time.Now()
		if first.IsZero() {
			first = now
		}
		if second.IsZero() && now.Sub(first) > period/2 {
			second = now
		}
		well := second.IsZero() || (now.Sub(second)+period/2)/period%2 == 1
		d.mu.Unlock()
		if well {
			return send(d, c, request, reply)
		}
		return m.answer(d, c, request, reply)
	}
	var next gateway.PointRef
	bus, r, stop := start(t, modbus.Config{ID: "b1", Transport: transport, Link: lineLink, Devices: []modbus.Device{{
		Unit: 1, Link: unitLink, Every: period, Timeout: timeout, Fields: registers(&next, period, 10, 12),
	}}}, d)
	time.Sleep((2*times + 1) * period)
	stop()
	rightOrBad(t, r, 1, 0)
	bad := 0
	for i, s := range r.of(0) {
		want := gateway.Good
		if i%2 == 1 {
			want = m.want
			bad++
		}
		if s.Quality != want {
			t.Fatalf("sample %d is %s, want %s", i, s.Quality, want)
		}
	}
	if bad < times {
		t.Errorf("it misbehaved in %d polls, want %d", bad, times)
	}
	for result, n := range bus.Stats().Units[0].Requests {
		again := m.want == gateway.Good && result == "closed" // found by the next request, which is asked again
		if result != "good" && result != m.want.String() && !again || result == m.want.String() && n < times {
			t.Errorf("%d requests ended with %s, want %s", n, result, m.want)
		}
	}
}

// TestAcceptance05ARefusalIsOneEventADay has one unit refuse an address, one be
// busy and one be out of its gateway's reach, for a day.
func TestAcceptance05ARefusalIsOneEventADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period, refusing, busy, unreached = 15 * time.Second, 1, 2, 3
		config := modbus.Config{ID: "b1", Link: lineLink}
		var next gateway.PointRef
		for unit := byte(refusing); unit <= unreached; unit++ {
			config.Devices = append(config.Devices, modbus.Device{
				Unit: unit, Link: unitLink + gateway.PointRef(unit), Every: period, Fields: registers(&next, period, 0, 59),
			})
		}
		var pauses []time.Duration // before a busy unit is asked again
		var said time.Time
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			unit, first, count := request[6], request[9], request[11]
			switch {
			case unit == refusing && first <= 17 && 17 < first+count:
				reply = exception(request, 2)
			case unit == busy && said.IsZero():
				reply, said = exception(request, 6), time.Now()
			case unit == busy:
				pauses, said = append(pauses, time.Since(said)), time.Time{}
			case unit == unreached:
				reply = exception(request, 11)
			}
			return send(d, c, request, reply)
		}
		var log bytes.Buffer
		_, r, stop := startLogging(t, config, d, slog.New(slog.NewTextHandler(&log, nil)))
		time.Sleep(24 * time.Hour)
		stop()
		bad := make(map[gateway.PointRef]bool)
		for _, s := range r.samples {
			if s.Point < next && !s.Quality.HasValue() {
				bad[s.Point] = true
			}
		}
		if len(bad) != 1+60 || !bad[17] {
			t.Errorf("%d points have been bad, register 17 of the unit that refuses it: %v", len(bad), bad[17])
		}
		for _, pause := range pauses {
			if pause < 100*time.Millisecond || pause > time.Second {
				t.Fatalf("a busy unit was asked again after %s", pause)
			}
		}
		for unit, link := range map[gateway.PointRef]float64{refusing: 1, busy: 1, unreached: 0} {
			if v, _ := value(t, r, unitLink+unit); v != link {
				t.Errorf("the link of unit %d is %v", unit, v)
			}
		}
		if v, _ := value(t, r, lineLink); v != 1 {
			t.Error("the line is down for a unit out of reach")
		}
		if n := strings.Count(log.String(), "unit=1 "); n != 1 {
			t.Errorf("%d events of the refused address in a day:\n%s", n, log.String())
		}
	})
}
