package spool_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/telemetry/spool"
)

func plenty(string) (int64, error) { return 1 << 40, nil }

func open(t testing.TB, dir string, limit int64) *spool.Spool {
	t.Helper()
	s, err := spool.Open(dir, spool.Options{Limit: limit, Free: plenty})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// record returns record number i: i%7+1 samples, a second apart, in a body of
// about 30 bytes that says which it is.
func record(i int) spool.Record {
	at := gateway.Instant(1_000_000 + 1000*i)
	body := fmt.Appendf(nil, "record %d ", i)
	noise := make([]byte, 10+i*7%13)
	rand.NewChaCha8([32]byte{byte(i), byte(i >> 8)}).Read(noise)
	return spool.Record{Body: append(body, noise...), Samples: i%7 + 1, First: at, Last: at + 999}
}

func fill(t testing.TB, s *spool.Spool, from, to int) (samples int64) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := s.Append(record(i)); err != nil {
			t.Fatal(err)
		}
		samples += int64(record(i).Samples)
	}
	return samples
}

// drain takes everything, one record at a time, and returns the numbers of the
// records. Each must be as it was written.
func drain(t testing.TB, s *spool.Spool) (numbers []int) {
	t.Helper()
	var b spool.Bundle
	for {
		err := s.Peek(&b, 1)
		if errors.Is(err, io.EOF) {
			return numbers
		}
		if err != nil {
			t.Fatal(err)
		}
		var i int
		if _, err := fmt.Sscanf(string(b.Body), "record %d ", &i); err != nil {
			t.Fatalf("read %q: %v", b.Body, err)
		}
		if want := record(i); !bytes.Equal(b.Body, want.Body) || b.Samples != want.Samples {
			t.Fatalf("record %d is not what was written", i)
		}
		numbers = append(numbers, i)
		s.Done(b.Records...)
	}
}

func sequence(from, to int) (all []int) {
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	return all
}

func TestOldestFirstAndAcrossARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 0)
	samples := fill(t, s, 0, 20)
	if got := s.Stats(); got.Samples != samples || got.Oldest != 1_000_000 || got.Bytes == 0 {
		t.Errorf("stats %+v, want %d samples", got, samples)
	}
	if _, err := spool.Open(dir, spool.Options{}); err == nil {
		t.Error("a spool was opened twice")
	}
	s.Close()
	if _, err := s.Append(record(99)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed spool was written to: %v", err)
	}
	s = open(t, dir, 0)
	fill(t, s, 20, 30)
	if diff := cmp.Diff(sequence(0, 30), drain(t, s)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if got := s.Stats(); got != (spool.Stats{}) || s.Losses() != nil {
		t.Errorf("an empty spool says %+v", got)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("%d files are left", len(files))
	}
	fill(t, s, 30, 31)
	s.Close()
	if got := drain(t, open(t, dir, 0)); len(got) != 1 {
		t.Errorf("read %v, want record 30", got)
	}
}

func TestFilesAreForTheGatewayAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	fill(t, open(t, dir, 0), 0, 1)
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestABundleHoldsAsManyRecordsAsAreAskedFor(t *testing.T) {
	s := open(t, t.TempDir(), 0)
	fill(t, s, 0, 7) // 1 to 7 samples
	for _, tt := range []struct{ limit, records, samples int }{{1, 1, 1}, {2, 1, 1}, {3, 2, 3}, {9, 3, 6}, {1000, 7, 28}} {
		var b spool.Bundle
		if err := s.Peek(&b, tt.limit); err != nil || len(b.Records) != tt.records || b.Samples != tt.samples {
			t.Errorf("up to %d samples: %d records, %d samples (%v), want %d, %d", tt.limit, len(b.Records), b.Samples, err, tt.records, tt.samples)
		}
	}
}

func TestWhatIsDoneOutOfTurnIsNotRead(t *testing.T) {
	s := open(t, t.TempDir(), 0)
	var places []spool.Place
	for i := range 10 {
		seq, err := s.Append(record(i))
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, spool.Place{Seq: seq, Samples: record(i).Samples})
	}
	s.Done(places[3], places[9], places[3])
	var b spool.Bundle
	if err := s.Peek(&b, 1); err != nil { // from now on there is an index
		t.Fatal(err)
	}
	s.Done(places[5], places[5], places[3])
	if diff := cmp.Diff([]int{0, 1, 2, 4, 6, 7, 8}, drain(t, s)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	s.Done(places...)
	if got := s.Stats(); got != (spool.Stats{}) || len(s.Losses()) != 0 {
		t.Errorf("stats %+v", got)
	}
}

func TestAFullSpoolLetsTheOldestGoAndCountsThem(t *testing.T) {
	const limit = 128 << 10
	s := open(t, t.TempDir(), limit)
	const records = 2500
	appended := fill(t, s, 0, records)
	got := s.Stats()
	if got.Bytes > limit || got.Bytes < limit/3 {
		t.Errorf("%d bytes on disk, want between a third and all of %d", got.Bytes, limit)
	}
	losses := s.Losses()
	if len(losses) != 1 || losses[0].Reason != spool.Full || int64(losses[0].Samples)+got.Samples != appended || losses[0].First != 1_000_000 {
		t.Fatalf("lost %+v of %d samples, %d are left", losses, appended, got.Samples)
	}
	if got.Oldest <= losses[0].Last {
		t.Errorf("the oldest left is of %d, what was lost reaches %d", got.Oldest, losses[0].Last)
	}
	numbers := drain(t, s)
	if diff := cmp.Diff(sequence(numbers[0], records), numbers); diff != "" {
		t.Errorf("what is left has holes:\n%s", diff)
	}
	if s.Losses() != nil {
		t.Error("a loss is told twice")
	}
}

func TestTheDiskIsSharedByHalves(t *testing.T) {
	free := int64(160 << 10)
	s, err := spool.Open(t.TempDir(), spool.Options{Free: func(string) (int64, error) { return free, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 2500 {
		before := s.Stats().Bytes
		if _, err := s.Append(record(i)); err != nil {
			t.Fatal(err)
		}
		if free -= s.Stats().Bytes - before; free < 80<<10-1<<15 {
			t.Fatalf("only %d bytes are free", free)
		}
	}
	free = 0 // others have filled the disk
	for i := range 20 {
		before := s.Stats().Bytes
		_, err := s.Append(record(i))
		if free += before - s.Stats().Bytes; err != nil {
			break
		}
	}
	if free < 1<<15 {
		t.Errorf("on a full disk the spool gave back %d bytes", free)
	}
	free = 0
	if _, err := s.Append(spool.Record{Body: make([]byte, 1<<20), Samples: 1}); !errors.Is(err, spool.ErrNoRoom) {
		t.Errorf("a record larger than the room ended with %v", err)
	}
}

// TestARandomLife holds the spool against a list in memory, through restarts.
func TestARandomLife(t *testing.T) {
	for seed := range uint64(4) {
		dir, random := t.TempDir(), rand.New(rand.NewPCG(seed, 3))
		s := open(t, dir, 0)
		var waiting []int // numbers of the records that are not done
		next := 0
		for range 400 {
			switch random.IntN(20) {
			default:
				fill(t, s, next, next+1)
				waiting = append(waiting, next)
				next++
			case 0, 1, 2, 3:
				var b spool.Bundle
				err := s.Peek(&b, 1+random.IntN(60))
				if len(waiting) == 0 {
					if !errors.Is(err, io.EOF) {
						t.Fatalf("seed %d: an empty spool gave %d records, %v", seed, len(b.Records), err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				var want []byte
				for _, i := range waiting[:len(b.Records)] {
					want = append(want, record(i).Body...)
				}
				if !bytes.Equal(b.Body, want) {
					t.Fatalf("seed %d: not the %d oldest records", seed, len(b.Records))
				}
				s.Done(b.Records...)
				waiting = waiting[len(b.Records):]
			case 4:
				if err := s.Verify(); err != nil {
					t.Fatal(err)
				}
			case 5:
				// What was done may come again after a restart, to the segment.
				s.Close()
				s = open(t, dir, 0)
				if again := drain(t, s); len(again) < len(waiting) || !slices.Equal(again[len(again)-len(waiting):], waiting) {
					t.Fatalf("seed %d: after a restart %v, want %v", seed, again, waiting)
				}
				waiting = nil
			}
		}
		if losses := s.Losses(); losses != nil {
			t.Errorf("seed %d: lost %+v", seed, losses)
		}
	}
}

func TestAppendAllocatesLittle(t *testing.T) {
	s := open(t, t.TempDir(), 0)
	r := record(1)
	if n := testing.AllocsPerRun(100, func() { s.Append(r) }); n > 3 {
		t.Errorf("%v allocations per record", n)
	}
}

// BenchmarkAppend writes and syncs a record of 1,000 samples.
func BenchmarkAppend(b *testing.B) {
	s := open(b, b.TempDir(), 1<<24)
	r := spool.Record{Body: make([]byte, 8000), Samples: 1000, First: 1, Last: 1}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Append(r); err != nil {
			b.Fatal(err)
		}
	}
}
