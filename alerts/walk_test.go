package alerts_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// walker does at random what conditions, people, clocks and power cuts do to a
// book, beside the simplest model of what must hold: the conditions as they are,
// what is on record, and what people were told.
type walker struct {
	*desk
	rng    *rand.Rand
	second int
	phase  map[rules.Ref]rules.Phase // as the rule engine has it
	record map[alerts.ID]alerts.Alert
	heard  map[alerts.ID]bool // people believe that it is active
}

func newWalker(t *testing.T, seed uint64) *walker {
	w := &walker{desk: newDesk(t), rng: rand.New(rand.NewPCG(seed, 0)), second: 1,
		phase: make(map[rules.Ref]rules.Phase), record: make(map[alerts.ID]alerts.Alert), heard: make(map[alerts.ID]bool)}
	w.restart(forAnHour)
	w.book.Escalate(fiveTenThirty, 0)
	return w
}

// take checks events one by one and brings the model up to them.
func (w *walker) take(events []alerts.Event) {
	w.t.Helper()
	for _, e := range events {
		a := e.Alert
		if former, known := w.record[a.ID]; known && !former.Closed.IsZero() {
			w.t.Fatalf("%s of alert %d, which is closed", e.Kind, a.ID)
		}
		w.record[a.ID] = a
		if !a.Closed.IsZero() && (a.Shelved() || a.Chattering()) {
			w.t.Fatalf("alert %d left the book while it was %+v", a.ID, a)
		}
		if e.Quiet || a.Visibility != alerts.Shown {
			continue
		}
		switch e.Kind {
		case alerts.Raised, alerts.Revealed, alerts.Unshelved, alerts.Realarmed, alerts.Again:
			if a.Phase == rules.Normal {
				w.t.Fatalf("people are told that alert %d is active, which has returned (%s)", a.ID, e.Kind)
			}
			w.heard[a.ID] = true
		case alerts.Returned, alerts.Calmed:
			if !w.heard[a.ID] {
				w.t.Fatalf("people are told that alert %d has ended, of which they never heard (%s)", a.ID, e.Kind)
			}
			delete(w.heard, a.ID)
		case alerts.Escalated:
			if a.Phase != rules.Active || a.Acked || a.Shelved() || !w.heard[a.ID] {
				w.t.Fatalf("a ladder tells of alert %d, which is %+v", a.ID, a)
			}
		}
	}
}

// step does one thing at random.
func (w *walker) step() {
	now := gateway.Instant(w.second * 1000)
	id := alerts.ID(1)
	if open := w.book.Open(); len(open) > 0 {
		id = open[w.rng.IntN(len(open))].ID
	}
	switch n := w.rng.IntN(20); {
	case n < 10:
		w.condition(rules.Ref(w.rng.IntN(5)), 20)
	case n < 11: // a loose wire
		for range 4 + w.rng.IntN(12) {
			w.condition(lift1Hot, 5)
		}
	case n < 13:
		if events, err := w.book.Ack(nil, id, alerts.Acknowledgement{By: "li"}, now); err == nil {
			w.take(events)
		}
	case n < 14:
		s := byTwo
		s.For = time.Duration(1+w.rng.IntN(1440)) * time.Minute
		if events, err := w.book.Shelve(nil, id, s, now); err == nil {
			w.take(events)
		}
	case n < 15:
		if events, err := w.book.Unshelve(nil, id, "wang", now); err == nil {
			w.take(events)
		}
	case n < 16:
		d := time.Duration(2+w.rng.IntN(7200)) * time.Second
		w.second += int(d / time.Second)
		w.take(w.book.Skip(nil, gateway.Instant(w.second*1000), d))
	case n < 17:
		w.powerCut()
	default:
		w.second += []int{1, 5, 30, 700, 4000, 100_000}[w.rng.IntN(6)]
	}
	w.take(w.advance(w.second))
}

// condition makes the engine's next change of a rule instance, within seconds.
func (w *walker) condition(ref rules.Ref, seconds int) {
	w.second += w.rng.IntN(seconds)
	sev := w.rules[ref].Rule.Severity
	if ref == lift1Hot {
		sev = rules.Severity([]int{0, 1, 1, 1, 1, 2, 2, 3}[w.rng.IntN(8)])
	}
	next := map[rules.Phase][]rules.Phase{
		rules.Normal:   {rules.Pending, rules.Active},
		rules.Pending:  {rules.Normal, rules.Active},
		rules.Active:   {rules.Active, rules.Clearing, rules.Normal},
		rules.Clearing: {rules.Active, rules.Normal},
	}[w.phase[ref]]
	to := next[w.rng.IntN(len(next))]
	w.phase[ref] = to
	w.take(w.change(ref, to, w.second, severity(sev), func(c *rules.Change) { c.Stale = to != rules.Normal && w.rng.IntN(5) == 0 }))
}

// powerCut goes on with what is on record.
func (w *walker) powerCut() {
	w.t.Helper()
	var left []alerts.Alert
	for _, a := range w.record {
		if a.Closed.IsZero() {
			left = append(left, a)
		}
	}
	slices.SortFunc(left, func(a, b alerts.Alert) int { return cmp.Compare(a.ID, b.ID) })
	if diff := gocmp.Diff(w.book.Open(), left, cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(alerts.Alert{}, "Children", "Cause", "Phase")); diff != "" {
		w.t.Fatalf("in the book (-) is not what is on record (+):\n%s", diff)
	}
	last := alerts.ID(0)
	for id := range w.record {
		last = max(last, id)
	}
	w.book = alerts.NewBook(w.site, w.rules, left, last, forAnHour)
	w.book.Escalate(fiveTenThirty, gateway.Instant(w.second*1000))
}

// check holds the book against the model.
func (w *walker) check() {
	w.t.Helper()
	now := gateway.Instant(w.second * 1000)
	if at, ok := w.book.Next(); ok && at <= now {
		w.t.Fatalf("at %v something is still due since %v", now, at)
	}
	byKey, children := make(map[string]alerts.Alert), make(map[alerts.ID]int)
	for _, a := range w.book.Open() {
		if other, twice := byKey[a.Key]; twice {
			w.t.Fatalf("alerts %d and %d of %s are open at once", other.ID, a.ID, a.Key)
		}
		byKey[a.Key] = a
		children[a.Cause]++
		w.checkAlert(a, now)
	}
	for _, a := range byKey {
		if n := children[a.ID]; n != a.Children {
			w.t.Fatalf("alert %d hides %d alerts and says %d", a.ID, n, a.Children)
		}
	}
	for ref, phase := range w.phase {
		a, open := byKey[w.rules[ref].Key]
		if active := phase == rules.Active || phase == rules.Clearing; active != (open && a.Phase != rules.Normal) {
			w.t.Fatalf("%s is %s, its alert is %+v", w.rules[ref].Key, phase, a)
		}
	}
}

// checkAlert looks for states that an open alert can never be in.
func (w *walker) checkAlert(a alerts.Alert, now gateway.Instant) {
	w.t.Helper()
	active := a.Phase != rules.Normal
	switch {
	case a.Acked != (a.AckedBy != ""):
		w.t.Fatalf("alert %d is acknowledged %v by %q", a.ID, a.Acked, a.AckedBy)
	case !a.AckUntil.IsZero() && (!a.Acked || !active):
		w.t.Fatalf("alert %d has an acknowledgement that runs out, and is %+v", a.ID, a)
	case a.Shelved() && a.Shelf.Until.Sub(now) > alerts.MaxShelf:
		w.t.Fatalf("alert %d is shelved for another %v", a.ID, a.Shelf.Until.Sub(now))
	case a.Shelved() && a.Severity > a.Shelf.Severity:
		w.t.Fatalf("alert %d is %s under a shelf for %s", a.ID, a.Severity, a.Shelf.Severity)
	case !active && a.Acked && !a.Shelved() && !a.Chattering():
		w.t.Fatalf("alert %d has returned, is acknowledged and still open", a.ID)
	case active && a.Visibility == alerts.Shown && !a.Shelved() && !a.Chattering() && !w.heard[a.ID]:
		w.t.Fatalf("alert %d is active and nobody was told: %+v", a.ID, a)
	case a.Severity > a.Worst:
		w.t.Fatalf("alert %d is %s, at worst %s", a.ID, a.Severity, a.Worst)
	}
	want := map[string]bool{
		"G": a.Shelved(), "H": !a.Shelved() && a.Visibility == alerts.Suppressed,
		"B": active && !a.Acked, "C": active && a.Acked, "D": !active && !a.Acked, "A": !active && a.Acked && a.Chattering(),
	}
	if !want[a.ISA()] {
		w.t.Fatalf("alert %d is called %s: %+v", a.ID, a.ISA(), a)
	}
}

// settle lets a week pass in which nothing happens. Then people know exactly what
// is active.
func (w *walker) settle() {
	w.t.Helper()
	for range 7 * 24 * 6 {
		w.second += 600
		w.take(w.advance(w.second))
	}
	w.check()
	active := make(map[alerts.ID]bool)
	for _, a := range w.book.Open() {
		if a.Shelved() || a.Chattering() {
			w.t.Fatalf("after a week alert %d is %+v", a.ID, a)
		}
		if a.Phase != rules.Normal && a.Visibility == alerts.Shown {
			active[a.ID] = true
		}
	}
	if diff := gocmp.Diff(active, w.heard); diff != "" {
		w.t.Fatalf("what is active (-) is not what people were told (+):\n%s", diff)
	}
}

// TestNoWalkLeadsToAForbiddenState walks at random through conditions,
// acknowledgements, shelves, causes, clocks and power cuts.
func TestNoWalkLeadsToAForbiddenState(t *testing.T) {
	for seed := range uint64(150) {
		w := newWalker(t, seed)
		for range 200 {
			w.step()
			w.check()
			if t.Failed() {
				return
			}
		}
		w.settle()
	}
}
