package mqtt_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/intact-gateway/intact/drivers/mqtt"
	"github.com/intact-gateway/intact/gateway"
)

// proxy stands between a client and the broker, and can stop passing anything on.
type proxy struct {
	listener net.Listener
	broker   string
	pings    atomic.Int64 // asked by clients

	mu   sync.Mutex
	gate chan struct{} // closed while the line works
}

func startProxy(t *testing.T, broker string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, broker: broker, gate: make(chan struct{})}
	close(p.gate)
	var lines sync.WaitGroup
	lines.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", broker)
			if err != nil {
				near.Close()
				continue
			}
			lines.Go(func() { p.pass(far, near, &p.pings) })
			lines.Go(func() { p.pass(near, far, nil) })
		}
	})
	t.Cleanup(func() { l.Close(); p.heal(); lines.Wait() })
	return p
}

// pass copies from one side to the other while the line works.
func (p *proxy) pass(to, from net.Conn, pings *atomic.Int64) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		gate := p.gate
		p.mu.Unlock()
		<-gate
		if pings != nil && bytes.Equal(buffer[:n], []byte{0xc0, 0}) {
			pings.Add(1)
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = make(chan struct{})
}

func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gate:
	default:
		close(p.gate)
	}
}

// until waits for what must come.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(deadline)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestMosquittoPartitionLosesNothingOfQoS1(t *testing.T) {
	address := freeAddress(t)
	defer mosquitto(t, address)()
	line := startProxy(t, address)
	c := config(leakSensor(), thermometer())
	c.Broker, c.Persistent, c.KeepAlive = "mqtt://"+line.listener.Addr().String(), true, time.Second
	l := listen(t, c, nil)
	l.await(t, lineLink, "good 1")
	send := sender(t, address)
	const before, during, after = 50, 400, 50
	for i := range before {
		send("site/temp", fmt.Sprintf(`{"t":%d}`, i), false)
	}
	l.await(t, temp, fmt.Sprintf("good %d", before-1))
	line.stall()
	for i := range during {
		send("site/temp", fmt.Sprintf(`{"t":%d}`, before+i), false)
	}
	l.await(t, lineLink, "good 0") // the pings have found out
	line.heal()
	l.await(t, lineLink, "good 1")
	for i := range after {
		send("site/temp", fmt.Sprintf(`{"t":%d}`, before+during+i), false)
	}
	l.await(t, temp, fmt.Sprintf("good %d", before+during+after-1))
	for i, got := range l.of(temp) {
		if want := fmt.Sprintf("good %d", i); got != want {
			t.Fatalf("sample %d is %s, want %s: each once and in order", i, got, want)
		}
	}
	if got := len(l.of(temp)); got != before+during+after {
		t.Errorf("%d samples of %d messages", got, before+during+after)
	}
}

func TestMosquittoRefusesASubscription(t *testing.T) {
	plugins, _ := filepath.Glob("/usr/lib/*/mosquitto_dynamic_security.so")
	if len(plugins) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("mosquitto comes without its dynamic security plugin")
		}
		t.Skip("mosquitto's dynamic security plugin is missing: apt-get install mosquitto")
	}
	file := filepath.Join(t.TempDir(), "security.json")
	rules := `{"defaultACLAccess":{"publishClientSend":true,"publishClientReceive":true,"subscribe":true,"unsubscribe":true},
		"clients":[], "anonymousGroup":"all",
		"groups":[{"groupname":"all","roles":[{"rolename":"few"}],"clients":[]}],
		"roles":[{"rolename":"few","acls":[{"acltype":"subscribePattern","topic":"site/a(1)/#","priority":1,"allow":false}]}]}`
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	defer mosquitto(t, address, "plugin "+plugins[0], "plugin_opt_config_file "+file, "")()
	c := config(leakSensor(), thermometer())
	c.Broker = "mqtt://" + address
	l := listen(t, c, nil)
	l.await(t, lineLink, "good 0")
	until(t, "the subscriptions to be answered", func() bool { return l.Stats().Connected })
	if s := l.Stats(); s.Refused != 1 || s.Granted != 1 || l.logged("subscription refused") != 1 {
		t.Errorf("stats %+v, want one of two subscriptions refused, and said so", s)
	}
	sender(t, address)("site/temp", `{"t":20}`, false)
	l.await(t, temp, "good 20")
}

func TestMosquittoTwoClientsOfOneName(t *testing.T) {
	address := freeAddress(t)
	defer mosquitto(t, address)()
	c := config(leakSensor())
	c.Broker = "mqtt://" + address
	one, two := listen(t, c, nil), listen(t, c, nil)
	until(t, "one of them to name the reason", func() bool { return one.Stats().Rival || two.Stats().Rival })
	if one.logged("same client id")+two.logged("same client id") == 0 {
		t.Error("the reason is not in the log")
	}
}

// TestMosquittoFloodWithAStalledSink sends 50,000 messages at 10,000 a second
// while nobody takes any.
func TestMosquittoFloodWithAStalledSink(t *testing.T) {
	address := freeAddress(t)
	defer mosquitto(t, address)()
	line := startProxy(t, address)
	c := config(leakSensor(), thermometer())
	c.Broker, c.QoS, c.KeepAlive = "mqtt://"+line.listener.Addr().String(), 0, 5*time.Second
	stalled := make(chan struct{})
	var stall atomic.Bool
	l := listenHeld(t, c, nil, func() {
		if stall.Load() {
			<-stalled
		}
	})
	l.await(t, lineLink, "good 1")
	send := sender(t, address)
	stall.Store(true)
	send(leakTopic, `{"leak":true}`, false)
	p := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + address).SetClientID("flood").SetAutoReconnect(false))
	if token := p.Connect(); !token.WaitTimeout(deadline) || token.Error() != nil {
		t.Fatalf("connect the flood: %v", token.Error())
	}
	defer p.Disconnect(0)
	const flood, pace = 50_000, 100
	tick := time.NewTicker(time.Second / pace)
	defer tick.Stop()
	for i := range flood {
		if i%(10_000/pace) == 0 {
			<-tick.C
		}
		p.Publish("site/temp", 0, false, fmt.Sprintf(`{"t":%d}`, i))
	}
	pings := line.pings.Load()
	until(t, "the pings to go on", func() bool { return line.pings.Load() > pings })
	until(t, "the flood to arrive", func() bool { return l.Stats().Received == flood+1 })
	if s := l.Stats(); !s.Connected || s.Queued > 16_384 {
		t.Errorf("stats %+v, want a connection and a bounded queue", s)
	}
	stall.Store(false)
	close(stalled)
	l.await(t, temp, fmt.Sprintf("good %d", flood-1))
	l.await(t, leak, "good 1")
	if s := l.Stats(); s.Received != s.Decoded+s.Dropped {
		t.Errorf("stats %+v do not add up", s)
	}
}

func TestMosquittoYesterdaysAlarmRaisesNothing(t *testing.T) {
	address := freeAddress(t)
	defer mosquitto(t, address)()
	send := sender(t, address)
	send(leakTopic, fmt.Sprintf(`{"leak":true,"battery":92,"ts":%d}`, time.Now().Add(-24*time.Hour).UnixMilli()), true)
	d := dated(mqtt.UnixMillis)
	d.Points[0].MaxAge = 12 * time.Hour
	c := config(d)
	c.Broker = "mqtt://" + address
	l := listen(t, c, nil)
	l.await(t, leak, "stale 0")
	send(leakTopic, `{"leak":`, false)
	l.await(t, leak, "payload 0")
	send(leakTopic, fmt.Sprintf(`{"leak":true,"ts":%d}`, time.Now().UnixMilli()), false)
	l.await(t, leak, "good 1")
	if got := fmt.Sprint(l.of(leak)); got != "[stale 0 payload 0 good 1]" {
		t.Errorf("the leak went %s", got)
	}
}

// receiverBroker tells the test binary, started again, to be the gateway that is
// killed.
const receiverBroker = "INTACT_TEST_RECEIVER_BROKER"

// TestKilledReceiver takes a message, says so, and never comes to write it.
func TestKilledReceiver(t *testing.T) {
	broker := os.Getenv(receiverBroker)
	if broker == "" {
		t.Skip("only for TestMosquittoKillBetweenReceiveAndStore")
	}
	c := config(leakSensor())
	c.Broker, c.Persistent = broker, true
	client, err := mqtt.New(c, mqtt.Options{Settled: func(context.Context) error { select {} }})
	if err != nil {
		t.Fatal(err)
	}
	_ = client.Run(t.Context(), func(samples []gateway.Sample) {
		for _, s := range samples {
			fmt.Printf("\nsample %d %v\n", s.Point, s.Value)
		}
	})
}

func TestMosquittoKillBetweenReceiveAndStore(t *testing.T) {
	address := freeAddress(t)
	defer mosquitto(t, address)()
	victim := exec.Command(os.Args[0], "-test.run=^TestKilledReceiver$", "-test.v")
	victim.Env = append(os.Environ(), receiverBroker+"=mqtt://"+address)
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	defer victim.Wait()
	defer victim.Process.Kill()
	send := sender(t, address)
	lines := bufio.NewScanner(out)
	for want := range strings.SplitSeq(fmt.Sprintf("sample %d 1|sample %d 1", lineLink, leak), "|") {
		for lines.Text() != want {
			if !lines.Scan() {
				t.Fatalf("the receiver ended without saying %q", want)
			}
		}
		if strings.HasPrefix(want, fmt.Sprintf("sample %d", lineLink)) { // connected: now the alarm
			send(leakTopic, `{"leak":true}`, false)
		}
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	c := config(leakSensor())
	c.Broker, c.Persistent = "mqtt://"+address, true
	l := listen(t, c, nil)
	l.await(t, leak, "good 1")
	l.stop()
	again := listen(t, c, nil)
	again.await(t, lineLink, "good 1")
	send(leakTopic, `{"battery":50}`, false)
	again.await(t, battery, "good 50")
	taken := 0
	for _, s := range append(l.of(leak), again.of(leak)...) { // the battery's message makes the leak unknown
		if s == "good 1" {
			taken++
		}
	}
	if taken != 1 {
		t.Errorf("the alarm was taken %d times after the kill, want once", taken)
	}
}
