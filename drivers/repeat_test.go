package drivers_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
)

// booster returns a set of up to three pumps, of which a bit each says whether
// it is there, and the detectors of two loops.
func booster() *drivers.Profile {
	return &drivers.Profile{
		Name: "acme-booster", Class: gateway.PumpGroup, Source: []string{"manual p. 1"}, Trust: "paper",
		Defaults: drivers.Defaults{Numbering: "manual_1based"},
		Points:   []drivers.Point{{Name: "present", Reg: new(208), Bits: "0-5", Kind: "bitset", Group: "slow"}},
		Repeat: []drivers.Repeat{
			{
				ID: "pumps", Name: "pump{n}", When: "present",
				Over: []drivers.Index{{Name: "n", Span: drivers.Span{First: 1, Last: 3, Stride: 10}}},
				Points: []drivers.Point{
					{Name: "on", Reg: new(401), Bit: new(1), Text: gateway.Text{ZH: "{n}号泵运行", EN: "Pump {n} on"}},
					{Name: "speed", Reg: new(405), Factor: &drivers.Factor{Point: "scale"}},
					{Name: "scale", Reg: new(406)},
				},
			},
			{
				ID: "detectors", Name: "l{loop}d{addr}",
				Over: []drivers.Index{
					{Name: "loop", Span: drivers.Span{First: 1, Last: 2, Stride: 400}},
					{Name: "addr", Span: drivers.Span{First: 1, Last: 2, Stride: 1}},
				},
				Points: []drivers.Point{
					{Name: "active", Reg: new(1001), Bit: new(11)},
					{Name: "event", Reg: new(1001), Bits: "0-7", Gate: &drivers.Gate{Point: "active", Min: new(1.0)}},
				},
			},
		},
		Samples: []drivers.Vector{
			{Block: drivers.Block{At: 208, Hex: "0002"}, Want: map[string]float64{"present": 2}},
			{Block: drivers.Block{At: 1402, Hex: "0805"}, Want: map[string]float64{"l2d2_active": 1, "l2d2_event": 5}},
		},
	}
}

func TestGroupsAreWrittenOut(t *testing.T) {
	p := booster()
	p.Repeat[0].Points[1].Factor, p.Repeat[0].Points = nil, p.Repeat[0].Points[:2]
	if _, all := mistakes(p.Validate); all != "" {
		t.Fatal(all)
	}
	p.Samples = append(p.Samples, drivers.Vector{
		Block: drivers.Block{At: 208, Hex: "0002"}, Also: []drivers.Block{{At: 401, Hex: "0002"}, {At: 411, Hex: "0002"}},
		Want: map[string]float64{"pump1_on": math.NaN(), "pump2_on": 1, "pump3_on": math.NaN()},
	})
	if err := p.TestSamples(); err != nil {
		t.Error(err)
	}
	before := booster().Repeat[1].Points
	p.Normalize()
	var got []string
	for _, pt := range p.Points {
		line := pt.Name + " "
		if gate := pt.Gate; gate != nil && gate.Bit != nil {
			line += gate.Point + "." + string(rune('0'+*gate.Bit))
		} else if gate != nil {
			line += gate.Point
		}
		got = append(got, strings.TrimSpace(line)+" "+strings.TrimSpace(pt.Text.ZH))
	}
	want := []string{
		"present ", "pump1_on present.0 1号泵运行", "pump1_speed present.0 ", "pump2_on present.1 2号泵运行", "pump2_speed present.1 ",
		"pump3_on present.2 3号泵运行", "pump3_speed present.2 ",
		"l1d1_active ", "l1d1_event l1d1_active ", "l1d2_active ", "l1d2_event l1d2_active ",
		"l2d1_active ", "l2d1_event l2d1_active ", "l2d2_active ", "l2d2_event l2d2_active ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name, reg := range map[string]int{"pump1_on": 401, "pump3_speed": 425, "l1d2_active": 1002, "l2d1_event": 1401} {
		i := slices.IndexFunc(p.Points, func(pt drivers.Point) bool { return pt.Name == name })
		if *p.Points[i].Reg != reg {
			t.Errorf("%s is register %d, want %d", name, *p.Points[i].Reg, reg)
		}
	}
	if diff := cmp.Diff(before, booster().Repeat[1].Points); diff != "" {
		t.Errorf("writing out changed the group: %s", diff)
	}
	n := len(p.Points)
	if p.Normalize(); len(p.Points) != n {
		t.Errorf("normalized twice it has %d points", len(p.Points))
	}
}

func TestAPointOfAGroupFindsItsScale(t *testing.T) {
	p := booster()
	p.Repeat[0].When = ""
	p.Samples = []drivers.Vector{{Block: drivers.Block{At: 415, Hex: "000A 0003"}, Want: map[string]float64{"pump2_speed": 30, "pump2_scale": 3}}}
	if _, all := mistakes(p.Validate); all != "" {
		t.Error(all)
	}
	if err := p.TestSamples(); err != nil {
		t.Error(err)
	}
}

func TestMistakesInAGroupAreToldOnce(t *testing.T) {
	type change = func(*drivers.Profile)
	for _, tt := range []struct {
		change change
		path   string
		says   string
	}{
		{func(p *drivers.Profile) { p.Repeat[1].Points[0].Bit = new(16) }, "repeat.detectors.points.active.bit", "0 to 15"},
		{func(p *drivers.Profile) { p.Repeat[1].Points[1].Gate.Point = "alarm" }, "repeat.detectors.points.event.valid_when.point", "alarm"},
		{func(p *drivers.Profile) { p.Repeat[1].Over[0].Span.Stride = 65000 }, "repeat.detectors.points.active.reg", "no address"},
		{func(p *drivers.Profile) { p.Repeat[1].Name = "d{addr}" }, "repeat.detectors.name", "{loop}"},
		{func(p *drivers.Profile) { p.Repeat[1].Over[1].Span.Last = 0 }, "repeat.detectors.over.addr", "1..6 by 10"},
		{func(p *drivers.Profile) { p.Repeat[1].Over[1].Span = drivers.Span{First: 1, Last: 60000, Stride: 1} }, "repeat.detectors.over.addr", "1..6 by 10"},
		{func(p *drivers.Profile) { p.Repeat[1].Over[1].Span = drivers.Span{First: 1, Last: 9000, Stride: 1} }, "repeat.detectors.over", "10000 points"},
		{func(p *drivers.Profile) { p.Repeat[1].Points, p.Samples = nil, nil }, "repeat.detectors.points", "no points"},
		{func(p *drivers.Profile) { p.Repeat[1].Over = nil }, "repeat.detectors.over", "how often"},
		{func(p *drivers.Profile) { p.Repeat[1].When = "present" }, "repeat.detectors.when", "several indices"},
		{func(p *drivers.Profile) { p.Repeat[0].Points[0].Gate = &drivers.Gate{Point: "speed", Min: new(1.0)} }, "repeat.pumps.points.on.valid_when", "depends on present already"},
		{func(p *drivers.Profile) { p.Repeat[0].When = "absent" }, "repeat.pumps.points.on.valid_when.point", "absent"},
		{func(p *drivers.Profile) { p.Points[0].Kind = "" }, "repeat.pumps.points.on.valid_when.point", "kind: bitset"},
		{func(p *drivers.Profile) { p.Without = []string{"l3d1_active"} }, "without[0]", "l3d1_active"},
		{func(p *drivers.Profile) { p.Protocol = drivers.MQTT }, "repeat", "equal distances"},
	} {
		p := booster()
		p.Repeat[0].Points[1].Factor = nil // it would depend on two points
		if _, all := mistakes(p.Validate); all != "" {
			t.Fatal(all)
		}
		tt.change(p)
		paths, all := mistakes(p.Validate)
		if i := slices.Index(paths, tt.path); i < 0 || !strings.Contains(all, tt.says) || i+1 < len(paths) && paths[i+1] == tt.path {
			t.Errorf("want one mistake at %s that says %q, got:\n%s", tt.path, tt.says, all)
		}
	}
}

func TestASpanIsARunOfNumbers(t *testing.T) {
	for text, want := range map[string]drivers.Span{
		"1..6 by 10": {First: 1, Last: 6, Stride: 10}, "0..159": {Last: 159, Stride: 1}, " 1 .. 2 by -4": {First: 1, Last: 2, Stride: -4},
	} {
		var s drivers.Span
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q is %+v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "1", "1..", "..6", "1-6", "a..b", "1..6 by", "1..6 by x", "1..6by10"} {
		var s drivers.Span
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken as %+v", text, s)
		}
	}
}
