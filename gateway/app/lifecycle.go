package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
)

// lifecycle remembers what must be stopped, in the order in which it was
// started, and stops it in reverse.
type lifecycle struct {
	log   *slog.Logger
	mu    sync.Mutex
	steps []stopStep
}

type stopStep struct {
	name string
	stop func(context.Context) error
}

// onStop pushes a cleanup. It belongs on the line after the thing is made.
func (l *lifecycle) onStop(name string, stop func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.steps = append(l.steps, stopStep{name, stop})
}

// spawn runs a part in a goroutine of its own, under a context of its own: a
// context that all parts share would take the recorder away from the loop that
// still has something to write.
func (l *lifecycle) spawn(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := run(ctx); err != nil && ctx.Err() == nil {
			l.log.Error("part of the gateway ended", "part", name, "err", err)
		}
	}()
	l.onStop(name, func(limit context.Context) error {
		cancel()
		select {
		case <-ended:
			return nil
		case <-limit.Done():
			return errors.New("did not end in time")
		}
	})
}

// stop runs the cleanups, the last one first, and joins what went wrong. A
// second call does nothing.
func (l *lifecycle) stop(ctx context.Context) error {
	l.mu.Lock()
	steps := l.steps
	l.steps = nil
	l.mu.Unlock()
	var errs []error
	for _, s := range slices.Backward(steps) {
		if err := s.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}
