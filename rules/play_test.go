package rules_test

import (
	"fmt"
	"math"
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

// flags is a word of bits that the model has beside the points of the pump.
const flags = link + 1

// modelPoints are the points of the model and all that they are ever told.
var modelPoints = []struct {
	name   string
	values []float64
}{
	run:   {"run", []float64{0, 1}},
	inlet: {"pressure.inlet", []float64{0.3, math.Nextafter(0.5, 0), 0.5, math.Nextafter(0.5, 1), 0.7, 0.9}},
	mode:  {"mode", []float64{0, 1, 2}},
	temp:  {"temperature", []float64{60, 65, 70, math.Nextafter(70, 71), 75, 80, 90, 91, 100}},
	link:  {"link", []float64{0, 1}},
	flags: {"flags", []float64{0, 1, 2, 5, 8, 255}},
}

func modelSite(t testing.TB) *gateway.Site {
	t.Helper()
	f := pumpSite(t).Facilities()[0]
	f.Points = append(slices.Clone(f.Points), gateway.Point{Name: "flags", Kind: gateway.Bitset, Period: time.Second})
	for i := range f.Points {
		f.Points[i].Facility = ""
	}
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{f})
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// chance is what plays are made of.
type chance struct {
	*rand.Rand
	looks bool // conditions may look back
}

func (r chance) one(in int) bool { return r.IntN(in) == 0 }

func (r chance) seconds(n int) time.Duration { return time.Duration(r.IntN(n)) * time.Second }

func (r chance) of(words ...string) string { return words[r.IntN(len(words))] }

func (r chance) value(p gateway.PointRef) float64 {
	return modelPoints[p].values[r.IntN(len(modelPoints[p].values))]
}

// cond makes a condition of up to depth joins.
func (r chance) cond(depth int) *cond {
	switch {
	case depth > 0 && r.one(2):
		c := &cond{join: r.of("all", "any", "not")}
		for range map[string]int{"all": 2, "any": 3, "not": 1}[c.join] {
			c.kids = append(c.kids, r.cond(depth-1))
		}
		return c
	case r.looks && r.one(3):
		c := &cond{join: "held", of: 2 + r.IntN(4)}
		c.n = 1 + r.IntN(c.of)
		c.over = time.Duration(c.of) * (5 + r.seconds(3)/time.Second) * time.Second
		chance := r
		chance.looks = false
		c.kids = []*cond{chance.cond(0)}
		return c
	}
	p := gateway.PointRef(r.IntN(len(modelPoints)))
	c := &cond{point: p, op: r.of("==", "!=", "<", "<=", ">", ">="), value: r.value(p)}
	switch p {
	case run, link:
		c.op = r.of("==", "!=")
	case mode:
		if c.op = r.of("==", "!=", "in"); c.op == "in" {
			c.list = []float64{r.value(p), r.value(p)}
		}
	case flags:
		if r.one(2) {
			c.op, c.value = "bit", float64(r.IntN(4))
		}
	}
	return c
}

// rule makes a rule and its model.
func (r chance) rule(id string) *modelRule {
	m := &modelRule{spec: rules.Spec{
		ID: id, Title: text(), Why: rules.Why{Cause: text(), Consequence: text(), Response: text()},
		BadData: r.of("", "", "alarm", "clear"), Restart: r.of("", "", "", "alarm_if_true", "reset"),
	}}
	if r.one(3) {
		m.only = r.cond(1)
		m.spec.OnlyWhen = m.only.spec()
	}
	if r.one(4) {
		from, to := 16+r.IntN(20), 16+r.IntN(20)
		if from != to {
			m.daily = [2]time.Duration{time.Duration(from) * time.Minute, time.Duration(to) * time.Minute}
			m.spec.During = &rules.During{Daily: fmt.Sprintf("00:%02d-00:%02d", from, to)}
		}
	}
	if r.one(3) {
		r.levels(m)
	} else {
		r.condition(m)
	}
	r.times(m)
	m.came, m.looked = make(map[gateway.PointRef]bool), make(map[*cond]bool)
	m.told = make([][]gateway.Sample, len(modelPoints))
	return m
}

// times gives a rule its times, which may change later.
func (r chance) times(m *modelRule) {
	m.spec.ClearAfter, m.spec.MinActive, m.spec.Latch = r.seconds(6), r.seconds(2)*20, r.one(5)
	m.spec.Hold = rules.Hold{}
	for i, l := range m.levels {
		l.hold = r.seconds(9)
		if m.spec.Levels != nil {
			m.spec.Levels[i].Hold = rules.Hold{Duration: l.hold}
		} else {
			m.spec.Hold = rules.Hold{Duration: l.hold}
		}
	}
}

// levels gives a rule two levels of one direction on the temperature.
func (r chance) levels(m *modelRule) {
	m.spec.Points, m.spec.Levels = []string{"temperature"}, []rules.Level{}
	limits, on, off := [][2]float64{{70, 65}, {90, 75}}, ">", "<="
	if r.one(2) {
		limits, on, off = [][2]float64{{75, 80}, {65, 65}}, "<", ">="
	}
	for i, severity := range []rules.Severity{rules.Warning, rules.Critical} {
		limit, reset := limits[i][0], limits[i][1]
		m.levels = append(m.levels, &modelLevel{
			severity: severity, limit: limit,
			when: &cond{point: temp, op: on, value: limit}, reset: &cond{point: temp, op: off, value: reset},
		})
		l := rules.Level{Severity: severity.String(), Above: fmt.Sprint(limit), Reset: fmt.Sprint(reset)}
		if on == "<" {
			l.Above, l.Below = "", l.Above
		}
		m.spec.Levels = append(m.spec.Levels, l)
	}
}

func (r chance) condition(m *modelRule) {
	l := &modelLevel{severity: rules.Critical, when: r.cond(2), limit: math.NaN()}
	if r.one(2) {
		l.reset = r.cond(1)
		m.spec.Reset = l.reset.spec()
	}
	m.spec.Severity, m.spec.When = "critical", l.when.spec()
	m.levels = []*modelLevel{l}
}

// play is one engine beside its models.
type play struct {
	*testing.T
	chance
	seed   uint64
	site   *gateway.Site
	models []*modelRule
	engine *rules.Engine
	from   gateway.Instant // of what happens now
	now    gateway.Instant // to which it lasts

	disk  disk
	open  map[string]rules.Standing
	log   []string
	count map[string]int
}

// TestTheEngineAgreesWithTheModel plays random rules: values good and bad, several at
// one moment, late ones, silences, latches that are reset, restarts with and without
// a gap, rules that are changed, and a clock that is set. INTACT_STEPS sets how many
// steps are played in all.
func TestTheEngineAgreesWithTheModel(t *testing.T) {
	const each = 500
	steps := 20_000
	if n, err := strconv.Atoi(os.Getenv("INTACT_STEPS")); err == nil {
		steps = n
	}
	count := make(map[string]int)
	site := modelSite(t)
	for seed := range uint64(max(1, steps/each)) {
		p := newPlay(t, site, seed, count)
		for range each {
			if p.step(); t.Failed() {
				return
			}
		}
	}
	for _, what := range []string{
		"normal", "pending", "active", "clearing", "pending stale", "active stale", "clearing stale",
		"restart", "gap", "long gap", "changed", "skip", "reset by hand", "late", "together",
	} {
		if count[what] < steps/1000 {
			t.Errorf("%q came %d times in %d steps: that tests nothing", what, count[what], steps)
		}
	}
	t.Logf("%d steps of 6 rules: %v", steps, count)
}

func newPlay(t *testing.T, site *gateway.Site, seed uint64, count map[string]int) *play {
	t.Helper()
	p := &play{T: t, chance: chance{rand.New(rand.NewPCG(seed, 7)), seed%3 == 2}, seed: seed, site: site, count: count}
	p.disk, p.open, p.now = make(disk), make(map[string]rules.Standing), 1_000_000
	for i := range 6 {
		m := p.rule("r" + strconv.Itoa(i))
		m.now = p.now
		p.models = append(p.models, m)
	}
	p.engine = p.compile()
	p.advance()
	return p
}

func (p *play) compile() *rules.Engine {
	p.Helper()
	pack := rules.Pack{Class: gateway.Pump}
	for _, m := range p.models {
		pack.Rules = append(pack.Rules, m.spec)
	}
	e := compileAll(p.T, p.site, pack)
	if len(e.Instances()) != len(p.models) {
		p.Fatalf("seed %d: %d instances", p.seed, len(e.Instances()))
	}
	return e
}

// step is one random thing that happens.
func (p *play) step() {
	p.now = p.now.Add(time.Duration(p.IntN(4)*p.IntN(2500)) * time.Millisecond)
	switch n := p.IntN(100); {
	case n < 4:
		p.restart()
	case n < 6 && !p.looks:
		by := p.seconds(100) + time.Second
		if p.one(5) {
			by += time.Hour
		}
		p.advance() // up to the moment at which it is set
		p.note("skip", by)
		p.engine.Skip(by)
		for _, m := range p.models {
			m.skip(by)
		}
		p.now = p.now.Add(by)
		p.advance()
	case n < 12:
		p.advance()
		ref := p.IntN(len(p.models))
		p.note("reset by hand", ref)
		p.models[ref].weigh(true)
		p.compare(p.engine.Reset(nil, rules.Ref(ref), p.now))
	case n < 20:
		p.advance() // nothing comes
	default:
		p.observe()
	}
}

// note keeps what happens, for whoever reads of a difference.
func (p *play) note(what string, args ...any) {
	p.count[what]++
	p.log = append(p.log, fmt.Sprint(p.now, " ", what, " ", args))
}

func (p *play) advance() {
	p.from = p.now
	for _, m := range p.models {
		m.pass(p.now)
		m.weigh(false)
	}
	p.compare(p.engine.Advance(nil, p.now))
}

// observe tells samples: one, or several at once, or one that is late.
func (p *play) observe() {
	p.from = p.now
	together := p.one(4) && !p.looks
	if !together {
		p.advance()
	}
	var batch []gateway.Sample
	for range 1 + p.IntN(3) {
		ref := gateway.PointRef(p.IntN(len(modelPoints)))
		s := gateway.Sample{Point: ref, Quality: gateway.Good, Value: p.value(ref), At: p.now}
		switch p.IntN(12) {
		case 0, 1:
			s.Quality, s.Value = gateway.BadTimeout, 0
		case 2:
			s.Quality = gateway.Uncertain
		case 3:
			if ref == inlet || ref == temp {
				s.Value = math.NaN()
			}
		case 4:
			if !together { // nothing else tells the engine how late it is
				s.At -= 3000
				p.count["late"]++
			}
		}
		p.note("told", modelPoints[ref].name, s.Value, s.Quality)
		for _, m := range p.models {
			m.pass(p.now)
			m.tell(s)
		}
		if batch = append(batch, s); !together {
			p.compare(p.engine.Observe(nil, batch))
			batch = batch[:0]
		} else {
			p.count["together"]++
			p.now += gateway.Instant(p.IntN(2) * p.IntN(3000))
		}
	}
	changes := p.engine.Observe(nil, batch)
	for _, m := range p.models {
		m.pass(p.now)
	}
	p.compare(p.engine.Advance(changes, p.now))
}

// restart stops the gateway and starts it again, at times with another rule.
func (p *play) restart() {
	p.advance()
	stopped := p.now
	switch p.IntN(4) {
	case 0:
		p.count["long gap"]++
		p.now = p.now.Add(time.Hour + p.seconds(9))
	case 1, 2:
		p.count["gap"]++
		p.now = p.now.Add(p.seconds(12))
	}
	p.disk.save(p.engine)
	former := p.disk.former(p.open, stopped)
	former.States = p.engine.Lookback(former.States)
	ref, changed := p.IntN(len(p.models)), p.one(3)
	p.note("restart", p.now.Sub(stopped))
	instance := p.engine.Instances()[ref].Key
	was, terms := p.open[instance], p.engine.Terms(rules.Ref(ref))
	for i, m := range p.models {
		if i == ref && changed {
			to := *m
			to.levels = nil
			for _, l := range m.levels {
				to.levels = append(to.levels, &modelLevel{severity: l.severity, when: l.when, reset: l.reset, limit: l.limit})
			}
			to.spec.Levels = slices.Clone(m.spec.Levels)
			p.times(&to)
			if p.terms(&to) != terms {
				p.note("changed", ref)
				m.change(&to, was, stopped, p.now)
				continue
			}
		}
		m.restart(stopped, p.now)
	}
	p.engine = p.compile()
	for i := range p.models {
		if key := p.engine.Instances()[i].Key; p.models[i].spec.Restart == "reset" {
			delete(p.open, key) // the alerts are withdrawn
		}
	}
	p.engine.Resume(former, p.now)
	p.advance()
}

// terms returns what a rule would be held against.
func (p *play) terms(m *modelRule) string {
	return compileAll(p.T, p.site, rules.Pack{Class: gateway.Pump, Rules: []rules.Spec{m.spec}}).Terms(0)
}

// compare holds what the engine says against what the models have noted, and where
// both now stand.
func (p *play) compare(changes []rules.Change) {
	p.Helper()
	got := make([][]seen, len(p.models))
	for _, c := range changes {
		s := seen{view: view{phase: c.To, stale: c.Stale}, since: c.Since, limit: math.NaN()}
		key := p.engine.Instances()[c.Ref].Key
		switch c.To {
		case rules.Active, rules.Clearing:
			s.severity = c.Severity
			open := rules.Standing{Key: key, Phase: c.To, Severity: c.Severity, Since: c.Since}
			if was, ok := p.open[key]; ok {
				open.Since = was.Since
			}
			p.open[key] = open
			if c.To == rules.Active && len(p.models[c.Ref].levels) > 1 {
				s.limit = c.Limit
			}
		case rules.Normal:
			delete(p.open, key)
		}
		if c.At < p.from || c.At > p.now {
			p.Errorf("seed %d: told at %d of %d", p.seed, p.now, c.At)
		}
		got[c.Ref] = append(got[c.Ref], s)
	}
	for i, m := range p.models {
		p.same(rules.Ref(i), m, got[i])
		m.log = m.log[:0]
		state := m.view.phase.String()
		if p.count[state]++; m.view.stale {
			p.count[state+" stale"]++
		}
	}
}

// same compares one rule.
func (p *play) same(ref rules.Ref, m *modelRule, got []seen) {
	p.Helper()
	equal := slices.EqualFunc(m.log, got, func(a, b seen) bool {
		return a.view == b.view && a.since == b.since && (a.limit == b.limit || math.IsNaN(a.limit) && math.IsNaN(b.limit))
	})
	stand := p.engine.Stand(ref)
	now := view{phase: stand.Phase, stale: stand.Stale}
	if now.phase == rules.Active || now.phase == rules.Clearing {
		now.severity = stand.Severity
	}
	var ends gateway.Instant // of the time that is nearest its end
	for _, l := range m.levels {
		if at := m.now.Add(l.need - l.held); m.waits(l) && (ends == 0 || at < ends) {
			ends = at
		}
	}
	if equal && now == m.view && ends == stand.Ends {
		return
	}
	p.Fatalf("seed %d, %s (%s)\n%s; bad_data %q, restart %q\n%s\nengine said %+v and is %+v until %d\nmodel said  %+v and is %+v until %d",
		p.seed, p.engine.Instances()[ref].Key, p.engine.Terms(ref), explained(m), m.spec.BadData, m.spec.Restart,
		strings.Join(p.log[max(0, len(p.log)-25):], "\n"), got, now, stand.Ends, m.log, m.view, ends)
}

func explained(m *modelRule) string {
	var words []string
	for _, l := range m.levels {
		words = append(words, l.severity.String()+" "+l.phase.String())
	}
	return strings.Join(words, ", ")
}
