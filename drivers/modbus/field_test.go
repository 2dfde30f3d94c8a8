package modbus_test

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeEveryTypeInEveryOrder(t *testing.T) {
	tests := []struct {
		typ  modbus.Type
		want float64
		wire [4]string // ABCD, CDAB, BADC, DCBA
	}{
		{modbus.U16, 0x1234, [4]string{"1234", "1234", "3412", "3412"}},
		{modbus.I16, -2, [4]string{"FFFE", "FFFE", "FEFF", "FEFF"}},
		{modbus.U32, 0x12345678, [4]string{"1234 5678", "5678 1234", "3412 7856", "7856 3412"}},
		{modbus.I32, -1000, [4]string{"FFFF FC18", "FC18 FFFF", "FFFF 18FC", "18FC FFFF"}},
		{modbus.F32, 234.5, [4]string{"436A 8000", "8000 436A", "6A43 0080", "0080 6A43"}},
		{modbus.U64, 0x0001020304050607, [4]string{
			"0001 0203 0405 0607", "0607 0405 0203 0001", "0100 0302 0504 0706", "0706 0504 0302 0100"}},
		{modbus.I64, -2, [4]string{
			"FFFF FFFF FFFF FFFE", "FFFE FFFF FFFF FFFF", "FFFF FFFF FFFF FEFF", "FEFF FFFF FFFF FFFF"}},
		{modbus.F64, 1.5, [4]string{
			"3FF8 0000 0000 0000", "0000 0000 0000 3FF8", "F83F 0000 0000 0000", "0000 0000 0000 F83F"}},
	}
	for _, tt := range tests {
		for order, wire := range tt.wire {
			f := modbus.Field{Table: modbus.HoldingRegisters, Address: 11, Type: tt.typ, Order: modbus.Order(order)}
			data := append(unhex(t, "AAAA"), unhex(t, wire)...)
			got, q := f.Decode(data, 10)
			if got != tt.want || q != gateway.Good {
				t.Errorf("%s %s %s = %v, %s; want %v", tt.typ, f.Order, wire, got, q, tt.want)
			}
			if _, q := f.Decode(data[:len(data)-1], 10); q != gateway.BadDecode {
				t.Errorf("%s with the last byte missing is %s", tt.typ, q)
			}
		}
	}
}

func TestDecodeMeaning(t *testing.T) {
	holding := modbus.HoldingRegisters
	tests := []struct {
		name    string
		field   modbus.Field
		wire    string
		want    float64
		quality gateway.Quality
	}{
		{"a bit that is set", modbus.Field{Kind: gateway.Discrete, Table: holding, Shift: 11, Bits: 1}, "0C05", 1, gateway.Good},
		{"a bit that is clear", modbus.Field{Kind: gateway.Discrete, Table: holding, Shift: 12, Bits: 1}, "0C05", 0, gateway.Good},
		{"a normally closed contact", modbus.Field{Kind: gateway.Discrete, Table: holding, Shift: 11, Bits: 1, Invert: true}, "0C05", 0, gateway.Good},
		{"a field of bits", modbus.Field{Table: holding, Shift: 8, Bits: 8}, "5240", 0x52, gateway.Good},
		{"a field over a word's edge", modbus.Field{Table: holding, Type: modbus.U32, Shift: 12, Bits: 8}, "0001 2345", 0x12, gateway.Good},
		{"all 64 bits", modbus.Field{Table: holding, Type: modbus.U64, Bits: 64}, "0000 0000 0000 0009", 9, gateway.Good},
		{"a register of a discrete point that is neither 0 nor 1", modbus.Field{Kind: gateway.Discrete, Table: holding}, "0002", 0, gateway.BadOutOfRange},
		{"scale and offset", modbus.Field{Table: holding, Scale: 0.5, Offset: -273}, "0250", 23, gateway.Good},
		{"a divisor gives the decimal number itself", modbus.Field{Table: holding, Divisor: 10}, "0003", 0.3, gateway.Good},
		{"not available, unsigned", modbus.Field{Table: holding, NA: []int64{0xFFFF}}, "FFFF", 0, gateway.BadNotAvailable},
		{"not available, whole register of a bit", modbus.Field{Kind: gateway.Discrete, Table: holding, Shift: 3, Bits: 1, NA: []int64{0xFFFF}}, "FFFF", 0, gateway.BadNotAvailable},
		{"not available, signed as bits", modbus.Field{Table: holding, Type: modbus.I16, NA: []int64{0x8000}}, "8000", 0, gateway.BadNotAvailable},
		{"not available, signed as number", modbus.Field{Table: holding, Type: modbus.I16, NA: []int64{-32768}}, "8000", 0, gateway.BadNotAvailable},
		{"the code of a wider type is no code of this one", modbus.Field{Table: holding, NA: []int64{0xFFFFFFFF, -65536, math.MinInt64}}, "FFFF", 65535, gateway.Good},
		{"0 is a value unless the device says otherwise", modbus.Field{Table: holding}, "0000", 0, gateway.Good},
		{"a NaN", modbus.Field{Table: holding, Type: modbus.F32}, "7FC0 0000", 0, gateway.BadNotAvailable},
		{"a signalling NaN of 64 bits", modbus.Field{Table: holding, Type: modbus.F64}, "7FF0 0000 0000 0001", 0, gateway.BadNotAvailable},
		{"infinity", modbus.Field{Table: holding, Type: modbus.F32}, "7F80 0000", 0, gateway.BadDecode},
		{"negative infinity", modbus.Field{Table: holding, Type: modbus.F32}, "FF80 0000", 0, gateway.BadDecode},
		{"infinity by scaling", modbus.Field{Table: holding, Type: modbus.F64, Scale: 10}, "7FEF FFFF FFFF FFFF", 0, gateway.BadDecode},
		{"lowest possible value", modbus.Field{Table: holding, Range: []float64{10, 20}}, "000A", 10, gateway.Good},
		{"highest possible value", modbus.Field{Table: holding, Range: []float64{10, 20}}, "0014", 20, gateway.Good},
		{"below the range", modbus.Field{Table: holding, Range: []float64{10, 20}}, "0009", 0, gateway.BadOutOfRange},
		{"above the range", modbus.Field{Table: holding, Range: []float64{10, 20}}, "0015", 0, gateway.BadOutOfRange},
		{"an address before the data", modbus.Field{Table: holding, Address: 0}, "", 0, gateway.BadDecode},
		{"a register read as a bit", modbus.Field{Table: holding, Type: modbus.Bit}, "FFFF", 0, gateway.BadDecode},
	}
	for _, tt := range tests {
		got, q := tt.field.Decode(unhex(t, tt.wire), 0)
		if got != tt.want || q != tt.quality {
			t.Errorf("%s: %v, %s; want %v, %s", tt.name, got, q, tt.want, tt.quality)
		}
	}
	before := modbus.Field{Table: holding, Address: 4}
	if _, q := before.Decode(make([]byte, 20), 5); q != gateway.BadDecode {
		t.Errorf("an address before the start of the data is %s", q)
	}
}

// The example of the Modbus Application Protocol V1.1b3, 6.1: coils 20 to 38
// are CD 6B 05.
func TestDecodeCoils(t *testing.T) {
	data := unhex(t, "CD6B05")
	set := "1011001111010110101" // coil 20 first
	for i := range 24 {
		f := modbus.Field{Kind: gateway.Discrete, Table: modbus.Coils, Type: modbus.Bit, Address: uint16(19 + i)}
		got, q := f.Decode(data, 19)
		want := 0.0
		if i < len(set) && set[i] == '1' {
			want = 1
		}
		if got != want || q != gateway.Good {
			t.Errorf("coil %d = %v, %s; want %v", 20+i, got, q, want)
		}
	}
	f := modbus.Field{Table: modbus.Coils, Type: modbus.Bit, Address: 43}
	if _, q := f.Decode(data, 19); q != gateway.BadDecode {
		t.Errorf("a coil behind the data is %s", q)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x43, 0x6A, 0, 0}, uint16(0), uint16(0), byte(3), byte(6), byte(0), byte(0), byte(0), 1.0, 0.0, int64(-1))
	f.Add([]byte{0xCD, 0x6B, 5}, uint16(19), uint16(25), byte(1), byte(8), byte(0), byte(0), byte(0), 0.0, 0.0, int64(0))
	f.Add([]byte{0x7C, 0, 0x7E, 0}, uint16(0), uint16(1), byte(2), byte(modbus.F16), byte(2), byte(0), byte(0), 1.0, 0.0, int64(0))
	f.Add([]byte{0x12, 0xA4, 0xFF, 0xFF}, uint16(0), uint16(0), byte(2), byte(modbus.BCD32), byte(1), byte(0), byte(0), 1.0, 0.0, int64(0))
	f.Add([]byte{0, 1, 0xFF, 0xFE, 0, 0, 0x27, 0x10}, uint16(0), uint16(0), byte(2), byte(modbus.Mod10K4), byte(0), byte(0), byte(0), 1.0, 0.0, int64(0))
	f.Add([]byte{0x80, 0, 0, 0, 0, 0}, uint16(0), uint16(0), byte(2), byte(modbus.U48), byte(3), byte(8), byte(4), 1.0, 0.0, int64(0))
	f.Fuzz(func(t *testing.T, data []byte, start, address uint16, table, typ, order, shift, bits byte, scale, offset float64, na int64) {
		field := modbus.Field{
			Table: modbus.Table(1 + table%4), Address: address, Type: modbus.Type(int(typ) % len(modbus.Types())), Order: modbus.Order(order % 4),
			Shift: int(shift % 64), Bits: int(bits % 64), Scale: scale, Offset: offset, NA: []int64{na}, Range: []float64{-1e12, 1e12},
		}
		v, q := field.Decode(data, start)
		switch {
		case q == gateway.NotSeen:
			t.Error("no quality")
		case !q.HasValue() && v != 0:
			t.Errorf("a bad sample carries %v", v)
		case q.HasValue() && !(v >= -1e12 && v <= 1e12):
			t.Errorf("%v is good but out of range", v)
		case q.HasValue() && len(data) == 0:
			t.Error("a value came from no data")
		}
	})
}
