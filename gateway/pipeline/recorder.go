package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intact-gateway/intact/gateway/store"
)

const (
	recorderQueue = 1024             // steps that may wait for a disk that works before the loop does
	groupSize     = 256              // steps in one transaction
	commitLimit   = 10 * time.Second // a disk that takes longer has failed
	hangLimit     = 2 * time.Second  // nobody waits longer for it than this
	retryEvery    = time.Second
	giveUpAfter   = 5 * time.Second
)

// ErrNotWritten is what a command gets when its effect is in force but could
// not be written to disk. It is written as soon as the disk works again.
var ErrNotWritten = errors.New("in force, but not yet written to disk")

// step is what one turn of the loop has decided, on its way to the disk. Who
// waits for it hears of it when it is there, or when the disk has failed.
type step struct {
	change  store.Change // nothing to write if its At is zero
	answers []answer
	show    *Snapshot
	held    bool // its notices are due from memory
}

// trouble says how badly the disk fails, and with it who need not wait for it.
type trouble int

const (
	noTrouble  trouble = iota
	failedOnce         // people get their answers and see what is going on
	failing            // alarms go out from memory: telling wins over writing
)

// recorder writes the steps of the loop in their order, as many as are waiting
// in one transaction. It keeps nobody waiting for a disk that does not answer:
// what could not be written is told all the same, and kept in memory within a
// bound until it can be.
type recorder struct {
	store  Store
	outbox *outbox
	log    *slog.Logger
	show   func(*Snapshot)
	told   func()        // notices are waiting
	wake   chan struct{} // something to write

	commits, failures, lost atomic.Uint64
	busy                    atomic.Int64 // nanoseconds in the store

	mu      sync.Mutex
	room    sync.Cond
	waiting []*step // oldest first
	trying  int     // of them, how many the try under way is about
	weight  int     // of waiting, in rows
	trouble trouble
	fault   string // "" while the disk works
	closed  time.Time
}

func newRecorder(s Store, log *slog.Logger, show func(*Snapshot), told func()) *recorder {
	if told == nil {
		told = func() {}
	}
	r := &recorder{store: s, outbox: newOutbox(s), log: log, show: show, told: told, wake: make(chan struct{}, 1)}
	r.room.L = &r.mu
	return r
}

// put hands a step over. It waits while too many of them wait for a disk that
// works, and never for one that does not.
func (r *recorder) put(s *step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.waiting) >= recorderQueue && r.trouble == noTrouble {
		r.room.Wait()
	}
	r.waiting = append(r.waiting, s)
	r.weight += s.weight()
	if r.trouble == noTrouble {
		r.rouse()
		return
	}
	r.tell(r.waiting[len(r.waiting)-1:])
	r.bound()
}

// close lets run end once everything that waits is written or given up.
func (r *recorder) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = time.Now()
	r.rouse()
}

func (r *recorder) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// failing says what keeps the recorder from writing, or "" if nothing does.
func (r *recorder) failing() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fault
}

// idle reports whether nobody need wait for the disk: it has nothing to write,
// or it fails.
func (r *recorder) idle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fault != "" || !slices.ContainsFunc(r.waiting, func(s *step) bool { return !s.change.At.IsZero() })
}

func (r *recorder) run() {
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	for {
		select {
		case <-r.wake:
		case <-retry.C:
		}
		for r.tryNext() {
		}
		again, ended := r.next()
		if ended {
			return
		}
		retry.Reset(again)
	}
}

// next returns how long to wait for the next try, and whether there is nothing
// left to wait for.
func (r *recorder) next() (again time.Duration, ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch closing := !r.closed.IsZero(); {
	case closing && len(r.waiting) == 0:
		return 0, true
	case closing && time.Since(r.closed) > giveUpAfter:
		r.log.Error("stopped with steps that could not be written", "steps", len(r.waiting), "err", r.fault)
		return 0, true
	case closing:
		return retryEvery / 4, false
	case len(r.waiting) > 0:
		return retryEvery, false
	default:
		return time.Hour, false
	}
}

// tryNext writes the oldest steps that are waiting. It reports whether there may
// be more to write at once.
func (r *recorder) tryNext() bool {
	r.mu.Lock()
	r.trying = min(len(r.waiting), groupSize)
	group := r.waiting[:r.trying:r.trying]
	r.mu.Unlock()
	if len(group) == 0 {
		return false
	}
	done, refused, err := r.write(group)

	r.mu.Lock()
	defer r.mu.Unlock()
	r.trying = 0
	r.settle(group[:done], refused)
	r.waiting = r.waiting[done:]
	r.note(err)
	r.room.Broadcast()
	return err == nil
}

// write commits a group, or step by step up to the first that the disk does not
// take. A step that the store refuses for what it says, and would refuse for
// ever, is set aside: it must not keep everything behind it from the disk. It
// returns how many steps are done with, those refused by their place, and what
// stopped it.
func (r *recorder) write(group []*step) (done int, refused map[int]error, err error) {
	if err := r.commit(group); err == nil {
		return len(group), nil, nil
	}
	refused = make(map[int]error)
	for i, s := range group {
		err := r.commit(group[i : i+1])
		switch {
		case errors.Is(err, store.ErrRefused):
			r.lost.Add(uint64(s.weight()))
			r.log.Error("step cannot be written and is set aside", "rows", s.weight(), "err", err)
			r.outbox.hold(s.change.Notices)
			r.outbox.giveUp(s.change.Notices)
			r.told()
			refused[i] = err
		case err != nil:
			return i, refused, err
		}
	}
	return len(group), refused, nil
}

// commit writes steps in one transaction.
func (r *recorder) commit(steps []*step) error {
	changes := make([]store.Change, 0, len(steps))
	notices := false
	for _, s := range steps {
		if !s.change.At.IsZero() {
			changes = append(changes, s.change)
			notices = notices || len(s.change.Notices) > 0
		}
	}
	if len(changes) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitLimit)
	defer cancel()
	// The limit ends the waiting for the database, not a disk that hangs in the
	// middle of a write.
	var over atomic.Bool
	watch := time.AfterFunc(hangLimit, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !over.Load() {
			r.fail(failing, "the disk does not answer")
		}
	})
	began := time.Now()
	err := r.store.Commit(ctx, changes...)
	r.busy.Add(int64(time.Since(began)))
	over.Store(true)
	watch.Stop()
	if err != nil {
		r.failures.Add(1)
		return err
	}
	r.commits.Add(1)
	r.outbox.written(ctx, steps)
	if notices {
		r.told()
	}
	return nil
}

// settle lets go of steps that are done with.
func (r *recorder) settle(steps []*step, refused map[int]error) {
	var show *Snapshot
	for _, s := range steps {
		r.weight -= s.weight()
		if s.show != nil {
			show = s.show
		}
	}
	if show != nil {
		r.show(show)
	}
	for i, s := range steps {
		s.answer(refused[i])
	}
}

// note logs when writing begins to fail and when it works again.
func (r *recorder) note(err error) {
	if err != nil {
		if r.fault == "" {
			r.log.Error("journal cannot be written", "err", err)
		}
		r.fail(min(r.trouble+1, failing), err.Error())
		r.bound()
		return
	}
	if r.fault != "" {
		r.log.Warn("journal can be written again", "was", r.fault)
	}
	r.trouble, r.fault = noTrouble, ""
}

// fail says that the disk is in trouble, and lets everybody know who has waited
// for it.
func (r *recorder) fail(t trouble, fault string) {
	r.trouble, r.fault = t, fault
	r.tell(r.waiting)
	r.room.Broadcast()
}

// tell lets out what steps that are not written hold, as far as the trouble goes.
func (r *recorder) tell(steps []*step) {
	var show *Snapshot
	notices := false
	for _, s := range steps {
		if s.show != nil {
			show, s.show = s.show, nil
		}
		s.answer(fmt.Errorf("%w: %s", ErrNotWritten, r.fault))
		if r.trouble == failing && !s.held {
			r.outbox.hold(s.change.Notices)
			s.held = true
			notices = notices || len(s.change.Notices) > 0
		}
	}
	if show != nil {
		r.show(show)
	}
	if notices {
		r.told()
	}
}

// answer says to the commands of s what has become of it, once.
func (s *step) answer(err error) {
	for _, a := range s.answers {
		a <- err
	}
	s.answers = nil
}
