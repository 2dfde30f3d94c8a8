package tickets_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

func site(t testing.TB) *gateway.Site {
	t.Helper()
	s, err := gateway.NewSite("s", gateway.Text{}, time.FixedZone("CST", 8*3600), gateway.Chinese, []gateway.Facility{
		{ID: "pump-1", Class: gateway.Pump}, {ID: "lift-1", Class: gateway.Elevator},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// nine is 9 o'clock of 10 March 2026 in Shanghai.
var nine = gateway.InstantOf(time.Date(2026, 3, 10, 1, 0, 0, 0, time.UTC))

func after(d time.Duration) gateway.Instant { return nine.Add(d) }

func alert(id alerts.ID, sla string) alerts.Alert {
	return alerts.Alert{ID: id, Facility: "pump-1", Rule: "tripped", Family: "trip", SLA: sla, Phase: rules.Active, Started: nine}
}

func raised(a alerts.Alert, at gateway.Instant) alerts.Event {
	return alerts.Event{Kind: alerts.Raised, At: at, Alert: a}
}

func returned(a alerts.Alert, at gateway.Instant) alerts.Event {
	a.Phase, a.Cleared = rules.Normal, at
	return alerts.Event{Kind: alerts.Returned, At: at, Alert: a}
}

func names(events []tickets.Event) (s []string) {
	for _, e := range events {
		s = append(s, strings.TrimSpace(e.Name+" "+e.Note))
	}
	return s
}

func wantEvents(t *testing.T, got []tickets.Event, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, names(got)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func newDesk(t *testing.T) *tickets.Desk {
	t.Helper()
	d := tickets.NewDesk(site(t), nil, 0, nil, tickets.Options{})
	d.Advance(nil, nine)
	return d
}

func TestWalksOfOneTicket(t *testing.T) {
	full := func(event string) tickets.Move {
		return tickets.Move{Event: event, By: "王强", To: "李明", Note: "because", Cause: "fuse", Action: "replaced", At: nine}
	}
	tests := []struct {
		walk     string
		priority tickets.Priority
		end      tickets.State
		fails    error // of the last move
	}{
		{"accept arrive start done verify", tickets.Ordinary, tickets.Closed, nil},
		{"assign accept start done verify", tickets.Ordinary, tickets.Closed, nil},
		{"accept arrive done verify", tickets.Emergency, tickets.Closed, nil},
		{"accept start hold resume done reject done verify", tickets.Ordinary, tickets.Closed, nil},
		{"accept decline accept", tickets.Ordinary, tickets.Accepted, nil},
		{"cancel", tickets.Emergency, tickets.Cancelled, nil},
		{"cancel", tickets.Rescue, tickets.New, tickets.ErrIncomplete},
		{"accept start", tickets.Emergency, tickets.Accepted, tickets.ErrIncomplete},
		{"arrive", tickets.Ordinary, tickets.New, tickets.ErrNotAllowed},
		{"verify", tickets.Ordinary, tickets.New, tickets.ErrNotAllowed},
		{"accept accept", tickets.Ordinary, tickets.Accepted, tickets.ErrNotAllowed},
		{"accept start done verify accept", tickets.Ordinary, tickets.Closed, tickets.ErrNotAllowed},
		{"fly", tickets.Ordinary, tickets.New, tickets.ErrNotAllowed},
	}
	for _, tt := range tests {
		t.Run(string(tt.priority)+" "+tt.walk, func(t *testing.T) {
			tk := tickets.Ticket{State: tickets.New, Priority: tt.priority}
			var err error
			for event := range strings.FieldsSeq(tt.walk) {
				if err != nil {
					t.Fatalf("before %s: %v", event, err)
				}
				tk, err = tk.Move(full(event))
			}
			if !errors.Is(err, tt.fails) || tk.State != tt.end {
				t.Errorf("ends %s with %v, want %s with %v", tk.State, err, tt.end, tt.fails)
			}
		})
	}
}

func TestAMoveSaysWhatIsMissing(t *testing.T) {
	working := tickets.Ticket{State: tickets.Working, Active: []alerts.ID{1}}
	rescue := tickets.Ticket{State: tickets.New, Priority: tickets.Rescue}
	tests := []struct {
		t    tickets.Ticket
		m    tickets.Move
		want string // "" if it is possible
	}{
		{working, tickets.Move{Event: "hold", By: "w"}, "a reason"},
		{working, tickets.Move{Event: "done", By: "w", Action: "x"}, "what was wrong"},
		{working, tickets.Move{Event: "done", By: "w", Cause: "x"}, "what was done"},
		{working, tickets.Move{Event: "done", By: "w", Cause: "x", Action: "y"}, "the fault is still there"},
		{working, tickets.Move{Event: "done", By: "w", Cause: "x", Action: "y", Force: true}, "a reason"},
		{working, tickets.Move{Event: "done", By: "w", Cause: "x", Action: "y", Force: true, Note: "sensor broken"}, ""},
		{working, tickets.Move{Event: "hold", Note: "parts"}, "a name"},
		{rescue, tickets.Move{Event: "cancel", By: "w", Note: "drill", Second: "w"}, "a second person"},
		{rescue, tickets.Move{Event: "cancel", By: "w", Note: "drill", Second: "l"}, ""},
	}
	for _, tt := range tests {
		_, err := tt.t.Move(tt.m)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.m, err, tt.want)
		}
	}
}

func TestOneTicketForAFacilityAndFamily(t *testing.T) {
	d := newDesk(t)
	a, b := alert(1, "ordinary"), alert(2, "ordinary")
	wantEvents(t, d.OnAlert(nil, raised(a, after(time.Minute))), "opened")
	wantEvents(t, d.OnAlert(nil, raised(b, after(2*time.Minute))), "occurrence")
	other := alert(3, "ordinary")
	other.Family = "dry_run"
	wantEvents(t, d.OnAlert(nil, raised(other, after(3*time.Minute))), "opened")
	all := d.Tickets()
	if len(all) != 2 || all[0].Count != 2 || all[0].Latest != 2 || all[0].Alert != 1 {
		t.Fatalf("tickets are %+v", all)
	}
	if all[0].Number != "WX20260310-0001" || all[1].Number != "WX20260310-0002" {
		t.Errorf("numbers are %s and %s", all[0].Number, all[1].Number)
	}
	wantEvents(t, d.OnAlert(nil, returned(a, after(4*time.Minute))), "eased")
	wantEvents(t, d.OnAlert(nil, returned(b, after(5*time.Minute))), "recovered")
	if got := d.Tickets()[0]; got.Recovered != after(5*time.Minute) || got.State != tickets.New {
		t.Errorf("recovered as %+v", got)
	}
	wantEvents(t, d.OnAlert(nil, raised(alert(4, "ordinary"), after(6*time.Minute))), "relapsed")
	if got := d.Tickets()[0]; !got.Recovered.IsZero() || got.Count != 3 {
		t.Errorf("relapsed as %+v", got)
	}
}

func TestClocksRunFromTheFirstBadSample(t *testing.T) {
	d := newDesk(t)
	d.OnAlert(nil, raised(alert(1, "emergency"), after(30*time.Second)))
	want := tickets.Deadlines{Respond: after(5 * time.Minute), Arrive: after(30 * time.Minute), Finish: after(4 * time.Hour)}
	if diff := cmp.Diff(want, d.Tickets()[0].Deadlines); diff != "" {
		t.Errorf("deadlines (-want +got):\n%s", diff)
	}
}

func TestEachClockIsBreachedOnceAndNotOnceItWasMet(t *testing.T) {
	d := newDesk(t)
	d.OnAlert(nil, raised(alert(1, "emergency"), nine))
	if at, ok := d.Next(); !ok || at != after(5*time.Minute) {
		t.Errorf("next at %v, %v", at, ok)
	}
	wantEvents(t, d.Advance(nil, after(5*time.Minute)), "breached respond")
	wantEvents(t, d.Advance(nil, after(6*time.Minute)))
	if _, err := d.Move(nil, 1, tickets.Move{Event: "accept", By: "w", At: after(7 * time.Minute)}); err != nil {
		t.Fatal(err)
	}
	d.Move(nil, 1, tickets.Move{Event: "arrive", By: "w", At: after(29 * time.Minute)})
	wantEvents(t, d.Advance(nil, after(31*time.Minute)))
	wantEvents(t, d.Advance(nil, after(5*time.Hour)), "breached finish")
	if got := d.Tickets()[0].Breached; !slices.Equal(got, []string{"respond", "finish"}) {
		t.Errorf("breached %v", got)
	}
}

func TestAPriorityIsRaisedWithNewDeadlinesAndNeverLowered(t *testing.T) {
	d := newDesk(t)
	d.OnAlert(nil, raised(alert(1, "ordinary"), nine))
	wantEvents(t, d.OnAlert(nil, raised(alert(2, "rescue"), after(time.Hour))), "occurrence", "raised")
	got := d.Tickets()[0]
	if got.Priority != tickets.Rescue || got.Deadlines.Arrive != after(90*time.Minute) {
		t.Errorf("raised to %+v", got)
	}
	wantEvents(t, d.OnAlert(nil, raised(alert(3, "ordinary"), after(2*time.Hour))), "occurrence")
	if d.Tickets()[0].Priority != tickets.Rescue {
		t.Error("an ordinary fault lowered a rescue")
	}
}

func TestHiddenAlertsOpenNothingAndRevealedOnesDo(t *testing.T) {
	d := newDesk(t)
	a := alert(1, "ordinary")
	a.Visibility = alerts.Suppressed
	wantEvents(t, d.OnAlert(nil, alerts.Event{Kind: alerts.Hidden, At: nine, Alert: a}))
	a.Visibility = alerts.Shown
	wantEvents(t, d.OnAlert(nil, alerts.Event{Kind: alerts.Revealed, At: nine, Alert: a}), "opened")
	none := alert(2, "")
	none.Family = "note"
	wantEvents(t, d.OnAlert(nil, raised(none, nine)))
}

func TestOnlyAnOrdinaryTicketNobodyHasTakenClosesByItself(t *testing.T) {
	tests := []struct {
		name string
		sla  string
		take bool
		want []string
	}{
		{"nobody has taken it", "ordinary", false, []string{"verify 读数恢复正常满30分钟，自动关闭"}},
		{"somebody has taken it", "ordinary", true, nil},
		{"an emergency", "emergency", false, []string{"breached respond", "breached arrive"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			a := alert(1, tt.sla)
			d.OnAlert(nil, raised(a, nine))
			if tt.take {
				d.Move(nil, 1, tickets.Move{Event: "accept", By: "w", At: nine})
			}
			d.OnAlert(nil, returned(a, after(10*time.Minute)))
			if got := d.Advance(nil, after(39*time.Minute)); tt.sla == "ordinary" && len(got) != 0 {
				t.Errorf("after 29 good minutes: %v", names(got))
			} else if tt.sla != "ordinary" {
				wantEvents(t, got, tt.want...)
				tt.want = nil
			}
			wantEvents(t, d.Advance(nil, after(40*time.Minute)), tt.want...)
		})
	}
}

func TestWhatComesAndGoesWantsAPerson(t *testing.T) {
	d := newDesk(t)
	now := nine
	for i := range 4 {
		a := alert(alerts.ID(i+1), "ordinary")
		a.Started = now
		d.OnAlert(nil, raised(a, now))
		d.OnAlert(nil, returned(a, now.Add(time.Minute)))
		now = now.Add(40 * time.Minute)
		d.Advance(nil, now)
	}
	if n := len(d.Tickets()); n != 1 {
		t.Errorf("%d tickets are open after the fourth time: it must stay for a person", n)
	}
}

// TestWhatAClockAheadHasClosedDoesNotCount: three tickets that closed by
// themselves in a time that has not come would keep all later ones open.
func TestWhatAClockAheadHasClosedDoesNotCount(t *testing.T) {
	var past []tickets.Ticket
	for i := range 3 {
		past = append(past, tickets.Ticket{ID: tickets.ID(i + 1), Facility: "pump-1", Family: "trip", State: tickets.Closed, Ended: after(300 * 24 * time.Hour)})
	}
	d := tickets.NewDesk(site(t), past, 3, nil, tickets.Options{})
	d.Advance(nil, nine)
	a := alert(1, "ordinary")
	d.OnAlert(nil, raised(a, nine))
	d.OnAlert(nil, returned(a, after(time.Minute)))
	wantEvents(t, d.Advance(nil, after(31*time.Minute)), "verify 读数恢复正常满30分钟，自动关闭")
}

// TestASkippedTimeMovesTheClocksThatStillRun: one that was met or has run out is
// history.
func TestASkippedTimeMovesTheClocksThatStillRun(t *testing.T) {
	d := tickets.NewDesk(site(t), nil, 0, nil, tickets.Options{})
	d.Advance(nil, nine)
	d.OnAlert(nil, raised(alert(1, "emergency"), nine))
	if _, err := d.Move(nil, 1, tickets.Move{Event: "accept", By: "Li", At: after(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	d.Advance(nil, after(40*time.Minute))
	before := d.Tickets()[0]
	if diff := cmp.Diff([]string{"arrive"}, before.Breached); diff != "" {
		t.Fatal(diff)
	}
	const day = 24 * time.Hour
	wantEvents(t, d.Skip(nil, after(day+40*time.Minute), day), "postponed 24h0m0s")
	want := before.Deadlines
	want.Finish = want.Finish.Add(day)
	if diff := cmp.Diff(want, d.Tickets()[0].Deadlines); diff != "" {
		t.Errorf("deadlines (-want +got):\n%s", diff)
	}
	wantEvents(t, d.Advance(nil, after(day+239*time.Minute)))
	wantEvents(t, d.Advance(nil, after(day+240*time.Minute)), "breached finish")
}

func TestAPersonReportsAFault(t *testing.T) {
	d := newDesk(t)
	got, err := d.Open(nil, tickets.Request{Facility: "lift-1", Text: "门有异响", By: "张女士"}, nine)
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	if tk := got[0].Ticket; tk.Priority != tickets.Ordinary || tk.Text != "门有异响" || got[0].By != "张女士" || tk.Deadlines.Respond != after(2*time.Hour) {
		t.Errorf("opened %+v", tk)
	}
	again, err := d.Open(nil, tickets.Request{Facility: "lift-1", Text: "困人", By: "x", Priority: tickets.Rescue}, after(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	wantEvents(t, again, "occurrence", "raised")
	for _, bad := range []tickets.Request{
		{Facility: "nowhere", Text: "x", By: "y"}, {Facility: "lift-1", By: "y"}, {Facility: "lift-1", Text: "x"},
		{Facility: "lift-1", Text: "x", By: "y", Priority: "soon"},
	} {
		if _, err := d.Open(nil, bad, nine); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestASiteSetsItsOwnClocks(t *testing.T) {
	o := tickets.Options{SLA: []tickets.SLA{{Priority: tickets.Ordinary, Respond: time.Hour}, {Priority: "soon"}, {Priority: tickets.Rescue, Arrive: -1}}}
	var said []string
	o.Validate(func(path, problem, _ string) { said = append(said, path) })
	if diff := cmp.Diff([]string{"sla.soon", "sla.rescue.arrive"}, said); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
	d := tickets.NewDesk(site(t), nil, 0, nil, o)
	d.OnAlert(nil, raised(alert(1, "ordinary"), nine))
	got := d.Tickets()[0].Deadlines
	if got.Respond != after(time.Hour) || got.Finish != after(48*time.Hour) {
		t.Errorf("deadlines are %+v", got)
	}
}
