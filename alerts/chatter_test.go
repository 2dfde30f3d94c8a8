package alerts_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/rules"
)

// comeAndGo lets lift 1 be hot for five seconds out of every ten, times times
// from second 1 on, and returns what happened.
func (d *desk) comeAndGo(times int, sev rules.Severity) (all []alerts.Event) {
	for i := range times {
		all = append(all, d.change(lift1Hot, rules.Active, 1+10*i, severity(sev))...)
		all = append(all, d.change(lift1Hot, rules.Normal, 6+10*i)...)
	}
	return all
}

func TestChatterIsToldAtItsBeginningAndAtItsEnd(t *testing.T) {
	d := newDesk(t)
	d.wantHeard(d.comeAndGo(20, rules.Warning),
		"raised lift-1#1", "returned lift-1#1", "raised lift-1#2", "returned lift-1#2", "raised lift-1#3")
	open := d.book.Open()
	if len(open) != 1 || open[0].Chatter.Times != 20 || open[0].Phase != rules.Normal {
		t.Fatalf("open are %+v", open)
	}
	d.wantHeard(d.advance(790)) // the last came at 191
	d.wantHeard(d.advance(791), "calmed lift-1#3")
	if a := d.book.Open()[0]; a.ISA() != "D" || a.Chattering() {
		t.Errorf("it has settled as %+v", a)
	}
}

// TestChatter walks through what follows when an alert has come and gone three
// times, and is marked for it; the last time at second 26.
func TestChatter(t *testing.T) {
	come := func(s int, sev rules.Severity) func(*desk) []alerts.Event {
		return func(d *desk) []alerts.Event { return d.change(lift1Hot, rules.Active, s, severity(sev)) }
	}
	back := func(s int) func(*desk) []alerts.Event {
		return func(d *desk) []alerts.Event { return d.change(lift1Hot, rules.Normal, s) }
	}
	later := func(s int) func(*desk) []alerts.Event { return func(d *desk) []alerts.Event { return d.advance(s) } }
	ack := func(d *desk) []alerts.Event { return d.ack(3, 27) }
	shelve := func(d *desk) []alerts.Event { return d.shelve(3, 27) }
	restart := func(d *desk) []alerts.Event { d.restart(alerts.Options{}); return nil }
	tests := []struct {
		walk  string
		steps []func(*desk) []alerts.Event
		heard []string
		isa   string
	}{
		{"settles", []func(*desk) []alerts.Event{later(621)}, []string{"calmed lift-1#3"}, "D"},
		{"acknowledged>settles", []func(*desk) []alerts.Event{ack, later(621)}, []string{"acknowledged lift-1#3", "calmed lift-1#3"}, ""},
		{"comes>settles while active>returns", []func(*desk) []alerts.Event{come(31, rules.Warning), later(631), back(700)}, []string{"returned lift-1#3"}, "D"},
		{"comes>returns>settles", []func(*desk) []alerts.Event{come(31, rules.Warning), back(32), later(631)}, []string{"calmed lift-1#3"}, "D"},
		{"acknowledged>comes>returns>settles", []func(*desk) []alerts.Event{ack, come(31, rules.Warning), back(32), later(631)}, []string{"acknowledged lift-1#3", "calmed lift-1#3"}, ""},
		{"comes worse", []func(*desk) []alerts.Event{come(31, rules.Critical)}, []string{"again lift-1#3"}, "B"},
		{"acknowledged>comes worse", []func(*desk) []alerts.Event{ack, come(31, rules.Critical)}, []string{"acknowledged lift-1#3", "again lift-1#3"}, "B"},
		{"comes>becomes worse>returns", []func(*desk) []alerts.Event{come(31, rules.Warning), come(32, rules.Critical), back(33)}, []string{"level lift-1#3", "returned lift-1#3"}, "D"},
		{"comes>becomes better", []func(*desk) []alerts.Event{come(31, rules.Warning), come(32, rules.Info)}, nil, "B"},
		{"restart>comes>returns>settles", []func(*desk) []alerts.Event{restart, come(31, rules.Warning), back(32), later(631)}, []string{"calmed lift-1#3"}, "D"},
		{"shelved>settles", []func(*desk) []alerts.Event{shelve, later(621)}, []string{"calmed lift-1#3"}, "G"},
		{"shelved>comes>shelf ends", []func(*desk) []alerts.Event{shelve, come(31, rules.Warning), later(3700)}, []string{"unshelved lift-1#3"}, "B"},
		{"shelved>comes worse", []func(*desk) []alerts.Event{shelve, come(31, rules.Critical)}, []string{"unshelved lift-1#3"}, "B"},
		{"its rule is gone", []func(*desk) []alerts.Event{func(d *desk) []alerts.Event {
			d.book = alerts.NewBook(d.site, d.rules[:lift1Hot], d.book.Open(), 0, alerts.Options{})
			return d.book.Withdraw(nil, 28_000)
		}}, []string{"calmed lift-1#3", "withdrawn lift-1#3"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.walk, func(t *testing.T) {
			d := newDesk(t)
			d.comeAndGo(3, rules.Warning)
			var all []alerts.Event
			for _, step := range tt.steps {
				all = append(all, step(d)...)
			}
			d.wantHeard(all, tt.heard...)
			isa := ""
			if open := d.book.Open(); len(open) > 0 {
				isa = open[0].ISA()
			}
			if isa != tt.isa {
				t.Errorf("it is in state %q, want %q", isa, tt.isa)
			}
		})
	}
}

func TestWhatComesTenTimesInAnHourChatters(t *testing.T) {
	d := newDesk(t)
	for i := range 10 {
		d.change(lift1Hot, rules.Active, 1+300*i)
		d.change(lift1Hot, rules.Normal, 2+300*i)
		if got := d.book.Open()[0].Chattering(); got != (i == 9) {
			t.Errorf("when it has come %d times it chatters: %v", i+1, got)
		}
	}
}

func TestADangerToLifeIsToldEveryTime(t *testing.T) {
	d := newDesk(t)
	var raised int
	for _, e := range d.comeAndGo(10, rules.LifeSafety) {
		if e.Kind == alerts.Raised && !e.Quiet {
			raised++
		}
	}
	if raised != 10 {
		t.Errorf("of ten dangers to life %d were told", raised)
	}
}

// TestWhatComesAgainStartsAnew: the time between was good, and the intact rate
// counts it so.
func TestWhatComesAgainStartsAnew(t *testing.T) {
	d := newDesk(t)
	d.comeAndGo(3, rules.Warning)
	e := d.change(lift1Hot, rules.Active, 31, severity(rules.Warning))
	d.want(e, "again lift-1#3")
	if a := e[0].Alert; a.Started != 30_500 || a.Raised != 31_000 || a.Cleared != 0 || !e[0].Announces() {
		t.Errorf("it has come again as %+v", a)
	}
	if diff := cmp.Diff(alerts.Chatter{Since: 21_000, Until: 631_000, Times: 4}, e[0].Alert.Chatter); diff != "" {
		t.Errorf("chatter (-want +got):\n%s", diff)
	}
}

// TestWhatChatteredUnderAShelfIsToldWhenItComesAfterIt: nobody has heard of this
// occurrence, and its shelf ends in a moment in which it is gone.
func TestWhatChatteredUnderAShelfIsToldWhenItComesAfterIt(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Hot, rules.Active, 1)
	d.shelve(1, 2)
	d.change(lift1Hot, rules.Normal, 3)
	for _, second := range []int{3560, 3570, 3580} {
		d.wantHeard(d.change(lift1Hot, rules.Active, second))
		d.wantHeard(d.change(lift1Hot, rules.Normal, second+5))
	}
	if a := d.newest(); !a.Chattering() || !a.Shelved() {
		t.Fatalf("it does not chatter under its shelf: %+v", a)
	}
	d.wantHeard(d.advance(3602))
	id := d.newest().ID
	d.wantHeard(d.change(lift1Hot, rules.Active, 3610), fmt.Sprintf("again lift-1#%d", id))
	d.wantHeard(d.change(lift1Hot, rules.Normal, 3620))
	d.wantHeard(d.change(lift1Hot, rules.Active, 3630)) // they know that it comes and goes
	d.wantHeard(d.advance(4230))
	d.wantHeard(d.change(lift1Hot, rules.Normal, 4300), fmt.Sprintf("returned lift-1#%d", id))
}
