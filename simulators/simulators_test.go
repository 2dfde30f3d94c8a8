package simulators_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/go-cmp/cmp"
	foreign "github.com/simonvetter/modbus"

	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/simulators"
)

const patience = 30 * time.Second

// decode reads a shipped file into v, strictly.
func decode(t *testing.T, path string, v any) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	docs, problems := yaml.Read(path, src, yaml.Options{})
	if len(problems) == 0 {
		docs[0].Decode(v)
		problems = docs[0].Problems()
	}
	for _, p := range problems {
		t.Error(p)
	}
}

// shipped returns every shipped profile.
func shipped(t *testing.T) map[string]*drivers.Profile {
	t.Helper()
	files, err := filepath.Glob("../configs/profiles/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no shipped profiles: %v", err)
	}
	profiles := make(map[string]*drivers.Profile)
	for _, f := range files {
		p := new(drivers.Profile)
		decode(t, f, p)
		profiles[p.Name] = p
	}
	return profiles
}

// drive is a profile with the status, speed and flow of a pump.
func drive() map[string]*drivers.Profile {
	return map[string]*drivers.Profile{"drive": {Name: "drive", Points: []drivers.Point{
		{Name: "status", Reg: new(0), Role: "drive.status"},
		{Name: "hz", Reg: new(1), Role: "speed.hz", Unit: "Hz", Scale: new(0.01)},
	}}}
}

// onePump is a plan with one pump on one Modbus bus.
func onePump(script ...simulators.Event) simulators.Plan {
	return simulators.Plan{
		Speed: 60, Start: simulators.Clock(7 * time.Hour),
		Buses:   map[string]simulators.Bus{"b1": {TCP: "127.0.0.1:0"}},
		Devices: []simulators.Device{{ID: "pump-1", Model: "pump", Profile: "drive", Bus: "b1", Unit: new(3)}},
		Script:  script,
	}
}

// wire is a listener without a network, so that simulations run in bubbles.
type wire struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newWire() *wire { return &wire{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (w *wire) listen(_, _ string) (net.Listener, error) { return w, nil }

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error {
	err := net.ErrClosed
	w.once.Do(func() { close(w.closed); err = nil })
	return err
}

func (w *wire) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 502} }

func (w *wire) dial() net.Conn {
	near, far := net.Pipe()
	w.conns <- far
	return near
}

// read asks unit 3 for two registers and returns them, or why not.
func read(conn net.Conn) ([2]uint16, error) {
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte{0, 9, 0, 0, 0, 6, 3, 3, 0, 0, 0, 2}); err != nil {
		return [2]uint16{}, err
	}
	var b [13]byte
	if n, err := io.ReadFull(conn, b[:9]); err != nil {
		return [2]uint16{}, fmt.Errorf("after %d bytes: %w", n, err)
	}
	if b[7] != 3 {
		return [2]uint16{}, fmt.Errorf("function %#x, code %d", b[7], b[8])
	}
	_, err := io.ReadFull(conn, b[9:])
	return [2]uint16{binary.BigEndian.Uint16(b[9:]), binary.BigEndian.Uint16(b[11:])}, err
}

// play runs a plan of a pump in a bubble while act looks at it.
func play(t *testing.T, plan simulators.Plan, tell func(simulators.Happening), act func(*wire)) {
	t.Helper()
	playWith(t, plan, drive(), tell, act)
}

func playWith(t *testing.T, plan simulators.Plan, profiles map[string]*drivers.Profile, tell func(simulators.Happening), act func(*wire)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		s, err := simulators.New(plan, profiles, simulators.Options{Tell: tell, Listen: w.listen})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		act(w)
		cancel()
		running.Wait()
	})
}

// event returns a fault of the pump at a real time.
func event(at, length time.Duration, fault string) simulators.Event {
	return simulators.Event{At: &at, For: length, Device: "pump-1", Fault: fault}
}

func TestAScriptedTripShowsInTheRegisters(t *testing.T) {
	plan := onePump(event(20*time.Second, 10*time.Second, "trip"))
	play(t, plan, nil, func(w *wire) {
		conn := w.dial()
		defer conn.Close()
		begin := time.Now()
		for range 40 {
			time.Sleep(1010 * time.Millisecond) // never at the moment of a tick
			got, err := read(conn)
			status, running := uint16(1), true
			if at := time.Since(begin); at >= 20*time.Second && at < 30*time.Second {
				status, running = 4, false
			}
			if err != nil || got[0] != status || (got[1] > 0) != running {
				t.Errorf("after %v: %v, %v; want status %d", time.Since(begin), got, err, status)
			}
		}
	})
}

func TestTheScriptIsToldAndStartsOver(t *testing.T) {
	simulated := 30 * time.Minute // 30 s at 60 times the speed
	plan := onePump(
		event(10*time.Second, 5*time.Second, "trip"),
		event(15*time.Second, 0, "dry_run"),
		simulators.Event{SimAt: &simulated, For: time.Minute, Device: "pump-1", Fault: "phase_loss"},
		event(0, time.Second, "dead"),
	)
	plan.Repeat = time.Minute
	plan.Script[0].Say.EN = "the pump trips"
	var told []string
	var begin time.Time // of the first event, which is due at once
	tell := func(h simulators.Happening) {
		if begin.IsZero() {
			begin = time.Now()
		}
		told = append(told, fmt.Sprintf("%v %s", time.Since(begin), h.Text().EN))
	}
	play(t, plan, tell, func(*wire) { time.Sleep(90 * time.Second) })
	want := []string{
		"0s pump-1: dead begins", "1s pump-1: dead ends", "10s the pump trips", "15s pump-1: trip ends",
		"15s pump-1: dry_run begins", "30s pump-1: phase_loss begins", "31s pump-1: phase_loss ends",
		"1m0s pump-1: dry_run ends", "1m0s pump-1: dead begins", "1m1s pump-1: dead ends",
		"1m10s the pump trips", "1m15s pump-1: trip ends", "1m15s pump-1: dry_run begins",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestFaultsOfTheWire(t *testing.T) {
	line := simulators.Event{At: new(50 * time.Second), For: 10 * time.Second, Bus: "b1", Fault: "drop"}
	stuck := event(0, time.Hour, "stuck")
	stuck.Role = "speed.hz"
	refuse := event(25*time.Second, 10*time.Second, "exception")
	refuse.Code = 6
	plan := onePump(event(10*time.Second, 20*time.Second, "dead"), refuse, line, stuck)
	play(t, plan, nil, func(w *wire) {
		var first [2]uint16
		begin := time.Now()
		time.Sleep(500 * time.Millisecond) // never at the moment of a tick
		for range 69 {
			at := time.Since(begin) / time.Second
			next := time.After(1010 * time.Millisecond)
			conn := w.dial()
			got, err := read(conn)
			conn.Close()
			<-next
			want := ""
			switch {
			case at >= 25 && at < 35: // began later than dead, so it acts
				want = "code 6"
			case at >= 10 && at < 30:
				want = "timeout"
			case at >= 50 && at < 60:
				want = "closed pipe"
			}
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("in second %d: %v, %v; want error %q", at, got, err, want)
			}
			if first[1] == 0 {
				first = got
			}
			if err == nil && got[1] != first[1] {
				t.Errorf("in second %d the stuck speed is %v, was %v", at, got[1], first[1])
			}
		}
	})
}

func TestAPlanSaysEverythingThatIsWrong(t *testing.T) {
	at := time.Second
	plan := simulators.Plan{
		Speed: -1, Publish: -1, Repeat: 10 * time.Second,
		Buses: map[string]simulators.Bus{"a": {TCP: "127.0.0.1:0"}, "m": {MQTT: "127.0.0.1:0"}, "s": {RTU: "/tmp/s"}, "x": {}, "y": {TCP: "nowhere"}, "z": {TCP: "127.0.0.1:0", RTU: "/tmp/z"}},
		Devices: []simulators.Device{
			{ID: "One", Model: "pump", Profile: "p", Bus: "a", Unit: new(1)},
			{ID: "two", Model: "lift", Profile: "p", Bus: "a", Unit: new(1)},
			{ID: "two", Model: "pump", Profile: "p", Bus: "q", Unit: new(2)},
			{ID: "four", Model: "pump", Profile: "p", Bus: "a", Unit: new(256)},
			{ID: "five", Model: "pump", Profile: "p", Bus: "m", Topic: "a/+"},
			{ID: "six", Model: "pump", Profile: "p", Bus: "m", Topic: "t", Unit: new(1)},
			{ID: "seven", Model: "pump", Profile: "p", Bus: "a", Topic: "t", Unit: new(7)},
			{ID: "eight", Model: "pump", Profile: "p", Bus: "m", Topic: "t"},
			{ID: "nine", Model: "pump", Profile: "p", Bus: "s", Unit: new(0)},
		},
		Script: []simulators.Event{
			{Device: "two", Fault: "trip"},
			{At: &at, SimAt: &at, Device: "two", Fault: "trip"},
			{At: new(-at), Device: "eight", Fault: "trip"},
			{At: new(8 * time.Second), For: 3 * time.Second, Device: "eight", Fault: "trip"},
			{At: &at, Fault: "trip"},
			{At: &at, Bus: "q", Fault: "trip"},
			{At: &at, Device: "ten", Fault: "trip"},
			{At: &at, Device: "eight", Fault: "garbage"},
			{At: &at, Device: "eight", Fault: "stuck"},
			{At: &at, Device: "seven", Fault: "slow"},
			{At: &at, Device: "seven", Fault: "exception"},
			{At: &at, Device: "seven", Fault: "trip", Role: "flow", Delay: 1, Code: 2},
			{At: &at, Device: "seven", Fault: "bad_crc"},
			{At: &at, Device: "nine", Fault: "stale"},
			{At: &at, Device: "nine", Fault: "reboot"},
			{At: &at, Bus: "s", Fault: "reboot"},
			{At: &at, For: at, Every: at, Device: "seven", Fault: "trip"},
			{At: &at, Every: at, Device: "seven", Fault: "trip"},
		},
	}
	var got []string
	plan.Validate(func(path, problem, _ string) { got = append(got, path+": "+problem) })
	want := []string{
		"speed: speed -1 is out of bounds",
		"publish: the time between messages is negative",
		"buses.x: a bus has one of tcp, rtu_over_tcp, rtu, mqtt",
		`buses.y.tcp: "nowhere" is not host:port`,
		"buses.z: a bus has one of tcp, rtu_over_tcp, rtu, mqtt",
		`devices[0].id: "One" cannot name a device`,
		`devices[1].model: unknown model "lift", want one of booster, electric_meter, elevator, environment, fire_panel, fire_water, gas_meter, leak_sensor, pump, sump, water_meter`,
		"devices[1]: unit 1 of bus a is taken by devices[0]",
		`devices[2].bus: there is no bus "q"`,
		"devices[2]: device two is taken by devices[1]",
		"devices[3].unit: a device on Modbus TCP needs a unit from 0 to 255",
		"devices[4].topic: a device on MQTT needs a topic without + and #",
		"devices[5].unit: a device on MQTT has no unit",
		"devices[6].topic: a device on Modbus has no topic",
		"devices[7]: topic t of bus m is taken by devices[5]",
		"devices[8].unit: a device on a serial line needs a unit from 1 to 247",
		"script[0]: an event has either at or sim_at",
		`script[0].fault: device two has no fault "trip"`,
		"script[1]: an event has either at or sim_at",
		`script[1].fault: device two has no fault "trip"`,
		"script[2]: a time is negative",
		"script[3]: the event is not over when the script starts again after 10s",
		"script[4]: an event befalls either a device or a bus",
		`script[5].bus: there is no bus "q"`,
		`script[6].device: there is no device "ten"`,
		`script[7].fault: device eight has no fault "garbage"`,
		"script[8].role: role is for the fault stuck, which needs it",
		"script[9].delay: delay is for the faults slow, drip and split, which need it",
		"script[10].code: code is for the fault exception, which needs it",
		"script[11].role: role is for the fault stuck, which needs it",
		"script[11].delay: delay is for the faults slow, drip and split, which need it",
		"script[11].code: code is for the fault exception, which needs it",
		`script[12].fault: device seven has no fault "bad_crc"`,
		`script[13].fault: device nine has no fault "stale"`,
		"script[14].for: a device that reboots must come back",
		`script[15].fault: bus s has no fault "reboot"`,
		"script[16].every: an event that comes again must be over before",
		"script[17].every: an event that comes again must be over before",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
	if _, err := simulators.New(plan, nil, simulators.Options{}); err == nil || !strings.Contains(err.Error(), want[0]) {
		t.Errorf("New takes the plan: %v", err)
	}
}

func TestWhatDoesNotFitItsProfileIsRefused(t *testing.T) {
	profiles := drive()
	profiles["leak"] = &drivers.Profile{Name: "leak", Protocol: drivers.MQTT, Points: []drivers.Point{{Name: "leak", Path: "leak", Role: "leak"}}}
	profiles["broken"] = &drivers.Profile{Name: "broken", Points: []drivers.Point{{Name: "a"}}}
	for want, profile := range map[string]string{
		`device pump-1: there is no profile "none"`:                    "none",
		"profile leak does not speak the protocol of bus b1":           "leak",
		"device pump-1: unit 3: profile broken: point a: no register":  "broken",
		`device pump-1: model pump has no role "level" that could be `: "drive",
	} {
		stuck := event(0, 0, "stuck")
		stuck.Role = "level"
		plan := onePump(stuck)
		plan.Devices[0].Profile = profile
		if _, err := simulators.New(plan, profiles, simulators.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestAPortThatIsTakenIsSaidAndTheOthersAreFreed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	plan := onePump()
	plan.Buses["b2"] = simulators.Bus{TCP: taken.Addr().String()}
	var first net.Listener
	listen := func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		if first == nil {
			first = l
		}
		return l, err
	}
	_, err = simulators.New(plan, drive(), simulators.Options{Listen: listen})
	if err == nil || !strings.Contains(err.Error(), "bus b2") {
		t.Errorf("error %v, want it to name bus b2", err)
	}
	if err := first.Close(); !errors.Is(err, net.ErrClosed) {
		t.Error("the port of bus b1 is still taken")
	}
}

func TestClockReadsTimesOfDay(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"07:30": 7*time.Hour + 30*time.Minute, "00:00": 0, "23:59:59": 24*time.Hour - time.Second, "24:00": -1, "7": -1, "": -1,
	} {
		var c simulators.Clock
		err := c.UnmarshalText([]byte(in))
		if (err != nil) != (want < 0) || want >= 0 && time.Duration(c) != want {
			t.Errorf("%q is %v, %v; want %v", in, time.Duration(c), err, want)
		}
	}
}

// TestTheDemoBuildingAnswers runs the shipped demo on real ports and reads
// every register of every device with a foreign client, and every topic.
func TestTheDemoBuildingAnswers(t *testing.T) {
	profiles := shipped(t)
	var plan simulators.Plan
	decode(t, "../configs/simulations/demo.yaml", &plan)
	plan.Script = nil
	if t.Failed() {
		t.FailNow()
	}
	s, err := simulators.New(plan, profiles, simulators.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	defer running.Wait()
	defer cancel()
	used := make(map[string]bool)
	for _, d := range plan.Devices {
		used[d.Profile] = true
		if d.Topic == "" {
			readAll(t, s.Addrs()[d.Bus], d, profiles[d.Profile])
		}
	}
	hearAll(t, s.Addrs()["mq"], plan, profiles)
	for name, p := range profiles {
		if !used[name] && p.Protocol == drivers.MQTT {
			t.Errorf("no device of the demo speaks %s", name)
		}
	}
}

// TestEveryProfileCanBeSimulated serves one device for each Modbus profile that
// ships and reads every register of it with a foreign client.
func TestEveryProfileCanBeSimulated(t *testing.T) {
	profiles := shipped(t)
	plan := simulators.Plan{Buses: map[string]simulators.Bus{"all": {TCP: "127.0.0.1:0"}}}
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		if profiles[name].Protocol == drivers.Modbus {
			plan.Devices = append(plan.Devices, simulators.Device{
				ID: name, Model: "electric_meter", Profile: name, Bus: "all", Unit: new(len(plan.Devices) + 1),
			})
		}
	}
	s, err := simulators.New(plan, profiles, simulators.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	defer running.Wait()
	defer cancel()
	for _, d := range plan.Devices {
		readAll(t, s.Addrs()["all"], d, profiles[d.Profile])
	}
}

// readAll reads every point of a Modbus device on its own.
func readAll(t *testing.T, address string, d simulators.Device, p *drivers.Profile) {
	t.Helper()
	c, err := foreign.NewClient(&foreign.ClientConfiguration{URL: "tcp://" + address, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetUnitId(uint8(*d.Unit)); err != nil {
		t.Fatal(err)
	}
	whole := *p
	whole.Points = slices.Clone(p.Points)
	whole.Normalize()
	for _, pt := range whole.Points {
		wire, err := whole.WireAddress(*pt.Reg)
		if err != nil {
			t.Fatal(err)
		}
		kind := foreign.HOLDING_REGISTER
		if pt.Table == "input" {
			kind = foreign.INPUT_REGISTER
		}
		words := map[string]uint16{"u32": 2, "i32": 2, "f32": 2, "u64": 4, "i64": 4, "f64": 4}[pt.Type]
		got, err := c.ReadRegisters(wire, max(1, words), kind)
		if err != nil {
			t.Errorf("%s %s: %v", d.ID, pt.Name, err)
		}
		// Codes for "not available" mean that the model lacks the role.
		for _, na := range pt.NA {
			if len(got) == 1 && int64(got[0]) == na {
				t.Errorf("%s: %s (role %q) is not available", d.ID, pt.Name, pt.Role)
			}
		}
		if words == 2 && pt.Type == "f32" && slices.ContainsFunc(got, func(w uint16) bool { return w&0x7FC0 == 0x7FC0 }) {
			t.Errorf("%s: %s (role %q) is NaN", d.ID, pt.Name, pt.Role)
		}
	}
}

// hearAll waits for a message of every device on MQTT and looks for every path.
func hearAll(t *testing.T, address string, plan simulators.Plan, profiles map[string]*drivers.Profile) {
	t.Helper()
	messages := make(chan paho.Message, 100)
	client := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + address).SetClientID("test").SetAutoReconnect(false))
	if token := client.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("connect: %v", token.Error())
	}
	defer client.Disconnect(0)
	token := client.Subscribe("#", 0, func(_ paho.Client, m paho.Message) {
		select {
		case messages <- m:
		default:
		}
	})
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("subscribe: %v", token.Error())
	}
	silent := make(map[string]*drivers.Profile)
	for _, d := range plan.Devices {
		if d.Topic != "" {
			silent[d.Topic] = profiles[d.Profile]
		}
	}
	for end := time.After(patience); len(silent) > 0; {
		select {
		case m := <-messages:
			if p := silent[m.Topic()]; p != nil {
				checkMessage(t, m, p)
				delete(silent, m.Topic())
			}
		case <-end:
			t.Fatalf("nothing heard of %v", slices.Sorted(maps.Keys(silent)))
		}
	}
}

func checkMessage(t *testing.T, m paho.Message, p *drivers.Profile) {
	t.Helper()
	var root any
	if err := json.Unmarshal(m.Payload(), &root); err != nil {
		t.Errorf("%s: %v", m.Topic(), err)
		return
	}
	for _, pt := range p.Points {
		node := root
		for key := range strings.SplitSeq(pt.Path, ".") {
			object, _ := node.(map[string]any)
			node = object[key]
		}
		_, isBool := node.(bool)
		_, isNumber := node.(float64)
		if pt.Kind == "discrete" && !isBool || pt.Kind != "discrete" && !isNumber {
			t.Errorf("%s: %s is %v (%T)", m.Topic(), pt.Path, node, node)
		}
	}
}
