package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/store"
)

// disk is a store in memory that can fail.
type disk struct {
	mu      sync.Mutex
	fail    func(store.Change) error
	changes []store.Change
	settled []string
}

func (d *disk) Commit(_ context.Context, changes ...store.Change) error {
	d.mu.Lock()
	fail := d.fail
	d.mu.Unlock()
	for _, c := range changes {
		if fail != nil {
			if err := fail(c); err != nil {
				return err
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes = append(d.changes, changes...)
	return nil
}

func (d *disk) Due(context.Context, string, gateway.Instant, int) ([]notify.Notice, gateway.Instant, error) {
	return nil, 0, nil
}

func (d *disk) Settle(_ context.Context, o notify.Outcome) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settled = append(d.settled, o.Key)
	return nil
}

func (d *disk) breaks(f func(store.Change) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = f
}

func (d *disk) kinds() (kinds []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.changes {
		for _, e := range c.Entries {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

// notices returns the keys of the notices that were written.
func (d *disk) notices() (keys []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.changes {
		for _, n := range c.Notices {
			keys = append(keys, n.Key)
		}
	}
	return keys
}

func say(kind string, notices ...notify.Notice) *step {
	return &step{change: store.Change{At: 1, Entries: []store.Entry{{Kind: kind}}, Notices: notices}, answers: []answer{make(answer, 1)}}
}

// ask hands s over and returns where its answer comes.
func ask(r *recorder, s *step) answer {
	a := s.answers[0]
	r.put(s)
	return a
}

var errFull = errors.New("disk full")

func full(store.Change) error { return errFull }

func withRecorder(t *testing.T, f func(*disk, *recorder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		r := newRecorder(d, slog.New(slog.DiscardHandler), func(*Snapshot) {}, nil)
		ended := make(chan struct{})
		go func() { defer close(ended); r.run() }()
		f(d, r)
		r.close()
		<-ended
	})
}

func TestAnAnswerComesAfterTheCommit(t *testing.T) {
	withRecorder(t, func(d *disk, r *recorder) {
		if err := <-ask(r, say("a")); err != nil {
			t.Fatal(err)
		}
		if got := d.kinds(); !slices.Equal(got, []string{"a"}) {
			t.Errorf("answered with %v on disk", got)
		}
	})
}

func TestWhatADeadDiskRefusedIsWrittenOnceItWorks(t *testing.T) {
	withRecorder(t, func(d *disk, r *recorder) {
		d.breaks(full)
		if err := <-ask(r, say("a")); !errors.Is(err, ErrNotWritten) || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("answer is %v, want it to say that it is not written and why", err)
		}
		<-ask(r, say("b"))
		if r.failing() == "" {
			t.Error("the recorder does not say that it fails")
		}
		d.breaks(nil)
		time.Sleep(2 * retryEvery)
		if got := d.kinds(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("on disk are %v", got)
		}
		if r.failing() != "" {
			t.Errorf("still failing: %s", r.failing())
		}
	})
}

func TestWithADeadDiskNoticesGoOutFromMemoryOnce(t *testing.T) {
	withRecorder(t, func(d *disk, r *recorder) {
		d.breaks(full)
		n := notify.Notice{Key: "k", Receiver: "desk"}
		r.put(say("a", n))
		synctest.Wait()
		if due, _, _ := r.outbox.Due(context.Background(), "desk", 0, 10); len(due) != 0 {
			t.Error("told before the disk had a second try")
		}
		time.Sleep(3 * retryEvery)
		due, _, _ := r.outbox.Due(context.Background(), "desk", 0, 10)
		if len(due) != 1 || due[0].Key != "k" {
			t.Fatalf("due from memory: %v", due)
		}
		if err := r.outbox.Settle(context.Background(), notify.Outcome{Key: "k"}); err != nil {
			t.Fatal(err)
		}
		if due, _, _ := r.outbox.Due(context.Background(), "desk", 0, 10); len(due) != 0 {
			t.Errorf("due again: %v", due)
		}
		d.breaks(nil)
		time.Sleep(3 * retryEvery)
		synctest.Wait()
		if !slices.Equal(d.settled, []string{"k"}) {
			t.Errorf("settled in the store: %v; it would be sent again", d.settled)
		}
	})
}

func TestOneStepThatCannotBeWrittenDoesNotBlockTheRest(t *testing.T) {
	withRecorder(t, func(d *disk, r *recorder) {
		d.breaks(func(c store.Change) error {
			if len(c.Entries) > 0 && c.Entries[0].Kind == "poison" {
				return fmt.Errorf("write: %w", store.ErrRefused)
			}
			return nil
		})
		for _, k := range []string{"a", "poison", "b"} {
			r.put(say(k))
		}
		time.Sleep(3 * retryEvery)
		r.put(say("c"))
		time.Sleep(3 * retryEvery)
		if got := d.kinds(); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("on disk are %v", got)
		}
		if r.lost.Load() != 1 || r.failing() != "" {
			t.Errorf("%d lost, failing %q", r.lost.Load(), r.failing())
		}
	})
}

// TestAHeartbeatThatStillFitsDoesNotHideAFullDisk: a step without rows may be
// written when an alarm may not.
func TestAHeartbeatThatStillFitsDoesNotHideAFullDisk(t *testing.T) {
	withRecorder(t, func(d *disk, r *recorder) {
		d.breaks(func(c store.Change) error {
			if len(c.Entries) > 0 {
				return errFull
			}
			return nil
		})
		alarm := ask(r, say("alarm"))
		r.put(&step{change: store.Change{At: 1}})
		if err := <-alarm; !errors.Is(err, ErrNotWritten) {
			t.Errorf("an act that is not on disk is answered with %v", err)
		}
		time.Sleep(5 * retryEvery)
		synctest.Wait()
		if r.failing() == "" || r.lost.Load() != 0 {
			t.Errorf("failing %q, %d lost", r.failing(), r.lost.Load())
		}
		d.breaks(nil)
		time.Sleep(3 * retryEvery)
		if got := d.kinds(); !slices.Equal(got, []string{"alarm"}) {
			t.Errorf("on disk are %v", got)
		}
	})
}

// TestAStepIsWrittenOnceThoughTheNextOneFails: what was written on its own must
// not be written again.
func TestAStepIsWrittenOnceThoughTheNextOneFails(t *testing.T) {
	withRecorder(t, func(d *disk, r *recorder) {
		d.breaks(func(c store.Change) error {
			if len(c.Entries) > 0 && c.Entries[0].Kind == "b" {
				return context.DeadlineExceeded
			}
			return nil
		})
		for _, k := range []string{"a", "b", "c"} {
			r.put(say(k))
		}
		time.Sleep(3 * retryEvery)
		d.breaks(nil)
		time.Sleep(3 * retryEvery)
		if got := d.kinds(); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("on disk are %v", got)
		}
	})
}

func TestADiskThatHangsKeepsNobodyFromHearing(t *testing.T) {
	withRecorder(t, func(d *disk, r *recorder) {
		d.breaks(func(store.Change) error { time.Sleep(time.Minute); return nil })
		r.put(say("a", notify.Notice{Key: "k", Receiver: "desk"}))
		time.Sleep(3 * time.Second)
		if due, _, _ := r.outbox.Due(context.Background(), "desk", 0, 10); len(due) != 1 || r.failing() == "" {
			t.Errorf("%d notices due, failing %q", len(due), r.failing())
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if due, _, _ := r.outbox.Due(context.Background(), "desk", 0, 10); len(due) != 0 || r.failing() != "" {
			t.Errorf("afterwards %d notices in memory, failing %q", len(due), r.failing())
		}
	})
}

// TestADiskThatHangsDoesNotStopTheLoop: while a commit does not return, the loop
// hands over more than the queue holds; people see it and hear of it.
func TestADiskThatHangsDoesNotStopTheLoop(t *testing.T) {
	withRecorder(t, func(d *disk, r *recorder) {
		var shown atomic.Pointer[Snapshot]
		r.show = func(s *Snapshot) { shown.Store(s) }
		d.breaks(func(store.Change) error { time.Sleep(time.Hour); return nil })
		began := time.Now()
		var last answer
		for i := range 3 * recorderQueue {
			s := say("x", notify.Notice{Key: strconv.Itoa(i), Receiver: strconv.Itoa(i % 8)})
			s.show = &Snapshot{Seq: uint64(i)}
			last = ask(r, s)
		}
		if waited := time.Since(began); waited > hangLimit {
			t.Errorf("the loop stood still for %v", waited)
		}
		if err := <-last; !errors.Is(err, ErrNotWritten) {
			t.Errorf("an act is answered with %v", err)
		}
		if s := shown.Load(); s == nil || s.Seq != 3*recorderQueue-1 {
			t.Errorf("people see %+v", s)
		}
		due := 0
		for i := range 8 {
			n, _, _ := r.outbox.Due(context.Background(), strconv.Itoa(i), 0, 10_000)
			due += len(n)
		}
		if due != 3*recorderQueue {
			t.Errorf("%d notices go out from memory, want %d", due, 3*recorderQueue)
		}
		d.breaks(nil)
		time.Sleep(300 * time.Hour) // each step of the first group hangs
		if n := len(d.kinds()); n != 3*recorderQueue || r.failing() != "" {
			t.Errorf("afterwards %d rows on disk, failing %q", n, r.failing())
		}
	})
}

// TestNothingIsShownThatIsNotOnDisk: who saw an alert finds it again after a
// power cut.
func TestNothingIsShownThatIsNotOnDisk(t *testing.T) {
	withRecorder(t, func(d *disk, r *recorder) {
		var shown atomic.Pointer[Snapshot]
		r.show = func(s *Snapshot) { shown.Store(s) }
		d.breaks(func(store.Change) error { time.Sleep(time.Second); return nil })
		s := say("alarm")
		s.show = &Snapshot{}
		r.put(s)
		time.Sleep(900 * time.Millisecond)
		if shown.Load() != nil {
			t.Error("shown before it was written")
		}
		time.Sleep(200 * time.Millisecond)
		if shown.Load() == nil {
			t.Error("written and not shown")
		}
	})
}

// settleAll sends what is due for a receiver.
func settleAll(t *testing.T, b *outbox, receiver string) {
	t.Helper()
	due, _, _ := b.Due(context.Background(), receiver, 0, maxHeld)
	for _, n := range due {
		if err := b.Settle(context.Background(), notify.Outcome{Key: n.Key}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMemoryStaysBoundedWhileTheDiskIsDead(t *testing.T) {
	withRecorder(t, func(d *disk, r *recorder) {
		d.breaks(full)
		for i := range 3 * backlogRows {
			j := say("x", notify.Notice{Key: strconv.Itoa(i), Receiver: "desk"})
			j.change.Alerts = []alerts.Alert{{ID: alerts.ID(i % 7), AckedBy: time.Duration(i).String()}}
			r.put(j)
			settleAll(t, r.outbox, "desk")
		}
		synctest.Wait()
		if n := len(r.outbox.held) + len(r.outbox.settled); n > backlogRows {
			t.Errorf("%d notices in memory", n)
		}
		d.breaks(nil)
		time.Sleep(3 * retryEvery)
		synctest.Wait()
		if n := len(r.outbox.held) + len(r.outbox.settled); n > 0 {
			t.Errorf("%d notices in memory after all", n)
		}
		rows := len(d.kinds())
		if rows > backlogRows || uint64(rows)+r.lost.Load() != 3*backlogRows {
			t.Errorf("%d rows kept (bound %d) and %d counted as lost do not add up to %d", rows, backlogRows, r.lost.Load(), 3*backlogRows)
		}
		newest := map[alerts.ID]string{}
		for _, c := range d.changes {
			for _, a := range c.Alerts {
				newest[a.ID] = a.AckedBy
			}
		}
		last := 3*backlogRows - 1
		if got, want := newest[alerts.ID(last%7)], time.Duration(last).String(); got != want {
			t.Errorf("newest state of an alert is %s, want %s", got, want)
		}
	})
}
