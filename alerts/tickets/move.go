package tickets

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/intact-gateway/intact/gateway"
)

// What Move, and the Desk, refuse.
var (
	ErrNotFound   = errors.New("no open ticket has this number")
	ErrNotAllowed = errors.New("not possible now")
	ErrIncomplete = errors.New("something is missing")
)

// Move is one act of a person on a ticket.
type Move struct {
	Event  string // assign accept decline arrive start hold resume done verify reject cancel
	By     string // who does it
	To     string // assign: to whom
	Note   string // a reason, where one is needed
	Cause  string // done: what was wrong
	Action string // done: what was done about it
	Force  bool   // done: although the readings are not good; needs a note
	Second string // cancel of a rescue: the second person, recorded beside the first
	At     gateway.Instant
}

// transition is one row of the machine: an event, where it is possible, where it
// leads, and what it needs and does.
type transition struct {
	event string
	from  []State
	to    State
	needs func(t *Ticket, m *Move) string // what is missing; "" if nothing is
	does  func(t *Ticket, m *Move)
}

// transitions is the whole machine. Accept is possible from New: whoever sees a
// ticket first may take it. A clock that has stopped stays stopped: who accepts
// a ticket that another has declined does not answer for the first time. Work
// that begins with nobody on site is done from afar and waits for no arrival.
var transitions = []transition{
	{"assign", []State{New, Assigned}, Assigned, needsAssignee, func(t *Ticket, m *Move) { t.Owner = m.To }},
	{"accept", []State{New, Assigned}, Accepted, nil, func(t *Ticket, m *Move) { t.Owner, t.Responded = m.By, cmp.Or(t.Responded, m.At) }},
	{"decline", []State{Assigned, Accepted}, New, needsReason, func(t *Ticket, _ *Move) { t.Owner = "" }},
	{"arrive", []State{Accepted}, Arrived, nil, func(t *Ticket, m *Move) { t.ArrivedAt = m.At }},
	{"start", []State{Accepted, Arrived}, Working, needsPresence, func(t *Ticket, _ *Move) { t.stopWaiting() }},
	{"hold", []State{Working}, OnHold, needsReason, nil},
	{"resume", []State{OnHold}, Working, nil, nil},
	{"done", []State{Arrived, Working}, Done, needsResult, func(t *Ticket, m *Move) { t.Cause, t.Action, t.Finished = m.Cause, m.Action, m.At }},
	{"verify", []State{Done}, Closed, nil, func(t *Ticket, m *Move) { t.Ended = m.At }},
	{"reject", []State{Done}, Working, needsReason, func(t *Ticket, _ *Move) { t.Finished = 0 }},
	{"cancel", []State{New, Assigned, Accepted, Arrived, Working, OnHold}, Cancelled, needsTwo, func(t *Ticket, m *Move) { t.Ended = m.At }},
}

func needsReason(_ *Ticket, m *Move) string {
	if strings.TrimSpace(m.Note) == "" {
		return "a reason (note)"
	}
	return ""
}

func needsAssignee(_ *Ticket, m *Move) string {
	if strings.TrimSpace(m.To) == "" {
		return "to whom (to)"
	}
	return ""
}

// needsPresence keeps an emergency from being worked on by somebody who has not
// arrived: its clock is about being there.
func needsPresence(t *Ticket, _ *Move) string {
	if t.ArrivedAt.IsZero() && t.Priority != Ordinary {
		return "somebody on site (arrive)"
	}
	return ""
}

func needsResult(t *Ticket, m *Move) string {
	switch {
	case strings.TrimSpace(m.Cause) == "":
		return "what was wrong (cause)"
	case strings.TrimSpace(m.Action) == "":
		return "what was done (action)"
	case len(t.Active) > 0 && !m.Force:
		return "good readings: the fault is still there, or the facility is silent; a supervisor may say why it is done all the same (force and note)"
	case len(t.Active) > 0 && needsReason(t, m) != "":
		return needsReason(t, m)
	}
	return ""
}

func needsTwo(t *Ticket, m *Move) string {
	if missing := needsReason(t, m); missing != "" {
		return missing
	}
	by, second := strings.TrimSpace(m.By), strings.TrimSpace(m.Second)
	if t.Priority == Rescue && (second == "" || strings.EqualFold(by, second)) {
		return "a second person (second): a rescue is not cancelled by one alone"
	}
	return ""
}

// Move returns the ticket after m. A move that is not possible from the state
// the ticket is in wraps ErrNotAllowed, one that lacks something ErrIncomplete;
// the ticket returned is then the old one.
func (t Ticket) Move(m Move) (Ticket, error) {
	i := slices.IndexFunc(transitions, func(tr transition) bool { return tr.event == m.Event })
	if i < 0 {
		return t, fmt.Errorf("%q: %w: want %s", m.Event, ErrNotAllowed, strings.Join(t.Moves(), ", "))
	}
	tr := transitions[i]
	if !slices.Contains(tr.from, t.State) {
		return t, fmt.Errorf("%s a ticket that is %s: %w", m.Event, t.State, ErrNotAllowed)
	}
	if strings.TrimSpace(m.By) == "" {
		return t, fmt.Errorf("%s: %w: a name (by)", m.Event, ErrIncomplete)
	}
	if tr.needs != nil {
		if missing := tr.needs(&t, &m); missing != "" {
			return t, fmt.Errorf("%s: %w: %s", m.Event, ErrIncomplete, missing)
		}
	}
	return t.moved(tr, m), nil
}

func (t Ticket) moved(tr transition, m Move) Ticket {
	t.State = tr.to
	if m.Note != "" {
		t.Note = m.Note
	}
	if tr.does != nil {
		tr.does(&t, &m)
	}
	return t
}

// Moves returns the events that are possible from the state the ticket is in.
func (t Ticket) Moves() (events []string) {
	for _, tr := range transitions {
		if slices.Contains(tr.from, t.State) {
			events = append(events, tr.event)
		}
	}
	return events
}

// stopWaiting ends the clock of arrival if nobody has arrived.
func (t *Ticket) stopWaiting() {
	if t.ArrivedAt.IsZero() {
		t.Deadlines.Arrive = 0
	}
}

// again puts a ticket whose fault has come back, or got worse, to where its
// repair has to go on: what is done is not done any more, and an emergency that
// was worked on from afar needs somebody on site.
func (t *Ticket) again() {
	if t.State == Done {
		t.State, t.Finished = Working, 0
	}
	if (t.State == Working || t.State == OnHold) && t.ArrivedAt.IsZero() && t.Priority != Ordinary {
		t.State = Accepted
	}
}
