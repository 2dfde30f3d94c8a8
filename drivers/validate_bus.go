package drivers

import (
	"fmt"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// busKind is a way to reach a bus and the keys that only some ways have.
type busKind struct {
	key  string
	its  []string
	hint string
}

// kinds returns the ways to reach the bus that are given. There should be one.
func (b *Bus) kinds() []busKind {
	var kinds []busKind
	for _, k := range []struct {
		address string
		busKind
	}{
		{b.TCP, busKind{"tcp", []string{"pipeline", "tls"}, "host:port, such as 10.0.0.20:502"}},
		{b.RTU, busKind{"rtu", []string{"baud", "frame", "parity", "stop", "rs485", "echo"}, ""}},
		{b.RTUOverTCP, busKind{"rtu_over_tcp", []string{"baud", "frame", "parity", "stop", "echo"}, "host:port of the converter, such as 10.0.0.7:4001"}},
		{b.MQTT, busKind{"mqtt", []string{"client_id", "username", "password", "password_file", "qos", "persistent", "discover", "keep_alive", "tls"}, ""}},
	} {
		if k.address != "" {
			kinds = append(kinds, k.busKind)
		}
	}
	return kinds
}

// Validate reports every mistake in the description of the bus.
func (b *Bus) Validate(report gateway.Report) {
	if !gateway.ValidID(b.ID) {
		report("", fmt.Sprintf("%q cannot be the name of a bus", b.ID), "small letters, digits and -")
	}
	duration(report, "timeout", b.Timeout, shortest, longestLimit)
	pipeline(report, "pipeline", b.Pipeline)
	kinds := b.kinds()
	switch len(kinds) {
	case 0:
		report("", "the bus has no address", "tcp: host:502, rtu: /dev/serial/by-id/…, rtu_over_tcp: host:port or mqtt: mqtt://host:1883")
		return
	case 1:
	default:
		report(kinds[1].key, fmt.Sprintf("a bus is either %s or %s", kinds[0].key, kinds[1].key), "make two buses of it")
		return
	}
	kind := kinds[0]
	for _, k := range b.given() {
		if !slices.Contains(kind.its, k) {
			report(k, fmt.Sprintf("a bus with %s has no %s", kind.key, k), "take it out")
		}
	}
	switch kind.key {
	case "mqtt":
		b.validateMQTT(report)
	case "rtu":
		b.validatePort(report)
	default:
		if !validAddress(b.Address()) {
			report(kind.key, fmt.Sprintf("%q is not an address", b.Address()), kind.hint)
		}
	}
	if kind.key == "rtu" || kind.key == "rtu_over_tcp" {
		b.validateSerial(report)
	}
	if (b.TLS.Cert == "") != (b.TLS.Key == "") {
		report("tls", "cert and key belong together", "")
	}
}

// given returns the keys written for the bus that not every kind has.
func (b *Bus) given() []string {
	var keys []string
	for _, k := range []struct {
		key   string
		given bool
	}{
		{"pipeline", b.Pipeline != 0}, {"baud", b.Baud != 0}, {"frame", b.Frame != ""}, {"parity", b.Parity != ""}, {"stop", b.Stop != 0}, {"rs485", b.RS485 != ""}, {"echo", b.Echo},
		{"client_id", b.ClientID != ""}, {"username", b.Username != ""}, {"password", b.Password != ""},
		{"password_file", b.PasswordFile != ""}, {"qos", b.QoS != nil}, {"persistent", b.Persistent}, {"discover", b.Discover != ""}, {"keep_alive", b.KeepAlive != 0}, {"tls", b.TLS != TLS{}},
	} {
		if k.given {
			keys = append(keys, k.key)
		}
	}
	return keys
}

func validAddress(address string) bool {
	host, port, err := net.SplitHostPort(address)
	n, bad := strconv.Atoi(port)
	return err == nil && host != "" && bad == nil && n >= 1 && n <= 65535
}

func (b *Bus) validatePort(report gateway.Report) {
	switch {
	case runtime.GOOS != "linux":
		report("rtu", "serial ports are read on Linux only, this is "+runtime.GOOS, "run the gateway on Linux, or use a converter with rtu_over_tcp")
	case !strings.HasPrefix(b.RTU, "/"):
		report("rtu", fmt.Sprintf("%q is not the name of a port", b.RTU), "the whole path, such as /dev/serial/by-id/usb-FTDI_A1")
	}
}

func (b *Bus) validateSerial(report gateway.Report) {
	if b.Baud != 0 && (b.Baud < 300 || b.Baud > 4_000_000) {
		report("baud", fmt.Sprintf("%d baud cannot be", b.Baud), "300 to 4000000; most devices are at 9600 or 19200")
	}
	if _, _, ok := parseFrame(b.Frame); b.Frame != "" && !ok {
		report("frame", fmt.Sprintf("unknown frame %q", b.Frame), "8N1, 8E1, 8O1, 8N2, 8E2 or 8O2; Modbus RTU has 8 data bits")
	}
	if b.Frame != "" && b.Parity != "" {
		report("parity", "both frame and parity are given", "keep one of them")
	}
	if b.Frame != "" && b.Stop != 0 {
		report("stop", "both frame and stop are given", "keep one of them")
	}
	oneOf(report, "parity", b.Parity, "", "none", "even", "odd")
	if b.Stop != 0 && b.Stop != 1 && b.Stop != 2 {
		report("stop", fmt.Sprintf("%d stop bits", b.Stop), "1 or 2")
	}
	oneOf(report, "rs485", b.RS485, "", "rts_high", "rts_low")
}

// parseFrame returns the parity and the stop bits of a frame such as 8N1.
func parseFrame(frame string) (parity modbus.Parity, stop int, ok bool) {
	if len(frame) != 3 || frame[0] != '8' || frame[2] != '1' && frame[2] != '2' {
		return 0, 0, false
	}
	parity = modbus.Parity(frame[1])
	return parity, int(frame[2] - '0'), parity == modbus.NoParity || parity == modbus.EvenParity || parity == modbus.OddParity
}

// serial returns how the serial line of the bus is driven.
func (b *Bus) serial() (s modbus.Serial, err error) {
	s = modbus.Serial{Baud: b.Baud, Stop: b.Stop, Echo: b.Echo}
	if b.Frame != "" {
		var ok bool
		if s.Parity, s.Stop, ok = parseFrame(b.Frame); !ok {
			return s, fmt.Errorf("unknown frame %q", b.Frame)
		}
	}
	switch b.Parity {
	case "even":
		s.Parity = modbus.EvenParity
	case "odd":
		s.Parity = modbus.OddParity
	}
	switch b.RS485 {
	case "rts_high":
		s.RS485 = modbus.RTSHigh
	case "rts_low":
		s.RS485 = modbus.RTSLow
	}
	return s, nil
}

func (b *Bus) validateMQTT(report gateway.Report) {
	u, err := url.Parse(b.MQTT)
	switch {
	case err != nil || u.Hostname() == "":
		report("mqtt", "the broker's address cannot be read", "mqtt://host:1883 or mqtts://host:8883")
	case u.User != nil:
		report("mqtt", "the broker's address holds a user name", "give username and password_file on their own")
	case u.Scheme != "mqtt" && u.Scheme != "mqtts":
		report("mqtt", fmt.Sprintf("unknown scheme %q", u.Scheme), "mqtt:// or mqtts://")
	case u.Scheme == "mqtt" && b.TLS != TLS{}:
		report("tls", "tls on a plain connection", "mqtts://"+u.Host)
	}
	if b.ClientID == "" {
		report("client_id", "a broker needs a client_id", "unique on the broker, such as lakeside-gw")
	}
	if b.QoS != nil && *b.QoS != 0 && *b.QoS != 1 {
		report("qos", fmt.Sprintf("qos %d", *b.QoS), "0 or 1")
	}
	oneOf(report, "discover", b.Discover, "", hold, ignore)
	if b.Persistent && b.QoS != nil && *b.QoS == 0 {
		report("persistent", "a broker keeps nothing that is sent with qos 0", "qos: 1")
	}
	duration(report, "keep_alive", b.KeepAlive, time.Second, 18*time.Hour)
	if b.Password != "" && b.PasswordFile != "" {
		report("password_file", "both password and password_file are given", "")
	}
}
