package tickets_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// move makes moves on ticket 1 at the moment at, by their names.
func move(t *testing.T, d *tickets.Desk, at gateway.Instant, events ...string) {
	t.Helper()
	for _, event := range events {
		m := tickets.Move{Event: event, By: "王强", To: "李明", Note: "n", Cause: "c", Action: "a", At: at}
		if _, err := d.Move(nil, 1, m); err != nil {
			t.Fatalf("%s: %v", event, err)
		}
	}
}

func only(t *testing.T, d *tickets.Desk) tickets.Ticket {
	t.Helper()
	all := d.Tickets()
	if len(all) != 1 {
		t.Fatalf("%d tickets are open: %+v", len(all), all)
	}
	return all[0]
}

func silent(id alerts.ID, kind alerts.EventKind, at gateway.Instant) alerts.Event {
	a := alerts.Alert{ID: id, Facility: "pump-1", Rule: alerts.CommLoss, Family: alerts.CommLoss, SLA: "ordinary", Phase: rules.Active, Started: at}
	if kind == alerts.Hidden {
		a.Visibility = alerts.Suppressed
	}
	if kind == alerts.Returned {
		a.Phase, a.Cleared = rules.Normal, at
	}
	return alerts.Event{Kind: kind, At: at, Alert: a}
}

// repaired returns a desk whose one ticket is done, at five past nine.
func repaired(t *testing.T, sla string, steps ...string) *tickets.Desk {
	t.Helper()
	d := newDesk(t)
	a := alert(1, sla)
	d.OnAlert(nil, raised(a, nine))
	d.OnAlert(nil, returned(a, after(4*time.Minute)))
	move(t, d, after(5*time.Minute), steps...)
	return d
}

func TestAFaultThatComesBackTakesADoneTicketBackToWork(t *testing.T) {
	d := repaired(t, "ordinary", "accept", "arrive", "start", "done")
	got := d.OnAlert(nil, raised(alert(2, "ordinary"), after(time.Hour)))
	wantEvents(t, got, "relapsed")
	if e := got[0]; e.From != tickets.Done || e.Ticket.State != tickets.Working || !e.Ticket.Finished.IsZero() {
		t.Errorf("from %s to %s, finished %v", e.From, e.Ticket.State, e.Ticket.Finished)
	}
	wantEvents(t, d.Advance(nil, after(48*time.Hour)), "breached finish")
}

func TestAReportOnADoneTicketTakesItBackToWork(t *testing.T) {
	d := newDesk(t)
	r := tickets.Request{Facility: "lift-1", Text: "门有异响", By: "张女士"}
	if _, err := d.Open(nil, r, nine); err != nil {
		t.Fatal(err)
	}
	move(t, d, after(time.Minute), "accept", "start", "done")
	if _, err := d.Open(nil, r, after(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if tk := only(t, d); tk.State != tickets.Working || !tk.Finished.IsZero() || tk.Count != 2 {
		t.Errorf("it is %+v", tk)
	}
}

func TestAnEmergencyOnATicketWorkedOnFromAfarNeedsSomebodyOnSite(t *testing.T) {
	for _, steps := range [][]string{{"accept", "start"}, {"accept", "start", "hold"}, {"accept", "start", "done"}} {
		d := repaired(t, "ordinary", steps...)
		wantEvents(t, d.OnAlert(nil, raised(alert(2, "rescue"), after(time.Hour))), "relapsed", "raised")
		if tk := only(t, d); tk.State != tickets.Accepted || tk.Deadlines.Arrive != after(90*time.Minute) {
			t.Errorf("after %v it is %s, arrive by %v", steps, tk.State, tk.Deadlines.Arrive)
		}
		move(t, d, after(80*time.Minute), "arrive")
		wantEvents(t, d.Advance(nil, after(91*time.Minute)))
	}
}

func TestWorkFromAfarHasNoClockOfArrival(t *testing.T) {
	d := repaired(t, "ordinary", "accept", "start", "done")
	wantEvents(t, d.Advance(nil, after(24*time.Hour)))
}

func TestAClockThatHasStoppedStaysStopped(t *testing.T) {
	d := newDesk(t)
	d.OnAlert(nil, raised(alert(1, "ordinary"), nine))
	move(t, d, after(time.Hour), "accept", "decline")
	wantEvents(t, d.Advance(nil, after(3*time.Hour)))
	move(t, d, after(3*time.Hour), "accept")
	if tk := only(t, d); tk.Responded != after(time.Hour) || tk.Owner != "王强" || tk.Breached != nil {
		t.Errorf("responded at %v by %q, breached %v", tk.Responded, tk.Owner, tk.Breached)
	}
}

func TestARaisedPriorityKeepsTheMarkOfAClockThatStoppedLate(t *testing.T) {
	d := newDesk(t)
	d.OnAlert(nil, raised(alert(1, "ordinary"), nine))
	wantEvents(t, d.Advance(nil, after(5*time.Hour)), "breached respond", "breached arrive")
	move(t, d, after(5*time.Hour), "accept")
	d.OnAlert(nil, raised(alert(2, "emergency"), after(6*time.Hour)))
	if tk := only(t, d); !slices.Equal(tk.Breached, []string{"respond"}) {
		t.Errorf("breached %v: the answer was late, the new clock of arrival runs", tk.Breached)
	}
	wantEvents(t, d.Advance(nil, after(7*time.Hour)), "breached arrive")
}

func TestAFacilityThatIsSilentDoesNotReadGood(t *testing.T) {
	for _, kind := range []alerts.EventKind{alerts.Hidden, alerts.Raised, alerts.Revealed} {
		d := newDesk(t)
		a := alert(1, "ordinary")
		d.OnAlert(nil, raised(a, nine))
		d.OnAlert(nil, returned(a, after(time.Minute)))
		d.OnAlert(nil, silent(2, kind, after(2*time.Minute)))
		d.Advance(nil, after(90*time.Minute))
		tk, open := d.Find("pump-1", "trip")
		if !open || !tk.Recovered.IsZero() {
			t.Fatalf("%v: open %v, recovered %v although nothing is heard", kind, open, tk.Recovered)
		}
		if _, err := tk.Move(tickets.Move{Event: "accept", By: "w", At: after(90 * time.Minute)}); err != nil {
			t.Error(err)
		}
		d.OnAlert(nil, silent(2, alerts.Returned, after(100*time.Minute)))
		d.Advance(nil, after(129*time.Minute))
		if tk, open = d.Find("pump-1", "trip"); !open || tk.Recovered != after(100*time.Minute) {
			t.Errorf("%v: open %v, recovered %v", kind, open, tk.Recovered)
		}
		d.Advance(nil, after(130*time.Minute))
		if _, open = d.Find("pump-1", "trip"); open {
			t.Errorf("%v: still open after half an hour of good readings", kind)
		}
	}
}

func TestSilenceSaysNothingAboutWhatAPersonReported(t *testing.T) {
	d := newDesk(t)
	if _, err := d.Open(nil, tickets.Request{Facility: "pump-1", Text: "漏水", By: "x"}, nine); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, d.OnAlert(nil, silent(1, alerts.Hidden, after(time.Minute))))
	wantEvents(t, d.OnAlert(nil, silent(1, alerts.Returned, after(2*time.Minute))))
}

func TestADeviceThatFallsSilentAgainIsCountedOnceOnItsTicket(t *testing.T) {
	d := newDesk(t)
	d.OnAlert(nil, silent(1, alerts.Raised, nine))
	d.OnAlert(nil, silent(1, alerts.Returned, after(time.Minute)))
	d.OnAlert(nil, silent(2, alerts.Hidden, after(2*time.Minute)))
	d.OnAlert(nil, silent(2, alerts.Revealed, after(3*time.Minute)))
	if tk := only(t, d); tk.Count != 2 || !slices.Equal(tk.Active, []alerts.ID{2}) || tk.Latest != 2 {
		t.Errorf("it is %+v", tk)
	}
	wantEvents(t, d.OnAlert(nil, silent(2, alerts.Returned, after(4*time.Minute))), "recovered")
}

func TestAWithdrawnAlertHasNotRecovered(t *testing.T) {
	d := newDesk(t)
	a := alert(1, "ordinary")
	d.OnAlert(nil, raised(a, nine))
	a.Phase, a.Cleared = rules.Normal, after(time.Minute)
	wantEvents(t, d.OnAlert(nil, alerts.Event{Kind: alerts.Withdrawn, At: after(time.Minute), Alert: a}))
	d.Advance(nil, after(time.Hour))
	if tk := only(t, d); !tk.Recovered.IsZero() {
		t.Errorf("recovered at %v because its rule was taken away", tk.Recovered)
	}
}

func TestTheTimeTheGatewayWasNotRunningIsNoTimeOfGoodReadings(t *testing.T) {
	d := newDesk(t)
	a := alert(1, "ordinary")
	d.OnAlert(nil, raised(a, nine))
	d.OnAlert(nil, returned(a, after(time.Minute)))
	d = tickets.NewDesk(site(t), d.Tickets(), 1, nil, tickets.Options{})
	wantEvents(t, d.Advance(nil, after(time.Hour)))
	wantEvents(t, d.Advance(nil, after(89*time.Minute)))
	if at, ok := d.Next(); !ok || at != after(90*time.Minute) {
		t.Errorf("next at %v, %v", at, ok)
	}
	if got := d.Advance(nil, after(90*time.Minute)); len(got) != 1 || got[0].Ticket.State != tickets.Closed {
		t.Errorf("after half an hour: %v", names(got))
	}
}

// comeAndGo has the fault of alert id come at hour and go for good, and returns
// what became of the ticket within the two hours after it.
func comeAndGo(d *tickets.Desk, id alerts.ID, hour time.Duration) []tickets.Event {
	a := alert(id, "ordinary")
	a.Started = after(hour * time.Hour)
	events := d.OnAlert(nil, raised(a, a.Started))
	events = d.OnAlert(events, returned(a, a.Started.Add(time.Minute)))
	return d.Advance(events, a.Started.Add(time.Hour))
}

func TestTheCountOfWhatClosedByItselfGoesOnAfterARestart(t *testing.T) {
	known := map[tickets.ID]tickets.Ticket{} // as the store has them
	learn := func(events []tickets.Event) {
		for _, e := range events {
			known[e.Ticket.ID] = e.Ticket
		}
	}
	d := newDesk(t)
	for n := range 3 {
		learn(comeAndGo(d, alerts.ID(n+1), time.Duration(3*n)))
	}
	byPerson, elsewhere := known[1], known[2]
	byPerson.ID, byPerson.Responded, byPerson.Ended = 11, nine, after(8*time.Hour)
	elsewhere.ID, elsewhere.Facility = 12, "lift-1"
	known[11], known[12] = byPerson, elsewhere
	for id, tk := range known {
		if tk.State != tickets.Closed {
			t.Fatalf("ticket %d is %s", id, tk.State)
		}
	}
	d = tickets.NewDesk(site(t), slices.Collect(maps.Values(known)), 12, nil, tickets.Options{})
	d.Advance(nil, after(9*time.Hour))
	if open := d.Tickets(); len(open) != 0 {
		t.Errorf("what was closed is open again: %v", open)
	}
	comeAndGo(d, 20, 9)
	if open := d.Tickets(); len(open) != 1 {
		t.Errorf("a fourth ticket of the same fault closed by itself within a day")
	}

	// A day after the first of them only two are left to count.
	d = tickets.NewDesk(site(t), slices.Collect(maps.Values(known)), 12, nil, tickets.Options{})
	d.Advance(nil, after(25*time.Hour))
	comeAndGo(d, 21, 25)
	if open := d.Tickets(); len(open) != 0 {
		t.Errorf("a day later it does not close by itself: %v", open)
	}
}

func TestATicketThatIsAssignedButNotAcceptedClosesByItself(t *testing.T) {
	tests := []struct {
		steps  []string
		closes bool
	}{
		{nil, true},
		{[]string{"assign"}, true},
		{[]string{"accept"}, false},
		{[]string{"accept", "decline"}, false}, // somebody has looked and left a reason
	}
	for _, tt := range tests {
		d := repaired(t, "ordinary", tt.steps...)
		d.Advance(nil, after(34*time.Minute))
		if closed := len(d.Tickets()) == 0; closed != tt.closes {
			t.Errorf("after %v: closed %v, want %v", tt.steps, closed, tt.closes)
		}
	}
}

func TestClocksOfASiteRunOutInTheirOwnOrder(t *testing.T) {
	o := tickets.Options{SLA: []tickets.SLA{{Priority: tickets.Ordinary, Respond: 3 * time.Hour, Arrive: 2 * time.Hour, Finish: time.Hour}}}
	d := tickets.NewDesk(site(t), nil, 0, nil, o)
	d.OnAlert(nil, raised(alert(1, "ordinary"), nine))
	if at, ok := d.Next(); !ok || at != after(time.Hour) {
		t.Errorf("next at %v, %v", at, ok)
	}
	wantEvents(t, d.Advance(nil, after(24*time.Hour)), "breached finish", "breached arrive", "breached respond")
}

func TestTwoPersonsCancelARescueAndBothAreOnRecord(t *testing.T) {
	for _, second := range []string{"", " ", "wang", " Wang "} {
		tk := tickets.Ticket{State: tickets.New, Priority: tickets.Rescue}
		if _, err := tk.Move(tickets.Move{Event: "cancel", By: "wang", Second: second, Note: "drill"}); err == nil {
			t.Errorf("wang and %q cancelled a rescue", second)
		}
	}
	d := newDesk(t)
	d.OnAlert(nil, raised(alert(1, "rescue"), nine))
	got, err := d.Move(nil, 1, tickets.Move{Event: "cancel", By: "wang", Second: "li", Note: "drill", At: nine})
	if err != nil || got[0].By != "wang, li" {
		t.Errorf("cancelled as %+v, %v", got, err)
	}
}

func TestNumbersGoOnAfterARestartAndBeginAgainAtMidnightOfTheSite(t *testing.T) {
	d := tickets.NewDesk(site(t), nil, 41, map[string]int{"20260310": 7}, tickets.Options{})
	open := func(f gateway.FacilityID, at gateway.Instant) tickets.Ticket {
		got, err := d.Open(nil, tickets.Request{Facility: f, Text: "x", By: "y"}, at)
		if err != nil {
			t.Fatal(err)
		}
		return got[0].Ticket
	}
	if tk := open("pump-1", after(15*time.Hour-time.Millisecond)); tk.Number != "WX20260310-0008" || tk.ID != 42 {
		t.Errorf("a millisecond to midnight it is %d, %s", tk.ID, tk.Number)
	}
	if tk := open("lift-1", after(15*time.Hour)); tk.Number != "WX20260311-0001" || tk.ID != 43 {
		t.Errorf("at midnight it is %d, %s", tk.ID, tk.Number)
	}
}

func TestTheDeskSharesNothingWithWhoLooksAtIt(t *testing.T) {
	d := newDesk(t)
	d.OnAlert(nil, raised(alert(1, "ordinary"), nine))
	loaded := d.Tickets()
	again := tickets.NewDesk(site(t), loaded, 1, nil, tickets.Options{})
	again.OnAlert(nil, returned(alert(1, "ordinary"), after(time.Minute)))
	if !slices.Equal(loaded[0].Active, []alerts.ID{1}) {
		t.Errorf("the tickets given to a desk changed under their owner: %v", loaded[0].Active)
	}
}

// TestWhatComesAndGoesIsOneOccurrenceUntilItHasSettled: and takes a ticket that
// was done back to work all the same.
func TestWhatComesAndGoesIsOneOccurrenceUntilItHasSettled(t *testing.T) {
	d := newDesk(t)
	a := alert(1, "ordinary")
	wantEvents(t, d.OnAlert(nil, raised(a, nine)), "opened")
	a.Chatter = alerts.Chatter{Since: nine, Until: after(10 * time.Minute), Times: 3}
	comes := func(at gateway.Instant) alerts.Event {
		a.Phase, a.Cleared = rules.Active, 0
		return alerts.Event{Kind: alerts.Again, At: at, Alert: a}
	}
	goes := func(kind alerts.EventKind, at gateway.Instant) alerts.Event {
		a.Phase, a.Cleared = rules.Normal, after(5*time.Minute)
		return alerts.Event{Kind: kind, At: at, Alert: a}
	}
	for range 100 {
		wantEvents(t, d.OnAlert(nil, goes(alerts.Returned, after(2*time.Minute))))
		wantEvents(t, d.OnAlert(nil, comes(after(3*time.Minute))))
	}
	if got := only(t, d); got.Count != 101 || !got.Recovered.IsZero() {
		t.Errorf("while it comes and goes: %+v", got)
	}
	wantEvents(t, d.OnAlert(nil, goes(alerts.Returned, after(3*time.Minute))))
	move(t, d, after(4*time.Minute), "assign", "accept", "arrive", "start", "done")
	wantEvents(t, d.OnAlert(nil, comes(after(6*time.Minute))), "relapsed")
	if got := only(t, d); got.State != tickets.Working {
		t.Errorf("a fault that came back leaves it %v", got.State)
	}
	wantEvents(t, d.OnAlert(nil, goes(alerts.Returned, after(7*time.Minute))))
	a.Chatter.Until = 0
	wantEvents(t, d.OnAlert(nil, goes(alerts.Calmed, after(17*time.Minute))), "recovered")
	if got := only(t, d); got.Recovered != after(5*time.Minute) {
		t.Errorf("recovered at %v", got.Recovered)
	}
}
