package simulators_test

import (
	"encoding/json"
	"net"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/simulators"
)

// box is a profile of a leak sensor that sends its values in a list, the
// contact inverted and the temperature in tenths of a degree Fahrenheit.
func box() map[string]*drivers.Profile {
	return map[string]*drivers.Profile{"box": {Name: "box", Protocol: drivers.MQTT, Points: []drivers.Point{
		{Name: "dry", Path: "values.1.v", Role: "leak", Kind: "discrete", Invert: true},
		{Name: "temperature", Path: "values.0.v", Role: "temperature", Unit: "degF", Scale: new(0.1)},
		{Name: "humidity", Path: "humidity", Role: "humidity"}, // a leak sensor has none
	}}}
}

// sensors is a plan with two leak sensors on a broker.
func sensors(script ...simulators.Event) simulators.Plan {
	return simulators.Plan{
		Publish: 10 * time.Millisecond,
		Buses:   map[string]simulators.Bus{"mq": {MQTT: "127.0.0.1:0"}},
		Devices: []simulators.Device{
			{ID: "live", Model: "leak_sensor", Profile: "box", Bus: "mq", Topic: "a/live"},
			{ID: "other", Model: "leak_sensor", Profile: "box", Bus: "mq", Topic: "a/other"},
		},
		Script: script,
	}
}

// start runs a plan until the test ends.
func start(t *testing.T, plan simulators.Plan, tell func(*simulators.Simulation, simulators.Happening)) *simulators.Simulation {
	t.Helper()
	var s *simulators.Simulation
	s, err := simulators.New(plan, box(), simulators.Options{Tell: func(h simulators.Happening) { tell(s, h) }})
	if err != nil {
		t.Fatal(err)
	}
	run(t, s)
	return s
}

func TestADeadSensorIsSilentAndTheOtherIsNot(t *testing.T) {
	plan := sensors(
		simulators.Event{At: new(time.Duration(0)), Device: "other", Fault: "dead"},
		simulators.Event{At: new(time.Duration(0)), Device: "live", Fault: "leak"},
	)
	s := start(t, plan, func(*simulators.Simulation, simulators.Happening) {})
	messages := make(chan paho.Message, 1000)
	client := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + s.Addrs()["mq"]).SetClientID("test").SetAutoReconnect(false))
	if token := client.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("connect: %v", token.Error())
	}
	defer client.Disconnect(0)
	token := client.Subscribe("#", 0, func(_ paho.Client, m paho.Message) { messages <- m })
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("subscribe: %v", token.Error())
	}
	for range 5 {
		select {
		case m := <-messages:
			if m.Topic() != "a/live" {
				t.Fatalf("the dead sensor says %s", m.Payload())
			}
			checkBox(t, m.Payload())
		case <-time.After(patience):
			t.Fatal("the live sensor is silent")
		}
	}
}

func checkBox(t *testing.T, payload []byte) {
	t.Helper()
	var got struct {
		Values []struct {
			V any
		}
		Humidity *float64
	}
	if err := json.Unmarshal(payload, &got); err != nil || len(got.Values) != 2 {
		t.Fatalf("%s: %v", payload, err)
	}
	tenths, _ := got.Values[0].V.(float64)
	if tenths < 600 || tenths > 720 || got.Values[1].V != false || got.Humidity != nil {
		t.Errorf("the sensor says %s", payload)
	}
}

func TestABrokerThatFailsComesBackOnItsPort(t *testing.T) {
	plan := sensors(simulators.Event{At: new(100 * time.Millisecond), For: 200 * time.Millisecond, Bus: "mq", Fault: "drop"})
	reachable := func(s *simulators.Simulation) bool {
		conn, err := net.Dial("tcp", s.Addrs()["mq"])
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	over := make(chan struct{})
	start(t, plan, func(s *simulators.Simulation, h simulators.Happening) {
		// The script waits for this, so the line is as the event has left it.
		if reachable(s) == h.Begin {
			t.Errorf("begin is %v, but a broker that can be reached %v", h.Begin, reachable(s))
		}
		if !h.Begin {
			close(over)
		}
	})
	select {
	case <-over:
	case <-time.After(patience):
		t.Error("the broker did not come back")
	}
}

func TestPayloadsThatCannotBeMadeAreRefused(t *testing.T) {
	for name, point := range map[string]drivers.Point{
		"no path":         {Name: "a"},
		"no unit of role": {Name: "a", Path: "a", Role: "temperature", Unit: "MPa"},
	} {
		profiles := map[string]*drivers.Profile{"box": {Name: "box", Protocol: drivers.MQTT, Points: []drivers.Point{point}}}
		if _, err := simulators.New(sensors(), profiles, simulators.Options{}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestClosingWithoutRunningFreesThePorts(t *testing.T) {
	s, err := simulators.New(sensors(), box(), simulators.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	l, err := net.Listen("tcp", s.Addrs()["mq"])
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	l.Close()
}
