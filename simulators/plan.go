// Package simulators plays a whole building: the devices of a plan with their
// physics, on Modbus servers, serial ports and an MQTT broker of their own, and
// a script of faults that befall them.
//
// A simulation runs in real time at a chosen speed and never sees the gateway
// that watches it. Without free ports of its own it does not begin; nothing is
// kept on disk.
package simulators

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/simulators/modbus"
	"github.com/intact-gateway/intact/simulators/plant"
)

// Plan is a simulation file: what there is, how it is reached and what befalls
// it.
type Plan struct {
	Seed    uint64         `yaml:"seed"`    // the same seed gives the same day
	Speed   float64        `yaml:"speed"`   // simulated seconds in a second; default 1
	Start   Clock          `yaml:"start"`   // simulated time of day at the start; default 00:00
	Publish time.Duration  `yaml:"publish"` // between two messages of an MQTT device; default 2s
	Buses   map[string]Bus `yaml:"buses,required"`
	Devices []Device       `yaml:"devices,required"`
	Script  []Event        `yaml:"script"`
	// Repeat starts the events with a real time over again; 0 for never.
	Repeat time.Duration `yaml:"repeat"`
}

// Bus is an address on which devices are served: exactly one of its fields is
// given. Addresses are host:port, port 0 takes a free one.
type Bus struct {
	TCP        string `yaml:"tcp"`          // a Modbus TCP server
	RTUOverTCP string `yaml:"rtu_over_tcp"` // serial frames over TCP, as through a converter
	RTU        string `yaml:"rtu"`          // the name of a serial port to be made
	MQTT       string `yaml:"mqtt"`         // a broker
}

// kinds are the keys of a bus, in the order of its fields.
var kinds = []string{"tcp", "rtu_over_tcp", "rtu", "mqtt"}

// Kind returns the key of the bus and what it says: "tcp" and its address. The
// key is "" unless exactly one is given.
func (b Bus) Kind() (key, address string) {
	for i, a := range []string{b.TCP, b.RTUOverTCP, b.RTU, b.MQTT} {
		switch {
		case a == "":
		case key != "":
			return "", ""
		default:
			key, address = kinds[i], a
		}
	}
	return key, address
}

// wire returns how the bytes of a Modbus bus travel.
func (b Bus) wire() modbus.Wire {
	switch {
	case b.RTU != "":
		return modbus.RTU
	case b.RTUOverTCP != "":
		return modbus.RTUOverTCP
	default:
		return modbus.TCP
	}
}

// Device is one simulated device: a model of package plant that speaks a
// profile as a unit of a Modbus bus, or on a topic of an MQTT bus.
type Device struct {
	ID      string             `yaml:"id,required"`
	Model   string             `yaml:"model,required"`
	Profile string             `yaml:"profile,required"`
	Bus     string             `yaml:"bus,required"`
	Unit    *int               `yaml:"unit"`  // Modbus, 0 to 255; on serial lines 1 to 247
	Topic   string             `yaml:"topic"` // MQTT
	Set     map[string]float64 `yaml:"set"`   // parameters of the model
}

// Clock is a time of day, written 07:30.
type Clock time.Duration

// UnmarshalText reads "07:30" or "07:30:15".
func (c *Clock) UnmarshalText(b []byte) error {
	layout := "15:04"
	if strings.Count(string(b), ":") == 2 {
		layout = "15:04:05"
	}
	t, err := time.Parse(layout, string(b))
	if err != nil {
		return fmt.Errorf("%q is not a time of day such as 07:30", b)
	}
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
	*c = Clock(t.Sub(midnight))
	return nil
}

// highestSpeed is an hour in a second: faster than that a small box cannot step
// a large plant.
const highestSpeed = 3600

// Validate reports every mistake in the plan. Whether profiles exist and fit is
// found by New.
func (p *Plan) Validate(report gateway.Report) {
	if !(p.Speed >= 0 && p.Speed <= highestSpeed) {
		report("speed", fmt.Sprintf("speed %v is out of bounds", p.Speed), fmt.Sprintf("want more than 0 up to %d", highestSpeed))
	}
	if p.Publish < 0 {
		report("publish", "the time between messages is negative", "")
	}
	for _, id := range slices.Sorted(maps.Keys(p.Buses)) {
		b := p.Buses[id]
		b.validate(report.At("buses." + id))
	}
	seen := make(map[string]string)
	for i := range p.Devices {
		at := fmt.Sprintf("devices[%d]", i)
		p.Devices[i].validate(p.Buses, report.At(at))
		for _, key := range p.Devices[i].unique() {
			if first, twice := seen[key]; twice {
				report(at, key+" is taken by "+first, "")
				continue
			}
			seen[key] = at
		}
	}
	p.validateScript(report)
}

// validate reports what is wrong with the bus.
func (b Bus) validate(report gateway.Report) {
	key, address := b.Kind()
	switch key {
	case "":
		report("", "a bus has one of "+strings.Join(kinds, ", "), "for instance tcp: 127.0.0.1:1502")
	case "rtu":
	default:
		if _, _, err := net.SplitHostPort(address); err != nil {
			report(key, fmt.Sprintf("%q is not host:port", address), "for instance 127.0.0.1:0 for a free port")
		}
	}
}

// validate reports what is wrong with the device by itself; what two devices
// cannot share is for the plan to see.
func (d *Device) validate(buses map[string]Bus, report gateway.Report) {
	if !gateway.ValidID(d.ID) {
		report("id", fmt.Sprintf("%q cannot name a device", d.ID), "use a-z, 0-9 and -")
	}
	if err := plant.Check(d.Model, d.Set); err != nil {
		report("model", err.Error(), "")
	}
	bus, ok := buses[d.Bus]
	key, _ := bus.Kind()
	switch {
	case !ok:
		report("bus", fmt.Sprintf("there is no bus %q", d.Bus), "it is one of "+strings.Join(slices.Sorted(maps.Keys(buses)), ", "))
	case key == "": // reported with the bus
	case key == "mqtt" && (d.Topic == "" || strings.ContainsAny(d.Topic, "+#")):
		report("topic", "a device on MQTT needs a topic without + and #", "")
	case key == "mqtt" && d.Unit != nil:
		report("unit", "a device on MQTT has no unit", "")
	case key == "mqtt":
	case d.Topic != "":
		report("topic", "a device on Modbus has no topic", "")
	case key == "tcp" && (d.Unit == nil || *d.Unit < 0 || *d.Unit > 255):
		report("unit", "a device on Modbus TCP needs a unit from 0 to 255", "")
	case key != "tcp" && (d.Unit == nil || *d.Unit < 1 || *d.Unit > 247):
		report("unit", "a device on a serial line needs a unit from 1 to 247", "")
	}
}

// unique returns what no other device may have too.
func (d *Device) unique() []string {
	keys := []string{"device " + d.ID}
	if d.Unit != nil {
		keys = append(keys, fmt.Sprintf("unit %d of bus %s", *d.Unit, d.Bus))
	}
	if d.Topic != "" {
		keys = append(keys, fmt.Sprintf("topic %s of bus %s", d.Topic, d.Bus))
	}
	return keys
}
