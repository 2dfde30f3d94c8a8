package mqtt_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/intact-gateway/intact/gateway"
)

// The tests in this file talk to a real mosquitto over loopback. Nothing in them
// is decided by the clock: they wait for what must come, up to this long.
const deadline = 30 * time.Second

// mosquitto runs the broker on address and returns a function that kills it.
func mosquitto(t *testing.T, address string, more ...string) (kill func()) {
	t.Helper()
	binary := "/usr/sbin/mosquitto"
	if _, err := os.Stat(binary); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: install mosquitto", binary)
		}
		t.Skip("mosquitto is missing: apt-get install mosquitto")
	}
	host, port, _ := net.SplitHostPort(address)
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %s %s\nallow_anonymous true\nmax_queued_messages 0\nuser root\nlog_dest stderr\n", port, host)
	text += strings.Join(more, "\n")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-c", file)
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for running := false; !running; {
		if !lines.Scan() {
			t.Fatalf("mosquitto ended before it ran: %v", cmd.Wait())
		}
		running = strings.Contains(lines.Text(), "running")
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() {
		}
	}()
	return func() {
		cmd.Process.Kill()
		<-drained
		cmd.Wait()
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// await waits until the last sample of ref is want.
func (l *listener) await(t *testing.T, ref gateway.PointRef, want string) {
	t.Helper()
	late := time.After(deadline)
	for l.last(ref) != want {
		select {
		case <-l.news:
		case <-late:
			t.Fatalf("point %d is %s, want %s", ref, l.last(ref), want)
		}
	}
}

func sender(t *testing.T, address string) func(topic, payload string, retained bool) {
	t.Helper()
	p := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + address).SetClientID("sender").SetAutoReconnect(false))
	if token := p.Connect(); !token.WaitTimeout(deadline) || token.Error() != nil {
		t.Fatalf("connect the sender: %v", token.Error())
	}
	t.Cleanup(func() { p.Disconnect(0) })
	return func(topic, payload string, retained bool) {
		t.Helper()
		if token := p.Publish(topic, 1, retained, payload); !token.WaitTimeout(deadline) || token.Error() != nil {
			t.Fatalf("publish to %s: %v", topic, token.Error())
		}
	}
}

func TestMosquittoRestartBurstAndRetained(t *testing.T) {
	address := freeAddress(t)
	kill := mosquitto(t, address)
	c := config(leakSensor(), thermometer())
	c.Broker = "mqtt://" + address
	l := listen(t, c, nil)
	l.await(t, lineLink, "good 1")
	send := sender(t, address)
	send(leakTopic, `{"leak":true,"battery":92}`, false)
	l.await(t, leak, "good 1")
	l.await(t, leakLink, "good 1")

	const burst = 2000
	for i := range burst {
		send("site/temp", fmt.Sprintf(`{"t":%d}`, i), false)
	}
	l.await(t, temp, fmt.Sprintf("good %d", burst-1))
	if got := len(l.of(temp)); got != burst {
		t.Errorf("%d of %d QoS 1 messages arrived", got, burst)
	}
	send("site/temp", strings.Repeat("x", 300<<10), false)
	l.await(t, temp, "payload 0")
	send("site/temp", `{"t":1}`, false)
	l.await(t, temp, "good 1")

	kill()
	l.await(t, lineLink, "good 0")
	l.await(t, leakLink, "good 0")
	defer mosquitto(t, address)()
	l.await(t, lineLink, "good 1")
	send = sender(t, address)
	send(leakTopic, `{"leak":false}`, false)
	l.await(t, leak, "good 0")
	l.await(t, leakLink, "good 1")
	if s := l.Stats(); s.Dropped != 0 || s.Oversize != 1 || s.Refused != 0 || s.Reconnects == 0 {
		t.Errorf("stats %+v, want one oversize message, reconnects and no loss", s)
	}
	l.stop()

	send(leakTopic, `{"leak":true}`, true)
	late := listen(t, c, nil)
	late.await(t, leak, "uncertain 1")
	send(leakTopic, `{"leak":true}`, true)
	late.await(t, leak, "good 1")
}
