package drivers_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
)

// deriving returns the meter with derived points.
func deriving(derived ...drivers.Derived) *drivers.Profile {
	p := meter()
	p.Derive = derived
	return p
}

func TestDerivedPointsOfAProfile(t *testing.T) {
	p := deriving(
		drivers.Derived{Name: "ok", Formula: "link == good && !fault"},
		drivers.Derived{Name: "daily", Formula: "flow * 24", Unit: "m3/h", Role: "flow.daily", Text: gateway.Text{ZH: "日流量", EN: "Daily flow"}, Decimals: new(0)},
	)
	p.Samples = append(p.Samples, drivers.Vector{Block: drivers.Block{At: 1, Hex: "0000 40A0 5232 0200"}, Want: map[string]float64{"daily": 120, "ok": 0}},
		drivers.Vector{Block: drivers.Block{At: 4, Hex: "0000"}, Want: map[string]float64{"daily": math.NaN(), "ok": 1}})
	if _, all := mistakes(p.Validate); all != "" {
		t.Fatal(all)
	}
	if err := p.TestSamples(); err != nil {
		t.Error(err)
	}
	p.Normalize()
	points := append(p.GatewayPoints(drivers.Device{Facility: "m", Every: 20 * time.Second}), drivers.LinkPoint(1))
	formula.Complete(points)
	want := []gateway.Point{
		{Facility: "m", Name: "ok", Text: gateway.Text{EN: "ok"}, Kind: gateway.Discrete, Formula: "link == good && !fault", Period: 5 * time.Second, Decimals: 2},
		{Facility: "m", Name: "daily", Text: gateway.Text{ZH: "日流量", EN: "Daily flow"}, Role: "flow.daily", Unit: "m3/h", Formula: "flow * 24", Period: 20 * time.Second},
	}
	if diff := cmp.Diff(want, points[7:9]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAProfileWithoutDerivedPoints(t *testing.T) {
	p := deriving(drivers.Derived{Name: "ok", Formula: "link && !fault"}, drivers.Derived{Name: "sure", Formula: "ok"})
	p.Without = []string{"ok"}
	if _, all := mistakes(p.Validate); !strings.Contains(all, `derive.sure.formula: character 1: there is no point "ok"`) {
		t.Error(all)
	}
	p.Without = []string{"sure"}
	if _, all := mistakes(p.Validate); all != "" {
		t.Error(all)
	}
	if p.Normalize(); len(p.Derive) != 1 || p.Derive[0].Name != "ok" {
		t.Errorf("left are %+v", p.Derive)
	}
}

func TestMistakesOfDerivedPoints(t *testing.T) {
	for _, tt := range []struct {
		derived drivers.Derived
		want    string
	}{
		{drivers.Derived{Name: "ok", Formula: "link && !falt"}, `derive.ok.formula: character 10: there is no point "falt" (the points of the facility are flow, signal, fault, door, mode, energy, errors, link, ok)`},
		{drivers.Derived{Name: "ok", Formula: "link &&"}, `derive.ok.formula: character 8: the name of a point or state, a number or a $param is missing`},
		{drivers.Derived{Name: "ok", Formula: "ok + 1"}, `derive.ok.formula: character 1: ok is made from itself: ok from ok`},
		{drivers.Derived{Name: "flow", Formula: "energy + 1"}, `derive.flow: there is a point flow already`},
		{drivers.Derived{Name: "link.2", Formula: "flow"}, `derive.link.2: the name link.2 is taken by the driver`},
		{drivers.Derived{Name: "sum", Formula: "flow + energy"}, `derive.sum.formula: character 6: kWh (energy) cannot be compared with m3/h (flow)`},
		{drivers.Derived{Name: "sum", Formula: "flow", Unit: "furlongs"}, `derive.sum.unit: unknown unit "furlongs"`},
		{drivers.Derived{Name: "sum", Formula: "flow", Kind: "enum"}, `derive.sum.kind: unknown kind "enum"`},
		{drivers.Derived{Name: "sum", Formula: "flow", Role: "Flow"}, `derive.sum.role: "Flow" cannot be a role`},
		{drivers.Derived{Name: "sum", Formula: "flow", Decimals: new(99)}, `derive.sum.decimals: 99 digits`},
	} {
		if _, all := mistakes(deriving(tt.derived).Validate); !strings.Contains(all, tt.want) {
			t.Errorf("%+v\n got %s\nwant %s", tt.derived, all, tt.want)
		}
	}
}

func TestTheLinkOfASourceIsItsOwn(t *testing.T) {
	for n, want := range map[int]string{1: "link && !linked", 2: "link.2 && !linked"} {
		if got := drivers.SourceFormula("link && !linked", n); got != want {
			t.Errorf("source %d: %s, want %s", n, got, want)
		}
	}
}
