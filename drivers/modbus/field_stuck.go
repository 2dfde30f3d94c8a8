package modbus

import "github.com/intact-gateway/intact/gateway"

// stillPeriods is how many periods between two readings count toward the time
// that a sensor has stood still; a longer pause is a silence.
const stillPeriods = 3

// newStills returns a Stillness for each field that may be stuck, nil for the
// others.
func newStills(fields []Field) []*gateway.Stillness {
	stills := make([]*gateway.Stillness, len(fields))
	for i := range fields {
		if fields[i].Stuck > 0 {
			stills[i] = new(gateway.Stillness)
		}
	}
	return stills
}

// judgeStill takes the value from field i if its sensor has not moved for too
// long. It looks at what was read, before a leap is held back.
func (u *unit) judgeStill(i int) {
	w := u.stills[i]
	if w == nil {
		return
	}
	f, v := &u.fields[i], &u.values[i]
	read, was := v.Value, w.Stuck()
	still := w.Judge(v, f.Stuck, stillPeriods*f.Period)
	switch now := w.Stuck(); {
	case now && !was:
		u.log.Warn("sensor is stuck", "point", f.Name, "at", read, "for", still)
	case was && !now:
		u.log.Info("sensor moves again", "point", f.Name, "value", v.Value)
	}
}
