package modbus

import (
	"cmp"
	"slices"
	"time"
)

// The most that one request may ask for (Modbus Application Protocol 6.1, 6.3).
const (
	maxRegisters = 125
	maxBits      = 2000
)

// Request is one read: Count registers or bits of a table from Start on, with
// the fields that are found in the answer.
type Request struct {
	Table  Table
	Start  uint16
	Count  uint16
	Period time.Duration
	Fields []int // indices of the fields given to Plan, by address
}

// Plan arranges the fields of one unit into as few requests as its device
// allows, for each table and period on its own.
//
// A request asks for at most maxRegs registers and reads up to maxGap unwanted
// ones to join two fields; of coils and discrete inputs, 16 stand for a
// register. A value is never split, even if it alone is longer than maxRegs.
func Plan(fields []Field, maxRegs, maxGap int) []Request {
	var plan []Request
	for _, i := range readingOrder(fields) {
		f := &fields[i]
		limit, gap := min(maxRegs, maxRegisters), maxGap
		if f.Table.Single() {
			limit, gap = min(16*maxRegs, maxBits), 16*maxGap
		}
		if n := len(plan) - 1; n >= 0 && plan[n].joins(f, limit, gap) {
			plan[n].add(i, f)
			continue
		}
		plan = append(plan, Request{Table: f.Table, Start: f.Address, Period: f.Period})
		plan[len(plan)-1].add(i, f)
	}
	return plan
}

// readingOrder returns the indices of the fields in the order in which the
// requests of a plan read them.
func readingOrder(fields []Field) []int {
	order := make([]int, len(fields))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &fields[a], &fields[b]
		return cmp.Or(cmp.Compare(x.Period, y.Period), cmp.Compare(x.Table, y.Table),
			cmp.Compare(x.Address, y.Address), cmp.Compare(x.end(), y.end()))
	})
	return order
}

// arrange returns the fields in the order in which they are read, and which of
// the given ones each of them is. Gates and factors are those of the same fields
// as before.
func arrange(fields []Field) (arranged []Field, was []int) {
	was = readingOrder(fields)
	place := make([]int, len(fields))
	for i, n := range was {
		place[n] = i
	}
	for _, n := range was {
		f := fields[n]
		if f.Gate != nil {
			f.Gate = new(*f.Gate)
			f.Gate.Field = place[f.Gate.Field]
		}
		if f.Factor != nil {
			f.Factor = new(*f.Factor)
			f.Factor.Field = place[f.Factor.Field]
		}
		arranged = append(arranged, f)
	}
	return arranged, was
}

// joins reports whether f, which lies behind all fields of r, may be read with them.
func (r *Request) joins(f *Field, limit, gap int) bool {
	return r.Table == f.Table && r.Period == f.Period &&
		int(f.Address) <= r.end()+gap && max(f.end(), r.end())-int(r.Start) <= limit
}

// add makes field number i, which is f, part of r.
func (r *Request) add(i int, f *Field) {
	r.Count = uint16(max(r.end(), f.end()) - int(r.Start))
	r.Fields = append(r.Fields, i)
}

// end returns the address after the last one r asks for.
func (r *Request) end() int { return int(r.Start) + int(r.Count) }

// halves cuts r in two between two addresses near its middle. It returns nil
// if all fields begin at the same address or overlap.
func (r *Request) halves(fields []Field) []Request {
	at, best := 0, len(r.Fields)
	end := 0
	for i, f := range r.Fields {
		distance := max(2*i-len(r.Fields), len(r.Fields)-2*i)
		if i > 0 && int(fields[f].Address) >= end && distance < best {
			at, best = i, distance
		}
		end = max(end, fields[f].end())
	}
	if at == 0 {
		return nil
	}
	return []Request{r.part(fields, r.Fields[:at]), r.part(fields, r.Fields[at:])}
}

// part returns the request for some of the fields of r.
func (r *Request) part(fields []Field, some []int) Request {
	p := Request{Table: r.Table, Start: fields[some[0]].Address, Period: r.Period}
	for _, i := range some {
		p.add(i, &fields[i])
	}
	return p
}
