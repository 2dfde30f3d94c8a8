package modbus_test

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// network is the way to a device that may leave it: a name that resolves to an
// address when it is dialled, and hosts that may be down.
type network struct {
	mu      sync.Mutex
	at      string             // what the name resolves to
	hosts   map[string]*device // nil for one that is down: nothing comes from there, not even a refusal
	dialled int
	conns   []*pipe
}

// pipe is a connection to a host. When the host goes without a word, what is
// written is lost and nothing comes any more.
type pipe struct {
	net.Conn
	host string
	gone chan struct{}
}

func (p *pipe) Write(b []byte) (int, error) {
	select {
	case <-p.gone:
		return len(b), nil
	default:
		return p.Conn.Write(b)
	}
}

func (n *network) dial(ctx context.Context, net, _ string) (net.Conn, error) {
	n.mu.Lock()
	host := n.at
	d := n.hosts[host]
	n.dialled++
	n.mu.Unlock()
	if d == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	conn, err := d.dial(ctx, net, host)
	if err != nil {
		return nil, err
	}
	p := &pipe{conn, host, make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = append(n.conns, p)
	return p, nil
}

// dials returns how often somebody has dialled.
func (n *network) dials() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dialled
}

// down takes a host away without a word to those who are connected to it.
func (n *network) down(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[host] = nil
	for _, p := range n.conns {
		if p.host == host {
			close(p.gone)
		}
	}
	n.conns = slices.DeleteFunc(n.conns, func(p *pipe) bool { return p.host == host })
}

func (n *network) up(host string, d *device) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at, n.hosts[host] = host, d
}

// TestADeviceIsBackSoonAfterItsReboot has it go in every way that there is for a
// minute. Meanwhile its points are bad and it is dialled no more than once a
// second on the average; within two seconds after its return they are good.
func TestADeviceIsBackSoonAfterItsReboot(t *testing.T) {
	const away = time.Minute
	for name, reboot := range map[string]func(n *network, d *device) (back func()){
		"the port is refused": func(_ *network, d *device) func() {
			d.setRefuse(errRefused)
			return func() { d.setRefuse(nil) }
		},
		"it hangs up whenever it is dialled": func(_ *network, d *device) func() {
			d.setAnswer(func(*device, net.Conn, []byte, []byte) bool { return false })
			return func() { d.setAnswer(nil) }
		},
		"it goes without a word": func(n *network, d *device) func() {
			n.down("10.0.0.20")
			return func() { n.up("10.0.0.20", d) }
		},
		"its name leads to another address after it": func(n *network, d *device) func() {
			n.down("10.0.0.20")
			return func() { n.up("10.0.0.99", d) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var next gateway.PointRef
				d := newDevice()
				n := &network{hosts: make(map[string]*device)}
				n.up("10.0.0.20", d)
				bus, err := modbus.New(modbus.Config{ID: "b1", Address: "plc.lakeside:502", Link: lineLink, Devices: []modbus.Device{
					{Unit: 1, Link: unitLink, Every: time.Second, Timeout: 500 * time.Millisecond, Fields: registers(&next, time.Second, 1, 2)},
					{Unit: 2, Link: unitLink + 1, Every: time.Second, Timeout: 500 * time.Millisecond, Fields: registers(&next, time.Second, 1, 2)},
				}}, modbus.Options{Log: slog.New(slog.DiscardHandler), Dial: n.dial})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				var r record
				done := make(chan error, 1)
				go func() { done <- bus.Run(ctx, r.emit) }()
				time.Sleep(10 * time.Second)
				left, dials := time.Now(), n.dials()
				back := reboot(n, d)
				time.Sleep(away)
				if n := n.dials() - dials; n > int(away/time.Second) || n < 10 {
					t.Errorf("dialled %d times in %s", n, away)
				}
				returned := time.Now()
				back()
				time.Sleep(30 * time.Second)
				cancel()
				<-done
				d.serving.Wait()
				for p := range next {
					var first time.Time
					for _, s := range r.of(p) {
						at := s.At.Time()
						if s.Quality == gateway.Good && at.After(left.Add(time.Second)) && at.Before(returned) {
							t.Fatalf("point %d is good at %s, while the device is away", p, at.Sub(left))
						}
						if s.Quality == gateway.Good && first.IsZero() && !at.Before(returned) {
							first = at
						}
					}
					if late := first.Sub(returned); first.IsZero() || late > 2*time.Second {
						t.Errorf("point %d is good %s after the return", p, late)
					}
				}
			})
		})
	}
}

// setAnswer changes how the device answers from now on, and hangs up.
func (d *device) setAnswer(answer func(d *device, c net.Conn, request, reply []byte) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = answer
	for c := range d.conns {
		_ = c.Close()
	}
}
