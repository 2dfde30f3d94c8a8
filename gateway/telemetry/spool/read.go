package spool

import (
	"errors"
	"io"
	"os"
	"slices"
)

// entry is a record of a segment that can be read.
type entry struct {
	header
	at int64 // in the file
}

// Place is where a record stands in the sequence, and what Done is told.
type Place struct {
	Seq     uint64
	Samples int
}

// Bundle is some of the oldest records with their bodies one after the other.
// Gzip bodies joined so are one gzip stream.
type Bundle struct {
	Body    []byte
	Samples int
	Records []Place
}

// Peek fills b with the oldest records that are not done, as many as hold no more
// than limit samples, but one at least. The error is io.EOF if nothing waits.
func (s *Spool) Peek(b *Bundle, limit int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.publish()
	b.Body, b.Samples, b.Records = b.Body[:0], 0, b.Records[:0]
	for {
		s.removeDone()
		waiting := slices.IndexFunc(s.segments, func(g *segment) bool { return g.left > 0 })
		if waiting < 0 {
			return io.EOF
		}
		// A segment that is done and cannot be removed stands in nobody's way.
		if err := s.read(b, s.segments[waiting], limit); err != nil || len(b.Records) > 0 {
			return err
		}
	}
}

// read fills b from g. An empty bundle means that there was nothing left in g that
// can be read, and that this was noted.
func (s *Spool) read(b *Bundle, g *segment, limit int) error {
	f, err := os.Open(s.path(g))
	if errors.Is(err, os.ErrNotExist) { // somebody has deleted it
		if g == s.segments[len(s.segments)-1] {
			s.closeOut()
		}
		s.lack(g, g.left)
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if s.indexed != g {
		s.load(g, f)
	}
	for i := 0; i < len(s.index); {
		e := s.index[i]
		if i > 0 && b.Samples+int(e.samples) > limit {
			break
		}
		body, ok := readBody(f, e, b.Body)
		if !ok {
			if i > 0 {
				break // what is whole goes first
			}
			s.damaged(g, e)
			continue
		}
		b.Body = body
		b.Samples += int(e.samples)
		b.Records = append(b.Records, Place{e.seq, int(e.samples)})
		i++
	}
	if len(s.index) == 0 {
		s.lack(g, g.left) // whatever it was, it must not be waited for
	}
	return nil
}

// readBody appends the body of e to dst, if it is as it was written.
func readBody(f io.ReaderAt, e entry, dst []byte) ([]byte, bool) {
	before := len(dst)
	body := slices.Grow(dst, int(e.length))[:before+int(e.length)]
	n, _ := f.ReadAt(body[before:], e.at+headerSize)
	if n < int(e.length) || !e.sound(body[before:]) {
		return dst, false
	}
	return body, true
}

// load reads the headers of g into the index. A segment that is read is no longer
// written to, so that the index stays whole.
func (s *Spool) load(g *segment, f *os.File) {
	if g == s.segments[len(s.segments)-1] {
		s.closeOut()
	}
	all, _ := scan(f, g)
	s.indexed, s.index = g, s.index[:0]
	var readable int64
	for _, e := range all {
		if !s.done[e.seq] {
			s.index = append(s.index, e)
			readable += int64(e.samples)
		}
	}
	s.lack(g, g.left-readable)
}

// scan returns the records of g that are whole by their headers and in sequence,
// and the sequence after the last header, be its body there or cut off.
func scan(f io.ReaderAt, g *segment) (all []entry, next uint64) {
	next = g.seq
	for off := int64(0); off < g.size; {
		h, at, ok := findHeader(f, off, g.size)
		if !ok {
			break
		}
		off = at + h.size()
		if h.seq < next || h.end() > g.end {
			continue
		}
		if next = h.end(); off <= g.size {
			all = append(all, entry{h, at})
		}
	}
	return all, next
}

// damaged notes that the body of e cannot be read.
func (s *Spool) damaged(g *segment, e entry) {
	if s.settle(g, Place{e.seq, int(e.samples)}) {
		s.lose(Loss{Reason: Damaged, Samples: uint64(e.samples), First: e.first, Last: e.last})
	}
}

// lack notes that n samples of g are not to be found.
func (s *Spool) lack(g *segment, n int64) {
	if n = min(n, g.left); n > 0 {
		g.left -= n
		s.lose(Loss{Reason: Damaged, Samples: uint64(n), First: g.first, Last: g.last})
	}
}

// Done says that records need not be kept any longer. One that has gone meanwhile
// and one that is done already do no harm.
func (s *Spool) Done(records ...Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		if i := slices.IndexFunc(s.segments, func(g *segment) bool { return g.seq <= r.Seq && r.Seq < g.end }); i >= 0 {
			s.settle(s.segments[i], r)
		}
	}
	s.removeDone()
	s.publish()
}

// settle takes r off the records of g that wait and reports whether it was one.
func (s *Spool) settle(g *segment, r Place) bool {
	if s.done[r.Seq] {
		return false
	}
	if s.indexed == g {
		i := slices.IndexFunc(s.index, func(e entry) bool { return e.seq == r.Seq })
		if i < 0 {
			return false
		}
		s.index = slices.Delete(s.index, i, i+1)
	}
	s.done[r.Seq] = true
	g.left -= int64(r.Samples)
	return true
}
