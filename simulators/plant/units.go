package plant

import "strings"

// UnitOf returns the unit in which devices answer for a role, or "" for a role
// without unit. For "power.l1" it is that of "power", as for all parts of a
// quantity.
func UnitOf(role string) string {
	role, _, _ = strings.Cut(role, ":")
	for name := role; name != ""; {
		if unit, ok := units[name]; ok {
			return unit
		}
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 {
			break
		}
		name = name[:dot]
	}
	return ""
}

var units = map[string]string{
	"voltage": "V", "current": "A", "power": "W", "energy": "kWh", "frequency": "Hz", "thd": "%",
	"dc_bus": "V", "pressure": "MPa", "flow": "m3/h", "flow.velocity": "m/s", "level": "m",
	"volume": "m3", "speed": "rpm", "speed.hz": "Hz", "temperature": "degC", "humidity": "%",
	"battery": "%", "run_hours": "h",
}
