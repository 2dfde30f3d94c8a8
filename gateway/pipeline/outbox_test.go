package pipeline

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
)

// letterbox is the outbox of a store that says when its next notice is due.
type letterbox struct {
	next gateway.Instant
	err  error
}

func (l letterbox) Due(context.Context, string, gateway.Instant, int) ([]notify.Notice, gateway.Instant, error) {
	return nil, l.next, l.err
}

func (letterbox) Settle(context.Context, notify.Outcome) error { return nil }

func TestADeadReceiverTakesNoRoomFromOthers(t *testing.T) {
	b := newOutbox(letterbox{})
	for i := range 2 * maxHeld {
		b.hold([]notify.Notice{{Key: "dead-" + strconv.Itoa(i), Receiver: "dead"}})
	}
	b.hold([]notify.Notice{{Key: "k", Receiver: "desk"}})
	if due, _, _ := b.Due(t.Context(), "desk", 0, 10); len(due) != 1 {
		t.Errorf("%d notices for a receiver that works", len(due))
	}
	due, _, _ := b.Due(t.Context(), "dead", 0, 2*maxHeld)
	if len(due) != maxHeld || due[len(due)-1].Key != "dead-"+strconv.Itoa(2*maxHeld-1) {
		t.Errorf("of the dead receiver %d notices are kept, the last %v; want the newest %d", len(due), due[len(due)-1].Key, maxHeld)
	}
}

// cabinet is the outbox of a store that holds notices, oldest first. It does not
// answer while hangs is open.
type cabinet struct {
	waiting []notify.Notice
	hangs   chan struct{}
}

func (c cabinet) Due(_ context.Context, _ string, now gateway.Instant, limit int) (due []notify.Notice, next gateway.Instant, _ error) {
	if c.hangs != nil {
		<-c.hangs
	}
	waits := make(map[alerts.ID]bool)
	for _, n := range c.waiting {
		if waits[n.Alert] = waits[n.Alert] || n.Due > now; !waits[n.Alert] && len(due) < limit {
			due = append(due, n)
		} else if n.Due > now && (next == 0 || n.Due < next) {
			next = n.Due
		}
	}
	if len(due) > 0 {
		next = 0
	}
	return due, next, nil
}

func (cabinet) Settle(context.Context, notify.Outcome) error { return nil }

// TestNoNoticeOvertakesAnEarlierOneOfItsAlert: the earlier one was written before
// the disk failed, and its receiver has not taken it yet.
func TestNoNoticeOvertakesAnEarlierOneOfItsAlert(t *testing.T) {
	const now = 1000
	stored := func(key string, alert alerts.ID, due gateway.Instant) notify.Notice {
		return notify.Notice{Key: key, Receiver: "desk", Alert: alert, Due: due}
	}
	for _, tt := range []struct {
		name  string
		store cabinet
		want  []string
		next  gateway.Instant
	}{
		{"the earlier one is due", cabinet{waiting: []notify.Notice{stored("raised 2", 2, 0), stored("raised 1", 1, 0)}}, []string{"raised 1", "returned 1"}, 0},
		{"the earlier one waits to be tried again", cabinet{waiting: []notify.Notice{stored("raised 1", 1, 5000)}}, nil, 5000},
		{"and so does one between them", cabinet{waiting: []notify.Notice{stored("raised 1", 1, 5000), stored("level 1", 1, 0)}}, nil, 5000},
		{"the stored ones are of others", cabinet{waiting: []notify.Notice{stored("raised 2", 2, 0)}}, []string{"returned 1"}, 0},
		{"the store does not answer", cabinet{hangs: make(chan struct{})}, []string{"returned 1"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tt.store.hangs != nil {
					tt.store.hangs = make(chan struct{})
					defer close(tt.store.hangs)
				}
				b := newOutbox(tt.store)
				b.hold([]notify.Notice{{Key: "returned 1", Receiver: "desk", Alert: 1}})
				began := time.Now()
				due, next, err := b.Due(t.Context(), "desk", now, 10)
				var keys []string
				for _, n := range due {
					keys = append(keys, n.Key)
				}
				if !slices.Equal(keys, tt.want) || next != tt.next || err != nil {
					t.Errorf("due %q, next %v, error %v; want %q, %v", keys, next, err, tt.want, tt.next)
				}
				if took := time.Since(began); took > hangLimit {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestEveryNoticeIsSentWrittenOrCounted: the disk fails, the receiver does not
// answer either, and more is to be said than both bounds hold.
func TestEveryNoticeIsSentWrittenOrCounted(t *testing.T) {
	withRecorder(t, func(d *disk, r *recorder) {
		d.breaks(full)
		const n = 30_000
		for i := range n {
			r.put(&step{change: say("a", notify.Notice{Key: strconv.Itoa(i), Receiver: "desk"}).change})
			if i%1000 == 0 {
				time.Sleep(2 * retryEvery)
			}
		}
		reached := make(map[string]bool)
		held, _, _ := r.outbox.Due(t.Context(), "desk", 0, n)
		for _, x := range held {
			reached[x.Key] = true
		}
		d.breaks(nil)
		time.Sleep(20 * retryEvery)
		for _, key := range d.notices() {
			reached[key] = true
		}
		if lost := r.outbox.lost.Load(); lost == 0 || int(lost) != n-len(reached) {
			t.Errorf("%d notices are neither held nor written, %d are counted as lost", n-len(reached), lost)
		}
	})
}

func TestAHeldNoticeIsTriedAgainWhenItIsDue(t *testing.T) {
	for _, tt := range []struct {
		name  string
		store letterbox
		want  gateway.Instant
	}{
		{"nothing in the store", letterbox{}, 2000},
		{"the store is earlier", letterbox{next: 1500}, 1500},
		{"the store is later", letterbox{next: 9000}, 2000},
		{"the store cannot be read", letterbox{err: errors.New("disk")}, 2000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newOutbox(tt.store)
			b.hold([]notify.Notice{{Key: "k", Receiver: "desk"}})
			if err := b.Settle(t.Context(), notify.Outcome{Key: "k", Err: "refused", Next: 2000}); err != nil {
				t.Fatal(err)
			}
			due, next, err := b.Due(t.Context(), "desk", 1000, 10)
			if len(due) != 0 || next != tt.want || err != nil {
				t.Errorf("due %v, next %v, error %v; want none, %v", due, next, err, tt.want)
			}
		})
	}
}
