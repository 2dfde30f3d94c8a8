package drivers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// Probe is how a device of the model is told from others. Modbus only.
//
// A value that is in its range is a sign, and the more of them the better: a
// range that holds 0, or what any register may hold, is none. What a device says
// of itself (function 43) settles it.
type Probe struct {
	Point    string               `yaml:"point"`
	Range    []float64            `yaml:"range"`     // where its value lies while the device works
	Also     map[string][]float64 `yaml:"also"`      // more points, and the ranges of theirs
	DeviceID DeviceID             `yaml:"device_id"` // a part of what it says of itself, whatever the case
}

// DeviceID is what a device says of itself.
type DeviceID struct {
	Vendor  string `yaml:"vendor"`
	Product string `yaml:"product"` // its name, code or model
}

// fits reports whether id says that the device is of the model.
func (d DeviceID) fits(id modbus.Identity) bool {
	if d == (DeviceID{}) {
		return false
	}
	holds := func(part string, in ...string) bool {
		return part == "" || slices.ContainsFunc(in, func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(part)) })
	}
	return holds(d.Vendor, id.Vendor) && holds(d.Product, id.Product, id.Code, id.Model)
}

// sign is a point by which a model is recognised, and the range of its value.
type sign struct {
	point  string
	within []float64
}

// signs returns the points of the probe, the main one first.
func (p *Probe) signs() []sign {
	if p.Point == "" {
		return nil
	}
	signs := []sign{{p.Point, p.Range}}
	for _, name := range slices.Sorted(maps.Keys(p.Also)) {
		signs = append(signs, sign{name, p.Also[name]})
	}
	return signs
}

// validateProbe reports what is wrong with how the model is recognised. The
// points of the profile are all there.
func (p *Profile) validateProbe(report gateway.Report) {
	if p.Probe == nil {
		return
	}
	at := report.At("probe")
	if p.Protocol == MQTT {
		at("", "devices that speak MQTT are not probed", "take it out")
		return
	}
	if p.Probe.Point == "" && p.Probe.DeviceID == (DeviceID{}) {
		at("", "nothing says how the device is recognised", "point and range, or device_id")
	}
	if p.Probe.Point == "" && len(p.Probe.Also) > 0 {
		at("also", "there is no first point beside which others count", "point and range")
	}
	for i, s := range p.Probe.signs() {
		path, within := "point", "range"
		if i > 0 {
			path, within = "also."+s.point, "also."+s.point
		}
		n := p.pointIndex(s.point)
		switch {
		case n < 0:
			at(path, fmt.Sprintf("there is no point %q", s.point), "a point of this profile")
			continue
		case p.Points[n].Gate != nil || p.Points[n].Factor != nil:
			at(path, fmt.Sprintf("point %s depends on another one", s.point), "a point that is read by itself")
		case p.complete(p.Points[n]).Kind == gateway.Discrete.String():
			at(path, fmt.Sprintf("point %s is one bit: anything may be there", s.point), "a point with a value, such as a voltage")
		}
		switch r := s.within; {
		case len(r) != 2 || !(r[0] <= r[1]):
			at(within, "want the lowest and the highest value", "such as [80, 300]")
		case r[0] <= 0 && r[1] >= 0:
			at(within, "0 is in the range: a register that was never set would fit", "a range that leaves it out")
		}
	}
}
