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
	hangLimit     = 2 * time.Second  // then what it tells goes out from memory
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
	waited := len(r.backlog) - len(group) // steps that were here before this try
	err := r.commit(r.backlog)
	var refused map[int]error // by place in the backlog as it was
	done := len(r.backlog)
	if err != nil {
		done, refused, err = r.commitOneByOne()
	}
	r.forget(done)
	r.note(err)
	if err != nil {
		r.keep(max(waited-done, 0))
	}
	for i, j := range group {
		result := refused[waited+i]
		if waited+i >= done {
			result = fmt.Errorf("%w: %w", ErrNotWritten, err)
		}
		for _, a := range j.answers {
			a <- result
		}
	}
}

func (r *recorder) commit(changes []store.Change) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitLimit)
	defer cancel()
	// The limit ends the waiting for the database, not a disk that hangs in the
	// middle of a write: then the alarms go out meanwhile.
	hangs := time.AfterFunc(hangLimit, func() {
		r.fault.Store(new("the disk does not answer"))
		for _, c := range changes {
			r.outbox.hold(c.Notices)
		}
		r.told()
	})
	err := r.store.Commit(ctx, changes...)
	hangs.Stop()
	if err != nil {
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

// commitOneByOne writes the backlog step by step, up to the first that the disk
// does not take. A step that the store refuses for what it says, and would
// refuse for ever, is set aside: it must not keep everything behind it from the
// disk. It returns how many steps are done with, those refused by their place,
// and what stopped it.
func (r *recorder) commitOneByOne() (done int, refused map[int]error, err error) {
	refused = make(map[int]error)
	for i := range r.backlog {
		err := r.commit(r.backlog[i : i+1])
		switch {
		case errors.Is(err, store.ErrRefused):
			r.lost.Add(uint64(max(1, len(r.backlog[i].Entries))))
			r.log.Error("step cannot be written and is set aside", "rows", len(r.backlog[i].Entries), "err", err)
			r.outbox.hold(r.backlog[i].Notices)
			r.told()
			refused[i] = err
		case err != nil:
			return i, refused, err
		}
	}
	return len(r.backlog), refused, nil
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
