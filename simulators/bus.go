package simulators

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/intact-gateway/intact/simulators/modbus"
	"github.com/intact-gateway/intact/simulators/mqtt"
)

// bus is one address of a simulation: a Modbus server, a serial port or a
// broker.
type bus struct {
	log     *slog.Logger
	address string // once open, with the port that was taken
	listen  func(network, address string) (net.Listener, error)

	server *modbus.Server                            // nil for MQTT
	states map[string]func(time.Time) map[string]any // by topic

	mu     sync.Mutex
	faults map[string]int // how many of each kind act
	closed bool
	port   io.Closer     // of Modbus: a net.Listener or a *modbus.PTY; nil while it is away
	back   chan struct{} // holds a token when port has come back
	broker *mqtt.Broker  // nil while the line is down
}

// newBus returns a bus whose port is not taken yet.
func newBus(b Bus, o Options, log *slog.Logger) *bus {
	_, address := b.Kind()
	made := &bus{
		log: log, address: address, listen: o.Listen,
		faults: make(map[string]int), back: make(chan struct{}, 1),
	}
	if b.MQTT != "" {
		made.states = make(map[string]func(time.Time) map[string]any)
	} else {
		made.server = &modbus.Server{Wire: b.wire()}
	}
	return made
}

// open takes the port. A broker lets clients in at once, a Modbus server when
// it runs.
func (b *bus) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server == nil {
		return b.startBroker()
	}
	return b.openPort()
}

// openPort takes the port of a Modbus bus. The lock is held.
func (b *bus) openPort() error {
	if b.server.Wire == modbus.RTU {
		p, err := modbus.OpenPTY(b.address)
		if err == nil {
			b.port = p
		}
		return err
	}
	l, err := b.listen("tcp", b.address)
	if err == nil {
		b.port, b.address = l, l.Addr().String()
	}
	return err
}

// startBroker lets clients in. The lock is held.
func (b *bus) startBroker() error {
	broker := mqtt.NewBroker(mqtt.BrokerOptions{Address: b.address})
	if err := broker.Start(); err != nil {
		return err
	}
	b.broker, b.address = broker, broker.Address()
	return nil
}

// where returns the address under which the bus is reached.
func (b *bus) where() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.address
}

// current returns the port of a Modbus bus, nil while it is away.
func (b *bus) current() io.Closer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.port
}

// run serves the bus until ctx ends.
func (b *bus) run(ctx context.Context, every time.Duration) error {
	if b.server == nil {
		p := &mqtt.Publisher{Publish: b.publish, Every: every, Devices: b.states}
		return p.Run(ctx)
	}
	for {
		port := b.current()
		var err error
		switch p := port.(type) {
		case net.Listener:
			err = b.server.Serve(ctx, p)
		case *modbus.PTY:
			b.server.ServeConn(ctx, p)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && b.current() == port {
			return err // nobody has taken it away on purpose
		}
		select {
		case <-ctx.Done():
		case <-b.back:
		}
	}
}

// publish sends a message, or loses it while the broker is down.
func (b *bus) publish(topic string, payload []byte, retained bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broker == nil {
		return nil
	}
	return b.broker.Publish(topic, payload, retained)
}

// setFault begins or ends a fault of the line.
func (b *bus) setFault(fault string, begin bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if begin {
		b.faults[fault]++
	} else if b.faults[fault] > 0 {
		b.faults[fault]--
	}
	on := b.faults[fault] > 0
	var err error
	switch {
	case b.server == nil:
		err = b.setBroker(!on)
	case fault == silence:
		b.server.SetSilent(on)
	case fault == drop && b.server.Wire != modbus.RTU:
		b.server.SetDown(on)
	default:
		err = b.setPort(!on)
	}
	if err != nil {
		b.log.Error("line does not follow the script", "fault", fault, "err", err)
	}
}

// setPort takes the port of a Modbus bus away or brings it back: an adapter that
// is unplugged, or a converter that starts anew and has forgotten its
// connections. The lock is held.
func (b *bus) setPort(there bool) error {
	switch {
	case !there && b.port != nil:
		port := b.port
		b.port = nil
		b.server.Reset()
		return port.Close()
	case there && b.port == nil && !b.closed:
		if err := b.openPort(); err != nil {
			return err
		}
		select {
		case b.back <- struct{}{}:
		default: // there is one that nobody has taken yet
		}
	}
	return nil
}

// setBroker stops the broker or starts it. One that comes back has forgotten
// everything. The lock is held.
func (b *bus) setBroker(there bool) error {
	switch {
	case !there && b.broker != nil:
		err := b.broker.Close()
		b.broker = nil
		return err
	case there && b.broker == nil && !b.closed:
		return b.startBroker()
	}
	return nil
}

// close frees the port.
func (b *bus) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	var err error
	if b.broker != nil {
		err = b.broker.Close()
		b.broker = nil
	}
	if b.port != nil {
		// Serve has closed it before; that is no mistake.
		if e := b.port.Close(); !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}
