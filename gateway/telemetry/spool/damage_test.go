package spool_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/intact-gateway/intact/gateway/telemetry/spool"
)

const records = 64

// segment returns the bytes of one segment with 64 records, its name, and where
// each record begins; the last number is its length.
func segment(t testing.TB) (whole []byte, name string, begins []int) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir, 0)
	for i := range records {
		begins = append(begins, int(s.Stats().Bytes))
		fill(t, s, i, i+1)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	if whole, err = os.ReadFile(files[0]); err != nil {
		t.Fatal(err)
	}
	return whole, filepath.Base(files[0]), append(begins, len(whole))
}

// reopen reads a directory that holds one segment.
func reopen(t testing.TB, dir, name string, content []byte) (s *spool.Spool, numbers []int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(dir, spool.Options{Free: plenty})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s, drainWhole(t, s)
}

// drainWhole is drain in large bundles, for segments that begin with record 0.
func drainWhole(t testing.TB, s *spool.Spool) (numbers []int) {
	t.Helper()
	var b spool.Bundle
	for {
		err := s.Peek(&b, 1000)
		if errors.Is(err, io.EOF) {
			return numbers
		}
		if err != nil {
			t.Fatal(err)
		}
		var want []byte
		seq, i := uint64(1), 0
		for _, r := range b.Records {
			for ; seq < r.Seq; i++ {
				seq += uint64(record(i).Samples)
			}
			numbers = append(numbers, i)
			want = append(want, record(i).Body...)
		}
		if !bytes.Equal(b.Body, want) {
			t.Fatalf("records %v are not what was written", numbers)
		}
		s.Done(b.Records...)
	}
}

func lost(s *spool.Spool) (samples uint64) {
	for _, l := range s.Losses() {
		if l.Reason == spool.Damaged {
			samples += l.Samples
		}
	}
	return samples
}

func TestEveryFlippedByteCostsOneRecordAtMost(t *testing.T) {
	whole, name, begins := segment(t)
	dir := t.TempDir()
	for at := range whole {
		hit := 0
		for begins[hit+1] <= at {
			hit++
		}
		damaged := bytes.Clone(whole)
		damaged[at] ^= 0xff
		s, got := reopen(t, dir, name, damaged)
		if want := slices.Delete(sequence(0, records), hit, hit+1); !slices.Equal(got, want) {
			t.Fatalf("byte %d of record %d: read %v", at, hit, got)
		}
		// Of the last record nothing but its own header tells how much it held.
		want := uint64(record(hit).Samples)
		if n := lost(s); n != want && (hit < records-1 || n != 0) {
			t.Fatalf("byte %d of record %d: %d samples counted as lost, want %d", at, hit, n, want)
		}
	}
}

func TestEveryTruncationKeepsTheWholeRecords(t *testing.T) {
	whole, name, begins := segment(t)
	dir := t.TempDir()
	for length := range whole {
		kept := 0
		for begins[kept+1] <= length {
			kept++
		}
		_, got := reopen(t, dir, name, whole[:length])
		if !slices.Equal(got, sequence(0, kept)) {
			t.Fatalf("cut to %d bytes: read %v, want the first %d", length, got, kept)
		}
		if length%50 != 0 {
			continue // a sync each is slow
		}
		s := open(t, dir, 0)
		fill(t, s, 100, 101)
		if got := drain(t, s); !slices.Equal(got, []int{100}) {
			t.Fatalf("cut to %d bytes: a record written afterwards reads as %v", length, got)
		}
		s.Close()
	}
}

func TestVerifyFindsDamageBeforeItIsRead(t *testing.T) {
	whole, name, begins := segment(t)
	for what, at := range map[string]int{"body": begins[5] + 50, "header": begins[5] + 10} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir, 0)
			if err := s.Verify(); err != nil || lost(s) != 0 {
				t.Fatalf("a sound segment: %v", err)
			}
			damaged := bytes.Clone(whole)
			damaged[at] ^= 1
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(); err != nil {
				t.Fatal(err)
			}
			if n := lost(s); n != uint64(record(5).Samples) {
				t.Errorf("%d samples found lost, want %d", n, record(5).Samples)
			}
			if err := s.Verify(); err != nil {
				t.Fatal(err)
			}
			if got := drain(t, s); len(got) != records-1 || slices.Contains(got, 5) {
				t.Errorf("read %v", got)
			}
			if n := lost(s); n != 0 {
				t.Errorf("%d samples are counted twice", n)
			}
		})
	}
}

func TestADeletedSegmentIsALossAndNoFault(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 0)
	samples := fill(t, s, 0, 10)
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	if got := drain(t, s); len(got) != 0 {
		t.Errorf("read %v", got)
	}
	if n := lost(s); n != uint64(samples) {
		t.Errorf("%d samples counted as lost, want %d", n, samples)
	}
	fill(t, s, 10, 12)
	if got := drain(t, s); !slices.Equal(got, []int{10, 11}) {
		t.Errorf("read %v", got)
	}
}

// FuzzSegment reads whatever may be on a disk: no panic, no end without an end,
// and no record that was not written as it is read.
func FuzzSegment(f *testing.F) {
	whole, name, begins := segment(f)
	f.Add(whole)
	f.Add(whole[begins[3]+17 : begins[6]+5])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := spool.Open(dir, spool.Options{Free: plenty})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var b spool.Bundle
		for i := 0; ; i++ {
			if err := s.Peek(&b, 1000); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if i > len(content) {
				t.Fatal("reading does not end")
			}
			s.Done(b.Records...)
		}
		if got := s.Stats(); got.Samples != 0 {
			t.Fatalf("nothing is left to read and %d samples wait", got.Samples)
		}
	})
}
