package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// small is a disk of 8 MiB: a real one for root, an imitation for others.
type small struct {
	t     *testing.T
	dir   string
	real  bool
	other int64 // bytes that others have written to the imitation
}

const smallSize = 8 << 20

func newSmall(t *testing.T) *small {
	t.Helper()
	d := &small{t: t, dir: t.TempDir()}
	if d.real = syscall.Mount("tmpfs", d.dir, "tmpfs", 0, "size=8m") == nil; d.real {
		t.Cleanup(func() {
			if err := syscall.Unmount(d.dir, 0); err != nil {
				t.Errorf("unmount: %v", err)
			}
		})
	}
	return d
}

func (d *small) open() *Spool {
	d.t.Helper()
	o := Options{}
	if !d.real {
		o.Free = func(string) (int64, error) { return d.free(), nil }
	}
	s, err := Open(filepath.Join(d.dir, "spool"), o)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(s.Close) // before the disk goes
	if create := s.create; !d.real {
		s.create = func(name string) (file, error) {
			f, err := create(name)
			return scarce{f, d}, err
		}
	}
	return s
}

// fill has others write to the last byte.
func (d *small) fill() {
	d.t.Helper()
	if !d.real {
		d.other += d.free()
		return
	}
	f, err := os.OpenFile(filepath.Join(d.dir, "ballast"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
}

// empty has others remove what they wrote.
func (d *small) empty() {
	d.t.Helper()
	if d.other = 0; !d.real {
		return
	}
	if err := os.Remove(filepath.Join(d.dir, "ballast")); err != nil {
		d.t.Fatal(err)
	}
}

func (d *small) free() int64 {
	left := smallSize - d.other
	files, err := filepath.Glob(filepath.Join(d.dir, "spool", "*"))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			left -= info.Size()
		}
	}
	return max(0, left)
}

// scarce is a file on an imitated disk.
type scarce struct {
	file
	disk *small
}

func (f scarce) Write(p []byte) (int, error) {
	if free := f.disk.free(); int64(len(p)) > free {
		n, _ := f.file.Write(p[:free])
		return n, syscall.ENOSPC
	}
	return f.file.Write(p)
}

func numbered(i int) Record {
	body := fmt.Appendf(nil, "%d ", i)
	return Record{Body: append(body, make([]byte, 4000)...), Samples: 1, First: 1, Last: 1}
}

// TestADiskThatIsFilledAndFreed fills the disk 100 times: what cannot be written
// is refused, never half kept, and once there is room all goes on by itself. What
// was taken is read back or counted as lost.
func TestADiskThatIsFilledAndFreed(t *testing.T) {
	disk := newSmall(t)
	s := disk.open()
	taken, refused, read, lost := 0, 0, 0, 0
	next := -1 // the number of the last record read
	readSome := func(n int) {
		t.Helper()
		var b Bundle
		for ; n > 0; n-- {
			if err := s.Peek(&b, 1); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatal(err)
			}
			var i int
			if _, err := fmt.Sscan(strings.TrimRight(string(b.Body), "\x00"), &i); err != nil || i <= next {
				t.Fatalf("record %d after %d (%v)", i, next, err)
			}
			next = i
			read++
			s.Done(b.Records...)
		}
	}
	for round := range 100 {
		disk.fill()
		for range 10 {
			if _, err := s.Append(numbered(taken)); err == nil {
				taken++
			} else {
				refused++
			}
			disk.fill() // what the spool gave back is gone at once
		}
		disk.empty()
		for range 50 {
			if _, err := s.Append(numbered(taken)); err != nil {
				t.Fatalf("round %d: there is room again, and yet %v", round, err)
			}
			taken++
		}
		readSome(round % 40)
	}
	readSome(1 << 20)
	for _, l := range s.Losses() {
		lost += int(l.Samples)
	}
	if read+lost != taken || refused == 0 {
		t.Errorf("%d records taken, %d refused, %d read, %d lost", taken, refused, read, lost)
	}
	files, err := filepath.Glob(filepath.Join(disk.dir, "spool", "*"))
	if err != nil || len(files) > 1 {
		t.Errorf("%d files are left of an empty spool", len(files))
	}
}

// sick is a file of which the n-th write or sync goes wrong.
type sick struct {
	file
	left  *int
	wrong map[file]bool
	t     *testing.T
}

func (f sick) step() error {
	if f.wrong[f.file] {
		f.t.Error("a file that failed is written to again")
	}
	if *f.left--; *f.left == 0 {
		f.wrong[f.file] = true
		return syscall.EIO
	}
	return nil
}

func (f sick) Write(p []byte) (int, error) {
	if err := f.step(); err != nil {
		n, _ := f.file.Write(p[:len(p)/2])
		return n, err
	}
	return f.file.Write(p)
}

func (f sick) Sync() error {
	if err := f.step(); err != nil {
		return err
	}
	return f.file.Sync()
}

// Truncate fails on a sick disk, too, so that half a record stays.
func (f sick) Truncate(size int64) error {
	if *f.left%2 == 0 {
		return syscall.EIO
	}
	return f.file.Truncate(size)
}

func TestAWriteErrorAtEveryStepLosesNothingTaken(t *testing.T) {
	for n := 1; n <= 24; n++ {
		dir := t.TempDir()
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		left, failures := n, 0
		create := s.create
		wrong := make(map[file]bool)
		s.create = func(name string) (file, error) {
			f, err := create(name)
			return sick{f, &left, wrong, t}, err
		}
		for i := 0; i < 12; {
			if _, err := s.Append(numbered(i)); err == nil {
				i++
			} else if failures++; !errors.Is(err, syscall.EIO) {
				t.Fatal(err)
			}
		}
		if failures != 1 {
			t.Fatalf("%d errors, want one", failures)
		}
		s.Close()
		if s, err = Open(dir, Options{}); err != nil { // what is known is not needed
			t.Fatal(err)
		}
		var b Bundle
		for i := range 12 {
			if err := s.Peek(&b, 1); err != nil || !strings.HasPrefix(string(b.Body), fmt.Sprintf("%d ", i)) {
				t.Fatalf("error at step %d: record %d reads as %.9q (%v)", n, i, b.Body, err)
			}
			s.Done(b.Records...)
		}
		if err := s.Peek(&b, 1); !errors.Is(err, io.EOF) {
			t.Fatalf("error at step %d: more than what was taken: %.9q (%v)", n, b.Body, err)
		}
		s.Close()
	}
}
