package web

import (
	"cmp"
	"math"
	"slices"

	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
)

// ticketView is one card of the list of tickets.
type ticketView struct {
	words
	ID                     tickets.ID
	Number                 string
	Priority               tickets.Priority
	PriorityText           string
	Title, Facility, Where string
	FacilityID             gateway.FacilityID
	StateText              string
	Owner, Text            string
	Count                  int
	Clock, Due             string
	Until, Amber           int64 // ms: when the next clock runs out, and from when that is near
	Left, LeftWord         string
	Urgency                string // late, amber or ""
	Marks                  []markView
	Next                   *moveView
	Others                 []moveView
}

// moveView is one step that a person can make with a ticket.
type moveView struct {
	words
	Ticket  tickets.ID
	Number  string
	Event   string
	Label   string
	Primary bool
	Fields  []fieldView
}

// fieldView is one thing that a person has to say, or may say, with a step.
type fieldView struct {
	Name, Label string
	Required    bool
}

// ticketsOf returns the open tickets, the nearest deadline first, at most
// maxCards, and how many there are.
func ticketsOf(snap *pipeline.Snapshot, w words) ([]ticketView, int) {
	due := func(t *tickets.Ticket) gateway.Instant {
		if _, at := nextClock(*t); at != 0 {
			return at
		}
		return math.MaxInt64
	}
	sorted := slices.Clone(snap.Tickets)
	slices.SortStableFunc(sorted, func(a, b tickets.Ticket) int { return cmp.Compare(due(&a), due(&b)) })
	views := make([]ticketView, 0, min(len(sorted), maxCards))
	for _, t := range sorted[:cap(views)] {
		views = append(views, ticketOfView(snap, t, w))
	}
	return views, len(sorted)
}

// nextClock returns the running clock of t that runs out first, or zero.
func nextClock(t tickets.Ticket) (name string, at gateway.Instant) {
	for _, c := range []struct {
		name          string
		stopped, ends gateway.Instant
	}{
		{"respond", t.Responded, t.Deadlines.Respond},
		{"arrive", t.ArrivedAt, t.Deadlines.Arrive},
		{"finish", t.Finished, t.Deadlines.Finish},
	} {
		if c.stopped.IsZero() && !c.ends.IsZero() && (at.IsZero() || c.ends < at) {
			name, at = c.name, c.ends
		}
	}
	return name, at
}

// ticketOfView makes the card of t. Its countdown goes on in the page's script;
// what is written here is how it stands now.
func ticketOfView(snap *pipeline.Snapshot, t tickets.Ticket, w words) ticketView {
	v := ticketView{
		words: w, ID: t.ID, Number: t.Number, Priority: t.Priority, PriorityText: w.T("priority." + string(t.Priority)),
		Title: t.Title.In(w.lang), Facility: facilityName(snap.Site, t.Facility, w), FacilityID: t.Facility,
		Where: whereOf(snap.Site, t.Facility, w), StateText: w.T("state." + string(t.State)),
		Owner: t.Owner, Text: t.Text, Count: t.Count,
	}
	if v.Title == "" {
		v.Title = w.T("ticket.reported")
	}
	if name, at := nextClock(t); at != 0 {
		amber := at - (at-t.Started)/4
		v.Clock, v.Until, v.Amber = w.T("clock."+name), int64(at), int64(amber)
		left := at.Sub(snap.At)
		v.Left, v.LeftWord = clockText(left.Abs()), w.T("ticket.left")
		switch {
		case left < 0:
			v.Urgency, v.LeftWord = "late", w.T("ticket.overdue")
		case snap.At > amber:
			v.Urgency = "amber"
		}
		v.Due = timeText(at, snap.At, snap.Site.Location)
	}
	for _, clock := range t.Breached {
		v.Marks = append(v.Marks, markView{"bad", w.T("ticket.breached") + " " + w.T("clock."+clock)})
	}
	if !t.Recovered.IsZero() {
		v.Marks = append(v.Marks, markView{"good", w.T("ticket.recover")})
	}
	v.addMoves(t)
	return v
}

// nextStep is, by state, the step that leads on to the end of the repair.
var nextStep = map[tickets.State]string{
	tickets.New:      "accept",
	tickets.Assigned: "accept",
	tickets.Accepted: "arrive",
	tickets.Arrived:  "start",
	tickets.Working:  "done",
	tickets.OnHold:   "resume",
	tickets.Done:     "verify",
}

// addMoves offers the steps that are possible: the next one as a button, the
// others behind a fold.
func (v *ticketView) addMoves(t tickets.Ticket) {
	for _, event := range t.Moves() {
		m := moveView{
			words: v.words, Ticket: t.ID, Number: t.Number, Event: event, Label: v.T("move." + event),
			Primary: event == nextStep[t.State], Fields: v.fieldsOf(event, t),
		}
		if m.Primary {
			v.Next = &m
		} else {
			v.Others = append(v.Others, m)
		}
	}
}

// fieldsOf returns what a person has to say with the step.
func (v *ticketView) fieldsOf(event string, t tickets.Ticket) []fieldView {
	field := func(name string, required bool) fieldView { return fieldView{name, v.T("field." + name), required} }
	reason := fieldView{"note", v.T("field.reason"), true}
	switch event {
	case "assign":
		return []fieldView{field("to", true)}
	case "done":
		fields := []fieldView{field("cause", true), field("action", true), field("note", false)}
		if len(t.Active) > 0 {
			fields = append(fields, field("force", false))
		}
		return fields
	case "cancel":
		if t.Priority == tickets.Rescue {
			return []fieldView{reason, field("second", true)}
		}
		return []fieldView{reason}
	case "decline", "hold", "reject":
		return []fieldView{reason}
	default:
		return nil
	}
}
