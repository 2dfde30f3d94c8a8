package tickets_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
)

// machine is the state machine once more, written down by hand: state, move,
// state. What is not in it is not possible.
const machine = `
	new assign assigned       new accept accepted       new cancel cancelled
	assigned assign assigned  assigned accept accepted  assigned decline new   assigned cancel cancelled
	accepted arrive arrived   accepted start working    accepted decline new   accepted cancel cancelled
	arrived start working     arrived done done         arrived cancel cancelled
	working hold hold         working done done         working cancel cancelled
	hold resume working       hold cancel cancelled
	done verify closed        done reject working`

var (
	allStates = []tickets.State{
		tickets.New, tickets.Assigned, tickets.Accepted, tickets.Arrived, tickets.Working,
		tickets.OnHold, tickets.Done, tickets.Closed, tickets.Cancelled,
	}
	allMoves = []string{"assign", "accept", "decline", "arrive", "start", "hold", "resume", "done", "verify", "reject", "cancel", "reopen", ""}
)

// whole is a move that lacks nothing.
func whole(event string) tickets.Move {
	return tickets.Move{Event: event, By: "w", To: "l", Note: "n", Cause: "c", Action: "a", Force: true, Second: "s", At: nine}
}

func TestEveryMoveFromEveryState(t *testing.T) {
	want := map[string]tickets.State{}
	words := strings.Fields(machine)
	for i := 0; i < len(words); i += 3 {
		want[words[i]+" "+words[i+1]] = tickets.State(words[i+2])
	}
	for _, from := range allStates {
		for _, event := range allMoves {
			before := tickets.Ticket{State: from, Priority: tickets.Ordinary}
			got, err := before.Move(whole(event))
			to, possible := want[string(from)+" "+event]
			if possible != (err == nil) || possible && got.State != to || !possible && got.State != from {
				t.Errorf("%s from %s: %s, %v; want %q", event, from, got.State, err, to)
			}
			if slices.Contains(before.Moves(), event) != possible {
				t.Errorf("%s from %s: Moves says %v", event, from, before.Moves())
			}
		}
	}
}

// walker drives a desk at random and checks after every step what must always
// hold.
type walker struct {
	t      *testing.T
	rng    *rand.Rand
	desk   *tickets.Desk
	now    gateway.Instant
	alerts []alerts.Alert // active ones
	lastID alerts.ID

	seen     map[tickets.ID]tickets.Ticket
	numbers  map[string]tickets.ID
	days     map[string]int
	breached map[string]bool // ticket, clock and deadline
}

func (w *walker) step() []tickets.Event {
	w.now = w.now.Add(time.Duration(w.rng.IntN(20)) * time.Minute)
	switch w.rng.IntN(10) {
	case 0, 1:
		w.lastID++
		a := alert(w.lastID, []string{"ordinary", "emergency", "rescue", ""}[w.rng.IntN(4)])
		a.Family, a.Started = fmt.Sprint("f", w.rng.IntN(3)), w.now.Add(-time.Duration(w.rng.IntN(300))*time.Second)
		w.alerts = append(w.alerts, a)
		return w.desk.OnAlert(nil, raised(a, w.now))
	case 2, 3:
		if len(w.alerts) == 0 {
			return nil
		}
		i := w.rng.IntN(len(w.alerts))
		a := w.alerts[i]
		w.alerts = slices.Delete(w.alerts, i, i+1)
		return w.desk.OnAlert(nil, returned(a, w.now))
	case 4:
		got, err := w.desk.Open(nil, tickets.Request{Facility: "pump-1", Text: "x", By: "y", Priority: tickets.Ordinary}, w.now)
		if err != nil {
			w.t.Fatal(err)
		}
		return got
	case 5:
		open := w.desk.Tickets()
		w.desk = tickets.NewDesk(site(w.t), open, tickets.ID(len(w.seen)), w.days, tickets.Options{})
		return nil
	default:
		m := whole(allMoves[w.rng.IntN(len(allMoves))])
		m.At, m.Force = w.now, w.rng.IntN(2) == 0
		got, err := w.desk.Move(nil, tickets.ID(w.rng.IntN(len(w.seen)+2)), m)
		if (err == nil) != (len(got) == 1) {
			w.t.Fatalf("%s: %v and %d events", m.Event, err, len(got))
		}
		return got
	}
}

// check holds an event against what the ticket was before.
func (w *walker) check(e tickets.Event) {
	is := e.Ticket
	was, known := w.seen[is.ID]
	w.seen[is.ID] = is
	if known != (e.Name != "opened") {
		w.t.Fatalf("%s of ticket %d, known before: %v", e.Name, is.ID, known)
	}
	if !known {
		if other := w.numbers[is.Number]; other != 0 {
			w.t.Fatalf("tickets %d and %d are both %s", other, is.ID, is.Number)
		}
		w.numbers[is.Number] = is.ID
		w.days[is.Number[2:10]]++
		return
	}
	if was.State.Over() || e.From != was.State {
		w.t.Fatalf("%s from %s on a ticket that was %s", e.Name, e.From, was.State)
	}
	for _, c := range [][2]gateway.Instant{{was.Responded, is.Responded}, {was.ArrivedAt, is.ArrivedAt}} {
		if !c[0].IsZero() && c[0] != c[1] {
			w.t.Fatalf("%s: a clock stopped at %v and again at %v", e.Name, c[0], c[1])
		}
	}
	if was.Deadlines != is.Deadlines && !slices.Contains([]string{"raised", "start"}, e.Name) {
		w.t.Fatalf("%s changed the deadlines", e.Name)
	}
	if urgency[is.Priority] < urgency[was.Priority] {
		w.t.Fatalf("%s lowered %s to %s", e.Name, was.Priority, is.Priority)
	}
	if e.Name == "breached" {
		deadline := map[string]gateway.Instant{"respond": is.Deadlines.Respond, "arrive": is.Deadlines.Arrive, "finish": is.Deadlines.Finish}[e.Note]
		key := fmt.Sprint(is.ID, e.Note, deadline)
		if w.breached[key] || deadline.IsZero() || deadline > w.now {
			w.t.Fatalf("clock %s of ticket %d, due %v, breached at %v; before: %v", e.Note, is.ID, deadline, w.now, w.breached[key])
		}
		w.breached[key] = true
	}
}

var urgency = map[tickets.Priority]int{tickets.Ordinary: 1, tickets.Emergency: 2, tickets.Rescue: 3}

// checkDesk holds the open tickets against the alerts that are active.
func (w *walker) checkDesk() {
	keys := map[string]bool{}
	active := map[alerts.ID]bool{}
	for _, a := range w.alerts {
		active[a.ID] = true
	}
	for _, tk := range w.desk.Tickets() {
		if keys[tk.Family] || tk.State.Over() {
			w.t.Fatalf("the desk holds %+v", tk)
		}
		keys[tk.Family] = true
		for _, id := range tk.Active {
			if !active[id] {
				w.t.Fatalf("ticket %d waits for alert %d, which has returned", tk.ID, id)
			}
		}
		if tk.Alert != 0 && (len(tk.Active) == 0) == tk.Recovered.IsZero() {
			w.t.Fatalf("ticket %d: active %v, recovered %v", tk.ID, tk.Active, tk.Recovered)
		}
		if tk.Priority != tickets.Ordinary && tk.State == tickets.Working && tk.ArrivedAt.IsZero() {
			w.t.Fatalf("ticket %d: an emergency is worked on with nobody on site", tk.ID)
		}
	}
	if at, ok := w.desk.Next(); ok && at <= w.now {
		w.t.Fatalf("next is %v after everything up to %v was done: the loop would spin", at, w.now)
	}
}

func TestRandomWalks(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := &walker{
				t: t, rng: rand.New(rand.NewPCG(seed, 9)), desk: newDesk(t), now: nine,
				seen: map[tickets.ID]tickets.Ticket{}, numbers: map[string]tickets.ID{}, days: map[string]int{}, breached: map[string]bool{},
			}
			for range 300 {
				got := w.step()
				for _, e := range w.desk.Advance(got, w.now) {
					w.check(e)
				}
				w.checkDesk()
			}
		})
	}
}
