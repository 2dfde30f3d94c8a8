package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// stage is one step of stopping. The parts of a stage stop side by side, so that
// one that hangs takes no time from its neighbours.
type stage int

const (
	inputs  stage = iota // sources, page and API: nothing new comes in
	loop                 // what came in is worked off and written
	outputs              // what is to be told of it is told
	files                // the store, once nobody writes any more
	stages
)

// stopBy returns when the parts of a stage must have ended, counted from the
// beginning of the stop. What one stage leaves of its time the next one has;
// what it overruns is taken from nobody: the loop always has 6 s, which is more
// than the recorder spends on a disk that fails, and the outputs have 2 s.
func (s stage) stopBy() time.Duration {
	switch s {
	case inputs:
		return 2 * time.Second
	case loop:
		return 8 * time.Second
	default:
		return stopLimit
	}
}

// errStillRuns says that a part did not end although its time was up.
var errStillRuns = errors.New("did not end in time")

// lifecycle remembers what must be stopped, and at which stage.
type lifecycle struct {
	log   *slog.Logger
	mu    sync.Mutex
	parts [stages][]part
}

type part struct {
	name string
	stop func(context.Context) error
}

// onStop adds a cleanup. It belongs on the line after the thing is made.
func (l *lifecycle) onStop(at stage, name string, stop func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parts[at] = append(l.parts[at], part{name, stop})
}

// spawn runs a part in a goroutine of its own, under a context of its own: a
// context that all parts share would take the recorder away from the loop that
// still has something to write.
func (l *lifecycle) spawn(until stage, name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := run(ctx); err != nil && ctx.Err() == nil {
			l.log.Error("part of the gateway ended", "part", name, "err", err)
		}
	}()
	l.onStop(until, name, func(limit context.Context) error {
		cancel()
		select {
		case <-ended:
			return nil
		case <-limit.Done():
			return errStillRuns
		}
	})
}

// stop runs the cleanups, stage after stage, and joins what went wrong. A second
// call does nothing.
//
// A file is left open if something may still write to it: to close it under a
// writer could cut a change in two, while the end of the process cannot.
func (l *lifecycle) stop(ctx context.Context) error {
	_, err := l.stopParts(ctx)
	return err
}

// adopt makes what other has to stop its own.
func (l *lifecycle) adopt(other *lifecycle) {
	parts := other.take()
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range stages {
		l.parts[s] = append(l.parts[s], parts[s]...)
	}
}

// take returns what there is to stop, and leaves nothing.
func (l *lifecycle) take() [stages][]part {
	l.mu.Lock()
	defer l.mu.Unlock()
	parts := l.parts
	l.parts = [stages][]part{}
	return parts
}

// stopParts is stop, and also returns the names of those that still run and may
// write.
func (l *lifecycle) stopParts(ctx context.Context) (writers []string, err error) {
	parts := l.take()
	began := time.Now()
	var errs []error
	for s := range stages {
		if s == files && len(writers) > 0 {
			for _, p := range parts[s] {
				errs = append(errs, fmt.Errorf("stop %s: left open, %s may still write", p.name, strings.Join(writers, ", ")))
			}
			break
		}
		limit, cancel := context.WithDeadline(ctx, began.Add(s.stopBy()))
		for i, err := range stopAll(limit, parts[s]) {
			if err == nil {
				continue
			}
			errs = append(errs, fmt.Errorf("stop %s: %w", parts[s][i].name, err))
			if s != inputs && errors.Is(err, errStillRuns) {
				writers = append(writers, parts[s][i].name)
			}
		}
		cancel()
	}
	return writers, errors.Join(errs...)
}

// stopAll stops parts at once and returns what went wrong, by part.
func stopAll(ctx context.Context, parts []part) []error {
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	for i, p := range parts {
		wg.Go(func() { errs[i] = p.stop(ctx) })
	}
	wg.Wait()
	return errs
}
