package alerts

import (
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Ladders says who is told next of an alert that nobody takes in hand. It answers
// the same for an alert as long as its worst severity is the same.
type Ladders interface {
	// Due returns how long after people were called the rung n, from 0, of the
	// ladder for a is due. It grows with n; ok is false from the end on.
	Due(a *Alert, n int) (after time.Duration, ok bool)
	// Tell returns the receivers that the rung n tells at now.
	Tell(a *Alert, n int, now gateway.Instant) []string
}

// Call is how people are called for an alert. The zero Call is none.
//
// A ladder begins anew with every call: when the alert is raised, when its shelf
// or its acknowledgement has run out, when it is worse than ever or worse than it
// was when somebody acknowledged it. It stands still while the alert is
// acknowledged, shelved or hidden, and while its condition is not there: nobody is
// woken for what is seen to or over. What comes and goes goes on where it was, so
// that it cannot keep people from being told by going for a moment.
//
// Several rungs that are due at once, after the gateway was down for long, are
// one: the highest is told, and Passed says how many went by.
type Call struct {
	Count  int             `json:"count"` // of the calls for this alert
	Since  gateway.Instant `json:"since"` // when this one began
	Rungs  int             `json:"rungs"` // of the ladder that were due
	Passed int             `json:"passed,omitempty"`
	Heard  string          `json:"heard,omitempty"` // the receivers that any ladder of the alert has told, parted by spaces
}

// lookAgain is how long after a start an alert is given to show that it is still
// there before anybody is told of it again.
const lookAgain = time.Minute

// Escalate makes the book tell of alerts that nobody takes in hand, from start on,
// when the gateway starts. A call that began later was stamped by a clock that was
// ahead.
func (b *Book) Escalate(l Ladders, start gateway.Instant) {
	b.ladders, b.start = l, start
	for _, e := range b.open {
		e.Call.Since = min(e.Call.Since, start)
		b.await(e)
	}
}

// call begins a call for e, whose ladder begins anew.
func (b *Book) call(e *entry, now gateway.Instant) {
	e.Call.Count++
	e.Call.Since, e.Call.Rungs, e.Call.Passed = now, 0, 0
}

// rung returns when the next rung of e is due, if there is one and nothing keeps
// it from being told.
func (b *Book) rung(e *entry) (at gateway.Instant, ok bool) {
	if b.ladders == nil || !e.Told || e.Acked || e.Shelved() || e.Visibility != Shown || e.Phase != rules.Active {
		return 0, false
	}
	after, ok := b.ladders.Due(&e.Alert, e.Call.Rungs)
	if at = e.Call.Since.Add(after); after > 0 {
		at = wholeSecond(at)
	}
	if e.Stale && e.Raised < b.start {
		at = max(at, b.start.Add(lookAgain))
	}
	return at, ok
}

// wholeSecond rounds up: of thousands of alerts that were raised within a second,
// the rungs are looked at once.
func wholeSecond(at gateway.Instant) gateway.Instant {
	const second = gateway.Instant(time.Second / time.Millisecond)
	return (at + second - 1) / second * second
}

// await notes that a rung of e will be due, if one will, and reports so. Whatever
// keeps it from being told meanwhile is found when it is due.
func (b *Book) await(e *entry) bool {
	at, ok := b.rung(e)
	if ok {
		b.climbing[e.Key] = e
		if b.nextRung.IsZero() || at < b.nextRung {
			b.nextRung = at
		}
	}
	return ok
}

// climb tells of the alerts whose next rung is due.
func (b *Book) climb(dst []Event, now gateway.Instant) []Event {
	if b.nextRung.IsZero() || b.nextRung > now {
		return dst
	}
	b.nextRung = 0
	for _, e := range inOrder(b.climbing) {
		if at, ok := b.rung(e); ok && at <= now {
			dst = b.escalate(dst, e, now)
		}
		if !b.await(e) {
			delete(b.climbing, e.Key)
		}
	}
	return dst
}

// escalate tells of e on the highest rung that is due.
func (b *Book) escalate(dst []Event, e *entry, now gateway.Instant) []Event {
	n := e.Call.Rungs
	for {
		after, ok := b.ladders.Due(&e.Alert, n+1)
		if !ok || e.Call.Since.Add(after) > now {
			break
		}
		n++
	}
	e.Call.Passed = n - e.Call.Rungs
	e.Call.Rungs = n + 1
	to := b.ladders.Tell(&e.Alert, n, now)
	heard := strings.Fields(e.Call.Heard)
	for _, r := range to {
		if !slices.Contains(heard, r) {
			heard = append(heard, r)
		}
	}
	e.Call.Heard = strings.Join(heard, " ")
	dst = b.note(dst, e, Escalated, "", now)
	dst[len(dst)-1].To = to
	return dst
}

// postponeCalls puts off by d what ladders wait for.
func (b *Book) postponeCalls(dst []Event, now gateway.Instant, d time.Duration) []Event {
	if b.ladders == nil {
		return dst
	}
	for _, e := range inOrder(b.open) {
		if _, waits := b.ladders.Due(&e.Alert, e.Call.Rungs); waits && e.Call.Count > 0 && !e.Acked {
			e.Call.Since = e.Call.Since.Add(d)
			dst = b.note(dst, e, Postponed, "", now)
		}
	}
	if !b.nextRung.IsZero() {
		b.nextRung = b.nextRung.Add(d)
	}
	return dst
}
