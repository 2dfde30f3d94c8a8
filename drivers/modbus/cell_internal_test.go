package modbus

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/intact-gateway/intact/gateway"
)

// TestABlockDecodesAsItsFieldsDo holds what is worked out for a request
// beforehand against Field.Decode, bit by bit, for all types and orders.
func TestABlockDecodesAsItsFieldsDo(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	plain := 0
	for range 10_000 {
		fields := randomFields(random)
		for _, r := range Plan(fields, maxRegisters, 8) {
			data := randomWords(random, int(r.Count))
			b := block{Request: r, cells: cellsOf(fields, &r)}
			values := make([]gateway.Sample, len(fields))
			b.decode(fields, values, data, 7)
			for i, n := range r.Fields {
				f, got := &fields[n], values[n]
				want, q := f.Decode(data, r.Start)
				if math.Float64bits(got.Value) != math.Float64bits(want) || got.Quality != q || got.At != 7 {
					t.Fatalf("%+v of % x is %v, %s; want %v, %s", f, data, got.Value, got.Quality, want, q)
				}
				if b.cells[i].form != notPlain && q == gateway.Good {
					plain++
				}
			}
		}
	}
	if plain < 3_000 {
		t.Errorf("only %d good values were of a plain form", plain)
	}
}

// randomFields returns some fields in the order in which they are read.
func randomFields(random *rand.Rand) []Field {
	pick := func(of ...float64) float64 { return of[random.IntN(len(of))] }
	var fields []Field
	for range 1 + random.IntN(8) {
		f := Field{
			Table: HoldingRegisters, Type: Type(random.IntN(int(Bit))), Order: Order(random.IntN(4)),
			Address: uint16(40 + random.IntN(60)), Period: 1,
			Scale: pick(0, 1, 0.1, -2.5), Divisor: pick(0, 0, 10, 3), Offset: pick(0, 0, -273.15, 1e300),
		}
		if random.IntN(4) == 0 {
			f.Kind = gateway.Discrete
		}
		if random.IntN(4) == 0 {
			f.Range = []float64{pick(math.Inf(-1), -10, 0), pick(math.Inf(1), 500, 40_000)}
		}
		if random.IntN(8) == 0 {
			f.NA = []int64{0xFFFF, -1}
		}
		if random.IntN(8) == 0 && f.Type.Unsigned() {
			f.Shift, f.Bits = 1, 3
		}
		if random.IntN(8) == 0 {
			f.Factor = &Factor{}
		}
		fields = append(fields, f)
	}
	arranged, _ := arrange(fields)
	return arranged
}

// randomWords returns so many registers, many of which hold what is special.
func randomWords(random *rand.Rand, count int) []byte {
	special := []uint16{0, 1, 0x7FC0, 0x7F80, 0xFF80, 0x8000, 0xFFFF, 0x436A}
	var data []byte
	for range count {
		w := uint16(random.Uint32())
		if random.IntN(2) == 0 {
			w = special[random.IntN(len(special))]
		}
		data = binary.BigEndian.AppendUint16(data, w)
	}
	return data
}

// TestArrangeKeepsGatesAndFactors wants every field to depend on the same field
// as before.
func TestArrangeKeepsGatesAndFactors(t *testing.T) {
	fields := []Field{
		{Name: "flow", Address: 30, Gate: &Gate{Field: 2}, Factor: &Factor{Field: 1}},
		{Name: "scale", Address: 20},
		{Name: "signal", Address: 10},
	}
	arranged, was := arrange(fields)
	for i, f := range arranged {
		if f.Name != fields[was[i]].Name || i > 0 && f.Address < arranged[i-1].Address {
			t.Fatalf("field %d is %s at %d, which was %d", i, f.Name, f.Address, was[i])
		}
	}
	flow := arranged[2]
	if g, x := arranged[flow.Gate.Field].Name, arranged[flow.Factor.Field].Name; g != "signal" || x != "scale" {
		t.Errorf("the gate is %s, the factor %s", g, x)
	}
	if fields[0].Gate.Field != 2 {
		t.Error("the given field was changed")
	}
}
