package drivers

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// The ways in which manuals count registers.
const (
	wire0Based   = "wire_0based"
	manual1Based = "manual_1based"
	modicon5     = "modicon5"
	modicon6     = "modicon6"
)

// The groups of points that are read at one pace.
const (
	fast   = "fast"
	normal = "normal"
	slow   = "slow"
)

// exponent says of a factor that it is the n of 10^n.
const exponent = "exponent"

const (
	defaultMaxGap   = 8
	defaultDecimals = 2 // of values that are not whole numbers on the wire
	minMaxAge       = 10 * time.Second
	defaultSkew     = 5 * time.Minute
)

// Normalize writes out what is repeated and fills in what the profile leaves to
// the defaults. It is meant for a
// profile in which Validate found nothing; doing it twice changes nothing.
func (p *Profile) Normalize() {
	p.Protocol = cmp.Or(p.Protocol, Modbus)
	p.Points, _ = p.expanded()
	p.Derive = p.derived()
	p.Repeat, p.Without = nil, nil
	for i := range p.Points {
		p.Points[i] = p.complete(p.Points[i])
	}
	for i := range p.Samples {
		if v := &p.Samples[i]; p.Protocol == Modbus {
			v.Table = p.tableOf(v.Table, v.At)
		}
	}
	p.Periods.Fast = cmp.Or(p.Periods.Fast, time.Second)
	p.Periods.Normal = cmp.Or(p.Periods.Normal, 5*time.Second)
	p.Periods.Slow = cmp.Or(p.Periods.Slow, time.Minute)
	p.Defaults.Group = cmp.Or(p.Defaults.Group, normal)
	if p.Protocol != Modbus {
		return
	}
	p.Defaults.Numbering = cmp.Or(p.Defaults.Numbering, wire0Based)
	if !p.modicon() {
		p.Defaults.Table = cmp.Or(p.Defaults.Table, modbus.HoldingRegisters.String())
	}
	p.Defaults.Type = cmp.Or(p.Defaults.Type, modbus.U16.String())
	p.Defaults.Order = cmp.Or(p.Defaults.Order, modbus.ABCD.String())
	p.Limits.MaxRegs = cmp.Or(p.Limits.MaxRegs, 125)
	if p.Limits.MaxGap == nil {
		p.Limits.MaxGap = new(defaultMaxGap)
	}
	p.Limits.Timeout = cmp.Or(p.Limits.Timeout, time.Second)
}

// complete returns pt with the defaults of the profile filled in.
func (p *Profile) complete(pt Point) Point {
	pt.Group = cmp.Or(pt.Group, p.Defaults.Group, normal)
	if pt.Scale == nil {
		pt.Scale = new(1.0)
	}
	single := false
	if p.Protocol != MQTT && pt.Reg != nil {
		pt.Table = p.tableOf(pt.Table, *pt.Reg)
		pt.Order = cmp.Or(pt.Order, p.Defaults.Order, modbus.ABCD.String())
		if t, _ := modbus.ParseTable(pt.Table); t.Single() {
			single = true
			pt.Type = cmp.Or(pt.Type, modbus.Bit.String())
		}
		pt.Type = cmp.Or(pt.Type, p.Defaults.Type, modbus.U16.String())
	}
	if pt.NA == nil && !single {
		pt.NA = p.Defaults.NA
	}
	if pt.Kind == "" {
		pt.Kind = gateway.Analog.String()
		if single || pt.Bit != nil {
			pt.Kind = gateway.Discrete.String()
		} else if len(pt.Enum) > 0 {
			pt.Kind = gateway.Enum.String()
		}
	}
	return pt
}

// modicon reports whether a register's number itself says which table it is in.
func (p *Profile) modicon() bool {
	return p.Defaults.Numbering == modicon5 || p.Defaults.Numbering == modicon6
}

// tableOf returns the table of register reg, for which own is written.
func (p *Profile) tableOf(own string, reg int) string {
	implied := modbus.HoldingRegisters
	if p.modicon() {
		if t, ok := p.modiconTable(reg); ok {
			implied = t
		}
	}
	return cmp.Or(own, p.Defaults.Table, implied.String())
}

// modiconTable returns the table that the first digit of a Modicon number names.
func (p *Profile) modiconTable(reg int) (modbus.Table, bool) {
	switch reg / p.modiconUnit() {
	case 0:
		return modbus.Coils, true
	case 1:
		return modbus.DiscreteInputs, true
	case 3:
		return modbus.InputRegisters, true
	case 4:
		return modbus.HoldingRegisters, true
	default:
		return 0, false
	}
}

// modiconUnit returns how many numbers a table has in the profile's numbering.
func (p *Profile) modiconUnit() int {
	if p.Defaults.Numbering == modicon6 {
		return 100_000
	}
	return 10_000
}

// WireAddress returns the address that is sent for the register that the
// device's manual calls reg, by the numbering of the profile. The error says
// which numbers there are.
func (p *Profile) WireAddress(reg int) (uint16, error) {
	address := reg
	switch cmp.Or(p.Defaults.Numbering, wire0Based) {
	case wire0Based:
	case manual1Based:
		address = reg - 1
	case modicon5, modicon6:
		if _, ok := p.modiconTable(reg); !ok || reg < 0 {
			return 0, fmt.Errorf("register %d: %s numbers begin with 0, 1, 3 or 4", reg, p.Defaults.Numbering)
		}
		address = reg%p.modiconUnit() - 1
	default:
		return 0, fmt.Errorf("unknown numbering %q", p.Defaults.Numbering)
	}
	if address < 0 || address > math.MaxUint16 {
		return 0, fmt.Errorf("register %d: as %s it has no address from 0 to 65535 on the wire", reg, cmp.Or(p.Defaults.Numbering, wire0Based))
	}
	return uint16(address), nil
}

// GatewayPoints returns the points of d's facility that the profile gives, in
// its order and without the link point. What its formulas say of those that are
// derived is for formula.Complete to fill in, once the facility has all its
// points.
func (p *Profile) GatewayPoints(d Device) []gateway.Point {
	points := make([]gateway.Point, len(p.Points), len(p.Points)+len(p.Derive))
	for i := range p.Points {
		pt := p.complete(p.Points[i])
		kind, _ := gateway.ParseKind(pt.Kind)
		g := gateway.Point{
			Facility: d.Facility, Name: pt.Name, Text: pt.Text, Role: pt.Role, Unit: pt.Unit, Kind: kind,
			States: pt.states(), MaxAge: pt.MaxAge, Decimals: pt.decimals(kind),
			Deadband: pt.Deadband, Heartbeat: pt.Heartbeat,
		}
		if g.Text.IsZero() {
			g.Text.EN = pt.Name
		}
		if p.Protocol != MQTT {
			g.Period = p.period(pt.Group, d)
			g.MaxAge = cmp.Or(g.MaxAge, max(3*g.Period, minMaxAge))
		}
		points[i] = g
	}
	for _, derived := range p.derived() {
		g := derived.Point()
		g.Facility = d.Facility
		points = append(points, g)
	}
	return points
}

// period returns how often the points of a group are read from d.
func (p *Profile) period(group string, d Device) time.Duration {
	switch group {
	case fast:
		return cmp.Or(p.Periods.Fast, time.Second)
	case slow:
		return cmp.Or(p.Periods.Slow, time.Minute)
	default:
		return cmp.Or(d.Every, p.Periods.Normal, 5*time.Second)
	}
}

// states returns what the values, or the bits, of the point are called.
func (pt *Point) states() map[int64]gateway.State {
	if len(pt.Enum) == 0 {
		return nil
	}
	states := make(map[int64]gateway.State, len(pt.Enum))
	for value, c := range pt.Enum {
		states[value] = gateway.State{Name: c.Name, Text: gateway.Text{ZH: c.ZH, EN: cmp.Or(c.EN, c.Name)}}
	}
	return states
}

// decimals returns how many digits of the point are worth showing: those the
// profile says, or as many as the scale gives an integer, or two.
func (pt *Point) decimals(kind gateway.Kind) int {
	if pt.Decimals != nil {
		return *pt.Decimals
	}
	if kind.Stepwise() {
		return 0
	}
	if t, ok := modbus.ParseType(pt.Type); !ok || t.Float() {
		return defaultDecimals
	}
	return int(min(max(0, math.Ceil(-math.Log10(math.Abs(*pt.Scale))-1e-9)), 6))
}
