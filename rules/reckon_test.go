package rules_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// twinSite is a pair of pumps behind one line, with a meter.
func twinSite(t testing.TB) *gateway.Site {
	t.Helper()
	second := time.Second
	pump := func() []gateway.Point {
		return []gateway.Point{
			{Name: "temp", Role: "temperature", Unit: "degC", Period: second},
			{Name: "target", Role: "setpoint", Unit: "degF", Period: second},
			{Name: "i1", Role: "current.l1", Unit: "A", Period: second}, {Name: "i2", Role: "current.l2", Unit: "A", Period: second}, {Name: "i3", Role: "current.l3", Unit: "A", Period: second},
			{Name: "running", Role: "run", Kind: gateway.Discrete, Period: second},
			{Name: "mode", Role: "mode", Kind: gateway.Enum, Period: second, States: map[int64]gateway.State{0: {Name: "off"}, 1: {Name: "auto"}}},
			{Name: "leak_a", Role: "leak", Kind: gateway.Discrete}, {Name: "leak_b", Role: "leak", Kind: gateway.Discrete},
			{Name: "runs", Role: "runs", Kind: gateway.Counter, Period: second},
			{Name: "ready", Kind: gateway.Discrete, Formula: "running or mode == auto"},
		}
	}
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{
		{ID: "pump-1", Class: gateway.Pump, Lines: []gateway.FacilityID{"bus-1"}, Points: pump()},
		{ID: "pump-2", Class: gateway.Pump, Lines: []gateway.FacilityID{"bus-1"}, Points: pump()},
		{ID: "meter-1", Class: gateway.ElectricMeter, Points: []gateway.Point{
			{Name: "volume", Role: "volume", Unit: "m3", Kind: gateway.Counter, Period: 10 * second},
			{Name: "p", Role: "power", Unit: "kW", Period: second},
			{Name: "event", Role: "event", Kind: gateway.Discrete},
		}},
		{ID: "bus-1", Class: gateway.Line, Points: []gateway.Point{{Name: "link", Role: "link", Kind: gateway.Discrete, Period: 5 * second}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// stage plays samples to one rule, by the full names of points.
type stage struct {
	*rules.Engine
	site *gateway.Site
	at   gateway.Instant
}

// newStage compiles a rule for class pump; what is wrong with it is returned.
func newStage(t testing.TB, site *gateway.Site, spec rules.Spec, params ...rules.Param) (*stage, []string) {
	t.Helper()
	spec.ID, spec.Title = "r", text()
	if spec.When != nil && spec.Severity == "" {
		spec.Severity = "warning"
	}
	spec.Why = rules.Why{Cause: text(), Consequence: text(), Response: text()}
	pack := rules.Pack{Class: gateway.Pump, Params: params, Rules: []rules.Spec{spec}}
	var mistakes []string
	report := func(path, problem, hint string) {
		mistakes = append(mistakes, fmt.Sprintf("%s: %s (%s)", path, problem, hint))
	}
	if pack.Validate(report); mistakes != nil {
		return nil, mistakes
	}
	e := rules.Compile(site, []rules.Pack{pack}, rules.Settings{}, report)
	return &stage{Engine: e, site: site}, mistakes
}

// mustStage is newStage for a rule without mistakes.
func mustStage(t testing.TB, site *gateway.Site, spec rules.Spec, params ...rules.Param) *stage {
	t.Helper()
	s, mistakes := newStage(t, site, spec, params...)
	if mistakes != nil {
		t.Fatalf("%q", mistakes)
	}
	return s
}

// tell plays "pump-1/temp=20 pump-2/temp=?" of the moment at, in milliseconds,
// and returns what changed.
func (s *stage) tell(at gateway.Instant, given string) []string {
	s.at = at
	changes := s.Advance(nil, at)
	var batch []gateway.Sample
	for word := range strings.FieldsSeq(given) {
		name, value, _ := strings.Cut(word, "=")
		ref, ok := s.site.Lookup(gateway.PointID(name))
		if !ok {
			panic("no point " + name)
		}
		sample := gateway.Sample{Point: ref, Quality: gateway.BadTimeout, At: at}
		if value != "?" {
			sample.Quality = gateway.Good
			_, _ = fmt.Sscan(value, &sample.Value)
		}
		batch = append(batch, sample)
	}
	return s.said(s.Observe(changes, batch))
}

// said writes changes as "key phase"; "*" is for stale.
func (s *stage) said(changes []rules.Change) (words []string) {
	for _, c := range changes {
		stale := ""
		if c.Stale {
			stale = "*"
		}
		words = append(words, fmt.Sprintf("%s %s%s", s.Instances()[c.Ref].Key, c.To, stale))
	}
	return words
}

func TestWhatAConditionComputes(t *testing.T) {
	kelvin := rules.Param{Name: "apart", Value: gateway.Quantity{Value: 3, Unit: "K"}}
	for _, tt := range []struct {
		when  string
		steps []string // of one second each
		want  []string // of each step
	}{
		{"max(current.l1, current.l2, current.l3) - min(i1, i2, i3) > 5 A",
			[]string{"pump-1/i1=10 pump-1/i2=11 pump-1/i3=12", "pump-1/i1=20 pump-1/i2=21 pump-1/i3=22", "pump-1/i1=2", "pump-1/i1=?", "pump-1/i1=21"},
			[]string{"", "", "pump-1/r active", "pump-1/r active*", "pump-1/r normal"}},
		{"abs(temperature - peer(pump-2).temperature) > $apart",
			[]string{"pump-1/temp=20", "pump-2/temp=18", "pump-2/temp=16", "pump-2/temp=?", "pump-1/temp=99", "pump-2/temp=98"},
			[]string{"", "", "pump-1/r active", "pump-1/r active*", "", "pump-1/r normal"}},
		{"temperature > setpoint + 9 degF", // 5 degC
			[]string{"pump-1/temp=20 pump-1/target=60.8", "pump-1/temp=21", "pump-1/temp=21.2", "pump-1/target=62"},
			[]string{"", "", "pump-1/r active", "pump-1/r normal"}},
		{"20 degC < temperature",
			[]string{"pump-1/temp=20", "pump-1/temp=20.1"},
			[]string{"", "pump-1/r active"}},
		{"run != peer(pump-2).run and parent.link",
			[]string{"pump-1/running=1 pump-2/running=1 bus-1/link=1", "pump-2/running=0", "bus-1/link=0"},
			[]string{"", "pump-1/r active", "pump-1/r normal"}},
		{"mode == auto and peer(meter-1).power > 0.002 MW and i1 + i2 + i3 < 1 A",
			[]string{"pump-1/mode=1 meter-1/p=3 pump-1/i1=0 pump-1/i2=0 pump-1/i3=0", "pump-1/mode=0"},
			[]string{"pump-1/r active", "pump-1/r normal"}},
		{"peer(pump-2).mode in [auto]",
			[]string{"pump-2/mode=1", "pump-2/mode=0"},
			[]string{"pump-1/r active", "pump-1/r normal"}},
		{"peer(pump-2).mode == mode",
			[]string{"pump-2/mode=1 pump-1/mode=0", "pump-1/mode=1"},
			[]string{"", "pump-1/r active"}},
	} {
		s := mustStage(t, twinSite(t), rules.Spec{When: when(tt.when), Facilities: []gateway.FacilityID{"pump-1"}}, kelvin)
		for i, step := range tt.steps {
			if got := strings.Join(s.tell(gateway.Instant(1000*(i+1)), step), " "); got != tt.want[i] {
				t.Errorf("%s at step %d (%s)\n got %q\nwant %q", tt.when, i, step, got, tt.want[i])
			}
		}
	}
}

// TestALevelOfWhatIsComputed also holds what people are shown of it: a limit that
// is none of the point's values would be a wrong one.
func TestALevelOfWhatIsComputed(t *testing.T) {
	s := mustStage(t, twinSite(t), rules.Spec{Value: "abs(temperature - setpoint)", Levels: []rules.Level{
		{Severity: "warning", Above: "2 K", Reset: "1 K"},
		{Severity: "critical", Above: "9 degF", Reset: "8 degF"},
	}})
	var keys []string
	for _, in := range s.Instances() {
		keys = append(keys, in.Key)
	}
	if diff := cmp.Diff([]string{"pump-1/r", "pump-2/r"}, keys); diff != "" {
		t.Error(diff)
	}
	var got []string
	for i, v := range []string{"20", "22.5", "26", "22.5", "20.5"} {
		got = append(got, strings.Join(s.tell(gateway.Instant(1000*(i+1)), "pump-2/target=68 pump-2/temp="+v), " "))
	}
	if diff := cmp.Diff([]string{"", "pump-2/r active", "pump-2/r active", "pump-2/r active", "pump-2/r normal"}, got); diff != "" {
		t.Error(diff)
	}
	changes := s.Observe(nil, []gateway.Sample{{Point: mustLookup(t, s.site, "pump-2/temp"), Quality: gateway.Good, Value: 30, At: 9000}})
	if c := changes[0]; s.site.Point(c.Point).ID() != "pump-2/temp" || c.Value != 30 || !math.IsNaN(c.Limit) {
		t.Errorf("the change shows point %d with %v against %v", c.Point, c.Value, c.Limit)
	}
}

// TestAnAlertShowsNoValueOfAnotherFacility: it would be taken for one of its own.
func TestAnAlertShowsNoValueOfAnotherFacility(t *testing.T) {
	for text, want := range map[string]gateway.PointID{
		"peer(pump-2).temperature > 30 degC":                    "",
		"abs(peer(pump-2).temperature - temperature) > 3 K":     "pump-1/temp",
		"peer(pump-2).run and i1 > 3 A":                         "pump-1/i1",
		"parent.link and max(peer(pump-2).temp, 1min) > 3 degC": "",
	} {
		s := mustStage(t, twinSite(t), rules.Spec{When: when(text), Facilities: []gateway.FacilityID{"pump-1"}})
		got := gateway.PointID("")
		if ref := s.Instances()[0].Point; ref != gateway.NoPoint {
			got = s.site.Point(ref).ID()
		}
		if got != want {
			t.Errorf("%s shows %q, want %q", text, got, want)
		}
	}
}

func mustLookup(t testing.TB, site *gateway.Site, id gateway.PointID) gateway.PointRef {
	t.Helper()
	ref, ok := site.Lookup(id)
	if !ok {
		t.Fatalf("no point %s", id)
	}
	return ref
}

// TestNobodySeesWhatIsComputedForRules: the tables of others end with the points
// of the site.
func TestNobodySeesWhatIsComputedForRules(t *testing.T) {
	s := mustStage(t, twinSite(t), rules.Spec{When: when("temperature > setpoint and ready"), Facilities: []gateway.FacilityID{"pump-1"}})
	s.tell(1000, "pump-1/temp=20 pump-1/target=60 pump-1/running=1")
	if len(s.Latest()) != s.site.Len() {
		t.Errorf("%d latest samples for %d points", len(s.Latest()), s.site.Len())
	}
	s.Observe(nil, []gateway.Sample{{Point: mustLookup(t, s.site, "pump-1/running"), Quality: gateway.Good, At: 2000}})
	for _, d := range s.Derived() {
		if int(d.Point) >= s.site.Len() {
			t.Errorf("point %d is told of", d.Point)
		}
	}
	var read []string
	for ref, p := range s.site.Points() {
		if yes, _ := s.Reads(ref); yes {
			read = append(read, string(p.ID()))
		}
	}
	want := []string{"pump-1/temp", "pump-1/target", "pump-1/ready"}
	if diff := cmp.Diff(want, read); diff != "" {
		t.Error(diff)
	}
	var inputs []string
	for _, ref := range s.Inputs()[0] {
		inputs = append(inputs, string(s.site.Point(ref).ID()))
	}
	if diff := cmp.Diff(want, inputs); diff != "" {
		t.Error(diff)
	}
}

// TestOneComputationForAllRules: what two rules call by different names is one.
func TestOneComputationForAllRules(t *testing.T) {
	s := mustStage(t, twinSite(t), rules.Spec{When: when("i1 - i2 > 3 A"), Reset: when("current.l1 - current.l2 < 2 A and (i1 - i2 < 2 A)")})
	a := s.Anatomy(0)
	if len(a.Stages[0].When) != 1 || len(a.Stages[0].Reset) != 1 || a.Stages[0].Reset[0].Computed != "i1 - i2" {
		t.Errorf("%+v", a.Stages[0])
	}
}

func TestMistakesInWhatIsComputed(t *testing.T) {
	for text, want := range map[string]string{
		"temperature - i1 > 3 K":                 "packs[0].rules.r.when: temperature - i1: character 13: A (current) cannot be compared with degC (temperature) (add and compare only amounts of one kind; on facility pump-1)",
		"temperature - setpoint > 3 A":           "packs[0].rules.r.when: 3 A of temperature - setpoint: A (current) cannot be compared with degC (temperature) (on facility pump-1)",
		"temperature - setpoint > 3":             "packs[0].rules.r.when: temperature - setpoint is in degC, and 3 has no unit (on facility pump-1)",
		"temperature > peer(pump-3).temperature": `packs[0].rules.r.when: character 15: there is no facility "pump-3" (one of pump-1, pump-2)`,
		"mode - 1 > 2":                           "packs[0].rules.r.when: mode - 1: character 1: mode is a code, with which nothing can be reckoned (compare it: mode == …; on facility pump-1)",
		"i1 + i2":                                `rules.r.when: "i1 + i2": character 4: i1 + i2 is neither true nor false (compare it, such as x > 0)`,
		"leak + 1 > 2":                           `packs[0].rules.r.when: leak + 1: character 1: "leak" means 2 points of the facility (on facility pump-1)`,
		"i1 > 2 * $much":                         `rules.r.when: unknown param $much (give it a value under params:)`,
		"run.bit(2) and i1 + i2.bit(3) > 3 A":    "packs[0].rules.r.when: i1 + i2.bit(3): character 21: i2 has no bits (say kind: bitset there; on facility pump-1)",
		"abs(i1, i2) > 3 A":                      "packs[0].rules.r.when: abs(i1, i2): character 1: abs is of one number (on facility pump-1)",
		"median(i1, i2) > 3 A":                   `rules.r.when: "median(i1, i2)": character 1: there is no function "median" (there are min, max, avg, abs, and over time`,
	} {
		_, mistakes := newStage(t, twinSite(t), rules.Spec{When: when(text)})
		if len(mistakes) == 0 || !strings.HasPrefix(mistakes[0], want) {
			t.Errorf("%s\n got %q\nwant %q", text, mistakes, want)
		}
	}
	for _, tt := range []struct {
		spec rules.Spec
		want string
	}{
		{rules.Spec{Value: "mode", Levels: []rules.Level{{Severity: "warning", Above: "1"}}}, "packs[0].rules.r.value: mode is no amount, so it has no levels (on facility pump-1)"},
		{rules.Spec{Value: "i1 +", Levels: []rules.Level{{Severity: "warning", Above: "1 A"}}}, `rules.r.value: "i1 +": character 5: the name of a point`},
		{rules.Spec{Value: "i1 - i2", Points: []string{"i1"}, Levels: []rules.Level{{Severity: "warning", Above: "1 A"}}}, "rules.r.value: levels are either for points or for one value"},
		{rules.Spec{Value: "i1", When: when("run")}, "rules.r.value: a value goes with levels"},
		{rules.Spec{When: when("run"), Facilities: []gateway.FacilityID{"pump-1", "meter-1"}}, `packs[0].rules.r.facilities[1]: there is no facility "meter-1" of class pump`},
	} {
		_, mistakes := newStage(t, twinSite(t), tt.spec)
		if len(mistakes) == 0 || !strings.HasPrefix(mistakes[0], tt.want) {
			t.Errorf("%+v\n got %q\nwant %q", tt.spec, mistakes, tt.want)
		}
	}
}

// TestARuleThatLacksAPointDoesNotApply is also so for what is computed.
func TestARuleThatLacksAPointDoesNotApply(t *testing.T) {
	for _, text := range []string{"flow - i1 > 3 A", "i1 > flow", "temperature > peer(meter-1).temperature", "max(i1, flow) > 3 A", "parent.flow > 3"} {
		s := mustStage(t, twinSite(t), rules.Spec{When: when(text)})
		if len(s.Instances()) > 0 || !slices.Equal(s.Unmatched(), []string{"pump/r"}) {
			t.Errorf("%s: %d instances, unmatched %q", text, len(s.Instances()), s.Unmatched())
		}
	}
}
