package alerts_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// rungs is a ladder of which each rung tells one receiver.
type rungs []time.Duration

func (r rungs) Due(a *alerts.Alert, n int) (time.Duration, bool) {
	if a.Worst < rules.Critical || n >= len(r) {
		return 0, false
	}
	return r[n], true
}

func (r rungs) Tell(_ *alerts.Alert, n int, _ gateway.Instant) []string {
	return []string{fmt.Sprintf("rung-%d", n)}
}

// fiveTenThirty has three rungs, 300, 600 and 1800 seconds after the call.
var fiveTenThirty = rungs{5 * time.Minute, 10 * time.Minute, 30 * time.Minute}

// escalated writes down whom the events that escalate tell, and of how many rungs
// that went by.
func escalated(events []alerts.Event) (s []string) {
	for _, e := range events {
		if e.Kind == alerts.Escalated {
			line := fmt.Sprintf("%d %s", int64(e.At)/1000, strings.Join(e.To, " "))
			if e.Alert.Call.Passed > 0 {
				line += fmt.Sprintf(" passed %d", e.Alert.Call.Passed)
			}
			s = append(s, line)
		}
	}
	return s
}

// pass lets the seconds up to second pass one by one.
func (d *desk) pass(from, to int) (events []alerts.Event) {
	for s := from; s <= to; s++ {
		events = append(events, d.advance(s)...)
	}
	return events
}

// TestTheLadderOfAnAlertNobodyTakesInHand: all walks begin with a critical alert
// that was raised at second 0.
func TestTheLadderOfAnAlertNobodyTakesInHand(t *testing.T) {
	shelf := alerts.Shelving{By: "li", Second: "wang", Reason: "sensor on order", For: 20 * time.Minute}
	for _, tt := range []struct {
		walk  string
		steps func(d *desk) []alerts.Event
		want  []string
	}{
		{"nobody", func(d *desk) []alerts.Event { return d.pass(1, 7200) }, []string{"300 rung-0", "600 rung-1", "1800 rung-2"}},
		{"acknowledged after the first", func(d *desk) []alerts.Event {
			events := d.pass(1, 400)
			d.ack(1, 400)
			return append(events, d.pass(401, 3600)...)
		}, []string{"300 rung-0"}},
		{"the acknowledgement runs out: anew", func(d *desk) []alerts.Event {
			events := d.pass(1, 400)
			d.ack(1, 400)
			return append(events, d.pass(401, 4700)...)
		}, []string{"300 rung-0", "4300 rung-0", "4600 rung-1"}},
		{"returned", func(d *desk) []alerts.Event {
			d.change(lift1Hot, rules.Normal, 200)
			return d.pass(201, 7200)
		}, nil},
		{"clearing holds it up", func(d *desk) []alerts.Event {
			d.change(lift1Hot, rules.Clearing, 200)
			events := d.pass(201, 400)
			d.change(lift1Hot, rules.Active, 401)
			return append(events, d.pass(401, 700)...)
		}, []string{"401 rung-0", "600 rung-1"}},
		{"shelved, and the shelf ends: anew", func(d *desk) []alerts.Event {
			if _, err := d.book.Shelve(nil, 1, shelf, 100_000); err != nil {
				d.t.Fatal(err)
			}
			return d.pass(101, 1700)
		}, []string{"1600 rung-0"}},
		{"a better level goes on", func(d *desk) []alerts.Event {
			d.change(lift1Hot, rules.Active, 100, severity(rules.Warning))
			return d.pass(101, 700)
		}, []string{"300 rung-0", "600 rung-1"}},
		{"a level that comes and goes goes on", func(d *desk) []alerts.Event {
			d.change(lift1Hot, rules.Active, 100, severity(rules.Warning))
			d.change(lift1Hot, rules.Active, 200, severity(rules.Critical))
			return d.pass(201, 700)
		}, []string{"300 rung-0", "600 rung-1"}},
		{"worse than ever: anew", func(d *desk) []alerts.Event {
			events := d.pass(1, 400)
			d.change(lift1Hot, rules.Active, 400, severity(rules.LifeSafety))
			return append(events, d.pass(401, 1100)...)
		}, []string{"300 rung-0", "700 rung-0", "1000 rung-1"}},
		{"worse than when it was acknowledged: anew", func(d *desk) []alerts.Event {
			d.change(lift1Hot, rules.Active, 50, severity(rules.Warning))
			d.ack(1, 100)
			d.change(lift1Hot, rules.Active, 200)
			return d.pass(201, 600)
		}, []string{"500 rung-0"}},
		{"restarts forget nothing", func(d *desk) (events []alerts.Event) {
			for s := 100; s <= 2000; s += 100 {
				events = append(events, d.advance(s)...)
				d.restart(forAnHour)
				d.book.Escalate(fiveTenThirty, gateway.Instant(s*1000))
			}
			return events
		}, []string{"300 rung-0", "600 rung-1", "1800 rung-2"}},
		{"down for long: the latest only", func(d *desk) []alerts.Event {
			d.restart(forAnHour)
			d.book.Escalate(fiveTenThirty, 1000_000)
			return d.pass(1000, 2000)
		}, []string{"1000 rung-1 passed 1", "1800 rung-2"}},
		{"down for long, on trust: a minute to look again", func(d *desk) []alerts.Event {
			open := d.book.Open()
			open[0].Stale = true
			d.book = alerts.NewBook(d.site, d.rules, open, 0, forAnHour)
			d.book.Escalate(fiveTenThirty, 1000_000)
			return d.pass(1000, 2000)
		}, []string{"1060 rung-1 passed 1", "1800 rung-2"}},
		{"down for long, and it is there", func(d *desk) []alerts.Event {
			open := d.book.Open()
			open[0].Stale = true
			d.book = alerts.NewBook(d.site, d.rules, open, 0, forAnHour)
			d.book.Escalate(fiveTenThirty, 1000_000)
			events := d.pass(1000, 1010)
			d.change(lift1Hot, rules.Active, 1011)
			return append(events, d.pass(1011, 1100)...)
		}, []string{"1011 rung-1 passed 1"}},
		{"down for long, and it has returned", func(d *desk) []alerts.Event {
			open := d.book.Open()
			open[0].Stale = true
			d.book = alerts.NewBook(d.site, d.rules, open, 0, forAnHour)
			d.book.Escalate(fiveTenThirty, 1000_000)
			d.change(lift1Hot, rules.Normal, 1010)
			return d.pass(1010, 2000)
		}, nil},
		{"the clock is set forward", func(d *desk) []alerts.Event {
			d.advance(100)
			d.book.Skip(nil, 36_100_000, 10*time.Hour)
			return d.pass(36_100, 36_700)
		}, []string{"36300 rung-0", "36600 rung-1"}},
		{"a clock that was ahead", func(d *desk) []alerts.Event {
			open := d.book.Open()
			open[0].Call.Since = 36_000_000
			d.book = alerts.NewBook(d.site, d.rules, open, 0, forAnHour)
			d.book.Escalate(fiveTenThirty, 1000_000)
			return d.pass(1000, 1700)
		}, []string{"1300 rung-0", "1600 rung-1"}},
	} {
		t.Run(tt.walk, func(t *testing.T) {
			d := newDesk(t)
			d.restart(forAnHour)
			d.book.Escalate(fiveTenThirty, 0)
			d.change(lift1Hot, rules.Active, 0)
			if diff := cmp.Diff(tt.want, escalated(tt.steps(d))); diff != "" {
				t.Errorf("whom the ladder tells (-want +got):\n%s", diff)
			}
		})
	}
}

// TestALadderWaitsForNothingInTheLoop: Next never names a time that Advance has
// seen to, or the loop would spin.
func TestALadderWaitsForNothingInTheLoop(t *testing.T) {
	d := newDesk(t)
	d.book.Escalate(fiveTenThirty, 0)
	d.change(lift1Hot, rules.Active, 0)
	check := func(second int, what string) {
		t.Helper()
		d.advance(second)
		if at, ok := d.book.Next(); ok && at <= gateway.Instant(second*1000) {
			t.Errorf("%s: after second %d something is still due since %v", what, second, at)
		}
	}
	check(300, "told")
	d.change(lift1Hot, rules.Clearing, 400)
	check(700, "a rung is due while it clears")
	d.change(lift1Hot, rules.Active, 800)
	check(800, "it is back")
	d.ack(1, 900)
	check(2000, "acknowledged")
	if at, ok := d.book.Next(); ok {
		t.Errorf("nothing can be due, and Next says %v", at)
	}
}

// TestALadderWithoutAWaitTellsAtOnce: only what has waited is put off to the whole
// second.
func TestALadderWithoutAWaitTellsAtOnce(t *testing.T) {
	d := newDesk(t)
	d.book.Escalate(rungs{0, time.Minute}, 0)
	d.change(lift1Hot, rules.Active, 0, func(c *rules.Change) { c.At = 250 })
	if got := d.book.Advance(nil, 250); len(escalated(got)) != 1 {
		t.Errorf("at once: %q", told(got))
	}
	if at, _ := d.book.Next(); at != 61_000 {
		t.Errorf("the next rung is due at %d ms", at)
	}
}
