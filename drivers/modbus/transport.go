package modbus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// Transport is how the bytes of a bus travel.
type Transport uint8

// The transports.
const (
	TCP        Transport = iota // Modbus TCP, or Modbus/TCP Security with TLS
	RTUOverTCP                  // serial frames through a converter's TCP port
	RTU                         // a serial port of this machine
)

// keepAlive finds out within half a minute that a peer has gone without a word.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// attach gives the line its framing and its way to open the stream. The error
// names all mistakes of c that concern them.
func (l *line) attach(c Config, o Options) error {
	l.address, l.longest = c.Address, maxBackOff
	if c.Transport == RTU {
		serial := c.Serial.complete()
		l.framing = &rtu{char: serial.char(), hush: serial.silence(), echo: serial.Echo}
		l.open = func(context.Context) (stream, error) { return openSerial(c.Address, serial) }
		l.longest = maxPortBackOff
		if c.Address == "" {
			return errors.Join(errors.New("no serial port"), serial.check())
		}
		return serial.check()
	}
	dial := o.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	}
	l.open = func(ctx context.Context) (stream, error) { return dial(ctx, "tcp", c.Address) }
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		return fmt.Errorf("address %q: want host:port", c.Address)
	}
	if c.Transport == RTUOverTCP {
		// The speed behind the converter is not needed, and often not known.
		r := &rtu{dialled: true, hush: converterHush, echo: c.Serial.Echo}
		if serial := c.Serial.complete(); c.Serial.Baud != 0 {
			r.char, r.hush, err = serial.char(), serial.silence(), serial.check()
		}
		l.framing = r
		return err
	}
	l.framing = new(mbap)
	if c.TLS != nil {
		l.open = secure(l.open, c.TLS, host)
	}
	return nil
}

// secure wraps what open returns in TLS, as Modbus/TCP Security demands.
func secure(open func(context.Context) (stream, error), config *tls.Config, host string) func(context.Context) (stream, error) {
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = host
	}
	return func(ctx context.Context) (stream, error) {
		plain, err := open(ctx)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(plain.(net.Conn), config)
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = plain.Close()
			return nil, err
		}
		return conn, nil
	}
}
