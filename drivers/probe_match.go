package drivers

import (
	"cmp"
	"math"
	"slices"

	"github.com/intact-gateway/intact/drivers/modbus"
)

// Variant is how the registers of a device differ from what a profile says. The
// zero value is not at all.
type Variant struct {
	Shift int    `json:"shift,omitempty"` // added to each address: -1 or 1
	Table string `json:"table,omitempty"` // instead of the profile's
	Order string `json:"order,omitempty"` // instead of the profile's
}

// Found is a value that was read.
type Found struct {
	Point string     `json:"point"`
	Value float64    `json:"value"`
	Unit  string     `json:"unit,omitempty"`
	Range [2]float64 `json:"range"`
	half  bool       // its lower word may belong to another value
}

// Verdict says how sure it is that a device is of a model.
type Verdict string

// The verdicts.
const (
	Certain  Verdict = "certain"  // the device says so itself
	Likely   Verdict = "likely"   // several values fit, and those of no other model as well
	Possible Verdict = "possible" // what was read could be of this model, and of others
)

// Match is a profile that what was read would fit.
type Match struct {
	Profile string  `json:"profile"`
	Class   string  `json:"class"`
	Verdict Verdict `json:"verdict"`
	Variant Variant `json:"variant"`
	Found   []Found `json:"found"`  // the values that lie where they should
	Wanted  int     `json:"wanted"` // how many the profile names
	named   bool    // by the device
}

// reader gives count registers from an address on, or false if the device does
// not.
type reader func(t modbus.Table, address, count uint16) ([]byte, bool)

// shifts are the addresses tried, beside those that the profile names: makers
// count registers from 0 or from 1 and do not always say so.
var shifts = []int{0, -1, 1}

// match returns how what the device holds fits the profile, best variant first;
// nothing if it does not.
func (p *Profile) match(read reader, id modbus.Identity) (matches []Match) {
	named := p.Probe.DeviceID.fits(id)
	signs := p.Probe.signs()
	for _, v := range p.variants() {
		found := p.found(signs, v, read)
		if len(found) == 0 {
			continue
		}
		matches = append(matches, Match{Profile: p.Name, Class: string(p.Class), Variant: v, Found: found, Wanted: len(signs), named: named})
	}
	if named && len(matches) == 0 {
		matches = append(matches, Match{Profile: p.Name, Class: string(p.Class), Wanted: len(signs), Found: []Found{}, named: true})
	}
	slices.SortStableFunc(matches, byFit)
	// Of the same values by way of several variants the plainest is meant.
	seen := make(map[float64]bool)
	return slices.DeleteFunc(matches, func(m Match) bool {
		if len(m.Found) == 0 {
			return false
		}
		again := seen[m.Found[0].Value]
		seen[m.Found[0].Value] = true
		return again
	})
}

// odd counts how often a device of this variant differs from the profile.
func (v Variant) odd() (n int) {
	for _, is := range []bool{v.Shift != 0, v.Table != "", v.Order != ""} {
		if is {
			n++
		}
	}
	return n
}

// variants returns the ways in which the first point may lie in a device, the
// profile's own first.
func (p *Profile) variants() (all []Variant) {
	if p.Probe.Point == "" {
		return nil
	}
	f, err := p.modbusField(p.complete(p.Points[p.pointIndex(p.Probe.Point)]))
	if err != nil {
		return nil
	}
	tables := []string{""}
	switch f.Table {
	case modbus.HoldingRegisters:
		tables = append(tables, modbus.InputRegisters.String())
	case modbus.InputRegisters:
		tables = append(tables, modbus.HoldingRegisters.String())
	}
	orders := []string{""}
	if f.Type.Registers() > 1 {
		for _, o := range modbus.Orders() {
			if o != f.Order.String() {
				orders = append(orders, o)
			}
		}
	}
	for _, table := range tables {
		for _, shift := range shifts {
			for _, order := range orders {
				all = append(all, Variant{Shift: shift, Table: table, Order: order})
			}
		}
	}
	return all
}

// found returns the values of signs that lie where they should in a device of
// variant v. Without the first one the others are not asked for.
func (p *Profile) found(signs []sign, v Variant, read reader) (found []Found) {
	for i, s := range signs {
		f, err := p.modbusField(p.complete(p.Points[p.pointIndex(s.point)]))
		if err != nil || !v.apply(&f) {
			return nil
		}
		value, ok := valueOf(&f, read)
		if ok && value >= s.within[0] && value <= s.within[1] {
			found = append(found, Found{Point: s.point, Value: value, Unit: f.Unit, Range: [2]float64(s.within), half: half(&f, value, signs)})
		} else if i == 0 {
			return nil
		}
	}
	return found
}

// half reports whether the lower word of a float may be anything: zero, or the
// upper word of a neighbour. One register off and with the words swapped, a meter
// reads nearly as it should.
func half(f *modbus.Field, v float64, signs []sign) bool {
	if f.Type != modbus.F32 || f.Scale != 1 {
		return false
	}
	low := math.Float32bits(float32(v)) << 16
	upper := float64(math.Float32frombits(low))
	return low == 0 || slices.ContainsFunc(signs, func(s sign) bool { return upper >= s.within[0] && upper <= s.within[1] })
}

// byFit puts the match first that explains more: more values, and all that its
// profile names, more of each, with fewer differences from the profile.
func byFit(a, b Match) int {
	fa, fb := a.fit(), b.fit()
	return slices.Compare(fa[:], fb[:])
}

// fit is the smaller, the better the match.
func (m *Match) fit() [5]int {
	named, halves := 0, 0
	if m.named {
		named = -1
	}
	for _, f := range m.Found {
		if f.half {
			halves++
		}
	}
	return [5]int{named, -len(m.Found), m.Wanted - len(m.Found), halves, m.Variant.odd()}
}

// valueOf reads the field f; false for what has no value.
func valueOf(f *modbus.Field, read reader) (float64, bool) {
	data, ok := read(f.Table, f.Address, uint16(f.Type.Registers()))
	if !ok {
		return 0, false
	}
	v, quality := f.Decode(data, f.Address)
	return v, quality.HasValue()
}

// apply makes f a field of a device of the variant. It reports false if there is
// no such address.
func (v Variant) apply(f *modbus.Field) bool {
	at := int(f.Address) + v.Shift
	if at < 0 || at+f.Type.Registers() > math.MaxUint16+1 {
		return false
	}
	f.Address = uint16(at)
	if v.Table != "" {
		f.Table, _ = modbus.ParseTable(v.Table)
	}
	if v.Order != "" && f.Type.Registers() > 1 {
		f.Order, _ = modbus.ParseOrder(v.Order)
	}
	return true
}

// judge says how sure each match is, and puts the best first. Several models that
// fit as well make each of them no more than possible, unless the device says
// which it is.
func judge(matches []Match) {
	slices.SortStableFunc(matches, func(a, b Match) int { return cmp.Or(byFit(a, b), cmp.Compare(a.Profile, b.Profile)) })
	for i := range matches {
		m := &matches[i]
		switch {
		case m.named:
			m.Verdict = Certain
		case len(m.Found) < 2 || i > 0 || len(matches) > 1 && byFit(matches[1], *m) == 0:
			m.Verdict = Possible
		default:
			m.Verdict = Likely
		}
	}
}
