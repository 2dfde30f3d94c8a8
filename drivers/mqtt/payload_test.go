package mqtt_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/drivers/mqtt"
	"github.com/intact-gateway/intact/gateway"
)

func TestDecodeOnePoint(t *testing.T) {
	const (
		good = gateway.Good
		none = gateway.NotSeen // stands for no sample at all
	)
	states := map[string]float64{"normal": 1, "Inspection": 2}
	tests := []struct {
		name    string
		point   mqtt.Point
		payload string
		quality gateway.Quality
		value   float64
	}{
		{"a number is the value", mqtt.Point{Path: "t"}, `{"t":21.5}`, good, 21.5},
		{"scale and offset apply to a number", mqtt.Point{Path: "t", Scale: 0.1, Offset: -40}, `{"t":615}`, good, 21.5},
		{"a numeric string is a number", mqtt.Point{Path: "t", Scale: 10}, `{"t":" 2.5 "}`, good, 25},
		{"a nested path leads to the value", mqtt.Point{Path: "a.b.c"}, `{"a":{"b":{"c":7}}}`, good, 7},
		{"array elements go by number", mqtt.Point{Path: "v.1.x"}, `{"v":[{"x":1},{"x":2}]}`, good, 2},
		{"array elements go by brackets too", mqtt.Point{Path: "v[1].x"}, `{"v":[{"x":1},{"x":2}]}`, good, 2},
		{"a dot is the whole payload", mqtt.Point{Path: "."}, ` 42 `, good, 42},
		{"characters of a query language are plain", mqtt.Point{Path: "a*(#|@b?!"}, `{"a*(#|@b?!":5,"axx":9}`, good, 5},
		{"a modifier is a plain key", mqtt.Point{Path: "@this"}, `{"t":1}`, none, 0},
		{"the first of two equal keys counts", mqtt.Point{Path: "t"}, `{"t":1,"t":2}`, good, 1},

		{"true is 1", mqtt.Point{Path: "x", Kind: gateway.Discrete}, `{"x":true}`, good, 1},
		{"false is 0", mqtt.Point{Path: "x", Kind: gateway.Discrete}, `{"x":false}`, good, 0},
		{"a closed contact that means no", mqtt.Point{Path: "x", Kind: gateway.Discrete, Invert: true}, `{"x":1}`, good, 0},
		{"an open contact that means yes", mqtt.Point{Path: "x", Kind: gateway.Discrete, Invert: true}, `{"x":false}`, good, 1},
		{"a contact is not half closed", mqtt.Point{Path: "x", Kind: gateway.Discrete}, `{"x":0.5}`, gateway.BadOutOfRange, 0},
		{"a contact is not 2", mqtt.Point{Path: "x", Kind: gateway.Discrete, Invert: true}, `{"x":2}`, gateway.BadOutOfRange, 0},

		{"a state by number", mqtt.Point{Path: "m", Kind: gateway.Enum, Names: states}, `{"m":2}`, good, 2},
		{"a state by name", mqtt.Point{Path: "m", Kind: gateway.Enum, Names: states}, `{"m":"INSPECTION"}`, good, 2},
		{"a state nobody declared", mqtt.Point{Path: "m", Kind: gateway.Enum, Names: states}, `{"m":"broken"}`, gateway.BadPayload, 0},
		{"a code between two codes", mqtt.Point{Path: "m", Kind: gateway.Enum}, `{"m":1.5}`, gateway.BadPayload, 0},
		{"a name outside the range", mqtt.Point{Path: "m", Kind: gateway.Enum, Names: states, Range: []float64{0, 1}}, `{"m":"inspection"}`, gateway.BadOutOfRange, 0},

		{"a path that is missing says nothing", mqtt.Point{Path: "t"}, `{"u":1}`, none, 0},
		{"a path through a number says nothing", mqtt.Point{Path: "t.u"}, `{"t":1}`, none, 0},
		{"null is not available", mqtt.Point{Path: "t"}, `{"t":null}`, gateway.BadNotAvailable, 0},
		{"the device's own code is not available", mqtt.Point{Path: "t", NA: []int64{-127}}, `{"t":-127}`, gateway.BadNotAvailable, 0},
		{"text is not a number", mqtt.Point{Path: "t"}, `{"t":"warm"}`, gateway.BadPayload, 0},
		{"an empty string is not 0", mqtt.Point{Path: "t"}, `{"t":""}`, gateway.BadPayload, 0},
		{"a number with its unit is not a number", mqtt.Point{Path: "t"}, `{"t":"21 C"}`, gateway.BadPayload, 0},
		{"NaN as text is not a number", mqtt.Point{Path: "t"}, `{"t":"NaN"}`, gateway.BadPayload, 0},
		{"infinity as text is out of range", mqtt.Point{Path: "t"}, `{"t":"-Inf"}`, gateway.BadOutOfRange, 0},
		{"a number too large to hold", mqtt.Point{Path: "t"}, `{"t":1e999}`, gateway.BadOutOfRange, 0},
		{"a number too large once scaled", mqtt.Point{Path: "t", Scale: 1e300}, `{"t":1e300}`, gateway.BadOutOfRange, 0},
		{"an object is not a number", mqtt.Point{Path: "t"}, `{"t":{"v":1}}`, gateway.BadPayload, 0},
		{"an array is not a number", mqtt.Point{Path: "t"}, `{"t":[1]}`, gateway.BadPayload, 0},

		{"the edge of the range is inside", mqtt.Point{Path: "t", Range: []float64{-40, 85}}, `{"t":85}`, good, 85},
		{"beyond the range", mqtt.Point{Path: "t", Range: []float64{-40, 85}}, `{"t":85.1}`, gateway.BadOutOfRange, 0},
		{"the range is that of the scaled value", mqtt.Point{Path: "t", Scale: 0.1, Range: []float64{-40, 85}}, `{"t":850}`, good, 85},

		{"not JSON", mqtt.Point{Path: "t"}, `t=21`, gateway.BadPayload, 0},
		{"cut off", mqtt.Point{Path: "t"}, `{"t":21`, gateway.BadPayload, 0},
		{"two values", mqtt.Point{Path: "t"}, `{"t":21}{"t":22}`, gateway.BadPayload, 0},
		{"empty", mqtt.Point{Path: "t"}, ``, gateway.BadPayload, 0},
		{"a bare word", mqtt.Point{Path: "."}, `ON`, gateway.BadPayload, 0},
		{"nested beyond all reason", mqtt.Point{Path: "t"}, `{"t":1,"u":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, gateway.BadPayload, 0},
		{"brackets within a string are not nesting", mqtt.Point{Path: "t"}, `{"t":1,"u":"\"` + strings.Repeat("[", 2000) + `"}`, good, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.point.Ref = 3
			d, err := mqtt.NewDecoder([]mqtt.Point{tt.point})
			if err != nil {
				t.Fatal(err)
			}
			got, _ := d.Decode(nil, []byte(tt.payload), 1000)
			var want []gateway.Sample
			if tt.quality != none {
				want = []gateway.Sample{{Point: 3, Quality: tt.quality, Value: tt.value, At: 1000}}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("samples of %s (-want +got):\n%s", tt.payload, diff)
			}
		})
	}
}

func TestDecodeGate(t *testing.T) {
	d, err := mqtt.NewDecoder([]mqtt.Point{
		{Ref: 0, Path: "flow", Gate: &mqtt.Gate{Point: 1, Min: 60, Max: 100}},
		{Ref: 1, Path: "signal", Range: []float64{0, 100}},
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, payload string
		want          gateway.Quality
	}{
		{"a good signal vouches for the flow", `{"flow":0,"signal":60}`, gateway.Good},
		{"a weak signal makes flow 0 worthless", `{"flow":0,"signal":59}`, gateway.BadNotAvailable},
		{"an impossible signal vouches for nothing", `{"flow":1,"signal":101}`, gateway.BadNotAvailable},
		{"without a signal nobody vouches", `{"flow":1}`, gateway.BadNotAvailable},
		{"a flow that cannot be read stays unreadable", `{"flow":"x","signal":20}`, gateway.BadPayload},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := d.Decode(nil, []byte(tt.payload), 1)
			if got[0].Quality != tt.want {
				t.Errorf("flow is %s, want %s", got[0].Quality, tt.want)
			}
			if !got[0].Quality.HasValue() && got[0].Value != 0 {
				t.Errorf("a bad sample carries the value %v", got[0].Value)
			}
		})
	}
}

func TestNewDecoderRefusesPathsItCannotRead(t *testing.T) {
	for _, path := range []string{"", "a..b", ".a", "a.", "a[]"} {
		if _, err := mqtt.NewDecoder([]mqtt.Point{{Path: path}}); err == nil {
			t.Errorf("path %q was taken", path)
		}
	}
	if _, err := mqtt.NewDecoder([]mqtt.Point{{Path: "a", Gate: &mqtt.Gate{Point: 1}}}); err == nil {
		t.Error("a gate that is no point was taken")
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"t":21.5,"on":true,"m":"up"}`, `{"t":null}`, `{"t":1e999}`, `{"t":"NaN"}`, `[[[[`, `{"t":{"t":1}}`, "", "\x00", `"\ud800"`,
	} {
		f.Add([]byte(seed))
	}
	d, err := mqtt.NewDecoder([]mqtt.Point{
		{Ref: 0, Path: "t", Scale: 0.1, Range: []float64{-40, 85}},
		{Ref: 1, Path: "on", Kind: gateway.Discrete, Invert: true},
		{Ref: 2, Path: "m", Kind: gateway.Enum, Names: map[string]float64{"up": 1}},
		{Ref: 3, Path: "v[0].w", Gate: &mqtt.Gate{Point: 1, Min: 1, Max: 1}},
		{Ref: 4, Path: "."},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		samples, ok := d.Decode(nil, payload, 5)
		if !ok && len(samples) != 5 {
			t.Errorf("an unreadable payload gave %d samples, want one bad one for each point", len(samples))
		}
		for _, s := range samples {
			switch {
			case s.Quality == gateway.NotSeen || s.At != 5:
				t.Errorf("sample %+v is not filled in", s)
			case !s.Quality.HasValue() && s.Value != 0, math.IsNaN(s.Value), math.IsInf(s.Value, 0):
				t.Errorf("sample %+v carries a value it must not", s)
			case !ok && s.Quality != gateway.BadPayload:
				t.Errorf("sample %+v of an unreadable payload", s)
			case s.Point == 0 && s.Quality.HasValue() && (s.Value < -40 || s.Value > 85):
				t.Errorf("sample %+v is out of range", s)
			case s.Point == 1 && s.Quality.HasValue() && s.Value != 0 && s.Value != 1:
				t.Errorf("contact %+v is neither open nor closed", s)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	payload := []byte(`{"dev":"lk-0017","ts":1773108720123,"data":{"temp":21.5,"hum":48.2,"batt":92},"leak":false,"rssi":-71,"fw":"1.4.2","seq":48210}`)
	d, err := mqtt.NewDecoder([]mqtt.Point{
		{Ref: 0, Path: "leak", Kind: gateway.Discrete},
		{Ref: 1, Path: "data.batt", Range: []float64{0, 100}},
		{Ref: 2, Path: "data.temp", Range: []float64{-40, 85}},
	})
	if err != nil {
		b.Fatal(err)
	}
	var samples []gateway.Sample
	b.ReportAllocs()
	for b.Loop() {
		samples, _ = d.Decode(samples[:0], payload, 1)
	}
	if len(samples) != 3 {
		b.Fatal(samples)
	}
}
