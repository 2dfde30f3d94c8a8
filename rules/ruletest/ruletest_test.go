package ruletest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
	"github.com/intact-gateway/intact/rules/ruletest"
)

const second = time.Second

// file returns a file with a pump "p" and one test.
func file(test ruletest.Test) *ruletest.File {
	test.Name = "test"
	return &ruletest.File{
		Facilities: []ruletest.Facility{{ID: "p", Class: gateway.Pump, Points: []ruletest.Point{
			{Name: "run", Is: "discrete"},
			{Name: "inlet", Is: "bar", Role: "pressure.inlet"},
			{Name: "mode", Is: "enum", States: map[int64]string{0: "stopped", 1: "box2"}},
			{Name: "outlet", Is: "bar"},
			{Name: "lift", Is: "bar", Formula: "outlet - pressure_in"},
			{Name: "pressure_in", Is: "bar", Formula: "inlet"},
		}}},
		Tests: []ruletest.Test{test},
	}
}

// play runs the test with one rule "r", which it completes, and returns what
// failed.
func play(t *testing.T, rule rules.Spec, test ruletest.Test) []string {
	t.Helper()
	return playFile(t, rule, file(test), true)
}

// playUnchecked runs a test although it names what is not there.
func playUnchecked(t *testing.T, rule rules.Spec, test ruletest.Test) []string {
	t.Helper()
	return playFile(t, rule, file(test), false)
}

func playFile(t *testing.T, rule rules.Spec, f *ruletest.File, check bool) []string {
	t.Helper()
	fail := func(path, problem, hint string) { t.Errorf("%s: %s (%s)", path, problem, hint) }
	f.Validate(fail)
	site, err := f.Site()
	if err != nil {
		t.Fatal(err)
	}
	compile := compiled(t, site, rule)
	if check {
		f.Check(compile().Instances(), fail)
	}
	if t.Failed() {
		t.FailNow()
	}
	var failed []string
	for _, r := range ruletest.Run(f, site, compile) {
		for _, x := range r.Failures {
			failed = append(failed, x.Path+": "+x.String())
		}
	}
	return failed
}

// compiled returns what makes an engine of one rule "r".
func compiled(t *testing.T, site *gateway.Site, rule rules.Spec) func() *rules.Engine {
	t.Helper()
	fail := func(path, problem, hint string) { t.Errorf("%s: %s (%s)", path, problem, hint) }
	text := gateway.Text{ZH: "文", EN: "text"}
	rule.ID, rule.Title, rule.Severity = "r", text, "critical"
	rule.Why = rules.Why{Cause: text, Consequence: text, Response: text}
	packs := []rules.Pack{{Class: gateway.Pump, Rules: []rules.Spec{rule}}}
	packs[0].Validate(fail)
	return func() *rules.Engine { return rules.Compile(site, packs, rules.Settings{}, fail) }
}

func lowInlet() rules.Spec {
	return rules.Spec{When: &rules.Condition{Expr: "pressure.inlet < 0.5 bar"}, Hold: rules.Hold{Duration: 3 * second}, ClearAfter: 2 * second}
}

// at expects the rule r to be in a state.
func at(d time.Duration, state string) ruletest.Expectation {
	var s ruletest.State
	if err := s.UnmarshalText([]byte(state)); err != nil {
		panic(err)
	}
	return ruletest.Expectation{At: d, Is: map[string]ruletest.State{"p/r": s}}
}

func TestPlay(t *testing.T) {
	latched := lowInlet()
	latched.Latch = true
	atOnce, anew := lowInlet(), lowInlet()
	atOnce.Restart, anew.Restart = "alarm_if_true", "reset"
	link := rules.Spec{When: &rules.Condition{Expr: "link == false"}, Hold: rules.Hold{Polls: 3}}
	mode := rules.Spec{When: &rules.Condition{Expr: "mode == box2"}}
	weak := rules.Spec{When: &rules.Condition{Expr: "lift < 1 bar"}}
	inlet := func(s string) map[gateway.PointID]string { return map[gateway.PointID]string{"p/inlet": s} }
	for _, tt := range []struct {
		name string
		rule rules.Spec
		test ruletest.Test
	}{
		{"normal-pending-active-clearing-normal", lowInlet(), ruletest.Test{Series: inlet("1x2 0.3x5 1x3"), Expect: []ruletest.Expectation{
			at(1*second, "normal"), at(2*second, "pending"), at(5*second-1, "pending"), at(5*second, "active critical"), at(7*second, "clearing"), at(9*second, "normal")}}},
		{"expectations in any order", lowInlet(), ruletest.Test{Series: inlet("1x2 0.3x5"), Expect: []ruletest.Expectation{
			at(5*second, "active"), at(1*second, "normal")}}},
		{"time goes on behind the last sample", lowInlet(), ruletest.Test{Series: inlet("0.3"), Expect: []ruletest.Expectation{at(3*second, "active")}}},
		{"a gap is no sample", lowInlet(), ruletest.Test{Series: inlet("0.3 _x9"), Expect: []ruletest.Expectation{at(3*second, "active")}}},
		{"bad data keep and mark", lowInlet(), ruletest.Test{Series: inlet("0.3x4 ?x4 0.3"), Expect: []ruletest.Expectation{
			at(3*second, "active"), at(4*second, "active stale"), at(8*second, "active")}}},
		{"another step", lowInlet(), ruletest.Test{Every: time.Minute, Series: inlet("1x2 0.3x2"), Expect: []ruletest.Expectation{
			at(119*second, "normal"), at(120*second, "pending"), at(123*second, "active")}}},
		{"a restart drops the samples meanwhile, and a hold that is over", lowInlet(), ruletest.Test{Series: inlet("0.3x2 0.9x2 0.3x9"),
			Events: []ruletest.Event{{At: 1 * second, Restart: 2 * second}},
			Expect: []ruletest.Expectation{at(0, "pending"), at(3*second, "normal"), at(6*second, "pending"), at(7*second, "active")}}},
		{"a restart keeps a hold", lowInlet(), ruletest.Test{Series: inlet("1 0.3x9"),
			Events: []ruletest.Event{{At: 2 * second, Restart: second}},
			Expect: []ruletest.Expectation{at(1*second, "pending"), at(3*second, "pending"), at(4*second, "active")}}},
		{"a restart keeps what is active", lowInlet(), ruletest.Test{Series: inlet("0.3x5 _x5 0.3"),
			Events: []ruletest.Event{{At: 5 * second, Restart: 2 * second}},
			Expect: []ruletest.Expectation{at(7*second, "active critical stale"), at(10*second, "active")}}},
		{"a restart withdraws what starts anew", anew, ruletest.Test{Series: inlet("0.3x20"),
			Events: []ruletest.Event{{At: 5 * second, Restart: 2 * second}},
			Expect: []ruletest.Expectation{at(4*second, "active"), at(7*second, "pending"), at(10*second, "active")}}},
		{"a fault at first sight", atOnce, ruletest.Test{Series: inlet("0.3"), Expect: []ruletest.Expectation{at(0, "active")}}},
		{"a latch waits for a person", latched, ruletest.Test{Series: inlet("0.3x5 1x20"),
			Events: []ruletest.Event{{At: 2 * second, Reset: "p/r"}, {At: 10 * second, Reset: "p/r"}},
			Expect: []ruletest.Expectation{at(9*second, "active"), at(10*second, "clearing"), at(12*second, "normal")}}},
		{"a lost facility turns bad", lowInlet(), ruletest.Test{Series: inlet("0.3x5 1x20"),
			Events: []ruletest.Event{{At: 4 * second, Lost: "p", For: 6 * second}},
			Expect: []ruletest.Expectation{at(4*second, "active stale"), at(9*second, "active stale"), at(10*second, "clearing")}}},
		{"the link follows the loss through a restart", link, ruletest.Test{
			Events: []ruletest.Event{{At: 1 * second, Lost: "p", For: 30 * second}, {At: 20 * second, Restart: 2 * second}},
			Expect: []ruletest.Expectation{at(1*second, "pending"), at(16*second, "active"), at(22*second, "active"), at(31*second, "normal")}}},
		{"a derived point counts once for a moment", weak, ruletest.Test{Series: map[gateway.PointID]string{"p/inlet": "1x3 4x3 1x2 ?", "p/outlet": "3x3 6x3 1.5x9"}, Expect: []ruletest.Expectation{
			at(2*second, "normal"), at(3*second, "normal"), at(6*second, "active"), at(8*second, "active stale")}}},
		{"a state is written by name", mode, ruletest.Test{Series: map[gateway.PointID]string{"p/mode": "stoppedx2 box2x3"}, Expect: []ruletest.Expectation{
			at(1*second, "normal"), at(2*second, "active")}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if failed := play(t, tt.rule, tt.test); failed != nil {
				t.Error(strings.Join(failed, "\n"))
			}
		})
	}
}

// TestWhatFails holds each way to be wrong to a failure that says what was.
func TestWhatFails(t *testing.T) {
	series := map[gateway.PointID]string{"p/inlet": "1x2 0.3x5 ?x5"}
	expect := func(d time.Duration, state string) ruletest.Test {
		return ruletest.Test{Series: series, Expect: []ruletest.Expectation{at(d, state)}}
	}
	for _, tt := range []struct {
		name string
		test ruletest.Test
		want string
	}{
		{"another phase", expect(4*second, "active"), "tests[0].expect[0].is.p/r: at 4s p/r: want active, got pending critical (since 2s, inlet 0.3 bar, limit 0.5)"},
		{"another severity", expect(5*second, "active warning"), "tests[0].expect[0].is.p/r: at 5s p/r: want active warning, got active critical (since 2s, inlet 0.3 bar, limit 0.5)"},
		{"stale where it is not", expect(5*second, "active stale"), "tests[0].expect[0].is.p/r: at 5s p/r: want active stale, got active critical (since 2s, inlet 0.3 bar, limit 0.5)"},
		{"not stale where it is", expect(8*second, "active"), "tests[0].expect[0].is.p/r: at 8s p/r: want active, got active critical stale (since 2s, inlet bad: timeout, limit 0.5)"},
		{"active at the beginning", expect(0, "active"), "tests[0].expect[0].is.p/r: at 0s p/r: want active, got normal (inlet 1 bar)"},
		{"nothing seen", ruletest.Test{Expect: []ruletest.Expectation{at(0, "active")}}, "tests[0].expect[0].is.p/r: at 0s p/r: want active, got normal (inlet not seen yet)"},
		{"never", ruletest.Test{Series: series, Never: []string{"p/r"}}, "tests[0].never[0]: at 5s p/r: want never active, got active critical (since 2s, inlet 0.3 bar, limit 0.5)"},
		{"while the gateway is off", ruletest.Test{Events: []ruletest.Event{{At: second, Restart: 3 * second}}, Expect: []ruletest.Expectation{at(2*second, "normal")}},
			"tests[0].expect[0].is.p/r: at 2s p/r: want normal, got a gateway that is stopped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := play(t, lowInlet(), tt.test)
			if diff := cmp.Diff([]string{tt.want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStatesOfFiles(t *testing.T) {
	for _, text := range []string{"normal", "pending", "active", "clearing", "active critical", "active life_safety stale", "pending stale"} {
		var s ruletest.State
		if err := s.UnmarshalText([]byte(text)); err != nil || s.String() != text {
			t.Errorf("%q: %q, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "activ", "critical", "active stale stale", "active warning critical", "normal warning", "active now"} {
		var s ruletest.State
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken for %q", text, s)
		}
	}
}

func TestSeriesWithMistakes(t *testing.T) {
	for _, tt := range []struct{ point, series, want string }{
		{"p/inlet", "", "the series is empty"},
		{"p/inlet", "1x0", "comes 1 to"},
		{"p/inlet", "1x2000000", "comes 1 to"},
		{"p/inlet", "1x600000 1x600000", "comes 1 to"},
		{"p/inlet", "NaN", "no value of point"},
		{"p/inlet", "true", "no value of point"},
		{"p/inlet", "1bar", "no value of point"},
		{"p/run", "2", "neither 0 nor 1"},
		{"p/mode", "stoped", "no value of point"},
		{"p/nothing", "1", "there is no point"},
		{"p/lift", "1", "p/lift is computed"},
		{"q/run", "1", "there is no point"},
	} {
		f := file(ruletest.Test{Series: map[gateway.PointID]string{gateway.PointID(tt.point): tt.series}, Never: []string{"p/r"}})
		var said []string
		f.Validate(func(path, problem, _ string) { said = append(said, path+": "+problem) })
		if len(said) != 1 || !strings.Contains(said[0], tt.want) || !strings.HasPrefix(said[0], "tests[0].series."+tt.point) {
			t.Errorf("%s %q: %q, want one with %q", tt.point, tt.series, said, tt.want)
		}
	}
}
