package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/drivers/mqtt"
	"github.com/intact-gateway/intact/gateway"
	simulator "github.com/intact-gateway/intact/simulators/mqtt"
)

// The points of the test site.
const (
	lineLink gateway.PointRef = iota
	leakLink
	leak
	battery
	tempLink
	temp
	otherLink
	other
)

// leakSensor sends on events only, thermometer every 10 s.
func leakSensor() mqtt.Device {
	return mqtt.Device{Topic: "site/a(1)/leak/{device}/$state", Name: "k.1", Link: leakLink, Points: []mqtt.Point{
		{Ref: leak, Path: "leak", Kind: gateway.Discrete}, {Ref: battery, Path: "battery", Range: []float64{0, 100}},
	}}
}

func thermometer() mqtt.Device {
	return mqtt.Device{Topic: "site/temp", Link: tempLink, Expect: 10 * time.Second, Points: []mqtt.Point{{Ref: temp, Path: "t"}}}
}

const leakTopic = "site/a(1)/leak/k.1/$state"

func config(devices ...mqtt.Device) mqtt.Config {
	return mqtt.Config{Broker: "mqtt://broker", ClientID: "gw", QoS: 1, KeepAlive: 8 * time.Second, Link: lineLink, Devices: devices}
}

// listener runs a client and keeps what it emits.
type listener struct {
	*mqtt.Client
	log  strings.Builder
	stop func()
	hold func()        // called by emit before it takes anything
	news chan struct{} // holds one element once something was emitted

	mu      sync.Mutex
	samples []gateway.Sample
}

func listen(t *testing.T, c mqtt.Config, dial func(context.Context, string, string) (net.Conn, error)) *listener {
	t.Helper()
	return listenHeld(t, c, dial, func() {})
}

func listenHeld(t *testing.T, c mqtt.Config, dial func(context.Context, string, string) (net.Conn, error), hold func()) *listener {
	t.Helper()
	return listenWith(t, c, mqtt.Options{Dial: dial}, hold)
}

func listenWith(t *testing.T, c mqtt.Config, o mqtt.Options, hold func()) *listener {
	t.Helper()
	l := &listener{hold: hold, news: make(chan struct{}, 1)}
	o.Log = slog.New(slog.NewTextHandler(&locked{l: l}, nil))
	var err error
	l.Client, err = mqtt.New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := l.Run(ctx, l.emit); err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
	l.stop = func() { cancel(); running.Wait() }
	t.Cleanup(l.stop)
	return l
}

// locked writes the log of a listener.
type locked struct{ l *listener }

func (w *locked) Write(p []byte) (int, error) {
	w.l.mu.Lock()
	defer w.l.mu.Unlock()
	return w.l.log.Write(p)
}

func (l *listener) emit(samples []gateway.Sample) {
	l.hold()
	l.mu.Lock()
	l.samples = append(l.samples, samples...)
	l.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// of returns what has been emitted for ref, as "good 1".
func (l *listener) of(ref gateway.PointRef) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, s := range l.samples {
		if s.Point == ref {
			all = append(all, fmt.Sprintf("%s %v", s.Quality, s.Value))
		}
	}
	return all
}

func (l *listener) last(ref gateway.PointRef) string {
	all := l.of(ref)
	if len(all) == 0 {
		return "nothing"
	}
	return all[len(all)-1]
}

func (l *listener) logged(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.log.String(), text)
}

func (l *listener) want(t *testing.T, when string, want map[gateway.PointRef]string) {
	t.Helper()
	for ref, sample := range want {
		if got := l.last(ref); got != sample {
			t.Errorf("%s: point %d is %s, want %s", when, ref, got, sample)
		}
	}
}

func startBroker(t *testing.T, o simulator.BrokerOptions) *simulator.Broker {
	t.Helper()
	o.Memory = true
	b := simulator.NewBroker(o)
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func publish(t *testing.T, b *simulator.Broker, topic, payload string) {
	t.Helper()
	if err := b.Publish(topic, []byte(payload), false); err != nil {
		t.Fatal(err)
	}
}

// pass lets d go by and everything that is under way arrive.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestValuesArriveAndLinksFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		l := listen(t, config(leakSensor(), thermometer()), b.Dial)
		pass(2 * time.Second)
		l.want(t, "connected, nothing heard", map[gateway.PointRef]string{
			lineLink: "good 1", leakLink: "nothing", tempLink: "nothing", leak: "nothing",
		})
		publish(t, b, leakTopic, `{"leak":false,"battery":92}`)
		publish(t, b, "site/temp", `{"t":21.5}`)
		pass(time.Second)
		l.want(t, "both heard", map[gateway.PointRef]string{
			leakLink: "good 1", leak: "good 0", battery: "good 92", tempLink: "good 1", temp: "good 21.5",
		})
		publish(t, b, leakTopic, `{"leak":true}`)
		pass(time.Second)
		if got := len(l.of(battery)); got != 1 {
			t.Errorf("battery has %d samples though only one message held it", got)
		}
		pass(24 * time.Second)
		l.want(t, "within three expected messages", map[gateway.PointRef]string{tempLink: "good 1"})
		pass(5 * time.Second)
		l.want(t, "after three expected messages", map[gateway.PointRef]string{
			tempLink: "good 0", leakLink: "good 1", lineLink: "good 1", temp: "good 21.5",
		})
		publish(t, b, "site/temp", `{"t":22}`)
		pass(time.Second)
		l.want(t, "heard again", map[gateway.PointRef]string{tempLink: "good 1", temp: "good 22"})
		l.stop()
		l.want(t, "gateway stopped", map[gateway.PointRef]string{lineLink: "good 1", leakLink: "good 1"})
	})
}

func TestADeviceThatNeverSendsIsSilentOnlyIfItOwesMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		l := listen(t, config(leakSensor(), thermometer()), b.Dial)
		pass(29 * time.Second)
		l.want(t, "before three expected messages", map[gateway.PointRef]string{tempLink: "nothing"})
		pass(3 * time.Second)
		l.want(t, "after three expected messages", map[gateway.PointRef]string{tempLink: "good 0", leakLink: "nothing"})
		b.Disconnect()
		pass(time.Minute)
		l.want(t, "after a lost connection", map[gateway.PointRef]string{tempLink: "good 0", leakLink: "nothing"})
	})
}

func TestLinkPointsAreToldEveryFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		l := listen(t, config(leakSensor()), b.Dial)
		pass(time.Second)
		publish(t, b, leakTopic, `{"leak":0}`)
		pass(time.Minute)
		for _, ref := range []gateway.PointRef{lineLink, leakLink} {
			if got := len(l.of(ref)); got < 12 || got > 14 {
				t.Errorf("link point %d was told %d times in a minute", ref, got)
			}
		}
	})
}

func TestResubscribesWhenTheBrokerComesBackEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var current atomic.Pointer[simulator.Broker]
		dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
			if b := current.Load(); b != nil {
				return b.Dial(ctx, network, addr)
			}
			return nil, errors.New("connection refused")
		}
		l := listen(t, config(leakSensor()), dial)
		pass(time.Second)
		l.want(t, "no broker yet", map[gateway.PointRef]string{lineLink: "good 0", leakLink: "nothing"})
		for round := range 3 {
			b := startBroker(t, simulator.BrokerOptions{})
			current.Store(b)
			pass(5 * time.Second)
			publish(t, b, leakTopic, fmt.Sprintf(`{"leak":%d}`, round%2))
			pass(100 * time.Millisecond)
			l.want(t, "5 s after the broker came up", map[gateway.PointRef]string{
				lineLink: "good 1", leakLink: "good 1", leak: fmt.Sprintf("good %d", round%2),
			})
			pass(time.Minute)
			current.Store(nil)
			b.Close()
			pass(10 * time.Second)
			l.want(t, "broker gone", map[gateway.PointRef]string{lineLink: "good 0", leakLink: "good 0"})
			pass(time.Hour)
		}
		if got := len(l.of(leak)); got != 3 {
			t.Errorf("%d samples, want the 3 that were published and none for the outages", got)
		}
		if s := l.Stats(); s.Reconnects != 2 || s.Connected {
			t.Errorf("stats %+v, want 2 reconnects and no connection", s)
		}
		if got := l.logged("cannot be reached"); got > 4 {
			t.Errorf("hours without a broker gave %d log lines", got)
		}
	})
}

func TestRefusedSubscriptionIsVisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var denied atomic.Bool
		denied.Store(true)
		b := startBroker(t, simulator.BrokerOptions{
			Deny: func(filter string) bool { return denied.Load() && strings.HasPrefix(filter, "site/a(1)") },
		})
		l := listen(t, config(leakSensor(), thermometer()), b.Dial)
		pass(time.Second)
		publish(t, b, leakTopic, `{"leak":1}`)
		publish(t, b, "site/temp", `{"t":20}`)
		pass(time.Second)
		l.want(t, "one refused", map[gateway.PointRef]string{lineLink: "good 0", leak: "nothing", temp: "good 20", tempLink: "good 1"})
		if s := l.Stats(); !s.Connected || s.Refused != 1 || s.Granted != 1 {
			t.Errorf("stats %+v, want one subscription granted and one refused", s)
		}
		pass(10 * time.Minute)
		if got := l.logged("subscription refused"); got != 1 {
			t.Errorf("refusal logged %d times, want once", got)
		}
		denied.Store(false)
		pass(time.Minute)
		publish(t, b, leakTopic, `{"leak":1}`)
		pass(time.Second)
		l.want(t, "granted after all", map[gateway.PointRef]string{lineLink: "good 1", leak: "good 1", leakLink: "good 1"})
		if s := l.Stats(); s.Refused != 0 || s.Granted != 2 || s.Reconnects != 0 {
			t.Errorf("stats %+v, want both granted without a reconnect", s)
		}
	})
}

func TestMalformedAndOversizeMessagesHarmNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		l := listen(t, config(leakSensor(), thermometer()), b.Dial)
		pass(time.Second)
		publish(t, b, leakTopic, `{"leak":0,"battery":92}`)
		publish(t, b, leakTopic, `{"leak":0,"battery":`)
		publish(t, b, "site/temp", `{"t":20}`)
		pass(time.Second)
		l.want(t, "malformed", map[gateway.PointRef]string{leak: "payload 0", battery: "payload 0", leakLink: "good 1", temp: "good 20"})

		publish(t, b, leakTopic, `{"leak":1,"battery":"`+strings.Repeat("9", 300<<10)+`"}`)
		publish(t, b, "site/temp", `{"t":21}`)
		pass(time.Second)
		l.want(t, "oversize", map[gateway.PointRef]string{leak: "payload 0", temp: "good 21"})
		want := mqtt.Stats{Connected: true, Granted: 2, Received: 5, Decoded: 3, BadPayload: 2, Oversize: 1}
		if diff := cmp.Diff(want, l.Stats()); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
		if got := b.Acknowledged(); got != 5 {
			t.Errorf("%d of 5 messages were acknowledged", got)
		}
	})
}

func TestUnknownDevicesAreCountedAndNamedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		l := listen(t, config(leakSensor()), b.Dial)
		pass(time.Second)
		for range 3 {
			publish(t, b, "site/a(1)/leak/stranger/$state", `{"leak":1}`)
		}
		for i := range 3000 {
			publish(t, b, fmt.Sprintf("site/a(1)/leak/s%d/$state", i), `{"leak":1}`)
			synctest.Wait()
		}
		pass(time.Second)
		if got := l.logged("device=stranger "); got != 1 {
			t.Errorf("the stranger was named %d times", got)
		}
		if got, end := l.logged("message of an unknown device"), l.logged("not named"); got != 1000 || end != 1 {
			t.Errorf("3000 strangers gave %d log lines and %d to say that it is enough, want 1000 and one", got, end)
		}
		if s := l.Stats(); s.Unknown != 3003 || s.Received != 3003 || b.Acknowledged() != 3003 {
			t.Errorf("stats %+v and %d acknowledged, want 3003 unknown", s, b.Acknowledged())
		}
		l.want(t, "strangers only", map[gateway.PointRef]string{leak: "nothing", leakLink: "nothing"})
	})
}

func TestRetainedMessagesAreUncertainAndNoSignOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		if err := b.Publish(leakTopic, []byte(`{"leak":true,"battery":150}`), true); err != nil {
			t.Fatal(err)
		}
		l := listen(t, config(leakSensor()), b.Dial)
		pass(10 * time.Second)
		l.want(t, "retained", map[gateway.PointRef]string{leak: "uncertain 1", battery: "out_of_range 0", leakLink: "nothing"})
		publish(t, b, leakTopic, `{"leak":true}`)
		pass(time.Second)
		l.want(t, "live", map[gateway.PointRef]string{leak: "good 1", leakLink: "good 1"})
		if s := l.Stats(); s.Retained != 1 {
			t.Errorf("stats %+v, want one retained message", s)
		}
	})
}

func TestSlowEmitKeepsTheConnectionAndAcknowledgesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		var slow atomic.Bool
		release := make(chan struct{})
		l := listenHeld(t, config(leakSensor(), thermometer()), b.Dial, func() {
			if slow.Load() {
				<-release
			}
		})
		pass(time.Second)
		slow.Store(true)
		for i := range 500 {
			publish(t, b, "site/temp", fmt.Sprintf(`{"t":%d}`, i))
			synctest.Wait()
		}
		publish(t, b, leakTopic, `{"leak":1}`)
		pass(time.Minute) // many times the keep alive of 8 s
		if s := l.Stats(); !s.Connected || s.Reconnects != 0 || s.Received != 501 {
			t.Errorf("stats while stalled %+v, want the first connection and all received", s)
		}
		if got := b.Acknowledged(); got != 0 {
			t.Errorf("%d messages were acknowledged before anybody took them", got)
		}
		slow.Store(false)
		close(release)
		pass(time.Second)
		if got := len(l.of(temp)); got != 500 {
			t.Errorf("%d samples arrived, want 500", got)
		}
		l.want(t, "released", map[gateway.PointRef]string{leak: "good 1", temp: "good 499"})
		if got := b.Acknowledged(); got != 501 {
			t.Errorf("%d of 501 messages were acknowledged", got)
		}
	})
}

func TestAFloodIsBoundedCountedAndCostsItsOwnTopicAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		var slow atomic.Bool
		release := make(chan struct{})
		c := config(leakSensor(), thermometer())
		c.QoS = 0
		l := listenHeld(t, c, b.Dial, func() {
			if slow.Load() {
				<-release
			}
		})
		pass(time.Second)
		slow.Store(true)
		publish(t, b, "site/temp", `{"t":-1}`)
		synctest.Wait() // this one is held by emit, the others queue up
		publish(t, b, leakTopic, `{"leak":1}`)
		const flood = 20_000
		for i := range flood {
			publish(t, b, "site/temp", fmt.Sprintf(`{"t":%d}`, i))
			if i%500 == 0 {
				synctest.Wait()
			}
		}
		pass(time.Second)
		s := l.Stats()
		if s.Queued != 16_384 || s.Received != s.Dropped+uint64(s.Queued)+1 {
			t.Errorf("stats %+v, want a full queue and every message accounted for", s)
		}
		slow.Store(false)
		close(release)
		pass(time.Second)
		l.want(t, "released", map[gateway.PointRef]string{leak: "good 1", temp: fmt.Sprintf("good %d", flood-1)})
		if s := l.Stats(); s.Received != s.Decoded+s.Dropped || s.Queued != 0 || s.Received != flood+2 {
			t.Errorf("stats %+v do not add up to %d", s, flood+2)
		}
	})
}

func TestWrongPasswordIsTriedSparingly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{Password: "right"})
		var dials atomic.Int64
		c := config(leakSensor())
		c.Username, c.Password = "gw", "wrong"
		l := listen(t, c, func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials.Add(1)
			return b.Dial(ctx, network, addr)
		})
		pass(10 * time.Minute)
		if got := dials.Load(); got < 15 || got > 27 {
			t.Errorf("%d attempts in 10 minutes, want about 20", got)
		}
		if got := l.logged("level=WARN"); got != 1 {
			t.Errorf("%d warnings, want one", got)
		}
		if got := l.logged("wrong"); got != 0 {
			t.Error("the password is in the log")
		}
		l.want(t, "turned away", map[gateway.PointRef]string{lineLink: "good 0"})
	})
}

func TestTwoClientsOfOneNameDoNotFlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		one := listen(t, config(leakSensor()), b.Dial)
		two := listen(t, config(leakSensor()), b.Dial)
		pass(10 * time.Minute)
		if n := one.Stats().Reconnects + two.Stats().Reconnects; n == 0 || n > 60 {
			t.Errorf("%d reconnects in 10 minutes, want some but few", n)
		}
	})
}

func TestADeadLineIsFoundByPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		var dead atomic.Bool
		l := listen(t, config(leakSensor()), func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := b.Dial(ctx, network, addr)
			return &deaf{Conn: conn, dead: &dead}, err
		})
		pass(2 * time.Second)
		publish(t, b, leakTopic, `{"leak":1}`)
		pass(time.Second)
		dead.Store(true)
		pass(25 * time.Second) // keep alive and answer to the ping, 8 s each, and a check every 2 s
		l.want(t, "line dead", map[gateway.PointRef]string{lineLink: "good 0", leakLink: "good 0", leak: "good 1"})
		dead.Store(false)
		pass(20 * time.Second)
		publish(t, b, leakTopic, `{"leak":0}`)
		pass(time.Second)
		l.want(t, "line back", map[gateway.PointRef]string{lineLink: "good 1", leakLink: "good 1", leak: "good 0"})
	})
}

// deaf is a line that takes everything and delivers nothing while dead.
type deaf struct {
	net.Conn
	dead *atomic.Bool
}

func (d *deaf) Write(p []byte) (int, error) {
	if d.dead.Load() {
		return len(p), nil
	}
	return d.Conn.Write(p)
}

func TestRunEndsAtOnceWhateverItWaitsFor(t *testing.T) {
	mute := func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() { // takes the CONNECT and never answers
			defer far.Close()
			for buffer := make([]byte, 100); ; {
				if _, err := far.Read(buffer); err != nil {
					return
				}
			}
		}()
		return near, nil
	}
	hang := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	refuse := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") }
	for name, dial := range map[string]func(context.Context, string, string) (net.Conn, error){
		"a broker that does not answer": mute, "a dial that hangs": hang, "a pause between two attempts": refuse,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := listen(t, config(leakSensor()), dial)
				pass(5300 * time.Millisecond)
				begin := time.Now()
				l.stop()
				if took := time.Since(begin); took > 0 {
					t.Errorf("Run went on for %s", took)
				}
			})
		})
	}
}

func TestNewNamesEveryMistake(t *testing.T) {
	bad := mqtt.Config{
		Broker: "http://gw:secret@broker", QoS: 2, KeepAlive: time.Millisecond,
		Devices: []mqtt.Device{{Topic: "a/#/b"}, {Topic: "b", Points: []mqtt.Point{{Path: ".."}}}},
	}
	_, err := mqtt.New(bad, mqtt.Options{})
	if err == nil {
		t.Fatal("everything was taken")
	}
	for _, part := range []string{"scheme", "user name", "client id", "qos 2", "keep alive", `"a/#/b"`, `path ".."`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error does not speak of %s:\n%v", part, err)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Error("the error holds the password")
	}
	for _, broker := range []string{"", "broker:1883", "mqtt://", "mqtt://%zz"} {
		c := config()
		c.Broker = broker
		if _, err := mqtt.New(c, mqtt.Options{}); err == nil {
			t.Errorf("broker %q was taken", broker)
		}
	}
}
