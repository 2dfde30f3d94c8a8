// Package drivers says what a source of samples and a device profile are, lays
// the points of profiles out over a site, and opens a source by its kind.
//
// A driver turns bytes into samples and nothing else: it knows no rule, no
// alert and no storage. Whatever goes wrong on the wire becomes a sample of bad
// quality with its reason; it never becomes a 0 and never stops the driver.
package drivers

import (
	"cmp"
	"context"
	"time"

	"github.com/intact-gateway/intact/drivers/mqtt"
	"github.com/intact-gateway/intact/gateway"
)

// Source is one bus with everything that is read through it.
type Source interface {
	// Run reads until ctx ends, then returns nil. It gives every sample to
	// emit in batches; the slice is only lent. Run returns an error only for
	// what can never heal by itself.
	Run(ctx context.Context, emit func([]gateway.Sample)) error
	// Stats returns counters since the source was opened, at any time.
	Stats() Stats
}

// Bus is how one line of communication is reached. Exactly one of TCP, RTU,
// RTUOverTCP and MQTT is given.
type Bus struct {
	ID         string `yaml:",key"`
	TCP        string `yaml:"tcp"`          // Modbus TCP: host:port
	RTU        string `yaml:"rtu"`          // Modbus RTU on a serial port: /dev/serial/by-id/…
	RTUOverTCP string `yaml:"rtu_over_tcp"` // Modbus RTU through a converter: host:port
	MQTT       string `yaml:"mqtt"`         // broker: mqtt://host:1883 or mqtts://host:8883

	Name    gateway.Text  `yaml:"name"`
	Timeout time.Duration `yaml:"timeout"` // the most for one answer, over the profile's

	// Pipeline is how many requests may be on their way together on a TCP bus, over
	// the profiles'; default the least of their limits.
	Pipeline int `yaml:"pipeline"`

	// Of a serial line; with RTUOverTCP, of the one behind the converter.
	Baud   int    `yaml:"baud"`   // default 9600
	Frame  string `yaml:"frame"`  // data bits, parity and stop bits in one word: 8N1 (default), 8E1, 8O1, 8N2
	Parity string `yaml:"parity"` // none, even or odd, instead of frame
	Stop   int    `yaml:"stop"`   // stop bits, instead of frame
	RS485  string `yaml:"rs485"`  // rts_high or rts_low: the level of RTS that switches the sender on
	Echo   bool   `yaml:"echo"`   // the port hears what it sends

	ClientID     string        `yaml:"client_id"`
	Username     string        `yaml:"username"`
	Password     string        `yaml:"password,secret"` // only as ${ENV}
	PasswordFile string        `yaml:"password_file,file"`
	QoS          *int          `yaml:"qos"`        // default 1
	Persistent   bool          `yaml:"persistent"` // the broker keeps for us what comes while we are away
	Discover     string        `yaml:"discover"`   // hold (default) or ignore: devices on {device} topics that are not listed
	KeepAlive    time.Duration `yaml:"keep_alive"`
	TLS          TLS           `yaml:"tls"` // of MQTT and of Modbus TCP
}

// Kind returns the key under which the address of the bus is given, or "" unless
// there is exactly one.
func (b *Bus) Kind() string {
	if kinds := b.kinds(); len(kinds) == 1 {
		return kinds[0].key
	}
	return ""
}

// Protocol returns what is spoken on the bus, or "" if it has no kind.
func (b *Bus) Protocol() Protocol {
	switch b.Kind() {
	case "":
		return ""
	case "mqtt":
		return MQTT
	default:
		return Modbus
	}
}

// Address returns where the bus is: a host and port, a serial port or a broker.
func (b *Bus) Address() string { return cmp.Or(b.TCP, b.RTU, b.RTUOverTCP, b.MQTT) }

// TLS names the files that secure a connection.
type TLS struct {
	CA   string `yaml:"ca,file"`
	Cert string `yaml:"cert,file"`
	Key  string `yaml:"key,file"`
}

// Device is one source of one facility: a profile on a unit of a bus, or on an
// MQTT topic.
type Device struct {
	Facility gateway.FacilityID
	Profile  string
	Bus      string
	Unit     int           // Modbus unit id, 0 to 255
	Topic    string        // MQTT topic filter; {device} stands for Name
	Name     string        // what {device} is for this facility; "" if the topic has none
	Every    time.Duration // over the profile's normal period
	// Expect is how often a message must come; later than 3 times that the
	// facility counts as silent. 0 for no such demand. MQTT only.
	Expect time.Duration
}

// Shared reports whether d listens by a shared subscription, whose messages may
// come in another order than they were sent, and none that the broker keeps.
func (d *Device) Shared() bool { return mqtt.Shared(d.Topic) }
