package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Commit writes all of the changes in one transaction, or nothing at all. When
// it returns nil they are on the disk.
//
// Journal entries get their number and hash here, and a time that is not before
// the entry ahead of them. Of an alert, ticket or rule instance that occurs more than
// once the last row counts. A notice whose key is known already is not taken again. If
// there is no room the error is ErrFull.
func (db *DB) Commit(ctx context.Context, changes ...Change) error {
	err := db.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := db.writeJournal(ctx, tx, changes); err != nil {
			return err
		}
		if err := db.writeProjections(ctx, tx, changes); err != nil {
			return err
		}
		if err := db.writeRules(ctx, tx, changes); err != nil {
			return err
		}
		return db.writeEvents(ctx, tx, changes)
	})
	if err != nil {
		return fmt.Errorf("commit: %w", explain(err))
	}
	return nil
}

// Heartbeat records that the gateway was alive at at. A Commit does so, too.
func (db *DB) Heartbeat(ctx context.Context, at gateway.Instant) error {
	return db.Commit(ctx, Change{At: at})
}

// writeJournal appends the entries and moves the heartbeat.
func (db *DB) writeJournal(ctx context.Context, tx *sql.Tx, changes []Change) error {
	h, err := readHead(ctx, tx)
	if err != nil {
		return err
	}
	for _, c := range changes {
		for _, e := range c.Entries {
			h.append(&e)
			if err := journalTable.put(ctx, tx, db.put.entry, &e); err != nil {
				return err
			}
		}
		if !c.At.IsZero() {
			h.heartbeat = c.At
		}
	}
	return h.write(ctx, tx)
}

// writeProjections writes alerts and tickets as they are after all changes.
// Tickets that have ended go first: they make room for the one open ticket that
// a facility and fault family may have.
func (db *DB) writeProjections(ctx context.Context, tx *sql.Tx, changes []Change) error {
	latestAlerts := make(map[alerts.ID]*alerts.Alert)
	latestTickets := make(map[tickets.ID]*tickets.Ticket)
	for _, c := range changes {
		for i := range c.Alerts {
			latestAlerts[c.Alerts[i].ID] = &c.Alerts[i]
		}
		for i := range c.Tickets {
			latestTickets[c.Tickets[i].ID] = &c.Tickets[i]
		}
	}
	for _, id := range slices.Sorted(maps.Keys(latestAlerts)) {
		if err := alertTable.put(ctx, tx, db.put.alert, latestAlerts[id]); err != nil {
			return err
		}
	}
	jobs := slices.SortedFunc(maps.Values(latestTickets), func(a, b *tickets.Ticket) int {
		return cmp.Or(cmp.Compare(openRank(a), openRank(b)), cmp.Compare(a.ID, b.ID))
	})
	for _, t := range jobs {
		if err := ticketTable.put(ctx, tx, db.put.ticket, t); err != nil {
			return err
		}
	}
	return nil
}

// openRank is 0 for a ticket that has ended and 1 for one that has not.
func openRank(t *tickets.Ticket) int {
	if t.State.Over() {
		return 0
	}
	return 1
}

// writeRules writes where rule instances stand after all changes.
func (db *DB) writeRules(ctx context.Context, tx *sql.Tx, changes []Change) error {
	latest := make(map[string]*rules.State)
	for _, c := range changes {
		for i := range c.Rules {
			latest[c.Rules[i].Key] = &c.Rules[i]
		}
	}
	for _, key := range slices.Sorted(maps.Keys(latest)) {
		var err error
		if s := latest[key]; len(s.Records) > 0 {
			err = ruleTable.put(ctx, tx, db.put.rule, s)
		} else if _, err = tx.StmtContext(ctx, db.put.forget).ExecContext(ctx, key); err != nil {
			err = fmt.Errorf("write %s: %w", ruleTable.name, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeEvents appends what is never changed again: state events, and notices
// until they are settled.
func (db *DB) writeEvents(ctx context.Context, tx *sql.Tx, changes []Change) error {
	for _, c := range changes {
		for i := range c.States {
			if err := stateTable.put(ctx, tx, db.put.state, &c.States[i]); err != nil {
				return err
			}
		}
		for _, n := range c.Notices {
			l := letter{DeadLetter: DeadLetter{Notice: n, At: n.Made}, state: waiting}
			if err := noticeTable.put(ctx, tx, db.put.notice, &l); err != nil {
				return err
			}
		}
	}
	return nil
}
