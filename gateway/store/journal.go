package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"

	"github.com/intact-gateway/intact/gateway"
)

// ErrAltered is what Verify gives when the journal is not what was written.
var ErrAltered = errors.New("the journal was altered")

// verifyBatch is how many journal rows Verify holds in memory.
const verifyBatch = 1000

// head is the heartbeat row: the last sign of life and the end of the chain.
type head struct {
	heartbeat gateway.Instant
	seq       int64
	last      gateway.Instant // time of the last entry
	hash      string
}

// querier is a database or a transaction in it.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readHead(ctx context.Context, q querier) (h head, err error) {
	row := q.QueryRowContext(ctx, "SELECT at, seq, last, hash FROM heartbeat WHERE id = 1")
	if err := row.Scan(&h.heartbeat, &h.seq, &h.last, &h.hash); err != nil {
		return h, fmt.Errorf("read heartbeat: %w", err)
	}
	return h, nil
}

func (h *head) write(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "UPDATE heartbeat SET at = ?, seq = ?, last = ?, hash = ? WHERE id = 1", h.heartbeat, h.seq, h.last, h.hash)
	if err != nil {
		return fmt.Errorf("write heartbeat: %w", err)
	}
	return nil
}

// append makes e the next entry of the chain.
func (h *head) append(e *Entry) {
	e.Seq = h.seq + 1
	e.At = max(e.At, h.last)
	e.Hash = e.chain(h.hash)
	h.seq, h.last, h.hash = e.Seq, e.At, e.Hash
}

// chain returns the hash of e behind the hash before: SHA-256, as lower case
// hex, over the fields before, seq, gateway, at (ms since 1970), kind,
// facility, by and body in this order, each as its length in bytes, a colon and
// its bytes. The first entry has the hash "" before it.
func (e *Entry) chain(before string) string {
	h := sha256.New()
	addField(h, before)
	addField(h, strconv.FormatInt(e.Seq, 10))
	addField(h, e.Gateway)
	addField(h, strconv.FormatInt(int64(e.At), 10))
	addField(h, e.Kind)
	addField(h, string(e.Facility))
	addField(h, e.By)
	addField(h, string(e.Body))
	return hex.EncodeToString(h.Sum(nil))
}

// addField writes the length ahead of the bytes, so that no byte can move from
// one field to the next without changing the hash. A hash never fails to write.
func addField(h hash.Hash, s string) {
	_, _ = fmt.Fprintf(h, "%d:%s", len(s), s)
}

// Journal returns the entries after number after, at most limit, in order.
func (r *Record) Journal(ctx context.Context, after int64, limit int) ([]Entry, error) {
	return journalTable.read(ctx, r.read, "WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
}

// Verify reads the journal up to the entry that is the last one now and returns
// how many rows it has found in order. If one was altered, taken out or put in,
// the error is ErrAltered and names the first row that does not fit.
func (r *Record) Verify(ctx context.Context) (rows int64, err error) {
	var end head
	var newest int64
	row := r.read.QueryRowContext(ctx, "SELECT seq, hash, (SELECT coalesce(max(seq), 0) FROM journal) FROM heartbeat WHERE id = 1")
	if err := row.Scan(&end.seq, &end.hash, &newest); err != nil {
		return 0, fmt.Errorf("read heartbeat: %w", explain(err))
	}
	var at head
	for at.seq < end.seq {
		batch, err := r.Journal(ctx, at.seq, int(min(verifyBatch, end.seq-at.seq)))
		if err != nil {
			return at.seq, err
		}
		if len(batch) == 0 {
			return at.seq, altered(at.seq+1, "missing, with all that were written after it")
		}
		for _, e := range batch {
			if fault := at.fault(e); fault != "" {
				return at.seq, altered(at.seq+1, fault)
			}
			at.seq, at.last, at.hash = e.Seq, e.At, e.Hash
		}
	}
	switch {
	case at.hash != end.hash:
		return at.seq - 1, altered(at.seq, "not the row that was written last")
	case newest > end.seq:
		return at.seq, altered(end.seq+1, "put in behind the row that was written last")
	}
	return at.seq, nil
}

// VerifyLines reads journal entries as JSON, one a line, and returns the first and
// the last of those in order. The first is taken as it is unless it is row 1:
// what its hash is chained to is not there. If a row does not fit behind the one
// before it, the error is ErrAltered and names it. That rows are missing at the
// end cannot be seen here; the hash of the last one tells it to whoever compares
// it with the gateway's.
func VerifyLines(lines io.Reader) (first, last Entry, err error) {
	in := json.NewDecoder(lines)
	for n := 1; ; n++ {
		var e Entry
		if err := in.Decode(&e); errors.Is(err, io.EOF) {
			return first, last, nil
		} else if err != nil {
			return first, last, fmt.Errorf("line %d: not a row of a journal: %w", n, err)
		}
		switch at := (head{seq: last.Seq, last: last.At, hash: last.Hash}); {
		case n == 1 && e.Seq != 1:
			first = e
		case at.fault(e) != "":
			return first, last, fmt.Errorf("line %d: %w", n, altered(at.seq+1, at.fault(e)))
		case n == 1:
			first = e
		}
		last = e
	}
}

func altered(seq int64, fault string) error {
	return fmt.Errorf("%w: row %d: %s", ErrAltered, seq, fault)
}

// fault says what is wrong with e as the entry behind h, or "".
func (h *head) fault(e Entry) string {
	switch {
	case e.Seq != h.seq+1:
		return fmt.Sprintf("missing, row %d follows", e.Seq)
	case e.Hash != e.chain(h.hash):
		return "its hash does not fit"
	case e.At < h.last:
		return "its time is before that of the row ahead of it"
	}
	return ""
}
