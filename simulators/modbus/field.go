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
	size    int // bits of the registers: 1, 16, 32, 48 or 64
	form    form
	order   string
	shift   int // the lowest bit that belongs to the point
	width   int // how many bits belong to it

	// ratio, if it is not nil, is what a register holds that tells the scale of
	// others: the device is one whose scale is 1.
	ratio *float64
}

// form is how a number becomes bits.
type form int

const (
	unsigned form = iota
	signed
	float
	magnitude // the highest bit is the sign
	decimal   // a digit in each half byte
	modulo    // four digits in each register
)

// types are the data types of profiles. Those that do not fill their registers
// say which bits are theirs.
var types = map[string]field{
	"bit": {size: 1},
	"u16": {size: 16}, "i16": {size: 16, form: signed},
	"u32": {size: 32}, "i32": {size: 32, form: signed},
	"u64": {size: 64}, "i64": {size: 64, form: signed},
	"f32": {size: 32, form: float}, "f64": {size: 64, form: float}, "f16": {size: 16, form: float},
	"u8_hi": {size: 16, shift: 8, width: 8}, "i8_hi": {size: 16, shift: 8, width: 8, form: signed},
	"u8_lo": {size: 16, width: 8}, "i8_lo": {size: 16, width: 8, form: signed},
	"u24": {size: 32, width: 24}, "i24": {size: 32, width: 24, form: signed},
	"u48": {size: 48}, "i48": {size: 48, form: signed},
	"sm16": {size: 16, form: magnitude}, "sm32": {size: 32, form: magnitude},
	"bcd16": {size: 16, form: decimal}, "bcd32": {size: 32, form: decimal},
	"mod10k_2": {size: 32, form: modulo}, "mod10k_3": {size: 48, form: modulo}, "mod10k_4": {size: 64, form: modulo},
	"epoch32": {size: 32},
}

// fieldsOf lays out the points of a profile whose defaults are filled in. All
// that cannot be laid out is in the error.
func fieldsOf(p *drivers.Profile) ([]field, error) {
	total, seen, scales := make(map[string]int), make(map[string]int), make(map[string]float64)
	for _, pt := range p.Points {
		total[pt.Role]++
		switch x := pt.Factor; {
		case x == nil:
		case x.As == "exponent":
			scales[x.Point] = 0
		default:
			scales[x.Point] = 1
		}
	}
	fields := make([]field, 0, len(p.Points))
	var errs []error
	for _, pt := range p.Points {
		f, err := fieldOf(p, pt)
		if err != nil {
			errs = append(errs, fmt.Errorf("point %s: %w", pt.Name, err))
			continue
		}
		if as, ok := scales[pt.Name]; ok {
			f.ratio = new(as)
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
		f.size, f.shift, f.width = 1, 0, 0
	}
	if f.width == 0 {
		f.width = f.size
	}
	if pt.Bit != nil || pt.Bits != "" {
		if f.shift, f.width, err = bitField(pt, f.shift, f.width); err != nil {
			return f, err
		}
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

// bitField returns the lowest bit and the number of bits of a point in a value
// of so many bits from bit first of its registers on.
func bitField(pt drivers.Point, first, bits int) (shift, width int, err error) {
	var low, high int
	if pt.Bit != nil {
		low, high = *pt.Bit, *pt.Bit
	} else {
		from, to, ok := strings.Cut(pt.Bits, "-")
		low, err = strconv.Atoi(from)
		if err == nil && ok {
			high, err = strconv.Atoi(to)
		}
		if err != nil || !ok {
			return 0, 0, fmt.Errorf("bits %q, want the lowest and the highest such as 8-15", pt.Bits)
		}
	}
	if low < 0 || high < low || high >= bits {
		return 0, 0, fmt.Errorf("bits %d to %d do not lie in %d bits", low, high, bits)
	}
	return first + low, high - low + 1, nil
}

// encode returns the raw bits that stand for what the device measures.
func (f *field) encode(v Values) uint64 {
	if f.ratio != nil {
		return f.raw(*f.ratio)
	}
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
	if f.form == float {
		return floatBits(value, f.size)
	}
	return f.integer(math.Round(value))
}

// floatBits returns v as an IEEE 754 number of so many bits.
func floatBits(v float64, size int) uint64 {
	switch size {
	case 16:
		return uint64(halfBits(v))
	case 32:
		return uint64(math.Float32bits(float32(v)))
	default:
		return math.Float64bits(v)
	}
}

// halfBits returns v as an IEEE 754 binary16 number, cut off towards 0. What is
// too large becomes the largest number.
func halfBits(v float64) uint16 {
	var sign uint16
	if v < 0 {
		sign, v = 0x8000, -v
	}
	const largest = 65504
	v = min(v, largest)
	fraction, exponent := math.Frexp(v) // v is at least half of 1<<exponent
	if v == 0 || exponent < -13 {
		return sign | uint16(math.Ldexp(v, 24))
	}
	return sign | uint16(exponent+14)<<10 | uint16(math.Ldexp(fraction, 11))&0x3FF
}

// integer returns v in the form of the type, held at the ends of the type as a
// device with a full register does.
func (f *field) integer(v float64) uint64 {
	switch f.form {
	case signed:
		end := math.Ldexp(1, f.width-1)
		switch {
		case v >= end:
			return 1<<(f.width-1) - 1
		case v <= -end:
			return 1 << (f.width - 1)
		}
		return uint64(int64(v)) & ones(f.width)
	case magnitude:
		raw := clamp(math.Abs(v), f.width-1)
		if v < 0 {
			raw |= 1 << (f.width - 1)
		}
		return raw
	case decimal:
		return digits(clamp(max(v, 0), 63), f.width/4)
	case modulo:
		return moduloWords(v, f.width/16)
	default:
		return clamp(max(v, 0), f.width)
	}
}

// clamp returns v, which is not negative, held at the most that so many bits
// can say.
func clamp(v float64, bits int) uint64 {
	if v >= math.Ldexp(1, bits) {
		return ones(bits)
	}
	return uint64(v)
}

// digits returns v in n half bytes of one decimal digit each.
func digits(v uint64, n int) uint64 {
	if most := uint64(math.Pow10(n)) - 1; v > most {
		v = most
	}
	var raw uint64
	for i := range n {
		raw |= v % 10 << (4 * i)
		v /= 10
	}
	return raw
}

// moduloWords returns v in n registers of four decimal digits each; a negative
// number has its sign in each of them.
func moduloWords(v float64, n int) uint64 {
	most := int64(math.Pow10(4*n)) - 1
	rest := most
	if math.Abs(v) < float64(most) {
		rest = int64(v)
	} else if v < 0 {
		rest = -most
	}
	var raw uint64
	for i := range n {
		raw |= uint64(uint16(rest%10_000)) << (16 * i)
		rest /= 10_000
	}
	return raw
}

// missing returns the raw bits that say "not available": the profile's code if
// there is one that fits, NaN for floats, else 0.
func (f *field) missing() uint64 {
	if f.form == float {
		return f.nonsense()
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

// nonsense returns the raw bits of a device that has lost its measurement: NaN
// for floats, else all bits set.
func (f *field) nonsense() uint64 {
	if f.form != float {
		return ones(f.width)
	}
	return map[int]uint64{16: 0x7E00, 32: 0x7FC00000, 64: 0x7FF8000000000000}[f.size]
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
