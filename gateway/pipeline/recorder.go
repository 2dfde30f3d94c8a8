package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/intact-gateway/intact/gateway/store"
)

const (
	recorderQueue = 1024             // steps that may wait for the disk before the loop does
	groupSize     = 256              // steps in one transaction
	commitLimit   = 10 * time.Second // a disk that takes longer has failed
	retryEvery    = time.Second
	tryApart      = 16     // steps refused one after the other until the disk is to blame
	backlogRows   = 20_000 // journal rows kept in memory while the disk fails
	giveUpAfter   = 5 * time.Second
)

// ErrNotWritten is what a command gets when its effect is in force but could
// not be written to disk. It is written as soon as the disk works again.
var ErrNotWritten = errors.New("in force, but not yet written to disk")

// job is one step of the loop on its way to the disk.
type job struct {
	change  store.Change
	answers []answer
}

// recorder writes the steps of the loop in their order, as many as are waiting
// in one transaction.
type recorder struct {
	store  Store
	outbox *outbox
	log    *slog.Logger
	told   func() // notices are waiting

	jobs  chan job
	fault atomic.Pointer[string]

	commits, failures, lost atomic.Uint64

	backlog []store.Change // not yet written, oldest first
	held    int            // of them, how many have their notices in the outbox's memory
}

func newRecorder(s Store, log *slog.Logger, told func()) *recorder {
	if told == nil {
		told = func() {}
	}
	return &recorder{store: s, outbox: newOutbox(s), log: log, told: told, jobs: make(chan job, recorderQueue)}
}

// put hands a step over. It waits while the queue is full.
func (r *recorder) put(j job) { r.jobs <- j }

// close lets run end once everything that waits is written or given up.
func (r *recorder) close() { close(r.jobs) }

// failing says what keeps the recorder from writing, or "" if nothing does.
func (r *recorder) failing() string {
	if s := r.fault.Load(); s != nil {
		return *s
	}
	return ""
}

func (r *recorder) run() {
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	for {
		if len(r.backlog) > 0 {
			retry.Reset(retryEvery)
		} else {
			retry.Reset(time.Hour)
		}
		var group []job
		select {
		case j, open := <-r.jobs:
			if !open {
				r.drain()
				return
			}
			group = r.gather(j)
		case <-retry.C:
		}
		r.write(group)
	}
}

// gather adds what else is waiting to first, up to a group.
func (r *recorder) gather(first job) []job {
	group := []job{first}
	for len(group) < groupSize {
		select {
		case j, open := <-r.jobs:
			if !open {
				return group
			}
			group = append(group, j)
		default:
			return group
		}
	}
	return group
}

// write commits the backlog and the group behind it and answers the commands.
func (r *recorder) write(group []job) {
	for _, j := range group {
		r.backlog = append(r.backlog, j.change)
	}
	if len(r.backlog) == 0 {
		return
	}
	err := r.commit(r.backlog)
	if err != nil && len(r.backlog) > 1 {
		err = r.commitOneByOne()
	} else if err == nil {
		r.forget(len(r.backlog))
	}
	r.note(err)
	if err != nil {
		r.keep(len(r.backlog) - len(group))
		err = fmt.Errorf("%w: %w", ErrNotWritten, err)
	}
	for _, j := range group {
		for _, a := range j.answers {
			a <- err
		}
	}
}

func (r *recorder) commit(changes []store.Change) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitLimit)
	defer cancel()
	if err := r.store.Commit(ctx, changes...); err != nil {
		r.failures.Add(1)
		return err
	}
	r.commits.Add(1)
	notices := false
	for _, c := range changes {
		notices = notices || len(c.Notices) > 0
	}
	r.outbox.written(ctx, changes)
	if notices {
		r.told()
	}
	return nil
}

// commitOneByOne finds out whether the disk or one single step is at fault. A
// step that cannot be written while one after it can is set aside: it must not
// keep everything behind it from the disk for ever.
func (r *recorder) commitOneByOne() error {
	var failed []int
	var last error
	done := 0
	for i := range r.backlog {
		if err := r.commit(r.backlog[i : i+1]); err != nil {
			last = err
			failed = append(failed, i)
			if errors.Is(err, context.DeadlineExceeded) || len(failed) == tryApart && done == 0 {
				return last // it is the disk
			}
			continue
		}
		done = i + 1
	}
	for _, i := range failed {
		if i < done {
			r.lost.Add(1)
			r.log.Error("step cannot be written and is set aside", "rows", len(r.backlog[i].Entries), "err", last)
			r.outbox.hold(r.backlog[i].Notices)
		}
	}
	r.forget(done)
	if len(r.backlog) > 0 {
		return last
	}
	return nil
}

func (r *recorder) forget(n int) {
	r.backlog = slices.Delete(r.backlog, 0, n)
	r.held = max(0, r.held-n)
}

// keep holds what could not be written within its bound. Steps that already
// waited one try have their notices sent from memory: telling wins over
// writing.
func (r *recorder) keep(waited int) {
	if waited > r.held {
		for _, c := range r.backlog[r.held:waited] {
			r.outbox.hold(c.Notices)
		}
		r.held = waited
		r.told()
	}
	rows := 0
	for _, c := range r.backlog {
		rows += len(c.Entries)
	}
	if rows > backlogRows {
		merged := merge(r.backlog)
		r.lost.Add(uint64(len(merged.Entries) - backlogRows/2))
		merged.Entries = merged.Entries[len(merged.Entries)-backlogRows/2:]
		r.outbox.hold(merged.Notices)
		r.backlog, r.held = []store.Change{merged}, 1
	}
}

// merge makes one step of many: all history, and of each alert and ticket the
// newest row.
func merge(changes []store.Change) store.Change {
	var m store.Change
	for _, c := range changes {
		m.At = max(m.At, c.At)
		m.Entries = append(m.Entries, c.Entries...)
		m.Alerts = append(m.Alerts, c.Alerts...)
		m.Tickets = append(m.Tickets, c.Tickets...)
		m.Notices = append(m.Notices, c.Notices...)
		m.States = append(m.States, c.States...)
	}
	m.Alerts = newest(m.Alerts, func(i int) int64 { return int64(m.Alerts[i].ID) })
	m.Tickets = newest(m.Tickets, func(i int) int64 { return int64(m.Tickets[i].ID) })
	return m
}

// newest keeps the last of all rows with the same id, in order of id.
func newest[T any](rows []T, id func(int) int64) []T {
	last := make(map[int64]int, len(rows))
	for i := range rows {
		last[id(i)] = i
	}
	at := make([]int, 0, len(last))
	for _, i := range last {
		at = append(at, i)
	}
	slices.SortFunc(at, func(a, b int) int { return cmp.Compare(id(a), id(b)) })
	kept := make([]T, 0, len(at))
	for _, i := range at {
		kept = append(kept, rows[i])
	}
	return kept
}

// note logs when writing begins to fail and when it works again.
func (r *recorder) note(err error) {
	was := r.failing()
	switch {
	case err != nil && was == "":
		r.log.Error("journal cannot be written", "err", err)
	case err == nil && was != "":
		r.log.Warn("journal can be written again", "was", was)
	}
	if err == nil {
		r.fault.Store(nil)
	} else {
		r.fault.Store(new(err.Error()))
	}
}

// drain writes the rest at the end, trying for a short while if the disk fails.
func (r *recorder) drain() {
	for deadline := time.Now().Add(giveUpAfter); len(r.backlog) > 0; time.Sleep(retryEvery / 4) {
		r.write(nil)
		if len(r.backlog) > 0 && time.Now().After(deadline) {
			r.log.Error("stopped with steps that could not be written", "steps", len(r.backlog), "err", r.failing())
			return
		}
	}
}
