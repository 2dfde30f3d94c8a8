package rules_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// The model is what docs/rules.md says, written down the plain way. It keeps every
// sample, walks the trees of its conditions anew at every moment, and every level
// counts for itself how long what it waits for has held. It has no bands, no shared
// comparisons, no timers and no state that is written and read back: a restart
// takes from it what a gateway cannot know, and nothing else.

// cond is a condition: all, any or not of others, a comparison, or held.
type cond struct {
	join  string // all, any, not, held; "" for a comparison
	kids  []*cond
	point gateway.PointRef
	op    string // as it is written; also "in" and "bit"
	value float64
	list  []float64     // of in
	n, of int           // of held
	over  time.Duration // of held
}

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
	return when(c.String())
}

// String writes a comparison, or held of one.
func (c *cond) String() string {
	name := modelPoints[c.point].name
	switch {
	case c.join == "held":
		return fmt.Sprintf("held(%s, %d of %d in %s)", c.kids[0], c.n, c.of, rules.Hold{Duration: c.over})
	case c.op == "bit":
		return fmt.Sprintf("%s.bit(%g)", name, c.value)
	case c.op == "in":
		var words []string
		for _, v := range c.list {
			words = append(words, word(c.point, v))
		}
		return fmt.Sprintf("%s in [%s]", name, strings.Join(words, ", "))
	}
	return fmt.Sprintf("%s %s %s", name, c.op, word(c.point, c.value))
}

func word(p gateway.PointRef, v float64) string {
	switch {
	case p == run || p == link:
		return strconv.FormatBool(v == 1)
	case p == mode:
		return []string{"stopped", "normal", "inspection"}[int(v)]
	default:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
}

// truth walks the tree as things were at now, with what had come before the moment
// until if that is set.
func (c *cond) truth(told [][]gateway.Sample, now, until gateway.Instant) rules.Truth {
	var yes, no int
	for _, k := range c.kids {
		if c.join == "held" {
			break
		}
		switch k.truth(told, now, until) {
		case rules.True:
			yes++
		case rules.False:
			no++
		}
	}
	switch c.join {
	case "all":
		return all(yes, no, len(c.kids))
	case "any":
		return opposite(all(no, yes, len(c.kids)))
	case "not":
		return all(no, yes, 1)
	case "held":
		return c.held(told, now)
	}
	return c.compare(before(told[c.point], until))
}

// held counts what it was at the last even times of the clock.
func (c *cond) held(told [][]gateway.Sample, now gateway.Instant) rules.Truth {
	every := gateway.Instant(c.over.Milliseconds()) / gateway.Instant(c.of)
	yes, no := 0, 0
	for at, i := now-now%every, 0; i < c.of; at, i = at-every, i+1 {
		switch c.kids[0].truth(told, at, at) {
		case rules.True:
			yes++
		case rules.False:
			no++
		}
	}
	switch {
	case yes >= c.n:
		return rules.True
	case no > c.of-c.n:
		return rules.False
	default:
		return rules.Unknown
	}
}

// before returns the last sample that had come before a moment; 0 is for now.
func before(told []gateway.Sample, until gateway.Instant) gateway.Sample {
	for i := len(told) - 1; i >= 0; i-- {
		if until.IsZero() || told[i].At < until {
			return told[i]
		}
	}
	return gateway.Sample{}
}

// all is the truth of all of several conditions, of which some are known.
func all(yes, no, of int) rules.Truth {
	switch {
	case no > 0:
		return rules.False
	case yes == of:
		return rules.True
	default:
		return rules.Unknown
	}
}

func opposite(t rules.Truth) rules.Truth {
	switch t {
	case rules.True:
		return rules.False
	case rules.False:
		return rules.True
	}
	return rules.Unknown
}

func both(a, b rules.Truth) rules.Truth {
	yes, no := 0, 0
	for _, t := range [...]rules.Truth{a, b} {
		if t == rules.True {
			yes++
		} else if t == rules.False {
			no++
		}
	}
	return all(yes, no, 2)
}

func known(b bool) rules.Truth {
	if b {
		return rules.True
	}
	return rules.False
}

func (c *cond) compare(s gateway.Sample) rules.Truth {
	v := s.Value
	if s.Quality != gateway.Good && s.Quality != gateway.Uncertain || math.IsNaN(v) {
		return rules.Unknown
	}
	switch c.op {
	case "==":
		return known(v == c.value)
	case "!=":
		return known(v != c.value)
	case "<":
		return known(v < c.value)
	case "<=":
		return known(v <= c.value)
	case ">":
		return known(v > c.value)
	case ">=":
		return known(v >= c.value)
	case "in":
		return known(slices.Contains(c.list, v))
	default:
		return known(int(v/math.Pow(2, c.value))%2 == 1)
	}
}

// modelLevel is one level of a rule; a rule without levels has one.
type modelLevel struct {
	severity    rules.Severity
	when, reset *cond // no reset is: when it is not
	limit       float64
	hold        time.Duration

	phase        rules.Phase
	held, need   time.Duration   // that what it waits for was seen to hold, and must
	began, ended gateway.Instant // first sample of the fault, and without it
	active       gateway.Instant // since when it is in force
	gap          gateway.Instant // since when nothing was looked at, after a restart, if that may count
	met          bool            // its condition was known since the start
	trust        bool            // when it was looked at last, where it stands was not known
}

// view is what people see of a rule.
type view struct {
	phase    rules.Phase
	severity rules.Severity // only while it is in force
	stale    bool
}

// seen is one change of a view.
type seen struct {
	view
	since gateway.Instant
	limit float64 // only of what becomes active
}

// modelRule is a rule and where it stands.
type modelRule struct {
	spec   rules.Spec
	only   *cond
	daily  [2]time.Duration // of the day, from and to; alike for always
	levels []*modelLevel
	came   map[gateway.PointRef]bool // the points that were told of since the start
	looked map[*cond]bool            // what looks back and was known once

	told [][]gateway.Sample // by point, all that ever came, by when it came
	now  gateway.Instant
	view view
	log  []seen
}

// inside reports whether it is the time of during.
func (m *modelRule) inside() bool {
	from, to, clock := m.daily[0], m.daily[1], time.Duration(m.now)*time.Millisecond%(24*time.Hour)
	if from <= to {
		return from == to || from <= clock && clock < to
	}
	return clock >= from || clock < to
}

// complete reports whether something has come of all that the rule looks at, good or
// bad. What looks back has not come before it was known once, unless its point is bad.
func (m *modelRule) complete() bool {
	complete := true
	for _, c := range m.conds() {
		switch {
		case c.join == "held":
			of := m.told[c.kids[0].point]
			bad := len(of) > 0 && of[len(of)-1].Quality != gateway.NotSeen && c.kids[0].compare(of[len(of)-1]) == rules.Unknown
			m.looked[c] = m.looked[c] || c.truth(m.told, m.now, 0) != rules.Unknown
			complete = complete && (bad || m.looked[c])
		case c.join == "":
			complete = complete && m.came[c.point]
		}
	}
	return complete
}

// conds returns all conditions of the rule but those that held is of.
func (m *modelRule) conds() (all []*cond) {
	var walk func(c *cond)
	walk = func(c *cond) {
		if all = append(all, c); c.join != "held" {
			for _, k := range c.kids {
				walk(k)
			}
		}
	}
	for _, l := range m.levels {
		for _, c := range []*cond{m.only, l.when, l.reset} {
			if c != nil {
				walk(c)
			}
		}
	}
	return all
}

// judged is what the conditions of a level come to, as they count.
type judged struct {
	when, reset rules.Truth
	known       bool // whether the fault is there
	trust       bool // where the level stands is a matter of trust
}

func (m *modelRule) judge(l *modelLevel) (j judged) {
	only := known(m.inside())
	if m.only != nil {
		only = both(only, m.only.truth(m.told, m.now, 0))
	}
	fault := l.when.truth(m.told, m.now, 0)
	gone := opposite(fault)
	if l.reset != nil {
		gone = l.reset.truth(m.told, m.now, 0)
	}
	j.when = both(fault, only)
	j.reset = opposite(both(opposite(gone), only)) // gone, or not the time of the rule
	j.known = j.when != rules.Unknown
	if j.when == rules.True {
		j.reset = rules.False // while the fault is there nothing resets it
	}
	trust := j.reset == rules.Unknown
	complete := m.complete()
	switch {
	case !complete && !l.met && !j.known && j.reset == rules.True:
		j.reset, trust = rules.Unknown, true // the fault was not looked at yet
	case complete && m.spec.BadData == "alarm":
		if !j.known {
			j.when, j.reset, trust = rules.True, rules.False, true
		} else if j.reset == rules.Unknown {
			j.reset = rules.False
		}
	case complete && m.spec.BadData == "clear":
		if !j.known {
			j.when = rules.False
		}
		if j.reset == rules.Unknown {
			j.reset = rules.True
		}
	}
	j.trust = trust
	if l.phase == rules.Normal || l.phase == rules.Pending {
		j.trust = !j.known
	}
	return j
}

// waits reports whether the time that passes counts for a level.
func (m *modelRule) waits(l *modelLevel) bool {
	j := m.judge(l)
	return l.phase == rules.Pending && j.when == rules.True || l.phase == rules.Clearing && j.reset == rules.True
}

// next returns the next moment, to at most, at which time alone may change something.
func (m *modelRule) next(to gateway.Instant) gateway.Instant {
	for _, l := range m.levels {
		if m.waits(l) {
			to = min(to, m.now.Add(l.need-l.held))
		}
	}
	for _, c := range m.conds() {
		if c.join == "held" {
			every := gateway.Instant(c.over.Milliseconds()) / gateway.Instant(c.of)
			to = min(to, m.now-m.now%every+every)
		}
	}
	const day = 24 * time.Hour
	midnight := m.now - m.now%gateway.Instant(day.Milliseconds())
	for _, edge := range []time.Duration{m.daily[0], m.daily[1], m.daily[0] + day, m.daily[1] + day} {
		if at := midnight.Add(edge); m.daily[0] != m.daily[1] && at > m.now {
			to = min(to, at)
		}
	}
	return to
}

// pass lets time pass, from one moment at which something happens to the next.
func (m *modelRule) pass(to gateway.Instant) {
	for m.now < to {
		next := m.next(to)
		var over []*modelLevel
		for _, l := range m.levels {
			if m.waits(l) {
				if l.held += next.Sub(m.now); l.held >= l.need {
					over = append(over, l)
				}
			}
		}
		m.now = next
		for _, l := range over {
			l.end(m.now)
		}
		m.announce()
		m.weigh(false)
	}
}

// end is the end of a hold or of a time to clear.
func (l *modelLevel) end(now gateway.Instant) {
	if l.phase == rules.Clearing {
		l.phase = rules.Normal
	} else {
		l.phase, l.active = rules.Active, now
	}
}

// tell takes a sample that comes now.
func (m *modelRule) tell(s gateway.Sample) {
	s.At = m.now
	m.told[s.Point] = append(m.told[s.Point], s)
	m.came[s.Point] = true
	m.weigh(false)
}

// weigh moves every level by what is known now. reset says that a person resets the rule.
func (m *modelRule) weigh(reset bool) {
	for _, l := range m.levels {
		j := m.judge(l)
		if !l.gap.IsZero() && m.waits(l) {
			l.held += m.now.Sub(l.gap)
		}
		switch {
		case l.phase == rules.Normal && j.when == rules.True:
			l.phase, l.began, l.held, l.need = rules.Pending, m.now, 0, l.hold
			if !l.met && m.spec.Restart == "alarm_if_true" {
				l.need = 0
			}
		case l.phase == rules.Pending && j.when == rules.False:
			l.phase = rules.Normal
		case l.phase == rules.Active && j.reset == rules.True && (!m.spec.Latch || reset):
			l.phase, l.ended, l.held = rules.Clearing, m.now, 0
			l.need = max(m.spec.ClearAfter, m.spec.MinActive-m.now.Sub(l.active))
		case l.phase == rules.Clearing && j.reset == rules.False:
			l.phase = rules.Active
		}
		if l.phase == rules.Clearing && l.ended.IsZero() && j.reset == rules.True {
			l.ended = m.now // of a run before: here it is first seen to be over
		}
		if m.waits(l) && l.held >= l.need {
			l.end(m.now)
		}
		if m.waits(l) || l.phase == rules.Normal || l.phase == rules.Active || m.complete() {
			l.gap = 0 // what is looked at again, or bad, is no gap any more
		}
		l.met, l.trust = l.met || j.known, m.judge(l).trust
	}
	m.announce()
}

// announce puts the levels together and notes what people see of it.
func (m *modelRule) announce() {
	var stand view
	var worst, waiting *modelLevel
	ended := gateway.Instant(0)
	var phases [4]bool
	for _, l := range m.levels {
		phases[l.phase] = true
		ended = max(ended, l.ended)
		switch l.phase {
		case rules.Active, rules.Clearing:
			worst = l
		case rules.Pending:
			waiting = l
		}
		stand.stale = stand.stale || l.phase != rules.Normal && l.trust
	}
	inForce := m.view.phase == rules.Active || m.view.phase == rules.Clearing
	now := seen{since: ended, limit: math.NaN()}
	switch {
	case phases[rules.Active]:
		stand.phase, now.since, now.limit = rules.Active, worst.began, worst.limit
	case phases[rules.Clearing], phases[rules.Pending] && inForce:
		stand.phase = rules.Clearing // a lesser level that is still held keeps the same alert
	case phases[rules.Pending]:
		stand.phase, now.since = rules.Pending, waiting.began
	case m.view.phase == rules.Pending:
		now.since = m.now // nobody was called
	}
	if stand.phase == rules.Active || stand.phase == rules.Clearing {
		if stand.severity = m.view.severity; worst != nil {
			stand.severity = worst.severity
		}
	}
	if stand != m.view {
		m.view, now.view = stand, stand
		m.log = append(m.log, now)
	}
}

// skip says that the clock was set forward: no time has passed.
func (m *modelRule) skip(d time.Duration) {
	m.now = m.now.Add(d)
	for _, l := range m.levels {
		l.active = l.active.Add(d)
		if !l.gap.IsZero() {
			l.gap = l.gap.Add(d)
		}
	}
	m.weigh(false)
}

// restart takes from the model what a gateway that was off from stopped until now
// cannot know.
func (m *modelRule) restart(stopped, now gateway.Instant) {
	for _, l := range m.levels {
		switch {
		case now.Sub(stopped) > time.Hour:
			l.gap = 0
		case m.waits(l):
			l.gap = stopped
		}
		l.met = false
		if l.phase == rules.Pending && m.spec.Restart == "alarm_if_true" {
			l.need = 0
		}
		if m.spec.Restart == "reset" {
			l.phase = rules.Normal
		}
	}
	m.forget(stopped, now)
}

// change is a restart after which the rule is another: of what was in force no more
// is known than its alert.
func (m *modelRule) change(to *modelRule, was rules.Standing, stopped, now gateway.Instant) {
	inForce := (was.Phase == rules.Active || was.Phase == rules.Clearing) && to.spec.Restart != "reset"
	m.spec, m.levels = to.spec, to.levels
	for i, l := range m.levels {
		if inForce && (i == 0 || l.severity <= was.Severity) {
			l.phase, l.began, l.active, l.need = was.Phase, was.Since, now, max(m.spec.ClearAfter, m.spec.MinActive)
		}
	}
	m.view = view{}
	if inForce {
		m.view = view{phase: was.Phase, severity: was.Severity}
	}
	m.forget(stopped, now)
}

func (m *modelRule) forget(stopped, now gateway.Instant) {
	for p := range m.told {
		m.told[p] = append(m.told[p], gateway.Sample{At: stopped})
	}
	clear(m.came)
	m.now = now
	if m.view.stale = m.view.phase != rules.Normal; m.spec.Restart == "reset" {
		m.view = view{}
	}
	m.weigh(false)
}
