package simulators

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/simulators/modbus"
	"github.com/intact-gateway/intact/simulators/plant"
)

// Faults that are neither of a model nor of a Modbus answer.
const (
	stuck        = "stuck"         // a sensor keeps its value
	counterReset = "counter_reset" // counters begin at 0, until the fault ends
	reboot       = "reboot"        // a device is silent, then its counters begin at 0; a converter loses its port
	drop         = "drop"          // of a bus: the line is down
	silence      = "silence"       // of a bus: nobody answers
)

// Event is one fault that befalls a device or a whole bus.
//
// A fault is one of the device's model; "stuck" for the sensor of a role,
// "counter_reset" or "reboot"; or one of the wire: any FaultKind of package
// modbus, of MQTT devices only "dead". A bus has "drop", a Modbus bus "silence",
// too, and on a TCP port "reboot".
type Event struct {
	At     *time.Duration `yaml:"at"`     // real time since the start, whatever the speed
	SimAt  *time.Duration `yaml:"sim_at"` // or simulated time since the start
	For    time.Duration  `yaml:"for"`    // by the same clock; 0 until the script starts over
	Every  time.Duration  `yaml:"every"`  // again and again, by the same clock; 0 for once
	Device string         `yaml:"device"`
	Bus    string         `yaml:"bus"`
	Fault  string         `yaml:"fault,required"`
	Role   string         `yaml:"role"`  // of stuck
	Delay  time.Duration  `yaml:"delay"` // of slow, drip and split
	Code   int            `yaml:"code"`  // of exception
	Say    gateway.Text   `yaml:"say"`   // what people are told when it begins
}

// Happening is a fault that begins or ends.
type Happening struct {
	Event Event
	Begin bool
	At    time.Duration // by the clock of the event
}

// Text returns what happens in words for people.
func (h Happening) Text() gateway.Text {
	who := h.Event.Device + h.Event.Bus
	switch {
	case !h.Begin:
		return gateway.Text{ZH: who + "：" + h.Event.Fault + " 结束", EN: who + ": " + h.Event.Fault + " ends"}
	case !h.Event.Say.IsZero():
		return h.Event.Say
	default:
		return gateway.Text{ZH: who + "：" + h.Event.Fault + " 开始", EN: who + ": " + h.Event.Fault + " begins"}
	}
}

// happening is a Happening with the place of its event in the script, by which
// an end finds its beginning.
type happening struct {
	Happening
	event int
}

// due returns what happens after from up to and including to by one of the two
// clocks, in order; what ends comes before what begins at the same moment. With
// repeat the events of the real clock come again and again.
func due(script []Event, repeat, from, to time.Duration, real bool) []happening {
	var all []happening
	add := func(i int, at time.Duration, begin bool) {
		if at > from && at <= to {
			all = append(all, happening{Happening{script[i], begin, at}, i})
		}
	}
	for i, e := range script {
		at, round := e.At, repeat
		if !real {
			at, round = e.SimAt, 0
		}
		if at == nil {
			continue
		}
		for _, begin := range e.beginnings(*at, round, from, to) {
			add(i, begin, true)
			switch {
			case e.For > 0:
				add(i, begin+e.For, false)
			case round > 0:
				add(i, begin-*at+round, false)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b happening) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(order(a), order(b)))
	})
	return all
}

// beginnings returns when the event begins up to and including to, at least those
// of which the beginning or the end comes after from. It is first due at at, in
// every round anew if there are rounds.
func (e *Event) beginnings(at, round, from, to time.Duration) []time.Duration {
	var all []time.Duration
	start := time.Duration(0)
	if round > 0 {
		// An event begun in the round before may end in this one.
		start = max(0, from/round-1) * round
	}
	for ; start <= to; start += round {
		if e.Every == 0 {
			all = append(all, start+at)
		} else {
			// The one before the next may still be going on.
			first := max(0, (from-start-at)/e.Every-1)
			for t := start + at + first*e.Every; t <= to && (round == 0 || t+e.For <= start+round); t += e.Every {
				all = append(all, t)
			}
		}
		if round == 0 {
			break
		}
	}
	return all
}

// order puts the end of one fault before the beginning of another, so that the
// next fault finds a healthy device.
func order(h happening) int {
	if h.Begin {
		return 1
	}
	return 0
}

// validateScript reports what is wrong with the events.
func (p *Plan) validateScript(report gateway.Report) {
	if p.Repeat < 0 {
		report("repeat", "the time of a round is negative", "")
	}
	for i := range p.Script {
		e := &p.Script[i]
		at := report.At(fmt.Sprintf("script[%d]", i))
		e.validateTimes(p.Repeat, at)
		e.validateFault(p, at)
	}
}

// validateTimes checks when the event begins and ends. An event that outlasted
// its round would be on twice.
func (e *Event) validateTimes(repeat time.Duration, report gateway.Report) {
	switch {
	case (e.At == nil) == (e.SimAt == nil):
		report("", "an event has either at or sim_at", "for instance at: 20s")
	case e.At != nil && *e.At < 0, e.SimAt != nil && *e.SimAt < 0, e.For < 0, e.Every < 0:
		report("", "a time is negative", "")
	case e.Every > 0 && (e.For == 0 || e.For >= e.Every):
		report("every", "an event that comes again must be over before", "for instance for: 10s, every: 1min")
	case repeat > 0 && e.At != nil && *e.At+max(e.For, 1) > repeat:
		report("", fmt.Sprintf("the event is not over when the script starts again after %v", repeat), "")
	}
}

// validateFault checks whom the event befalls and whether they can have it.
func (e *Event) validateFault(p *Plan, report gateway.Report) {
	if (e.Device == "") == (e.Bus == "") {
		report("", "an event befalls either a device or a bus", "")
		return
	}
	if e.Bus != "" {
		bus, ok := p.Buses[e.Bus]
		if !ok {
			report("bus", fmt.Sprintf("there is no bus %q", e.Bus), "")
		} else if known := bus.faults(); !slices.Contains(known, e.Fault) {
			report("fault", fmt.Sprintf("bus %s has no fault %q", e.Bus, e.Fault), "it has "+strings.Join(known, ", "))
		}
		return
	}
	i := slices.IndexFunc(p.Devices, func(d Device) bool { return d.ID == e.Device })
	if i < 0 {
		report("device", fmt.Sprintf("there is no device %q", e.Device), "")
		return
	}
	known := faultsOf(p.Devices[i], p.Buses)
	if !slices.Contains(known, e.Fault) {
		report("fault", fmt.Sprintf("device %s has no fault %q", e.Device, e.Fault), "it has "+strings.Join(known, ", "))
		return
	}
	e.validateDetails(report)
}

// validateDetails checks what only some faults have.
func (e *Event) validateDetails(report gateway.Report) {
	kind := modbus.FaultKind(e.Fault)
	if (e.Fault == stuck) != (e.Role != "") {
		report("role", "role is for the fault stuck, which needs it", "for instance role: pressure.outlet")
	}
	if kind.Delayed() != (e.Delay > 0) {
		report("delay", "delay is for the faults slow, drip and split, which need it", "for instance delay: 900ms")
	}
	if e.Fault == reboot && e.For == 0 {
		report("for", "a device that reboots must come back", "for instance for: 20s")
	}
	if (kind == modbus.Exception) != (e.Code >= 1 && e.Code <= 255) {
		report("code", "code is for the fault exception, which needs it", "for instance code: 6 for a busy device")
	}
}

// faults returns every fault that the line as a whole can have.
func (b Bus) faults() []string {
	switch key, _ := b.Kind(); key {
	case "tcp", "rtu_over_tcp":
		return []string{drop, reboot, silence}
	case "rtu":
		return []string{drop, silence}
	default:
		return []string{drop}
	}
}

// faultsOf returns every fault that the device can have.
func faultsOf(d Device, buses map[string]Bus) []string {
	faults := append(slices.Clone(plant.Faults(d.Model)), stuck, counterReset, reboot)
	if buses[d.Bus].MQTT != "" {
		return append(faults, string(modbus.Dead))
	}
	for _, k := range modbus.FaultKinds(buses[d.Bus].wire()) {
		faults = append(faults, string(k))
	}
	return faults
}
