package gateway_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

func TestInstantSurvivesTheJournal(t *testing.T) {
	at := gateway.InstantOf(time.Date(2026, 3, 10, 9, 12, 0, 123_456_789, time.FixedZone("CST", 8*3600)))
	b, err := json.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	if want := `"2026-03-10T01:12:00.123Z"`; string(b) != want {
		t.Errorf("marshalled %s, want %s", b, want)
	}
	var back gateway.Instant
	if err := json.Unmarshal(b, &back); err != nil || back != at {
		t.Errorf("came back as %v, %v; want %v", back, err, at)
	}
	if err := json.Unmarshal([]byte("null"), &back); err != nil || !back.IsZero() {
		t.Errorf("null came back as %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`"yesterday"`), &back); err == nil || !strings.Contains(err.Error(), "RFC 3339") {
		t.Errorf("a time that is none gave %v, want a hint at RFC 3339", err)
	}
}

func TestInstantArithmetic(t *testing.T) {
	a := gateway.Instant(1_000)
	if got := a.Add(1500 * time.Millisecond); got != 2_500 {
		t.Errorf("1 s + 1.5 s = %d ms", got)
	}
	if got := gateway.Instant(2_500).Sub(a); got != 1500*time.Millisecond {
		t.Errorf("difference is %v", got)
	}
}

func TestASampleNobodyFilledInIsBad(t *testing.T) {
	var s gateway.Sample
	if s.Quality.HasValue() || s.Quality.Status() != "bad" || s.Quality.Reason() != "not_seen" {
		t.Errorf("zero sample is %s (%s)", s.Quality.Status(), s.Quality.Reason())
	}
}

func TestQualityNames(t *testing.T) {
	seen := map[string]bool{}
	for q := gateway.NotSeen; q <= gateway.BadOffline; q++ {
		if q.String() == "" || seen[q.String()] {
			t.Errorf("quality %d has no name of its own: %q", q, q)
		}
		seen[q.String()] = true
		if (q.Reason() == "") != q.HasValue() {
			t.Errorf("%s: a reason is given exactly when there is no value", q)
		}
	}
}

func TestConvertUnit(t *testing.T) {
	tests := []struct {
		v        float64
		from, to string
		want     float64
	}{
		{0.31, "MPa", "bar", 3.1},
		{4.5, "bar", "MPa", 0.45},
		{212, "degF", "degC", 100},
		{0, "degC", "K", 273.15},
		{5, "%", "ratio", 0.05},
		{1, "L/s", "m3/h", 3.6},
		{7, "", "V", 7},
		{2, "degC/min", "K/h", 120},
		{9, "degF/h", "degC/h", 5},
		{1, "m3/min", "m3/h", 60},
		{3, "kWh/h", "kW", 3},
		{30, "mm/min", "m/s", 0.0005},
		{2, "1/min", "1/h", 120},
		{1, "m3/h/min", "L/min/s", 1000.0 / 3600},
	}
	for _, tt := range tests {
		got, err := gateway.ConvertUnit(tt.v, tt.from, tt.to)
		if err != nil || math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%v %s in %s = %v, %v; want %v", tt.v, tt.from, tt.to, got, err, tt.want)
		}
	}
	for _, pair := range [][2]string{{"V", "A"}, {"furlong", "m"}, {"V", ""}, {"degC/min", "degC"}, {"V/m", "V"}, {"/min", "1/min"}} {
		if v, err := gateway.ConvertUnit(1, pair[0], pair[1]); err == nil {
			t.Errorf("1 %s became %v %s", pair[0], v, pair[1])
		}
	}
}

func TestParseQuantity(t *testing.T) {
	for in, want := range map[string]gateway.Quantity{
		"235.4 V": {Value: 235.4, Unit: "V"}, "75degC": {Value: 75, Unit: "degC"}, "-0.5": {Value: -0.5},
		" 80 % ": {Value: 80, Unit: "%"}, "0.2 m3/h": {Value: 0.2, Unit: "m3/h"}, "2 degC/min": {Value: 2, Unit: "degC/min"},
	} {
		if got, err := gateway.ParseQuantity(in); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "V", "12 furlong", "NaN", "Inf V", "1 2"} {
		if got, err := gateway.ParseQuantity(in); err == nil {
			t.Errorf("%q was taken as %v", in, got)
		}
	}
}

func FuzzParseQuantity(f *testing.F) {
	f.Add("235.4 V")
	f.Add("-1e9%LEL")
	f.Fuzz(func(t *testing.T, in string) {
		q, err := gateway.ParseQuantity(in)
		if err != nil {
			return
		}
		back, err := gateway.ParseQuantity(q.String())
		if err != nil || back != q {
			t.Errorf("%q is %v, which reads back as %v, %v", in, q, back, err)
		}
	})
}

func TestSiteNumbersPointsDensely(t *testing.T) {
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.Chinese, []gateway.Facility{
		{ID: "a", Points: []gateway.Point{{Name: "x"}, {Name: "y"}}},
		{ID: "empty"},
		{ID: "b", Points: []gateway.Point{{Name: "x"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if site.Len() != 3 {
		t.Fatalf("%d points", site.Len())
	}
	for ref, p := range site.Points() {
		back, ok := site.Lookup(p.ID())
		if !ok || back != ref {
			t.Errorf("%s is number %d but is found as %d, %v", p.ID(), ref, back, ok)
		}
		first, end := site.PointsOf(site.FacilityIndex(p.Facility))
		if ref < first || ref >= end {
			t.Errorf("%s (%d) lies outside its facility's points %d to %d", p.ID(), ref, first, end)
		}
		if site.FacilityOf(ref).ID != p.Facility {
			t.Errorf("%s belongs to %s", p.ID(), site.FacilityOf(ref).ID)
		}
	}
	if site.Facility("nobody") != nil || site.FacilityIndex("nobody") != -1 {
		t.Error("an unknown facility was found")
	}
}

func TestSiteRefusesTwoOfAName(t *testing.T) {
	point := gateway.Facility{ID: "a", Points: []gateway.Point{{Name: "x"}, {Name: "x"}}}
	for name, fs := range map[string][]gateway.Facility{
		"facility a exists twice": {{ID: "a"}, {ID: "a"}},
		"point a/x exists twice":  {point},
	} {
		if _, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.Chinese, fs); err == nil || err.Error() != name {
			t.Errorf("got %v, want %q", err, name)
		}
	}
}

func TestTextFallsBackToTheOtherLanguage(t *testing.T) {
	both, zh := gateway.Text{ZH: "水泵", EN: "Pump"}, gateway.Text{ZH: "水泵"}
	if both.In(gateway.English) != "Pump" || both.In(gateway.Chinese) != "水泵" || zh.In(gateway.English) != "水泵" {
		t.Error("wrong language")
	}
}

func TestEveryClassHasBothNames(t *testing.T) {
	for _, c := range gateway.Classes() {
		if n := c.Name(); n.ZH == "" || n.EN == "" {
			t.Errorf("%s is named %+v", c, n)
		}
	}
	if gateway.Line.Counted() || gateway.Gateway.Counted() || !gateway.Elevator.Counted() || gateway.Class("ufo").Counted() {
		t.Error("wrong classes counted")
	}
	if !gateway.FireWater.LifeSafety() || gateway.Pump.LifeSafety() {
		t.Error("wrong classes are life safety")
	}
}

func TestJoinPath(t *testing.T) {
	var got string
	r := gateway.Report(func(path, _, _ string) { got = path })
	r.At("facilities").At("[3]").At("unit")("", "x", "")
	if got != "facilities[3].unit" {
		t.Errorf("path is %q", got)
	}
}

func TestQualitiesReadWhatTheyWrite(t *testing.T) {
	for q := gateway.NotSeen; q <= gateway.BadImplausible; q++ {
		if got, ok := gateway.ParseQuality(q.String()); got != q || !ok {
			t.Errorf("%s came back as %s, %t", q, got, ok)
		}
	}
	if _, ok := gateway.ParseQuality("quality(99)"); ok {
		t.Error("a word that is none was taken for a quality")
	}
}
