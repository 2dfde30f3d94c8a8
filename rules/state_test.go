package rules_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// disk keeps what engines hand out, as the database does.
type disk map[string]rules.State

func (d disk) save(e *rules.Engine) {
	for _, s := range e.Unsaved(nil) {
		if d[s.Key] = s; len(s.Records) == 0 {
			delete(d, s.Key)
		}
	}
}

// former is what the next run finds, with what is open.
func (d disk) former(open map[string]rules.Standing, stopped gateway.Instant) rules.Former {
	return rules.Former{States: slices.Collect(maps.Values(d)), Open: slices.Collect(maps.Values(open)), Stopped: stopped}
}

// heard is what people can see of an instance.
type heard struct {
	phase    rules.Phase
	severity rules.Severity
}

// watcher keeps what is to be seen of the instances of an engine.
type watcher struct {
	last map[rules.Ref]heard
	open map[string]rules.Standing
	seen map[string][]string // by instance: two of one moment come in any order
}

func newWatcher() *watcher {
	return &watcher{last: make(map[rules.Ref]heard), open: make(map[string]rules.Standing), seen: make(map[string][]string)}
}

func (w *watcher) take(e *rules.Engine, changes []rules.Change) {
	for _, c := range changes {
		key := e.Instances()[c.Ref].Key
		now := heard{phase: c.To}
		switch c.To {
		case rules.Active, rules.Clearing:
			now.severity = c.Severity
			if _, ok := w.open[key]; !ok || c.To == rules.Active {
				w.open[key] = rules.Standing{Key: key, Phase: c.To, Severity: c.Severity, Since: c.Since}
			}
		case rules.Normal:
			delete(w.open, key)
		}
		if now == w.last[c.Ref] {
			continue // stale, or fresh again
		}
		w.last[c.Ref] = now
		limit := ""
		if c.To == rules.Active {
			limit = fmt.Sprintf(", limit %v", c.Limit)
		}
		w.seen[key] = append(w.seen[key], fmt.Sprintf("%d %s %s since %d%s", c.At, c.To, now.severity, c.Since, limit))
	}
}

// walkedRules are rules of every shape, all with times of their own.
func walkedRules() rules.Pack {
	why := rules.Why{Cause: text(), Consequence: text(), Response: text()}
	second := func(n int) time.Duration { return time.Duration(n) * time.Second }
	specs := []rules.Spec{
		{ID: "dry", Severity: "critical", When: when("run == true and pressure.inlet < 0.5 bar"), Reset: when("run == false or pressure.inlet > 0.6 bar"),
			Hold: rules.Hold{Duration: second(7)}, ClearAfter: second(5)},
		{ID: "hot", Points: []string{"temperature"}, ClearAfter: second(4), Levels: []rules.Level{
			{Severity: "warning", Above: "75", Reset: "70", Hold: rules.Hold{Duration: second(12)}},
			{Severity: "critical", Above: "90", Reset: "85", Hold: rules.Hold{Duration: second(3)}}}},
		{ID: "stuck", Severity: "warning", When: when("mode == 2"), Hold: rules.Hold{Duration: second(2)}, MinActive: second(20)},
		{ID: "lost", Severity: "warning", When: when("link == false"), BadData: "alarm", Hold: rules.Hold{Duration: second(9)}, ClearAfter: second(6)},
		{ID: "odd", Severity: "info", When: when("mode != 1"), OnlyWhen: when("run == true"), BadData: "clear", Hold: rules.Hold{Duration: second(3)}},
		{ID: "trip", Severity: "critical", When: when("temperature > 95"), Latch: true, ClearAfter: second(2)},
	}
	for i := range specs {
		specs[i].Title, specs[i].Why = text(), why
	}
	return rules.Pack{Class: gateway.Pump, Rules: specs}
}

func compileAll(t testing.TB, site *gateway.Site, pack rules.Pack) *rules.Engine {
	t.Helper()
	return rules.Compile(site, []rules.Pack{pack}, rules.Settings{}, func(path, problem, hint string) { t.Fatalf("%s: %s (%s)", path, problem, hint) })
}

// TestARestartAtAnyStepChangesNothing drives two engines through the same random
// day, one of which is saved and begun anew after every few steps.
func TestARestartAtAnyStepChangesNothing(t *testing.T) {
	values := [][]float64{run: {0, 1}, inlet: {0.3, 0.55, 0.9}, mode: {0, 1, 2}, temp: {60, 72, 80, 87, 93, 99}, link: {0, 1}}
	site, pack := pumpSite(t), walkedRules()
	for seed := range uint64(8) {
		every := []int{1, 2, 3, 7}[seed%4]
		random := rand.New(rand.NewPCG(seed, 1))
		through, halting := compileAll(t, site, pack), compileAll(t, site, pack)
		a, b, d := newWatcher(), newWatcher(), make(disk)
		batch := make([]gateway.Sample, len(values))
		for i := range batch {
			batch[i] = gateway.Sample{Point: gateway.PointRef(i), Quality: gateway.Good, Value: values[i][0]}
		}
		now := gateway.Instant(1_000_000)
		for i := range 1000 {
			now = now.Add(time.Duration(random.IntN(4000)) * time.Millisecond)
			a.take(through, through.Advance(nil, now))
			b.take(halting, halting.Advance(nil, now))
			if i%every == 0 && i > 0 {
				d.save(halting)
				halting = compileAll(t, site, pack)
				if retuned := halting.Resume(d.former(b.open, now), now); len(retuned) > 0 {
					t.Fatalf("retuned though nothing has changed: %v", retuned)
				}
			}
			p := random.IntN(len(batch)) // one at a time: who has just begun does not know the old value of the others
			batch[p].Quality, batch[p].Value = gateway.Good, values[p][random.IntN(len(values[p]))]
			if random.IntN(8) == 0 {
				batch[p].Quality, batch[p].Value = gateway.BadTimeout, 0
			}
			for k := range batch {
				batch[k].At = now
			}
			a.take(through, through.Observe(nil, batch))
			b.take(halting, halting.Observe(nil, batch))
			if random.IntN(40) == 0 {
				latched := rules.Ref(slices.IndexFunc(through.Instances(), func(in rules.Instance) bool { return in.Rule.ID == "trip" }))
				a.take(through, through.Reset(nil, latched, now))
				b.take(halting, halting.Reset(nil, latched, now))
			}
		}
		if diff := cmp.Diff(a.seen, b.seen); diff != "" {
			t.Fatalf("seed %d, restarted every %d steps (-through +halting):\n%.2000s", seed, every, diff)
		}
		for _, in := range through.Instances() {
			if n := len(a.seen[in.Key]); n < 20 {
				t.Fatalf("seed %d has seen only %d changes of %s", seed, n, in.Key)
			}
		}
	}
}

// TestARestartWithinATime has a run that ends at second 4 and one that begins at
// the second that the case says; a second before it ends the first one is dry.
func TestARestartWithinATime(t *testing.T) {
	dry := rules.Spec{When: when("pressure.inlet < 0.5"), Hold: rules.Hold{Duration: 10 * time.Second}, ClearAfter: 10 * time.Second}
	with := func(f func(*rules.Spec)) rules.Spec { s := dry; f(&s); return s }
	for _, tt := range []struct {
		name   string
		spec   rules.Spec
		before string // to second 4
		again  int    // the second at which the next run begins
		after  string // from then on
		want   []string
	}{
		{"the gap counts towards a hold if the first sample is still bad", dry, "_ _ _ in=0.3", 7, "in=0.3 _ _ _ _ _ _ _", []string{"7s pending since 3s", "13s active since 3s"}},
		{"a hold that ended in the gap ends with the first sample", dry, "_ _ _ in=0.3", 60, "in=0.3", []string{"60s active since 3s"}},
		{"a hold whose fault is gone is over", dry, "_ _ _ in=0.3", 7, "in=0.9 _ _", []string{"7s normal since 7s"}},
		{"what is not known does not count", dry, "_ _ _ in=0.3", 60, "in=? _ in=0.3 _ _ _ _ _ _ _ _ _", []string{"62s pending since 3s", "71s active since 3s"}},
		{"a gap of more than an hour does not count", dry, "_ _ _ in=0.3", 3700, "in=0.3 _ _ _ _ _ _ _ _ _ _", []string{"3700s pending since 3s", "3709s active since 3s"}},
		{"a clear_after goes on", dry, "in=0.3,t=1 _ _ _ _ _ _ _ _ _ _ in=0.9 _", 15, "in=0.9 _ _ _ _ _ _ _", []string{"15s clearing since 11s", "21s normal since 11s"}},
		{"a clear_after ends if it is bad again", dry, "in=0.3 _ _ _ _ _ _ _ _ _ _ in=0.9 _", 15, "in=0.3 _ _ _ _ _ _ _", []string{"15s active since 0s"}},
		{"a rule that starts anew forgets its hold", with(func(s *rules.Spec) { s.Restart = "reset" }), "_ _ _ in=0.3", 7, "in=0.3 _ _ _ _ _ _ _ _ _ _",
			[]string{"7s pending since 7s", "17s active since 7s"}},
		{"a rule that alarms if true does so at once", with(func(s *rules.Spec) { s.Restart = "alarm_if_true" }), "_ _ _ in=0.3", 5, "in=0.3 _", []string{"5s active since 3s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, w, d := compile(t, tt.spec), newWatcher(), make(disk)
			words := strings.Fields(tt.before)
			for i, word := range words {
				w.take(e, feed(e, word, i))
			}
			d.save(e)
			stopped := gateway.Instant(len(words) * 1000)
			e = compile(t, tt.spec)
			begin := gateway.Instant(tt.again * 1000)
			e.Resume(d.former(w.open, stopped), begin)
			var got []string
			for i, word := range strings.Fields(tt.after) {
				for _, c := range feed(e, word, tt.again+i) {
					got = append(got, fmt.Sprintf("%ds %s since %ds", tt.again+i, c.To, c.Since/1000))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAGapMayBeCutInTwo: a gateway that starts and stops again before its first
// sample has learned nothing.
func TestAGapMayBeCutInTwo(t *testing.T) {
	spec := rules.Spec{When: when("pressure.inlet < 0.5"), Hold: rules.Hold{Duration: 60 * time.Second}}
	for first, want := range map[string][]string{
		"in=0.3": {"30s pending since 3s", "63s active since 3s"},
		"in=?":   {"31s pending since 3s", "90s active since 3s"}, // 59 s were left when it was seen last
	} {
		e, w, d := compile(t, spec), newWatcher(), make(disk)
		w.take(e, feed(e, "in=0.3", 3))
		d.save(e)
		for _, gap := range [][2]gateway.Instant{{4000, 10_000}, {12_000, 20_000}} {
			e = compile(t, spec)
			e.Resume(d.former(w.open, gap[0]), gap[1])
			d.save(e)
		}
		var got []string
		for second := 30; second < 100; second++ {
			word := "_"
			if second == 30 {
				word = first
			} else if second == 31 {
				word = "in=0.3"
			}
			for _, c := range feed(e, word, second) {
				got = append(got, fmt.Sprintf("%ds %s since %ds", second, c.To, c.Since/1000))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s first (-want +got):\n%s", first, diff)
		}
	}
}

// feed lets time pass until second and then takes the samples of one word of a
// walk.
func feed(e *rules.Engine, word string, second int) (changes []rules.Change) {
	at := gateway.Instant(second * 1000)
	changes = e.Advance(nil, at)
	for pair := range strings.SplitSeq(word, ",") {
		name, value, given := strings.Cut(pair, "=")
		if !given {
			continue
		}
		s := gateway.Sample{Point: map[string]gateway.PointRef{"in": inlet, "t": temp, "run": run}[name], Quality: gateway.BadTimeout, At: at}
		if value != "?" {
			s.Quality = gateway.Good
			fmt.Sscan(value, &s.Value)
		}
		changes = e.Observe(changes, []gateway.Sample{s})
	}
	return changes
}

func TestARuleThatWasChangedIsJudgedAnew(t *testing.T) {
	old := rules.Spec{When: when("pressure.inlet < 0.5"), Hold: rules.Hold{Duration: 2 * time.Second}, ClearAfter: time.Second}
	with := func(f func(*rules.Spec)) rules.Spec { s := old; f(&s); return s }
	tighter := with(func(s *rules.Spec) { s.When = when("pressure.inlet < 0.2 bar") })
	for _, tt := range []struct {
		name          string
		now           rules.Spec
		before, after string
		retuned       []rules.Retuned
		want          []string
	}{
		{"an alert that the new limit does not call for ends", tighter, "in=0.3 _ _ _", "in=0.3 _",
			[]rules.Retuned{{Key: "p/r", Was: "critical: inlet < 0.5 bar for 2s; clear after 1s", Now: "critical: inlet < 0.2 bar for 2s; clear after 1s"}},
			[]string{"10s clearing since 10s", "11s normal since 10s"}},
		{"an alert that it does call for goes on", tighter, "in=0.1 _ _ _", "in=0.1 _",
			[]rules.Retuned{{Key: "p/r", Was: "critical: inlet < 0.5 bar for 2s; clear after 1s", Now: "critical: inlet < 0.2 bar for 2s; clear after 1s"}},
			[]string{"10s active since 0s"}},
		{"a hold begins anew", tighter, "_ _ _ in=0.1", "in=0.1 _ _", nil, []string{"10s pending since 10s", "12s active since 10s"}},
		{"what is said of it for people is no term", with(func(s *rules.Spec) { s.Impairs, s.Family = true, "pump" }), "in=0.3 _ _ _", "in=0.3 _", nil, []string{"10s active since 0s"}},
		{"times are written in short", with(func(s *rules.Spec) { s.ClearAfter = time.Hour; s.MinActive = 90 * time.Second }), "in=0.3 _ _ _", "in=0.3 _",
			[]rules.Retuned{{Key: "p/r", Was: "critical: inlet < 0.5 bar for 2s; clear after 1s", Now: "critical: inlet < 0.5 bar for 2s; clear after 1h; active for at least 1m30s"}},
			[]string{"10s active since 0s"}},
		{"a latch is one", with(func(s *rules.Spec) { s.Latch = true }), "in=0.3 _ _ _", "in=0.9 _",
			[]rules.Retuned{{Key: "p/r", Was: "critical: inlet < 0.5 bar for 2s; clear after 1s", Now: "critical: inlet < 0.5 bar for 2s; clear after 1s; until a person resets it"}},
			[]string{"10s active since 0s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, w, d := compile(t, old), newWatcher(), make(disk)
			for i, word := range strings.Fields(tt.before) {
				w.take(e, feed(e, word, i))
			}
			d.save(e)
			e = compile(t, tt.now)
			if diff := cmp.Diff(tt.retuned, e.Resume(d.former(w.open, 4000), 10_000)); diff != "" {
				t.Errorf("retuned (-want +got):\n%s", diff)
			}
			var got []string
			for i, word := range strings.Fields(tt.after) {
				for _, c := range feed(e, word, 10+i) {
					got = append(got, fmt.Sprintf("%ds %s since %ds", 10+i, c.To, c.Since/1000))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhatIsKeptIsBounded: an engine hands out only what is otherwise than before,
// and nothing of what is plainly normal.
func TestWhatIsKeptIsBounded(t *testing.T) {
	e := compile(t, rules.Spec{When: when("pressure.inlet < 0.5"), Hold: rules.Hold{Duration: 5 * time.Second}})
	feed(e, "in=0.9", 0)
	feed(e, "in=0.3", 1)
	feed(e, "in=0.9", 2)
	if s := e.Unsaved(nil); len(s) != 0 {
		t.Errorf("a hold that came and went is kept: %v", s)
	}
	feed(e, "in=0.3", 3)
	if s := e.Unsaved(nil); len(s) != 1 || s[0].Key != "p/r" || len(s[0].Records) != 2 {
		t.Errorf("of a hold is kept %v", s)
	}
	feed(e, "in=0.31", 4)
	if s := e.Unsaved(nil); len(s) != 0 {
		t.Errorf("nothing has changed, and kept is %v", s)
	}
	feed(e, "in=0.9", 5)
	if s := e.Unsaved(nil); len(s) != 1 || len(s[0].Records) != 0 {
		t.Errorf("of a hold that is over is kept %v", s)
	}
}

// TestRecordsOfAnotherVersionAreLeftOut: a gateway that is set back to an older
// version finds records that it does not know.
func TestRecordsOfAnotherVersionAreLeftOut(t *testing.T) {
	spec := rules.Spec{When: when("pressure.inlet < 0.5"), Hold: rules.Hold{Duration: 5 * time.Second}}
	e, d := compile(t, spec), make(disk)
	feed(e, "in=0.3", 3)
	d.save(e)
	later := d["p/r"]
	later.Records = append([]rules.Record{{Kind: "fortune", Version: 7, Body: json.RawMessage(`"?"`)}}, later.Records...)
	unread := later
	unread.Records = slices.Clone(unread.Records)
	for i := range unread.Records {
		unread.Records[i].Version += 100
	}
	for name, tt := range map[string]struct {
		left []rules.State
		want string
	}{
		"a record of a kind that is not known": {[]rules.State{later}, "8s active since 3s"},
		"a version that is not known":          {[]rules.State{unread}, "8s pending since 8s"},
		"a rule that is not known":             {[]rules.State{{Key: "p/gone", Records: later.Records}}, "8s pending since 8s"},
	} {
		t.Run(name, func(t *testing.T) {
			e := compile(t, spec)
			e.Resume(rules.Former{States: tt.left, Stopped: 4000}, 5000)
			changes := feed(e, "in=0.3", 8)
			if len(changes) != 1 || fmt.Sprintf("8s %s since %ds", changes[0].To, changes[0].Since/1000) != tt.want {
				t.Errorf("changes %v, want %s", changes, tt.want)
			}
		})
	}
	e = compile(t, spec)
	e.Resume(rules.Former{States: []rules.State{{Key: "p/gone", Records: later.Records}}}, 5000)
	if s := e.Unsaved(nil); len(s) != 1 || s[0].Key != "p/gone" || s[0].Records != nil {
		t.Errorf("the state of a rule that is gone stays: %v", s)
	}
}

// TestAStateThatNobodyWasToldOfIsNotBelieved: what is in force without an alert
// would never be told.
func TestAStateThatNobodyWasToldOfIsNotBelieved(t *testing.T) {
	spec := rules.Spec{When: when("pressure.inlet < 0.5")}
	e, d := compile(t, spec), make(disk)
	feed(e, "in=0.3", 0)
	d.save(e)
	e = compile(t, spec)
	e.Resume(d.former(nil, 1000), 2000)
	if changes := feed(e, "in=0.3", 3); len(changes) != 1 || changes[0].From != rules.Normal || changes[0].To != rules.Active {
		t.Errorf("changes %v", changes)
	}
}

// TestWhatIsLookedBackAtOutlivesARestart turns a pump on and off seven times, with
// a restart in between, and demands that it was counted.
func TestWhatIsLookedBackAtOutlivesARestart(t *testing.T) {
	site, spec := watched(t, time.Second, 0), rules.Spec{When: when("starts(on, 1h) > 6")}
	s := mustStage(t, site, spec)
	turn := func(from, to int) (changed []string) {
		for i := from; i < to; i++ {
			changed = append(changed, s.tell(gateway.Instant(1_700_000_000_000+i*1000), fmt.Sprintf("p/on=%d", i%2))...)
		}
		return changed
	}
	if changed := turn(0, 9); changed != nil {
		t.Errorf("after four starts: %q", changed)
	}
	if terms := s.Terms(0); terms != "warning: starts(on, 1 h) > 6" {
		t.Errorf("terms %q", terms)
	}
	states := s.Lookback(s.Unsaved(nil))
	s = mustStage(t, site, spec)
	s.Resume(rules.Former{States: states, Stopped: 1_700_000_009_000}, 1_700_000_009_500)
	if changed := turn(10, 17); len(changed) != 1 {
		t.Errorf("after the seventh start: %q", changed)
	}

	// What no rule looks back at any more is not kept for ever.
	other := mustStage(t, site, rules.Spec{When: when("x > 3 degC")})
	other.Resume(rules.Former{States: states, Stopped: 1_700_000_020_000}, 1_700_000_020_000)
	left := other.Unsaved(nil)
	if len(left) != 1 || left[0].Key != states[len(states)-1].Key || left[0].Records != nil {
		t.Errorf("left of a window without a rule: %+v", left)
	}
}

// TestNothingResetsWhatMayStillBeThere has a reset that looks at another point than
// the fault: that it holds says nothing while the fault is, counts as, or may still
// turn out to be there.
func TestNothingResetsWhatMayStillBeThere(t *testing.T) {
	rule := rules.Spec{When: when("temp > 90"), Reset: when("pressure.inlet > 0.6 bar"), BadData: "alarm"}
	phase := func(e *rules.Engine) rules.Phase { return e.Stand(0).Phase }

	e := compile(t, rule)
	feed(e, "t=95,in=0.3", 1)
	feed(e, "t=?", 2)
	if feed(e, "in=0.9", 3); phase(e) != rules.Active {
		t.Errorf("a fault whose sensor is gone, which counts as a fault, is %s", phase(e))
	}

	rule.BadData = ""
	before := compile(t, rule)
	feed(before, "t=95,in=0.3", 1)
	e = compile(t, rule)
	d := make(disk)
	d.save(before)
	e.Resume(d.former(map[string]rules.Standing{"p/r": {Key: "p/r", Phase: rules.Active, Severity: rules.Critical, Since: 1000}}, 2000), 2000)
	if feed(e, "in=0.9", 3); phase(e) != rules.Active {
		t.Errorf("after a restart, before the fault was looked at, it is %s", phase(e))
	}
	if feed(e, "t=95", 3); phase(e) != rules.Active {
		t.Errorf("a fault that is still there is %s", phase(e))
	}
	if feed(e, "t=80", 4); phase(e) != rules.Normal {
		t.Errorf("a fault that is over is %s", phase(e))
	}
}

// TestOnTrust: where an alert stands is marked as a matter of trust whenever
// something that decides it is not known.
func TestOnTrust(t *testing.T) {
	rule := rules.Spec{When: when("temp > 90"), Reset: when("pressure.inlet > 0.6 bar")}
	d := make(disk)
	e := compile(t, rule)
	feed(e, "t=95,in=0.3", 1)
	d.save(e)
	e = compile(t, rule)
	e.Resume(d.former(map[string]rules.Standing{"p/r": {Key: "p/r", Phase: rules.Active, Severity: rules.Critical, Since: 1000}}, 2000), 2000)
	if feed(e, "in=0.9", 3); !e.Stand(0).Stale {
		t.Error("after a restart, before the fault was looked at, it is said to be known")
	}
	if feed(e, "t=95", 4); e.Stand(0).Stale {
		t.Error("a fault that is seen is on trust")
	}

	rule.BadData = "alarm"
	e = compile(t, rule)
	feed(e, "t=80,in=0.9", 1)
	if feed(e, "t=?", 2); !e.Stand(0).Stale {
		t.Error("a fault that nobody has seen is said to be known")
	}
	if feed(e, "in=0.8", 3); !e.Stand(0).Stale {
		t.Error("it is said to be known when another value comes")
	}
	if feed(e, "in=?", 4); !e.Stand(0).Stale {
		t.Error("it is said to be known when nothing is any more")
	}
}

// TestAFirstSightIsThatOfEachLevel: of a rule with levels one may be in force while
// the next has not been looked at since the start.
func TestAFirstSightIsThatOfEachLevel(t *testing.T) {
	spec := rules.Spec{Points: []string{"temperature"}, Restart: "alarm_if_true", Levels: []rules.Level{
		{Severity: "warning", Above: "75 degC"}, {Severity: "critical", Above: "90 degC", Hold: rules.Hold{Duration: time.Minute}},
	}}
	e, w, d := compile(t, spec), newWatcher(), make(disk)
	w.take(e, feed(e, "t=60", 0))
	w.take(e, feed(e, "t=80", 1))
	d.save(e)
	e = compile(t, spec)
	e.Resume(d.former(w.open, 2000), 3000)
	changes := feed(e, "t=95", 4)
	if len(changes) != 1 || changes[0].Severity != rules.Critical || changes[0].To != rules.Active {
		t.Errorf("at first sight above the critical limit: %+v", changes)
	}
}

// TestAnAlertOfAChangedRuleStaysForItsLeastTime: for how long it has been told is not
// known, only since when there was a fault.
func TestAnAlertOfAChangedRuleStaysForItsLeastTime(t *testing.T) {
	old := rules.Spec{When: when("pressure.inlet < 0.5"), Hold: rules.Hold{Duration: time.Minute}, MinActive: time.Minute}
	e, w, d := compile(t, old), newWatcher(), make(disk)
	w.take(e, feed(e, "in=0.3", 0))
	w.take(e, feed(e, "_", 60))
	d.save(e)
	changed := old
	changed.When = when("pressure.inlet < 0.4")
	e = compile(t, changed)
	e.Resume(d.former(w.open, 62_000), 62_000)
	feed(e, "in=0.9", 63)
	if e.Advance(nil, 119_999); e.Stand(0).Phase != rules.Clearing {
		t.Errorf("an alert that was told at 60 s is %s before 120 s", e.Stand(0).Phase)
	}
}
