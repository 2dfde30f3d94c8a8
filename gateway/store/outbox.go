package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
)

// What has become of a notice.
const (
	waiting = "waiting"
	sent    = "sent"
	dead    = "dead"
)

const (
	// keepSettled is how many notices are looked back on: a settled one is
	// forgotten when that many newer ones have been made.
	keepSettled = 10_000
	// farOff is further ahead than any sender asks to wait. A notice that is
	// due later was put off by a clock that has been set back since.
	farOff = 2 * time.Hour
	// keepWaiting is how many newer notices a waiting one outlives. It ends
	// those whose receiver was taken out of the site file.
	keepWaiting = 100_000
)

// DeadLetter is a notice that was given up.
type DeadLetter struct {
	notify.Notice
	Err string          // of the last attempt
	At  gateway.Instant // of the last attempt
}

// Due returns the notices for receiver that are due by now, oldest first, at
// most limit, and if there is none, when the next one falls due. A notice is not
// due while an earlier one of the same alert waits to be tried again.
func (db *DB) Due(ctx context.Context, receiver string, now gateway.Instant, limit int) ([]notify.Notice, gateway.Instant, error) {
	const wait = "state = 'waiting' AND due > ?2 AND due <= ?3"
	letters, err := noticeTable.read(ctx, db.read, `AS n WHERE receiver = ?1 AND state = 'waiting' AND NOT (`+wait+`) AND NOT EXISTS (
		SELECT 1 FROM notice AS earlier WHERE receiver = ?1 AND alert = n.alert AND id < n.id AND `+wait+`)
		ORDER BY id LIMIT ?4`, receiver, now, now.Add(farOff), limit)
	if err != nil {
		return nil, 0, err
	}
	due := make([]notify.Notice, 0, len(letters))
	for _, l := range letters {
		due = append(due, l.Notice)
	}
	if len(due) > 0 {
		return due, 0, nil
	}
	var next sql.NullInt64
	row := db.read.QueryRowContext(ctx, "SELECT min(due) FROM notice WHERE receiver = ?1 AND "+wait, receiver, now, now.Add(farOff))
	if err := row.Scan(&next); err != nil {
		return nil, 0, fmt.Errorf("read notice: %w", explain(err))
	}
	return nil, gateway.Instant(next.Int64), nil
}

// Settle records what came of an attempt to send a notice. A notice that is
// settled already, or unknown, is left alone.
//
// It does not wait for the disk. After a power cut the last attempts may be
// forgotten; those notices are sent again under the same key.
func (db *DB) Settle(ctx context.Context, o notify.Outcome) error {
	err := db.relaxed(ctx, func(tx *sql.Tx) error {
		state := waiting
		if o.Err == "" {
			state = sent
		} else if o.Next.IsZero() {
			state = dead
		}
		var id int64
		row := tx.QueryRowContext(ctx, `UPDATE notice SET state = ?, attempts = attempts + 1, due = ?, tried = ?, error = ?
			WHERE key = ? AND state = 'waiting' RETURNING id`, state, o.Next, o.At, o.Err, o.Key)
		if err := row.Scan(&id); errors.Is(err, sql.ErrNoRows) {
			return nil
		} else if err != nil {
			return err
		}
		return forget(ctx, tx, id, o.At)
	})
	if err != nil {
		return fmt.Errorf("settle notice: %w", explain(err))
	}
	return nil
}

// forget keeps the table within its bounds. It goes by number, not by age: a
// clock that was set right makes what it stamped before look old.
func forget(ctx context.Context, tx *sql.Tx, newest int64, at gateway.Instant) error {
	if newest <= keepSettled {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM notice WHERE id <= ? AND state <> 'waiting'", newest-keepSettled); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "UPDATE notice SET state = 'dead', tried = ?, error = 'never asked for' WHERE id <= ? AND state = 'waiting'",
		at, newest-keepWaiting)
	return err
}

// relaxed runs do in a write transaction that is safe from a kill, but not from
// a power cut before the next Commit.
func (db *DB) relaxed(ctx context.Context, do func(*sql.Tx) error) (err error) {
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "PRAGMA synchronous=NORMAL"); err != nil {
		return err
	}
	defer func() {
		// A connection that cannot be made strict again must not write the
		// journal: the next one is opened anew.
		if _, strict := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous=FULL"); strict != nil {
			discard(conn)
			err = errors.Join(err, strict)
		}
	}()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	return finish(tx, do(tx))
}

// DeadLetters returns the notices that were given up, newest first, at most
// limit. The oldest are forgotten in time.
func (db *DB) DeadLetters(ctx context.Context, limit int) ([]DeadLetter, error) {
	letters, err := noticeTable.read(ctx, db.read, "WHERE state = 'dead' ORDER BY id DESC LIMIT ?", limit)
	if err != nil {
		return nil, err
	}
	list := make([]DeadLetter, 0, len(letters))
	for _, l := range letters {
		list = append(list, l.DeadLetter)
	}
	return list, nil
}

// Delivery is a notice with what has become of it.
type Delivery struct {
	notify.Notice
	State string          // waiting, sent or dead
	At    gateway.Instant // of the last attempt; zero if there was none
	Err   string          // of the last attempt; "" if it was taken
}

// Deliveries returns the notices of an alert that are not yet forgotten, in the
// order in which they were made.
func (r *Record) Deliveries(ctx context.Context, alert alerts.ID) ([]Delivery, error) {
	letters, err := noticeTable.read(ctx, r.read, "WHERE alert = ? ORDER BY id", alert)
	if err != nil {
		return nil, err
	}
	list := make([]Delivery, 0, len(letters))
	for _, l := range letters {
		d := Delivery{Notice: l.Notice, State: l.state, At: l.At, Err: l.Err}
		if l.state == waiting && l.Attempts == 0 {
			d.At = 0 // until then the time of an attempt is that of the notice
		}
		list = append(list, d)
	}
	return list, nil
}
