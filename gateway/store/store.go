// Package store is the embedded database: the journal, which is the record of
// everything that happened, and beside it the projections that the gateway
// starts from and people ask for.
//
// What it promises:
//   - A Commit is written whole or not at all, and when it returns nil it is on
//     the disk: it survives a kill and a power cut at any moment.
//   - The journal is numbered without gaps, its times never go back, and a hash
//     chain over its rows lets Verify name a row that was altered, added or
//     taken out.
//   - One process owns the data directory. A second one is refused.
//   - A full disk, or a database that has reached its bound, gives ErrFull and
//     changes nothing. Reading goes on, and so does settling notices.
//
// It decides nothing: what an alert, a ticket or a notice says is its owner's.
// Nobody else may open the file for writing while the gateway runs.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"modernc.org/sqlite"
)

// The errors that callers tell apart. What wraps them says what to do.
var (
	ErrLocked  = errors.New("another gateway runs on this data directory")
	ErrFull    = errors.New("no space left for the database")
	ErrCorrupt = errors.New("the database file is damaged")
	ErrNewer   = errors.New("the database was written by a newer version")
	// ErrRefused is an error of what was to be written, not of the disk: it
	// will be refused for ever.
	ErrRefused = errors.New("the row contradicts what is stored")
)

const (
	pageSize     = 4096
	defaultPages = 1 << 20 // 4 GiB
	readers      = 4
	lockName     = "lock"
)

// Options are how a DB is opened; the zero value works.
type Options struct {
	// MaxPages bounds the database file, in pages of 4 KiB; default 4 GiB. At
	// the bound Commit gives ErrFull, until it is opened with more.
	MaxPages int64
}

// DB is an open database. Its methods may be called concurrently.
type DB struct {
	Record
	lock  *os.File
	write *sql.DB // one connection
	put   statements
}

// statements are the ways into the tables, prepared on the write connection.
type statements struct {
	entry, alert, ticket, notice, state, rule, forget *sql.Stmt
}

// Open opens the database at path, makes it if there is none, and brings an
// older one up to date. It locks the directory of path until Close. The errors
// are ErrLocked, ErrCorrupt, ErrNewer and ErrFull, or those of the file system.
func Open(path string, o Options) (*DB, error) {
	db, err := open(path, o)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, explain(err))
	}
	return db, nil
}

func open(path string, o Options) (_ *DB, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	db := &DB{}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if db.lock, err = lockDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if o.MaxPages == 0 {
		o.MaxPages = defaultPages
	}
	// With synchronous at FULL each commit waits for the disk. NORMAL would be
	// twenty times as fast and lose acknowledged rows at a power cut.
	if db.write, err = connect(path, 1, url.Values{"_txlock": {"immediate"}}, "page_size="+strconv.Itoa(pageSize), "journal_mode=WAL",
		"synchronous=FULL", "foreign_keys=ON", "journal_size_limit=16777216", "wal_autocheckpoint=1000",
		"max_page_count="+strconv.FormatInt(o.MaxPages, 10)); err != nil {
		return nil, err
	}
	if err = migrate(db.write); err != nil {
		return nil, err
	}
	if err = db.prepare(); err != nil {
		return nil, err
	}
	db.read, err = connect(path, readers, url.Values{}, "query_only=ON")
	return db, err
}

// connect opens a pool of at most n connections and tries the first one.
func connect(path string, n int, params url.Values, pragmas ...string) (*sql.DB, error) {
	params.Set("_busy_timeout", "5000")
	params["_pragma"] = pragmas
	pool, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: params.Encode()}).String())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	if err := pool.Ping(); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
}

func (db *DB) prepare() (err error) {
	for _, p := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&db.put.entry, journalTable.insert()},
		{&db.put.alert, alertTable.insert() + alertTable.orUpdate()},
		{&db.put.ticket, ticketTable.insert() + ticketTable.orUpdate()},
		{&db.put.notice, noticeTable.insert() + " ON CONFLICT (key) DO NOTHING"},
		{&db.put.state, stateTable.insert()},
		{&db.put.rule, ruleTable.insert() + ruleTable.orUpdate()},
		{&db.put.forget, "DELETE FROM " + ruleTable.name + " WHERE id = ?"},
	} {
		if *p.to, err = db.write.Prepare(p.sql); err != nil {
			return err
		}
	}
	return nil
}

// Close ends what is under way, closes the database and unlocks its directory.
func (db *DB) Close() error {
	var errs []error
	for _, pool := range []*sql.DB{db.read, db.write} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	if db.lock != nil {
		errs = append(errs, db.lock.Close())
	}
	return errors.Join(errs...)
}

// transact runs do in one write transaction. While it waits for its turn it can
// be called off by ctx; once begun it is short, and to watch ctx at every
// statement would cost a third of the time.
func (db *DB) transact(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	err = finish(tx, do(context.WithoutCancel(ctx), tx))
	if isCode(err, codeIO) {
		db.distrust()
	}
	return err
}

// distrust makes the next transaction open the file anew: after a failed sync
// the system may call pages written that never reached the disk.
func (db *DB) distrust() {
	conn, err := db.write.Conn(context.Background())
	if err != nil {
		return // it could not even be opened: there is nothing to trust
	}
	discard(conn)
}

// discard closes the connection instead of giving it back to its pool.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}

// finish commits tx, or rolls it back because of err.
func finish(tx *sql.Tx, err error) error {
	if err != nil {
		// SQLite has already rolled back after some errors, such as a full
		// disk; the one that tells is the first.
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// The primary result codes of SQLite that make a difference.
const (
	codeIO         = 10
	codeCorrupt    = 11
	codeFull       = 13
	codeConstraint = 19
	codeNotADB     = 26
)

func isCode(err error, codes ...int) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && slices.Contains(codes, e.Code()&0xff)
}

// explain puts the error that callers know, and what to do, before an error of
// SQLite.
func explain(err error) error {
	switch {
	case isCode(err, codeConstraint):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case isCode(err, codeFull):
		return fmt.Errorf("%w; free space on the disk, nothing else needs doing: %w", ErrFull, err)
	case isCode(err, codeCorrupt, codeNotADB):
		return fmt.Errorf("%w; stop the gateway, move the file and its -wal away, keep them, and start again with a copy or empty: %w", ErrCorrupt, err)
	}
	return err
}
