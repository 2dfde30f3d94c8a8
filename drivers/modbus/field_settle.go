package modbus

import (
	"slices"

	"github.com/intact-gateway/intact/gateway"
)

// withCompanions returns the fields of one device, of which those before it on
// the unit are base many. What a field depends on and is read at another pace is
// read a second time beside it: an old gate vouches for nothing, and an old
// factor may belong to another value.
func withCompanions(fields []Field, base int) []Field {
	all := slices.Clone(fields)
	var beside func(of, needed int) int
	beside = func(of, needed int) int {
		if fields[of].Period == fields[needed].Period {
			return base + needed
		}
		c := fields[needed]
		c.Point, c.Period, c.Stuck = gateway.NoPoint, fields[of].Period, 0
		if c.Factor != nil { // which has no factor itself
			c.Factor = &Factor{Field: beside(of, c.Factor.Field), Power: c.Factor.Power}
		}
		all = append(all, c)
		return base + len(all) - 1
	}
	for i := range fields {
		if g := fields[i].Gate; g != nil {
			own := *g
			own.Field = beside(i, g.Field)
			all[i].Gate = &own
		}
		if x := fields[i].Factor; x != nil {
			all[i].Factor = &Factor{Field: beside(i, x.Field), Power: x.Power}
		}
	}
	return all
}

// demands says what the fields of a unit need once they are read, so that those
// of most units, which need little, are not looked through for it.
type demands struct {
	factors, gates, stills, watches, sentinels bool
	hidden                                     bool // some are of no point
}

func demandsOf(fields []Field) (d demands) {
	for i := range fields {
		f := &fields[i]
		d.factors = d.factors || f.Factor != nil
		d.gates = d.gates || f.Gate != nil
		d.stills = d.stills || f.Stuck > 0
		d.watches = d.watches || f.watched()
		d.sentinels = d.sentinels || f.Sentinel != nil
		d.hidden = d.hidden || f.Point == gateway.NoPoint
	}
	return d
}

// settle makes the values of the due fields final once all of them are read:
// what depends on another field takes that of the same cycle. It may be called
// once for each reading.
func (u *unit) settle() {
	u.settleBy(u.demands.factors, u.applyFactor)
	u.settleBy(u.demands.gates, u.applyGate)
	u.settleBy(u.demands.stills, u.judgeStill)
	u.settleBy(u.demands.watches, u.judgeField)
}

// settleBy calls do for every due field, if any field needs it.
func (u *unit) settleBy(needed bool, do func(field int)) {
	if !needed {
		return
	}
	for _, b := range u.due {
		for _, i := range b.Fields {
			do(i)
		}
	}
}

// judgeField holds the value of field i against the earlier ones.
func (u *unit) judgeField(i int) {
	f, v, w := &u.fields[i], &u.values[i], u.watches[i]
	if w == nil {
		return
	}
	before, read := w.doubts, v.Value
	w.judge(f, v)
	switch {
	case before == 0 && w.doubts > 0:
		u.log.Warn("value leaps and is held back", "point", f.Name, "from", w.trusted.value, "to", read)
	case before > 0 && w.doubts == 0:
		u.log.Info("value is believed again", "point", f.Name, "value", v.Value)
	}
}

// applyFactor multiplies the value of field i by what its device says.
func (u *unit) applyFactor(i int) {
	f, v := &u.fields[i], &u.values[i]
	if f.Factor == nil || !v.Quality.HasValue() {
		return
	}
	by := &u.values[f.Factor.Field]
	v.Value, v.Quality = f.Apply(v.Value, by.Value, by.Quality)
}

// applyGate takes the value from field i if its gate is closed.
func (u *unit) applyGate(i int) {
	g, v := u.fields[i].Gate, &u.values[i]
	if g == nil || !v.Quality.HasValue() {
		return
	}
	if by := &u.values[g.Field]; !g.Open(by.Value, by.Quality) {
		v.Value, v.Quality = 0, gateway.BadNotAvailable
	}
}
