package modbus

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/simulators/plant"
)

// field is one point of a profile as it lies in the registers.
type field struct {
	asks   []string // roles to ask the device for, the first it has counts
	from   string   // unit in which the device answers
	to     string   // unit in which the register is
	scale  float64
	offset float64
	invert bool
	na     []int64

	table   Table
	address uint16
	size    int // bits of the type: 1, 16, 32 or 64
	signed  bool
	float   bool
	order   string
	shift   int // of a bit field: its lowest bit
	width   int // bits that belong to the point
}

// types are the data types of profiles: bits, signed, float.
var types = map[string]field{
	"bit": {size: 1},
	"u16": {size: 16}, "i16": {size: 16, signed: true},
	"u32": {size: 32}, "i32": {size: 32, signed: true},
	"u64": {size: 64}, "i64": {size: 64, signed: true},
	"f32": {size: 32, float: true}, "f64": {size: 64, float: true},
}

// fieldsOf lays out the points of a profile whose defaults are filled in. All
// that cannot be laid out is in the error.
func fieldsOf(p *drivers.Profile) ([]field, error) {
	total, seen := make(map[string]int), make(map[string]int)
	for _, pt := range p.Points {
		total[pt.Role]++
	}
	fields := make([]field, 0, len(p.Points))
	var errs []error
	for _, pt := range p.Points {
		f, err := fieldOf(p, pt)
		if err != nil {
			errs = append(errs, fmt.Errorf("point %s: %w", pt.Name, err))
			continue
		}
		seen[pt.Role]++
		switch {
		case pt.Role == "":
			f.asks = []string{"." + pt.Name}
		case total[pt.Role] > 1:
			f.asks = []string{pt.Role + ":" + strconv.Itoa(seen[pt.Role]), pt.Role}
		default:
			f.asks = []string{pt.Role}
		}
		fields = append(fields, f)
	}
	return fields, errors.Join(errs...)
}

// fieldOf lays out one point. Its number, type and bits come from the profile,
// the unit in which the device answers from its role.
func fieldOf(p *drivers.Profile, pt drivers.Point) (field, error) {
	if pt.Reg == nil {
		return field{}, errors.New("no register")
	}
	f, ok := types[pt.Type]
	if !ok {
		return f, fmt.Errorf("unknown type %q", pt.Type)
	}
	var err error
	if f.address, err = p.WireAddress(*pt.Reg); err != nil {
		return f, err
	}
	f.table, f.order, f.na, f.invert = Table(pt.Table), pt.Order, pt.NA, pt.Invert
	if f.table == Coil || f.table == Discrete {
		f.size = 1
	}
	if f.shift, f.width, err = bitField(pt, f.size); err != nil {
		return f, err
	}
	f.scale, f.offset = *pt.Scale, pt.Offset
	if f.from, f.to = plant.UnitOf(pt.Role), pt.Unit; f.to == "" {
		f.from = "" // the profile does not say, so the number is taken as it is
	}
	if _, err := gateway.ConvertUnit(0, f.from, f.to); err != nil {
		return f, fmt.Errorf("role %s: %w", pt.Role, err)
	}
	return f, nil
}

// bitField returns the lowest bit and the number of bits of a point in a type
// of size bits.
func bitField(pt drivers.Point, size int) (shift, width int, err error) {
	low, high := 0, size-1
	switch {
	case pt.Bit != nil:
		low, high = *pt.Bit, *pt.Bit
	case pt.Bits != "":
		from, to, ok := strings.Cut(pt.Bits, "-")
		low, err = strconv.Atoi(from)
		if err == nil && ok {
			high, err = strconv.Atoi(to)
		}
		if err != nil || !ok {
			return 0, 0, fmt.Errorf("bits %q, want the lowest and the highest such as 8-15", pt.Bits)
		}
	}
	if low < 0 || high < low || high >= size {
		return 0, 0, fmt.Errorf("bits %d to %d do not lie in %d bits", low, high, size)
	}
	return low, high - low + 1, nil
}

// encode returns the raw bits that stand for what the device measures.
func (f *field) encode(v Values) uint64 {
	for _, role := range f.asks {
		if value, ok := v.Value(role); ok {
			return f.raw(value)
		}
	}
	return f.missing()
}

// raw undoes what the profile says is done to the register: scale, offset,
// inversion and unit.
func (f *field) raw(value float64) uint64 {
	value, err := gateway.ConvertUnit(value, f.from, f.to)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return f.missing()
	}
	if f.invert {
		value = 1 - value
	}
	value = (value - f.offset) / f.scale
	switch {
	case f.float && f.size == 32:
		return uint64(math.Float32bits(float32(value)))
	case f.float:
		return math.Float64bits(value)
	default:
		return f.integer(math.Round(value))
	}
}

// integer returns v in two's complement, held at the ends of the type as a
// device with a full register does.
func (f *field) integer(v float64) uint64 {
	if f.signed {
		end := math.Ldexp(1, f.width-1)
		switch {
		case v >= end:
			return 1<<(f.width-1) - 1
		case v <= -end:
			return 1 << (f.width - 1)
		}
		return uint64(int64(v)) & ones(f.width)
	}
	switch {
	case v <= 0:
		return 0
	case v >= math.Ldexp(1, f.width):
		return ones(f.width)
	}
	return uint64(v)
}

// missing returns the raw bits that say "not available": the profile's code if
// there is one that fits, NaN for floats, else 0.
func (f *field) missing() uint64 {
	switch {
	case f.float && f.size == 32:
		return 0x7FC00000
	case f.float:
		return 0x7FF8000000000000
	}
	for _, na := range f.na {
		raw := uint64(na)
		if na < 0 {
			raw &= ones(f.width)
		}
		if raw <= ones(f.width) {
			return raw
		}
	}
	return 0
}

// mask returns the bits of the whole type that belong to the point.
func (f *field) mask() uint64 { return ones(f.width) << f.shift }

// words cuts the bits of the whole type into registers in the profile's order:
// CDAB puts the low register first, BADC swaps the bytes within each register,
// DCBA does both.
func (f *field) words(raw uint64) []uint16 {
	n := max(1, f.size/16)
	words := make([]uint16, n)
	for i := range words {
		word := uint16(raw >> (16 * (n - 1 - i)))
		if f.size > 1 && (f.order == "BADC" || f.order == "DCBA") {
			word = bits.ReverseBytes16(word)
		}
		if f.order == "CDAB" || f.order == "DCBA" {
			words[n-1-i] = word
		} else {
			words[i] = word
		}
	}
	return words
}

// ones returns n bits set.
func ones(n int) uint64 { return ^uint64(0) >> (64 - n) }
