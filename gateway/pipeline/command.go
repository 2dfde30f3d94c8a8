package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/store"
)

// command is an act of a person. The loop runs do; done hears of it after the
// commit, or at once if do refuses.
type command struct {
	do   func(now gateway.Instant) error
	done answer
}

// ErrStopped is what a command gets once the loop has ended.
var ErrStopped = errors.New("the gateway is stopping")

// answer receives nil once the step it belongs to is on disk.
type answer chan error

func (p *Pipeline) execute(c command) {
	if err := c.do(p.now()); err != nil {
		c.done <- err
		return
	}
	p.answers = append(p.answers, c.done)
}

// act runs do in the loop and returns after what it changed is on disk. If ctx
// ends first, the act may still happen.
func (p *Pipeline) act(ctx context.Context, do func(now gateway.Instant) error) error {
	c := command{do: do, done: make(answer, 1)}
	select {
	case p.commands <- c:
	case <-p.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errNothing ends a command that left nothing to be written.
var errNothing = errors.New("nothing to write")

// Settle returns once the loop has taken every sample given so far and what they
// changed is on disk. While the disk fails or hangs it does not wait for it: the
// alarms are told from memory then, and whoever waits here holds back the next.
// The error is ErrStopped or that of ctx.
func (p *Pipeline) Settle(ctx context.Context) error {
	err := p.act(ctx, func(gateway.Instant) error {
		p.takeSamples()
		if len(p.pending.Entries) == 0 && len(p.pending.States) == 0 && p.recorder.idle() {
			return errNothing
		}
		return nil
	})
	if errors.Is(err, errNothing) || errors.Is(err, ErrNotWritten) || errors.Is(err, store.ErrRefused) {
		return nil
	}
	return err
}

// Ack acknowledges the open alert id as k says. It returns the alert as it is
// then; the errors are those of alerts.Book.Ack, or of the store.
func (p *Pipeline) Ack(ctx context.Context, id alerts.ID, k alerts.Acknowledgement) (alerts.Alert, error) {
	return p.onAlert(ctx, func(dst []alerts.Event, now gateway.Instant) ([]alerts.Event, error) {
		return p.parts.Book.Ack(dst, id, k, now)
	})
}

// Shelve puts the open alert id on the shelf as s says. It returns the alert as
// it is then; the errors are those of alerts.Book.Shelve, or of the store.
func (p *Pipeline) Shelve(ctx context.Context, id alerts.ID, s alerts.Shelving) (alerts.Alert, error) {
	return p.onAlert(ctx, func(dst []alerts.Event, now gateway.Instant) ([]alerts.Event, error) {
		return p.parts.Book.Shelve(dst, id, s, now)
	})
}

// Unshelve ends the shelf of the open alert id in the name of by. It returns the
// alert as it is then; the errors are those of alerts.Book.Unshelve, or of the
// store.
func (p *Pipeline) Unshelve(ctx context.Context, id alerts.ID, by string) (alerts.Alert, error) {
	return p.onAlert(ctx, func(dst []alerts.Event, now gateway.Instant) ([]alerts.Event, error) {
		return p.parts.Book.Unshelve(dst, id, by, now)
	})
}

// onAlert does in the loop what a person does to one alert, and returns the alert
// as it is then.
func (p *Pipeline) onAlert(ctx context.Context, do func(dst []alerts.Event, now gateway.Instant) ([]alerts.Event, error)) (alerts.Alert, error) {
	return answered(ctx, p, func(now gateway.Instant) (a alerts.Alert, err error) {
		events, err := do(p.events[:0], now)
		if err != nil {
			return a, err
		}
		p.events = events
		a = events[len(events)-1].Alert
		p.applyEvents()
		return a, nil
	})
}

// ErrStillActive is what Reset gets while the condition of the alert holds or is
// unknown.
var ErrStillActive = errors.New("the condition is still there, or cannot be seen")

// Reset ends the latch of the open alert id in the name of by. It returns the
// alert as it is then; the errors are ErrStillActive and those of
// alerts.Book.Latched, or of the store.
func (p *Pipeline) Reset(ctx context.Context, id alerts.ID, by string) (alerts.Alert, error) {
	return answered(ctx, p, func(now gateway.Instant) (a alerts.Alert, err error) {
		ref, err := p.parts.Book.Latched(id, by)
		if err != nil {
			return a, err
		}
		p.changes = p.parts.Engine.Reset(p.changes[:0], ref, now)
		if len(p.changes) == 0 {
			return a, fmt.Errorf("alert %d: %w", id, ErrStillActive)
		}
		to := p.changes[len(p.changes)-1].To
		p.events = p.parts.Book.Reset(p.events[:0], id, by, to, now)
		a = p.events[0].Alert
		a.Phase = to
		p.applyEvents()
		p.applyChanges()
		return a, nil
	})
}

// MoveTicket makes the move m on the open ticket id. It returns the ticket as
// it is then; the errors are those of tickets.Desk.Move, or of the store.
func (p *Pipeline) MoveTicket(ctx context.Context, id tickets.ID, m tickets.Move) (tickets.Ticket, error) {
	return answered(ctx, p, func(now gateway.Instant) (tickets.Ticket, error) {
		m.At = now
		jobs, err := p.parts.Desk.Move(p.jobs[:0], id, m)
		return p.took(jobs, err)
	})
}

// OpenTicket opens a ticket that a person asks for, or adds to the open one of
// the same facility and fault family.
func (p *Pipeline) OpenTicket(ctx context.Context, r tickets.Request) (tickets.Ticket, error) {
	return answered(ctx, p, func(now gateway.Instant) (tickets.Ticket, error) {
		jobs, err := p.parts.Desk.Open(p.jobs[:0], r, now)
		return p.took(jobs, err)
	})
}

func (p *Pipeline) took(jobs []tickets.Event, err error) (tickets.Ticket, error) {
	if err != nil {
		return tickets.Ticket{}, err
	}
	p.jobs = jobs
	t := jobs[len(jobs)-1].Ticket
	p.recordJobs(jobs)
	return t, nil
}

// answered runs do in the loop and returns what it made once that is on disk. A
// caller whose ctx ends first gets nothing: the loop may be at work on it.
func answered[T any](ctx context.Context, p *Pipeline, do func(now gateway.Instant) (T, error)) (T, error) {
	made := make(chan T, 1)
	err := p.act(ctx, func(now gateway.Instant) error {
		v, err := do(now)
		if err == nil {
			made <- v
		}
		return err
	})
	var v T
	if err == nil || errors.Is(err, ErrNotWritten) {
		v = <-made
	}
	return v, err
}

// Note writes to the journal what was done about the gateway itself: kind, by whom,
// and body, which encodes as JSON. It returns after the row is on disk.
func (p *Pipeline) Note(ctx context.Context, kind, by string, body any) error {
	return p.act(ctx, func(now gateway.Instant) error {
		p.entry(now, kind, gateway.Self, by, body)
		return nil
	})
}
