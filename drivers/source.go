// Package drivers says what a source of samples and a device profile are, lays
// the points of profiles out over a site, and opens a source by its kind.
//
// A driver turns bytes into samples and nothing else: it knows no rule, no
// alert and no storage. Whatever goes wrong on the wire becomes a sample of bad
// quality with its reason; it never becomes a 0 and never stops the driver.
package drivers

import (
	"context"
	"time"

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

// Bus is how one line of communication is reached. Exactly one of TCP and MQTT
// is given.
type Bus struct {
	ID   string `yaml:",key"`
	TCP  string `yaml:"tcp"`  // Modbus TCP: host:port
	MQTT string `yaml:"mqtt"` // broker: mqtt://host:1883 or mqtts://host:8883

	Name    gateway.Text  `yaml:"name"`
	Timeout time.Duration `yaml:"timeout"` // for one answer, over the profile's

	ClientID     string        `yaml:"client_id"`
	Username     string        `yaml:"username"`
	Password     string        `yaml:"password,secret"` // only as ${ENV}
	PasswordFile string        `yaml:"password_file,file"`
	QoS          *int          `yaml:"qos"` // default 1
	KeepAlive    time.Duration `yaml:"keep_alive"`
	TLS          TLS           `yaml:"tls"`
}

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
