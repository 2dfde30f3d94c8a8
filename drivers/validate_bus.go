package drivers

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Validate reports every mistake in the description of the bus.
func (b *Bus) Validate(report gateway.Report) {
	if !gateway.ValidID(b.ID) {
		report("", fmt.Sprintf("%q cannot be the name of a bus", b.ID), "small letters, digits and -")
	}
	duration(report, "timeout", b.Timeout, shortest, longestLimit)
	switch {
	case b.TCP == "" && b.MQTT == "":
		report("", "the bus has no address", "tcp: host:502 or mqtt: mqtt://host:1883")
	case b.TCP != "" && b.MQTT != "":
		report("mqtt", "a bus is either tcp or mqtt", "make two buses of it")
	case b.TCP != "":
		b.validateTCP(report)
	default:
		b.validateMQTT(report)
	}
}

func (b *Bus) validateTCP(report gateway.Report) {
	host, port, err := net.SplitHostPort(b.TCP)
	if n, bad := strconv.Atoi(port); err != nil || host == "" || bad != nil || n < 1 || n > 65535 {
		report("tcp", fmt.Sprintf("%q is not an address", b.TCP), "host:port, such as 10.0.0.20:502")
	}
	for _, k := range []struct {
		key   string
		given bool
	}{
		{"client_id", b.ClientID != ""}, {"username", b.Username != ""}, {"password", b.Password != ""},
		{"password_file", b.PasswordFile != ""}, {"qos", b.QoS != nil}, {"keep_alive", b.KeepAlive != 0}, {"tls", b.TLS != TLS{}},
	} {
		if k.given {
			report(k.key, "a Modbus TCP bus has no "+k.key, "")
		}
	}
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
	duration(report, "keep_alive", b.KeepAlive, time.Second, 18*time.Hour)
	if b.Password != "" && b.PasswordFile != "" {
		report("password_file", "both password and password_file are given", "")
	}
	if (b.TLS.Cert == "") != (b.TLS.Key == "") {
		report("tls", "cert and key belong together", "")
	}
}
