package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
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
	defer d.mu.Unlock()
	for _, c := range changes {
		if d.fail != nil {
			if err := d.fail(c); err != nil {
				return err
			}
		}
	}
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

func say(kind string, notices ...notify.Notice) job {
	return job{change: store.Change{Entries: []store.Entry{{Kind: kind}}, Notices: notices}, answers: []answer{make(answer, 1)}}
}

var errFull = errors.New("disk full")

func full(store.Change) error { return errFull }

func withRecorder(t *testing.T, f func(*disk, *recorder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		r := newRecorder(d, slog.New(slog.DiscardHandler), nil)
		ended := make(chan struct{})
		go func() { defer close(ended); r.run() }()
		f(d, r)
		r.close()
		<-ended
	})
}

func TestAnAnswerComesAfterTheCommit(t *testing.T) {
	withRecorder(t, func(d *disk, r *recorder) {
		j := say("a")
		r.put(j)
		if err := <-j.answers[0]; err != nil {
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
		first, second := say("a"), say("b")
		r.put(first)
		if err := <-first.answers[0]; !errors.Is(err, ErrNotWritten) || !errors.Is(err, errFull) {
			t.Errorf("answer is %v, want it to say that it is not written and why", err)
		}
		r.put(second)
		<-second.answers[0]
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
		alarm, beat := say("alarm"), job{}
		r.put(alarm)
		r.put(beat)
		if err := <-alarm.answers[0]; !errors.Is(err, ErrNotWritten) {
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

func TestMemoryStaysBoundedWhileTheDiskIsDead(t *testing.T) {
	withRecorder(t, func(d *disk, r *recorder) {
		d.breaks(full)
		for i := range 3 * backlogRows {
			j := say("x")
			j.change.Alerts = []alerts.Alert{{ID: alerts.ID(i % 7), AckedBy: time.Duration(i).String()}}
			r.put(j)
		}
		synctest.Wait()
		d.breaks(nil)
		time.Sleep(3 * retryEvery)
		synctest.Wait()
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
