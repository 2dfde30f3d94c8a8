package rules

import (
	"math"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// weigh works out where an instance stands after its inputs have changed.
func (e *Engine) weigh(dst []Change, ref Ref) []Change {
	in := &e.instances[ref]
	only := True
	if in.only != nil {
		only = in.only.eval(e.truth)
	}
	for i := in.first; i < in.end; i++ {
		s := &e.steps[i]
		when := and(s.when.eval(e.truth), only)
		reset := or(s.reset.eval(e.truth), not(only))
		if when == True {
			reset = False // while the fault is there nothing resets it
		}
		known, trust := when != Unknown, reset == Unknown
		switch {
		case in.unseen > 0 && !s.judged && !known && reset == True:
			reset, trust = Unknown, true // what is still to come after a start may show the fault
		case in.unseen == 0:
			when, reset = in.badData.decide(when, True), in.badData.decide(reset, False)
			if when == True {
				reset, trust = False, trust || !known // also while it only counts as there
			}
		}
		e.move(in, s, i, when, reset)
		if s.unknown = trust; s.phase == Normal || s.phase == Pending {
			s.unknown = !known
		}
		if in.unseen == 0 || !s.paused {
			s.bridge = 0
		}
		s.judged = s.judged || known
	}
	return e.tell(dst, ref)
}

// decide turns Unknown into what the rule says bad data count as: alarm is the
// truth value that speaks for the fault.
func (b badData) decide(t, alarm Truth) Truth {
	switch {
	case t != Unknown || b == badKeeps:
		return t
	case b == badAlarms:
		return alarm
	default:
		return not(alarm)
	}
}

// move is the machine of one step.
func (e *Engine) move(in *instance, s *step, i int32, when, reset Truth) {
	switch s.phase {
	case Normal:
		if when == True {
			s.phase, s.began = Pending, e.now
			hold := s.hold
			if !s.judged && in.rule.Restart == AlarmIfTrue {
				hold = 0 // nobody knows for how long it has been true
			}
			e.hold(s, i, hold)
		}
	case Pending:
		e.movePending(s, i, when)
	case Active:
		if reset == True && (!in.rule.Latch || in.resets) {
			s.phase, s.ended = Clearing, e.now
			stay := in.minActive - e.now.Sub(s.active)
			e.hold(s, i, max(in.clearAfter, stay, 0))
		}
	case Clearing:
		switch {
		case reset == False:
			e.stop(s, i)
			s.phase, s.paused = Active, false
		case reset == Unknown:
			e.pause(s, i)
		default:
			if s.ended.IsZero() { // of a run before: here it is first seen to be over
				s.ended = e.now
			}
			e.resume(s, i)
		}
	}
}

func (e *Engine) movePending(s *step, i int32, when Truth) {
	switch when {
	case False:
		e.stop(s, i)
		s.phase, s.paused = Normal, false
	case Unknown:
		e.pause(s, i)
	case True:
		e.resume(s, i)
	}
}

// hold starts the timer of a step, or ends it at once if there is no time to
// wait.
func (e *Engine) hold(s *step, i int32, d time.Duration) {
	s.paused = false
	if d <= 0 {
		e.expire(s, e.now)
		return
	}
	s.deadline = e.now.Add(d)
	e.timers.add(i, s.deadline)
}

func (e *Engine) stop(s *step, i int32) {
	if s.deadline != 0 {
		e.timers.remove(i)
		s.deadline = 0
	}
}

// pause keeps what is left of the time while nothing is known: what was held so
// far is not lost, and what is not known does not count.
func (e *Engine) pause(s *step, i int32) {
	if s.paused {
		return
	}
	s.paused, s.left = true, max(s.deadline.Sub(e.now), 0)
	e.stop(s, i)
}

func (e *Engine) resume(s *step, i int32) {
	if s.paused {
		e.hold(s, i, s.rest(e.now))
	}
}

// expire is the end of a hold or clear_after.
func (e *Engine) expire(s *step, at gateway.Instant) {
	switch s.phase {
	case Pending:
		s.phase, s.active = Active, at
	case Clearing:
		s.phase = Normal
	}
}

// tell appends what has changed of an instance as a whole. A level that is
// clearing is still in force: the severity steps down once it has cleared.
func (e *Engine) tell(dst []Change, ref Ref) []Change {
	e.touch(ref)
	in := &e.instances[ref]
	phase, sev, stale := Normal, in.severity, false
	var lead *step // the worst level that is in force; while none is, the worst that may come
	for i := in.first; i < in.end; i++ {
		s := &e.steps[i]
		if s.phase == Normal {
			continue
		}
		stale = stale || s.unknown
		if rank(s.phase) > rank(phase) {
			phase = s.phase
		}
		if lead == nil || s.phase != Pending || lead.phase == Pending {
			lead = s
		}
	}
	if lead != nil {
		sev = lead.severity
	}
	if phase == Pending && (in.phase == Active || in.phase == Clearing) {
		// A worse level is over while a lesser one is still held: the same
		// fault goes on until that one has passed its hold or is gone, too.
		phase, sev = Clearing, in.severity
	}
	if phase == in.phase && stale == in.stale && (sev == in.severity || phase == Normal || phase == Pending) {
		return dst
	}
	c := Change{Ref: ref, From: in.phase, To: phase, Severity: sev, Stale: stale, Point: in.point, Value: math.NaN(), Limit: math.NaN(), At: e.now}
	if in.point != gateway.NoPoint && e.latest[in.point].Quality.HasValue() {
		c.Value = e.latest[in.point].Value
	}
	c.Since, c.Limit = e.since(in, lead, phase)
	in.phase, in.severity, in.stale = phase, sev, stale
	return append(dst, c)
}

// rank orders phases by how much they matter.
func rank(p Phase) int { return [...]int{Normal: 0, Pending: 1, Clearing: 2, Active: 3}[p] }

// since returns when what an instance now says began, and the limit it is held
// against.
func (e *Engine) since(in *instance, lead *step, phase Phase) (gateway.Instant, float64) {
	if lead == nil || phase == Clearing {
		ended, limit := gateway.Instant(0), math.NaN()
		for i := in.first; i < in.end; i++ {
			if s := &e.steps[i]; s.ended >= ended {
				ended, limit = s.ended, s.limit
			}
		}
		if in.phase == Pending {
			ended = e.now
		}
		return ended, limit
	}
	return lead.began, lead.limit
}
