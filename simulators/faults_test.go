package simulators_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/simulators"
)

func TestAnEventComesAgain(t *testing.T) {
	trip := event(10*time.Second, 5*time.Second, "trip")
	trip.Every = 20 * time.Second
	simulated := 10 * time.Minute // 10 s at 60 times the speed
	dry := simulators.Event{SimAt: &simulated, For: 2 * time.Minute, Every: time.Hour, Device: "pump-1", Fault: "dry_run"}
	for _, tt := range []struct {
		event  simulators.Event
		repeat time.Duration
		want   []int // seconds of its clock at which it begins and ends
	}{
		{trip, 0, []int{10, 15, 30, 35, 50, 55, 70, 75, 90, 95}},
		{trip, 55 * time.Second, []int{10, 15, 30, 35, 50, 55, 65, 70, 85, 90}},
		{trip, 54 * time.Second, []int{10, 15, 30, 35, 64, 69, 84, 89}},
		{dry, 30 * time.Second, []int{600, 720, 4200, 4320}},
	} {
		plan := onePump(tt.event)
		plan.Repeat = tt.repeat
		var told []int
		play(t, plan, func(h simulators.Happening) {
			told = append(told, int(h.At/time.Second))
		}, func(*wire) { time.Sleep(100*time.Second - time.Millisecond) })
		if !slices.Equal(told, tt.want) {
			t.Errorf("%s with rounds of %v is told at %v, want %v", tt.event.Fault, tt.repeat, told, tt.want)
		}
	}
}

// oneMeter is a plan with one electric meter on one bus, whose unit 3 has the
// energy in Wh in its first two registers.
func oneMeter(bus simulators.Bus, script ...simulators.Event) (simulators.Plan, map[string]*drivers.Profile) {
	plan := simulators.Plan{
		Speed: 60, Start: simulators.Clock(12 * time.Hour),
		Buses:   map[string]simulators.Bus{"b1": bus},
		Devices: []simulators.Device{{ID: "meter-1", Model: "electric_meter", Profile: "meter", Bus: "b1", Unit: new(3)}},
		Script:  script,
	}
	return plan, map[string]*drivers.Profile{"meter": {Name: "meter", Points: []drivers.Point{
		{Name: "wh", Reg: new(0), Type: "u32", Scale: new(0.001), Unit: "kWh", Role: "energy.import", Kind: "counter"},
	}}}
}

// TestCountersBeginAnew follows the energy of a meter through its faults.
func TestCountersBeginAnew(t *testing.T) {
	reset := simulators.Event{At: new(10 * time.Second), For: 10 * time.Second, Device: "meter-1", Fault: "counter_reset"}
	reboot := simulators.Event{At: new(40 * time.Second), For: 10 * time.Second, Device: "meter-1", Fault: "reboot"}
	plan, profiles := oneMeter(simulators.Bus{TCP: "127.0.0.1:0"}, reset, reboot)
	var seen []string
	playWith(t, plan, profiles, nil, func(w *wire) {
		time.Sleep(500 * time.Millisecond) // never at the moment of a tick
		before := uint32(0)
		for range 70 {
			next := time.After(time.Second)
			conn := w.dial()
			got, err := read(conn)
			conn.Close()
			<-next
			count, word := uint32(got[0])<<16|uint32(got[1]), "counts on"
			switch {
			case err != nil:
				word = "silent"
			case count < before/2:
				word = "from zero"
			case count > 1000+2*before:
				word = "from before"
			}
			if err == nil {
				before = count
			}
			if len(seen) == 0 || seen[len(seen)-1] != word {
				seen = append(seen, word)
			}
		}
	})
	want := []string{"from before", "counts on", "from zero", "counts on", "from before", "counts on", "silent", "from zero", "counts on"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("the meter (-want +got):\n%s", diff)
	}
}

// TestALineThatFailsComesBackOnItsPort reboots a converter, cuts its cable and
// drops its connections, with real sockets. The script waits until the line has
// been looked at.
func TestALineThatFailsComesBackOnItsPort(t *testing.T) {
	for _, tt := range []struct{ fault, want string }{
		{"reboot", "refused"}, {"drop", "after 0 bytes"}, {"silence", "timeout"},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			begin, end := 100*time.Millisecond, 200*time.Millisecond
			plan, profiles := oneMeter(simulators.Bus{TCP: "127.0.0.1:0"},
				simulators.Event{At: &begin, For: end - begin, Bus: "b1", Fault: tt.fault})
			var s *simulators.Simulation
			state := func() string {
				conn, err := net.Dial("tcp", s.Addrs()["b1"])
				if err == nil {
					defer conn.Close()
					_, err = read(conn)
				}
				return fmt.Sprint(err)
			}
			over := make(chan string, 2)
			s, err := simulators.New(plan, profiles, simulators.Options{Tell: func(simulators.Happening) { over <- state() }})
			if err != nil {
				t.Fatal(err)
			}
			run(t, s)
			for _, want := range []string{tt.want, "<nil>"} {
				select {
				case got := <-over:
					if !strings.Contains(got, want) {
						t.Errorf("the line gives %q, want %q", got, want)
					}
				case <-time.After(patience):
					t.Fatal("nothing happened")
				}
			}
		})
	}
}

// run runs s until the test ends.
func run(t *testing.T, s *simulators.Simulation) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
}

// TestAConverterSpeaksSerialFramesOverTCP reads the meter by hand.
func TestAConverterSpeaksSerialFramesOverTCP(t *testing.T) {
	plan, profiles := oneMeter(simulators.Bus{RTUOverTCP: "127.0.0.1:0"})
	s, err := simulators.New(plan, profiles, simulators.Options{})
	if err != nil {
		t.Fatal(err)
	}
	run(t, s)
	conn, err := net.Dial("tcp", s.Addrs()["b1"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var b [9]byte
	_, _ = conn.Write([]byte{3, 3, 0, 0, 0, 2, 0xC5, 0xE9})
	if _, err := io.ReadFull(conn, b[:]); err != nil || b[0] != 3 || b[1] != 3 || b[2] != 4 {
		t.Errorf("the meter answers % x, %v", b, err)
	}
}

// TestTheRehearsalPlaysAsWritten plays the shipped breakdowns for one round and
// a half, on lines that are no sockets.
func TestTheRehearsalPlaysAsWritten(t *testing.T) {
	var plan simulators.Plan
	decode(t, "../configs/simulations/rehearsal.yaml", &plan)
	if t.Failed() {
		t.FailNow()
	}
	said := make(map[string]int)
	for id, b := range plan.Buses {
		b.RTUOverTCP, b.RTU = b.RTUOverTCP+b.RTU, "" // a bubble has no terminals
		if id == "b1" {
			b.RTUOverTCP = "127.0.0.1:5001"
		}
		plan.Buses[id] = b
	}
	synctest.Test(t, func(t *testing.T) {
		lines := make(map[string]*wire)
		begin := time.Now()
		s, err := simulators.New(plan, shipped(t), simulators.Options{
			Tell: func(h simulators.Happening) {
				if late := time.Since(begin) - h.At; late != 0 {
					t.Errorf("%s is told %v late", h.Text().EN, late)
				}
				if h.Begin {
					said[h.Event.Device+h.Event.Bus+" "+h.Event.Fault]++
				}
			},
			Listen: func(_, address string) (net.Listener, error) {
				lines[address] = newWire()
				return lines[address], nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = s.Run(ctx) })
		time.Sleep(15*time.Minute - time.Millisecond)
		cancel()
		running.Wait()
	})
	want := map[string]int{
		"pump-2 trip": 2, "meter-b1 dead": 2, "meter-b1 slow": 2, "meter-main nan": 2, "pump-1 exception": 2,
		"b1 drop": 2, "gw7 reboot": 1, "plc silence": 1, "meter-main reboot": 1, "meter-b1 bad_crc": 8, "lift-1 entrapment": 1,
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("what happened (-want +got):\n%s", diff)
	}
}
