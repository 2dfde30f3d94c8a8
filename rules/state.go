package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// bridgeAtMost is the longest time without a gateway that may count towards a
// hold or clear_after. Who was away for longer has seen too little of the fault
// to say that it has lasted.
const bridgeAtMost = time.Hour

// State is where one instance stands, or what rules look back at, for a later run
// to go on from.
type State struct {
	Key     string   // of the instance, or of what rules look back at
	Terms   string   // what an instance was held against then, see Engine.Terms
	Records []Record // none once it is plainly normal
}

// Record is one part of a State. A run that does not know its kind, or that kind
// in this version, leaves it out: what it was about then begins anew.
type Record struct {
	Kind    string          `json:"kind"`
	Version int             `json:"version"`
	Name    string          `json:"name,omitempty"` // of several of a kind, such as the severity of a level
	Body    json.RawMessage `json:"body"`
}

// The kinds of records, and the version in which each is written.
const (
	recordInstance, instanceVersion = "instance", 1
	recordStep, stepVersion         = "step", 1
)

// instanceState is what an instance as a whole says.
type instanceState struct {
	Phase    Phase    `json:"phase"`
	Severity Severity `json:"severity"`
}

// stepState is one level of an instance. Of a hold or clear_after either the
// deadline is known or, while it stands still, what is left of it; of one that a
// restart cut short, and whose inputs are not known since, both.
type stepState struct {
	Phase    Phase           `json:"phase"`
	Began    gateway.Instant `json:"began,omitzero"`
	Ended    gateway.Instant `json:"ended,omitzero"`
	Active   gateway.Instant `json:"active,omitzero"`
	Deadline gateway.Instant `json:"deadline,omitzero"`
	LeftMS   int64           `json:"left_ms,omitzero"`
	Paused   bool            `json:"paused,omitzero"`
}

// Former is what a former run has left behind.
type Former struct {
	States []State
	// Open are the alerts that were active, by instance. They are the record of
	// what people were told: a State that says otherwise is not believed.
	Open []Standing
	// Stopped is the last sign of life of that run. What ran on then is known up
	// to here.
	Stopped gateway.Instant
}

// Standing is an instance that had come into force.
type Standing struct {
	Key      string
	Phase    Phase // Active or Clearing
	Severity Severity
	Since    gateway.Instant // first sample of the fault
}

// Retuned is an instance in force whose terms are no longer those under which it
// came.
type Retuned struct {
	Key      string
	Was, Now string // as Engine.Terms
}

// Resume continues where a former run stood; now is the time of the start. It
// must be called before the first sample.
//
// What was in force stays so, stale, until its inputs are known again. A hold or
// clear_after goes on once the first sample after the gap shows that what it
// waits for still holds; then the gap counts, unless it was longer than an hour.
// While the inputs are of bad quality it stands still with what was left when the
// former run stopped. An instance whose terms have changed stays in force and is
// returned; a hold of it begins anew. An instance of a rule that starts Anew is
// left as it is.
func (e *Engine) Resume(f Former, now gateway.Instant) []Retuned {
	e.now = max(e.now, now)
	f.Stopped = min(f.Stopped, now) // the clock may have been ahead
	open := make(map[string]Standing, len(f.Open))
	for _, s := range f.Open {
		open[s.Key] = s
	}
	var retuned []Retuned
	known := make(map[string]bool, len(f.States))
	e.resumeFeatures(f.States)
	for _, s := range f.States {
		if strings.HasPrefix(s.Key, featurePrefix) {
			continue
		}
		ref, ok := e.byKey[s.Key]
		if !ok {
			e.keeping.gone = append(e.keeping.gone, s.Key)
			continue
		}
		e.keeping.kept[ref] = s
		e.touch(ref)
		standing, active := open[s.Key]
		if e.instances[ref].rule.Restart == Anew {
			continue
		}
		terms := e.Terms(ref)
		if s.Terms == terms && e.takeUp(ref, s, f.Stopped, active) {
			known[s.Key] = true
		} else if active && s.Terms != terms {
			retuned = append(retuned, Retuned{Key: s.Key, Was: s.Terms, Now: terms})
		}
		if active && !known[s.Key] {
			e.stand(ref, standing)
			known[s.Key] = true
		}
	}
	for _, s := range f.Open {
		if ref, ok := e.byKey[s.Key]; ok && !known[s.Key] && e.instances[ref].rule.Restart != Anew {
			e.stand(ref, s)
		}
	}
	return retuned
}

// stand puts an instance in force of which no more is known than its alert: the
// whole time to clear, and all of min_active, is before it again.
func (e *Engine) stand(ref Ref, was Standing) {
	in := &e.instances[ref]
	for i := in.first; i < in.end; i++ {
		s := &e.steps[i]
		if s.severity <= was.Severity || i == in.first {
			s.phase, s.began, s.active, s.unknown = was.Phase, was.Since, e.now, true
			s.paused, s.left = was.Phase == Clearing, max(in.clearAfter, in.minActive)
		}
	}
	in.phase, in.severity, in.stale = was.Phase, was.Severity, true
	e.touch(ref)
}

// takeUp continues an instance whose terms are what they were. It returns false,
// and changes nothing, if the state does not say where it stood, or contradicts
// what people were told.
func (e *Engine) takeUp(ref Ref, was State, stopped gateway.Instant, active bool) bool {
	in := &e.instances[ref]
	var whole instanceState
	if !was.find(recordInstance, instanceVersion, "", &whole) || (whole.Phase == Active || whole.Phase == Clearing) != active {
		return false
	}
	in.phase, in.severity = whole.Phase, whole.Severity
	for i := in.first; i < in.end; i++ {
		s := &e.steps[i]
		var then stepState
		if was.find(recordStep, stepVersion, s.severity.String(), &then) {
			e.takeUpStep(in, s, then, stopped)
			in.stale = in.stale || s.unknown
		}
	}
	return true
}

func (e *Engine) takeUpStep(in *instance, s *step, then stepState, stopped gateway.Instant) {
	s.phase = then.Phase
	s.began, s.ended, s.active = min(then.Began, e.now), min(then.Ended, e.now), min(then.Active, e.now)
	s.unknown = s.phase != Normal
	if s.phase != Pending && s.phase != Clearing {
		return
	}
	s.paused, s.left = true, time.Duration(then.LeftMS)*time.Millisecond
	if !then.Paused {
		s.left = max(then.Deadline.Sub(stopped), 0)
	}
	if e.now.Sub(stopped) <= bridgeAtMost {
		s.bridge = then.Deadline
	}
	if s.phase == Pending {
		s.left = min(s.left, s.hold) // whatever the clock of that time said
		if in.rule.Restart == AlarmIfTrue {
			s.left = 0
		}
	}
}

// find reads the record of a kind and a name into body, and reports whether there
// is one.
func (s *State) find(kind string, version int, name string, body any) bool {
	i := slices.IndexFunc(s.Records, func(r Record) bool { return r.Kind == kind && r.Version == version && r.Name == name })
	return i >= 0 && json.Unmarshal(s.Records[i].Body, body) == nil
}

// rest returns what is left of a time that stands still, at now: with the gap
// between two runs taken off if it counts.
func (s *step) rest(now gateway.Instant) time.Duration {
	if s.bridge.IsZero() {
		return s.left
	}
	return min(s.left, s.bridge.Sub(now))
}

// keeping is what of the instances has been handed out to be kept.
type keeping struct {
	touched []Ref         // that may stand otherwise than kept
	kept    map[Ref]State // as handed out, or found by Resume
	gone    []string      // keys found by Resume that are of no instance
}

// touch notes that an instance may stand otherwise than before.
func (e *Engine) touch(ref Ref) {
	if in := &e.instances[ref]; !in.touched {
		in.touched = true
		e.keeping.touched = append(e.keeping.touched, ref)
	}
}

// Unsaved appends to dst where every instance stands that stands otherwise than
// the last State of it said: for instances that are plainly normal again, and for
// those that no longer exist, a State without records.
func (e *Engine) Unsaved(dst []State) []State {
	for _, key := range e.keeping.gone {
		dst = append(dst, State{Key: key})
	}
	e.keeping.gone = nil
	for _, ref := range e.keeping.touched {
		e.instances[ref].touched = false
		was, kept := e.keeping.kept[ref]
		now := State{Key: e.list[ref].Key, Records: e.records(ref)}
		switch {
		case len(now.Records) > 0:
			if now.Terms = e.Terms(ref); kept && now.equal(was) {
				continue
			}
			e.keeping.kept[ref] = now
		case kept:
			delete(e.keeping.kept, ref)
		default:
			continue
		}
		dst = append(dst, now)
	}
	e.keeping.touched = e.keeping.touched[:0]
	return dst
}

func (s State) equal(t State) bool {
	return s.Terms == t.Terms && slices.EqualFunc(s.Records, t.Records, func(a, b Record) bool {
		return a.Kind == b.Kind && a.Version == b.Version && a.Name == b.Name && string(a.Body) == string(b.Body)
	})
}

// records returns all that has to be known of an instance to go on with it, none
// if it is plainly normal.
func (e *Engine) records(ref Ref) (all []Record) {
	in := &e.instances[ref]
	steps := e.steps[in.first:in.end]
	if !slices.ContainsFunc(steps, func(s step) bool { return s.phase != Normal }) {
		return nil
	}
	all = append(all, record(recordInstance, instanceVersion, "", instanceState{in.phase, in.severity}))
	for i := range steps {
		s := &steps[i]
		now := stepState{Phase: s.phase, Began: s.began, Ended: s.ended, Active: s.active, Deadline: s.deadline}
		if s.paused {
			now.Paused, now.LeftMS, now.Deadline = true, s.left.Milliseconds(), s.bridge
		}
		all = append(all, record(recordStep, stepVersion, s.severity.String(), now))
	}
	return all
}

func record(kind string, version int, name string, body any) Record {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err) // the types of bodies are fixed, and JSON can hold them
	}
	return Record{Kind: kind, Version: version, Name: name, Body: raw}
}

// Terms returns what an instance is held against, as one line: each level with
// its comparisons and hold, and what else decides when it comes and goes. Two
// instances of the same terms do the same with the same samples. Durations and
// limits are those in force, whatever file they come from.
func (e *Engine) Terms(ref Ref) string {
	in := &e.instances[ref]
	var parts []string
	for _, s := range e.steps[in.first:in.end] {
		text := s.severity.String() + ": " + e.phrase(s.when)
		if !slices.Equal(s.reset, negated(s.when)) {
			text += " until " + e.phrase(s.reset)
		}
		if s.hold > 0 {
			text += " for " + inShort(s.hold)
		}
		parts = append(parts, text)
	}
	if in.only != nil {
		parts = append(parts, "only while "+e.phrase(in.only))
	}
	if in.clearAfter > 0 {
		parts = append(parts, "clear after "+inShort(in.clearAfter))
	}
	if in.minActive > 0 {
		parts = append(parts, "active for at least "+inShort(in.minActive))
	}
	if in.rule.Latch {
		parts = append(parts, "until a person resets it")
	}
	if in.badData != badKeeps {
		parts = append(parts, "bad data "+in.badData.String())
	}
	return strings.Join(parts, "; ")
}

// inShort returns d without parts that are 0, such as "1m" for "1m0s".
func inShort(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// phrase writes a condition the way people do, in brackets wherever one is part
// of another.
func (e *Engine) phrase(p program) string {
	var stack []string
	for at, op := range p {
		n := len(stack)
		switch op {
		case instrAnd, instrOr:
			word := " and "
			if op == instrOr {
				word = " or "
			}
			joined := stack[n-2] + word + stack[n-1]
			stack = append(stack[:n-2], "("+joined+")")
		case instrNot:
			if opposite, ok := e.opposite(p[at-1]); ok {
				stack[n-1] = e.comparison(opposite)
			} else {
				stack[n-1] = "not " + stack[n-1]
			}
		default:
			stack = append(stack, e.comparison(e.atoms[op]))
		}
	}
	whole := stack[0]
	if strings.HasPrefix(whole, "(") {
		whole = whole[1 : len(whole)-1]
	}
	return whole
}

// opposite returns the comparison that is true where the one that op pushes is
// false, if op pushes one and there is such.
func (e *Engine) opposite(op instr) (atom, bool) {
	if op < 0 || e.atoms[op].op == opBit {
		return atom{}, false
	}
	a := e.atoms[op]
	a.op = map[operator]operator{opGreater: opLessEqual, opLessEqual: opGreater, opLess: opGreaterEqual, opGreaterEqual: opLess,
		opEqual: opNotEqual, opNotEqual: opEqual}[a.op]
	return a, true
}

func (e *Engine) comparison(a atom) string {
	p := e.point(a.point)
	value := strconv.FormatFloat(a.value, 'f', -1, 64)
	if a.op == opBit {
		return fmt.Sprintf("%s.bit(%s)", p.Name, value)
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", p.Name, a.op, value, p.Unit))
}

// String returns the policy as it is written in rules.
func (b badData) String() string {
	return [...]string{badKeeps: "keep", badAlarms: "alarm", badClears: "clear"}[b]
}
