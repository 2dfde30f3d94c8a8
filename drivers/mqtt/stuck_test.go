package mqtt_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/mqtt"
	"github.com/intact-gateway/intact/gateway"
	simulator "github.com/intact-gateway/intact/simulators/mqtt"
)

// aging is a sensor whose battery must not read the same for half an hour.
func aging(expect time.Duration) mqtt.Device {
	d := leakSensor()
	d.Expect = expect
	for i := range d.Points {
		if d.Points[i].Ref == battery {
			d.Points[i].Stuck = 30 * time.Minute
		}
	}
	return d
}

func TestASensorThatSendsTheSameForTooLongIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		l := listen(t, config(aging(time.Minute)), b.Dial)
		pass(time.Second)
		say := func(n int, payload string) {
			for range n {
				publish(t, b, leakTopic, payload)
				pass(time.Minute)
			}
		}
		say(30, `{"leak":false,"battery":92}`)
		l.want(t, "just short of the time", map[gateway.PointRef]string{battery: "good 92", leak: "good 0"})
		say(1, `{"leak":false,"battery":92}`)
		l.want(t, "after the time", map[gateway.PointRef]string{battery: "stuck 0", leak: "good 0"})
		say(5, `{"leak":false}`)
		say(1, `{"leak":false,"battery":92}`)
		l.want(t, "still the same", map[gateway.PointRef]string{battery: "stuck 0"})
		say(1, `{"leak":false,"battery":91.9}`)
		l.want(t, "moved", map[gateway.PointRef]string{battery: "good 91.9"})
		if n := l.logged("sensor is stuck"); n != 1 {
			t.Errorf("told %d times", n)
		}
		if n := l.logged("sensor moves again"); n != 1 {
			t.Errorf("its end is told %d times", n)
		}
	})
}

func TestASilentSensorIsNotStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		l := listen(t, config(aging(time.Minute)), b.Dial)
		pass(time.Second)
		for range 2 {
			for range 6 {
				publish(t, b, leakTopic, `{"leak":false,"battery":92}`)
				pass(time.Minute)
			}
			pass(time.Hour)
		}
		publish(t, b, leakTopic, `{"leak":false,"battery":92}`)
		pass(time.Second)
		l.want(t, "back from a silence", map[gateway.PointRef]string{battery: "good 92"})
	})
}
