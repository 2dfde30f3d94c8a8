package mqtt_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/mqtt"
	"github.com/intact-gateway/intact/gateway"
	simulator "github.com/intact-gateway/intact/simulators/mqtt"
)

func TestAPersistentSessionBringsWhatWasMissedAndNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		c := config(leakSensor(), thermometer())
		c.Persistent = true
		hold := make(chan struct{})
		l := listenWith(t, c, mqtt.Options{Dial: b.Dial, Settled: func(ctx context.Context) error {
			select {
			case <-hold:
			case <-ctx.Done():
			}
			return ctx.Err()
		}}, func() {})
		pass(time.Second)
		publish(t, b, leakTopic, `{"leak":1}`)
		publish(t, b, leakTopic, `{"leak":0}`)
		synctest.Wait()
		b.Disconnect() // before anything was acknowledged
		synctest.Wait()
		publish(t, b, "site/temp", `{"t":20}`)
		pass(10 * time.Second)
		close(hold)
		pass(5 * time.Second)
		if got := fmt.Sprint(l.of(leak)); got != "[good 1 good 0]" {
			t.Errorf("the leak went %s; the broker sent it twice, we must take it once", got)
		}
		l.want(t, "published while away", map[gateway.PointRef]string{temp: "good 20"})
		if s := l.Stats(); s.Repeated != 2 || s.Reconnects != 1 || s.Received != s.Decoded+s.Repeated {
			t.Errorf("stats %+v, want two messages repeated", s)
		}
		if got := b.Acknowledged(); got != 3 {
			t.Errorf("%d of 3 messages were acknowledged", got)
		}
	})
}

func TestACleanSessionBringsNothingOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		l := listen(t, config(thermometer()), b.Dial)
		pass(time.Second)
		b.Disconnect()
		synctest.Wait()
		publish(t, b, "site/temp", `{"t":20}`)
		pass(20 * time.Second)
		l.want(t, "published while away", map[gateway.PointRef]string{temp: "nothing", lineLink: "good 1"})
	})
}

func TestAnotherClientOfOurNameIsSuspected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		l := listen(t, config(leakSensor()), b.Dial)
		pass(time.Minute)
		b.Disconnect()
		pass(20 * time.Second)
		if l.Stats().Rival {
			t.Error("one lost connection made us suspect a rival")
		}
		other := listen(t, config(leakSensor()), b.Dial)
		rival := func() bool { return l.Stats().Rival || other.Stats().Rival }
		for range 10 {
			pass(3 * time.Minute)
			if rival() {
				break
			}
			b.Disconnect() // now and then this broker lets both stay
		}
		if !rival() {
			t.Error("two clients throw each other out and neither says so")
		}
		if got := l.logged("same client id") + other.logged("same client id"); got == 0 || got > 2 {
			t.Errorf("the reason is logged %d times", got)
		}
		other.stop()
		pass(10 * time.Minute)
		if s := l.Stats(); s.Rival || !s.Connected {
			t.Errorf("stats %+v long after the rival has left", s)
		}
	})
}

func TestASubscriptionThatFellSilentIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		l := listen(t, config(leakSensor(), thermometer()), b.Dial)
		pass(time.Second)
		publish(t, b, "site/temp", `{"t":20}`)
		pass(time.Second)
		b.Forget()
		publish(t, b, "site/temp", `{"t":21}`)
		pass(28 * time.Second)
		if s := l.Stats(); s.Renewed != 0 {
			t.Errorf("renewed %d subscriptions within three expected messages", s.Renewed)
		}
		l.want(t, "the broker has forgotten us", map[gateway.PointRef]string{temp: "good 20"})
		pass(4 * time.Second)
		publish(t, b, "site/temp", `{"t":22}`)
		pass(2 * time.Second)
		l.want(t, "renewed", map[gateway.PointRef]string{temp: "good 22", tempLink: "good 1", lineLink: "good 1"})
		if s := l.Stats(); s.Renewed != 1 || s.Reconnects != 0 {
			t.Errorf("stats %+v, want one renewal on the first connection", s)
		}
		pass(2 * time.Hour)
		if s := l.Stats(); s.Renewed < 6 || s.Renewed > 12 {
			t.Errorf("renewed %d times in two hours of silence, want ever more rarely", s.Renewed)
		}
	})
}

func TestASharedSubscriptionGivesEachGatewayItsPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		d := leakSensor()
		d.Topic = "$share/gateways/" + d.Topic
		one, two := config(d), config(d)
		two.ClientID = "gw2"
		first, second := listen(t, one, b.Dial), listen(t, two, b.Dial)
		pass(time.Second)
		for range 20 {
			publish(t, b, leakTopic, `{"leak":1}`)
			synctest.Wait()
		}
		publish(t, b, "site/a(1)/leak/stranger/$state", `{"leak":1}`)
		pass(time.Second)
		a, c := first.Stats(), second.Stats()
		if a.Decoded+c.Decoded != 20 || a.Granted != 1 || a.Unknown+c.Unknown != 1 {
			t.Errorf("the two heard %d and %d of 20 messages", a.Decoded, c.Decoded)
		}
		if first.logged("device=stranger")+second.logged("device=stranger") != 1 {
			t.Error("an unknown device of a shared subscription is not named")
		}
		if first.logged("another order") != 1 {
			t.Error("nothing warns that the order is lost")
		}
	})
}
