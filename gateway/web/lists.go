package web

import (
	"context"
	"net/http"
	"strconv"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway/store"
)

// Open alerts and tickets are answered from the snapshot, which is what the
// page shows, too; anything else from the store. Either way rows come in order
// of id, and the cursor is the last id of the part before.

// listAlerts answers ?state=open, closed or all.
func (s *server) listAlerts(r *http.Request) (any, error) {
	w, state, err := listQuery(r)
	if err != nil {
		return nil, err
	}
	snap := s.desk.Snapshot()
	rows := snap.Alerts
	if state != stateOpen {
		if rows, err = s.pastAlerts(r.Context(), w, state); err != nil {
			return nil, err
		}
	}
	id := func(a alerts.Alert) int64 { return int64(a.ID) }
	return rowsAfter(w, rows, id, func(a alerts.Alert) alertJSON { return viewAlert(snap, a) }), nil
}

// listTickets answers ?state=open, closed or all.
func (s *server) listTickets(r *http.Request) (any, error) {
	w, state, err := listQuery(r)
	if err != nil {
		return nil, err
	}
	snap := s.desk.Snapshot()
	rows := snap.Tickets
	if state != stateOpen {
		if rows, err = s.pastTickets(r.Context(), w, state); err != nil {
			return nil, err
		}
	}
	id := func(t tickets.Ticket) int64 { return int64(t.ID) }
	return rowsAfter(w, rows, id, func(t tickets.Ticket) ticketJSON { return viewTicket(snap, t) }), nil
}

// listQuery reads what both lists are asked with.
func listQuery(r *http.Request) (window, string, error) {
	w, err := windowOf(r)
	if err != nil {
		return w, "", err
	}
	state, err := stateOf(r)
	return w, state, err
}

// pastAlerts reads one row more than wanted, to know whether there are more.
func (s *server) pastAlerts(ctx context.Context, w window, state string) ([]alerts.Alert, error) {
	return s.history.Alerts(ctx, pastQuery(w, state))
}

// pastTickets does for tickets what pastAlerts does for alerts.
func (s *server) pastTickets(ctx context.Context, w window, state string) ([]tickets.Ticket, error) {
	return s.history.Tickets(ctx, pastQuery(w, state))
}

// pastQuery is w as the store understands it.
func pastQuery(w window, state string) store.Query {
	return store.Query{After: w.after, Limit: w.limit + 1, State: state}
}

// rowsAfter answers the part w of rows in order of id.
func rowsAfter[T, V any](w window, rows []T, id func(T) int64, view func(T) V) list[V] {
	l := list[V]{Items: []V{}}
	for _, row := range rows {
		if id(row) <= w.after {
			continue
		}
		if len(l.Items) == w.limit {
			l.Next = new(strconv.FormatInt(w.after, 10))
			return l
		}
		l.Items = append(l.Items, view(row))
		w.after = id(row)
	}
	return l
}
