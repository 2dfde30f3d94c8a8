package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// audience is who hears what a channel says.
type audience struct {
	language gateway.Language
	site     gateway.Text // its name, for groups that hear of several
}

// teller is a channel to people. An error may be a *Refusal or a *Caveat.
type teller interface {
	tell(ctx context.Context, c card) error
	io.Closer
}

// people are told of notices in cards in their language, by the first of several
// ways that works and has not used up what it may send. They belong to one
// goroutine.
type people struct {
	to   audience
	ways []*way
}

// way is one channel and how it does.
type way struct {
	name string
	teller
	budget budget

	mutedUntil time.Time // the vendor takes nothing before
	failures   int       // in a row, not counting that it is muted
	restUntil  time.Time // after a failure the others come first
	last       error     // why it is muted or rests; nil when it works
}

// Room implements Digester. A way that fails adds nothing as long as another
// works.
func (p *people) Room(urgent bool) (n int, wait time.Duration) {
	now := time.Now()
	healthy := slices.ContainsFunc(p.ways, func(w *way) bool { return w.works(now) })
	for _, w := range p.ways {
		if healthy && w.restUntil.After(now) {
			continue
		}
		free, until := w.room(now, urgent)
		n += free
		if free == 0 && (wait == 0 || until < wait) {
			wait = until
		}
	}
	if n > 0 {
		return n, 0
	}
	return 0, wait
}

func (w *way) works(now time.Time) bool { return !w.mutedUntil.After(now) && !w.restUntil.After(now) }

func (w *way) room(now time.Time, urgent bool) (n int, wait time.Duration) {
	if muted := w.mutedUntil.Sub(now); muted > 0 {
		return 0, muted
	}
	return w.budget.room(now, urgent)
}

// Notify implements Notifier.
func (p *people) Notify(ctx context.Context, n Notice) error {
	c, err := newCard(n, p.to)
	if err != nil {
		return err
	}
	return p.tell(ctx, c)
}

// Digest implements Digester.
func (p *people) Digest(ctx context.Context, notices []Notice) error {
	c, err := newDigest(notices, p.to)
	if err != nil {
		return &Refusal{Body: err.Error()} // one of them cannot be told; the others can
	}
	return p.tell(ctx, c)
}

// tell goes the ways one after the other until one takes the card. Those that do
// not work are named in a *Caveat.
func (p *people) tell(ctx context.Context, c card) error {
	var failed []error
	for _, w := range p.inOrder() {
		// Who has asked for Room knows whether the reserve may be spent.
		if free, _ := w.room(time.Now(), true); free == 0 {
			continue
		}
		w.budget.spend(time.Now())
		err := w.tell(ctx, c)
		if _, taken := errors.AsType[*Caveat](err); err == nil || taken {
			w.failures, w.last = 0, nil
			return p.caveat(err)
		}
		if ctx.Err() != nil {
			return err // cut off, which says nothing of the way
		}
		w.fails(err)
		failed = append(failed, err)
	}
	return p.refusal(failed)
}

// inOrder returns the ways as they were given, those behind the others that rest
// or have nothing left but their reserve.
func (p *people) inOrder() []*way {
	now := time.Now()
	rank := func(w *way) int {
		if w.restUntil.After(now) {
			return 2
		}
		if free, _ := w.room(now, false); free == 0 {
			return 1
		}
		return 0
	}
	ways := slices.Clone(p.ways)
	slices.SortStableFunc(ways, func(a, b *way) int { return rank(a) - rank(b) })
	return ways
}

func (w *way) fails(err error) {
	w.last = err
	if r, ok := errors.AsType[*Refusal](err); ok && r.Throttled {
		w.mutedUntil = time.Now().Add(max(r.After, w.budget.limits.muted))
		return
	}
	w.restUntil = time.Now().Add(min(pause(w.failures), longestRest))
	w.failures++
}

// caveat returns what is to be said although a card was taken: what the way that
// took it has said, and which other ways do not work.
func (p *people) caveat(own error) error {
	broken := []error{own}
	for _, w := range p.ways {
		if w.last != nil {
			broken = append(broken, fmt.Errorf("%s of the pool: %w", w.name, w.last))
		}
	}
	if err := errors.Join(broken...); err != nil {
		return &Caveat{err}
	}
	return nil
}

// refusal returns why no way took a card, and when to come again if nothing may
// be sent before.
func (p *people) refusal(failed []error) error {
	if len(p.ways) == 1 && len(failed) == 1 {
		return failed[0]
	}
	_, after := p.Room(true)
	if len(failed) == 0 {
		return &Refusal{Body: "the receiver was sent as many messages as it takes for now", After: after, Throttled: true}
	}
	words := []string{"no way to the receiver takes anything"}
	for _, err := range failed {
		words = append(words, err.Error())
	}
	return &Refusal{Body: strings.Join(words, "; "), After: after, Throttled: after > 0}
}

// Close implements io.Closer.
func (p *people) Close() error {
	var errs []error
	for _, w := range p.ways {
		errs = append(errs, w.Close())
	}
	return errors.Join(errs...)
}
