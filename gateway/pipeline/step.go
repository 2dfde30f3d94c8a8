package pipeline

import (
	"encoding/json"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/store"
	"github.com/intact-gateway/intact/rules"
)

// observe takes samples into the latest table, with what is derived from them,
// and holds all of it against the rules.
func (p *Pipeline) observe(samples []gateway.Sample) {
	now := p.now()
	for i := range samples {
		s := &samples[i]
		p.arrived[s.Point] = now
		if !s.Quality.HasValue() {
			p.stats.BadSamples++
		} else if f := p.heardBy[s.Point]; f >= 0 {
			// By the loop's clock: that of the samples may have been set back.
			p.heard[f] = now
			p.parts.Meter.Heard(int(f), now)
		}
	}
	p.stats.Samples += uint64(len(samples))
	p.parts.Book.Observe(samples)
	p.changes = p.parts.Engine.Observe(p.changes[:0], samples)
	derived := p.parts.Engine.Derived()
	p.parts.Book.Observe(derived)
	if p.o.Export != nil && len(derived) > 0 {
		p.o.Export(derived)
	}
	p.applyChanges()
}

// advance lets time pass: hold times, settle times, deadlines, silence.
func (p *Pipeline) advance(now gateway.Instant) {
	p.changes = p.parts.Engine.Advance(p.changes[:0], now)
	p.applyChanges()
	p.events = p.parts.Book.Advance(p.events[:0], now)
	p.applyEvents()
	p.jobs = p.parts.Desk.Advance(p.jobs[:0], now)
	p.recordJobs(p.jobs)
	p.spans = p.parts.Meter.Advance(p.spans[:0], now)
	p.recordSpans(p.spans)
}

// sweep does once a second what nothing else asks for: points that have grown
// too old become stale, the gateway's own parts and what it cannot see are looked
// at, and everybody sees a fresh snapshot.
func (p *Pipeline) sweep() {
	now := p.now()
	p.swept = p.swept[:0]
	latest := p.parts.Engine.Latest()
	for ref, pt := range p.parts.Site.Points() {
		q := latest[ref].Quality
		silent := q.HasValue() || q == gateway.NotSeen // what is bad already needs no saying
		if pt.MaxAge > 0 && silent && now.Sub(p.arrived[ref]) > pt.MaxAge {
			p.swept = append(p.swept, gateway.Sample{Point: ref, Quality: gateway.BadStale, At: now})
		}
	}
	var health map[string]bool
	if p.o.Health != nil {
		health = p.o.Health()
	}
	for name, ref := range p.self {
		ok, told := health[name]
		if name == gateway.SelfStore {
			ok, told = p.recorder.failing() == "", true
		}
		if told {
			p.swept = append(p.swept, gateway.Sample{Point: ref, Quality: gateway.Good, Value: truth(ok), At: now})
		}
	}
	p.observe(p.swept)
	p.swept = p.swept[:0]
	for i := range p.sights {
		s := &p.sights[i]
		if blind, tell := s.look(latest, now); tell {
			p.swept = append(p.swept, gateway.Sample{Point: s.blind, Quality: gateway.Good, Value: blind, At: now})
		}
	}
	p.observe(p.swept)
	p.dirty = true
}

func truth(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}

func (p *Pipeline) applyChanges() {
	for _, c := range p.changes {
		p.applyChange(c)
	}
}

func (p *Pipeline) applyChange(c rules.Change) {
	p.stats.Transitions++
	p.events = p.parts.Book.Apply(p.events[:0], c)
	p.applyEvents()
}

// applyEvents carries each event of an alert on to the meter, the desk, the
// journal and the receivers, in this order: a notice names the ticket.
func (p *Pipeline) applyEvents() {
	for _, ev := range p.events {
		p.dirty = true
		p.entry(ev.At, "alert."+ev.Kind.String(), ev.Alert.Facility, ev.By, ev)
		p.pending.Alerts = append(p.pending.Alerts, ev.Alert)
		p.spans = p.parts.Meter.OnAlert(p.spans[:0], ev)
		p.recordSpans(p.spans)
		p.jobs = p.parts.Desk.OnAlert(p.jobs[:0], ev)
		p.recordJobs(p.jobs)
		p.notices = p.parts.Router.Route(p.notices[:0], ev, p.ticketOf(ev.Alert))
		p.pending.Notices = append(p.pending.Notices, p.notices...)
		p.o.Log.Info("alert "+ev.Kind.String(), "alert", ev.Alert.ID, "facility", ev.Alert.Facility,
			"rule", ev.Alert.Rule, "point", ev.Alert.Point, "severity", ev.Alert.Severity.String())
	}
}

// ticketOf returns the open ticket of the alert's facility and fault family, or
// nil.
func (p *Pipeline) ticketOf(a alerts.Alert) *tickets.Ticket {
	if t, ok := p.parts.Desk.Find(a.Facility, a.Family); ok {
		return &t
	}
	return nil
}

func (p *Pipeline) recordJobs(jobs []tickets.Event) {
	for _, j := range jobs {
		p.dirty = true
		p.entry(j.At, "ticket."+j.Name, j.Ticket.Facility, j.By, j.Ticket)
		p.pending.Tickets = append(p.pending.Tickets, j.Ticket)
		p.stats.Work.count(j)
		if j.Name == "breached" {
			p.stats.Breaches[j.Note]++
		}
		log := p.o.Log.With("ticket", j.Ticket.Number, "facility", j.Ticket.Facility)
		if j.By != "" {
			log = log.With("by", j.By)
		}
		log.Info("ticket " + j.Name)
	}
}

func (p *Pipeline) recordSpans(spans []intact.Event) {
	for _, s := range spans {
		p.dirty = true
		p.entry(s.Recorded, "intact."+s.Class.String(), s.Facility, "", s)
	}
	p.pending.States = append(p.pending.States, spans...)
}

// entry adds a row to the journal of this step.
func (p *Pipeline) entry(at gateway.Instant, kind string, f gateway.FacilityID, by string, body any) {
	e := store.Entry{Gateway: p.o.Gateway, At: at, Kind: kind, Facility: f, By: by}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			// Only a type that JSON cannot hold ends here: a fault of the code
			// that the tests of every entry would show.
			p.o.Log.Error("journal entry without body", "kind", kind, "err", err)
		}
		e.Body = raw
	}
	p.pending.Entries = append(p.pending.Entries, e)
}
