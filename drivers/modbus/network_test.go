package modbus_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
)

// network is where devices are found by a name. What stands behind a name, and
// whether it can be reached, may change at any time.
type network struct {
	mu    sync.Mutex
	names map[string]string // addresses
	hosts map[string]*host  // by address
	dials map[string][]time.Time
}

// host is a device with an address of its own.
type host struct {
	*device
	refusing bool // its port is closed
	gone     bool // nothing comes from it, no refusal either
	cables   []*cable
}

func newNetwork() *network {
	return &network{names: make(map[string]string), hosts: make(map[string]*host), dials: make(map[string][]time.Time)}
}

// add puts a device behind a name and an address.
func (n *network) add(name, address string) *host {
	h := &host{device: newDevice()}
	n.change(func() { n.names[name], n.hosts[address] = address, h })
	return h
}

// change does something to the network, or looks at it, that no dial sees half
// done.
func (n *network) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

// dialled returns when the name was dialled.
func (n *network) dialled(name string) (at []time.Time) {
	n.change(func() { at = append(at, n.dials[name]...) })
	return at
}

// dial looks the name up and connects. As ARP does, it asks for a host that does
// not answer once a second.
func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	var h *host
	n.change(func() {
		n.dials[name] = append(n.dials[name], time.Now())
		h = n.hosts[n.names[name]]
	})
	if h == nil {
		return nil, fmt.Errorf("no such host: %s", name)
	}
	for {
		var c *cable
		err = nil
		n.change(func() {
			switch {
			case h.refusing:
				err = syscall.ECONNREFUSED
			case !h.gone:
				c, err = h.connect(ctx)
			}
		})
		if c != nil || err != nil {
			return c, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// connect returns a new cable to the host.
func (h *host) connect(ctx context.Context) (*cable, error) {
	conn, err := h.device.dial(ctx, "", "")
	if err != nil {
		return nil, err
	}
	c := &cable{Conn: conn}
	h.cables = append(h.cables, c)
	return c, nil
}

// hangUp ends all connections to the host with a FIN.
func (h *host) hangUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.conns {
		_ = c.Close()
	}
}

// vanish has all connections to the host lead nowhere from now on.
func (h *host) vanish() {
	for _, c := range h.cables {
		c.set(func() { c.gone = true })
	}
}

// cable is a connection that may fail in the ways of a real one.
type cable struct {
	net.Conn
	mu     sync.Mutex
	gone   bool  // what is sent is lost, and nothing comes
	broken error // takes the place of the end
}

func (c *cable) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *cable) state() (gone bool, broken error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone, c.broken
}

func (c *cable) Write(b []byte) (int, error) {
	if gone, _ := c.state(); gone {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *cable) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		gone, broken := c.state()
		switch {
		case broken != nil && n == 0:
			return 0, broken
		case !gone || err != nil:
			return n, err
		}
	}
}

// resetInMidFrame answers the requests of h in half and breaks the connection
// with an RST.
func (h *host) resetInMidFrame(_ *device, c net.Conn, _, reply []byte) bool {
	_, _ = c.Write(reply[:len(reply)/2])
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, near := range h.cables {
		near.set(func() { near.broken = syscall.ECONNRESET })
	}
	return false
}

// closeInMidFrame does the same with a FIN.
func closeInMidFrame(_ *device, c net.Conn, _, reply []byte) bool {
	_, _ = c.Write(reply[:len(reply)/2])
	return false
}

// connectTo runs a bus to what stands behind a name until the function returned
// is called.
func (n *network) connectTo(t *testing.T, name string, c modbus.Config) (*modbus.Bus, *record, func()) {
	t.Helper()
	c.Address = name + ":502"
	bus, err := modbus.New(c, modbus.Options{Log: slog.New(slog.DiscardHandler), Dial: n.dial})
	if err != nil {
		t.Fatal(err)
	}
	r := &record{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- bus.Run(ctx, r.emit) }()
	return bus, r, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
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
