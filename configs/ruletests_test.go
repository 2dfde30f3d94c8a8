package configs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
	"github.com/intact-gateway/intact/rules/ruletest"
)

// shippedRuleTests returns the tests of the rules that ship, by the name of the
// pack.
func shippedRuleTests(t *testing.T) map[string]*configs.RuleTests {
	t.Helper()
	folder := os.DirFS("rules/tests")
	names, err := fs.Glob(folder, "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files: %v", len(names), err)
	}
	files := make(map[string]*configs.RuleTests)
	for _, name := range names {
		tests, err := configs.LoadRuleTests(folder, name)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimSuffix(name, ".yaml")] = tests
	}
	return files
}

func TestShippedRulesPassTheirTests(t *testing.T) {
	for name, tests := range shippedRuleTests(t) {
		for _, r := range tests.Run() {
			for _, f := range r.Failures {
				at := tests.At(f.Path)
				t.Errorf("%s:%d: %s: %v", path.Join("rules/tests", name+".yaml"), at.Line, r.Name, f)
			}
		}
	}
}

// TestEveryShippedRuleIsTested wants for each rule that ships a test in which it
// trips and then clears.
func TestEveryShippedRuleIsTested(t *testing.T) {
	tested, known := make(map[string]bool), make(map[string]bool)
	files := shippedRuleTests(t)
	for _, tests := range files {
		for _, pack := range tests.Packs {
			for _, spec := range pack.Rules {
				known[string(pack.Class)+"/"+spec.ID] = true
			}
		}
		for i := range tests.Tests {
			for _, key := range tripsAndClears(&tests.Tests[i]) {
				facility, rest, _ := strings.Cut(key, "/")
				rule, _, _ := strings.Cut(rest, "/")
				tested[string(tests.Site.Facility(gateway.FacilityID(facility)).Class)+"/"+rule] = true
				tested["any/"+rule] = true
			}
		}
	}
	shipped, err := fs.Glob(configs.Shipped(), "rules/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range shipped {
		if pack := strings.TrimSuffix(path.Base(name), ".yaml"); files[pack] == nil {
			t.Errorf("rule pack %s has no file in configs/rules/tests", pack)
		}
	}
	for rule := range known {
		if !tested[rule] {
			t.Errorf("rule %s has no test in which it trips and clears", rule)
		}
	}
}

// tripsAndClears returns the keys of the rules that a test expects to be active
// and later to be normal.
func tripsAndClears(test *ruletest.Test) []string {
	active := make(map[string]time.Duration)
	var keys []string
	for _, e := range test.Expect { // in the order of time, as TestShippedTestsAreInOrder holds
		for key, state := range e.Is {
			tripped, was := active[key]
			switch {
			case state.Phase == rules.Active && !was:
				active[key] = e.At
			case state.Phase == rules.Normal && was && e.At > tripped:
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func TestShippedTestsAreInOrder(t *testing.T) {
	for name, tests := range shippedRuleTests(t) {
		for _, test := range tests.Tests {
			for i := range test.Expect {
				if i > 0 && test.Expect[i].At < test.Expect[i-1].At {
					t.Errorf("%s: %s: the expectation at %v comes after that at %v", name, test.Name, test.Expect[i].At, test.Expect[i-1].At)
				}
			}
		}
	}
}

// TestShippedTestsNoticeEveryChange changes what each rule that ships says about
// times, severity, bad data, restart and dead band, and wants a test to fail.
func TestShippedTestsNoticeEveryChange(t *testing.T) {
	changes := []struct {
		name   string
		change func(*rules.Spec) bool // false if the rule has no such thing
	}{
		{"longer hold", func(s *rules.Spec) bool {
			return eachHold(s, func(d time.Duration) time.Duration { return d + time.Second })
		}},
		{"shorter hold", func(s *rules.Spec) bool { return eachHold(s, func(d time.Duration) time.Duration { return d / 2 }) }},
		{"longer clear_after", func(s *rules.Spec) bool { s.ClearAfter += time.Second; return true }},
		{"no clear_after", func(s *rules.Spec) bool { had := s.ClearAfter > 0; s.ClearAfter = 0; return had }},
		{"other bad_data", func(s *rules.Spec) bool {
			s.BadData = map[string]string{"": "clear", "keep": "clear", "alarm": "keep"}[s.BadData]
			return true
		}},
		{"restart forgets", func(s *rules.Spec) bool { s.Restart = "reset"; return true }},
		{"latch", func(s *rules.Spec) bool { s.Latch = true; return true }},
		{"other severity", otherSeverity},
		{"no dead band", noDeadBand},
	}
	for name, tests := range shippedRuleTests(t) {
		for i := range tests.Packs {
			pack := tests.Packs[i]
			if name != "common" && pack.Class == "any" || name != "common" && pack.Class == gateway.Gateway {
				continue // tested in their own file
			}
			for j := range pack.Rules {
				for _, c := range changes {
					rule := pack.Rules[j]
					rule.Levels = append([]rules.Level(nil), rule.Levels...)
					if !c.change(&rule) {
						continue
					}
					changed := *tests
					changed.Packs = append([]rules.Pack(nil), tests.Packs...)
					changed.Packs[i].Rules = append([]rules.Spec(nil), pack.Rules...)
					changed.Packs[i].Rules[j] = rule
					if !fails(&changed) {
						t.Errorf("%s: no test notices %s in rule %s/%s", name, c.name, pack.Class, rule.ID)
					}
				}
			}
		}
	}
}

func fails(tests *configs.RuleTests) bool {
	for _, r := range tests.Run() {
		if len(r.Failures) > 0 {
			return true
		}
	}
	return false
}

func eachHold(s *rules.Spec, change func(time.Duration) time.Duration) bool {
	if len(s.Levels) == 0 {
		before := s.Hold
		s.Hold.Duration = change(s.Hold.Duration)
		return s.Hold != before
	}
	changed := false
	for i := range s.Levels {
		h := &s.Levels[i].Hold
		if h.Polls > 0 {
			h.Polls++
			changed = true
			continue
		}
		before := *h
		h.Duration = change(h.Duration)
		changed = changed || *h != before
	}
	return changed
}

func otherSeverity(s *rules.Spec) bool {
	other := map[string]string{"info": "warning", "warning": "info", "critical": "life_safety", "life_safety": "critical"}
	if len(s.Levels) == 0 {
		s.Severity = other[s.Severity]
	}
	for i := range s.Levels {
		s.Levels[i].Severity = other[s.Levels[i].Severity]
	}
	return true
}

func noDeadBand(s *rules.Spec) bool {
	had := s.Reset != nil
	s.Reset = nil
	for i := range s.Levels {
		l := &s.Levels[i]
		limit := l.Above + l.Below
		had = had || l.Reset != limit
		l.Reset = limit
	}
	return had
}

func TestRuleTestFilesWithMistakes(t *testing.T) {
	for _, name := range []string{"pump", "names", "set"} {
		_, err := configs.LoadRuleTests(os.DirFS("testdata/ruletests"), name+".bad.yaml")
		if err == nil {
			t.Fatalf("%s: no mistake was found", name)
		}
		golden(t, "testdata/ruletests/"+name+".bad.txt", fmt.Sprintln(err))
	}
}

func TestRuleTestsOfOwnRules(t *testing.T) {
	tests, err := configs.LoadRuleTests(os.DirFS("testdata/ruletests"), "own.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	results := tests.Run()
	if len(results) != 1 || len(results[0].Failures) != 0 {
		t.Errorf("%+v", results)
	}
}

// TestRuleTestsOfTheGuide plays the examples of the guide as they are printed.
func TestRuleTestsOfTheGuide(t *testing.T) {
	for _, page := range []string{"../docs/rules.md", "../docs/zh/rules.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		_, section, _ := strings.Cut(string(text), "`intact test ")
		_, example, _ := strings.Cut(section, "```yaml\n")
		example, _, found := strings.Cut(example, "```")
		if !found {
			t.Fatalf("%s has no example", page)
		}
		folder := fstest.MapFS{"guide.yaml": {Data: []byte(example)}}
		tests, err := configs.LoadRuleTests(folder, "guide.yaml")
		if err != nil {
			t.Fatalf("%s: %v", page, err)
		}
		for _, r := range tests.Run() {
			for _, f := range r.Failures {
				t.Errorf("%s: %s: %v", page, r.Name, f)
			}
		}
	}
}
