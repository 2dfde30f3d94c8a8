package gateway

import (
	"fmt"
	"strconv"
	"strings"
)

// unit is a measure: value in base units = value*factor + offset.
type unit struct {
	dimension string
	factor    float64
	offset    float64
}

// units holds every unit that profiles and rules may name, as written there.
var units = map[string]unit{
	"V": {"voltage", 1, 0}, "mV": {"voltage", 1e-3, 0}, "kV": {"voltage", 1e3, 0},
	"A": {"current", 1, 0}, "mA": {"current", 1e-3, 0},
	"W": {"power", 1, 0}, "kW": {"power", 1e3, 0}, "MW": {"power", 1e6, 0},
	"var": {"reactive power", 1, 0}, "kvar": {"reactive power", 1e3, 0},
	"VA": {"apparent power", 1, 0}, "kVA": {"apparent power", 1e3, 0},
	"Wh": {"energy", 1, 0}, "kWh": {"energy", 1e3, 0}, "MWh": {"energy", 1e6, 0},
	"Hz": {"frequency", 1, 0},
	"Pa": {"pressure", 1, 0}, "kPa": {"pressure", 1e3, 0}, "MPa": {"pressure", 1e6, 0}, "bar": {"pressure", 1e5, 0}, "mbar": {"pressure", 1e2, 0},
	"degC": {"temperature", 1, 0}, "degF": {"temperature", 5.0 / 9, -160.0 / 9}, "K": {"temperature", 1, -273.15},
	"m": {"length", 1, 0}, "cm": {"length", 1e-2, 0}, "mm": {"length", 1e-3, 0},
	"m/s": {"speed", 1, 0},
	"m3":  {"volume", 1, 0}, "L": {"volume", 1e-3, 0},
	"m3/h": {"flow", 1, 0}, "L/s": {"flow", 3.6, 0}, "L/min": {"flow", 0.06, 0}, "L/h": {"flow", 1e-3, 0},
	"rpm": {"rotation", 1, 0},
	"%":   {"ratio", 1e-2, 0}, "ratio": {"ratio", 1, 0}, "ppm": {"ratio", 1e-6, 0},
	"s": {"time", 1, 0}, "ms": {"time", 1e-3, 0}, "min": {"time", 60, 0}, "h": {"time", 3600, 0}, "d": {"time", 86400, 0},
	"NTU":  {"turbidity", 1, 0},
	"mg/L": {"concentration", 1, 0},
	"pH":   {"acidity", 1, 0},
	"%LEL": {"gas", 1, 0},
	"dB":   {"level", 1, 0},
}

// ValidUnit reports whether s is a unit that profiles and rules may name: one of
// Units, or one of them per time such as "degC/min", and "1/h" for a count. The
// empty string, no unit, is valid.
func ValidUnit(s string) bool { _, ok := unitOf(s); return ok || s == "" }

// unitOf returns the unit named s.
func unitOf(s string) (unit, bool) {
	if u, ok := units[s]; ok {
		return u, true
	}
	i := max(strings.LastIndexByte(s, '/'), 0) // as in m3/h/min
	a, t := units[s[:i]], units[strings.TrimPrefix(s[i:], "/")]
	if s[:i] == "1" {
		a = unit{dimension: "count", factor: 1}
	}
	if a.dimension == "" || t.dimension != "time" {
		return unit{}, false
	}
	return a.per(t), true
}

// flows are amounts per time that have a name of their own, with the base units
// of the second in one base unit of the first per second.
var flows = map[string]unit{
	"volume": {dimension: "flow", factor: 3600},
	"energy": {dimension: "power", factor: 3600},
	"length": {dimension: "speed", factor: 1},
}

// per returns the unit of a change by u in the time t. Where the scale of u
// begins is no part of a change.
func (u unit) per(t unit) unit {
	flow, named := flows[u.dimension]
	if !named {
		flow = unit{dimension: u.dimension + " per time", factor: 1}
	}
	return unit{dimension: flow.dimension, factor: flow.factor * u.factor / t.factor}
}

// RateUnit returns the unit in which a change of what has the given unit is told:
// that unit per minute.
func RateUnit(of string) string {
	if of == "" {
		of = "1"
	}
	return of + "/min"
}

// Units returns the names of all units in alphabetical order.
func Units() []string { return sortedKeys(units) }

// ConvertUnit returns v, given in from, in the unit to. A number without a
// unit stands for whatever unit is wanted; units of different dimensions are
// an error.
func ConvertUnit(v float64, from, to string) (float64, error) {
	if from == "" || from == to {
		return v, nil
	}
	f, ok := unitOf(from)
	if !ok {
		return 0, fmt.Errorf("unknown unit %q", from)
	}
	t, ok := unitOf(to)
	if !ok || f.dimension != t.dimension {
		return 0, fmt.Errorf("%s cannot be compared with %s", describeUnit(from), describeUnit(to))
	}
	return (v*f.factor + f.offset - t.offset) / t.factor, nil
}

func describeUnit(s string) string {
	if s == "" {
		return "a value without unit"
	}
	u, _ := unitOf(s)
	return fmt.Sprintf("%s (%s)", s, u.dimension)
}

// Quantity is a number with its unit, such as "235.4 V".
type Quantity struct {
	Value float64
	Unit  string
}

// ParseQuantity reads "235.4 V", "75degC", "-0.5" or "80 %".
func ParseQuantity(s string) (Quantity, error) {
	s = strings.TrimSpace(s)
	end := len(s)
	for end > 0 {
		if _, err := strconv.ParseFloat(strings.TrimSpace(s[:end]), 64); err == nil {
			break
		}
		end--
	}
	if end == 0 {
		return Quantity{}, fmt.Errorf("%q is not a number with a unit such as \"235.4 V\"", s)
	}
	v, _ := strconv.ParseFloat(strings.TrimSpace(s[:end]), 64)
	q := Quantity{Value: v, Unit: strings.TrimSpace(s[end:])}
	if !ValidUnit(q.Unit) {
		return Quantity{}, fmt.Errorf("unknown unit %q in %q", q.Unit, s)
	}
	if v != v || v-v != 0 {
		return Quantity{}, fmt.Errorf("%q is not a finite number", s)
	}
	return q, nil
}

// In returns the value of q in the unit to.
func (q Quantity) In(to string) (float64, error) { return ConvertUnit(q.Value, q.Unit, to) }

// String returns q as ParseQuantity reads it.
func (q Quantity) String() string {
	n := strconv.FormatFloat(q.Value, 'f', -1, 64)
	if q.Unit == "" {
		return n
	}
	return n + " " + q.Unit
}

// UnmarshalText reads what ParseQuantity reads.
func (q *Quantity) UnmarshalText(b []byte) (err error) {
	*q, err = ParseQuantity(string(b))
	return err
}
