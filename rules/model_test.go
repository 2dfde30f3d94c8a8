package rules_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// The model is what docs/rules.md says, written down the plain way: conditions are
// trees that are walked anew at every moment, and every level counts for itself how
// long its condition has held. It has no bands, no shared comparisons, no timers.

// cond is a condition: all, any or not of others, or a comparison.
type cond struct {
	join  string // "" for a comparison
	kids  []*cond
	point gateway.PointRef
	op    string
	value float64
}

var modelPoints = []string{run: "run", inlet: "pressure.inlet", mode: "mode", temp: "temperature", link: "link"}

// modelValues are all that the points are ever told.
var modelValues = [][]float64{run: {0, 1}, inlet: {0.3, 0.5, 0.7, 0.9}, mode: {0, 1, 2}, temp: {60, 70, 80, 90, 100}, link: {0, 1}}

// spec writes the condition as a rule file does.
func (c *cond) spec() *rules.Condition {
	var kids []rules.Condition
	for _, k := range c.kids {
		kids = append(kids, *k.spec())
	}
	switch c.join {
	case "all":
		return &rules.Condition{All: kids}
	case "any":
		return &rules.Condition{Any: kids}
	case "not":
		return &rules.Condition{Not: &kids[0]}
	}
	value := strconv.FormatFloat(c.value, 'f', -1, 64)
	if len(modelValues[c.point]) == 2 {
		value = strconv.FormatBool(c.value == 1)
	}
	return when(fmt.Sprintf("%s %s %s", modelPoints[c.point], c.op, value))
}

// truth walks the tree.
func (c *cond) truth(inputs []gateway.Sample) rules.Truth {
	var yes, no int
	for _, k := range c.kids {
		switch k.truth(inputs) {
		case rules.True:
			yes++
		case rules.False:
			no++
		}
	}
	all := len(c.kids)
	switch {
	case c.join == "not":
		yes, no = no, yes
		all = 1
	case c.join == "any":
		return opposite(pick(no, yes, all))
	case c.join == "":
		return c.compare(inputs[c.point])
	}
	return pick(yes, no, all)
}

// pick is the truth of all of several conditions.
func pick(yes, no, all int) rules.Truth {
	switch {
	case no > 0:
		return rules.False
	case yes == all:
		return rules.True
	default:
		return rules.Unknown
	}
}

func opposite(t rules.Truth) rules.Truth {
	return map[rules.Truth]rules.Truth{rules.True: rules.False, rules.False: rules.True}[t]
}

func (c *cond) compare(s gateway.Sample) rules.Truth {
	if !s.Quality.HasValue() {
		return rules.Unknown
	}
	holds := map[string]bool{
		"==": s.Value == c.value, "!=": s.Value != c.value,
		"<": s.Value < c.value, "<=": s.Value <= c.value, ">": s.Value > c.value, ">=": s.Value >= c.value,
	}[c.op]
	if holds {
		return rules.True
	}
	return rules.False
}

// sees returns the points that the condition looks at.
func (c *cond) sees() (points []gateway.PointRef) {
	if c.join == "" {
		points = append(points, c.point)
	}
	for _, k := range c.kids {
		points = append(points, k.sees()...)
	}
	return points
}

// modelLevel is one level of a rule; a rule without levels has one.
type modelLevel struct {
	severity    rules.Severity
	when, reset *cond
	hold        time.Duration

	phase         rules.Phase
	held, need    time.Duration // that what is waited for has been true, and must be
	began, active gateway.Instant
	judged        bool
}

// modelRule is a rule and where it stands.
type modelRule struct {
	spec   rules.Spec
	only   *cond
	levels []*modelLevel
	points []gateway.PointRef

	inputs   []gateway.Sample
	now      gateway.Instant
	phase    rules.Phase
	severity rules.Severity
	since    gateway.Instant // of what is in force
}

// whens returns the truth of condition and reset of a level as they count, and as
// they are known.
func (m *modelRule) whens(l *modelLevel) (w, r, rawW, rawR rules.Truth) {
	only := rules.True
	if m.only != nil {
		only = m.only.truth(m.inputs)
	}
	w, r = l.when.truth(m.inputs), opposite(l.when.truth(m.inputs))
	if l.reset != nil {
		r = l.reset.truth(m.inputs)
	}
	yes, no := func(a, b, want rules.Truth) rules.Truth { // want if one is, the other if both are that, else unknown
		if a == want || b == want {
			return want
		}
		if a == b {
			return a
		}
		return rules.Unknown
	}, opposite(only)
	w, r = yes(w, only, rules.False), yes(r, no, rules.True)
	if w == rules.True {
		r = rules.False
	}
	rawW, rawR = w, r
	seen := !slices.ContainsFunc(m.points, func(p gateway.PointRef) bool { return m.inputs[p].Quality == gateway.NotSeen })
	if count := map[string]rules.Truth{"alarm": rules.True, "clear": rules.False}[m.spec.BadData]; seen && count != rules.Unknown {
		if w == rules.Unknown {
			w = count
		}
		if r == rules.Unknown {
			r = opposite(count)
		}
		if w == rules.True {
			r = rules.False // while the fault is there nothing resets it
		}
	}
	return w, r, rawW, rawR
}

// pass lets time pass in which nothing is told.
func (m *modelRule) pass(now gateway.Instant) {
	by := now.Sub(m.now)
	for _, l := range m.levels {
		w, r, _, _ := m.whens(l)
		if !(l.phase == rules.Pending && w == rules.True || l.phase == rules.Clearing && r == rules.True) {
			continue
		}
		if l.held += by; l.held < l.need {
			continue
		}
		if l.phase == rules.Clearing {
			l.phase = rules.Normal
		} else {
			l.phase, l.active = rules.Active, now.Add(l.need-l.held)
		}
	}
	m.now = now
	m.judge()
}

// tell takes what is known now. reset says that a person resets the rule.
func (m *modelRule) tell(s gateway.Sample, reset bool) {
	m.inputs[s.Point] = s
	for _, l := range m.levels {
		w, r, raw, _ := m.whens(l)
		switch {
		case l.phase == rules.Normal && w == rules.True:
			l.phase, l.began, l.held, l.need = rules.Pending, m.now, 0, l.hold
			if !l.judged && m.spec.Restart == "alarm_if_true" {
				l.need = 0
			}
			if l.need == 0 {
				l.phase, l.active = rules.Active, m.now
			}
		case l.phase == rules.Pending && w == rules.False:
			l.phase = rules.Normal
		case l.phase == rules.Active && r == rules.True && (!m.spec.Latch || reset):
			l.phase, l.held = rules.Clearing, 0
			if l.need = max(m.spec.ClearAfter, m.spec.MinActive-m.now.Sub(l.active)); l.need <= 0 {
				l.phase = rules.Normal
			}
		case l.phase == rules.Clearing && r == rules.False:
			l.phase = rules.Active
		}
		l.judged = l.judged || raw != rules.Unknown
	}
	m.judge()
}

// judge puts the levels together.
func (m *modelRule) judge() {
	var active, clearing, pending bool
	var worst *modelLevel
	for _, l := range m.levels {
		active, clearing, pending = active || l.phase == rules.Active, clearing || l.phase == rules.Clearing, pending || l.phase == rules.Pending
		if l.phase == rules.Active || l.phase == rules.Clearing {
			worst = l
		}
	}
	inForce := m.phase == rules.Active || m.phase == rules.Clearing
	switch {
	case active:
		m.phase = rules.Active
	case clearing, pending && inForce:
		m.phase = rules.Clearing
	case pending:
		m.phase = rules.Pending
	default:
		m.phase = rules.Normal
	}
	if worst != nil {
		m.severity, m.since = worst.severity, worst.began
	}
}

// stale reports whether what decides where the rule stands is not known.
func (m *modelRule) stale() bool {
	return slices.ContainsFunc(m.levels, func(l *modelLevel) bool {
		_, _, w, r := m.whens(l)
		return l.phase == rules.Pending && w == rules.Unknown || (l.phase == rules.Active || l.phase == rules.Clearing) && r == rules.Unknown
	})
}

// String is what people can see of the rule.
func (m *modelRule) String() string {
	return stands(m.phase, m.severity, m.since, m.stale() && m.spec.BadData == "")
}

func stands(phase rules.Phase, severity rules.Severity, since gateway.Instant, stale bool) string {
	text := phase.String()
	if phase == rules.Active || phase == rules.Clearing {
		text += " " + severity.String()
	}
	if phase == rules.Active {
		text += fmt.Sprintf(" since %d", since)
	}
	if stale {
		text += " stale"
	}
	return text
}

// randomCond makes a condition of up to depth joins.
func randomCond(rng *rand.Rand, depth int) *cond {
	if depth > 0 && rng.IntN(2) == 0 {
		c := &cond{join: []string{"all", "any", "not"}[rng.IntN(3)]}
		for range map[string]int{"all": 2, "any": 3, "not": 1}[c.join] {
			c.kids = append(c.kids, randomCond(rng, depth-1))
		}
		return c
	}
	p := gateway.PointRef(rng.IntN(len(modelValues)))
	c := &cond{point: p, op: []string{"==", "!=", "<", "<=", ">", ">="}[rng.IntN(6)], value: modelValues[p][rng.IntN(len(modelValues[p]))]}
	if p != inlet && p != temp {
		c.op = []string{"==", "!="}[rng.IntN(2)]
	}
	return c
}

// randomRule makes a rule and its model.
func randomRule(rng *rand.Rand, id string) *modelRule {
	seconds := func(n int) time.Duration { return time.Duration(rng.IntN(n)) * time.Second }
	m := &modelRule{spec: rules.Spec{
		ID: id, Title: text(), Why: rules.Why{Cause: text(), Consequence: text(), Response: text()},
		ClearAfter: seconds(6), MinActive: seconds(2) * 8, Latch: rng.IntN(5) == 0,
		BadData: []string{"", "", "alarm", "clear"}[rng.IntN(4)], Restart: []string{"", "alarm_if_true"}[rng.IntN(2)],
	}}
	if rng.IntN(3) == 0 {
		m.only = randomCond(rng, 1)
		m.spec.OnlyWhen = m.only.spec()
	}
	above := func(op string, v float64) *cond { return &cond{point: temp, op: op, value: v} }
	if rng.IntN(3) == 0 {
		m.spec.Points = []string{"temperature"}
		for i, l := range []struct {
			severity  rules.Severity
			on, reset float64
		}{{rules.Warning, 70, 65}, {rules.Critical, 90, 75}} {
			level := &modelLevel{severity: l.severity, when: above(">", l.on), reset: above("<=", l.reset), hold: seconds(9)}
			m.levels = append(m.levels, level)
			m.spec.Levels = append(m.spec.Levels, rules.Level{
				Severity: l.severity.String(), Above: fmt.Sprint(l.on), Reset: fmt.Sprint(l.reset), Hold: rules.Hold{Duration: m.levels[i].hold},
			})
		}
	} else {
		l := &modelLevel{severity: rules.Critical, when: randomCond(rng, 2), hold: seconds(9)}
		if rng.IntN(2) == 0 {
			l.reset = randomCond(rng, 1)
			m.spec.Reset = l.reset.spec()
		}
		m.spec.Severity, m.spec.When, m.spec.Hold = "critical", l.when.spec(), rules.Hold{Duration: l.hold}
		m.levels = []*modelLevel{l}
	}
	for _, c := range []*cond{m.only, m.levels[0].when, m.levels[0].reset} {
		if c != nil {
			m.points = append(m.points, c.sees()...)
		}
	}
	m.inputs = make([]gateway.Sample, len(modelValues))
	return m
}

// TestTheEngineAgreesWithTheModel plays random values, bad ones, silences and
// restarts that take no time to random rules. INTACT_STEPS sets how many steps are played in all.
func TestTheEngineAgreesWithTheModel(t *testing.T) {
	const each = 400
	steps := 40_000
	if n, err := strconv.Atoi(os.Getenv("INTACT_STEPS")); err == nil {
		steps = n
	}
	seen := make(map[string]int)
	for seed := range uint64(steps / each) {
		playModel(t, seed, each, seen)
		if t.Failed() {
			return
		}
	}
	for _, state := range []string{"normal", "pending", "active", "clearing", "active stale", "clearing stale", "pending stale"} {
		if seen[state] < steps/200 {
			t.Errorf("the rules were %s %d times in %d steps: they test nothing", state, seen[state], steps)
		}
	}
	t.Logf("%d steps of 6 rules, each compared: %v", steps, seen)
}

func playModel(t *testing.T, seed uint64, steps int, seen map[string]int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 99))
	var models []*modelRule
	pack := rules.Pack{Class: gateway.Pump}
	restarts := seed%2 == 1
	for i := range 6 {
		m := randomRule(rng, "r"+strconv.Itoa(i))
		if restarts {
			m.spec.Restart = "" // of the others a restart is to be noticed
		}
		models, pack.Rules = append(models, m), append(pack.Rules, m.spec)
	}
	e := compileAll(t, pumpSite(t), pack)
	engine, saved := make(map[rules.Ref]rules.Change), make(map[string]rules.State)
	var log []string
	take := func(changes []rules.Change) {
		for _, c := range changes {
			engine[c.Ref] = c
		}
	}
	compare := func(what string) {
		log = append(log, what)
		for ref, m := range models {
			c := engine[rules.Ref(ref)]
			got, want := stands(c.To, c.Severity, c.Since, c.Stale && m.spec.BadData == ""), m.String()
			if got != want {
				t.Fatalf("seed %d, rule %+v:\n%s\nengine %s\nmodel  %s", seed, e.Terms(rules.Ref(ref))+" bad_data "+m.spec.BadData+" restart "+m.spec.Restart, strings.Join(log[max(0, len(log)-25):], "\n"), got, want)
			}
			state := m.phase.String()
			if m.stale() {
				state += " stale"
			}
			seen[state]++
		}
	}
	restart := func(now gateway.Instant) {
		states, open := e.Unsaved(nil), []rules.Standing(nil)
		for _, s := range states {
			saved[s.Key] = s
		}
		for ref, c := range engine {
			if c.To == rules.Active || c.To == rules.Clearing {
				open = append(open, rules.Standing{Key: e.Instances()[ref].Key, Phase: c.To, Severity: c.Severity, Since: c.Since})
			}
		}
		e = compileAll(t, pumpSite(t), pack)
		e.Resume(rules.Former{States: slices.Collect(maps.Values(saved)), Open: open, Stopped: now}, now)
		var again []gateway.Sample // of all points, as they were
		for p, s := range models[0].inputs {
			if s.Quality != gateway.NotSeen {
				s.Point, s.At = gateway.PointRef(p), now
				again = append(again, s)
			}
		}
		take(e.Observe(nil, again))
	}
	now := gateway.Instant(1_000_000)
	for range steps {
		now = now.Add(time.Duration(rng.IntN(4)*rng.IntN(2500)) * time.Millisecond)
		take(e.Advance(nil, now))
		for _, m := range models {
			m.pass(now)
		}
		compare(fmt.Sprintf("%d", now))
		if restarts && rng.IntN(15) == 0 {
			restart(now)
			compare(fmt.Sprintf("%d restart", now))
		}
		if rng.IntN(20) == 0 {
			ref := rng.IntN(len(models))
			take(e.Reset(nil, rules.Ref(ref), now))
			models[ref].tell(models[ref].inputs[0], true)
			compare(fmt.Sprintf("%d reset r%d", now, ref))
		}
		for range 1 + rng.IntN(2) {
			p := gateway.PointRef(rng.IntN(len(modelValues)))
			s := gateway.Sample{Point: p, Quality: gateway.Good, At: now, Value: modelValues[p][rng.IntN(len(modelValues[p]))]}
			if rng.IntN(6) == 0 {
				s.Quality, s.Value = gateway.BadTimeout, 0
			}
			take(e.Observe(nil, []gateway.Sample{s}))
			for _, m := range models {
				m.tell(s, false)
			}
			compare(fmt.Sprintf("%d %s=%v %s", now, modelPoints[p], s.Value, s.Quality))
		}
	}
}
