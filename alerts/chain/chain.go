// Package chain takes what rules say of samples on to alerts, tickets and
// notices, in the order of the live loop but without its disk, its clock and its
// meter. Rule tests and replays play through it.
//
// It owns the machines that it is made of and belongs to one goroutine. Time
// comes from the samples and from Advance, and every hold, settle time and
// deadline on the way is met in the moment in which it ends.
package chain

import (
	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Parts are the machines of a Chain.
type Parts struct {
	Engine *rules.Engine
	Book   *alerts.Book
	Desk   *tickets.Desk
	Router *notify.Router
}

// Listener hears of everything that happens, in its order. What is nil is not
// told.
type Listener struct {
	Change func(rules.Change)
	Alert  func(alerts.Event)
	Ticket func(tickets.Event)
	Notice func(notify.Notice)
}

// Chain is the way of a sample behind the drivers.
type Chain struct {
	Parts
	to  Listener
	now gateway.Instant

	changes []rules.Change
	events  []alerts.Event
	jobs    []tickets.Event
	notices []notify.Notice
}

// New returns a Chain of parts that tells to and begins at now: alerts that do not
// outlive a start are withdrawn, as the live loop does before its first sample.
func New(parts Parts, to Listener, now gateway.Instant) *Chain {
	c := &Chain{Parts: parts, to: to, now: now}
	c.events = c.Book.Withdraw(c.events, now)
	c.tellAlerts()
	return c
}

// Observe holds samples, all of one time, against the rules after letting time
// pass until then.
func (c *Chain) Observe(samples []gateway.Sample) {
	if len(samples) == 0 {
		return
	}
	c.Advance(samples[0].At)
	c.Book.Observe(samples)
	c.changes = c.Engine.Observe(c.changes[:0], samples)
	c.Book.Observe(c.Engine.Derived())
	c.apply()
}

// Next returns when something happens by itself: a hold, a settle time or a
// deadline ends.
func (c *Chain) Next() (next gateway.Instant, ok bool) {
	for _, of := range [...]func() (gateway.Instant, bool){c.Engine.Next, c.Book.Next, c.Desk.Next} {
		if at, due := of(); due && (!ok || at < next) {
			next, ok = at, true
		}
	}
	return max(next, c.now), ok
}

// Advance lets time pass until now.
func (c *Chain) Advance(now gateway.Instant) {
	for at, ok := c.Next(); ok && at < now; at, ok = c.Next() {
		c.step(at)
	}
	c.step(max(now, c.now))
}

func (c *Chain) step(now gateway.Instant) {
	c.now = now
	c.changes = c.Engine.Advance(c.changes[:0], now)
	c.apply()
	c.events = c.Book.Advance(c.events[:0], now)
	c.tellAlerts()
	c.jobs = c.Desk.Advance(c.jobs[:0], now)
	c.tellTickets()
}

// Reset ends the latch of a rule instance in the name of a person.
func (c *Chain) Reset(ref rules.Ref, now gateway.Instant) {
	c.Advance(now)
	c.changes = c.Engine.Reset(c.changes[:0], ref, now)
	c.apply()
}

// apply carries each change on before the next one: a later change of a step
// must find the alert and the ticket of an earlier one.
func (c *Chain) apply() {
	for _, change := range c.changes {
		if c.to.Change != nil {
			c.to.Change(change)
		}
		c.events = c.Book.Apply(c.events[:0], change)
		c.tellAlerts()
	}
}

// tellAlerts tells the desk of each event before the router: a notice names the
// ticket.
func (c *Chain) tellAlerts() {
	for _, ev := range c.events {
		if c.to.Alert != nil {
			c.to.Alert(ev)
		}
		c.jobs = c.Desk.OnAlert(c.jobs[:0], ev)
		c.tellTickets()
		if c.to.Notice != nil {
			c.tellNotices(ev)
		}
	}
}

func (c *Chain) tellNotices(ev alerts.Event) {
	var ticket *tickets.Ticket
	if t, open := c.Desk.Find(ev.Alert.Facility, ev.Alert.Family); open {
		ticket = &t
	}
	c.notices = c.Router.Route(c.notices[:0], ev, ticket)
	for _, n := range c.notices {
		c.to.Notice(n)
	}
}

func (c *Chain) tellTickets() {
	if c.to.Ticket != nil {
		for _, j := range c.jobs {
			c.to.Ticket(j)
		}
	}
}
