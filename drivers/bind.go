package drivers

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/drivers/mqtt"
	"github.com/intact-gateway/intact/gateway"
)

// linePrefix begins the ids of the facilities that stand for lines.
const linePrefix = "bus-"

// LineID returns the id of the facility that stands for the bus of that id.
func LineID(bus string) gateway.FacilityID { return gateway.FacilityID(linePrefix + bus) }

// LineFacility returns the facility that stands for the bus b. Its link is 1
// while b is connected and any device on it answers.
func LineFacility(b Bus) gateway.Facility {
	name := b.Name
	if name.IsZero() {
		name = gateway.Text{ZH: "线路 " + b.ID, EN: "Line " + b.ID}
	}
	return gateway.Facility{ID: LineID(b.ID), Class: gateway.Line, Name: name, Points: []gateway.Point{LinkPoint(1)}}
}

// LinkPoint returns the link point of the nth source of a facility, counted
// from 1.
func LinkPoint(n int) gateway.Point {
	return gateway.Point{
		Name: linkName(n), Text: gateway.Text{ZH: "通讯", EN: "Link"}, Role: gateway.LinkPoint,
		Kind: gateway.Discrete, States: gateway.LinkStates(), Period: 5 * time.Second, MaxAge: time.Minute,
	}
}

func linkName(n int) string {
	if n == 1 {
		return gateway.LinkPoint
	}
	return fmt.Sprintf("%s.%d", gateway.LinkPoint, n)
}

// Binding is what is read through one bus, with the numbers of the points.
type Binding struct {
	Link    gateway.PointRef // of the line
	Devices []BoundDevice
}

// BoundDevice is a device with its profile and its points on the site.
type BoundDevice struct {
	Device
	Profile *Profile
	Points  []gateway.PointRef // as Profile.Points
	Link    gateway.PointRef
}

// Bind finds the points of the devices on the site. The result holds every bus
// whose line is a facility of the site, by its id. The error names every device
// whose profile, bus or points are missing.
func Bind(site *gateway.Site, devices []Device, profiles map[string]*Profile) (map[string]Binding, error) {
	bindings := make(map[string]Binding)
	for _, f := range site.Facilities() {
		if id, ok := strings.CutPrefix(string(f.ID), linePrefix); ok && f.Class == gateway.Line {
			if link, ok := site.Lookup(gateway.PointID(string(f.ID) + "/" + gateway.LinkPoint)); ok {
				bindings[id] = Binding{Link: link}
			}
		}
	}
	var errs []error
	sources := make(map[gateway.FacilityID]int)
	for _, d := range devices {
		sources[d.Facility]++
		bound, err := bindDevice(site, d, profiles[d.Profile], sources[d.Facility])
		binding, ok := bindings[d.Bus]
		if !ok {
			err = errors.Join(err, fmt.Errorf("bus %q is not a line of the site", d.Bus))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("facility %s: %w", d.Facility, err))
			continue
		}
		binding.Devices = append(binding.Devices, bound)
		bindings[d.Bus] = binding
	}
	return bindings, errors.Join(errs...)
}

// bindDevice finds the points of d, which is source number n of its facility.
func bindDevice(site *gateway.Site, d Device, p *Profile, n int) (BoundDevice, error) {
	if p == nil {
		return BoundDevice{}, fmt.Errorf("unknown profile %q", d.Profile)
	}
	b := BoundDevice{Device: d, Profile: p, Points: make([]gateway.PointRef, len(p.Points))}
	var errs []error
	lookup := func(name string) gateway.PointRef {
		ref, ok := site.Lookup(gateway.PointID(string(d.Facility) + "/" + name))
		if !ok {
			errs = append(errs, fmt.Errorf("the site has no point %s", name))
		}
		return ref
	}
	for i := range p.Points {
		b.Points[i] = lookup(p.Points[i].Name)
	}
	b.Link = lookup(linkName(n))
	return b, errors.Join(errs...)
}

// modbusFields returns how the points of the profile are read from d.
func (p *Profile) modbusFields(d Device, refs []gateway.PointRef) ([]modbus.Field, error) {
	fields := make([]modbus.Field, len(p.Points))
	var errs []error
	for i := range p.Points {
		pt := p.complete(p.Points[i])
		f, err := p.modbusField(pt)
		if err != nil {
			errs = append(errs, fmt.Errorf("point %s of profile %s: %w", pt.Name, p.Name, err))
			continue
		}
		f.Name, f.Point, f.Period = string(d.Facility)+"/"+pt.Name, refs[i], p.period(pt.Group, d)
		fields[i] = f
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	guards, err := p.sentinelFields(fields)
	return append(fields, guards...), err
}

// modbusField returns how pt, which is complete, is read from any device.
func (p *Profile) modbusField(pt Point) (f modbus.Field, err error) {
	if pt.Reg == nil {
		return f, errors.New("no register")
	}
	if f.Address, err = p.WireAddress(*pt.Reg); err != nil {
		return f, err
	}
	if f.Shift, f.Bits, err = pt.bitField(); err != nil {
		return f, err
	}
	var ok [4]bool
	f.Table, ok[0] = modbus.ParseTable(pt.Table)
	f.Type, ok[1] = modbus.ParseType(pt.Type)
	f.Order, ok[2] = modbus.ParseOrder(pt.Order)
	f.Kind, ok[3] = gateway.ParseKind(pt.Kind)
	if ok != [4]bool{true, true, true, true} {
		return f, fmt.Errorf("table %q, type %q, order %q or kind %q is unknown", pt.Table, pt.Type, pt.Order, pt.Kind)
	}
	f.Scale, f.Divisor, f.Offset = *pt.Scale, divisor(*pt.Scale), pt.Offset
	f.Invert, f.NA, f.Range, f.MaxStep, f.Unit = pt.Invert, pt.NA, pt.Range, pt.MaxStep, pt.Unit
	f.Stuck = pt.Stuck
	if f.Kind == gateway.Counter {
		f.Counter = pt.counter(f.Type)
	}
	if pt.Gate != nil {
		f.Gate = &modbus.Gate{Field: p.pointIndex(pt.Gate.Point)}
		f.Gate.Min, f.Gate.Max = pt.Gate.bounds()
		if pt.Gate.Bit != nil {
			f.Gate.Mask = 1 << *pt.Gate.Bit
		}
	}
	if pt.Factor != nil {
		f.Factor = &modbus.Factor{Field: p.pointIndex(pt.Factor.Point), Power: pt.Factor.As == exponent}
	}
	return f, nil
}

// mqttPoints returns how the points of the profile are found in a payload.
func (p *Profile) mqttPoints(refs []gateway.PointRef) []mqtt.Point {
	points := make([]mqtt.Point, len(p.Points))
	for i := range p.Points {
		pt := p.complete(p.Points[i])
		kind, _ := gateway.ParseKind(pt.Kind)
		m := mqtt.Point{
			Ref: refs[i], Path: pt.Path, Kind: kind,
			Scale: *pt.Scale, Offset: pt.Offset, Invert: pt.Invert, NA: pt.NA, Range: pt.Range,
			MaxAge: pt.MaxAge, Stuck: pt.Stuck,
		}
		if kind == gateway.Enum && len(pt.Enum) > 0 {
			m.Names = make(map[string]float64, len(pt.Enum))
			for value, c := range pt.Enum {
				m.Names[c.Name] = float64(value)
			}
		}
		if pt.Gate != nil {
			m.Gate = &mqtt.Gate{Point: p.pointIndex(pt.Gate.Point)}
			m.Gate.Min, m.Gate.Max = pt.Gate.bounds()
		}
		points[i] = m
	}
	return points
}

// pointIndex returns the place of the point called name, or -1.
func (p *Profile) pointIndex(name string) int {
	for i := range p.Points {
		if p.Points[i].Name == name {
			return i
		}
	}
	return -1
}

// has reports whether the profile has a point called name, measured or derived.
func (p *Profile) has(name string) bool {
	return p.pointIndex(name) >= 0 || slices.ContainsFunc(p.Derive, func(d Derived) bool { return d.Name == name })
}

// bounds returns between which values the gate is open.
func (g *Gate) bounds() (lowest, highest float64) {
	lowest, highest = math.Inf(-1), math.Inf(1)
	if g.Min != nil {
		lowest = *g.Min
	}
	if g.Max != nil {
		highest = *g.Max
	}
	return lowest, highest
}

// bitField returns the lowest bit and the number of bits of the register that
// hold the point; 0 bits stand for the whole register.
func (pt *Point) bitField() (shift, bits int, err error) {
	if pt.Bit != nil {
		return *pt.Bit, 1, nil
	}
	if pt.Bits == "" {
		return 0, 0, nil
	}
	low, high, _ := strings.Cut(pt.Bits, "-")
	first, err1 := strconv.ParseUint(low, 10, 6)
	last, err2 := strconv.ParseUint(high, 10, 6)
	if err1 != nil || err2 != nil || last < first {
		return 0, 0, fmt.Errorf("bits %q: want the lowest and the highest bit, such as 8-15", pt.Bits)
	}
	return int(first), int(last-first) + 1, nil
}

// divisor returns the whole number that scale is the reciprocal of, or 0.
func divisor(scale float64) float64 {
	if n := math.Round(1 / scale); n > 1 && 1/n == scale {
		return n
	}
	return 0
}

// timeoutOf returns how long one answer of a device may take on b.
func (p *Profile) timeoutOf(b Bus) time.Duration {
	return cmp.Or(b.Timeout, p.Limits.Timeout, time.Second)
}

// maxGap returns how many unwanted registers may be read to join two blocks.
func (p *Profile) maxGap() int {
	if p.Limits.MaxGap == nil {
		return defaultMaxGap
	}
	return *p.Limits.MaxGap
}
