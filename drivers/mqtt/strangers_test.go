package mqtt_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/drivers/mqtt"
	simulator "github.com/intact-gateway/intact/simulators/mqtt"
)

func TestUnknownDevicesAreHeldForApproval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		l := listen(t, config(leakSensor()), b.Dial)
		quiet := config(leakSensor())
		quiet.ClientID, quiet.Ignore = "gw2", true
		silent := listen(t, quiet, b.Dial)
		pass(time.Second)
		const topic = "site/a(1)/leak/%s/$state"
		publish(t, b, fmt.Sprintf(topic, "new(1)"), `{"leak":1}`)
		pass(time.Minute)
		publish(t, b, fmt.Sprintf(topic, "new(1)"), `not JSON`)
		publish(t, b, fmt.Sprintf(topic, "k.2"), `{}`)
		pass(time.Second)
		held := l.Stats().Held
		if len(held) != 2 || held[0].Last < held[1].Last {
			t.Fatalf("held are %+v, want two, the newest first", held)
		}
		for _, h := range held {
			want := map[string]uint64{"new(1)": 2, "k.2": 1}[h.Name]
			if h.Count != want || h.Topic != fmt.Sprintf(topic, h.Name) || h.Name == "new(1)" && h.Last.Sub(h.First) < time.Minute {
				t.Errorf("held %+v, want %d messages", h, want)
			}
		}
		for i := range 1000 {
			publish(t, b, fmt.Sprintf(topic, fmt.Sprint("x", i)), `{}`)
			synctest.Wait()
		}
		if s := l.Stats(); len(s.Held) != 200 || s.Evicted != 802 {
			t.Errorf("%d held and %d evicted of 1002", len(s.Held), s.Evicted)
		}
		if s := silent.Stats(); len(s.Held) != 0 || s.Unknown != 1003 {
			t.Errorf("told to ignore unknown devices, %d are held of %d messages", len(s.Held), s.Unknown)
		}
	})
}

func TestValuesThatNoProfileKnowsAreListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		d := leakSensor()
		d.Unread, d.Stamp = 4, &mqtt.Stamp{Path: "ts", Format: mqtt.Unix, MaxSkew: time.Minute}
		l := listen(t, config(d, thermometer()), b.Dial)
		pass(time.Second)
		publish(t, b, leakTopic, `{"leak":true,"battery":92,"ts":946684801,"a.b":1,"":2,"rssi":-71,"v":[{"w":1.5},"`+
			`a text of more than forty bytes, of which only so much is kept"]}`)
		publish(t, b, leakTopic, `{"soon":1}`) // too soon to look again
		publish(t, b, "site/temp", `{"t":1,"hidden":2}`)
		pass(2 * time.Minute)
		publish(t, b, leakTopic, `{"rssi":-60,"fw":"1.2","more":1,"yet":2}`)
		pass(time.Second)
		want := []mqtt.Unread{
			{Device: "k.1", Path: "rssi", Example: "-71"},
			{Device: "k.1", Path: "v.0.w", Example: "1.5"},
			{Device: "k.1", Path: "v.1", Example: `"a text of more than forty bytes, of whi`},
			{Device: "k.1", Path: "fw", Example: `"1.2"`},
		}
		if diff := cmp.Diff(want, l.Stats().Unread); diff != "" {
			t.Errorf("unread values (-want +got):\n%s", diff)
		}
	})
}
