package mqtt

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	// settleLimit is how long the broker is kept waiting for its receipts. A
	// disk that hangs must not keep further alarms from coming: most brokers
	// send no more than 20 messages ahead.
	settleLimit = 2 * time.Second
	// maxDues is how many messages may wait for their receipts; a broker that
	// keeps to the protocol has no identifiers for more.
	maxDues = 1 << 16
)

// dues are the receipts of messages that have been given to emit, in the order
// in which they came.
type dues struct {
	wake chan struct{}

	mu       sync.Mutex
	receipts []receipt
}

// owe notes what is to be sent once everything emitted so far is safe.
func (d *dues) owe(receipts ...receipt) {
	d.mu.Lock()
	for _, r := range receipts {
		if r.kind != 0 && len(d.receipts) < maxDues {
			d.receipts = append(d.receipts, r)
		}
	}
	due := len(d.receipts) > 0
	d.mu.Unlock()
	if !due {
		return
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// swap returns what is owed and keeps spare for what comes.
func (d *dues) swap(spare []receipt) []receipt {
	d.mu.Lock()
	defer d.mu.Unlock()
	owed := d.receipts
	d.receipts = spare[:0]
	return owed
}

// settle acknowledges messages once what they said is safe, until delivered is
// closed and nothing is owed. A gateway that dies before has not acknowledged
// them, so a broker that keeps its session sends them again.
func (c *Client) settle(ctx context.Context, delivered <-chan struct{}) {
	var owed []receipt
	for open := true; open; {
		select {
		case <-c.dues.wake:
		case <-delivered:
			open = false
		}
		if owed = c.dues.swap(owed); len(owed) > 0 && c.safe(ctx) {
			acknowledge(owed)
		}
	}
}

// safe waits until everything emitted is taken and written. It returns false if
// that will never be.
func (c *Client) safe(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()
	err := c.settled(ctx)
	return err == nil || errors.Is(err, context.DeadlineExceeded)
}

// acknowledge sends the receipts over the connections they belong to. Over one
// that is gone it fails, which is as it should be: the broker sends the message
// again, and again it is acknowledged.
func acknowledge(owed []receipt) {
	for len(owed) > 0 {
		g := owed[0].guard
		if err := g.acknowledge(owed); err != nil {
			g.Close() // a packet may be sent in part
		}
		owed = slices.DeleteFunc(owed, func(r receipt) bool { return r.guard == g })
	}
}
