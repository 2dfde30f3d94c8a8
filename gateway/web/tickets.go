package web

import (
	"context"
	"net/http"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
)

// ticketJSON is a ticket as the API tells it.
type ticketJSON struct {
	ID        tickets.ID         `json:"id"`
	Number    string             `json:"number"`
	Facility  gateway.FacilityID `json:"facility"`
	Family    string             `json:"family"`
	Title     gateway.Text       `json:"title"`
	Priority  tickets.Priority   `json:"priority"`
	State     tickets.State      `json:"state"`
	Alert     *alerts.ID         `json:"alert"`
	Latest    *alerts.ID         `json:"latest"`
	Active    []alerts.ID        `json:"active"` // occurrences that have not returned
	Count     int                `json:"count"`
	Recovered *time.Time         `json:"recovered"`
	Opened    *time.Time         `json:"opened"`
	Started   *time.Time         `json:"started"`
	Deadlines deadlinesJSON      `json:"deadlines"`
	Responded *time.Time         `json:"responded"`
	Arrived   *time.Time         `json:"arrived"`
	Finished  *time.Time         `json:"finished"`
	Ended     *time.Time         `json:"ended"`
	Breached  []string           `json:"breached"`
	Owner     string             `json:"owner"`
	Cause     string             `json:"cause"`
	Action    string             `json:"action"`
	Note      string             `json:"note"`
	Text      string             `json:"text"`
	Moves     []string           `json:"moves"` // the events that are possible now
}

// deadlinesJSON is when each clock runs out; null for a clock that does not run.
type deadlinesJSON struct {
	Respond *time.Time `json:"respond"`
	Arrive  *time.Time `json:"arrive"`
	Reply   *time.Time `json:"reply"`
	Finish  *time.Time `json:"finish"`
}

// viewTicket tells t, which need not be in snap: closed tickets come from the
// store. Lists are never null, so that clients can loop without looking.
func viewTicket(snap *pipeline.Snapshot, t tickets.Ticket) ticketJSON {
	loc := snap.Site.Location
	j := ticketJSON{
		ID: t.ID, Number: t.Number, Facility: t.Facility, Family: t.Family, Title: t.Title,
		Priority: t.Priority, State: t.State, Count: t.Count, Recovered: when(t.Recovered, loc),
		Opened: when(t.Opened, loc), Started: when(t.Started, loc),
		Deadlines: deadlinesJSON{
			Respond: when(t.Deadlines.Respond, loc), Arrive: when(t.Deadlines.Arrive, loc),
			Reply: when(t.Deadlines.Reply, loc), Finish: when(t.Deadlines.Finish, loc),
		},
		Responded: when(t.Responded, loc), Arrived: when(t.ArrivedAt, loc),
		Finished: when(t.Finished, loc), Ended: when(t.Ended, loc),
		Breached: append([]string{}, t.Breached...), Active: append([]alerts.ID{}, t.Active...), Moves: append([]string{}, t.Moves()...),
		Owner: t.Owner, Cause: t.Cause, Action: t.Action, Note: t.Note, Text: t.Text,
	}
	if t.Alert != 0 {
		j.Alert = &t.Alert
	}
	if t.Latest != 0 {
		j.Latest = &t.Latest
	}
	return j
}

// findTicket returns the open ticket id.
func findTicket(snap *pipeline.Snapshot, id tickets.ID) (tickets.Ticket, bool) {
	for _, t := range snap.Tickets {
		if t.ID == id {
			return t, true
		}
	}
	return tickets.Ticket{}, false
}

// getTicket looks among the open tickets first, as getAlert does.
func (s *server) getTicket(r *http.Request) (any, error) {
	id, err := idOf(r)
	if err != nil {
		return nil, err
	}
	snap := s.desk.Snapshot()
	if t, ok := findTicket(snap, tickets.ID(id)); ok {
		return viewTicket(snap, t), nil
	}
	past, err := s.pastTickets(r.Context(), window{after: id - 1, limit: 1}, stateAll)
	if err != nil {
		return nil, err
	}
	if len(past) == 0 || past[0].ID != tickets.ID(id) {
		return nil, tickets.ErrNotFound
	}
	return viewTicket(snap, past[0]), nil
}

// moveJSON is the body of a ticket's step. Which fields a step needs is decided
// by package tickets.
type moveJSON struct {
	By     string `json:"by"`
	Note   string `json:"note"`
	Cause  string `json:"cause"`
	Action string `json:"action"`
	Force  bool   `json:"force"`
	Second string `json:"second"` // who agrees where two persons must
	To     string `json:"to"`     // of assign: to whom
}

// moveTicket answers with the ticket as it is once the step is on disk.
func (s *server) moveTicket(r *http.Request) (any, error) {
	id, err := idOf(r)
	if err != nil {
		return nil, err
	}
	var m moveJSON
	if err := decode(r, &m); err != nil {
		return nil, err
	}
	m.By = actor(r, m.By)
	t, err := s.move(r.Context(), tickets.ID(id), r.PathValue("event"), m)
	if err != nil {
		return nil, err
	}
	return viewTicket(s.desk.Snapshot(), t), nil
}

// move is the one way of a ticket's step, from the page or the API.
func (s *server) move(ctx context.Context, id tickets.ID, event string, m moveJSON) (tickets.Ticket, error) {
	by, err := named(m.By)
	if err != nil {
		return tickets.Ticket{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, actLimit)
	defer cancel()
	return s.desk.MoveTicket(ctx, id, tickets.Move{
		Event: event, By: by, To: m.To, Note: m.Note, Cause: m.Cause, Action: m.Action, Force: m.Force, Second: m.Second,
	})
}

// requestJSON is the body of a fault that a person reports.
type requestJSON struct {
	Facility gateway.FacilityID `json:"facility"`
	Text     string             `json:"text"`
	Priority tickets.Priority   `json:"priority"` // default ordinary
	By       string             `json:"by"`
}

// openTicket answers with the ticket that was opened, or with the one that was
// open already and now counts one occurrence more.
func (s *server) openTicket(r *http.Request) (any, error) {
	var q requestJSON
	if err := decode(r, &q); err != nil {
		return nil, err
	}
	q.By = actor(r, q.By)
	t, err := s.open(r.Context(), q)
	if err != nil {
		return nil, err
	}
	return viewTicket(s.desk.Snapshot(), t), nil
}

// open is the one way of a fault that a person reports.
func (s *server) open(ctx context.Context, q requestJSON) (tickets.Ticket, error) {
	by, err := named(q.By)
	if err != nil {
		return tickets.Ticket{}, err
	}
	if _, err := facilityIndex(s.desk.Snapshot().Site, string(q.Facility)); err != nil {
		return tickets.Ticket{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, actLimit)
	defer cancel()
	return s.desk.OpenTicket(ctx, tickets.Request{Facility: q.Facility, Priority: q.Priority, Text: q.Text, By: by})
}
