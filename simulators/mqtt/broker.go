// Package mqtt plays the MQTT side of a building: a broker in the same process
// and devices that publish their states as JSON.
//
// It serves demonstrations and tests. The broker listens on loopback only unless
// told otherwise, knows no passwords and keeps nothing on disk. The package is
// written apart from the driver that listens to it: it shares no code with it,
// so that a mistake in one is not mirrored by the other.
package mqtt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// BrokerOptions say how a broker behaves. The zero value is a broker on a free
// loopback port that lets everybody do everything.
type BrokerOptions struct {
	Address string // where to listen; default 127.0.0.1:0
	// Memory makes the broker listen nowhere: only Dial leads to it.
	Memory bool
	Log    *slog.Logger // default discards
	// Password, if set, is what a client must give; its user name is not looked at.
	Password string
	// Deny, if set, refuses the subscriptions for which it returns true.
	Deny func(filter string) bool
}

// Broker is an MQTT 3.1.1 broker in this process.
type Broker struct {
	options  BrokerOptions
	server   *mochi.Server
	listener net.Listener
	acked    atomic.Int64

	clients sync.WaitGroup // one for each connection, and one for the listener
	mu      sync.Mutex
	conns   map[net.Conn]bool // nil once the broker is closed
}

// NewBroker returns a broker that does not listen yet.
func NewBroker(o BrokerOptions) *Broker {
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Broker{options: o, conns: make(map[net.Conn]bool)}
}

// Start lets clients in. The error says why the address cannot be listened on.
func (b *Broker) Start() error {
	b.server = mochi.New(&mochi.Options{InlineClient: true, Logger: b.options.Log})
	if err := b.server.AddHook(&doorman{broker: b}, nil); err != nil {
		return fmt.Errorf("start broker: %w", err)
	}
	if !b.options.Memory {
		listener, err := net.Listen("tcp", b.options.Address)
		if err != nil {
			return fmt.Errorf("start broker: %w", err)
		}
		b.listener = listener
		b.clients.Go(b.accept)
	}
	if err := b.server.Serve(); err != nil {
		return errors.Join(fmt.Errorf("start broker: %w", err), b.Close())
	}
	return nil
}

// accept lets clients in until the listener is closed. The library has
// listeners of its own, but they cannot be closed without a data race.
func (b *Broker) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.Attach(conn)
	}
}

// Address returns host:port of the listening broker.
func (b *Broker) Address() string {
	if b.listener == nil {
		return "memory:1883"
	}
	return b.listener.Addr().String()
}

// Dial connects to the broker without a network. Its arguments are those of
// net.Dialer.DialContext and are not looked at.
func (b *Broker) Dial(_ context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	b.Attach(far)
	return near, nil
}

// Attach takes the other end of conn for a client, whatever it is made of.
func (b *Broker) Attach(conn net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conns == nil {
		conn.Close()
		return
	}
	b.conns[conn] = true
	b.clients.Go(func() {
		if err := b.server.EstablishConnection("intact", conn); err != nil {
			b.options.Log.Debug("client left", "err", err)
		}
		conn.Close()
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.conns, conn)
	})
}

// Publish sends payload to everybody who listens to topic, with QoS 1 to those
// who asked for it. A retained message is kept for later subscribers.
func (b *Broker) Publish(topic string, payload []byte, retained bool) error {
	return b.server.Publish(topic, payload, retained, 1)
}

// Acknowledged returns how many QoS 1 messages subscribers have acknowledged.
func (b *Broker) Acknowledged() int64 { return b.acked.Load() }

// Disconnect throws out every client without a word, as a broken line does.
func (b *Broker) Disconnect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for conn := range b.conns {
		conn.Close()
	}
}

// Forget drops every subscription without telling anybody, as some brokers do
// when their access list changes. The connections stay.
func (b *Broker) Forget() {
	for id, client := range b.server.Clients.GetAll() {
		for filter := range client.State.Subscriptions.GetAll() {
			b.server.Topics.Unsubscribe(filter, id)
		}
	}
}

// Close throws everybody out and frees the port. Whatever was retained is gone.
func (b *Broker) Close() error {
	b.mu.Lock()
	open := b.conns
	b.conns = nil
	b.mu.Unlock()
	if open == nil {
		return nil
	}
	var err error
	if b.listener != nil {
		err = b.listener.Close()
	}
	for conn := range open {
		conn.Close()
	}
	b.clients.Wait()
	return errors.Join(err, b.server.Close())
}

// doorman lets clients in and answers their subscriptions.
type doorman struct {
	mochi.HookBase
	broker *Broker
}

func (d *doorman) ID() string { return "doorman" }

func (d *doorman) Provides(b byte) bool {
	return bytes.IndexByte([]byte{mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnQosComplete}, b) >= 0
}

func (d *doorman) OnConnectAuthenticate(_ *mochi.Client, p packets.Packet) bool {
	want := d.broker.options.Password
	return want == "" || string(p.Connect.Password) == want
}

func (d *doorman) OnACLCheck(_ *mochi.Client, topic string, write bool) bool {
	deny := d.broker.options.Deny
	return write || deny == nil || !deny(topic)
}

func (d *doorman) OnQosComplete(*mochi.Client, packets.Packet) { d.broker.acked.Add(1) }
