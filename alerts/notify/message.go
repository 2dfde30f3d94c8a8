package notify

import (
	"math"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Message is what a webhook receives. Times are RFC 3339 in the zone of the
// site; what is not known or does not apply is null.
type Message struct {
	Site   string         `json:"site"`
	Event  string         `json:"event"` // raised, level, returned, acknowledged, withdrawn or escalated
	At     string         `json:"at"`
	By     string         `json:"by,omitempty"`   // of acknowledged: who
	Rung   int            `json:"rung,omitempty"` // of escalated: which of the ladder, from 1
	Alert  MessageAlert   `json:"alert"`
	Ticket *MessageTicket `json:"ticket"`
	Text   gateway.Text   `json:"text"` // the whole message in one sentence for people
	// The same as a headline and what stands below it, in lines.
	Headline gateway.Text `json:"headline"`
	Detail   gateway.Text `json:"detail"`
	// Where a person acknowledges the alert; left out if the site has no address
	// for that, or there is nothing to acknowledge.
	AckURL string `json:"ack_url,omitempty"`
}

// MessageAlert is the alert as it is after the event.
type MessageAlert struct {
	ID        alerts.ID          `json:"id"`
	Facility  gateway.FacilityID `json:"facility"`
	Name      gateway.Text       `json:"name"` // of the facility
	Class     gateway.Class      `json:"class"`
	Building  string             `json:"building"`
	Place     string             `json:"place"`
	Rule      string             `json:"rule"`
	Title     gateway.Text       `json:"title"`
	Response  gateway.Text       `json:"response"` // what to do
	Severity  rules.Severity     `json:"severity"`
	Condition string             `json:"condition"` // active, clearing or returned
	Stale     bool               `json:"stale"`     // kept on trust: the readings have failed
	Acked     bool               `json:"acked"`
	ShownAs   string             `json:"shown_as"`
	ISA       string             `json:"isa"`
	Point     gateway.PointID    `json:"point"`
	Value     *float64           `json:"value"`
	Unit      string             `json:"unit"`
	Limit     *float64           `json:"limit"`
	Trip      *float64           `json:"trip"` // value when it was raised
	Peak      *float64           `json:"peak"` // farthest beyond the limit while it was active
	Started   *string            `json:"started"`
	Cleared   *string            `json:"cleared"`
	Hidden    int                `json:"consequences"` // alerts hidden behind this one
	Times     int                `json:"times"`        // how often it has come, if it comes and goes; else 0
	Ticket    *tickets.ID        `json:"ticket"`
}

// MessageTicket is the open ticket of the alert.
type MessageTicket struct {
	ID        tickets.ID         `json:"id"`
	Number    string             `json:"number"`
	Priority  tickets.Priority   `json:"priority"`
	State     tickets.State      `json:"state"`
	Deadlines map[string]*string `json:"deadlines"` // respond, arrive, reply, finish
}

func newMessage(site *gateway.Site, event string, ev alerts.Event, f *gateway.Facility, ticket *tickets.Ticket) Message {
	a := ev.Alert
	m := Message{
		Site: site.ID, Event: event, At: *stamp(site, ev.At), By: ev.By,
		Alert: MessageAlert{
			ID: a.ID, Facility: a.Facility, Name: f.Name, Class: f.Class, Building: f.Building, Place: f.Place,
			Rule: a.Rule, Title: a.Title, Response: a.Why.Response, Severity: a.Severity, Condition: condition(a.Phase), Stale: a.Stale,
			Acked: a.Acked, ShownAs: a.ShownAs(), ISA: a.ISA(),
			Point: a.Point, Value: finite(a.Value), Unit: a.Unit, Limit: finite(a.Limit),
			Trip: finite(a.Trip), Peak: finite(a.Peak),
			Started: stamp(site, a.Started), Cleared: stamp(site, a.Cleared), Hidden: a.Children, Times: a.Chatter.Times,
		},
	}
	if event == eventEscalated {
		m.Rung = a.Call.Rungs
	}
	if ticket != nil {
		d := ticket.Deadlines
		m.Alert.Ticket = &ticket.ID
		m.Ticket = &MessageTicket{ID: ticket.ID, Number: ticket.Number, Priority: ticket.Priority, State: ticket.State, Deadlines: map[string]*string{
			"respond": stamp(site, d.Respond), "arrive": stamp(site, d.Arrive), "reply": stamp(site, d.Reply), "finish": stamp(site, d.Finish),
		}}
	}
	s := sentence{site: site, event: event, ev: ev, facility: f, ticket: ticket}
	m.Text = bilingual(s.in, textLimit)
	m.Headline = bilingual(s.headline, headlineLimit)
	m.Detail = bilingual(s.below, textLimit)
	return m
}

// bilingual says the same in both languages, in at most limit bytes each.
func bilingual(say func(*phrases) string, limit int) gateway.Text {
	return gateway.Text{ZH: cut(say(&chinese), limit), EN: cut(say(&english), limit)}
}

// condition returns the word of the API for a phase.
func condition(p rules.Phase) string {
	switch p {
	case rules.Active:
		return "active"
	case rules.Clearing:
		return "clearing"
	default:
		return "returned"
	}
}

func stamp(site *gateway.Site, at gateway.Instant) *string {
	if at.IsZero() {
		return nil
	}
	return new(at.In(site.Location).Format("2006-01-02T15:04:05.000Z07:00"))
}

func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
