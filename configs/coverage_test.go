package configs_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
	"github.com/intact-gateway/intact/rules/ruletest"
)

// What the tests of a rule must have looked at.
const (
	tripped    = "after it has tripped"
	cleared    = "after it has cleared"
	badBefore  = "while an input is bad and it is not active"
	badActive  = "while an input is bad and it is active"
	restarted  = "after a restart while it is active"
	inDeadBand = "between limit and reset while it is active"
	atLevel    = "while it is active at level "
)

// TestEveryShippedRuleIsCovered wants for each rule that ships a test that looks at
// it in every situation that it knows. What a test looks at is taken from the
// engine that played it.
func TestEveryShippedRuleIsCovered(t *testing.T) {
	seen := make(map[string]map[string]bool)
	for _, tests := range shippedRuleTests(t) {
		for rule, situations := range covered(tests) {
			if seen[rule] == nil {
				seen[rule] = make(map[string]bool)
			}
			maps.Copy(seen[rule], situations)
		}
		for _, at := range rulesOf(tests) {
			changed := *at.spec
			changed.Levels = slices.Clone(changed.Levels)
			if noDeadBand(&changed) && missesDeadBand(at.with(changed)) {
				seen[at.name][inDeadBand] = true
			}
		}
	}
	for name, spec := range shippedRules(t) {
		for _, situation := range situations(spec) {
			if !seen[name][situation] {
				t.Errorf("no test looks at rule %s %s", name, situation)
			}
		}
	}
}

// shippedRules returns every rule that ships as "class/rule".
func shippedRules(t *testing.T) map[string]*rules.Spec {
	t.Helper()
	c, err := load(map[string]string{"site.yaml": small})
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]*rules.Spec)
	for i, pack := range c.Packs {
		for j := range pack.Rules {
			all[string(pack.Class)+"/"+pack.Rules[j].ID] = &c.Packs[i].Rules[j]
		}
	}
	return all
}

// situations returns what the tests of a rule must look at.
func situations(spec *rules.Spec) []string {
	all := []string{tripped, cleared, badBefore, badActive, restarted}
	for _, l := range spec.Levels {
		all = append(all, atLevel+l.Severity)
	}
	changed := *spec
	changed.Levels = slices.Clone(spec.Levels)
	if noDeadBand(&changed) {
		all = append(all, inDeadBand)
	}
	return all
}

// covered returns the situations that the tests look at, by rule.
func covered(tests *configs.RuleTests) map[string]map[string]bool {
	c := coverage{names: make(map[string]string), seen: make(map[string]map[string]bool), walks: make(map[walked]*walk)}
	for _, at := range rulesOf(tests) {
		c.seen[at.name] = make(map[string]bool)
		for _, key := range at.keys {
			c.names[key] = at.name
		}
	}
	tests.Watch(c.look)
	return c.seen
}

type coverage struct {
	names map[string]string // of rules, by the key of an instance
	seen  map[string]map[string]bool
	walks map[walked]*walk
}

// walked is one rule instance in one test.
type walked struct {
	test *ruletest.Test
	key  string
}

// walk is where a rule has been in a test so far.
type walk struct {
	engine *rules.Engine // at the last look while it was active; nil before
	rested bool          // it was seen before it was active
}

func (c *coverage) look(l ruletest.Look) {
	for key, state := range l.Expect.Is {
		name, known := c.names[key]
		if !known {
			continue
		}
		w := c.walks[walked{l.Test, key}]
		if w == nil {
			w = &walk{}
			c.walks[walked{l.Test, key}] = w
		}
		c.situation(c.seen[name], w, state, l.Engine, key)
	}
}

// situation notes what one look at a rule has shown. Looks come in the order of
// time, as TestShippedTestsAreInOrder holds.
func (c *coverage) situation(seen map[string]bool, w *walk, state ruletest.State, engine *rules.Engine, key string) {
	bad := anyInputBad(engine, key)
	if state.Phase != rules.Active {
		seen[badBefore] = seen[badBefore] || bad && w.engine == nil
		seen[cleared] = seen[cleared] || state.Phase == rules.Normal && w.engine != nil
		w.rested = true
		return
	}
	seen[tripped] = seen[tripped] || w.rested
	seen[badActive] = seen[badActive] || bad
	seen[restarted] = seen[restarted] || w.engine != nil && w.engine != engine
	if !state.AnyLevel {
		seen[atLevel+state.Severity.String()] = true
	}
	// Where bad data speak for the fault, the look before it has tripped is this.
	seen[badBefore] = seen[badBefore] || bad && state.Stale && w.engine == nil
	w.engine = engine
}

func anyInputBad(engine *rules.Engine, key string) bool {
	for ref, in := range engine.Instances() {
		if in.Key == key {
			return slices.ContainsFunc(engine.Inputs()[ref], func(p gateway.PointRef) bool {
				q := engine.Latest()[p].Quality
				return q != gateway.NotSeen && !q.HasValue()
			})
		}
	}
	return false
}

// missesDeadBand reports whether a test finds an alert gone that it wants to be
// active still.
func missesDeadBand(changed *configs.RuleTests) bool {
	for _, r := range changed.Run() {
		if slices.ContainsFunc(r.Failures, func(f ruletest.Failure) bool { return strings.HasPrefix(f.Want, rules.Active.String()) }) {
			return true
		}
	}
	return false
}

// ruleAt is one rule that works in a test file.
type ruleAt struct {
	name       string // "class/rule"
	spec       *rules.Spec
	keys       []string // of its instances there
	tests      *configs.RuleTests
	pack, rule int
}

// rulesOf returns the rules that work on facilities of a test file.
func rulesOf(tests *configs.RuleTests) (all []ruleAt) {
	for i, pack := range tests.Packs {
		for j := range pack.Rules {
			at := ruleAt{name: string(pack.Class) + "/" + pack.Rules[j].ID, spec: &tests.Packs[i].Rules[j], tests: tests, pack: i, rule: j}
			engine := rules.Compile(tests.Site, []rules.Pack{{Class: pack.Class, Params: pack.Params, Rules: pack.Rules[j : j+1]}}, rules.Settings{}, func(string, string, string) {})
			for _, in := range engine.Instances() {
				at.keys = append(at.keys, in.Key)
			}
			if at.keys != nil {
				all = append(all, at)
			}
		}
	}
	return all
}

// with returns those tests of the file that look at the rule, and the rule changed.
func (at ruleAt) with(changed rules.Spec) *configs.RuleTests {
	tests := *at.tests
	tests.Packs = slices.Clone(tests.Packs)
	tests.Packs[at.pack].Rules = slices.Clone(tests.Packs[at.pack].Rules)
	tests.Packs[at.pack].Rules[at.rule] = changed
	tests.Tests = slices.DeleteFunc(slices.Clone(tests.Tests), func(t ruletest.Test) bool { return !at.namedIn(&t) })
	return &tests
}

func (at ruleAt) namedIn(t *ruletest.Test) bool {
	return slices.ContainsFunc(at.keys, func(key string) bool {
		_, counted := t.Counts[key]
		return counted || slices.Contains(t.Never, key) || slices.ContainsFunc(t.Expect, func(e ruletest.Expectation) bool {
			_, looked := e.Is[key]
			return looked
		})
	})
}

// changes are what a rule may say otherwise about times, severity, bad data,
// restart and dead band. They return false if a rule has no such thing.
var changes = []struct {
	name   string
	change func(*rules.Spec) bool
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

// TestShippedTestsNoticeEveryChange changes what each rule that ships says, and
// wants a test to fail.
func TestShippedTestsNoticeEveryChange(t *testing.T) {
	type change struct{ rule, name string }
	noticed := make(map[change]bool)
	for _, tests := range shippedRuleTests(t) {
		for _, at := range rulesOf(tests) {
			for _, c := range changes {
				rule := *at.spec
				rule.Levels = slices.Clone(rule.Levels)
				if key := (change{at.name, c.name}); !noticed[key] && c.change(&rule) {
					noticed[key] = fails(at.with(rule))
				}
			}
		}
	}
	for c, ok := range noticed {
		if !ok {
			t.Errorf("no test notices %s in rule %s", c.name, c.rule)
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
