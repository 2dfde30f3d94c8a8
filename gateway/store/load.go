package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
)

// numbersKept is how far back the last ticket number of each day is looked up:
// tickets are numbered by the day that is now, in whatever zone.
const numbersKept = 7 * 24 * time.Hour

// Load returns what the loop needs to go on where it stopped. Loc is the zone
// in which months begin.
func (db *DB) Load(ctx context.Context, now gateway.Instant, loc *time.Location) (State, error) {
	s, err := db.load(ctx, now, loc)
	if err != nil {
		return State{}, fmt.Errorf("load state: %w", explain(err))
	}
	return s, nil
}

func (db *DB) load(ctx context.Context, now gateway.Instant, loc *time.Location) (s State, err error) {
	h, err := readHead(ctx, db.read)
	if err != nil {
		return s, err
	}
	s.Heartbeat = h.heartbeat
	if s.Alerts, err = alertTable.read(ctx, db.read, "WHERE closed = 0 ORDER BY id"); err != nil {
		return s, err
	}
	if s.Tickets, err = ticketTable.read(ctx, db.read, "WHERE "+openTicket+" OR ended > ? ORDER BY id", now.Add(-tickets.Remembered)); err != nil {
		return s, err
	}
	if s.Rules, err = ruleTable.read(ctx, db.read, "ORDER BY id"); err != nil {
		return s, err
	}
	row := db.read.QueryRowContext(ctx, "SELECT coalesce((SELECT max(id) FROM alert), 0), coalesce((SELECT max(id) FROM ticket), 0)")
	if err = row.Scan(&s.LastAlert, &s.LastTicket); err != nil {
		return s, err
	}
	if s.Numbers, err = db.numbers(ctx, now); err != nil {
		return s, err
	}
	s.Past, err = db.past(ctx, now, loc)
	return s, err
}

// past sums up all state events. They are read one by one and none is kept: a
// facility that flaps makes a million in a month. A million take about a second;
// a building of fifty facilities makes so many in some five years.
func (db *DB) past(ctx context.Context, now gateway.Instant, loc *time.Location) (map[gateway.FacilityID]intact.Past, error) {
	fold := intact.NewFold(now, loc)
	err := spanTable.each(ctx, db.read, func(e *intact.Event) { fold.Add(*e) }, "ORDER BY id DESC")
	return fold.Past(), err
}

// numbers returns the last number that was given out on each of the last days.
func (db *DB) numbers(ctx context.Context, now gateway.Instant) (map[string]int, error) {
	recent, err := ticketTable.read(ctx, db.read, "WHERE opened >= ?", now.Add(-numbersKept))
	if err != nil {
		return nil, err
	}
	last := make(map[string]int)
	for _, t := range recent {
		if day, n, ok := splitNumber(t.Number); ok {
			last[day] = max(last[day], n)
		}
	}
	return last, nil
}

// splitNumber takes the day and the count out of a number such as
// WX20260310-0007.
func splitNumber(number string) (day string, n int, ok bool) {
	head, tail, found := strings.Cut(number, "-")
	if !found || len(head) < len("20260310") {
		return "", 0, false
	}
	n, err := strconv.Atoi(tail)
	return head[len(head)-len("20260310"):], n, err == nil
}

// States returns the events of a facility, or of all for "", in the order in
// which they were recorded: those in force just before from, and those that took
// effect from then on and before to.
func (r *Record) States(ctx context.Context, facility gateway.FacilityID, from, to gateway.Instant) ([]intact.Event, error) {
	return stateTable.read(ctx, r.read, `WHERE (?1 = '' OR facility = ?1) AND effective >= ?2 AND effective < ?3
		OR id IN (SELECT max(id) FROM state_event WHERE (?1 = '' OR facility = ?1) AND effective < ?2 GROUP BY facility)
		ORDER BY id`, facility, from, to)
}

// Query asks for a part of a list in the order of ids.
type Query struct {
	State string // "open", "closed" or "all"; "" is all
	After int64  // only ids above it
	Limit int
}

// openTicket is the condition of the index over open tickets, word for word.
const openTicket = "state NOT IN ('closed', 'cancelled')"

// Alerts returns the alerts that q asks for.
func (r *Record) Alerts(ctx context.Context, q Query) ([]alerts.Alert, error) {
	return find(ctx, r, alertTable, q, "closed = 0")
}

// Tickets returns the tickets that q asks for.
func (r *Record) Tickets(ctx context.Context, q Query) ([]tickets.Ticket, error) {
	return find(ctx, r, ticketTable, q, openTicket)
}

func find[T any](ctx context.Context, r *Record, t table[T], q Query, open string) ([]T, error) {
	where := "WHERE id > ?"
	switch q.State {
	case "open":
		where += " AND " + open
	case "closed":
		where += " AND NOT (" + open + ")"
	case "", "all":
	default:
		return nil, fmt.Errorf("read %s: unknown state %q: want open, closed or all", t.name, q.State)
	}
	return t.read(ctx, r.read, where+" ORDER BY id LIMIT ?", q.After, q.Limit)
}

// AlertsIn returns the alerts that were open at any time from from on and before
// to, by id.
func (r *Record) AlertsIn(ctx context.Context, from, to gateway.Instant) ([]alerts.Alert, error) {
	return alertTable.read(ctx, r.read, "WHERE raised < ?2 AND (closed = 0 OR closed >= ?1) ORDER BY id", from, to)
}

// TicketsIn returns the tickets that were open at any time from from on and
// before to, by id.
func (r *Record) TicketsIn(ctx context.Context, from, to gateway.Instant) ([]tickets.Ticket, error) {
	return ticketTable.read(ctx, r.read, "WHERE opened < ?2 AND (ended = 0 OR ended >= ?1) ORDER BY id", from, to)
}
