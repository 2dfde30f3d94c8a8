package alerts_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// severity gives a change another severity than that of its rule.
func severity(s rules.Severity) func(*rules.Change) {
	return func(c *rules.Change) { c.Severity = s }
}

// byTwo is a shelf of an hour that two persons stand for.
var byTwo = alerts.Shelving{By: "li", Second: "wang", Reason: "sensor on order", For: time.Hour}

func (d *desk) shelve(id alerts.ID, second int) []alerts.Event {
	d.t.Helper()
	events, err := d.book.Shelve(nil, id, byTwo, gateway.Instant(second*1000))
	if err != nil {
		d.t.Fatal(err)
	}
	return events
}

// heard writes down what people outside are told of events.
func heard(events []alerts.Event) (s []string) {
	for _, e := range events {
		if !e.Quiet && e.Alert.Visibility == alerts.Shown {
			s = append(s, told([]alerts.Event{e})...)
		}
	}
	return s
}

func (d *desk) wantHeard(got []alerts.Event, want ...string) {
	d.t.Helper()
	if diff := cmp.Diff(want, heard(got)); diff != "" {
		d.t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestShelf walks through the life of a shelved alert. A walk names what happens
// after the alert was raised and shelved: > stands for the next second.
func TestShelf(t *testing.T) {
	on := func(to rules.Phase, sev rules.Severity) func(*desk, int) []alerts.Event {
		return func(d *desk, s int) []alerts.Event { return d.change(lift1Hot, to, s, severity(sev)) }
	}
	var (
		returns  = on(rules.Normal, rules.Warning)
		comes    = on(rules.Active, rules.Warning)
		worse    = on(rules.Active, rules.Critical)
		better   = on(rules.Active, rules.Info)
		expires  = func(d *desk, _ int) []alerts.Event { return d.advance(3602) }
		unshelve = func(d *desk, s int) []alerts.Event {
			open := d.book.Open()
			events, err := d.book.Unshelve(nil, open[len(open)-1].ID, "zhao", gateway.Instant(s*1000))
			if err != nil {
				d.t.Error(err)
			}
			return events
		}
		ack = func(d *desk, s int) []alerts.Event {
			open := d.book.Open()
			events, err := d.book.Ack(nil, open[len(open)-1].ID, alerts.Acknowledgement{By: "zhao"}, gateway.Instant(s*1000))
			if err != nil {
				d.t.Error(err)
			}
			return events
		}
		restart = func(d *desk, _ int) []alerts.Event {
			d.book = alerts.NewBook(d.site, d.rules, d.book.Open(), 0, alerts.Options{})
			return nil
		}
	)
	tests := []struct {
		walk  string
		steps []func(*desk, int) []alerts.Event
		heard []string
		isa   string // of the newest alert; "" if none is open
	}{
		{"shelved", nil, nil, "G"},
		{"shelved>expires", []func(*desk, int) []alerts.Event{expires}, []string{"unshelved lift-1#1"}, "B"},
		{"shelved>unshelved", []func(*desk, int) []alerts.Event{unshelve}, []string{"unshelved lift-1#1"}, "B"},
		{"shelved>unshelved>expires", []func(*desk, int) []alerts.Event{unshelve, expires}, []string{"unshelved lift-1#1"}, "B"},
		{"shelved>worse", []func(*desk, int) []alerts.Event{worse}, []string{"unshelved lift-1#1"}, "B"},
		{"shelved>better>as before", []func(*desk, int) []alerts.Event{better, comes}, nil, "G"},
		{"shelved>acknowledged>expires", []func(*desk, int) []alerts.Event{ack, expires}, []string{"unshelved lift-1#1"}, "C"},
		{"shelved>returns", []func(*desk, int) []alerts.Event{returns}, []string{"returned lift-1#1"}, "G"},
		{"shelved>returns>expires", []func(*desk, int) []alerts.Event{returns, expires}, []string{"returned lift-1#1"}, "D"},
		{"shelved>returns>acknowledged", []func(*desk, int) []alerts.Event{returns, ack}, []string{"returned lift-1#1"}, "G"},
		{"shelved>returns>acknowledged>expires", []func(*desk, int) []alerts.Event{returns, ack, expires}, []string{"returned lift-1#1"}, ""},
		{"shelved>returns>comes", []func(*desk, int) []alerts.Event{returns, comes}, []string{"returned lift-1#1"}, "G"},
		{"shelved>returns>comes>returns", []func(*desk, int) []alerts.Event{returns, comes, returns}, []string{"returned lift-1#1"}, "G"},
		{"shelved>returns>comes>expires", []func(*desk, int) []alerts.Event{returns, comes, expires}, []string{"returned lift-1#1", "unshelved lift-1#2"}, "B"},
		{"shelved>returns>comes worse", []func(*desk, int) []alerts.Event{returns, worse}, []string{"returned lift-1#1", "raised lift-1#2"}, "B"},
		{"shelved>restart", []func(*desk, int) []alerts.Event{restart}, nil, "G"},
		{"shelved>restart>expires", []func(*desk, int) []alerts.Event{restart, expires}, []string{"unshelved lift-1#1"}, "B"},
		{"shelved>returns>acknowledged>restart>comes", []func(*desk, int) []alerts.Event{returns, ack, restart, comes}, []string{"returned lift-1#1"}, "G"},
	}
	for _, tt := range tests {
		t.Run(tt.walk, func(t *testing.T) {
			d := newDesk(t)
			comes(d, 1)
			var all []alerts.Event
			d.wantHeard(d.shelve(1, 2))
			for i, step := range tt.steps {
				all = append(all, step(d, 3+i)...)
				all = append(all, d.advance(3+i)...)
			}
			d.wantHeard(all, tt.heard...)
			isa := ""
			if open := d.book.Open(); len(open) > 0 {
				isa = open[len(open)-1].ISA()
			}
			if isa != tt.isa {
				t.Errorf("it is in state %q, want %q", isa, tt.isa)
			}
		})
	}
}

func TestAClockSetForwardEndsNoShelf(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Hot, rules.Active, 1)
	d.shelve(1, 2)
	skipped := d.book.Skip(nil, 7203_000, 2*time.Hour)
	d.want(skipped, "postponed lift-1#1")
	d.wantHeard(skipped)
	d.want(d.advance(7204))
	d.want(d.advance(7200+3602), "unshelved lift-1#1")
}

func TestAShelfOfAClockThatWasAheadLastsNoLongerThanWasGranted(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Hot, rules.Active, 1_000_001)
	d.shelve(1, 1_000_002)
	d.book = alerts.NewBook(d.site, d.rules, d.book.Open(), 1, alerts.Options{})
	if at, ok := d.book.Next(); !ok || at != 0 {
		t.Errorf("after the start the shelf is looked at %v, %v", at, ok)
	}
	d.want(d.advance(10), "postponed lift-1#1")
	d.want(d.advance(3609))
	d.want(d.advance(3610), "unshelved lift-1#1")
}

func TestAShelvedAlertBehindItsLineIsTheLinesConsequenceUntilItReturns(t *testing.T) {
	d := newDesk(t)
	d.change(lineLoss, rules.Active, 1)
	d.change(lift1Loss, rules.Active, 2)
	d.shelve(2, 3)
	d.wantHeard(d.change(lift1Loss, rules.Normal, 4))
	if line := d.book.Open()[0]; line.Children != 0 {
		t.Errorf("the line hides %d alerts that have returned", line.Children)
	}
	d.book = alerts.NewBook(d.site, d.rules, d.book.Open(), 2, alerts.Options{})
	d.wantHeard(d.change(lineLoss, rules.Normal, 5), "returned bus-b1#1")
	d.wantHeard(d.advance(600))
	d.wantHeard(d.advance(3603))
}

func TestWhatIsRevealedUnderAShelfSpeaksWhenTheShelfEnds(t *testing.T) {
	d := newDesk(t)
	d.change(lineLoss, rules.Active, 1)
	d.change(lift1Loss, rules.Active, 2)
	d.shelve(2, 3)
	d.change(lineLoss, rules.Normal, 4)
	revealed := d.advance(40)
	d.want(revealed, "revealed lift-1#2")
	d.wantHeard(revealed)
	d.wantHeard(d.advance(3603), "unshelved lift-1#2")
}

func TestShelveRefuses(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Hot, rules.Active, 1)
	tests := []struct {
		name   string
		id     alerts.ID
		change func(*alerts.Shelving)
		want   error
	}{
		{"an alert that is not there", 7, func(*alerts.Shelving) {}, alerts.ErrNotFound},
		{"without a name", 1, func(s *alerts.Shelving) { s.By = "" }, alerts.ErrNoName},
		{"without a reason", 1, func(s *alerts.Shelving) { s.Reason = " " }, alerts.ErrNoReason},
		{"for no time", 1, func(s *alerts.Shelving) { s.For = 0 }, alerts.ErrShelfTime},
		{"for longer than a day", 1, func(s *alerts.Shelving) { s.For = alerts.MaxShelf + 1 }, alerts.ErrShelfTime},
		{"a lift without a second person", 1, func(s *alerts.Shelving) { s.Second = "" }, alerts.ErrNoSecond},
		{"a lift with the same person twice", 1, func(s *alerts.Shelving) { s.Second = s.By }, alerts.ErrNoSecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := byTwo
			tt.change(&s)
			if events, err := d.book.Shelve(nil, tt.id, s, 2000); !errors.Is(err, tt.want) || len(events) != 0 {
				t.Errorf("%v, %v, want %v", events, err, tt.want)
			}
		})
	}
	if _, err := d.book.Unshelve(nil, 1, "li", 3000); !errors.Is(err, alerts.ErrNotShelved) {
		t.Errorf("unshelving what is not shelved: %v", err)
	}
	d.shelve(1, 2)
	if _, err := d.book.Unshelve(nil, 1, "", 3000); !errors.Is(err, alerts.ErrNoName) {
		t.Errorf("unshelving without a name: %v", err)
	}
}

func TestTwoPersonsAreNeededWhereLivesHangOnIt(t *testing.T) {
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{
		{ID: "bus-lifts", Class: gateway.Line},
		{ID: "bus-pumps", Class: gateway.Line},
		{ID: "lift-1", Class: gateway.Elevator, Lines: []gateway.FacilityID{"bus-lifts"}},
		{ID: "pump-1", Class: gateway.Pump, Lines: []gateway.FacilityID{"bus-pumps"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		alert alerts.Alert
		want  bool
	}{
		{"a pump", alerts.Alert{Facility: "pump-1", Severity: rules.Critical}, false},
		{"a danger to life at a pump", alerts.Alert{Facility: "pump-1", Severity: rules.LifeSafety}, true},
		{"a lift", alerts.Alert{Facility: "lift-1", Severity: rules.Warning}, true},
		{"the line of a lift", alerts.Alert{Facility: "bus-lifts", Severity: rules.Warning}, true},
		{"the line of a pump", alerts.Alert{Facility: "bus-pumps", Severity: rules.Warning}, false},
	}
	for _, tt := range tests {
		if got := alerts.TwoPersons(site, tt.alert); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
