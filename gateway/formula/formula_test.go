package formula_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
)

// meter returns the points of a facility, the last of which is derived by the
// formula.
func meter(text, unit string) []gateway.Point {
	second := time.Second
	return []gateway.Point{
		{Name: "i1", Unit: "A", Period: second}, {Name: "i2", Unit: "A", Period: second}, {Name: "i3", Unit: "A", Period: 5 * second},
		{Name: "p", Unit: "W", Period: second}, {Name: "p_kw", Unit: "kW", Period: second},
		{Name: "t", Unit: "degC", Period: second},
		{Name: "run", Kind: gateway.Discrete, Period: second}, {Name: "trip", Kind: gateway.Discrete, Period: second}, {Name: "event", Kind: gateway.Discrete},
		{Name: "mode", Kind: gateway.Enum, Period: second, States: map[int64]gateway.State{0: {Name: "off"}, 1: {Name: "auto"}, 2: {Name: "manual"}}},
		{Name: "flags", Kind: gateway.Bitset, Period: second},
		{Name: "t2", Unit: "degC", Period: second},
		{Name: "out", Formula: text, Unit: unit},
	}
}

const out = 12

// inputs reads "i1=3 i2=?timeout run=1 p=~5": a value, a bad one with its
// reason, or an uncertain one. What is left out is not seen.
func inputs(t *testing.T, points []gateway.Point, text string) []gateway.Sample {
	t.Helper()
	latest := make([]gateway.Sample, len(points))
	for i, word := range strings.Fields(text) {
		name, v, _ := strings.Cut(word, "=")
		for j := range points {
			if points[j].Name != name {
				continue
			}
			s := gateway.Sample{Point: gateway.PointRef(j), Quality: gateway.Good, At: gateway.Instant(1000 + i)}
			if reason, bad := strings.CutPrefix(v, "?"); bad {
				for s.Quality = gateway.BadTimeout; s.Quality.Reason() != reason; s.Quality++ {
					if s.Quality > gateway.BadUndefined {
						t.Fatalf("no quality %s", reason)
					}
				}
			} else if number, doubted := strings.CutPrefix(v, "~"); doubted {
				s.Quality, v = gateway.Uncertain, number
			}
			_, _ = fmt.Sscan(v, &s.Value)
			latest[j] = s
		}
	}
	return latest
}

// compile compiles the only formula among points.
func compile(t *testing.T, points []gateway.Point) formula.Derived {
	t.Helper()
	all := formula.Compile(points, 0, func(i int, err *formula.Error) { t.Fatalf("%s: %v", points[i].Formula, err) })
	if len(all) != 1 {
		t.Fatalf("%d formulas", len(all))
	}
	return all[0]
}

func TestValues(t *testing.T) {
	for _, tt := range []struct{ formula, unit, given, want string }{
		{"i1 + i2 + i3", "A", "i1=1 i2=2 i3=3.5", "6.5 good"},
		{"i1 - i2 - i3", "A", "i1=10 i2=2 i3=3", "5 good"},
		{"i1 - (i2 - i3)", "A", "i1=10 i2=2 i3=3", "11 good"},
		{"2 + 3 * i1", "A", "i1=4", "14 good"},
		{"-i1 * -2", "A", "i1=4", "8 good"},
		{"i1 / i2 / 2", "", "i1=12 i2=3", "2 good"},
		{"avg(i1, i2, i3)", "A", "i1=1 i2=2 i3=6", "3 good"},
		{"max(i1, i2, i3) - min(i1, i2, i3)", "A", "i1=1 i2=-2 i3=6", "8 good"},
		{"abs(i1 - i2)", "A", "i1=1 i2=6", "5 good"},
		{"(max(i1, i2, i3) - avg(i1, i2, i3)) / avg(i1, i2, i3) * 100", "%", "i1=9 i2=10 i3=14", "27.27 good"},
		// Units.
		{"p + p_kw", "W", "p=5 p_kw=1", "1005 good"},
		{"p + p_kw", "kW", "p=500 p_kw=1", "1.5 good"},
		{"p_kw / p", "", "p=500 p_kw=1", "2 good"},
		{"p > 1.2 kW", "", "p=1201", "1 good"},
		{"t + 5 K", "degC", "t=20", "25 good"},
		{"t > 300 K", "", "t=20", "0 good"},
		{"t > max(290 K, 300 K)", "", "t=20", "0 good"},
		// A difference has no zero of its own: 3 degC apart are 3 K and 5.4 degF.
		{"abs(t - t2) > 2 K", "", "t=20 t2=17", "1 good"},
		{"abs(t - t2) > 4 K", "", "t=20 t2=17", "0 good"},
		{"max(t, t2) - min(t, t2)", "degF", "t=20 t2=17", "5.4 good"},
		{"-(t2 - t) / 2 < 1 K", "", "t=20 t2=17", "0 good"},
		{"avg(t - t2, 5 K)", "", "t=20 t2=17", "4 good"},
		{"t - 2 K < 290 K", "", "t=20", "0 good"},
		{"t + (t - t2) > 297 K", "", "t=20 t2=17", "0 good"},
		// Truths.
		{"run && !trip", "", "run=1 trip=0", "1 good"},
		{"run and not trip", "", "run=1 trip=1", "0 good"},
		{"run == trip", "", "run=1 trip=1", "1 good"},
		{"run == false or i1 >= 3 A", "", "run=1 i1=3", "1 good"},
		{"mode == auto", "", "mode=1", "1 good"},
		{"mode != auto", "", "mode=1", "0 good"},
		{"mode in [off, 2]", "", "mode=2", "1 good"},
		{"mode in [off, 2]", "", "mode=1", "0 good"},
		{"flags.bit(3) || flags.bit(0)", "", "flags=8", "1 good"},
		{"run + trip + event", "", "run=1 trip=0 event=1", "2 good"},
		{"p * run", "W", "p=7 run=0", "0 good"},
		// What is not known is never 0.
		{"i1 + i2", "A", "i1=1 i2=?timeout", "bad timeout"},
		{"i1 + i2", "A", "i1=?decode i2=?timeout", "bad decode"},
		{"i1 + i2", "A", "i1=1", "bad not_seen"},
		{"i1 + i2", "A", "i2=?timeout", "bad timeout"},
		{"i1 * 0", "A", "i1=?stale", "bad stale"},
		{"i1 > 5", "", "i1=?stale", "bad stale"},
		{"!run", "", "run=?stale", "bad stale"},
		{"mode == auto", "", "mode=?stale", "bad stale"},
		{"i1 / i2", "", "i1=1 i2=0", "bad undefined"},
		{"i1 / i2 > 3", "", "i1=1 i2=0", "bad undefined"},
		{"i1 / i2", "", "i1=0 i2=0", "bad undefined"},
		{"i1 * i2", "", "i1=1e200 i2=1e200", "bad undefined"},
		// What decides alone decides.
		{"run && trip", "", "run=0 trip=?timeout", "0 good"},
		{"run && trip", "", "run=?timeout trip=0", "0 good"},
		{"run && trip", "", "run=1 trip=?timeout", "bad timeout"},
		{"run && trip", "", "run=0", "0 good"},
		{"run || trip", "", "run=1 trip=?timeout", "1 good"},
		{"run || trip", "", "run=0 trip=?timeout", "bad timeout"},
		{"!(run && trip)", "", "run=0 trip=?timeout", "1 good"},
		// Doubt is carried.
		{"i1 + i2", "A", "i1=1 i2=~2", "3 uncertain"},
		{"i1 > i2", "", "i1=1 i2=~2", "0 uncertain"},
		{"run && trip", "", "run=1 trip=~1", "1 uncertain"},
		{"run && trip", "", "run=0 trip=~1", "0 good"},
		{"run && trip", "", "run=0 trip=~0", "0 good"},
		{"run && trip", "", "run=~0 trip=?timeout", "0 uncertain"},
		{"run || trip", "", "run=1 trip=~0", "1 good"},
	} {
		t.Run(tt.formula+" with "+tt.given, func(t *testing.T) {
			points := meter(tt.formula, tt.unit)
			d := compile(t, points)
			latest := inputs(t, points, tt.given)
			s := d.Sample(latest)
			got := fmt.Sprintf("%v %v", math.Round(s.Value*100)/100, s.Quality)
			if !s.Quality.HasValue() {
				if got = "bad " + s.Quality.Reason(); s.Value != 0 {
					t.Errorf("a bad sample carries %v", s.Value)
				}
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			newest := gateway.Instant(0)
			for _, ref := range d.Inputs {
				newest = max(newest, latest[ref].At)
			}
			if s.At != newest || s.Point != out {
				t.Errorf("sample of point %d at %v, want %v", s.Point, s.At, newest)
			}
		})
	}
}

// TestAndOrNotAreThoseOfKleene holds every pair of truths to the tables.
func TestAndOrNotAreThoseOfKleene(t *testing.T) {
	words := map[string]string{"T": "1", "F": "0", "U": "?timeout"}
	truths := func(s gateway.Sample) string {
		switch {
		case !s.Quality.HasValue():
			return "U"
		case s.Value == 1:
			return "T"
		default:
			return "F"
		}
	}
	for pair, want := range map[string]string{
		"TT": "TT", "TF": "FT", "TU": "UT", "FT": "FT", "FF": "FF", "FU": "FU", "UT": "UT", "UF": "FU", "UU": "UU",
	} {
		given := "run=" + words[pair[:1]] + " trip=" + words[pair[1:]]
		and, or := meter("run and trip", ""), meter("run or trip", "")
		a, o := compile(t, and), compile(t, or)
		if got := truths(a.Sample(inputs(t, and, given))) + truths(o.Sample(inputs(t, or, given))); got != want {
			t.Errorf("%s: and, or give %s, want %s", pair, got, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct{ formula, unit, want string }{
		{"i1 + i9", "A", `character 6: there is no point "i9"`},
		{"i1 + p", "A", "character 4: W (power) cannot be compared with A (current)"},
		{"i1 + i2", "V", "A (current) cannot be compared with V (voltage)"},
		{"i1 > 5 V", "", "character 4: V (voltage) cannot be compared with A (current)"},
		{"run > trip", "", "character 5: a truth is not more or less than another one"},
		{"(i1 > 5) > 3", "", "character 10: a truth cannot be compared with a number"},
		{"(i1 > 5) + 3", "", "character 5: a truth cannot be reckoned with"},
		{"mode + 1", "", "character 1: mode is a code, with which nothing can be reckoned"},
		{"mode == flying", "", `character 9: there is no point "flying"`},
		{"mode in [off, flying]", "", `character 6: point mode has no state "flying"`},
		{"i1 and run", "", "character 1: a number is neither true nor false"},
		{"not i1", "", "character 5: a number is neither true nor false"},
		{"mode", "", "the formula is but the code mode"},
		{"run && trip", "A", "what is true or false has no unit A"},
		{"i1.bit(3)", "", "character 1: i1 has no bits"},
		{"sqrt(i1)", "", `character 1: there is no function "sqrt"`},
		{"abs(i1, i2)", "", "character 1: abs is of one number"},
		{"i1 > $limit", "", "character 6: a formula has no params, so $limit says nothing"},
		{"1 + 1", "", "the formula names no point"},
		{"out + 1", "", "character 1: out is made from itself: out from out"},
		{"i1 +", "", "character 5: the name of a point or state, a number or a $param is missing"},
		{"i1 i2", "", `character 4: "i2" does not belong here`},
		{"run or true", "", "character 8: true is no question"},
		{"run or 1 + 1 > 2", "", "character 14: two constants are compared"},
		{"i1 < i2 < i3", "", `character 9: "<" does not belong here`},
		{"max(i1, )", "", "character 9: the name of a point or state"},
		{"i1 & i2", "", `character 4: "&" is no comparison`},
		{strings.Repeat("(", 40) + "i1" + strings.Repeat(")", 40), "", "character 34: nested more than 32 deep"},
		{"i1" + strings.Repeat(" + i1", 150), "", "the expression has more than 200 parts"},
		{"mode in [" + strings.Repeat("1, ", 300) + "1]", "", "the expression has more than 200 parts"},
	} {
		var got []string
		formula.Compile(meter(tt.formula, tt.unit), 0, func(i int, err *formula.Error) {
			if i != out {
				t.Errorf("%s: mistake in point %d", tt.formula, i)
			}
			got = append(got, err.Error())
		})
		if len(got) != 1 || !strings.Contains(got[0], tt.want) {
			t.Errorf("%s\n got %q\nwant %q", tt.formula, got, tt.want)
		}
	}
}

// TestTheStackIsBounded nests with as much to keep on each level as can be
// written.
func TestTheStackIsBounded(t *testing.T) {
	for levels, want := range map[int]int{20: 0, 30: 1} {
		text := strings.Repeat("max(i1, i1 + i1 * ", levels) + "i1" + strings.Repeat(")", levels)
		refused := 0
		points := meter(text, "")
		formula.Compile(points, 0, func(_ int, err *formula.Error) {
			refused++
			if want := "the formula is nested too deeply"; err.Error() != want {
				t.Errorf("%d levels: %v, want %s", levels, err, want)
			}
		})
		if refused != want {
			t.Errorf("%d levels: %d mistakes, want %d", levels, refused, want)
		}
		for _, d := range formula.Compile(points, 0, func(int, *formula.Error) {}) {
			if s := d.Sample(inputs(t, points, "i1=0")); s.Quality != gateway.Good {
				t.Errorf("%d levels: %v", levels, s.Quality)
			}
		}
	}
}

func TestFormulasOfFormulas(t *testing.T) {
	points := []gateway.Point{
		{Name: "ready", Formula: "total > 3 A and link", Kind: gateway.Discrete},
		{Name: "total", Formula: "a + b"},
		{Name: "a", Unit: "A", Period: time.Second}, {Name: "b", Unit: "A", Period: time.Minute},
		{Name: "link", Kind: gateway.Discrete, Period: 5 * time.Second},
	}
	formula.Complete(points)
	if total := points[1]; total.Unit != "A" || total.Period != time.Minute || total.Kind != gateway.Analog {
		t.Errorf("total is %+v", total)
	}
	if ready := points[0]; ready.Unit != "" || ready.Period != time.Minute || ready.Kind != gateway.Discrete {
		t.Errorf("ready is %+v", ready)
	}
	const first = 7
	latest := make([]gateway.Sample, first+len(points))
	for i, v := range []float64{2, 2, 1} {
		latest[first+2+i] = gateway.Sample{Quality: gateway.Good, Value: v}
	}
	var order []string
	for _, d := range formula.Compile(points, first, func(i int, err *formula.Error) { t.Error(i, err) }) {
		order = append(order, points[d.Point-first].Name)
		latest[d.Point] = d.Sample(latest)
	}
	if diff := cmp.Diff([]string{"total", "ready"}, order); diff != "" {
		t.Error(diff)
	}
	if latest[first].Value != 1 || latest[first].Quality != gateway.Good {
		t.Errorf("ready is %+v", latest[first])
	}
}

func TestCirclesAreRefused(t *testing.T) {
	points := []gateway.Point{
		{Name: "a", Formula: "1 + b"}, {Name: "b", Formula: "c * 2"}, {Name: "c", Formula: "m + a"},
		{Name: "m"}, {Name: "sound", Formula: "m + 1"}, {Name: "on_top", Formula: "a + m"},
	}
	var got []string
	all := formula.Compile(points, 0, func(i int, err *formula.Error) { got = append(got, points[i].Name+": "+err.Error()) })
	if diff := cmp.Diff([]string{"c: character 5: c is made from itself: a from b from c from a"}, got); diff != "" {
		t.Error(diff)
	}
	if len(all) != 1 || all[0].Point != 4 {
		t.Errorf("%d formulas are left", len(all))
	}
}

func TestAnInputThatComesOnEventsOnly(t *testing.T) {
	if d := compile(t, meter("run and event", "")); d.Period != 0 {
		t.Errorf("expected every %v", d.Period)
	}
	if d := compile(t, meter("i1 + i3", "")); d.Period != 5*time.Second {
		t.Errorf("expected every %v", d.Period)
	}
}

func TestRename(t *testing.T) {
	got := formula.Rename("link == good && !(links and max(link, 1))", func(name string) string {
		if name == "link" {
			return "link.2"
		}
		return name
	})
	if want := "link.2 == good && !(links and max(link.2, 1))"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestASampleAllocatesNothing(t *testing.T) {
	points := meter("run and (max(i1, i2, i3) - avg(i1, i2, i3)) / avg(i1, i2, i3) * 100 > 20 and mode in [off, auto]", "")
	d, latest := compile(t, points), inputs(t, points, "run=1 i1=1 i2=2 i3=~3 mode=1")
	if n := testing.AllocsPerRun(100, func() { d.Sample(latest) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzFormula(f *testing.F) {
	for _, s := range []string{"run && !trip", "i1 + i2 * -3", "max(i1, p_kw / p)", "mode in [off, 2] or flags.bit(3)", "t > 300 K", "((run))"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		points := meter(text, "")
		for _, d := range formula.Compile(points, 0, func(int, *formula.Error) {}) {
			for _, v := range []float64{0, 1, -3, 1e300, math.NaN()} {
				for q := gateway.NotSeen; q <= gateway.BadUndefined; q++ {
					latest := make([]gateway.Sample, len(points))
					for i := range latest {
						latest[i] = gateway.Sample{Quality: q, Value: v}
					}
					s := d.Sample(latest)
					if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) || !s.Quality.HasValue() && s.Value != 0 {
						t.Fatalf("%s gives %+v", text, s)
					}
					if !q.HasValue() && s.Quality.HasValue() {
						t.Fatalf("%s makes %+v of nothing", text, s)
					}
				}
			}
		}
	})
}

// TestInline compiles over points of two facilities, as a condition may.
func TestInline(t *testing.T) {
	points := map[string]gateway.Point{
		"t": {Unit: "degC", Period: time.Second}, "peer(pump-2).t": {Unit: "degF", Period: 5 * time.Second},
		"peer(pump-2).flags": {Kind: gateway.Bitset},
	}
	names := []string{"t", "peer(pump-2).t", "peer(pump-2).flags"}
	find := func(e *formula.Expr) (formula.Operand, *formula.Error) {
		p, ok := points[e.Name]
		if !ok {
			return formula.Operand{}, &formula.Error{At: e.At, Problem: "no " + e.Name}
		}
		return formula.Operand{Ref: gateway.PointRef(slices.Index(names, e.Name)), Point: &p}, nil
	}
	latest := []gateway.Sample{{Quality: gateway.Good, Value: 20}, {Quality: gateway.Good, Value: 77}, {Quality: gateway.Good, Value: 4}}
	for text, want := range map[string]string{
		"abs(t - peer(pump-2).t)": "analog degC 5 every 5s",
		"t - 5 K":                 "analog degC 15 every 1s",
		"peer(pump-2).flags.bit(2) and t > 10 degC": "discrete  1 every 0s",
		"t - peer(pump-2).":                         "character 17: \".\" does not belong here",
		"abs(t - peer(pump-3).t)":                   "character 9: no peer(pump-3).t",
		"1 + 2":                                     "character 3: the expression names no point",
		"rate(t)":                                   "character 1: there is no function \"rate\"",
	} {
		got := ""
		if e, err := formula.Parse(text); err != nil {
			got = err.Error()
		} else if d, err := formula.Inline(e, find); err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprintf("%v %s %v every %v", d.Kind, d.Unit, math.Round(d.Sample(latest).Value*1e6)/1e6, d.Period)
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestAnExpressionIsWrittenAsItWasRead(t *testing.T) {
	for text, want := range map[string]string{
		"a-(b-c)*-2":                               "a - (b - c) * -2",
		"(a - b) - c":                              "a - b - c",
		"not (a and (b or c > 5 degC/min))":        "not (a and (b or c > 5 degC/min))",
		"(a > 1) == (b in [x, 2])":                 "(a > 1) == (b in [x, 2])",
		"max( a , peer(p-2).b,10min)>$limit + 2 V": "max(a, peer(p-2).b, 10 min) > $limit + 2 V",
		"flags.bit( 3 ) or !run":                   "flags.bit(3) or not run",
		"-(a + b)":                                 "-(a + b)",
		"held(a>1 or b, 4 of 6 in 1min) and c":     "held(a > 1 or b, 4 of 6 in 1 min) and c",
	} {
		e, err := formula.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		again, err := formula.Parse(e.String())
		if e.String() != want || err != nil || again.String() != want {
			t.Errorf("%s became %s and then %s, %v; want %s", text, e, again, err, want)
		}
	}
}
