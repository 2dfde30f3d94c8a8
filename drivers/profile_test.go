package drivers_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
)

// meter returns a valid profile of a device that speaks Modbus.
func meter() *drivers.Profile {
	return &drivers.Profile{
		Name: "acme-meter", Class: gateway.WaterMeter, Source: []string{"manual p. 1"}, Trust: "paper",
		Defaults: drivers.Defaults{Numbering: "manual_1based", NA: []int64{0xFFFF}},
		Points: []drivers.Point{
			{Name: "flow", Reg: new(1), Type: "f32", Order: "CDAB", Unit: "m3/h", Role: "flow", Range: []float64{-10, 10},
				Gate: &drivers.Gate{Point: "signal", Min: new(50.0)}},
			{Name: "signal", Reg: new(3), Bits: "0-7", Role: "signal.quality"},
			{Name: "fault", Reg: new(4), Bit: new(9), Role: "fault", Group: "fast"},
			{Name: "door", Table: "coil", Reg: new(100), Invert: true},
			{Name: "mode", Reg: new(5), Enum: map[int64]drivers.Choice{0: {Name: "off", ZH: "关", EN: "Off"}, 1: {Name: "on"}}},
			{Name: "energy", Reg: new(6), Type: "u32", Scale: new(0.01), Unit: "kWh", Kind: "counter", Group: "slow", MaxAge: time.Hour},
			{Name: "errors", Reg: new(8), Kind: "bitset"},
		},
		Samples: []drivers.Vector{
			{Block: drivers.Block{At: 1, Hex: "0000 4148 5240"}, Want: map[string]float64{"flow": math.NaN(), "signal": 0x40}},
			{Block: drivers.Block{At: 1, Hex: "0000 40A0 5232 0200 0001 0000 04D2 8001"}, Want: map[string]float64{
				"flow": 5, "signal": 50, "fault": 1, "mode": 1, "energy": 12.34, "errors": 0x8001}},
			{Block: drivers.Block{At: 1, Hex: "0000 40A0 FFFF FFFF"}, Want: map[string]float64{"flow": math.NaN(), "signal": math.NaN(), "fault": math.NaN(), "mode": math.NaN()}},
			{Block: drivers.Block{Table: "coil", At: 97, Hex: "08"}, Want: map[string]float64{"door": 0}},
		},
	}
}

// sensor returns a valid profile of a device that speaks MQTT.
func sensor() *drivers.Profile {
	return &drivers.Profile{
		Name: "acme-leak", Protocol: drivers.MQTT, Class: gateway.LeakSensor, Source: []string{"data sheet"}, Trust: "site",
		Points: []drivers.Point{
			{Name: "leak", Path: "leak", Kind: "discrete", Role: "leak"},
			{Name: "battery", Path: "data.battery", Unit: "%", Range: []float64{0, 100}},
			{Name: "mode", Path: "mode", Enum: map[int64]drivers.Choice{0: {Name: "normal"}, 1: {Name: "test"}}},
		},
		Samples: []drivers.Vector{
			{JSON: `{"leak":true,"mode":"test","data":{"battery":150}}`, Want: map[string]float64{"leak": 1, "mode": 1, "battery": math.NaN()}},
		},
	}
}

// mistakes returns what validate reports: path, problem and hint.
func mistakes(validate func(gateway.Report)) (paths []string, all string) {
	var lines []string
	validate(func(path, problem, hint string) {
		paths = append(paths, path)
		lines = append(lines, path+": "+problem+" ("+hint+")")
	})
	slices.Sort(paths)
	return paths, strings.Join(lines, "\n")
}

func TestValidProfilesHaveNoMistakes(t *testing.T) {
	for _, p := range []*drivers.Profile{meter(), sensor()} {
		if _, all := mistakes(p.Validate); all != "" {
			t.Errorf("%s:\n%s", p.Name, all)
		}
		if err := p.TestSamples(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		p.Normalize()
		if _, all := mistakes(p.Validate); all != "" {
			t.Errorf("%s normalized:\n%s", p.Name, all)
		}
		once := *p
		once.Points = slices.Clone(p.Points)
		p.Normalize()
		if diff := cmp.Diff(&once, p, cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })); diff != "" {
			t.Errorf("%s normalized twice differs:\n%s", p.Name, diff)
		}
		if err := p.TestSamples(); err != nil {
			t.Errorf("%s normalized: %v", p.Name, err)
		}
	}
}

func TestEveryMistakeInAProfileIsFound(t *testing.T) {
	point := func(change func(*drivers.Point)) func(*drivers.Profile) {
		return func(p *drivers.Profile) { change(&p.Points[0]) }
	}
	tests := []struct {
		change func(*drivers.Profile)
		path   string
		says   string
	}{
		{func(p *drivers.Profile) { p.Name = "ACME" }, "profile", "acme-pump-1"},
		{func(p *drivers.Profile) { p.Protocol = "bacnet" }, "protocol", "one of modbus, mqtt"},
		{func(p *drivers.Profile) { p.Class = "ufo" }, "class", "water_meter"},
		{func(p *drivers.Profile) { p.Class = gateway.Line }, "class", "unknown class"},
		{func(p *drivers.Profile) { p.Source = nil }, "source", "manual"},
		{func(p *drivers.Profile) { p.Trust = "rumour" }, "trust", "paper, bench, site"},
		{func(p *drivers.Profile) { p.Safety = "high" }, "safety", "life"},
		{func(p *drivers.Profile) { p.Points = nil; p.Samples = nil }, "points", "no points"},
		{func(p *drivers.Profile) { p.Defaults.Table = "analog" }, "defaults.table", "coil, discrete, holding, input"},
		{func(p *drivers.Profile) { p.Defaults.Numbering = "one" }, "defaults.numbering", "modicon5"},
		{func(p *drivers.Profile) { p.Defaults.Type = "int" }, "defaults.type", "u16"},
		{func(p *drivers.Profile) { p.Defaults.Order = "ACBD" }, "defaults.order", "CDAB"},
		{func(p *drivers.Profile) { p.Defaults.Group = "quick" }, "defaults.group", "fast, normal, slow"},
		{func(p *drivers.Profile) { p.Limits.MaxRegs = 126 }, "limits.max_regs", "1 to 125"},
		{func(p *drivers.Profile) { p.Limits.MaxGap = new(-1) }, "limits.max_gap", "0 to 124"},
		{func(p *drivers.Profile) { p.Limits.Pipeline = 17 }, "limits.pipeline", "1 to 16"},
		{func(p *drivers.Profile) { p.Limits.Pipeline, p.Limits.Pause = 2, time.Second }, "limits.pipeline", "keep one"},
		{func(p *drivers.Profile) { p.Limits.Timeout = -time.Second }, "limits.timeout", "10ms to 1m0s"},
		{func(p *drivers.Profile) { p.Periods.Fast = time.Microsecond }, "periods.fast", "10ms"},
		{func(p *drivers.Profile) { p.Points[1].Name = "flow" }, "points.flow", "twice"},
		{func(p *drivers.Profile) { p.Points[6].Name = "link.2" }, "points.link.2", "taken"},
		{func(p *drivers.Profile) { p.Points[6].Name = "Error-Bits" }, "points.Error-Bits", "small letters"},
		{point(func(p *drivers.Point) { p.Reg = nil }), "points.flow.reg", "needs a register"},
		{point(func(p *drivers.Point) { p.Reg = new(0) }), "points.flow.reg", "no address"},
		{point(func(p *drivers.Point) { p.Reg = new(65536) }), "points.flow.reg", "behind the end"},
		{point(func(p *drivers.Point) { p.Reg = new(65537) }), "points.flow.reg", "no address"},
		{point(func(p *drivers.Point) { p.Table = "holdings" }), "points.flow.table", "holding"},
		{point(func(p *drivers.Point) { p.Table = "coil" }), "points.flow.type", "type bit"},
		{point(func(p *drivers.Point) { p.Type = "bit" }), "points.flow.type", "registers are not"},
		{point(func(p *drivers.Point) { p.Type = "float" }), "points.flow.type", "f32"},
		{point(func(p *drivers.Point) { p.Order = "abcd" }), "points.flow.order", "ABCD"},
		{point(func(p *drivers.Point) { p.Path = "a.b" }), "points.flow.path", "no path"},
		{point(func(p *drivers.Point) { p.Unit = "m3ph" }), "points.flow.unit", "m3/h"},
		{point(func(p *drivers.Point) { p.Role = "Flow Rate" }), "points.flow.role", "voltage.l1"},
		{point(func(p *drivers.Point) { p.Kind = "number" }), "points.flow.kind", "analog"},
		{point(func(p *drivers.Point) { p.Kind = "discrete"; p.Range = nil }), "points.flow.kind", "f32"},
		{point(func(p *drivers.Point) { p.Group = "alarm" }), "points.flow.group", "fast, normal, slow"},
		{point(func(p *drivers.Point) { p.MaxAge = -1 }), "points.flow.max_age", "at least 1s"},
		{point(func(p *drivers.Point) { p.Decimals = new(-1) }), "points.flow.decimals", "0 to 9"},
		{point(func(p *drivers.Point) { p.Scale = new(0.0) }), "points.flow.scale", "other than 0"},
		{point(func(p *drivers.Point) { p.Scale = new(math.Inf(1)) }), "points.flow.scale", "other than 0"},
		{point(func(p *drivers.Point) { p.Offset = math.NaN() }), "points.flow.offset", "finite"},
		{point(func(p *drivers.Point) { p.Invert = true }), "points.flow.invert", "discrete"},
		{point(func(p *drivers.Point) { p.Range = []float64{10, -10} }), "points.flow.range", "[-10, 10]"},
		{point(func(p *drivers.Point) { p.Range = []float64{1} }), "points.flow.range", "two ends"},
		{point(func(p *drivers.Point) { p.Range = []float64{math.NaN(), 1} }), "points.flow.range", "two ends"},
		{point(func(p *drivers.Point) { p.Bit = new(1) }), "points.flow.bit", "no bits"},
		{point(func(p *drivers.Point) { p.Gate = &drivers.Gate{Point: "signals", Min: new(1.0)} }), "points.flow.valid_when.point", "signals"},
		{point(func(p *drivers.Point) { p.Gate.Point = "flow" }), "points.flow.valid_when.point", "itself"},
		{point(func(p *drivers.Point) { p.Gate.Min = nil }), "points.flow.valid_when", "neither"},
		{point(func(p *drivers.Point) { p.Gate.Max = new(40.0) }), "points.flow.valid_when.min", "above"},
		{func(p *drivers.Profile) { p.Limits.AllEqual = new(1) }, "limits.all_equal", "2 to 125"},
		{func(p *drivers.Profile) { p.Sentinel = []drivers.Sentinel{{Reg: 0, Value: 1}} }, "sentinel[0].reg", "no address"},
		{func(p *drivers.Profile) { p.Sentinel = []drivers.Sentinel{{Reg: 900, Value: 1}} }, "sentinel[0].reg", "together"},
		{func(p *drivers.Profile) { p.Sentinel = []drivers.Sentinel{{Reg: 9, Type: "word", Value: 1}} }, "sentinel[0].type", "u16"},
		{func(p *drivers.Profile) {
			p.Sentinel = []drivers.Sentinel{{Reg: 9, Table: "coil", Type: "bit", Value: 1}}
		}, "sentinel[0].table", "proves nothing"},
		{point(func(p *drivers.Point) { p.Stuck = time.Second }), "points.flow.stuck", "1m"},
		{point(func(p *drivers.Point) { p.Kind, p.Deadband = "enum", 1 }), "points.flow.deadband", "leave out deadband"},
		{func(p *drivers.Profile) { p.Points[5].Stuck = time.Hour }, "points.energy.stuck", "leave out stuck"},
		{point(func(p *drivers.Point) { p.MaxStep = -1 }), "points.flow.max_step", "above 0"},
		{point(func(p *drivers.Point) { p.MaxRate = 1 }), "points.flow.max_rate", "kind: counter"},
		{point(func(p *drivers.Point) { p.Rollover = 1 }), "points.flow.rollover", "kind: counter"},
		{func(p *drivers.Profile) { p.Points[5].MaxStep = 1 }, "points.energy.max_step", "max_rate"},
		{func(p *drivers.Profile) { p.Points[5].Rollover = math.Inf(1) }, "points.energy.rollover", "100000"},
		{func(p *drivers.Profile) { p.Points[5].Factor = &drivers.Factor{Point: "nothing"} }, "points.energy.scale_from.point", "nothing"},
		{func(p *drivers.Profile) { p.Points[5].Factor = &drivers.Factor{Point: "energy"} }, "points.energy.scale_from.point", "itself"},
		{func(p *drivers.Profile) { p.Points[5].Factor = &drivers.Factor{Point: "flow"} }, "points.energy.scale_from.point", "third"},
		{func(p *drivers.Profile) { p.Points[5].Factor = &drivers.Factor{Point: "signal", As: "power"} }, "points.energy.scale_from.as", "factor, exponent"},
		{func(p *drivers.Profile) { p.Points[4].Factor = &drivers.Factor{Point: "signal"} }, "points.mode.scale_from", "cannot be scaled"},
		{func(p *drivers.Profile) { p.Points[5].Type = "bcd32"; p.Points[5].Bit = new(1) }, "points.energy.bit", "no bits"},
		{func(p *drivers.Profile) { p.Points[1].Gate = &drivers.Gate{Point: "fault", Min: new(1.0)} }, "points.flow.valid_when.point", "third"},
		{func(p *drivers.Profile) { p.Points[1].Bits = "7-0" }, "points.signal.bits", "8-15"},
		{func(p *drivers.Profile) { p.Points[1].Bits = "0..7" }, "points.signal.bits", "8-15"},
		{func(p *drivers.Profile) { p.Points[1].Bits = "8-16" }, "points.signal.bits", "0 to 15"},
		{func(p *drivers.Profile) { p.Points[1].Bit = new(3); p.Points[1].Kind = "analog" }, "points.signal.bits", "both"},
		{func(p *drivers.Profile) { p.Points[2].Bit = new(16) }, "points.fault.bit", "0 to 15"},
		{func(p *drivers.Profile) { p.Points[2].Bit = new(-1) }, "points.fault.bit", "0 to 15"},
		{func(p *drivers.Profile) { p.Points[2].Scale = new(2.0) }, "points.fault.scale", "cannot be scaled"},
		{func(p *drivers.Profile) { p.Points[2].Range = []float64{0, 1} }, "points.fault.range", "0 or 1"},
		{func(p *drivers.Profile) { p.Points[3].Bit = new(0) }, "points.door.bit", "no bits"},
		{func(p *drivers.Profile) { p.Points[4].Kind = "analog" }, "points.mode.enum", "kind: enum"},
		{func(p *drivers.Profile) { p.Points[4].Enum[1] = drivers.Choice{Name: "off"} }, "points.mode.enum.1", "twice"},
		{func(p *drivers.Profile) { p.Points[4].Enum[1] = drivers.Choice{ZH: "开"} }, "points.mode.enum.1", "small letters"},
		{func(p *drivers.Profile) {
			p.Points[5].Kind = "bitset"
			p.Points[5].Type = "u64"
			p.Points[5].Scale = nil
		}, "points.energy.kind", "up to 32 bits"},
		{func(p *drivers.Profile) { p.Points[6].NA = []int64{0x10000} }, "points.errors.na[0]", "does not fit"},
		{func(p *drivers.Profile) { p.Limits.MaxRegs = 1; p.Points[5].Name = "energy"; p.Points[0].Type = "u16" }, "points.energy.type", "2 registers"},
		{func(p *drivers.Profile) { p.Time = &drivers.Stamp{} }, "time", "Modbus profile"},
		{func(p *drivers.Profile) { p.Birth = &drivers.Sign{} }, "birth", "Modbus profile"},
		{func(p *drivers.Profile) { p.Samples[0].Want = nil }, "samples[0].want", "nothing"},
		{func(p *drivers.Profile) { p.Samples[0].Want["flows"] = 1 }, "samples[0].want.flows", "flows"},
		{func(p *drivers.Profile) { p.Samples[0].Hex = "4148 x" }, "samples[0].hex", "hexadecimal"},
		{func(p *drivers.Profile) { p.Samples[0].Hex = "414800" }, "samples[0].hex", "whole registers"},
		{func(p *drivers.Profile) { p.Samples[0].At = 0 }, "samples[0].at", "no address"},
		{func(p *drivers.Profile) { p.Samples[0].Table = "x" }, "samples[0].table", "holding"},
		{func(p *drivers.Profile) { p.Defaults.Numbering = "modicon5"; p.Points[0].Table = "holding" }, "points.flow.reg", "coil by its number"},
	}
	for _, tt := range tests {
		p := meter()
		tt.change(p)
		paths, all := mistakes(p.Validate)
		if !slices.Contains(paths, tt.path) || !strings.Contains(all, tt.says) {
			t.Errorf("want a mistake at %s that says %q, got:\n%s", tt.path, tt.says, all)
		}
	}
	for path, change := range map[string]func(*drivers.Profile){
		"points.leak.path":    func(p *drivers.Profile) { p.Points[0].Path = "" },
		"points.battery.path": func(p *drivers.Profile) { p.Points[1].Path = "data..battery" },
		"points.leak.reg":     func(p *drivers.Profile) { p.Points[0].Reg = new(1) },
		"points.leak.bits":    func(p *drivers.Profile) { p.Points[0].Bits = "1-2" },
		"defaults.table":      func(p *drivers.Profile) { p.Defaults.Table = "coil" },
		"samples[0].json":     func(p *drivers.Profile) { p.Samples[0].JSON = "{" },
		"time.format":         func(p *drivers.Profile) { p.Time = &drivers.Stamp{Path: "ts", Format: "iso"} },
		"time.path":           func(p *drivers.Profile) { p.Time = &drivers.Stamp{Path: "a..b", Format: "unix"} },
		"time.max_skew":       func(p *drivers.Profile) { p.Time = &drivers.Stamp{Path: "ts", Format: "unix", MaxSkew: 1} },
		"auto.max_points":     func(p *drivers.Profile) { p.Auto.MaxPoints = 1000 },
		"expect_every":        func(p *drivers.Profile) { p.ExpectEvery = time.Millisecond },
		"birth.topic":         func(p *drivers.Profile) { p.Birth = &drivers.Sign{Payload: "Online"} },
		"death.path":          func(p *drivers.Profile) { p.Death = &drivers.Sign{Topic: "../LWT", Path: ".."} },
		"death": func(p *drivers.Profile) {
			p.Birth, p.Death = &drivers.Sign{Topic: "../LWT"}, &drivers.Sign{Topic: "../LWT"}
		},
		"points.battery.scale_from": func(p *drivers.Profile) {
			p.Points[1].Factor = &drivers.Factor{Point: "mode"}
		},
	} {
		p := sensor()
		change(p)
		if paths, all := mistakes(p.Validate); !slices.Equal(paths, []string{path}) {
			t.Errorf("want one mistake at %s, got:\n%s", path, all)
		}
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	p := meter()
	p.Trust, p.Limits.MaxRegs, p.Points[0].Unit, p.Points[2].Bit = "", 999, "furlong", new(77)
	paths, all := mistakes(p.Validate)
	if want := []string{"limits.max_regs", "points.fault.bit", "points.flow.unit", "trust"}; !slices.Equal(paths, want) {
		t.Errorf("want %v, got:\n%s", want, all)
	}
}

func TestEveryMistakeInABusIsFound(t *testing.T) {
	for path, b := range map[string]drivers.Bus{
		"":              {ID: "b1"},
		"tcp":           {ID: "b1", TCP: "10.0.0.7"},
		"client_id":     {ID: "b1", MQTT: "mqtt://broker:1883"},
		"qos":           {ID: "b1", MQTT: "mqtt://broker:1883", ClientID: "gw", QoS: new(2)},
		"discover":      {ID: "b1", MQTT: "mqtt://broker:1883", ClientID: "gw", Discover: "auto"},
		"persistent":    {ID: "b1", MQTT: "mqtt://broker:1883", ClientID: "gw", QoS: new(0), Persistent: true},
		"tls":           {ID: "b1", MQTT: "mqtts://broker:8883", ClientID: "gw", TLS: drivers.TLS{Cert: "gw.pem"}},
		"password_file": {ID: "b1", MQTT: "mqtts://broker", ClientID: "gw", Password: "x", PasswordFile: "y"},
		"mqtt":          {ID: "b1", MQTT: "http://broker", ClientID: "gw"},
		"pipeline":      {ID: "b1", RTUOverTCP: "10.0.0.7:4001", Pipeline: 2},
		"timeout":       {ID: "b1", TCP: "10.0.0.7:502", Timeout: time.Hour},
		"username":      {ID: "b1", TCP: "10.0.0.7:502", Username: "gw"},
		"keep_alive":    {ID: "b1", MQTT: "mqtt://broker", ClientID: "gw", KeepAlive: time.Millisecond},
	} {
		if paths, all := mistakes(b.Validate); !slices.Equal(paths, []string{path}) {
			t.Errorf("want one mistake at %q, got:\n%s", path, all)
		}
	}
	for _, tcp := range []string{":502", "host:0", "host:99999", "host:x", "[::1]"} {
		b := drivers.Bus{ID: "b1", TCP: tcp}
		if paths, _ := mistakes(b.Validate); len(paths) != 1 {
			t.Errorf("address %q was taken", tcp)
		}
	}
	both := drivers.Bus{ID: "B 1", TCP: "h:1", MQTT: "mqtt://h"}
	if paths, all := mistakes(both.Validate); !slices.Equal(paths, []string{"", "mqtt"}) {
		t.Errorf("got:\n%s", all)
	}
	for _, b := range []drivers.Bus{
		{ID: "b1", TCP: "[::1]:502", Timeout: time.Second, Pipeline: 16},
		{ID: "mq", MQTT: "mqtts://broker:8883", ClientID: "gw", QoS: new(0), PasswordFile: "pw", TLS: drivers.TLS{CA: "ca.pem"}},
	} {
		if _, all := mistakes(b.Validate); all != "" {
			t.Errorf("a good bus got:\n%s", all)
		}
	}
}

func TestWireAddress(t *testing.T) {
	for _, tt := range []struct {
		numbering string
		reg       int
		want      int // -1 for an error
	}{
		{"", 0, 0}, {"wire_0based", 65535, 65535}, {"wire_0based", 65536, -1}, {"wire_0based", -1, -1},
		{"manual_1based", 1, 0}, {"manual_1based", 65536, 65535}, {"manual_1based", 0, -1},
		{"modicon5", 1, 0}, {"modicon5", 10001, 0}, {"modicon5", 30002, 1}, {"modicon5", 40001, 0}, {"modicon5", 49500, 9499},
		{"modicon5", 40000, -1}, {"modicon5", 20001, -1}, {"modicon5", 50001, -1}, {"modicon5", 0, -1}, {"modicon5", -1, -1},
		{"modicon6", 400001, 0}, {"modicon6", 465536, 65535}, {"modicon6", 465537, -1}, {"modicon6", 300011, 10},
		{"modicon6", 40001, 40000}, {"octal", 1, -1},
	} {
		p := drivers.Profile{Defaults: drivers.Defaults{Numbering: tt.numbering}}
		got, err := p.WireAddress(tt.reg)
		if tt.want < 0 && err == nil || tt.want >= 0 && (err != nil || int(got) != tt.want) {
			t.Errorf("%s %d is %d, %v; want %d", tt.numbering, tt.reg, got, err, tt.want)
		}
	}
}

func TestModiconNumbersSayTheTable(t *testing.T) {
	p := meter()
	p.Defaults, p.Samples = drivers.Defaults{Numbering: "modicon5"}, nil
	p.Points = []drivers.Point{
		{Name: "a", Reg: new(40001)}, {Name: "b", Reg: new(30001)}, {Name: "c", Reg: new(10001)}, {Name: "d", Reg: new(1)},
	}
	if _, all := mistakes(p.Validate); all != "" {
		t.Fatal(all)
	}
	p.Normalize()
	p.Normalize()
	for i, want := range []string{"holding u16", "input u16", "discrete bit", "coil bit"} {
		if got := p.Points[i].Table + " " + p.Points[i].Type; got != want {
			t.Errorf("register %d is %s, want %s", *p.Points[i].Reg, got, want)
		}
	}
}

func TestGatewayPoints(t *testing.T) {
	d := drivers.Device{Facility: "meter-1", Every: 20 * time.Second}
	states := map[int64]gateway.State{
		0: {Name: "off", Text: gateway.Text{ZH: "关", EN: "Off"}}, 1: {Name: "on", Text: gateway.Text{EN: "on"}},
	}
	want := []gateway.Point{
		{Name: "flow", Role: "flow", Unit: "m3/h", Period: 20 * time.Second, MaxAge: time.Minute, Decimals: 2},
		{Name: "signal", Role: "signal.quality", Period: 20 * time.Second, MaxAge: time.Minute},
		{Name: "fault", Role: "fault", Kind: gateway.Discrete, Period: time.Second, MaxAge: 10 * time.Second},
		{Name: "door", Kind: gateway.Discrete, Period: 20 * time.Second, MaxAge: time.Minute},
		{Name: "mode", Kind: gateway.Enum, States: states, Period: 20 * time.Second, MaxAge: time.Minute},
		{Name: "energy", Unit: "kWh", Kind: gateway.Counter, Period: time.Minute, MaxAge: time.Hour, Decimals: 2},
		{Name: "errors", Kind: gateway.Bitset, Period: 20 * time.Second, MaxAge: time.Minute},
	}
	for i := range want {
		want[i].Facility, want[i].Text = "meter-1", gateway.Text{EN: want[i].Name}
	}
	p := meter()
	if diff := cmp.Diff(want, p.GatewayPoints(d)); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
	p.Normalize()
	if diff := cmp.Diff(want, p.GatewayPoints(d)); diff != "" {
		t.Errorf("points of the normalized profile (-want +got):\n%s", diff)
	}
	for _, pt := range sensor().GatewayPoints(d) {
		if pt.Period != 0 || pt.MaxAge != 0 {
			t.Errorf("%s comes on events, but has period %s and age %s", pt.Name, pt.Period, pt.MaxAge)
		}
	}
}

func TestAPointIsScaledByAnotherOne(t *testing.T) {
	p := meter()
	p.Points = append(p.Points, drivers.Point{Name: "exponent", Reg: new(9), Type: "i16", NA: []int64{0x8000}})
	p.Points[5].Factor = &drivers.Factor{Point: "exponent", As: "exponent"}
	p.Samples = []drivers.Vector{
		{Block: drivers.Block{At: 6, Hex: "0000 04D2 0000 FFFE"}, Want: map[string]float64{"energy": 0.1234, "exponent": -2}},
		{Block: drivers.Block{At: 6, Hex: "0000 04D2 0000 0003"}, Want: map[string]float64{"energy": 12340}},
		{Block: drivers.Block{At: 6, Hex: "0000 04D2 0000 8000"}, Want: map[string]float64{"energy": math.NaN()}},
		{Block: drivers.Block{At: 6, Hex: "0000 04D2"}, Want: map[string]float64{"energy": math.NaN()}},
	}
	if _, all := mistakes(p.Validate); all != "" {
		t.Error(all)
	}
	if err := p.TestSamples(); err != nil {
		t.Error(err)
	}
}

func TestASentinelDisprovesASample(t *testing.T) {
	p := meter()
	p.Sentinel = []drivers.Sentinel{{Reg: 9, Value: 0x3001}}
	p.Samples = []drivers.Vector{
		{Block: drivers.Block{At: 5, Hex: "0001 0000 04D2 8001 3001"}, Want: map[string]float64{"mode": 1, "energy": 12.34}},
		{Block: drivers.Block{At: 5, Hex: "0001 0000 04D2 8001 3002"}, Want: map[string]float64{"mode": math.NaN(), "energy": math.NaN()}},
		{Block: drivers.Block{At: 5, Hex: "0001 0000 04D2"}, Want: map[string]float64{"mode": 1}},
	}
	if _, all := mistakes(p.Validate); all != "" {
		t.Error(all)
	}
	if err := p.TestSamples(); err != nil {
		t.Error(err)
	}
}

func TestARateIsANumberForATime(t *testing.T) {
	for text, want := range map[string]float64{"100/h": 100.0 / 3600, "0.5 / s": 0.5, "6/min": 0.1, "86400/d": 1} {
		var r drivers.Rate
		if err := r.UnmarshalText([]byte(text)); err != nil || math.Abs(float64(r)-want) > 1e-12 {
			t.Errorf("%s is %v a second, %v", text, r, err)
		}
	}
	for _, text := range []string{"", "100", "100/", "/h", "100/kWh", "-1/h", "0/h", "1/h/h", "NaN/h", "Inf/h"} {
		var r drivers.Rate
		if err := r.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken as %v", text, r)
		}
	}
}

func TestSamplesThatDoNotComeOutAreNamed(t *testing.T) {
	p := meter()
	p.Samples[1].Want["flow"] = 5.1
	p.Samples[1].Want["fault"] = math.NaN()
	p.Samples[2].Want["signal"] = 255
	err := p.TestSamples()
	if err == nil {
		t.Fatal("no error")
	}
	want := "samples[1]: fault: 1, want a bad value\nsamples[1]: flow: 5, want 5.1\nsamples[2]: signal: bad (not_available), want 255"
	if err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	s := sensor()
	s.Samples[0].Want["battery"] = 3
	s.Samples = append(s.Samples, drivers.Vector{JSON: `{}`, Want: map[string]float64{"leak": 0}}, drivers.Vector{JSON: `{`})
	if err := s.TestSamples(); err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("got %v, want three mistakes", err)
	}
}
