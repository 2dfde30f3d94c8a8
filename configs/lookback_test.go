package configs_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
)

// TestRulesOverTimeInRuleTests plays rules that look back in the way in which people
// test theirs.
func TestRulesOverTimeInRuleTests(t *testing.T) {
	tests, err := configs.LoadRuleTests(os.DirFS("testdata/ruletests"), "lookback.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range tests.Run() {
		for _, f := range r.Failures {
			t.Errorf("lookback.good.yaml:%d: %s: %v", tests.At(f.Path).Line, r.Name, f)
		}
	}
}

// TestMistakesInRulesOverTime holds where each is told, and with which hint.
func TestMistakesInRulesOverTime(t *testing.T) {
	for _, name := range []string{"lookback-bad", "lookback-misfit"} {
		_, err := configs.LoadRuleTests(os.DirFS("testdata/ruletests"), name+".bad.yaml")
		if err == nil {
			t.Fatalf("%s: no mistake was found", name)
		}
		golden(t, "testdata/ruletests/"+name+".bad.txt", fmt.Sprintln(err))
	}
}

// TestExplainARuleThatLooksBack also counts what it keeps.
func TestExplainARuleThatLooksBack(t *testing.T) {
	site := small + "  - {id: meter, profile: schneider-iem3000, bus: plc, unit: 9}\nrules: {packs: [], files: [own.yaml]}\n"
	c, err := configs.Load(fstest.MapFS{"site.yaml": {Data: []byte(site)}, "own.yaml": {Data: []byte(`class: electric_meter
params: {over: {value: 10 min}}
rules:
  rising:
    title: {zh: 升高, en: Rising}
    value: rate(p_total, $over)
    levels: {warning: {above: 3 kW/min, reset: 2 kW/min}}
    only_when: peer(lift-1).moving and (max(p_total, 1h) - min(p_total, 1h) > 5 kW or starts(p_total > 1 kW, 1h) > 3)
    during: {daily: "08:00-18:00", days: [workday]}
    why: {cause: {zh: 因, en: c}, consequence: {zh: 果, en: c}, response: {zh: 措施, en: r}}
`)}}, "site.yaml", configs.Options{Env: noEnv, Places: true})
	if err != nil {
		t.Fatal(err)
	}
	if c.Features != 4 || c.FeatureBytes < 3000 || c.FeatureBytes > 6000 {
		t.Errorf("%d features in %d bytes", c.Features, c.FeatureBytes)
	}
	e, err := c.Explain("meter/rising")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, lang := range []gateway.Language{gateway.English, gateway.Chinese} {
		for _, s := range e.Sections[:3] {
			fmt.Fprintln(&text, s.Title.In(lang))
			for _, f := range s.Facts {
				fmt.Fprintf(&text, "  %s: %s\n", f.Label.In(lang), f.Value.In(lang))
			}
		}
	}
	if want := []string{"p_total"}; !slices.Equal(e.Points, want) {
		t.Errorf("it is about %q of the meter, want %q", e.Points, want)
	}
	golden(t, "testdata/rules/lookback.explain.txt", text.String())
}
