package alerts_test

import (
	"strings"
	"testing"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// TestISA walks the state diagram of ISA-18.2-2016, by its letters. Each walk
// begins in A, normal, and names the states that lift 1 goes through.
func TestISA(t *testing.T) {
	acts := map[string]func(d *desk, s int) []alerts.Event{
		"alarm":  func(d *desk, s int) []alerts.Event { return d.change(lift1Hot, rules.Active, s) },
		"return": func(d *desk, s int) []alerts.Event { return d.change(lift1Hot, rules.Normal, s) },
		"worse": func(d *desk, s int) []alerts.Event {
			return d.change(lift1Hot, rules.Active, s, severity(rules.LifeSafety))
		},
		"acknowledge": func(d *desk, s int) []alerts.Event { return d.ack(d.newest().ID, s) },
		"re-alarm":    func(d *desk, _ int) []alerts.Event { return d.advance(3700) },
		"shelve":      func(d *desk, s int) []alerts.Event { return d.shelve(d.newest().ID, s) },
		"unshelve": func(d *desk, s int) []alerts.Event {
			events, err := d.book.Unshelve(nil, d.newest().ID, "li", gateway.Instant(s*1000))
			if err != nil {
				d.t.Error(err)
			}
			return events
		},
		"line falls silent":  func(d *desk, s int) []alerts.Event { return d.change(lineLoss, rules.Active, s) },
		"line returns":       func(d *desk, s int) []alerts.Event { return d.change(lineLoss, rules.Normal, s) },
		"lift falls silent":  func(d *desk, s int) []alerts.Event { return d.change(lift1Loss, rules.Active, s) },
		"lift answers":       func(d *desk, s int) []alerts.Event { return d.change(lift1Loss, rules.Normal, s) },
		"half a minute goes": func(d *desk, s int) []alerts.Event { return d.advance(s + 30) },
	}
	for walk, steps := range map[string]string{
		"A>B>C>A":   "alarm, acknowledge, return",
		"A>B>D>A":   "alarm, return, acknowledge",
		"A>B>D>B":   "alarm, return, alarm",
		"A>B>C>B":   "alarm, acknowledge, re-alarm",
		"A>B>C>B>C": "alarm, acknowledge, worse, acknowledge",
		"A>B>G>B":   "alarm, shelve, unshelve",
		"A>B>G>D":   "alarm, shelve, return, unshelve",
		"A>B>C>G>C": "alarm, acknowledge, shelve, unshelve",
		"A>B>D>G>D": "alarm, return, shelve, unshelve",
		"A>B>C>G>A": "alarm, acknowledge, shelve, return, unshelve",
		"A>B>G>B>D": "alarm, shelve, worse, return",
		"A>H>A":     "line falls silent, lift falls silent, lift answers",
		"A>H>B":     "line falls silent, lift falls silent, line returns, half a minute goes",
	} {
		t.Run(walk, func(t *testing.T) {
			d := newDesk(t)
			d.restart(forAnHour)
			got := "A"
			for i, step := range strings.Split(steps, ", ") {
				acts[step](d, 1+i)
				if letter := d.lift(); !strings.HasSuffix(got, letter) {
					got += ">" + letter
				}
			}
			if got != walk {
				t.Errorf("%s leads %s", steps, got)
			}
		})
	}
}

// newest returns the alert that was raised last of those open.
func (d *desk) newest() alerts.Alert {
	open := d.book.Open()
	return open[len(open)-1]
}

// lift returns the letter of the newest alert of lift 1, A if it has none.
func (d *desk) lift() string {
	letter := "A"
	for _, a := range d.book.Open() {
		if a.Facility == "lift-1" {
			letter = a.ISA()
		}
	}
	return letter
}
