package pipeline

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
)

// maxHeld bounds the notices in memory for each receiver. Of more, the oldest
// wait for the disk: what is wrong now must not queue behind them.
const maxHeld = 2000

const (
	// longestWait is longer than any sender puts a notice off, and as far as the
	// store believes that one was.
	longestWait = 2 * time.Hour
	// lookBack is how many notices of the store are looked through for what has to
	// go ahead of those held.
	lookBack = 5000
)

// outbox is the store's outbox with a memory in front of it, for notices that
// must go out although they cannot be written.
type outbox struct {
	store notify.Outbox
	lost  atomic.Uint64 // notices that nobody will ever be sent

	mu      sync.Mutex
	held    map[string]*heldNotice    // to be sent from memory, by key
	order   map[string][]string       // of their keys, by receiver
	settled map[string]notify.Outcome // sent from memory, to be noted once they are written
	reading map[string]bool           // receivers for which the store is being read
}

type heldNotice struct {
	notify.Notice
	unwritten bool // for good: there will be nothing to settle
}

func newOutbox(s notify.Outbox) *outbox {
	return &outbox{
		store: s, held: make(map[string]*heldNotice), order: make(map[string][]string),
		settled: make(map[string]notify.Outcome), reading: make(map[string]bool),
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

// Due returns the notices held in memory, each behind what the store has of the
// same alert, or those of the store if there are none.
func (b *outbox) Due(ctx context.Context, receiver string, now gateway.Instant, limit int) ([]notify.Notice, gateway.Instant, error) {
	held, nextHeld := b.dueFromMemory(receiver, now, limit)
	if due := b.inOrder(ctx, receiver, now, held); len(due) > 0 {
		return due[:min(len(due), limit)], 0, nil
	}
	stored, next, err := b.dueFromStore(ctx, receiver, now, limit)
	if nextHeld.IsZero() || len(stored) > 0 {
		return stored, next, err
	}
	if err != nil || next.IsZero() {
		// What is held must not wait for a store that cannot be read.
		return nil, nextHeld, nil
	}
	return nil, min(next, nextHeld), nil
}

// inOrder returns held with the notices ahead of it that wait in the store for
// the same alerts, and without those of alerts of which one waits to be tried
// again: who hears that an alert has returned, and then that it was raised, takes
// it for active. If the store cannot be read, telling wins over the order.
func (b *outbox) inOrder(ctx context.Context, receiver string, now gateway.Instant, held []notify.Notice) []notify.Notice {
	if len(held) == 0 {
		return nil
	}
	ours, waits := make(map[alerts.ID]bool), make(map[alerts.ID]bool)
	for _, n := range held {
		ours[n.Alert] = true
	}
	horizon := now.Add(longestWait)
	stored, _, err := b.dueFromStore(ctx, receiver, horizon, lookBack)
	if err != nil {
		return held
	}
	var due []notify.Notice
	for _, n := range stored {
		waits[n.Alert] = waits[n.Alert] || n.Due > now && n.Due <= horizon
		if ours[n.Alert] && !waits[n.Alert] {
			due = append(due, n)
		}
	}
	return append(due, slices.DeleteFunc(held, func(n notify.Notice) bool { return waits[n.Alert] })...)
}

// errNoAnswer is what dueFromStore gives for a store that hangs.
var errNoAnswer = errors.New("the store does not answer")

// dueFromStore is Due of the store, which is not waited for longer than anybody
// waits for the disk: a sender that hangs in it would tell nothing from memory.
// One reading for each receiver is let go of at a time.
func (b *outbox) dueFromStore(ctx context.Context, receiver string, now gateway.Instant, limit int) ([]notify.Notice, gateway.Instant, error) {
	if !b.beginReading(receiver) {
		return nil, 0, errNoAnswer
	}
	type result struct {
		due  []notify.Notice
		next gateway.Instant
		err  error
	}
	answer := make(chan result, 1)
	go func() {
		var r result
		r.due, r.next, r.err = b.store.Due(ctx, receiver, now, limit)
		b.endReading(receiver) // first: who gets the answer may ask again at once
		answer <- r
	}()
	limited := time.NewTimer(hangLimit)
	defer limited.Stop()
	select {
	case r := <-answer:
		return r.due, r.next, r.err
	case <-limited.C:
		return nil, 0, errNoAnswer
	}
}

// beginReading reports whether no reading for receiver hangs, and notes one.
func (b *outbox) beginReading(receiver string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	busy := b.reading[receiver]
	b.reading[receiver] = true
	return !busy
}

func (b *outbox) endReading(receiver string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.reading, receiver)
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
