package pipeline

import (
	"context"
	"sync"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/store"
)

// outbox is the store's outbox with a memory in front of it, for notices that
// must go out although they cannot be written.
type outbox struct {
	store notify.Outbox

	mu      sync.Mutex
	held    map[string]notify.Notice  // to be sent from memory, by key
	order   []string                  // of their keys
	settled map[string]notify.Outcome // sent from memory, not yet written
}

// maxHeld bounds the notices in memory; beyond it the oldest wait for the disk.
const maxHeld = 10_000

func newOutbox(s notify.Outbox) *outbox {
	return &outbox{store: s, held: make(map[string]notify.Notice), settled: make(map[string]notify.Outcome)}
}

// hold makes notices due although they are not in the store.
func (b *outbox) hold(notices []notify.Notice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range notices {
		_, known := b.held[n.Key]
		_, sent := b.settled[n.Key]
		if known || sent || len(b.held) >= maxHeld {
			continue
		}
		b.held[n.Key] = n
		b.order = append(b.order, n.Key)
	}
}

// written takes the notices of steps that have reached the store out of the
// memory; what was sent meanwhile is settled there.
func (b *outbox) written(ctx context.Context, changes []store.Change) {
	var outcomes []notify.Outcome
	b.mu.Lock()
	for _, c := range changes {
		for _, n := range c.Notices {
			delete(b.held, n.Key)
			if o, ok := b.settled[n.Key]; ok {
				outcomes = append(outcomes, o)
				delete(b.settled, n.Key)
			}
		}
	}
	kept := b.order[:0]
	for _, k := range b.order {
		if _, ok := b.held[k]; ok {
			kept = append(kept, k)
		}
	}
	b.order = kept
	b.mu.Unlock()
	for _, o := range outcomes {
		// A notice that stays unsettled is sent once more under the same key:
		// harmless, and better than stopping here.
		_ = b.store.Settle(ctx, o)
	}
}

// Due returns the notices held in memory, or those of the store if there are
// none.
func (b *outbox) Due(ctx context.Context, receiver string, now gateway.Instant, limit int) ([]notify.Notice, gateway.Instant, error) {
	var due []notify.Notice
	waits := make(map[alerts.ID]bool) // alerts with an earlier notice that waits to be tried again
	b.mu.Lock()
	for _, k := range b.order {
		n, ok := b.held[k]
		switch {
		case !ok || n.Receiver != receiver || waits[n.Alert]:
		case n.Due > now:
			waits[n.Alert] = true
		case len(due) < limit:
			due = append(due, n)
		}
	}
	b.mu.Unlock()
	if len(due) > 0 {
		return due, 0, nil
	}
	return b.store.Due(ctx, receiver, now, limit)
}

// Settle records what came of an attempt, in memory if the notice is there.
func (b *outbox) Settle(ctx context.Context, o notify.Outcome) error {
	b.mu.Lock()
	n, ok := b.held[o.Key]
	if !ok {
		b.mu.Unlock()
		return b.store.Settle(ctx, o)
	}
	if o.Err == "" || o.Next.IsZero() {
		delete(b.held, o.Key)
		b.settled[o.Key] = o
	} else {
		n.Attempts++
		n.Due = o.Next
		b.held[o.Key] = n
	}
	b.mu.Unlock()
	return nil
}
