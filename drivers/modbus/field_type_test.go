package modbus_test

import (
	"math"
	"testing"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// TestDecodeOddTypes holds the types that are no plain integers against raw
// registers. The binary16 vectors are those of IEEE 754 as tables print them.
func TestDecodeOddTypes(t *testing.T) {
	const good, undecoded, absent = gateway.Good, gateway.BadDecode, gateway.BadNotAvailable
	tests := []struct {
		name    string
		typ     modbus.Type
		order   modbus.Order
		wire    string
		want    float64
		quality gateway.Quality
	}{
		{"upper byte", modbus.U8High, modbus.ABCD, "F20D", 0xF2, good},
		{"lower byte", modbus.U8Low, modbus.ABCD, "F20D", 0x0D, good},
		{"upper byte of a swapped register", modbus.U8High, modbus.BADC, "F20D", 0x0D, good},
		{"lower byte of a swapped register", modbus.U8Low, modbus.DCBA, "F20D", 0xF2, good},
		{"signed upper byte", modbus.I8High, modbus.ABCD, "F20D", -14, good},
		{"signed lower byte", modbus.I8Low, modbus.ABCD, "0D80", -128, good},
		{"24 bits beside a foreign byte", modbus.U24, modbus.ABCD, "AB12 3456", 0x123456, good},
		{"24 bits, low word first", modbus.U24, modbus.CDAB, "3456 AB12", 0x123456, good},
		{"24 bits, bytes swapped", modbus.U24, modbus.BADC, "12AB 5634", 0x123456, good},
		{"24 bits, all swapped", modbus.U24, modbus.DCBA, "5634 12AB", 0x123456, good},
		{"24 bits, negative", modbus.I24, modbus.ABCD, "00FF FFFE", -2, good},
		{"48 bits", modbus.U48, modbus.ABCD, "0001 0203 0405", 0x000102030405, good},
		{"48 bits, low word first", modbus.U48, modbus.CDAB, "0405 0203 0001", 0x000102030405, good},
		{"48 bits, bytes swapped", modbus.U48, modbus.BADC, "0100 0302 0504", 0x000102030405, good},
		{"48 bits, all swapped", modbus.U48, modbus.DCBA, "0504 0302 0100", 0x000102030405, good},
		{"48 bits, negative", modbus.I48, modbus.ABCD, "FFFF FFFF FC18", -1000, good},
		{"half 1", modbus.F16, modbus.ABCD, "3C00", 1, good},
		{"half -2", modbus.F16, modbus.ABCD, "C000", -2, good},
		{"half 65504, the largest", modbus.F16, modbus.ABCD, "7BFF", 65504, good},
		{"half 1/3 as near as it comes", modbus.F16, modbus.ABCD, "3555", 0.333251953125, good},
		{"half, the smallest normal", modbus.F16, modbus.ABCD, "0400", 0.00006103515625, good},
		{"half, the largest subnormal", modbus.F16, modbus.ABCD, "03FF", 1023.0 / (1 << 24), good},
		{"half, the smallest subnormal", modbus.F16, modbus.ABCD, "0001", 1.0 / (1 << 24), good},
		{"half, bytes swapped", modbus.F16, modbus.BADC, "003C", 1, good},
		{"half, infinite", modbus.F16, modbus.ABCD, "7C00", 0, undecoded},
		{"half, minus infinite", modbus.F16, modbus.ABCD, "FC00", 0, undecoded},
		{"half, no number", modbus.F16, modbus.ABCD, "7E00", 0, absent},
		{"half, signalling no number", modbus.F16, modbus.ABCD, "FC01", 0, absent},
		{"sign and magnitude", modbus.SM16, modbus.ABCD, "0064", 100, good},
		{"sign and magnitude, negative", modbus.SM16, modbus.ABCD, "8064", -100, good},
		{"sign and magnitude, the most negative", modbus.SM16, modbus.ABCD, "FFFF", -32767, good},
		{"sign and magnitude, 32 bits", modbus.SM32, modbus.CDAB, "86A0 8001", -100000, good},
		{"four digits", modbus.BCD16, modbus.ABCD, "1234", 1234, good},
		{"eight digits, low word first", modbus.BCD32, modbus.CDAB, "5678 1234", 12345678, good},
		{"a digit that is none", modbus.BCD16, modbus.ABCD, "12A4", 0, undecoded},
		{"eight digits that are none", modbus.BCD32, modbus.ABCD, "FFFF FFFF", 0, undecoded},
		{"modulo 10000, two registers", modbus.Mod10K2, modbus.ABCD, "04D2 162E", 12345678, good},
		{"modulo 10000, three, low first", modbus.Mod10K3, modbus.CDAB, "162E 04D2 0001", 112345678, good},
		{"modulo 10000, four", modbus.Mod10K4, modbus.ABCD, "0001 0002 0003 0004", 1000200030004, good},
		{"modulo 10000, negative", modbus.Mod10K2, modbus.ABCD, "FFFF FFFE", -10002, good},
		{"modulo 10000, negative with an empty register", modbus.Mod10K2, modbus.ABCD, "0000 FFFE", -2, good},
		{"modulo 10000 of two signs", modbus.Mod10K2, modbus.ABCD, "0001 FFFE", 0, undecoded},
		{"modulo 10000 beyond", modbus.Mod10K2, modbus.ABCD, "0000 2710", 0, undecoded},
		{"modulo 10000 far beyond", modbus.Mod10K4, modbus.ABCD, "8000 0000 0000 0000", 0, undecoded},
		{"a moment", modbus.Epoch32, modbus.ABCD, "65A5 0B80", 1705315200, good},
		{"a clock that was never set", modbus.Epoch32, modbus.ABCD, "0000 0000", 0, absent},
		{"a clock that is not there", modbus.Epoch32, modbus.ABCD, "FFFF FFFF", 0, absent},
	}
	for _, tt := range tests {
		f := modbus.Field{Table: modbus.InputRegisters, Type: tt.typ, Order: tt.order}
		data := unhex(t, tt.wire)
		got, q := f.Decode(data, 0)
		if got != tt.want || q != tt.quality || math.Signbit(got) && got == 0 {
			t.Errorf("%s: %v, %s; want %v, %s", tt.name, got, q, tt.want, tt.quality)
		}
		if len(data) != 2*tt.typ.Registers() {
			t.Errorf("%s: %s takes %d registers", tt.name, tt.typ, tt.typ.Registers())
		}
		if _, q := f.Decode(data[:len(data)-1], 0); q != undecoded {
			t.Errorf("%s with the last byte missing is %s", tt.name, q)
		}
	}
	// Minus nothing is nothing: it must not be shown with a sign.
	for typ, wire := range map[modbus.Type]string{modbus.SM16: "8000", modbus.SM32: "8000 0000", modbus.F16: "8000"} {
		f := modbus.Field{Table: modbus.HoldingRegisters, Type: typ}
		if got, q := f.Decode(unhex(t, wire), 0); got != 0 || math.Signbit(got) || q != gateway.Good {
			t.Errorf("%s %s is %v, %s", typ, wire, got, q)
		}
	}
	// The code of a byte is that of the byte, not of its register.
	f := modbus.Field{Table: modbus.HoldingRegisters, Type: modbus.U8Low, NA: []int64{0xFF}}
	if _, q := f.Decode(unhex(t, "12FF"), 0); q != absent {
		t.Errorf("the code of a lower byte is %s", q)
	}
}

func TestEveryTypeIsReadByItsName(t *testing.T) {
	seen := make(map[string]bool)
	for i, name := range modbus.Types() {
		typ, ok := modbus.ParseType(name)
		if !ok || typ != modbus.Type(i) || typ.String() != name || name == "" || seen[name] {
			t.Errorf("type %d is called %q and reads as %s, %t", i, name, typ, ok)
		}
		seen[name] = true
	}
	if _, ok := modbus.ParseType("u17"); ok || modbus.Type(200).String() != "type(200)" {
		t.Error("a type that is none has been taken")
	}
}

func TestTotalsBeginAgainAtTheEndOfTheirType(t *testing.T) {
	for typ, want := range map[modbus.Type]float64{
		modbus.U16: 65536, modbus.U8Low: 256, modbus.U24: 1 << 24, modbus.U32: 1 << 32, modbus.U48: 1 << 48,
		modbus.BCD16: 1e4, modbus.BCD32: 1e8, modbus.Mod10K2: 1e8, modbus.Mod10K3: 1e12, modbus.Mod10K4: 1e16,
		modbus.U64: 0, modbus.I32: 0, modbus.SM32: 0, modbus.F32: 0, modbus.F64: 0, modbus.Epoch32: 0, modbus.Bit: 0,
	} {
		if got := typ.Modulus(); got != want {
			t.Errorf("a %s begins again after %v, want %v", typ, got, want)
		}
	}
}

func TestAFactorScalesTheValue(t *testing.T) {
	const good, out = gateway.Good, gateway.BadOutOfRange
	for _, tt := range []struct {
		name    string
		power   bool
		raw, by float64
		quality gateway.Quality // of the factor
		want    float64
		result  gateway.Quality
	}{
		{"a factor", false, 2301, 0.5, good, 1150.5, good},
		{"tenths, as the decimal number itself", true, 3, -1, good, 0.3, good},
		{"thousands", true, 3, 3, good, 3000, good},
		{"as it is", true, 3, 0, good, 3, good},
		{"half a power", true, 3, 0.5, good, 0, out},
		{"a power that was never set", true, 3, -32768, good, 0, out},
		{"a factor that was never set", false, 3, 0, good, 0, out},
		{"a factor that is not there", false, 3, 0, gateway.BadNotAvailable, 0, gateway.BadNotAvailable},
		{"a factor that was not read", true, 3, 0, gateway.BadException, 0, gateway.BadNotAvailable},
		{"beyond the range", true, 9001, 0, good, 0, out},
		{"beyond all numbers", false, 1e300, 1e300, good, 0, gateway.BadDecode},
	} {
		f := modbus.Field{Range: []float64{0, 9000}, Factor: &modbus.Factor{Power: tt.power}}
		got, q := f.Apply(tt.raw, tt.by, tt.quality)
		if got != tt.want || q != tt.result {
			t.Errorf("%s: %v, %s; want %v, %s", tt.name, got, q, tt.want, tt.result)
		}
	}
	// The offset comes after the factor and the range holds for the end.
	f := modbus.Field{Table: modbus.HoldingRegisters, Scale: 0.1, Offset: -40, Range: []float64{-40, 100}, Factor: &modbus.Factor{}}
	raw, q := f.Decode(unhex(t, "2710"), 0)
	if v, _ := f.Apply(raw, 0.1, q); v != 60 {
		t.Errorf("10000 tenths times 0.1 less 40 is %v", v)
	}
}
