package modbus

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
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

// Type is how the registers of a value are to be read.
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
	U8High // the upper byte of a register
	U8Low  // the lower byte
	I8High
	I8Low
	U24 // the lower three bytes of two registers; the upper byte belongs to something else
	I24
	U48 // three registers
	I48
	F16     // IEEE 754 binary16
	SM16    // sign and magnitude: the highest bit is the sign, not part of a two's complement
	SM32    // as SM16
	BCD16   // four decimal digits, one in each half byte
	BCD32   // eight
	Mod10K2 // two registers of four decimal digits each: -9999 to 9999, all of one sign
	Mod10K3 // three
	Mod10K4 // four; beyond 2^53 as U64
	Epoch32 // seconds since 1970 UTC; 0 and all bits set are a clock that was never set
	Bit
)

// form is how the bits of a type stand for a number.
type form uint8

const (
	unsigned form = iota
	signed
	float
	magnitude
	decimal
	modulo
)

// types holds what is to be known of each type: its name in profiles, how many
// bits are the value's, and how many registers, coils or inputs hold it.
var types = [...]struct {
	name      string
	width     int
	registers int
	form      form
}{
	U16: {"u16", 16, 1, unsigned}, I16: {"i16", 16, 1, signed},
	U32: {"u32", 32, 2, unsigned}, I32: {"i32", 32, 2, signed},
	U64: {"u64", 64, 4, unsigned}, I64: {"i64", 64, 4, signed},
	F32: {"f32", 32, 2, float}, F64: {"f64", 64, 4, float},
	U8High: {"u8_hi", 8, 1, unsigned}, U8Low: {"u8_lo", 8, 1, unsigned},
	I8High: {"i8_hi", 8, 1, signed}, I8Low: {"i8_lo", 8, 1, signed},
	U24: {"u24", 24, 2, unsigned}, I24: {"i24", 24, 2, signed},
	U48: {"u48", 48, 3, unsigned}, I48: {"i48", 48, 3, signed},
	F16:  {"f16", 16, 1, float},
	SM16: {"sm16", 16, 1, magnitude}, SM32: {"sm32", 32, 2, magnitude},
	BCD16: {"bcd16", 16, 1, decimal}, BCD32: {"bcd32", 32, 2, decimal},
	Mod10K2: {"mod10k_2", 32, 2, modulo}, Mod10K3: {"mod10k_3", 48, 3, modulo}, Mod10K4: {"mod10k_4", 64, 4, modulo},
	Epoch32: {"epoch32", 32, 2, unsigned},
	Bit:     {"bit", 1, 1, unsigned},
}

// Types returns the names of the types.
func Types() []string {
	names := make([]string, len(types))
	for i := range types {
		names[i] = types[i].name
	}
	return names
}

// ParseType returns the type named s.
func ParseType(s string) (Type, bool) {
	for i := range types {
		if types[i].name == s {
			return Type(i), true
		}
	}
	return 0, false
}

// String returns the name of the type as profiles write it.
func (t Type) String() string {
	if int(t) < len(types) {
		return types[t].name
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// Width returns the number of bits of a value of the type.
func (t Type) Width() int { return types[t].width }

// Registers returns how many registers, coils or inputs hold one value.
func (t Type) Registers() int { return types[t].registers }

// Unsigned reports whether the type is an unsigned integer of registers, of
// which single bits may be taken.
func (t Type) Unsigned() bool {
	return types[t].form == unsigned && t != Bit && t != Epoch32
}

// Modulus returns the number of values of the type from 0 on, after which a
// total begins again at 0; 0 if there is no such end that a total would reach.
func (t Type) Modulus() float64 {
	switch types[t].form {
	case unsigned:
		if width := types[t].width; width <= 48 && t.Unsigned() {
			return math.Ldexp(1, width)
		}
	case decimal:
		return math.Pow10(types[t].width / 4)
	case modulo:
		return math.Pow10(types[t].width / 4)
	}
	return 0
}

// Float reports whether the type is an IEEE 754 number.
func (t Type) Float() bool { return types[t].form == float }

// cut returns the bits of a value of the type out of its registers.
func (t Type) cut(registers uint64) uint64 {
	switch t {
	case U8High, I8High:
		return registers >> 8
	case U8Low, I8Low:
		return registers & 0xFF
	case U24, I24:
		return registers & 0xFFFFFF
	default:
		return registers
	}
}

// number returns what the bits of a value stand for. It is false for bits that
// no value of the type has.
func (t Type) number(raw uint64) (float64, bool) {
	width := types[t].width
	switch types[t].form {
	case signed:
		return float64(int64(raw<<(64-width)) >> (64 - width)), true
	case float:
		switch width {
		case 16:
			return half(uint16(raw)), true
		case 32:
			return float64(math.Float32frombits(uint32(raw))), true
		default:
			return math.Float64frombits(raw), true
		}
	case magnitude:
		sign := uint64(1) << (width - 1)
		if raw&sign != 0 && raw != sign { // there is no negative zero
			return -float64(raw &^ sign), true
		}
		return float64(raw &^ sign), true
	case decimal:
		return decimalDigits(raw, width)
	case modulo:
		return moduloWords(raw, width)
	default:
		return float64(raw), true
	}
}

// half returns the IEEE 754 binary16 number b.
func half(b uint16) float64 {
	fraction, exponent := float64(b&0x3FF), int(b>>10&0x1F)
	var v float64
	switch exponent {
	case 0: // subnormal
		v = math.Ldexp(fraction, -24)
	case 0x1F:
		if fraction != 0 {
			return math.NaN()
		}
		v = math.Inf(1)
	default:
		v = math.Ldexp(1024+fraction, exponent-25)
	}
	if b&0x8000 != 0 {
		return 0 - v // and not -v: there is no negative zero
	}
	return v
}

// decimalDigits reads raw as one decimal digit in each half byte.
func decimalDigits(raw uint64, width int) (float64, bool) {
	var v uint64
	for shift := width - 4; shift >= 0; shift -= 4 {
		digit := raw >> shift & 0xF
		if digit > 9 {
			return 0, false
		}
		v = v*10 + digit
	}
	return float64(v), true
}

// moduloWords reads raw as four decimal digits in each register. A negative
// number has its sign in every register that is not 0.
func moduloWords(raw uint64, width int) (float64, bool) {
	var v int64
	positive, negative := false, false
	for shift := width - 16; shift >= 0; shift -= 16 {
		word := int64(int16(raw >> shift))
		if word < -9999 || word > 9999 {
			return 0, false
		}
		positive, negative = positive || word > 0, negative || word < 0
		v = v*10_000 + word
	}
	return float64(v), !positive || !negative
}

// Order is the order in which the bytes of a value lie on the wire, written as
// the four bytes of a 32-bit value of which A is the highest.
//
// It is made of two choices, so that it has a meaning for every width: whether
// the lowest word comes first (CDAB, DCBA), and whether the two bytes of each
// register are swapped (BADC, DCBA). A 64-bit value ABCDEFGH is therefore sent
// as GHEFCDAB in the order CDAB, as BADCFEHG in BADC, as HGFEDCBA in DCBA; a
// value of one register knows the swapped bytes only.
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

// uint returns the 2, 4, 6 or 8 bytes of b as the number they stand for.
func (o Order) uint(b []byte) uint64 {
	var v uint64
	switch len(b) {
	case 2:
		v = uint64(binary.BigEndian.Uint16(b))
	case 4:
		v = uint64(binary.BigEndian.Uint32(b))
	case 6:
		v = uint64(binary.BigEndian.Uint32(b))<<16 | uint64(binary.BigEndian.Uint16(b[4:]))
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
