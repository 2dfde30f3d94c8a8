// Package spool keeps on disk what a receiver does not take right now, and gives
// it back oldest first. It knows nothing of what is in it but how many samples
// there are and of which time.
//
// What it promises:
//   - What Append took is on disk: written and synced. Power that fails, a process
//     that is killed and a bit that flips cost the records they hit and no other:
//     reading goes on at the next record (see record.go for the format).
//   - It never grows over its limit, nor over half of what the disk has left; what
//     is oldest goes first, a segment at a time.
//   - Whatever is lost, by the limit or by damage, is counted in samples and told
//     once by Losses, with the time it is from.
//   - After an error nothing more is written to the file it came from. A disk that
//     was full and has room again is used again, without help.
//
// A record stays until Done names it. What was done and not yet removed is given
// again after a restart: at most the segment that was being read and those that a
// newer Done hit before. Sending twice must be harmless.
package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/intact-gateway/intact/gateway"
)

// DefaultLimit is a day of 1,000 samples a second.
const DefaultLimit = 1 << 30

// The largest and the smallest segment. A larger one costs more when the oldest
// has to go and when it is read again after a restart.
const (
	largestSegment  = 1 << 20
	smallestSegment = 64 << 10
)

// ErrNoRoom says that a record does not fit even if everything else goes.
var ErrNoRoom = errors.New("the disk has no room for the spool")

// Options are the bounds of a Spool.
type Options struct {
	Limit int64 // bytes; 0 for DefaultLimit
	// Free returns the bytes that the disk of dir has left; nil asks the system.
	Free func(dir string) (int64, error)
}

// Reason says why samples were lost.
type Reason string

// What samples are lost by.
const (
	Full    Reason = "spool_full"    // the oldest made room
	Damaged Reason = "spool_damaged" // they cannot be read any more
)

// Loss is samples that are gone. Their times are those of the records, or of their
// neighbours where the record tells nothing.
type Loss struct {
	Reason      Reason
	Samples     uint64
	First, Last gateway.Instant
}

// Stats say what a spool holds.
type Stats struct {
	Bytes   int64           // on disk
	Samples int64           // not done
	Oldest  gateway.Instant // time of the oldest sample not done, to the segment; zero if there is none
}

// Record is what Append takes: a body and what it holds.
type Record struct {
	Body        []byte
	Samples     int
	First, Last gateway.Instant
}

// Spool is a directory of segments. Its methods may be called from any goroutine;
// Stats and Losses never wait for the disk.
type Spool struct {
	o     Options
	dir   string
	lock  *os.File // nil once closed
	stats atomic.Pointer[Stats]

	lossMu sync.Mutex
	losses []Loss // one of each reason at most

	mu       sync.Mutex      // over all that follows, also while the disk works
	segments []*segment      // oldest first
	out      file            // the newest segment, while it is open
	next     uint64          // sequence of the next record
	indexed  *segment        // being read; nil for none
	index    []entry         // its records that are not done
	done     map[uint64]bool // records of the segments that are still there
	verified uint64          // sequence up to which Verify has been
	scratch  []byte
	create   func(name string) (file, error)
}

// file is what a segment is written through.
type file interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

// segment is what is known of a file without reading it.
type segment struct {
	seq         uint64 // of its first record, and its name
	end         uint64 // of the record after it
	size        int64
	left        int64           // samples that are not done
	first, last gateway.Instant // time of the oldest and the newest sample
}

func (s *segment) name() string { return fmt.Sprintf("%020d%s", s.seq, suffix) }

const suffix = ".spool"

// Append writes r to the disk and returns its sequence, by which Done knows it. If
// that fails nothing of it is kept.
func (s *Spool) Append(r Record) (seq uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.publish() // also if only room was made
	h := header{
		length: uint32(len(r.Body)), samples: uint32(r.Samples), seq: s.next,
		first: r.First, last: r.Last, sum: sum(r.Body),
	}
	if r.Samples <= 0 || len(r.Body) > maxBody {
		return 0, fmt.Errorf("spool: %d samples in %d bytes are no record", r.Samples, len(r.Body))
	}
	if s.lock == nil {
		return 0, fmt.Errorf("spool: %w", os.ErrClosed)
	}
	limit := s.limit()
	if err := s.makeRoom(h.size(), limit); err != nil {
		return 0, err
	}
	if err := s.roll(h.size(), limit); err != nil {
		return 0, err
	}
	s.scratch = append(h.append(s.scratch[:0]), r.Body...)
	if err := s.write(s.scratch); err != nil {
		return 0, err
	}
	last := s.segments[len(s.segments)-1]
	if last.left == 0 {
		last.first = r.First
	}
	last.first, last.last = min(last.first, r.First), max(last.last, r.Last)
	last.size += h.size()
	last.left += int64(r.Samples)
	last.end = h.end()
	s.next = h.end()
	return h.seq, nil
}

// makeRoom lets the oldest segments go until size more bytes are allowed.
func (s *Spool) makeRoom(size, limit int64) error {
	if size > limit {
		return fmt.Errorf("%w: it may take %d bytes, the record needs %d", ErrNoRoom, limit, size)
	}
	for len(s.segments) > 0 && s.size()+size > limit {
		oldest := s.segments[0]
		if err := s.removeOldest(); err != nil {
			return err
		}
		if oldest.left > 0 {
			s.lose(Loss{Reason: Full, Samples: uint64(oldest.left), First: oldest.first, Last: oldest.last})
		}
	}
	return nil
}

// roll makes sure that there is an open segment with room for size bytes.
func (s *Spool) roll(size, limit int64) error {
	largest := min(max(limit/16, smallestSegment), largestSegment)
	if s.out != nil && s.segments[len(s.segments)-1].size+size <= largest {
		return nil
	}
	s.closeOut()
	s.removeDone()
	segment := &segment{seq: s.next, end: s.next}
	out, err := s.create(segment.name())
	if err != nil {
		return fmt.Errorf("make a spool segment: %w", err)
	}
	// Without it a power cut could take the file whose content is safe.
	if err := syncDir(s.dir); err != nil {
		out.Close()
		os.Remove(s.path(segment))
		return fmt.Errorf("make a spool segment: %w", err)
	}
	s.segments, s.out = append(s.segments, segment), out
	return nil
}

// write puts one whole record at the end of the open segment. A file that an error
// came from is cut back to what was sound and never written to again: after a
// failed sync nobody knows which of its pages are on disk.
func (s *Spool) write(record []byte) error {
	_, err := s.out.Write(record)
	if err == nil {
		err = s.out.Sync()
	}
	if err == nil {
		return nil
	}
	last := s.segments[len(s.segments)-1]
	s.out.Truncate(last.size) // if this fails, too, the record is skipped when it is read
	s.closeOut()
	if last.size == 0 {
		os.Remove(s.path(last))
		s.segments = s.segments[:len(s.segments)-1]
	}
	return fmt.Errorf("write to the spool: %w", err)
}

func (s *Spool) closeOut() {
	if s.out != nil {
		s.out.Close() // each record was synced by itself
		s.out = nil
	}
}

// removeOldest takes the oldest segment off the disk.
func (s *Spool) removeOldest() error {
	oldest := s.segments[0]
	if len(s.segments) == 1 {
		s.closeOut()
	}
	if err := os.Remove(s.path(oldest)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove a spool segment: %w", err)
	}
	if s.indexed == oldest {
		s.indexed = nil
	}
	for seq := range s.done {
		if seq < oldest.end {
			delete(s.done, seq)
		}
	}
	s.segments = slices.Delete(s.segments, 0, 1)
	return nil
}

// removeDone removes the segments that nobody waits for any more, oldest first and
// only so: a hole in the sequence would look like damage after a restart.
func (s *Spool) removeDone() {
	for len(s.segments) > 0 && s.segments[0].left == 0 && (s.out == nil || len(s.segments) > 1) {
		if s.removeOldest() != nil {
			return // it is tried again with the next one
		}
	}
}

func (s *Spool) path(g *segment) string { return filepath.Join(s.dir, g.name()) }

func (s *Spool) size() (bytes int64) {
	for _, g := range s.segments {
		bytes += g.size
	}
	return bytes
}

// limit returns how many bytes the spool may take: its limit, and no more than
// half of what it and the free disk are together. The database of the alarms needs
// the room more.
func (s *Spool) limit() int64 {
	limit := cmp.Or(s.o.Limit, DefaultLimit)
	if free, err := s.o.Free(s.dir); err == nil {
		limit = min(limit, (free+s.size())/2)
	}
	return limit
}

// publish makes the state visible to Stats.
func (s *Spool) publish() {
	st := Stats{Bytes: s.size()}
	for _, g := range s.segments {
		if st.Samples += g.left; st.Oldest.IsZero() && g.left > 0 {
			st.Oldest = g.first
		}
	}
	s.stats.Store(&st)
}

// Stats returns what the spool holds.
func (s *Spool) Stats() Stats { return *s.stats.Load() }

// lose notes what is gone, together with what went before for the same reason.
func (s *Spool) lose(l Loss) {
	s.lossMu.Lock()
	defer s.lossMu.Unlock()
	for i := range s.losses {
		if known := &s.losses[i]; known.Reason == l.Reason {
			known.Samples += l.Samples
			known.First, known.Last = min(known.First, l.First), max(known.Last, l.Last)
			return
		}
	}
	s.losses = append(s.losses, l)
}

// Losses returns what was lost since the last call, at most one of each reason.
func (s *Spool) Losses() []Loss {
	s.lossMu.Lock()
	defer s.lossMu.Unlock()
	losses := s.losses
	s.losses = nil
	return losses
}

// Close gives the directory back. What is not done stays on disk for the next Open.
func (s *Spool) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return
	}
	s.closeOut()
	s.removeDone()
	s.lock.Close()
	s.lock = nil
}
