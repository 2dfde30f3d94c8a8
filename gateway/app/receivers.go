package app

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway/web"
)

// tryEvery is the time between two test messages to one receiver.
const tryEvery = 30 * time.Second

// trials sends test messages for the API.
type trials struct {
	receivers []notify.Receiver
	o         notify.Options

	mu   sync.Mutex
	last map[string]time.Time // by receiver
}

func newTrials(receivers []notify.Receiver, o notify.Options) *trials {
	return &trials{receivers: receivers, o: o, last: make(map[string]time.Time)}
}

// IDs implements web.Receivers.
func (t *trials) IDs() []string {
	var ids []string
	for _, r := range t.receivers {
		ids = append(ids, r.ID)
	}
	return ids
}

// Try implements web.Receivers.
func (t *trials) Try(ctx context.Context, id string) ([]web.Trial, error) {
	i := slices.IndexFunc(t.receivers, func(r notify.Receiver) bool { return r.ID == id })
	if i < 0 {
		return nil, web.ErrNoReceiver
	}
	if !t.mayTry(id) {
		return nil, web.ErrTriedJustNow
	}
	tried, err := notify.Try(ctx, t.receivers[i], t.o)
	if err != nil {
		return nil, err
	}
	var list []web.Trial
	for _, one := range tried {
		answer, mend := notify.Said(one.Err)
		list = append(list, web.Trial{Channel: one.Channel, Took: one.Took, Taken: one.Taken(), Answer: answer, Mend: mend})
	}
	return list, nil
}

// mayTry reports whether the last try with a receiver is long enough ago, and
// notes this one if it is.
func (t *trials) mayTry(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, tried := t.last[id]; tried && time.Since(last) < tryEvery {
		return false
	}
	t.last[id] = time.Now()
	return true
}
