package modbus

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Table is one of the four tables of a Modbus device. Its number is the
// function code that reads it.
type Table uint8

// The tables.
const (
	Coils            Table = 1
	DiscreteInputs   Table = 2
	HoldingRegisters Table = 3
	InputRegisters   Table = 4
)

var tableNames = [...]string{Coils: "coil", DiscreteInputs: "discrete", HoldingRegisters: "holding", InputRegisters: "input"}

// Tables returns the names of the tables, in the order of their function codes.
func Tables() []string { return append([]string(nil), tableNames[1:]...) }

// ParseTable returns the table named s.
func ParseTable(s string) (Table, bool) {
	n, ok := indexOf(tableNames[1:], s)
	return Table(n + 1), ok
}

// String returns the name of the table as profiles write it.
func (t Table) String() string { return name(tableNames[:], int(t), "table") }

// Single reports whether the table holds single bits and not registers.
func (t Table) Single() bool { return t == Coils || t == DiscreteInputs }

// Type is how the bytes of a value are to be read.
type Type uint8

// The types. Bit is that of coils and discrete inputs.
const (
	U16 Type = iota
	I16
	U32
	I32
	U64 // beyond 2^53 the lowest digits are lost, as a sample is a float64
	I64 // as U64
	F32
	F64
	Bit
)

var typeNames = [...]string{"u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "bit"}

// Types returns the names of the types.
func Types() []string { return append([]string(nil), typeNames[:]...) }

// ParseType returns the type named s.
func ParseType(s string) (Type, bool) {
	n, ok := indexOf(typeNames[:], s)
	return Type(n), ok
}

// String returns the name of the type as profiles write it.
func (t Type) String() string { return name(typeNames[:], int(t), "type") }

// Width returns the number of bits of a value of the type.
func (t Type) Width() int {
	switch t {
	case Bit:
		return 1
	case U16, I16:
		return 16
	case U32, I32, F32:
		return 32
	default:
		return 64
	}
}

// Registers returns how many registers, coils or inputs hold one value.
func (t Type) Registers() int { return max(1, t.Width()/16) }

// Unsigned reports whether the type is an unsigned integer of registers, of
// which single bits may be taken.
func (t Type) Unsigned() bool { return t == U16 || t == U32 || t == U64 }

// Float reports whether the type is an IEEE 754 number.
func (t Type) Float() bool { return t == F32 || t == F64 }

// Order is the order in which the bytes of a value lie on the wire, written as
// the four bytes of a 32-bit value of which A is the highest.
//
// It is made of two choices, so that it has a meaning for every width: whether
// the lowest word comes first (CDAB, DCBA), and whether the two bytes of each
// register are swapped (BADC, DCBA). A 64-bit value ABCDEFGH is therefore sent
// as GHEFCDAB in the order CDAB, as BADCFEHG in BADC, as HGFEDCBA in DCBA; a
// 16-bit value knows the swapped bytes only.
type Order uint8

// The orders.
const (
	ABCD Order = iota
	CDAB
	BADC
	DCBA
)

var orderNames = [...]string{"ABCD", "CDAB", "BADC", "DCBA"}

// Orders returns the names of the orders.
func Orders() []string { return append([]string(nil), orderNames[:]...) }

// ParseOrder returns the order named s.
func ParseOrder(s string) (Order, bool) {
	n, ok := indexOf(orderNames[:], s)
	return Order(n), ok
}

// String returns the name of the order as profiles write it.
func (o Order) String() string { return name(orderNames[:], int(o), "order") }

// uint returns the 2, 4 or 8 bytes of b as the number they stand for.
func (o Order) uint(b []byte) uint64 {
	var v uint64
	switch len(b) {
	case 2:
		v = uint64(binary.BigEndian.Uint16(b))
	case 4:
		v = uint64(binary.BigEndian.Uint32(b))
	default:
		v = binary.BigEndian.Uint64(b)
	}
	if o == ABCD {
		return v
	}
	// Reversing all bytes and then those of each word leaves the words reversed.
	if o == CDAB || o == DCBA {
		v = bits.ReverseBytes64(v) >> (64 - 8*len(b))
	}
	if o == CDAB || o == BADC {
		v = v&0xFF00FF00FF00FF00>>8 | v&0x00FF00FF00FF00FF<<8
	}
	return v
}

// Field is one value within the tables of a device: where it lies, how often it
// is read, and how its bytes become the value of a point.
type Field struct {
	Name    string           // for the log
	Point   gateway.PointRef // NoPoint for a value that only serves as a gate
	Kind    gateway.Kind
	Period  time.Duration
	Table   Table
	Address uint16 // as on the wire, from 0
	Type    Type
	Order   Order

	// Shift and Bits cut a field of Bits bits, the lowest of which is bit Shift,
	// out of an unsigned value. Bits 0 stands for the whole value.
	Shift, Bits int

	Scale float64 // value = raw*Scale + Offset; 0 stands for 1
	// Divisor, if it is not 0, is used instead of Scale: 1/10 has no exact
	// binary form, so 3*0.1 is a little more than 0.3 while 3/10 is the same.
	Divisor float64
	Offset  float64
	Invert  bool      // of a discrete point: 1 reads as 0
	NA      []int64   // raw values of the whole register or registers that mean "not available"
	Range   []float64 // lowest and highest possible value, after scaling; nil for any
	Gate    *Gate
}

// Gate names the field that vouches for another one. If it is bad or outside
// Min and Max, the gated field has no value.
type Gate struct {
	Field    int // index in the device's fields
	Min, Max float64
}

// Open reports whether a gate of this value and quality lets others pass.
func (g *Gate) Open(v float64, q gateway.Quality) bool {
	return q.HasValue() && v >= g.Min && v <= g.Max
}

// end returns the address after the field's last register.
func (f *Field) end() int { return int(f.Address) + f.Type.Registers() }

// Decode returns the value of the field in data, the payload of a reply to a
// request that began at the address start: registers high byte first, or coils
// from the lowest bit of the first byte on.
//
// It never guesses: what is not there or is infinite is BadDecode, a NaN and
// the device's own codes are BadNotAvailable, what the profile calls impossible
// is BadOutOfRange. A value comes with Good only. Gates are not looked at.
func (f *Field) Decode(data []byte, start uint16) (float64, gateway.Quality) {
	at := int(f.Address) - int(start)
	if at < 0 {
		return 0, gateway.BadDecode
	}
	if f.Table.Single() {
		if at/8 >= len(data) {
			return 0, gateway.BadDecode
		}
		return f.mean(float64(data[at/8] >> (at % 8) & 1))
	}
	width := f.Type.Width()
	at *= 2
	if f.Type == Bit || at+width/8 > len(data) {
		return 0, gateway.BadDecode
	}
	raw := f.Order.uint(data[at : at+width/8])
	if len(f.NA) > 0 && f.notAvailable(raw, width) {
		return 0, gateway.BadNotAvailable
	}
	switch f.Type {
	case F32:
		return f.mean(float64(math.Float32frombits(uint32(raw))))
	case F64:
		return f.mean(math.Float64frombits(raw))
	case I16, I32, I64:
		return f.mean(float64(int64(raw<<(64-width)) >> (64 - width)))
	default:
		if f.Bits > 0 {
			raw = raw >> f.Shift & (1<<f.Bits - 1)
		}
		return f.mean(float64(raw))
	}
}

// notAvailable reports whether raw is one of the device's codes for "no value".
// A negative code is a signed number; all others are the bits as they lie.
func (f *Field) notAvailable(raw uint64, width int) bool {
	for _, na := range f.NA {
		if na < 0 {
			if na >= -1<<(width-1) && raw == uint64(na)<<(64-width)>>(64-width) {
				return true
			}
		} else if raw == uint64(na) {
			return true
		}
	}
	return false
}

// mean turns the raw number into the value of the point.
func (f *Field) mean(v float64) (float64, gateway.Quality) {
	if f.Kind == gateway.Discrete {
		if v != 0 && v != 1 {
			return 0, gateway.BadOutOfRange
		}
		if f.Invert {
			v = 1 - v
		}
		return v, gateway.Good
	}
	switch {
	case f.Divisor != 0:
		v /= f.Divisor
	case f.Scale != 0:
		// The conversion keeps the product from being fused with the sum, which
		// would give other last digits on another processor.
		v = float64(v * f.Scale)
	}
	v += f.Offset
	if v-v != 0 { // NaN or infinite
		if math.IsNaN(v) {
			return 0, gateway.BadNotAvailable
		}
		return 0, gateway.BadDecode
	}
	if len(f.Range) == 2 && (v < f.Range[0] || v > f.Range[1]) {
		return 0, gateway.BadOutOfRange
	}
	return v, gateway.Good
}

func indexOf(names []string, s string) (int, bool) {
	for i, n := range names {
		if n == s {
			return i, true
		}
	}
	return 0, false
}

func name(names []string, i int, what string) string {
	if i < len(names) && names[i] != "" {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", what, i)
}
