package web

import (
	"context"
	"net/http"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/rules"
)

// alertJSON is an alert as the API tells it. What is not known is null; what
// cannot be said at all of this alert is left out.
type alertJSON struct {
	ID         alerts.ID          `json:"id"`
	Facility   gateway.FacilityID `json:"facility"`
	Rule       string             `json:"rule"`
	Title      gateway.Text       `json:"title"`
	Severity   string             `json:"severity"`
	Condition  string             `json:"condition"` // active, clearing or returned
	Stale      bool               `json:"stale"`
	Latch      bool               `json:"latch"` // active until a person resets it
	Acked      bool               `json:"acked"`
	AckedBy    string             `json:"acked_by,omitempty"`
	AckedAt    *time.Time         `json:"acked_at"`
	AckNote    string             `json:"ack_note,omitempty"`
	AckVia     string             `json:"ack_via,omitempty"` // page, api or link
	AckUntil   *time.Time         `json:"ack_until"`         // when it comes back if it is still active
	ShownAs    string             `json:"shown_as"`
	ISA        string             `json:"isa"`
	Point      gateway.PointID    `json:"point,omitempty"`
	Value      *float64           `json:"value"`
	Limit      *float64           `json:"limit"`
	Unit       string             `json:"unit"`
	Trip       *float64           `json:"trip"`       // value when it was raised
	TripLimit  *float64           `json:"trip_limit"` // in force then
	Peak       *float64           `json:"peak"`       // farthest beyond the limit while it was active
	Started    *time.Time         `json:"started"`
	Raised     *time.Time         `json:"raised"`
	Cleared    *time.Time         `json:"cleared"`
	Closed     *time.Time         `json:"closed"`
	Suppressed bool               `json:"suppressed"`
	Shelf      *shelfJSON         `json:"shelf"`
	Chatter    *chatterJSON       `json:"chatter"`
	Cause      *alerts.ID         `json:"cause"` // the alert that hides this one
	Children   int                `json:"children"`
	Ticket     *tickets.ID        `json:"ticket"`
	Why        whyJSON            `json:"why"`
}

// shelfJSON says who has put an alert aside, why and until when.
type shelfJSON struct {
	Since  *time.Time `json:"since"`
	Until  *time.Time `json:"until"`
	By     string     `json:"by"`
	Second string     `json:"second,omitempty"`
	Reason string     `json:"reason"`
}

// chatterJSON says how often an alert has come that comes and goes.
type chatterJSON struct {
	Since *time.Time `json:"since"`
	Until *time.Time `json:"until"` // it has settled if it does not come again before
	Times int        `json:"times"`
}

// whyJSON is what makes the rule an alarm: the part of a rule that is written
// for people.
type whyJSON struct {
	Cause       gateway.Text `json:"cause"`
	Consequence gateway.Text `json:"consequence"`
	Response    gateway.Text `json:"response"`
	Within      float64      `json:"within"` // seconds; 0 if not said
	Role        string       `json:"role"`
}

// viewAlert tells a, which need not be in snap: closed alerts come from the
// store.
func viewAlert(snap *pipeline.Snapshot, a alerts.Alert) alertJSON {
	loc := snap.Site.Location
	j := alertJSON{
		ID: a.ID, Facility: a.Facility, Rule: a.Rule, Title: a.Title, Severity: a.Severity.String(),
		Condition: condition(a), Stale: a.Stale, Latch: a.Latch,
		Acked: a.Acked, AckedBy: a.AckedBy, AckedAt: when(a.AckedAt, loc), AckNote: a.AckNote,
		AckVia: a.AckVia, AckUntil: when(a.AckUntil, loc),
		ShownAs: a.ShownAs(), ISA: a.ISA(),
		Point: a.Point, Value: number(a.Value), Limit: number(a.Limit), Unit: a.Unit,
		Trip: number(a.Trip), TripLimit: number(a.TripLimit), Peak: number(a.Peak),
		Started: when(a.Started, loc), Raised: when(a.Raised, loc), Cleared: when(a.Cleared, loc), Closed: when(a.Closed, loc),
		Suppressed: a.Visibility == alerts.Suppressed, Children: a.Children,
		Why: whyJSON{
			Cause: a.Why.Cause, Consequence: a.Why.Consequence, Response: a.Why.Response,
			Within: a.Why.Within.Seconds(), Role: a.Why.Role,
		},
	}
	if a.Cause != 0 {
		j.Cause = &a.Cause
	}
	if sh := a.Shelf; a.Shelved() {
		j.Shelf = &shelfJSON{when(sh.Since, loc), when(sh.Until, loc), sh.By, sh.Second, sh.Reason}
	}
	if c := a.Chatter; a.Chattering() {
		j.Chatter = &chatterJSON{when(c.Since, loc), when(c.Until, loc), c.Times}
	}
	if t := ticketOf(snap, a); t != nil {
		j.Ticket = &t.ID
	}
	return j
}

// condition tells whether the condition lasts. An alert that waits only for its
// acknowledgement has returned.
func condition(a alerts.Alert) string {
	switch a.Phase {
	case rules.Active:
		return "active"
	case rules.Clearing:
		return "clearing"
	default:
		return "returned"
	}
}

// ticketOf returns the open ticket for the facility and fault family of a, or
// nil. An alert that opens no ticket may share one that another opened.
func ticketOf(snap *pipeline.Snapshot, a alerts.Alert) *tickets.Ticket {
	for i := range snap.Tickets {
		if t := &snap.Tickets[i]; t.Facility == a.Facility && t.Family == a.Family {
			return t
		}
	}
	return nil
}

// findAlert returns the open alert id. The list is short and in order of id, but
// not dense.
func findAlert(snap *pipeline.Snapshot, id alerts.ID) (alerts.Alert, bool) {
	for _, a := range snap.Alerts {
		if a.ID == id {
			return a, true
		}
	}
	return alerts.Alert{}, false
}

// The states that lists of alerts and tickets are asked for by.
const (
	stateOpen   = "open"
	stateClosed = "closed"
	stateAll    = "all"
)

// stateOf reads ?state=, which is open unless something else is asked for.
func stateOf(r *http.Request) (string, error) {
	switch st := r.URL.Query().Get("state"); st {
	case "":
		return stateOpen, nil
	case stateOpen, stateClosed, stateAll:
		return st, nil
	default:
		return "", badQuery("state", st, "open, closed or all")
	}
}

// getAlert looks among the open alerts first: the snapshot may be a moment ahead
// of the store.
func (s *server) getAlert(r *http.Request) (any, error) {
	id, err := idOf(r)
	if err != nil {
		return nil, err
	}
	snap := s.desk.Snapshot()
	if a, ok := findAlert(snap, alerts.ID(id)); ok {
		return viewAlert(snap, a), nil
	}
	past, err := s.pastAlerts(r.Context(), window{after: id - 1, limit: 1}, stateAll)
	if err != nil {
		return nil, err
	}
	if len(past) == 0 || past[0].ID != alerts.ID(id) {
		return nil, alerts.ErrNotFound
	}
	return viewAlert(snap, past[0]), nil
}

// actJSON is the body of an acknowledgement or a reset.
type actJSON struct {
	By   string `json:"by"`
	Note string `json:"note"`
}

// ackAlert answers with the alert as it is once the acknowledgement is on disk.
func (s *server) ackAlert(r *http.Request) (any, error) {
	return s.actOn(r, func(ctx context.Context, id alerts.ID, by, note string) (alerts.Alert, error) {
		return s.acknowledge(ctx, id, alerts.Acknowledgement{By: by, Note: note, Via: "api"})
	})
}

// resetAlert answers with the alert as it is once the reset is on disk.
func (s *server) resetAlert(r *http.Request) (any, error) { return s.actOn(r, s.reset) }

// actOn does what the body of r asks for to the alert that its path names.
func (s *server) actOn(r *http.Request, do func(ctx context.Context, id alerts.ID, by, note string) (alerts.Alert, error)) (any, error) {
	id, err := idOf(r)
	if err != nil {
		return nil, err
	}
	var act actJSON
	if err := decode(r, &act); err != nil {
		return nil, err
	}
	a, err := do(r.Context(), alerts.ID(id), actor(r, act.By), act.Note)
	if err != nil {
		return nil, err
	}
	return viewAlert(s.desk.Snapshot(), a), nil
}

// acknowledge is the one way of an acknowledgement, from the page, a
// link or the API.
func (s *server) acknowledge(ctx context.Context, id alerts.ID, k alerts.Acknowledgement) (a alerts.Alert, err error) {
	if k.By, err = named(k.By); err != nil {
		return a, err
	}
	ctx, cancel := context.WithTimeout(ctx, actLimit)
	defer cancel()
	return s.desk.Ack(ctx, id, k)
}

// reset is the one way of ending a latch, from the page or the API.
func (s *server) reset(ctx context.Context, id alerts.ID, by, _ string) (alerts.Alert, error) {
	by, err := named(by)
	if err != nil {
		return alerts.Alert{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, actLimit)
	defer cancel()
	return s.desk.Reset(ctx, id, by)
}
