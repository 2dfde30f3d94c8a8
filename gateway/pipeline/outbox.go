package pipeline

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
)

// maxHeld bounds the notices in memory for each receiver. Of more, the oldest
// wait for the disk: what is wrong now must not queue behind them.
const maxHeld = 2000

// outbox is the store's outbox with a memory in front of it, for notices that
// must go out although they cannot be written.
type outbox struct {
	store notify.Outbox
	lost  atomic.Uint64 // notices that nobody will ever be sent

	mu      sync.Mutex
	held    map[string]*heldNotice    // to be sent from memory, by key
	order   map[string][]string       // of their keys, by receiver
	settled map[string]notify.Outcome // sent from memory, to be noted once they are written
}

type heldNotice struct {
	notify.Notice
	unwritten bool // for good: there will be nothing to settle
}

func newOutbox(s notify.Outbox) *outbox {
	return &outbox{
		store: s, held: make(map[string]*heldNotice), order: make(map[string][]string),
		settled: make(map[string]notify.Outcome),
	}
}

// hold makes notices due although they are not in the store.
func (b *outbox) hold(notices []notify.Notice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range notices {
		_, known := b.held[n.Key]
		_, sent := b.settled[n.Key]
		if known || sent {
			continue
		}
		b.held[n.Key] = &heldNotice{Notice: n}
		keys := append(b.order[n.Receiver], n.Key)
		if len(keys) > maxHeld {
			if b.held[keys[0]].unwritten {
				b.lost.Add(1)
			}
			delete(b.held, keys[0])
			keys = keys[1:]
		}
		b.order[n.Receiver] = keys
	}
}

// giveUp says that notices will never be written. Those that are held are sent
// all the same; what is neither held nor sent by now is lost.
func (b *outbox) giveUp(notices []notify.Notice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range notices {
		_, sent := b.settled[n.Key]
		delete(b.settled, n.Key)
		if h, ok := b.held[n.Key]; ok {
			h.unwritten = true
		} else if !sent {
			b.lost.Add(1)
		}
	}
}

// written takes the notices of steps that have reached the store out of the
// memory; what was sent meanwhile is settled there.
func (b *outbox) written(ctx context.Context, steps []*step) {
	for _, o := range b.forget(steps) {
		// A notice that stays unsettled is sent once more under the same key:
		// harmless, and better than stopping here.
		_ = b.store.Settle(ctx, o)
	}
}

// forget lets go of the notices of steps, and returns what came of those sent.
func (b *outbox) forget(steps []*step) (outcomes []notify.Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range steps {
		for _, n := range s.change.Notices {
			b.drop(n.Key)
			if o, ok := b.settled[n.Key]; ok {
				outcomes = append(outcomes, o)
				delete(b.settled, n.Key)
			}
		}
	}
	return outcomes
}

// drop takes a notice out of the memory, if it is there.
func (b *outbox) drop(key string) {
	n, ok := b.held[key]
	if !ok {
		return
	}
	delete(b.held, key)
	keys := b.order[n.Receiver]
	if i := slices.Index(keys, key); i >= 0 {
		b.order[n.Receiver] = slices.Delete(keys, i, i+1)
	}
}

// Due returns the notices held in memory, or those of the store if there are
// none.
func (b *outbox) Due(ctx context.Context, receiver string, now gateway.Instant, limit int) ([]notify.Notice, gateway.Instant, error) {
	held, nextHeld := b.dueFromMemory(receiver, now, limit)
	if len(held) > 0 {
		return held, 0, nil
	}
	stored, next, err := b.store.Due(ctx, receiver, now, limit)
	if nextHeld.IsZero() || len(stored) > 0 {
		return stored, next, err
	}
	if err != nil || next.IsZero() {
		// What is held must not wait for a store that cannot be read.
		return nil, nextHeld, nil
	}
	return nil, min(next, nextHeld), nil
}

// dueFromMemory returns the held notices that are due by now, and if there is
// none, when the next one falls due.
func (b *outbox) dueFromMemory(receiver string, now gateway.Instant, limit int) (due []notify.Notice, next gateway.Instant) {
	b.mu.Lock()
	defer b.mu.Unlock()
	waits := make(map[alerts.ID]bool) // alerts with an earlier notice that waits to be tried again
	for _, k := range b.order[receiver] {
		n := b.held[k]
		switch {
		case waits[n.Alert]:
		case n.Due > now:
			waits[n.Alert] = true
			if next.IsZero() || n.Due < next {
				next = n.Due
			}
		case len(due) < limit:
			due = append(due, n.Notice)
		}
	}
	return due, next
}

// Settle records what came of an attempt, in memory if the notice is there.
func (b *outbox) Settle(ctx context.Context, o notify.Outcome) error {
	if b.settleHeld(o) {
		return nil
	}
	return b.store.Settle(ctx, o)
}

func (b *outbox) settleHeld(o notify.Outcome) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, ok := b.held[o.Key]
	if !ok {
		return false
	}
	if final := o.Err == "" || o.Next.IsZero(); !final {
		n.Attempts++
		n.Due = o.Next
		return true
	}
	b.drop(o.Key)
	if !n.unwritten {
		b.settled[o.Key] = o
	}
	return true
}
