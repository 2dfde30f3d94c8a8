package simulators

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/intact-gateway/intact/simulators/modbus"
	"github.com/intact-gateway/intact/simulators/mqtt"
)

// bus is one address of a simulation: a Modbus server or a broker.
type bus struct {
	log     *slog.Logger
	address string // once open, with the port that was taken

	server   *modbus.Server // nil for MQTT
	listener net.Listener

	states map[string]func(time.Time) map[string]any // by topic
	mu     sync.Mutex
	broker *mqtt.Broker // nil while the line is down
	downs  int          // faults that keep it down
	closed bool
}

// newBus returns a bus whose port is not taken yet.
func newBus(b Bus, log *slog.Logger) *bus {
	if b.TCP != "" {
		return &bus{log: log, address: b.TCP, server: new(modbus.Server)}
	}
	return &bus{log: log, address: b.MQTT, states: make(map[string]func(time.Time) map[string]any)}
}

// open takes the port. A broker lets clients in at once, a Modbus server when
// it runs.
func (b *bus) open(listen func(network, address string) (net.Listener, error)) error {
	if b.server == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.startBroker()
	}
	var err error
	if b.listener, err = listen("tcp", b.address); err != nil {
		return err
	}
	b.address = b.listener.Addr().String()
	return nil
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

// run serves the bus until ctx ends.
func (b *bus) run(ctx context.Context, every time.Duration) error {
	if b.server != nil {
		return b.server.Serve(ctx, b.listener)
	}
	p := &mqtt.Publisher{Publish: b.publish, Every: every, Devices: b.states}
	return p.Run(ctx)
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

// setDown begins or ends a fault of the line. A broker that comes back has
// forgotten everything, as after a restart.
func (b *bus) setDown(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if down {
		b.downs++
	} else if b.downs > 0 {
		b.downs--
	}
	if b.server != nil {
		b.server.SetDown(b.downs > 0)
		return
	}
	var err error
	switch {
	case b.downs > 0 && b.broker != nil:
		err = b.broker.Close()
		b.broker = nil
	case b.downs == 0 && b.broker == nil && !b.closed:
		err = b.startBroker()
	}
	if err != nil {
		b.log.Error("broker does not follow the script", "err", err)
	}
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
	if b.listener != nil {
		// Serve has closed it before; that is no mistake.
		if e := b.listener.Close(); !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}
