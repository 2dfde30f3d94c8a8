package drivers

import (
	"fmt"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// maxStuck is the longest time for which a value may be asked to have moved.
const maxStuck = 365 * 24 * time.Hour

// validateGrowth checks how a value may change from one reading to the next.
func (p *Profile) validateGrowth(report gateway.Report, pt *Point, kind gateway.Kind) {
	if !(pt.MaxStep >= 0) || !finite(pt.MaxStep) {
		report("max_step", fmt.Sprintf("a step of %v", pt.MaxStep), "a number above 0, in the unit of the point")
	}
	if !(pt.Rollover >= 0) || !finite(pt.Rollover) {
		report("rollover", fmt.Sprintf("a rollover at %v", pt.Rollover), "the first value that the counter cannot show, such as 100000")
	}
	if pt.MaxStep != 0 && kind != gateway.Analog {
		report("max_step", "a "+kind.String()+" point has no steps to judge", "of a counter say max_rate")
	}
	duration(report, "stuck", pt.Stuck, time.Minute, maxStuck)
	if pt.Stuck != 0 && kind != gateway.Analog {
		report("stuck", "a "+kind.String()+" point may stay the same for ever", "leave out stuck")
	}
	for _, k := range []struct {
		key   string
		given bool
	}{{"max_rate", pt.MaxRate != 0}, {"rollover", pt.Rollover != 0}} {
		if k.given && kind != gateway.Counter {
			report(k.key, "only a counter has a "+k.key, "say kind: counter")
		}
	}
	if p.Protocol == MQTT && (pt.MaxStep != 0 || pt.MaxRate != 0 || pt.Rollover != 0) {
		report("", "what an MQTT device sends is not held against its earlier messages", "leave out max_step, max_rate and rollover")
	}
}

// validateSentinels checks the registers that never change.
func (p *Profile) validateSentinels(report gateway.Report) {
	if p.Protocol == MQTT && len(p.Sentinel) > 0 {
		report("sentinel", "an MQTT profile has no registers", "")
		return
	}
	for i, s := range p.Sentinel {
		at := report.At(fmt.Sprintf("sentinel[%d]", i))
		oneOf(at, "table", s.Table, append(modbus.Tables(), "")...)
		oneOf(at, "type", s.Type, append(modbus.Types(), "")...)
		oneOf(at, "order", s.Order, append(modbus.Orders(), "")...)
		full := p.complete(Point{Reg: &s.Reg, Table: s.Table, Type: s.Type})
		table, okTable := modbus.ParseTable(full.Table)
		typ, okType := modbus.ParseType(full.Type)
		if !okTable || !okType {
			continue // reported where it is written
		}
		if table.Single() || typ == modbus.Bit {
			at("table", "a single bit proves nothing", "a register that holds a code")
			continue
		}
		p.validateAddress(at, "reg", s.Reg, typ.Registers(), table)
		if !p.guards(i) {
			at("reg", fmt.Sprintf("no point is read together with register %d", s.Reg), "a constant near the points, within limits.max_gap")
		}
	}
}

// guards reports whether sentinel i is read together with any point. Mistakes
// that keep that from being known count as yes: they are reported elsewhere.
func (p *Profile) guards(i int) bool {
	alone := *p
	alone.Sentinel = p.Sentinel[i : i+1]
	fields, err := alone.modbusFields(Device{}, make([]gateway.PointRef, len(p.Points)))
	return err != nil || len(fields) > len(p.Points)
}
