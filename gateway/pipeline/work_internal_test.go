package pipeline

import (
	"reflect"
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
)

func TestWorkCountsClocksThatWereStoppedInTime(t *testing.T) {
	const start = gateway.Instant(1_800_000_000_000)
	minute := func(n int) gateway.Instant { return start.Add(time.Duration(n) * time.Minute) }
	for name, c := range map[string]struct {
		event    tickets.Event
		met      string
		arrivals int // the range it falls in; -1 for none
	}{
		"accept, in time": {tickets.Event{Name: "accept", At: minute(2), Ticket: tickets.Ticket{Responded: minute(2)}}, "respond", -1},
		"accept, the second to answer": {
			tickets.Event{Name: "accept", At: minute(3), Ticket: tickets.Ticket{Responded: minute(2)}}, "", -1},
		"accept, too late": {
			tickets.Event{Name: "accept", At: minute(2), Ticket: tickets.Ticket{Responded: minute(2), Breached: []string{"respond"}}}, "", -1},
		"arrive, after exactly 30 min": {tickets.Event{Name: "arrive", At: minute(30), Ticket: tickets.Ticket{Started: start, ArrivedAt: minute(30)}}, "arrive", 4},
		"arrive, after a day": {
			tickets.Event{Name: "arrive", At: minute(1440), Ticket: tickets.Ticket{Started: start, ArrivedAt: minute(1440), Breached: []string{"respond", "arrive"}}}, "", 9},
		"done, not yet verified":   {tickets.Event{Name: "done", At: minute(50), Ticket: tickets.Ticket{Finished: minute(50)}}, "", -1},
		"verify, done in time":     {tickets.Event{Name: "verify", At: minute(60), Ticket: tickets.Ticket{Finished: minute(50)}}, "finish", -1},
		"verify, closed by itself": {tickets.Event{Name: "verify", At: minute(60)}, "", -1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWork()
			w.count(c.event)
			want := newWork()
			want.Steps[c.event.Name] = 1
			if c.met != "" {
				want.Met[c.met] = 1
			}
			if c.arrivals >= 0 {
				want.Arrivals[c.arrivals] = 1
				want.ArrivalTime = c.event.At.Sub(start)
			}
			if !reflect.DeepEqual(w, want) {
				t.Errorf("counted %+v, want %+v", w, want)
			}
		})
	}
}
