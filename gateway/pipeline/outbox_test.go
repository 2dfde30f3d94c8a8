package pipeline

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

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
