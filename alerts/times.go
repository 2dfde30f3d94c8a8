package alerts

import (
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// runsOut returns when the shelf or the acknowledgement of e ends, whichever is
// first; 0 for never.
func (e *entry) runsOut() gateway.Instant {
	if e.Shelf.Until.IsZero() || !e.AckUntil.IsZero() && e.AckUntil < e.Shelf.Until {
		return e.AckUntil
	}
	return e.Shelf.Until
}

// watch notes whether time changes anything about e.
func (b *Book) watch(e *entry) {
	if e.runsOut().IsZero() {
		delete(b.timed, e.Key)
	} else {
		b.timed[e.Key] = e
	}
}

// endTimes ends the shelves and acknowledgements whose time is over. After a
// start those that begin in the future were made by a clock that was ahead: they
// begin now, or they would last for longer than anybody has granted.
func (b *Book) endTimes(dst []Event, now gateway.Instant) []Event {
	start := !b.begun
	b.begun = true
	for _, e := range inOrder(b.timed) {
		if start && max(e.Shelf.Since, e.AckedAt) > now {
			e.beginAt(now)
			dst = b.note(dst, e, Postponed, "", now)
		}
		if !e.AckUntil.IsZero() && e.AckUntil <= now {
			dst = b.realarm(dst, e, now) // first: if both end, it is the end of the shelf that tells, once
		}
		if e.Shelved() && e.Shelf.Until <= now {
			dst = b.unshelve(dst, e, "", now)
		}
	}
	return dst
}

// beginAt makes what e has of the future begin now.
func (e *entry) beginAt(now gateway.Instant) {
	if ahead := e.Shelf.Since.Sub(now); ahead > 0 {
		e.Shelf.Since, e.Shelf.Until = now, e.Shelf.Until.Add(-ahead)
	}
	if ahead := e.AckedAt.Sub(now); ahead > 0 && !e.AckUntil.IsZero() {
		e.AckUntil = e.AckUntil.Add(-ahead)
	}
}

// postponeTimes puts the end of every shelf and acknowledgement off by d, which
// nobody has lived through.
func (b *Book) postponeTimes(dst []Event, now gateway.Instant, d time.Duration) []Event {
	for _, e := range inOrder(b.timed) {
		if e.Shelved() {
			e.Shelf.Since, e.Shelf.Until = e.Shelf.Since.Add(d), e.Shelf.Until.Add(d)
		}
		if !e.AckUntil.IsZero() {
			e.AckUntil = e.AckUntil.Add(d)
		}
		dst = b.note(dst, e, Postponed, "", now)
	}
	return dst
}
