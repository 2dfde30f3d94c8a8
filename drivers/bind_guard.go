package drivers

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// counter returns what a total of the type can do from one reading to the next.
func (pt *Point) counter(t modbus.Type) *modbus.Counter {
	c := &modbus.Counter{MaxRate: float64(pt.MaxRate), Rollover: pt.Rollover}
	if !t.Float() {
		c.Step = math.Abs(*pt.Scale)
	}
	if c.Rollover == 0 && pt.Factor == nil {
		c.Rollover = t.Modulus() * c.Step
	}
	return c
}

// sentinelFields returns the fields that guard the answers that fields are read
// from: each sentinel once for every pace at which it is read together with a
// value. An answer without the register cannot be judged by it.
func (p *Profile) sentinelFields(fields []modbus.Field) ([]modbus.Field, error) {
	if len(p.Sentinel) == 0 {
		return nil, nil
	}
	var periods []time.Duration
	for i := range fields {
		if !slices.Contains(periods, fields[i].Period) {
			periods = append(periods, fields[i].Period)
		}
	}
	all := slices.Clone(fields)
	var errs []error
	for i, s := range p.Sentinel {
		pt := p.complete(Point{Reg: &s.Reg, Table: s.Table, Type: s.Type, Order: s.Order, NA: []int64{}})
		f, err := p.modbusField(pt)
		if err != nil {
			errs = append(errs, fmt.Errorf("sentinel %d of profile %s: %w", i+1, p.Name, err))
			continue
		}
		f.Name, f.Point, f.Sentinel = fmt.Sprintf("sentinel %d", s.Reg), gateway.NoPoint, &s.Value
		for _, f.Period = range periods {
			all = append(all, f)
		}
	}
	var guards []modbus.Field
	for _, r := range modbus.Plan(all, cmp.Or(p.Limits.MaxRegs, 125), p.maxGap()) {
		isGuard := func(i int) bool { return i >= len(fields) }
		if slices.ContainsFunc(r.Fields, func(i int) bool { return !isGuard(i) }) {
			for _, i := range r.Fields {
				if isGuard(i) {
					guards = append(guards, all[i])
				}
			}
		}
	}
	return guards, errors.Join(errs...)
}

// allEqual returns Limits.AllEqual as the driver takes it.
func (p *Profile) allEqual() int {
	switch n := p.Limits.AllEqual; {
	case n == nil:
		return 0
	case *n == 0:
		return -1
	default:
		return *n
	}
}
