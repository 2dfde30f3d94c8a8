package modbus_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/drivers/modbus"
)

func at(table modbus.Table, typ modbus.Type, address int) modbus.Field {
	return modbus.Field{Table: table, Type: typ, Address: uint16(address), Period: time.Second}
}

func TestPlan(t *testing.T) {
	const holding, input, coils = modbus.HoldingRegisters, modbus.InputRegisters, modbus.Coils
	later := at(holding, modbus.U16, 1)
	later.Period = time.Minute
	type read struct {
		Table        modbus.Table
		Start, Count uint16
		Fields       []int
	}
	tests := []struct {
		name            string
		fields          []modbus.Field
		maxRegs, maxGap int
		want            []read
	}{
		{"nothing", nil, 125, 8, nil},
		{"neighbours are read together, in any order", []modbus.Field{at(holding, modbus.U16, 2), at(holding, modbus.F32, 0)}, 125, 0,
			[]read{{holding, 0, 3, []int{1, 0}}}},
		{"a gap of the limit is read over", []modbus.Field{at(holding, modbus.U16, 0), at(holding, modbus.U16, 9)}, 125, 8,
			[]read{{holding, 0, 10, []int{0, 1}}}},
		{"a larger gap is not", []modbus.Field{at(holding, modbus.U16, 0), at(holding, modbus.U16, 10)}, 125, 8,
			[]read{{holding, 0, 1, []int{0}}, {holding, 10, 1, []int{1}}}},
		{"tables stay apart", []modbus.Field{at(holding, modbus.U16, 0), at(input, modbus.U16, 1)}, 125, 8,
			[]read{{holding, 0, 1, []int{0}}, {input, 1, 1, []int{1}}}},
		{"periods stay apart", []modbus.Field{later, at(holding, modbus.U16, 0)}, 125, 8,
			[]read{{holding, 0, 1, []int{1}}, {holding, 1, 1, []int{0}}}},
		{"a value is not cut at the limit", []modbus.Field{at(holding, modbus.U16, 0), at(holding, modbus.U16, 1), at(holding, modbus.F32, 2)}, 3, 0,
			[]read{{holding, 0, 2, []int{0, 1}}, {holding, 2, 2, []int{2}}}},
		{"a value longer than the limit is read whole", []modbus.Field{at(holding, modbus.F64, 7)}, 2, 0,
			[]read{{holding, 7, 4, []int{0}}}},
		{"bits of one register are one read", []modbus.Field{at(holding, modbus.U16, 5), at(holding, modbus.U16, 5), at(holding, modbus.U32, 5)}, 125, 0,
			[]read{{holding, 5, 2, []int{0, 1, 2}}}},
		{"a short value inside a long one", []modbus.Field{at(holding, modbus.F64, 0), at(holding, modbus.U16, 1), at(holding, modbus.U16, 4)}, 125, 0,
			[]read{{holding, 0, 5, []int{0, 1, 2}}}},
		{"coils count by 16", []modbus.Field{at(coils, modbus.Bit, 0), at(coils, modbus.Bit, 31), at(coils, modbus.Bit, 32)}, 2, 125,
			[]read{{coils, 0, 32, []int{0, 1}}, {coils, 32, 1, []int{2}}}},
		{"never more than 2000 coils", []modbus.Field{at(coils, modbus.Bit, 0), at(coils, modbus.Bit, 1999), at(coils, modbus.Bit, 2000)}, 125, 125,
			[]read{{coils, 0, 2000, []int{0, 1}}, {coils, 2000, 1, []int{2}}}},
		{"never more than 125 registers", []modbus.Field{at(holding, modbus.U16, 0), at(holding, modbus.U16, 124), at(holding, modbus.U16, 125)}, 999, 200,
			[]read{{holding, 0, 125, []int{0, 1}}, {holding, 125, 1, []int{2}}}},
		{"the last register", []modbus.Field{at(holding, modbus.U16, 65535)}, 125, 8,
			[]read{{holding, 65535, 1, []int{0}}}},
	}
	for _, tt := range tests {
		var got []read
		for _, r := range modbus.Plan(tt.fields, tt.maxRegs, tt.maxGap) {
			got = append(got, read{r.Table, r.Start, r.Count, r.Fields})
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestPlanKeepsItsPromises(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		fields := make([]modbus.Field, random.IntN(60))
		for i := range fields {
			f := at(modbus.Table(1+random.IntN(4)), modbus.Type(random.IntN(8)), random.IntN(500))
			if f.Table.Single() {
				f.Type = modbus.Bit
			}
			f.Period = time.Duration(1+random.IntN(2)) * time.Second
			fields[i] = f
		}
		maxRegs, maxGap := 4+random.IntN(130), random.IntN(20)
		seen := make([]int, len(fields))
		for _, r := range modbus.Plan(fields, maxRegs, maxGap) {
			limit := min(maxRegs, 125)
			if r.Table.Single() {
				limit = min(16*maxRegs, 2000)
			}
			if int(r.Count) > limit {
				t.Fatalf("%d of table %s in one request, limit %d", r.Count, r.Table, limit)
			}
			for _, i := range r.Fields {
				f := fields[i]
				seen[i]++
				if f.Table != r.Table || f.Period != r.Period || f.Address < r.Start ||
					int(f.Address)+f.Type.Registers() > int(r.Start)+int(r.Count) {
					t.Fatalf("field %+v is not in %+v", f, r)
				}
			}
		}
		for i, n := range seen {
			if n != 1 {
				t.Fatalf("field %d is read %d times", i, n)
			}
		}
	}
}
