package drivers

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/drivers/mqtt"
	"github.com/intact-gateway/intact/gateway"
)

const (
	nameHint     = "small letters, digits, _ and ."
	shortest     = 10 * time.Millisecond
	longestLimit = time.Minute
	maxDecimals  = 9
)

// Validate reports every mistake in the profile, without changing it.
func (p *Profile) Validate(report gateway.Report) {
	if !gateway.ValidID(p.Name) {
		report("profile", fmt.Sprintf("%q cannot be the name of a profile", p.Name), "small letters, digits and -, such as acme-pump-1")
	}
	oneOf(report, "protocol", string(p.Protocol), "", string(Modbus), string(MQTT))
	switch {
	case p.Class == "":
		report("class", "nothing says what kind of facility the device is", "one of "+joinWords(classNames()))
	case !p.Class.Counted():
		report("class", fmt.Sprintf("unknown class %q", p.Class), "one of "+joinWords(classNames()))
	}
	if len(p.Source) == 0 {
		report("source", "nothing says where the facts come from", "the manual with its edition and page")
	}
	if p.Trust == "" {
		report("trust", "nothing says how far the profile has been proven", "paper, bench or site")
	} else {
		oneOf(report, "trust", p.Trust, "paper", "bench", "site")
	}
	if p.Safety != "" && p.Safety != "life" {
		report("safety", fmt.Sprintf("unknown safety %q", p.Safety), "life for fire and lift devices, or leave it out")
	}
	p.validateDefaults(report.At("defaults"))
	p.validateLimits(report)
	p.validateMQTT(report)
	p.validateRepeats(report)
	full := *p
	var paths []string
	full.Points, paths = p.expanded()
	full.validatePoints(report, paths)
	full.validateSentinels(report)
	full.validateProbe(report)
	ValidateDerived(report, "derive", p.derived(), full.measured())
	whole := *p
	whole.Without = nil
	whole.Points, _ = whole.expanded()
	for i, name := range p.Without {
		if !whole.has(name) {
			report(fmt.Sprintf("without[%d]", i), fmt.Sprintf("there is no point %q to be without", name), "")
		}
	}
	for i := range p.Samples {
		full.validateSample(report.At(fmt.Sprintf("samples[%d]", i)), &p.Samples[i])
	}
}

// validatePoints checks the points, which are written at paths. Of a mistake
// that is repeated the first one is reported.
func (p *Profile) validatePoints(report gateway.Report, paths []string) {
	if len(p.Points) == 0 {
		report("points", "the profile has no points", "")
	}
	seen, first := make(map[string]bool), make(map[string]int)
	for i := range p.Points {
		pt := &p.Points[i]
		at := gateway.Report(func(path, problem, hint string) {
			if by, known := first[path]; !known || by == i {
				first[path] = i
				report(path, problem, hint)
			}
		}).At(paths[i])
		if seen[pt.Name] {
			at("", fmt.Sprintf("point %s is there twice", pt.Name), "")
		}
		seen[pt.Name] = true
		p.validatePoint(at, pt)
	}
}

func (p *Profile) validateDefaults(report gateway.Report) {
	d := p.Defaults
	oneOf(report, "group", d.Group, "", fast, normal, slow)
	if p.Protocol == MQTT {
		for key, value := range map[string]string{"table": d.Table, "numbering": d.Numbering, "type": d.Type, "order": d.Order} {
			if value != "" {
				report(key, "an MQTT profile has no "+key, "")
			}
		}
		return
	}
	oneOf(report, "table", d.Table, append(modbus.Tables(), "")...)
	oneOf(report, "numbering", d.Numbering, "", wire0Based, manual1Based, modicon5, modicon6)
	oneOf(report, "type", d.Type, append(modbus.Types(), "")...)
	oneOf(report, "order", d.Order, append(modbus.Orders(), "")...)
}

func (p *Profile) validateLimits(report gateway.Report) {
	l := p.Limits
	if l.MaxRegs < 0 || l.MaxRegs > 125 {
		report("limits.max_regs", fmt.Sprintf("%d registers in one request", l.MaxRegs), "1 to 125")
	}
	if l.MaxGap != nil && (*l.MaxGap < 0 || *l.MaxGap > 124) {
		report("limits.max_gap", fmt.Sprintf("a gap of %d registers", *l.MaxGap), "0 to 124")
	}
	if n := l.AllEqual; n != nil && (*n < 0 || *n == 1 || *n > 125) {
		report("limits.all_equal", fmt.Sprintf("%d equal registers", *n), "2 to 125, or 0 for never")
	}
	pipeline(report, "limits.pipeline", l.Pipeline)
	if l.Pipeline > 1 && l.Pause > 0 {
		report("limits.pipeline", "requests on their way together leave no pause between them", "keep one of pipeline and pause")
	}
	duration(report, "limits.timeout", l.Timeout, shortest, longestLimit)
	duration(report, "limits.pause", l.Pause, 0, longestLimit)
	duration(report, "periods.fast", p.Periods.Fast, shortest, 24*time.Hour)
	duration(report, "periods.normal", p.Periods.Normal, shortest, 24*time.Hour)
	duration(report, "periods.slow", p.Periods.Slow, shortest, 24*time.Hour)
}

// pipeline reports a number that cannot be that of requests on their way together.
func pipeline(report gateway.Report, path string, n int) {
	if n < 0 || n > modbus.MaxPipeline {
		report(path, fmt.Sprintf("%d requests on their way together", n), fmt.Sprintf("1 to %d", modbus.MaxPipeline))
	}
}

// validatePoint checks one point; report leads to it.
func (p *Profile) validatePoint(report gateway.Report, pt *Point) {
	validateName(report, pt.Name)
	validateLook(report, pt.Role, pt.Unit, pt.Decimals)
	oneOf(report, "group", pt.Group, "", fast, normal, slow)
	duration(report, "max_age", pt.MaxAge, time.Second, math.MaxInt64)
	duration(report, "heartbeat", pt.Heartbeat, time.Second, 24*time.Hour)
	if !(pt.Deadband >= 0) || !finite(pt.Deadband) {
		report("deadband", fmt.Sprintf("a deadband of %v", pt.Deadband), "a number above 0, in the unit of the point")
	}
	full := p.complete(*pt)
	kind, ok := gateway.ParseKind(full.Kind)
	if !ok {
		report("kind", fmt.Sprintf("unknown kind %q", pt.Kind), "one of analog, discrete, enum, counter, bitset")
	} else {
		validateMeaning(report, pt, kind)
		p.validateGrowth(report, pt, kind)
		// Codes are names: the next state may be the next number.
		if pt.Deadband != 0 && kind.Stepwise() {
			report("deadband", "every change of a "+kind.String()+" point is stored", "leave out deadband; heartbeat alone stores changes only")
		}
	}
	p.validateGate(report.At("valid_when"), pt)
	p.validateFactor(report.At("scale_from"), pt, kind)
	if p.Protocol == MQTT {
		validatePath(report, pt)
	} else {
		p.validateRegister(report, pt, full, kind)
	}
}

// validateMeaning checks how a raw number becomes a value.
func validateMeaning(report gateway.Report, pt *Point, kind gateway.Kind) {
	if s := pt.Scale; s != nil && (*s == 0 || !finite(*s)) {
		report("scale", fmt.Sprintf("scale %v", *s), "a number other than 0")
	}
	if !finite(pt.Offset) {
		report("offset", fmt.Sprintf("offset %v", pt.Offset), "a finite number")
	}
	scaled := pt.Scale != nil && *pt.Scale != 1 || pt.Offset != 0
	if scaled && kind.Stepwise() {
		report("scale", "a "+kind.String()+" point cannot be scaled", "leave out scale and offset, or say kind: analog")
	}
	if pt.Invert && kind != gateway.Discrete {
		report("invert", "only a discrete point can be inverted", "")
	}
	switch r := pt.Range; {
	case r == nil:
	case len(r) != 2 || math.IsNaN(r[0]) || math.IsNaN(r[1]):
		report("range", "a range has two ends", "[lowest, highest]")
	case r[0] >= r[1]:
		report("range", fmt.Sprintf("the range is reversed: %v is not below %v", r[0], r[1]), fmt.Sprintf("[%v, %v]", r[1], r[0]))
	case kind == gateway.Discrete:
		report("range", "a discrete point is 0 or 1", "leave out range")
	}
	if len(pt.Enum) > 0 && kind != gateway.Enum && kind != gateway.Bitset {
		report("enum", "only an enum or bitset point has named states", "say kind: enum")
	}
	names := make(map[string]bool)
	for _, value := range slices.Sorted(maps.Keys(pt.Enum)) {
		name := pt.Enum[value].Name
		if !word(name) {
			report(fmt.Sprintf("enum.%d", value), fmt.Sprintf("%q cannot be the name of a state", name), nameHint)
		} else if names[name] {
			report(fmt.Sprintf("enum.%d", value), fmt.Sprintf("state %s is there twice", name), "")
		}
		names[name] = true
	}
}

func (p *Profile) validateGate(report gateway.Report, pt *Point) {
	g := pt.Gate
	if g == nil {
		return
	}
	i := p.pointIndex(g.Point)
	switch {
	case i < 0:
		report("point", fmt.Sprintf("the profile has no point %q", g.Point), "")
	case g.Point == pt.Name:
		report("point", "a point cannot vouch for itself", "")
	case p.Points[i].Gate != nil:
		report("point", fmt.Sprintf("%s depends on a third point itself", g.Point), "name that point here")
	}
	if g.Bit != nil {
		p.validateGateBit(report, g, i)
		return
	}
	lowest, highest := g.bounds()
	switch {
	case g.Min == nil && g.Max == nil:
		report("", "neither min nor max is given", "")
	case !(lowest <= highest):
		report("min", fmt.Sprintf("min %v is above max %v", lowest, highest), "")
	}
}

// validateGateBit checks a gate that is one bit of point number i.
func (p *Profile) validateGateBit(report gateway.Report, g *Gate, i int) {
	switch {
	case p.Protocol == MQTT:
		report("bit", "a gate of an MQTT point has bounds", "min and max")
	case g.Min != nil || g.Max != nil:
		report("bit", "a bit and bounds are given", "one of them")
	case *g.Bit < 0 || *g.Bit > 31:
		report("bit", fmt.Sprintf("bit %d", *g.Bit), "0 to 31")
	case i >= 0 && p.Points[i].Kind != gateway.Bitset.String():
		report("point", fmt.Sprintf("%s is no bitset", g.Point), "say kind: bitset there")
	}
}

func (p *Profile) validateFactor(report gateway.Report, pt *Point, kind gateway.Kind) {
	x := pt.Factor
	if x == nil {
		return
	}
	oneOf(report, "as", x.As, "", "factor", exponent)
	i := p.pointIndex(x.Point)
	switch {
	case p.Protocol == MQTT:
		report("", "an MQTT point has no scale_from", "devices that speak JSON send scaled numbers")
	case kind.Stepwise():
		report("", "a "+kind.String()+" point cannot be scaled", "say kind: analog")
	case i < 0:
		report("point", fmt.Sprintf("the profile has no point %q", x.Point), "")
	case x.Point == pt.Name:
		report("point", "a point cannot scale itself", "")
	case p.Points[i].Factor != nil || p.Points[i].Gate != nil:
		report("point", fmt.Sprintf("%s depends on a third point itself", x.Point), "the scale must stand on its own")
	}
}

func validatePath(report gateway.Report, pt *Point) {
	if pt.Path == "" {
		report("path", "an MQTT point needs a path", "such as data.temp or values.2.v")
	} else if _, err := mqtt.NewDecoder([]mqtt.Point{{Path: pt.Path}}); err != nil {
		report("path", err.Error(), "")
	}
	for _, k := range []struct {
		key   string
		given bool
	}{{"reg", pt.Reg != nil}, {"table", pt.Table != ""}, {"type", pt.Type != ""}, {"order", pt.Order != ""}, {"bit", pt.Bit != nil}, {"bits", pt.Bits != ""}} {
		if k.given {
			report(k.key, "an MQTT point has no "+k.key, "say where it is with path")
		}
	}
}

// validateRegister checks where on a Modbus device a point lies. full is pt with
// the defaults of the profile.
func (p *Profile) validateRegister(report gateway.Report, pt *Point, full Point, kind gateway.Kind) {
	if pt.Path != "" {
		report("path", "a Modbus point has no path", "say where it is with reg, or say protocol: mqtt")
	}
	oneOf(report, "table", pt.Table, append(modbus.Tables(), "")...)
	oneOf(report, "type", pt.Type, append(modbus.Types(), "")...)
	oneOf(report, "order", pt.Order, append(modbus.Orders(), "")...)
	if pt.Reg == nil {
		report("reg", "a Modbus point needs a register", "its number as in the device's manual")
		return
	}
	table, okTable := modbus.ParseTable(full.Table)
	typ, okType := modbus.ParseType(full.Type)
	if !okTable || !okType {
		return // reported where it is written
	}
	p.validateAddress(report, "reg", *pt.Reg, typ.Registers(), table)
	if table.Single() != (typ == modbus.Bit) {
		report("type", fmt.Sprintf("type %s in the table %s", typ, table), "coils and discrete inputs are of type bit, registers are not")
	}
	if limit := cmp.Or(p.Limits.MaxRegs, 125); limit > 0 && typ.Registers() > limit {
		report("type", fmt.Sprintf("a %s takes %d registers, limits.max_regs allows %d", typ, typ.Registers(), limit), "")
	}
	if kind == gateway.Bitset && (!typ.Unsigned() || typ.Width() > 32) {
		report("kind", "a bitset is of up to 32 bits", "type u8_hi, u8_lo, u16, u24 or u32")
	}
	if kind.Stepwise() && typ.Float() {
		report("kind", fmt.Sprintf("a %s point cannot be %s", kind, typ), "an integer type")
	}
	validateBits(report, pt, typ)
	for i, na := range pt.NA {
		if w := typ.Width(); w < 64 && (na < -1<<(w-1) || na >= 1<<w) {
			report(fmt.Sprintf("na[%d]", i), fmt.Sprintf("%d does not fit into %s", na, typ), "")
		}
	}
}

// validateAddress checks that n registers from reg on lie in the table.
func (p *Profile) validateAddress(report gateway.Report, key string, reg, n int, table modbus.Table) {
	if !slices.Contains([]string{"", wire0Based, manual1Based, modicon5, modicon6}, p.Defaults.Numbering) {
		return // reported where it is written
	}
	address, err := p.WireAddress(reg)
	if err != nil {
		report(key, err.Error(), "see defaults.numbering")
		return
	}
	if int(address)+n > 1<<16 {
		report(key, fmt.Sprintf("register %d: its last part lies behind the end of the table", reg), "")
	}
	if implied, _ := p.modiconTable(reg); p.modicon() && implied != table {
		report(key, fmt.Sprintf("register %d is in the table %s by its number, and in %s by table", reg, implied, table), "leave out table, or the number is another one")
	}
}

func validateBits(report gateway.Report, pt *Point, typ modbus.Type) {
	if pt.Bit == nil && pt.Bits == "" {
		return
	}
	key := "bits"
	if pt.Bit != nil {
		key = "bit"
	}
	if pt.Bit != nil && pt.Bits != "" {
		report("bits", "both bit and bits are given", "bit for one, bits for several")
	}
	if !typ.Unsigned() {
		report(key, fmt.Sprintf("a %s has no bits to choose from", typ), "type u16, u32 or u64")
		return
	}
	shift, bits, err := pt.bitField()
	if err != nil {
		report(key, err.Error(), "")
	} else if shift < 0 || shift+bits > typ.Width() {
		report(key, fmt.Sprintf("a %s has the bits 0 to %d", typ, typ.Width()-1), "")
	}
}

func (p *Profile) validateSample(report gateway.Report, v *Vector) {
	if len(v.Want) == 0 {
		report("want", "the sample says nothing of the values", "such as {v_l1: 230}")
	}
	for name := range v.Want {
		if !p.has(name) {
			report("want."+name, fmt.Sprintf("the profile has no point %q", name), "")
		}
	}
	if p.Protocol == MQTT {
		if !json.Valid([]byte(v.JSON)) {
			report("json", "the payload is not JSON", "")
		}
		return
	}
	p.validateBlock(report, &v.Block)
	for i := range v.Also {
		p.validateBlock(report.At(fmt.Sprintf("also[%d]", i)), &v.Also[i])
	}
}

func (p *Profile) validateBlock(report gateway.Report, v *Block) {
	oneOf(report, "table", v.Table, append(modbus.Tables(), "")...)
	table, ok := modbus.ParseTable(p.tableOf(v.Table, v.At))
	data, err := hex.DecodeString(strings.Join(strings.Fields(v.Hex), ""))
	switch {
	case err != nil || len(data) == 0:
		report("hex", "the data is not hexadecimal", "two digits for each byte, such as \"436A 0000\"")
	case ok && !table.Single() && len(data)%2 != 0:
		report("hex", fmt.Sprintf("%d bytes are no whole registers", len(data)), "four digits for each register")
	case ok:
		p.validateAddress(report, "at", v.At, max(1, len(data)/2), table)
	}
}

// oneOf reports value unless it is one of the words; "" among them allows
// leaving it out.
func oneOf(report gateway.Report, key, value string, words ...string) {
	if slices.Contains(words, value) {
		return
	}
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
	report(key, fmt.Sprintf("unknown %s %q", key, value), "one of "+joinWords(words))
}

// duration reports d unless it is 0, for the default, or within the bounds.
func duration(report gateway.Report, key string, d, lowest, highest time.Duration) {
	if d == 0 || d >= lowest && d <= highest {
		return
	}
	hint := fmt.Sprintf("at least %s", lowest)
	if highest < math.MaxInt64 {
		hint = fmt.Sprintf("%s to %s", lowest, highest)
	}
	report(key, fmt.Sprintf("%s cannot be", d), hint)
}

// word reports whether s is made of small letters, digits, _ and . only.
func word(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' {
			return false
		}
	}
	return s != ""
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func joinWords(words []string) string { return strings.Join(words, ", ") }

// classNames returns the classes that a device can be of.
func classNames() []string {
	var names []string
	for _, c := range gateway.Classes() {
		if c.Counted() {
			names = append(names, string(c))
		}
	}
	return names
}
