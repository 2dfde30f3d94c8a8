package rules_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// The test facility: a pump "p" with an inlet pressure in bar, a contact, a mode
// and its link.
const (
	run = gateway.PointRef(iota)
	inlet
	mode
	temp
	link
)

func pumpSite(t testing.TB) *gateway.Site {
	t.Helper()
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{{
		ID: "p", Class: gateway.Pump, Points: []gateway.Point{
			{Name: "running", Role: "run", Kind: gateway.Discrete, Period: time.Second},
			{Name: "inlet", Role: "pressure.inlet", Unit: "bar", Period: 5 * time.Second},
			{Name: "mode", Role: "mode", Kind: gateway.Enum, Period: time.Second, States: map[int64]gateway.State{
				0: {Name: "stopped"}, 1: {Name: "normal"}, 2: {Name: "inspection"}}},
			{Name: "temp", Role: "temperature", Unit: "degC", Period: time.Second},
			{Name: "link", Role: "link", Kind: gateway.Discrete, Period: time.Second},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return site
}

func text() gateway.Text { return gateway.Text{ZH: "文", EN: "text"} }

func when(expr string) *rules.Condition { return &rules.Condition{Expr: expr} }

func compile(t testing.TB, spec rules.Spec, params ...rules.Param) *rules.Engine {
	t.Helper()
	spec.ID, spec.Title = "r", text()
	if spec.When != nil && spec.Severity == "" {
		spec.Severity = "critical"
	}
	spec.Why = rules.Why{Cause: text(), Consequence: text(), Response: text()}
	pack := rules.Pack{Class: gateway.Pump, Params: params, Rules: []rules.Spec{spec}}
	fail := func(path, problem, hint string) { t.Errorf("%s: %s (%s)", path, problem, hint) }
	pack.Validate(fail)
	e := rules.Compile(pumpSite(t), []rules.Pack{pack}, rules.Settings{}, fail)
	if len(e.Instances()) != 1 {
		t.Fatalf("%d instances", len(e.Instances()))
	}
	return e
}

// walk feeds "point=value" pairs, one each second from second 0, and returns
// what changed: "second phase" with "*" for stale and the severity of levels.
// "?" is a bad sample, "_" none.
func walk(e *rules.Engine, steps string) []string {
	points := map[string]gateway.PointRef{"run": run, "in": inlet, "mode": mode, "t": temp, "link": link}
	var got []string
	var changes []rules.Change
	for i, word := range strings.Fields(steps) {
		at := gateway.Instant(i * 1000)
		changes = e.Advance(changes[:0], at)
		for pair := range strings.SplitSeq(word, ",") {
			name, value, given := strings.Cut(pair, "=")
			if !given {
				continue
			}
			s := gateway.Sample{Point: points[name], Quality: gateway.BadTimeout, At: at}
			if value != "?" {
				s.Quality = gateway.Good
				fmt.Sscan(value, &s.Value)
			}
			changes = e.Observe(changes, []gateway.Sample{s})
		}
		for _, c := range changes {
			stale := ""
			if c.Stale {
				stale = "*"
			}
			got = append(got, fmt.Sprintf("%ds %s%s since %ds", i, c.To, stale, c.Since/1000))
		}
	}
	return got
}

func TestWalks(t *testing.T) {
	dry := rules.Spec{When: when("run == true and pressure.inlet < 0.5 bar"), Hold: rules.Hold{Duration: 3 * time.Second}, ClearAfter: 2 * time.Second}
	with := func(f func(*rules.Spec)) rules.Spec { s := dry; f(&s); return s }
	tests := []struct {
		name  string
		spec  rules.Spec
		steps string
		want  []string
	}{
		{"normal, pending, active, clearing, normal", dry,
			"run=1,in=0.9 in=0.3 _ _ _ in=0.8 _ _ _",
			[]string{"1s pending since 1s", "4s active since 1s", "5s clearing since 5s", "7s normal since 5s"}},
		{"a condition that is true at the first sample goes through its hold", dry,
			"run=1,in=0.3 _ _ _",
			[]string{"0s pending since 0s", "3s active since 0s"}},
		{"gone before the hold has passed: nobody is called", dry,
			"run=1,in=0.3 _ in=0.9 _ _",
			[]string{"0s pending since 0s", "2s normal since 2s"}},
		{"true again while clearing: the same alarm goes on", dry,
			"run=1,in=0.3 _ _ _ in=0.9 in=0.2 _ _ _",
			[]string{"0s pending since 0s", "3s active since 0s", "4s clearing since 4s", "5s active since 0s"}},
		{"an unknown input never raises", dry,
			"run=1,in=? _ _ _ _",
			nil},
		{"one input decides alone whatever the other is", dry,
			"run=0,in=? run=0 _ _",
			nil},
		{"the hold stands still while an input is unknown and goes on after it", dry,
			"run=1,in=0.3 in=? _ _ _ _ in=0.3 _ _",
			[]string{"0s pending since 0s", "1s pending* since 0s", "6s pending since 0s", "8s active since 0s"}},
		{"an unknown input never clears", dry,
			"run=1,in=0.3 _ _ _ in=? _ _ _ _ _",
			[]string{"0s pending since 0s", "3s active since 0s", "4s active* since 0s"}},
		{"bad data that count as alarm raise", with(func(s *rules.Spec) { s.BadData = "alarm" }),
			"run=1,in=0.9 in=? _ _ _",
			[]string{"1s pending* since 1s", "4s active* since 1s"}},
		{"bad data that count as clear end an alarm", with(func(s *rules.Spec) { s.BadData = "clear" }),
			"run=1,in=0.3 _ _ _ in=? _ _",
			[]string{"0s pending since 0s", "3s active since 0s", "4s clearing* since 4s", "6s normal since 4s"}},
		{"inside the dead band an alarm goes on", with(func(s *rules.Spec) { s.Reset = when("run == false or pressure.inlet > 0.7 bar") }),
			"run=1,in=0.3 _ _ _ in=0.6 _ _ in=0.8 _ _",
			[]string{"0s pending since 0s", "3s active since 0s", "7s clearing since 7s", "9s normal since 7s"}},
		{"min_active keeps a short alarm", with(func(s *rules.Spec) { s.MinActive = 6 * time.Second }),
			"run=1,in=0.3 _ _ _ in=0.9 _ _ _ _ _",
			[]string{"0s pending since 0s", "3s active since 0s", "4s clearing since 4s", "9s normal since 4s"}},
		{"a latched alarm stays when its condition is gone", with(func(s *rules.Spec) { s.Latch = true }),
			"run=1,in=0.3 _ _ _ in=0.9 _ _ _",
			[]string{"0s pending since 0s", "3s active since 0s"}},
		{"only_when suppresses by design", with(func(s *rules.Spec) { s.OnlyWhen = when("mode == normal") }),
			"mode=2,run=1,in=0.3 _ _ _ mode=1 _ _ _ mode=2 _ _",
			[]string{"4s pending since 4s", "7s active since 4s", "8s clearing since 8s", "10s normal since 8s"}},
		{"a hold in polls goes by the slowest point", with(func(s *rules.Spec) { s.Hold = rules.Hold{Polls: 1} }),
			"run=1,in=0.3 _ _ _ _ _",
			[]string{"0s pending since 0s", "5s active since 0s"}},
		{"without hold and clear time it is there and gone at once", rules.Spec{When: when("mode in [stopped, inspection]")},
			"mode=1 mode=2 mode=0 mode=1",
			[]string{"1s active since 1s", "3s normal since 3s"}},
		{"a value that is no number is unknown", dry,
			"run=1,in=0.3 _ _ _ in=NaN _ _ _",
			[]string{"0s pending since 0s", "3s active since 0s", "4s active* since 0s"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, walk(compile(t, tt.spec), tt.steps)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func hot() rules.Spec {
	return rules.Spec{Points: []string{"temperature"}, ClearAfter: time.Second, Levels: []rules.Level{
		{Severity: "critical", Above: "$hot", Reset: "$hot - 5 degC", Hold: rules.Hold{Duration: time.Second}},
		{Severity: "warning", Above: "75 degC", Reset: "70 degC", Hold: rules.Hold{Duration: 2 * time.Second}},
	}}
}

func TestLevelsStepUpAndDownWithinOneAlert(t *testing.T) {
	e := compile(t, hot(), rules.Param{Name: "hot", Value: gateway.Quantity{Value: 194, Unit: "degF"}}) // 90 degC
	var got []string
	var changes []rules.Change
	for i, v := range []float64{60, 80, 80, 80, 95, 95, 86, 84, 84, 72, 69, 69, 69} {
		at := gateway.Instant(i * 1000)
		changes = e.Observe(e.Advance(changes[:0], at), []gateway.Sample{{Point: temp, Quality: gateway.Good, Value: v, At: at}})
		for _, c := range changes {
			got = append(got, fmt.Sprintf("%ds %s %s %.0f against %.0f", i, c.To, c.Severity, c.Value, c.Limit))
		}
	}
	want := []string{
		"1s pending warning 80 against 75",
		"3s active warning 80 against 75",
		"5s active critical 95 against 90",
		"8s active warning 84 against 75",
		"10s clearing warning 69 against 75",
		"11s normal warning 69 against 75",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestALesserLevelThatIsStillHeldKeepsTheSameAlarm(t *testing.T) {
	e := compile(t, rules.Spec{Points: []string{"temperature"}, Levels: []rules.Level{
		{Severity: "warning", Above: "75", Hold: rules.Hold{Duration: 6 * time.Second}},
		{Severity: "critical", Above: "90", Hold: rules.Hold{Duration: time.Second}},
	}})
	want := []string{"0s pending since 0s", "1s active since 0s", "3s clearing since 3s", "6s active since 0s", "7s normal since 7s"}
	if diff := cmp.Diff(want, walk(e, "t=95 _ _ t=80 _ _ _ t=60")); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	e = compile(t, rules.Spec{Points: []string{"temperature"}, Levels: []rules.Level{
		{Severity: "warning", Above: "75", Hold: rules.Hold{Duration: 60 * time.Second}},
		{Severity: "critical", Above: "90", Hold: rules.Hold{Duration: time.Second}},
	}})
	want = []string{"0s pending since 0s", "1s active since 0s", "3s clearing since 3s", "5s normal since 3s"} // the warning never came into force
	if diff := cmp.Diff(want, walk(e, "t=95 _ _ t=80 _ t=60 _")); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// standing is a former run of which only an alert is known, a minute old.
func standing(phase rules.Phase) rules.Former {
	return rules.Former{Open: []rules.Standing{{Key: "p/r", Phase: phase, Severity: rules.Critical, Since: -60_000}}}
}

func TestARestoredAlarmIsKeptOnTrustUntilItsInputsAreKnown(t *testing.T) {
	spec := rules.Spec{When: when("run == false"), Hold: rules.Hold{Duration: 5 * time.Second}}
	for name, steps := range map[string]struct {
		walk string
		want []string
	}{
		"still bad": {"_ run=0 _ _", []string{"1s active since -60s"}},
		"good now":  {"_ run=1 _ _", []string{"1s normal since 1s"}},
		"unknown":   {"_ run=? _ _ _ _ _ _", nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := compile(t, spec)
			e.Resume(standing(rules.Active), 0)
			if diff := cmp.Diff(steps.want, walk(e, steps.walk)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatARuleDoesAtTheStart(t *testing.T) {
	for _, tt := range []struct {
		name, restart string
		active        bool // an alert is restored
		walk          string
		want          []string
	}{
		{"a hold begins anew", "", false, "_ run=0 _ _ _ _ _", []string{"1s pending since 1s", "6s active since 1s"}},
		{"what is true at first sight alarms at once", "alarm_if_true", false, "_ run=? run=0 _", []string{"2s active since 2s"}},
		{"what becomes true later is held", "alarm_if_true", false, "run=1 run=0 _ _ _ _ _", []string{"1s pending since 1s", "6s active since 1s"}},
		{"an alarm goes on", "alarm_if_true", true, "_ run=0 _", []string{"1s active since -60s"}},
		{"an alarm is judged from the beginning", "reset", true, "run=0 _ _ _ _ _", []string{"0s pending since 0s", "5s active since 0s"}},
		{"an alarm that is over is nothing new", "reset", true, "run=1 _ _", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := compile(t, rules.Spec{When: when("run == false"), Hold: rules.Hold{Duration: 5 * time.Second}, Restart: tt.restart})
			if tt.active {
				e.Resume(standing(rules.Active), 0)
			}
			if diff := cmp.Diff(tt.want, walk(e, tt.walk)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnOpenLatchStaysOpenOverARestart: a person who has reset the alert need not
// come again, unless the fault does.
func TestAnOpenLatchStaysOpenOverARestart(t *testing.T) {
	spec := rules.Spec{When: when("run"), Latch: true, ClearAfter: 3 * time.Second}
	for name, steps := range map[string]struct {
		walk string
		want []string
	}{
		"good":      {"_ run=0 _ _ _ _", []string{"1s clearing since 1s", "4s normal since 1s"}},
		"bad again": {"_ run=1 _ run=0 _ _ _ _ _", []string{"1s active since -60s"}},
		"unknown":   {"_ run=? _ _ _ _", nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := compile(t, spec)
			e.Resume(standing(rules.Clearing), 0)
			if diff := cmp.Diff(steps.want, walk(e, steps.walk)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAResetEndsALatchOnlyOnceTheConditionIsGone(t *testing.T) {
	e := compile(t, rules.Spec{When: when("run"), Latch: true})
	walk(e, "run=1 _")
	if got := e.Reset(nil, 0, 2000); len(got) != 0 {
		t.Errorf("reset while it holds: %v", got)
	}
	walk(e, "_ _ run=0")
	if got := e.Reset(nil, 0, 9000); len(got) != 1 || got[0].To != rules.Normal {
		t.Errorf("reset when gone: %v", got)
	}
}

func TestAHoldThatPassesWithinOneBatchHasPassed(t *testing.T) {
	e := compile(t, rules.Spec{When: when("run"), Hold: rules.Hold{Duration: 2 * time.Second}})
	got := e.Observe(nil, []gateway.Sample{
		{Point: run, Quality: gateway.Good, Value: 1, At: 1_000}, {Point: run, Quality: gateway.Good, Value: 0, At: 61_000},
	})
	var phases []rules.Phase
	for _, c := range got {
		phases = append(phases, c.To)
	}
	if diff := cmp.Diff([]rules.Phase{rules.Pending, rules.Active, rules.Normal}, phases); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
}

func TestAResetThatOverlapsTheConditionClearsNothing(t *testing.T) {
	e := compile(t, rules.Spec{When: when("pressure.inlet < 0.5 bar"), Reset: when("pressure.inlet > 0.3 bar")})
	want := []string{"0s active since 0s", "2s normal since 2s"}
	if diff := cmp.Diff(want, walk(e, "in=0.2 in=0.4 in=0.6")); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestAnOlderSampleDoesNotTurnBackTheClock(t *testing.T) {
	e := compile(t, rules.Spec{When: when("run"), Hold: rules.Hold{Duration: 10 * time.Second}})
	e.Advance(nil, 100_000)
	e.Observe(nil, []gateway.Sample{{Point: run, Quality: gateway.Good, Value: 1, At: 5_000}})
	if at, ok := e.Next(); !ok || at != 110_000 {
		t.Errorf("hold ends at %v, %v; want 110 s", at, ok)
	}
}

func TestARuleAppliesWhereItsPointsAre(t *testing.T) {
	pack := rules.Pack{Class: "any", Rules: []rules.Spec{
		{ID: "fits", Severity: "info", When: when("link == false")},
		{ID: "no_such_point", Severity: "info", When: when("depth > 3 m and link == false")},
	}}
	e := rules.Compile(pumpSite(t), []rules.Pack{pack}, rules.Settings{}, func(path, problem, _ string) { t.Errorf("%s: %s", path, problem) })
	if got := e.Instances(); len(got) != 1 || got[0].Key != "p/fits" || got[0].Facility != "p" {
		t.Errorf("instances are %v", got)
	}
	if diff := cmp.Diff([]string{"any/no_such_point"}, e.Unmatched()); diff != "" {
		t.Errorf("unmatched (-want +got):\n%s", diff)
	}
}

func TestAFacilityMaySetALimitOfItsOwn(t *testing.T) {
	pack := rules.Pack{Class: gateway.Pump, Params: []rules.Param{{Name: "low", Value: gateway.Quantity{Value: 0.5, Unit: "bar"}}},
		Rules: []rules.Spec{{ID: "r", Severity: "info", When: when("pressure.inlet < $low")}}}
	set := rules.Settings{Set: map[gateway.FacilityID]map[string]gateway.Quantity{"p": {"low": {Value: 0.02, Unit: "MPa"}}}}
	e := rules.Compile(pumpSite(t), []rules.Pack{pack}, set, func(path, problem, _ string) { t.Errorf("%s: %s", path, problem) })
	if got := walk(e, "in=0.3 in=0.19"); len(got) != 1 || !strings.HasPrefix(got[0], "1s active") {
		t.Errorf("with a limit of 0.2 bar: %v", got)
	}
}

func TestCompileSaysWhatDoesNotFit(t *testing.T) {
	for expr, want := range map[string]string{
		"pressure.inlet < 5 V":             "V (voltage) cannot be compared with bar (pressure)",
		"mode == flying":                   `point mode has no state "flying"; its states are stopped, normal, inspection`,
		"run == on":                        `point running has no named states, so "on" says nothing`,
		"pressure.inlet < $none":           "unknown param $none",
		"pressure.inlet < ":                "character 18: the name of a point or state, a number or a $param is missing",
		"pressure.inlet ~ 3":               `character 16: "~" is no comparison: want ==, !=, <, <=, >, >= or in`,
		"(run":                             `character 5: ")" is missing`,
		"run == true true":                 `character 13: "true" does not belong here`,
		"mode in [stopped":                 `character 17: "]" is missing`,
		"mode.bit(99)":                     "want a bit number from 0 to 63",
		"pressure.inlet < 5 furlongs":      `unknown unit "furlongs"`,
		strings.Repeat("not ", 50) + "run": "nested more than 32 deep",
	} {
		var got []string
		pack := rules.Pack{Class: gateway.Pump, Rules: []rules.Spec{{ID: "r", Severity: "info", When: when(expr)}}}
		rules.Compile(pumpSite(t), []rules.Pack{pack}, rules.Settings{}, func(path, problem, _ string) {
			if path != "packs[0].rules.r.when" {
				t.Errorf("%s: path is %s", expr, path)
			}
			got = append(got, problem)
		})
		if len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s\n got %q\nwant %q", expr, got, want)
		}
	}
}

func TestUnknownIsNeitherTrueNorFalse(t *testing.T) {
	const U, F, T = math.MaxInt, 0, 1
	names := map[int]string{U: "?", F: "0", T: "1"}
	for _, tt := range []struct {
		a, b       int
		and, or    bool
		decidedAnd bool
		decidedOr  bool
	}{
		{T, T, true, true, true, true}, {T, F, false, true, true, true}, {F, F, false, false, true, true},
		{T, U, false, true, false, true}, {F, U, false, false, true, false}, {U, U, false, false, false, false},
	} {
		for _, join := range []struct {
			word          string
			value, decide bool
		}{{"and", tt.and, tt.decidedAnd}, {"or", tt.or, tt.decidedOr}} {
			for _, order := range [][2]int{{tt.a, tt.b}, {tt.b, tt.a}} {
				steps := fmt.Sprintf("run=%s,link=%s", names[order[0]], names[order[1]])
				if steps == "run=?,link=?" {
					steps = "_"
				}
				pos := len(walk(compile(t, rules.Spec{When: when("run " + join.word + " link")}), steps)) > 0
				neg := len(walk(compile(t, rules.Spec{When: when("not (run " + join.word + " link)")}), steps)) > 0
				if pos != (join.value && join.decide) || neg != (!join.value && join.decide) {
					t.Errorf("%s %s: raises %v, its negation %v", join.word, steps, pos, neg)
				}
			}
		}
	}
}
