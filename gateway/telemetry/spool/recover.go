package spool

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Open takes the spool in dir, which is made if it is missing. It reads the headers
// of what is there, not the bodies; Verify and Peek do that. Until Close nobody else
// can open it.
func Open(dir string, o Options) (_ *Spool, err error) {
	if o.Free == nil {
		o.Free = freeBytes
	}
	s := &Spool{o: o, dir: dir, next: 1, done: make(map[uint64]bool), create: createIn(dir)}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool directory: %w", err)
	}
	if err := syncDir(filepath.Dir(dir)); err != nil {
		return nil, fmt.Errorf("spool directory: %w", err)
	}
	if s.lock, err = lockDir(dir); err != nil {
		return nil, fmt.Errorf("spool directory: %w", err)
	}
	defer func() {
		if err != nil {
			s.lock.Close()
		}
	}()
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("spool directory: %w", err)
	}
	for _, f := range files {
		number, ours := strings.CutSuffix(f.Name(), suffix)
		seq, err := strconv.ParseUint(number, 10, 64)
		if ours && err == nil {
			s.segments = append(s.segments, &segment{seq: seq})
		}
	}
	slices.SortFunc(s.segments, func(a, b *segment) int { return cmp.Compare(a.seq, b.seq) })
	for i, g := range s.segments {
		end := uint64(maxSeq)
		if i+1 < len(s.segments) {
			end = s.segments[i+1].seq
		}
		if err := s.survey(g, end); err != nil {
			return nil, fmt.Errorf("read the spool: %w", err)
		}
		s.next = max(s.next, g.end, g.seq+1) // a name is used once
	}
	s.removeDone()
	s.publish()
	return s, nil
}

// survey finds out what can be read of g, which reaches up to end. What that
// promises and is not there is lost. Of the newest segment, whose end nobody knows,
// only its headers tell.
func (s *Spool) survey(g *segment, end uint64) error {
	f, err := os.Open(s.path(g))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	g.size, g.end = info.Size(), end
	all, next := scan(f, g)
	if end == maxSeq {
		g.end = next
	}
	var readable int64
	for i, e := range all {
		if i == 0 {
			g.first = e.first
		}
		g.first, g.last = min(g.first, e.first), max(g.last, e.last)
		readable += int64(e.samples)
	}
	g.left = int64(g.end - g.seq)
	s.lack(g, g.left-readable)
	return nil
}

// Verify reads one segment whole and notes what is damaged, so that a disk that
// goes bad is known before the records are needed. Each call takes the next one.
func (s *Spool) Verify() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.publish()
	closed := s.segments
	if s.out != nil {
		closed = closed[:len(closed)-1]
	}
	if len(closed) == 0 {
		return nil
	}
	i := max(0, slices.IndexFunc(closed, func(g *segment) bool { return g.seq >= s.verified }))
	g := closed[i]
	s.verified = g.seq + 1
	f, err := os.Open(s.path(g))
	if errors.Is(err, os.ErrNotExist) {
		s.lack(g, g.left)
		return nil
	}
	if err != nil {
		return fmt.Errorf("verify the spool: %w", err)
	}
	defer f.Close()
	s.verify(g, f)
	return nil
}

func (s *Spool) verify(g *segment, f *os.File) {
	all, _ := scan(f, g)
	var readable int64
	for _, e := range all {
		var ok bool
		if s.scratch, ok = readBody(f, e, s.scratch[:0]); !ok {
			s.damaged(g, e)
		}
		if !s.done[e.seq] {
			readable += int64(e.samples)
		}
	}
	s.lack(g, g.left-readable)
}
