package mqtt_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/mqtt"
	"github.com/intact-gateway/intact/gateway"
	simulator "github.com/intact-gateway/intact/simulators/mqtt"
)

func TestAMessageIsAcknowledgedOnlyWhenWhatItSaidIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		var refuse, hang atomic.Bool
		written := make(chan struct{})
		l := listenWith(t, config(leakSensor()), mqtt.Options{Dial: b.Dial, Settled: func(ctx context.Context) error {
			switch {
			case refuse.Load():
				return errors.New("the loop has ended")
			case hang.Load():
				<-ctx.Done()
				return ctx.Err()
			}
			<-written
			return nil
		}}, func() {})
		pass(time.Second)
		publish(t, b, leakTopic, `{"leak":1}`)
		pass(time.Second)
		l.want(t, "taken", map[gateway.PointRef]string{leak: "good 1"})
		if got := b.Acknowledged(); got != 0 {
			t.Errorf("acknowledged before it was written")
		}
		written <- struct{}{}
		pass(time.Millisecond)
		if got := b.Acknowledged(); got != 1 {
			t.Errorf("%d messages acknowledged, want the one that is written", got)
		}
		hang.Store(true)
		publish(t, b, leakTopic, `{"leak":0}`)
		pass(1900 * time.Millisecond)
		if got := b.Acknowledged(); got != 1 {
			t.Errorf("%d messages acknowledged while the disk may yet take it", got)
		}
		pass(200 * time.Millisecond)
		if got := b.Acknowledged(); got != 2 {
			t.Errorf("a disk that hangs keeps the broker from sending more")
		}
		refuse.Store(true)
		publish(t, b, leakTopic, `{"leak":1}`)
		pass(time.Minute)
		if got := b.Acknowledged(); got != 2 {
			t.Errorf("acknowledged though nobody will ever take it")
		}
	})
}

func TestWhatHasComeIsAcknowledgedBeforeTheGatewayLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		l := listenWith(t, config(leakSensor()), mqtt.Options{Dial: b.Dial, Settled: func(context.Context) error {
			time.Sleep(time.Second)
			return nil
		}}, func() {})
		pass(time.Second)
		for range 10 {
			publish(t, b, leakTopic, `{"leak":1}`)
		}
		synctest.Wait()
		l.stop()
		synctest.Wait()
		if got := b.Acknowledged(); got != 10 {
			t.Errorf("%d of 10 messages acknowledged", got)
		}
	})
}
