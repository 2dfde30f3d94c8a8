package mqtt_test

import (
	"context"
	"errors"
	"math"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/simulators/mqtt"
)

const deadline = 20 * time.Second

func TestBrokerOnLoopback(t *testing.T) {
	b := mqtt.NewBroker(mqtt.BrokerOptions{Password: "secret", Deny: func(filter string) bool { return filter == "private" }})
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if host, _, err := net.SplitHostPort(b.Address()); err != nil || !net.ParseIP(host).IsLoopback() {
		t.Errorf("broker listens on %s, want loopback", b.Address())
	}
	options := func(password string) *paho.ClientOptions {
		return paho.NewClientOptions().AddBroker("tcp://" + b.Address()).SetClientID("test").
			SetUsername("u").SetPassword(password).SetProtocolVersion(4).SetAutoReconnect(false)
	}
	if token := paho.NewClient(options("guess")).Connect(); !token.WaitTimeout(deadline) || token.Error() == nil {
		t.Error("a wrong password was let in")
	}
	client := paho.NewClient(options("secret"))
	if token := client.Connect(); !token.WaitTimeout(deadline) || token.Error() != nil {
		t.Fatalf("connect: %v", token.Error())
	}
	defer client.Disconnect(0)
	came := make(chan string, 1)
	token := client.SubscribeMultiple(map[string]byte{"a/+": 1, "private": 1}, func(_ paho.Client, m paho.Message) {
		came <- m.Topic() + " " + string(m.Payload())
	})
	if !token.WaitTimeout(deadline) || token.Error() != nil {
		t.Fatalf("subscribe: %v", token.Error())
	}
	if diff := cmp.Diff(map[string]byte{"a/+": 1, "private": 0x80}, token.(*paho.SubscribeToken).Result()); diff != "" {
		t.Errorf("granted (-want +got):\n%s", diff)
	}
	if err := b.Publish("a/b", []byte("{}"), false); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-came:
		if got != "a/b {}" {
			t.Errorf("received %q", got)
		}
	case <-time.After(deadline):
		t.Error("nothing came")
	}
}

func TestBrokerFreesItsPortAndForgets(t *testing.T) {
	b := mqtt.NewBroker(mqtt.BrokerOptions{})
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	address := b.Address()
	if err := mqtt.NewBroker(mqtt.BrokerOptions{Address: address}).Start(); err == nil {
		t.Error("two brokers share a port")
	}
	if err := errors.Join(b.Close(), b.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	again := mqtt.NewBroker(mqtt.BrokerOptions{Address: address})
	if err := again.Start(); err != nil {
		t.Fatalf("start on the freed port: %v", err)
	}
	again.Close()
}

func TestPublisherSpeaksForItsDevicesAtTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var sent []string
		begin := time.Now()
		p := &mqtt.Publisher{
			Every: 10 * time.Second,
			Publish: func(topic string, payload []byte, retained bool) error {
				mu.Lock()
				defer mu.Unlock()
				sent = append(sent, topic+" "+string(payload))
				return nil
			},
			Devices: map[string]func(time.Time) map[string]any{
				"b/dead": func(time.Time) map[string]any { return nil },
				"a/live": func(now time.Time) map[string]any {
					return map[string]any{"s": now.Sub(begin).Seconds(), "on": true}
				},
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Errorf("Run ended with %v", err)
			}
		})
		time.Sleep(25 * time.Second)
		cancel()
		running.Wait()
		want := []string{`a/live {"on":true,"s":0}`, `a/live {"on":true,"s":10}`, `a/live {"on":true,"s":20}`}
		if !slices.Equal(sent, want) {
			t.Errorf("sent %q, want %q", sent, want)
		}
	})
}

func TestPublisherSaysWhatItCannotSend(t *testing.T) {
	broken := errors.New("broker closed")
	state := func(v float64) func(time.Time) map[string]any {
		return func(time.Time) map[string]any { return map[string]any{"v": v} }
	}
	publish := func(string, []byte, bool) error { return broken }
	p := &mqtt.Publisher{Publish: publish, Devices: map[string]func(time.Time) map[string]any{"a": state(1)}}
	if err := p.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("error %v, want that of Publish", err)
	}
	p.Devices["a"] = state(math.NaN())
	if err := p.Run(t.Context()); err == nil || errors.Is(err, broken) {
		t.Errorf("error %v, want that NaN is no JSON", err)
	}
}
