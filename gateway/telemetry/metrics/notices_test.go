package metrics_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/telemetry/metrics"
)

// post is an outbox with one notice, and a receiver that refuses the first
// attempts.
type post struct {
	mu      sync.Mutex
	pending []notify.Notice
	refuse  int
}

func (p *post) Due(_ context.Context, _ string, now gateway.Instant, _ int) (due []notify.Notice, next gateway.Instant, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.pending {
		if n.Due <= now {
			due = append(due, n)
		}
		next = n.Due
	}
	return due, next, nil
}

func (p *post) Settle(_ context.Context, o notify.Outcome) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o.Next.IsZero() {
		p.pending = nil
		return nil
	}
	p.pending[0].Due = o.Next
	return nil
}

func (p *post) Notify(context.Context, notify.Notice) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse--; p.refuse >= 0 {
		return errors.New("503")
	}
	return nil
}

func TestNoticesAreCountedByReceiverAndResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := gateway.InstantOf(time.Now())
		p := &post{refuse: 2, pending: []notify.Notice{{Key: "k", Receiver: "duty", Made: now, Due: now}}}
		sender := notify.NewSender("duty", p, p, slog.New(slog.DiscardHandler))
		snap := quiet(newSite(t, lift()))
		r := metrics.New(metrics.Options{Snapshot: func() *pipeline.Snapshot { return snap }, Senders: []*notify.Sender{sender}})
		counted := func(sent, failed, failing string) {
			t.Helper()
			synctest.Wait()
			expect(t, r, `
# HELP intact_notify_failing Whether the last attempt to send a notice to the receiver failed, 1 or 0.
# TYPE intact_notify_failing gauge
intact_notify_failing{receiver="duty"} `+failing+`
# HELP intact_notify_total Attempts to send a notice by how they ended, and notices given up, since the gateway started.
# TYPE intact_notify_total counter
intact_notify_total{receiver="duty",result="dead"} 0
intact_notify_total{receiver="duty",result="failed"} `+failed+`
intact_notify_total{receiver="duty",result="sent"} `+sent+`
`, "intact_notify_failing", "intact_notify_total")
		}
		counted("0", "0", "0")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go sender.Run(ctx)
		counted("0", "1", "1")
		time.Sleep(time.Minute)
		counted("1", "2", "0")
	})
}

// leaky takes every notice for all but one mailbox.
type leaky struct{ *post }

func (leaky) Notify(context.Context, notify.Notice) error {
	return &notify.Caveat{Err: errors.New("nobody@example.com: 550")}
}

func TestAReceiverThatIsReachedInPartIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := gateway.InstantOf(time.Now())
		p := &post{pending: []notify.Notice{{Key: "k", Receiver: "duty", Made: now, Due: now}}}
		sender := notify.NewSender("duty", leaky{p}, p, slog.New(slog.DiscardHandler))
		snap := quiet(newSite(t, lift()))
		r := metrics.New(metrics.Options{Snapshot: func() *pipeline.Snapshot { return snap }, Senders: []*notify.Sender{sender}})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go sender.Run(ctx)
		synctest.Wait()
		expect(t, r, `
# HELP intact_notify_failing Whether the last attempt to send a notice to the receiver failed, 1 or 0.
# TYPE intact_notify_failing gauge
intact_notify_failing{receiver="duty"} 0
# HELP intact_notify_partly_failing Whether the notice that the receiver took last did not reach all of it, 1 or 0: a robot of a pool, a mailbox or a number does not work.
# TYPE intact_notify_partly_failing gauge
intact_notify_partly_failing{receiver="duty"} 1
`, "intact_notify_failing", "intact_notify_partly_failing")
	})
}

// TestNoPersonIsALabel: those of the roster are counted together.
func TestNoPersonIsALabel(t *testing.T) {
	p := &post{}
	var senders []*notify.Sender
	for _, id := range []string{"desk", "people/wang", "people/li", "people/li/voice"} {
		senders = append(senders, notify.NewSender(id, p, p, slog.New(slog.DiscardHandler)))
	}
	snap := quiet(newSite(t, lift()))
	r := metrics.New(metrics.Options{Snapshot: func() *pipeline.Snapshot { return snap }, Senders: senders})
	expect(t, r, `
# HELP intact_notify_failing Whether the last attempt to send a notice to the receiver failed, 1 or 0.
# TYPE intact_notify_failing gauge
intact_notify_failing{receiver="desk"} 0
intact_notify_failing{receiver="people/*"} 0
`, "intact_notify_failing")
}
