package notify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/acklink"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Router says who is told of what. It is pure and owns nothing that changes.
type Router struct {
	site   *gateway.Site
	routes []route
	known  []string          // every receiver there is
	people map[string]string // their names, by receiver
	link   func(acklink.Claim) string
}

// route is a Route with what it does not say filled in.
type route struct {
	to        string
	severity  rules.Severity
	classes   []gateway.Class
	buildings []string
	events    []string
}

// NewRouter returns the Router of a block that Validate found in order.
func NewRouter(c Config, site *gateway.Site) *Router {
	r := &Router{site: site, people: make(map[string]string)}
	for _, to := range c.Everybody() {
		r.known = append(r.known, to.ID)
		id, ofRoster := strings.CutPrefix(to.ID, PeoplePrefix)
		if id, _, _ = strings.Cut(id, "/"); ofRoster {
			who, _ := c.Roster.Person(id)
			r.people[to.ID] = who.Name
		}
	}
	if len(c.Routes) == 0 {
		for _, to := range c.Receivers {
			r.routes = append(r.routes, route{to: to.ID, events: eventNames})
		}
	}
	for _, given := range c.Routes {
		severity, _ := rules.ParseSeverity(given.Severity)
		events := given.Events
		if len(events) == 0 {
			events = defaultEvents
		}
		for _, to := range given.To {
			r.routes = append(r.routes, route{to, severity, given.Classes, given.Buildings, events})
		}
	}
	return r
}

// Link lets messages that call people carry the link that link makes of a claim.
func (r *Router) Link(link func(acklink.Claim) string) { r.link = link }

// Route appends to dst a notice for each receiver that is to hear of ev. ticket
// is the open ticket of the alert, or nil. Nobody hears of an alert that is
// hidden behind its cause, nor of what is Quiet. Who was told by a ladder hears,
// whatever the routes say, that somebody has taken the alert in hand and how it
// ends.
func (r *Router) Route(dst []Notice, ev alerts.Event, ticket *tickets.Ticket) []Notice {
	event := eventName(ev)
	if event == "" || ev.Quiet || ev.Alert.Visibility != alerts.Shown {
		return dst
	}
	f := r.site.Facility(ev.Alert.Facility)
	if f == nil { // taken out of the site file: whoever was told of the alert is told of its end
		f = &gateway.Facility{ID: ev.Alert.Facility}
	}
	bodies := make(map[string][]byte) // by the name that its link knows
	for _, to := range r.receivers(event, ev, f) {
		by := r.people[to]
		body := bodies[by]
		if body == nil {
			body = r.body(event, ev, f, ticket, by)
			bodies[by] = body
		}
		dst = append(dst, Notice{
			Key:      fmt.Sprintf("%s/%d/%s/%s/%s", r.site.ID, ev.Alert.ID, event, occasion(ev), to),
			Receiver: to, Alert: ev.Alert.ID, Event: event, Body: body, Made: ev.At,
		})
	}
	return dst
}

// occasion tells the events of one alert that have the same name apart. The
// severity is part of it because it can change more than once within a
// millisecond; a rung of a ladder is told once in each call, whenever that is.
func occasion(ev alerts.Event) string {
	if ev.Kind == alerts.Escalated {
		return fmt.Sprintf("%d.%d", ev.Alert.Call.Count, ev.Alert.Call.Rungs)
	}
	return fmt.Sprintf("%s/%d", ev.Alert.Severity, int64(ev.At))
}

// receivers returns who hears of an event, each once.
func (r *Router) receivers(event string, ev alerts.Event, f *gateway.Facility) (told []string) {
	tell := func(to string) {
		if !slices.Contains(told, to) {
			told = append(told, to)
		}
	}
	for _, rt := range r.routes {
		if event != eventEscalated && rt.matches(event, ev.Alert, f) {
			tell(rt.to)
		}
	}
	heard := ev.To
	if event == eventAcked || event == eventReturned || event == eventWithdrawn {
		heard = strings.Fields(ev.Alert.Call.Heard)
	}
	for _, to := range heard {
		if slices.Contains(r.known, to) { // somebody who was taken out of the roster has no sender
			tell(to)
		}
	}
	return told
}

// eventName returns what receivers call the event; "" for those nobody outside
// is told of.
func eventName(ev alerts.Event) string {
	switch {
	case ev.Kind.Calls():
		return eventRaised
	case ev.Kind == alerts.LevelChanged:
		return eventLevel
	case ev.Kind == alerts.Returned || ev.Kind == alerts.Calmed:
		return eventReturned
	case ev.Kind == alerts.Acknowledged:
		return eventAcked
	case ev.Kind == alerts.Escalated:
		return eventEscalated
	case ev.Kind == alerts.Withdrawn && ev.Alert.Cleared == ev.At:
		return eventWithdrawn // one that had returned before has been told of
	default:
		return ""
	}
}

// matches holds the worst severity the alert has had against the route: who
// heard that it began also hears that it ended. Of a facility that no longer
// exists class and building are not known; then every route matches.
func (rt *route) matches(event string, a alerts.Alert, f *gateway.Facility) bool {
	return a.Worst >= rt.severity && rt.hears(event, a) &&
		(len(rt.classes) == 0 || f.Class == "" || slices.Contains(rt.classes, f.Class)) &&
		(len(rt.buildings) == 0 || f.Class == "" || slices.Contains(rt.buildings, f.Building))
}

// hears reports whether the route names the event, or one that stands for it: an
// alert that has become worse than ever may be news to this route, and who waits
// for the end of an alert must not wait for ever.
func (rt *route) hears(event string, a alerts.Alert) bool {
	switch {
	case slices.Contains(rt.events, event):
		return true
	case event == eventLevel:
		return slices.Contains(rt.events, eventRaised) && a.Severity == a.Worst
	case event == eventWithdrawn:
		return slices.Contains(rt.events, eventReturned)
	default:
		return false
	}
}

// body returns the message for a person, "" for a receiver that is none.
func (r *Router) body(event string, ev alerts.Event, f *gateway.Facility, ticket *tickets.Ticket, by string) []byte {
	m := newMessage(r.site, event, ev, f, ticket)
	if r.link != nil && calls(event) && !ev.Alert.Acked {
		m.AckURL = r.link(acklink.Claim{Alert: ev.Alert.ID, Call: ev.Alert.Call.Count, By: by, Until: ev.At.Add(acklink.For)})
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("a message that JSON cannot hold: %v", err)) // its types make that impossible
	}
	return b
}
