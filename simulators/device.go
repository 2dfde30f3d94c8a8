package simulators

import (
	"slices"
	"strings"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/simulators/modbus"
	"github.com/intact-gateway/intact/simulators/plant"
)

// device is one device of the plan.
type device struct {
	*plant.Device
	plan    Device
	profile *drivers.Profile
	unit    *modbus.Unit       // nil on MQTT
	wire    []wireFault        // in the order they began; the last one acts
	counts  map[string]bool    // the roles of its counters
	zero    map[string]float64 // by role what a counter had when it began at 0; nil if none ever did
}

// wireFault is a fault of the wire and the event of the script it came from.
type wireFault struct {
	event int
	fault modbus.Fault
}

// counters returns the roles that the profile takes for counters.
func counters(profile *drivers.Profile) map[string]bool {
	p := *profile
	p.Points, p.Samples = slices.Clone(p.Points), slices.Clone(p.Samples)
	p.Normalize()
	roles := make(map[string]bool)
	for _, pt := range p.Points {
		if pt.Kind == gateway.Counter.String() {
			roles[pt.Role] = true
		}
	}
	return roles
}

// Value returns what the device measures for a role, of counters since they were
// reset.
func (d *device) Value(role string) (float64, bool) {
	v, ok := d.Device.Value(role)
	kind, _, _ := strings.Cut(role, ":") // of several alike, the number
	if !ok || d.zero == nil || !d.counts[kind] {
		return v, ok
	}
	if _, seen := d.zero[role]; !seen {
		d.zero[role] = v
	}
	return v - d.zero[role], true
}

// suffer begins or ends a fault that is not of the device's model.
func (d *device) suffer(h happening) {
	switch fault := h.Event.Fault; {
	case fault == stuck && h.Begin:
		d.Stick(h.Event.Role)
	case fault == stuck:
		d.Free(h.Event.Role)
	case fault == counterReset && h.Begin:
		d.zero = make(map[string]float64)
	case fault == counterReset:
		d.zero = nil
	case fault == reboot && !h.Begin:
		d.zero = make(map[string]float64)
		fallthrough
	default:
		d.spoil(h)
	}
}

// spoil begins or ends a fault of the wire. Of several at once the one that
// began last acts.
func (d *device) spoil(h happening) {
	d.wire = slices.DeleteFunc(d.wire, func(w wireFault) bool { return w.event == h.event })
	if h.Begin {
		d.wire = append(d.wire, wireFault{h.event, h.Event.wire()})
	}
	if d.unit == nil {
		return
	}
	var acts modbus.Fault
	if n := len(d.wire); n > 0 {
		acts = d.wire[n-1].fault
	}
	d.unit.SetFault(acts)
}

// wire returns what the event is on the wire.
func (e *Event) wire() modbus.Fault {
	if e.Fault == reboot {
		return modbus.Fault{Kind: modbus.Dead}
	}
	return modbus.Fault{Kind: modbus.FaultKind(e.Fault), Delay: e.Delay, Code: byte(e.Code)}
}
