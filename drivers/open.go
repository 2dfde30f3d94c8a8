package drivers

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/drivers/mqtt"
)

// Options are what a source needs from its surroundings. The zero value logs to
// the default logger and dials the network.
type Options struct {
	Log  *slog.Logger
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Settled returns once everything emitted so far has been taken by the loop
	// and what it changed is written, or an error if that will never be. What a
	// broker sent is acknowledged only then. Nil if emit itself sees to it.
	Settled func(ctx context.Context) error
}

// Stats are the counters of one source: those of its protocol, the other is nil.
type Stats struct {
	Modbus *modbus.Stats
	MQTT   *mqtt.Stats
}

// Open makes the source that reads what binding names through the bus b. It
// reads the files that b names; it connects to nothing.
func Open(b Bus, binding Binding, o Options) (Source, error) {
	switch b.Protocol() {
	case Modbus:
		return openModbus(b, binding, o)
	case MQTT:
		return openMQTT(b, binding, o)
	default:
		return nil, errors.New("want exactly one of tcp, rtu, rtu_over_tcp and mqtt")
	}
}

type modbusSource struct{ *modbus.Bus }

// Stats implements Source.
func (s modbusSource) Stats() Stats { return Stats{Modbus: new(s.Bus.Stats())} }

// Load is what the requests on a Modbus bus cost while all is well.
type Load = modbus.Load

// LoadOf returns what it costs to read the devices of binding through b, a
// Modbus bus.
func LoadOf(b Bus, binding Binding) (Load, error) {
	bus, err := newModbus(b, binding, Options{})
	if err != nil {
		return Load{}, err
	}
	return bus.Load(), nil
}

func openModbus(b Bus, binding Binding, o Options) (Source, error) {
	bus, err := newModbus(b, binding, o)
	if err != nil {
		return nil, err
	}
	return modbusSource{bus}, nil
}

func newModbus(b Bus, binding Binding, o Options) (*modbus.Bus, error) {
	c := modbus.Config{ID: b.ID, Address: b.Address(), Link: binding.Link, Pipeline: b.Pipeline}
	var errs []error
	var err error
	if c.Serial, err = b.serial(); err != nil {
		errs = append(errs, err)
	}
	switch b.Kind() {
	case "rtu":
		c.Transport = modbus.RTU
	case "rtu_over_tcp":
		c.Transport = modbus.RTUOverTCP
	default:
		if c.TLS, err = b.TLS.load(); err != nil {
			errs = append(errs, fmt.Errorf("tls: %w", err))
		}
	}
	for _, d := range binding.Devices {
		p := d.Profile
		if p.Protocol == MQTT {
			errs = append(errs, fmt.Errorf("facility %s: profile %s speaks mqtt, bus %s modbus", d.Facility, p.Name, b.ID))
			continue
		}
		if d.Unit < 0 || d.Unit > 255 {
			errs = append(errs, fmt.Errorf("facility %s: unit %d: want 0 to 255", d.Facility, d.Unit))
		}
		fields, err := p.modbusFields(d.Device, d.Points)
		if err != nil {
			errs = append(errs, fmt.Errorf("facility %s: %w", d.Facility, err))
		}
		c.Devices = append(c.Devices, modbus.Device{
			Unit: byte(d.Unit), Link: d.Link, Every: p.period(normal, d.Device),
			MaxRegs: p.Limits.MaxRegs, MaxGap: p.maxGap(), Timeout: p.timeoutOf(b), Pause: p.Limits.Pause, Pipeline: p.Limits.Pipeline,
			LenientUnit: p.Quirks.LenientUnit, AllEqual: p.allEqual(), Fields: fields,
		})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return modbus.New(c, modbus.Options{Log: o.Log, Dial: o.Dial})
}

type mqttSource struct{ *mqtt.Client }

// Stats implements Source.
func (s mqttSource) Stats() Stats { return Stats{MQTT: new(s.Client.Stats())} }

func openMQTT(b Bus, binding Binding, o Options) (Source, error) {
	c := mqtt.Config{
		Broker: b.MQTT, ClientID: b.ClientID, Username: b.Username, Password: b.Password,
		QoS: 1, Persistent: b.Persistent, Ignore: b.Discover == ignore, KeepAlive: b.KeepAlive, Link: binding.Link,
	}
	if b.QoS != nil {
		c.QoS = byte(*b.QoS)
	}
	if b.PasswordFile != "" {
		password, err := os.ReadFile(b.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("password file: %w", err)
		}
		c.Password = strings.TrimSpace(string(password))
	}
	var err error
	if c.TLS, err = b.TLS.load(); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	for _, d := range binding.Devices {
		if d.Profile.Protocol != MQTT {
			return nil, fmt.Errorf("facility %s: profile %s speaks modbus, bus %s mqtt", d.Facility, d.Profile.Name, b.ID)
		}
		c.Devices = append(c.Devices, mqtt.Device{
			Topic: d.Topic, Name: d.Name, Points: d.Profile.mqttPoints(d.Points), Link: d.Link,
			Expect: cmp.Or(d.Expect, d.Profile.ExpectEvery), Stamp: d.Profile.Time.mqtt(), Unread: d.Profile.Auto.MaxPoints,
			Birth: (*mqtt.Sign)(d.Profile.Birth), Death: (*mqtt.Sign)(d.Profile.Death),
		})
	}
	client, err := mqtt.New(c, mqtt.Options{Log: o.Log, Dial: o.Dial, Settled: o.Settled})
	if err != nil {
		return nil, err
	}
	return mqttSource{client}, nil
}

// mqtt returns where the driver finds the time, or nil.
func (s *Stamp) mqtt() *mqtt.Stamp {
	if s == nil {
		return nil
	}
	return &mqtt.Stamp{Path: s.Path, Format: s.Format, MaxSkew: cmp.Or(s.MaxSkew, defaultSkew)}
}

// What becomes of devices that speak on {device} topics and are not listed.
const (
	hold   = "hold"
	ignore = "ignore"
)

// load reads the files. It returns nil if none is named.
func (t TLS) load() (*tls.Config, error) {
	if t == (TLS{}) {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", t.CA)
		}
	}
	if t.Cert != "" || t.Key != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
