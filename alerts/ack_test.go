package alerts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// forAnHour lets the acknowledgement of a critical alert hold for an hour.
var forAnHour = alerts.Options{AckFor: alerts.AckFor{Critical: time.Hour}}

func (d *desk) restart(o alerts.Options) {
	d.book = alerts.NewBook(d.site, d.rules, d.book.Open(), 0, o)
}

func (d *desk) ack(id alerts.ID, second int) []alerts.Event {
	d.t.Helper()
	events, err := d.book.Ack(nil, id, alerts.Acknowledgement{By: "li", Note: "on my way", Via: "page"}, gateway.Instant(second*1000))
	if err != nil {
		d.t.Fatal(err)
	}
	return events
}

// TestAcknowledgementRunsOut walks through the time of an acknowledgement of an
// hour, given at second 2 to an alert of second 1.
func TestAcknowledgementRunsOut(t *testing.T) {
	tests := []struct {
		walk  string
		steps func(d *desk) []alerts.Event
		heard []string
		isa   string // "" if none is open
	}{
		{"acknowledged>an hour", func(d *desk) []alerts.Event { return d.advance(3602) }, []string{"realarmed lift-1#1"}, "B"},
		{"acknowledged>a second less", func(d *desk) []alerts.Event { return d.advance(3601) }, nil, "C"},
		{"acknowledged>an hour>acknowledged>an hour", func(d *desk) []alerts.Event {
			d.advance(3602)
			d.ack(1, 3603)
			return d.advance(7203)
		}, []string{"realarmed lift-1#1"}, "B"},
		{"acknowledged>returns>an hour", func(d *desk) []alerts.Event {
			d.change(lift1Hot, rules.Normal, 3)
			return d.advance(3602)
		}, nil, ""},
		{"acknowledged>worse>acknowledged>an hour", func(d *desk) []alerts.Event {
			d.change(lift1Hot, rules.Active, 3, severity(rules.LifeSafety))
			d.ack(1, 4)
			return d.advance(3604)
		}, nil, "C"},
		{"acknowledged>restart>an hour", func(d *desk) []alerts.Event {
			d.restart(forAnHour)
			return d.advance(3602)
		}, []string{"realarmed lift-1#1"}, "B"},
		{"acknowledged>restart without a limit>a day", func(d *desk) []alerts.Event {
			d.restart(alerts.Options{})
			return d.advance(86400)
		}, nil, "C"},
		{"acknowledged>restart without a limit>restart with it>an hour", func(d *desk) []alerts.Event {
			d.restart(alerts.Options{})
			d.restart(forAnHour)
			return d.advance(3602)
		}, []string{"realarmed lift-1#1"}, "B"},
		{"acknowledged>clock set forward>an hour", func(d *desk) []alerts.Event {
			d.book.Skip(nil, 36_003_000, 10*time.Hour)
			return append(d.advance(36_003), d.advance(39_602)...)
		}, []string{"realarmed lift-1#1"}, "B"},
		{"acknowledged>shelved>an hour", func(d *desk) []alerts.Event {
			d.shelve(1, 100)
			return d.advance(3602)
		}, nil, "G"},
		{"acknowledged>shelved>both run out", func(d *desk) []alerts.Event {
			d.shelve(1, 100)
			return d.advance(3700)
		}, []string{"unshelved lift-1#1"}, "B"},
	}
	for _, tt := range tests {
		t.Run(tt.walk, func(t *testing.T) {
			d := newDesk(t)
			d.restart(forAnHour)
			d.change(lift1Hot, rules.Active, 1)
			a := d.ack(1, 2)[0].Alert
			if a.AckVia != "page" || a.AckNote != "on my way" || a.AckUntil != 3602_000 {
				t.Errorf("acknowledged as %+v", a)
			}
			d.advance(2)
			d.wantHeard(tt.steps(d), tt.heard...)
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

func TestAnAcknowledgementOfAClockThatWasAheadRunsOut(t *testing.T) {
	d := newDesk(t)
	d.restart(forAnHour)
	d.change(lift1Hot, rules.Active, 1_000_001)
	d.ack(1, 1_000_002)
	d.restart(forAnHour)
	d.want(d.advance(10), "postponed lift-1#1")
	d.want(d.advance(3610), "realarmed lift-1#1")
}

func TestATimeInWhichNobodyCanMendAnythingIsRefused(t *testing.T) {
	var paths []string
	o := alerts.Options{AckFor: alerts.AckFor{Warning: time.Second, Critical: time.Minute, LifeSafety: -time.Hour}}
	o.Validate(func(path, _, _ string) { paths = append(paths, path) })
	if got := strings.Join(paths, " "); got != "ack_for.warning ack_for.life_safety" {
		t.Errorf("refused are %q", got)
	}
}
