package drivers

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// addressForm is an address as makers print it: 40001, 0x1A, 1AH, 30001-30002,
// 100.3.
var addressForm = regexp.MustCompile(`^(?i)(0x[0-9a-f]+|[0-9][0-9a-f]*h|[0-9]+)(?:\s*(?:-|~|～|–|\.\.|/|至)\s*(0x[0-9a-f]+|[0-9][0-9a-f]*h|[0-9]+))?(?:\.(?:bit)?([0-9]{1,2}))?$`)

// parseAddress returns the register, how many there are (0 if it does not say)
// and the bit (-1 for none).
func parseAddress(text string) (reg, registers, bit int, err error) {
	m := addressForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return 0, 0, 0, fmt.Errorf("%q is no register address", text)
	}
	if reg, err = parseRegister(m[1]); err != nil {
		return 0, 0, 0, err
	}
	bit = -1
	if m[2] != "" {
		last, err := parseRegister(m[2])
		if err != nil || last < reg {
			return 0, 0, 0, fmt.Errorf("%q is no run of registers", text)
		}
		registers = last - reg + 1
	}
	if m[3] != "" {
		bit, _ = strconv.Atoi(m[3])
	}
	return reg, registers, bit, nil
}

// parseRegister reads a decimal or hexadecimal number that a register can have.
func parseRegister(text string) (int, error) {
	digits, base := text, 10
	if hex, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		digits, base = hex, 16
	} else if hex, ok := strings.CutSuffix(strings.ToLower(text), "h"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseInt(digits, base, 32)
	if err != nil || n > 465_536 {
		return 0, fmt.Errorf("%q is no register address", text)
	}
	return int(n), nil
}

// tableOfFunction returns the table that a function code or a name stands for.
func tableOfFunction(text string) string {
	t := strings.ToLower(strings.ReplaceAll(text, " ", ""))
	for _, n := range []struct {
		table modbus.Table
		words []string
	}{
		{modbus.Coils, []string{"1", "01", "01h", "0x01", "fc1", "fc01", "coil", "coils", "线圈"}},
		{modbus.DiscreteInputs, []string{"2", "02", "02h", "0x02", "fc2", "fc02", "discrete", "discreteinput", "discreteinputs", "离散输入"}},
		{modbus.HoldingRegisters, []string{"3", "03", "03h", "0x03", "fc3", "fc03", "holding", "holdingregister", "holdingregisters", "保持寄存器"}},
		{modbus.InputRegisters, []string{"4", "04", "04h", "0x04", "fc4", "fc04", "input", "inputregister", "inputregisters", "输入寄存器"}},
	} {
		if slices.Contains(n.words, t) {
			return n.table.String()
		}
	}
	return ""
}

// typeWords are what makers call the types, in small letters and without spaces,
// "_" and "-".
var typeWords = map[modbus.Type][]string{
	modbus.U16:   {"u16", "uint16", "uint16t", "unsigned16", "unsignedint16", "ushort", "unsignedshort", "uint", "word", "unsigned", "16bitunsigned", "无符号16位", "16位无符号", "无符号整数", "无符号整型", "无符号"},
	modbus.I16:   {"i16", "s16", "int16", "int16t", "sint16", "signed16", "short", "int", "signed", "16bitsigned", "有符号16位", "16位有符号", "有符号整数", "有符号整型", "有符号"},
	modbus.U32:   {"u32", "uint32", "uint32t", "unsigned32", "ulong", "unsignedlong", "udint", "dword", "32bitunsigned", "无符号32位", "32位无符号", "无符号长整型"},
	modbus.I32:   {"i32", "s32", "int32", "int32t", "sint32", "signed32", "long", "dint", "32bitsigned", "有符号32位", "32位有符号", "长整型", "有符号长整型"},
	modbus.U64:   {"u64", "uint64", "unsigned64", "ulint", "qword"},
	modbus.I64:   {"i64", "s64", "int64", "signed64", "lint"},
	modbus.F32:   {"f32", "float", "float32", "real", "real4", "single", "ieee754", "float(ieee754)", "浮点", "浮点数", "单精度", "单精度浮点", "单精度浮点数", "32位浮点", "浮点型"},
	modbus.F64:   {"f64", "double", "float64", "lreal", "real8", "双精度", "双精度浮点", "双精度浮点数"},
	modbus.BCD16: {"bcd", "bcd16", "bcd码"},
	modbus.BCD32: {"bcd32"},
	modbus.Bit:   {"bit", "bool", "boolean", "binary", "digital", "布尔", "布尔型", "开关量", "位"},
}

// textual reports whether a type is that of text.
func textual(text string) bool {
	t := strings.ToLower(text)
	return slices.ContainsFunc([]string{"ascii", "string", "char", "text", "utf", "字符", "文本"}, func(word string) bool { return strings.Contains(t, word) })
}

// typeOf gives p the type that its cells say, or a guess.
func (im *importer) typeOf(p *imported, text string, registers int) {
	word := strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(text))
	single := p.table == modbus.Coils.String() || p.table == modbus.DiscreteInputs.String()
	found := modbus.U16
	known := false
	for t := modbus.U16; t <= modbus.Bit; t++ {
		if slices.Contains(typeWords[t], word) {
			found, known = t, true
		}
	}
	switch {
	case single:
		return // their type is the only one there is
	case found == modbus.Bit && p.bit < 0:
		p.typ, p.kind, p.verify = modbus.U16.String(), gateway.Discrete.String(), true
		im.ask(p.line, "%s: a bit of which register and where? taken as a register that is 0 or 1", p.name0())
		return
	case p.bit >= 0:
		p.typ = modbus.U16.String()
		return
	case known && registers == 2 && found == modbus.BCD16:
		found = modbus.BCD32
	case known && registers > 0 && registers != found.Registers():
		im.ask(p.line, "%s: a %s takes %d registers, the table says %d", p.name0(), found, found.Registers(), registers)
		p.verify = true
	case !known:
		if registers == 2 {
			found = modbus.U32
		} else if registers > 2 {
			im.ask(p.line, "%s: %d registers of %q are taken as their first one", p.name0(), registers, text)
		}
		im.ask(p.line, "%s: type %s is a guess for %q", p.name0(), found, text)
		p.verify = true
	}
	p.typ = found.String()
}

// name0 returns what a person finds the point by in the table.
func (p *imported) name0() string {
	if p.original != "" {
		return p.original
	}
	return p.address
}

// unitWords are units that makers write otherwise than profiles do.
var unitWords = map[string]string{
	"℃": "degC", "°c": "degC", "c": "degC", "摄氏度": "degC", "deg": "degC", "℉": "degF", "°f": "degF",
	"v": "V", "伏": "V", "a": "A", "安": "A", "ma": "mA", "w": "W", "瓦": "W", "kw": "kW", "千瓦": "kW", "mw": "MW",
	"wh": "Wh", "kwh": "kWh", "kw·h": "kWh", "kw.h": "kWh", "度": "kWh", "千瓦时": "kWh", "mwh": "MWh",
	"var": "var", "kvar": "kvar", "va": "VA", "kva": "kVA", "hz": "Hz", "赫兹": "Hz",
	"pa": "Pa", "kpa": "kPa", "mpa": "MPa", "bar": "bar", "mbar": "mbar",
	"m3": "m3", "m³": "m3", "立方米": "m3", "l": "L", "升": "L", "m3/h": "m3/h", "m³/h": "m3/h", "l/min": "L/min", "l/s": "L/s", "l/h": "L/h",
	"rpm": "rpm", "r/min": "rpm", "转/分": "rpm", "％": "%", "%rh": "%", "h": "h", "小时": "h", "s": "s", "秒": "s", "ms": "ms", "min": "min", "分钟": "min",
	"m": "m", "cm": "cm", "mm": "mm", "m/s": "m/s", "%lel": "%LEL", "ppm": "ppm", "ntu": "NTU", "mg/l": "mg/L", "ph": "pH", "db": "dB",
}

// scaleForm is a scale as makers print it, with the unit that may stand behind.
var scaleForm = regexp.MustCompile(`^(?:[x×*]\s*)?(?:(1?/)\s*)?(?:10\^(-?[0-9]+)|([0-9]*\.?[0-9]+))\s*(\S*)$`)

// scaleOf gives p its scale and unit, and its kind if they tell.
func (im *importer) scaleOf(p *imported, scale, unit string) {
	switch m := scaleForm.FindStringSubmatch(strings.ToLower(scale)); {
	case scale == "" || scale == "-" || scale == "/":
	case m == nil:
		im.ask(p.line, "%s: scale %q is not understood and left out", p.name0(), scale)
		p.verify = true
	default:
		v, _ := strconv.ParseFloat(m[3], 64)
		if m[2] != "" {
			n, _ := strconv.Atoi(m[2])
			v = math.Pow10(n)
		}
		if m[1] != "" {
			v = 1 / v
		}
		if unit == "" {
			unit = m[4]
		}
		if v == 10 || v == 100 || v == 1000 {
			im.ask(p.line, "%s: scale %v multiplies; some makers mean that the register is divided by it", p.name0(), v)
			p.verify = true
		}
		if finite(v) && v != 0 && v != 1 {
			p.scale = strconv.FormatFloat(v, 'g', -1, 64)
		}
	}
	unit = strings.Trim(strings.TrimSpace(unit), "-/")
	known := unitWords[strings.ToLower(unit)]
	switch {
	case unit == "" || strings.EqualFold(unit, "none") || unit == "无":
	case gateway.ValidUnit(unit):
		p.unit = unit
	case known != "":
		p.unit = known
	default:
		im.ask(p.line, "%s: unit %q is not known and left out", p.name0(), unit)
	}
	if p.bit >= 0 {
		p.scale, p.unit = "", ""
		return
	}
	if slices.Contains([]string{"Wh", "kWh", "MWh", "m3"}, p.unit) && p.kind == "" {
		p.kind = gateway.Counter.String()
		im.ask(p.line, "%s: taken as a counter for its unit", p.name0())
	}
}
