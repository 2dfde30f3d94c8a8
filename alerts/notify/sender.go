package notify

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// How a sender tries again.
const (
	firstPause   = time.Second
	longestPause = 4 * time.Minute  // with the jitter on top, 5 min
	longestRest  = 30 * time.Second // how long a new notice waits while its receiver fails
	giveUp       = 24 * time.Hour

	// A notice that failed is due a moment after its receiver has rested: one
	// that is always refused must not fail again before the others had a chance.
	othersFirst = 100 * time.Millisecond

	// A notice is not given up for its age alone: a clock that was set right
	// after it was made makes it look old. It has also been tried this often, or
	// its receiver has failed for this long.
	enoughTries   = 10
	enoughFailing = 10 * time.Minute

	batch     = 50
	idle      = time.Minute     // looks again although nobody woke it: the clock may have been set
	boxPause  = time.Second     // after an error of the outbox
	stopGrace = 5 * time.Second // for the attempt in hand when the gateway stops
	maxError  = 300             // bytes of an error that are kept
)

// SenderStats are what a sender has done since it was made.
type SenderStats struct {
	Sent    uint64 // taken by the receiver
	Failed  uint64 // attempts that were not
	Dead    uint64 // notices given up after a day
	Failing bool   // the last attempt failed
	Partly  bool   // the last one taken did not reach all: a robot of a pool, a mailbox, a number
}

// Sender delivers the notices for one receiver, one after the other.
//
// A notice that is not taken is tried again after 1 s, then less and less often
// up to every 5 min. While the receiver fails, the others wait as well, for up
// to 30 s, or as long as the receiver has asked for: a queue of them must not
// spend a time limit on each.
type Sender struct {
	receiver string
	to       Notifier
	box      Outbox
	log      *slog.Logger
	wake     chan struct{}

	mu    sync.Mutex
	stats SenderStats

	// What follows belongs to Run.
	unsettled    []Outcome // final ones that the outbox could not write yet
	boxFails     bool
	caveat       string    // what was not as it should be when the receiver last took one
	singlyUntil  time.Time // the receiver has refused a digest: no other before
	failures     int       // attempts in a row
	failingSince time.Time
	restUntil    time.Time // the receiver is left alone until then
}

// NewSender returns the Sender that brings what box holds for receiver to the
// Notifier to, which it owns from then on. It starts nothing.
func NewSender(receiver string, to Notifier, box Outbox, log *slog.Logger) *Sender {
	return &Sender{receiver: receiver, to: to, box: box, log: log.With("receiver", receiver), wake: make(chan struct{}, 1)}
}

// Receiver returns the id of the receiver.
func (s *Sender) Receiver() string { return s.receiver }

// Wake says that there may be something to send.
func (s *Sender) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Stats returns the counters. It may be called at any time.
func (s *Sender) Stats() SenderStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Run sends until ctx ends, then finishes the attempt in hand within 5 s and
// returns nil. What is left stays in the outbox.
func (s *Sender) Run(ctx context.Context) error {
	if c, ok := s.to.(io.Closer); ok {
		defer c.Close()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		timer.Reset(s.sendDue(ctx))
	}
}

// sendDue sends what is due and returns how long there is nothing to do.
func (s *Sender) sendDue(ctx context.Context) time.Duration {
	limit := batch
	paced, isPaced := s.to.(Digester)
	if isPaced {
		limit = digestBatch
	}
	for ctx.Err() == nil {
		if rest := time.Until(s.restUntil); rest > 0 {
			return rest // a new notice is no reason to press a receiver that fails
		}
		s.settleAgain(ctx)
		now := gateway.InstantOf(time.Now())
		due, next, err := s.box.Due(ctx, s.receiver, now, limit+len(s.unsettled))
		if err != nil {
			s.noteBox(err)
			return boxPause
		}
		due = s.withoutUnsettled(due)
		switch {
		case len(due) > 0 && isPaced:
			s.sendPaced(ctx, paced, due)
		case len(due) > 0:
			s.sendAll(ctx, due)
		case len(s.unsettled) > 0:
			return boxPause
		case next.IsZero():
			return idle
		default:
			return min(max(next.Sub(now), time.Millisecond), idle)
		}
	}
	return 0
}

// sendAll sends notices in their order until one fails: after the rest that
// follows, the outbox says what may go out although that one waits.
func (s *Sender) sendAll(ctx context.Context, due []Notice) {
	for _, n := range due {
		if ctx.Err() != nil || !s.send(ctx, n) {
			return
		}
	}
}

// send makes one attempt and settles it. It reports whether the next notice may
// follow at once.
func (s *Sender) send(ctx context.Context, n Notice) bool {
	if s.failures > 0 && s.spent(n) {
		s.bury(ctx, n, "not taken within 24 h")
		return true
	}
	err := s.attempt(ctx, func(ctx context.Context) error { return s.to.Notify(ctx, n) })
	caveat, taken := errors.AsType[*Caveat](err)
	switch {
	case err == nil || taken:
		s.taken(1)
		s.noteCaveat(caveat)
		s.settleFinally(ctx, Outcome{Key: n.Key, At: gateway.InstantOf(time.Now())})
		return true
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return false // cut off by the end of the gateway, which says nothing of the receiver
	}
	s.refused(err)
	if s.spent(n) {
		s.bury(ctx, n, err.Error())
		return false
	}
	now := gateway.InstantOf(time.Now())
	next := now.Add(max(pause(n.Attempts), time.Until(s.restUntil)+othersFirst))
	// If this cannot be written, the notice is tried again after the rest.
	s.noteBox(s.settle(ctx, Outcome{Key: n.Key, At: now, Err: cut(err.Error(), maxError), Next: next}))
	return false
}

// attempt hands something over. The end of ctx leaves it a moment to finish.
func (s *Sender) attempt(ctx context.Context, tell func(context.Context) error) error {
	within, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		select {
		case <-time.After(stopGrace):
			cancel()
		case <-within.Done():
		}
	})()
	return tell(within)
}

// taken notes a message that stood for n notices.
func (s *Sender) taken(n int) {
	if s.failures > 0 {
		s.log.Info("receiver takes notices again", "failed", s.failures, "after", time.Since(s.failingSince).Round(time.Second))
	}
	s.failures, s.failingSince = 0, time.Time{}
	s.count(func(st *SenderStats) { st.Sent += uint64(n); st.Failing = false })
}

// noteCaveat logs what is not as it should be although the receiver takes
// notices, once for as long as it is the same.
func (s *Sender) noteCaveat(c *Caveat) {
	var now string
	if c != nil {
		now = c.Error()
	}
	if now != "" && now != s.caveat {
		s.log.Error("receiver takes notices, but something is wrong", "err", c)
	}
	s.caveat = now
	s.count(func(st *SenderStats) { st.Partly = now != "" })
}

// refused notes a failed attempt and lets the receiver rest.
func (s *Sender) refused(err error) {
	if s.failures == 0 {
		s.failingSince = time.Now()
		s.log.Warn("receiver does not take notices, will be tried again", "err", err)
	}
	rest := min(pause(s.failures), longestRest)
	if r, ok := errors.AsType[*Refusal](err); ok {
		rest = max(rest, r.After)
	}
	s.failures++
	s.restUntil = time.Now().Add(rest)
	s.count(func(st *SenderStats) { st.Failed++; st.Failing = true })
}

// spent reports whether n has had its time.
func (s *Sender) spent(n Notice) bool {
	tried := n.Attempts >= enoughTries || s.failures > 0 && time.Since(s.failingSince) >= enoughFailing
	return tried && gateway.InstantOf(time.Now()).Sub(n.Made) >= giveUp
}

// bury makes n a dead letter.
func (s *Sender) bury(ctx context.Context, n Notice, why string) {
	s.log.Error("notice given up", "alert", n.Alert, "event", n.Event, "key", n.Key, "attempts", n.Attempts, "err", why)
	s.count(func(st *SenderStats) { st.Dead++ })
	s.settleFinally(ctx, Outcome{Key: n.Key, At: gateway.InstantOf(time.Now()), Err: cut(why, maxError)})
}

// settleFinally settles a notice that must not be sent again. If the outbox
// cannot be written, the outcome is remembered until it can: a failing disk must
// not repeat every message.
func (s *Sender) settleFinally(ctx context.Context, o Outcome) {
	err := s.settle(ctx, o)
	if err != nil {
		s.unsettled = append(s.unsettled, o)
	}
	s.noteBox(err)
}

func (s *Sender) settleAgain(ctx context.Context) {
	for len(s.unsettled) > 0 {
		if err := s.settle(ctx, s.unsettled[0]); err != nil {
			s.noteBox(err)
			return
		}
		s.unsettled = s.unsettled[1:]
	}
}

// settle is done even if ctx has ended meanwhile: that saves sending twice.
func (s *Sender) settle(ctx context.Context, o Outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	return s.box.Settle(ctx, o)
}

// withoutUnsettled takes out of due what was sent already.
func (s *Sender) withoutUnsettled(due []Notice) []Notice {
	if len(s.unsettled) == 0 {
		return due
	}
	sent := make(map[string]bool, len(s.unsettled))
	for _, o := range s.unsettled {
		sent[o.Key] = true
	}
	return slices.DeleteFunc(due, func(n Notice) bool { return sent[n.Key] })
}

// noteBox logs when the outbox begins to fail and when it works again.
func (s *Sender) noteBox(err error) {
	switch {
	case err != nil && !s.boxFails:
		s.log.Warn("outbox does not work", "err", err)
	case err == nil && s.boxFails:
		s.log.Info("outbox works again")
	}
	s.boxFails = err != nil
}

func (s *Sender) count(change func(*SenderStats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
}

// pause returns how long to wait after so many attempts before: 1 s, twice as
// long each time, and up to a quarter more, so that gateways that lost the same
// receiver do not come back in step.
func pause(attempts int) time.Duration {
	d := min(firstPause<<min(attempts, 20), longestPause)
	return d + rand.N(d/4)
}
