package alerts

import (
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// runsOut returns when the shelf, the acknowledgement or the chatter of e ends,
// whichever is first; 0 for never.
func (e *entry) runsOut() (first gateway.Instant) {
	for _, end := range [...]gateway.Instant{e.Shelf.Until, e.AckUntil, e.Chatter.Until} {
		if first.IsZero() || !end.IsZero() && end < first {
			first = end
		}
	}
	return first
}

// watch notes whether time changes anything about e.
func (b *Book) watch(e *entry) {
	if e.runsOut().IsZero() {
		delete(b.timed, e.Key)
	} else {
		b.timed[e.Key] = e
	}
}

// endTimes ends the shelves, acknowledgements and chatter whose time is over. After a
// start those that begin in the future were made by a clock that was ahead: they
// begin now, or they would last for longer than anybody has granted.
func (b *Book) endTimes(dst []Event, now gateway.Instant) []Event {
	start := !b.begun
	b.begun = true
	for _, e := range inOrder(b.timed) {
		if start && max(e.Shelf.Since, e.AckedAt, e.Chatter.Since) > now {
			e.beginAt(now)
			dst = b.note(dst, e, Postponed, "", now)
		}
		if !e.AckUntil.IsZero() && e.AckUntil <= now {
			dst = b.realarm(dst, e, now) // first: if both end, it is the end of the shelf that tells, once
		}
		if e.Shelved() && e.Shelf.Until <= now {
			dst = b.unshelve(dst, e, "", now)
		}
		if e.Chattering() && e.Chatter.Until <= now {
			dst = b.calm(dst, e, now)
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
	if ahead := e.Chatter.Since.Sub(now); ahead > 0 {
		e.Chatter.Since, e.Chatter.Until = now, now.Add(calmAfter)
	}
}

// postponeTimes puts the end of every shelf, acknowledgement and chatter off by
// d, which nobody has lived through.
func (b *Book) postponeTimes(dst []Event, now gateway.Instant, d time.Duration) []Event {
	for _, e := range inOrder(b.timed) {
		if e.Shelved() {
			e.Shelf.Since, e.Shelf.Until = e.Shelf.Since.Add(d), e.Shelf.Until.Add(d)
		}
		if !e.AckUntil.IsZero() {
			e.AckUntil = e.AckUntil.Add(d)
		}
		if e.Chattering() {
			e.Chatter.Until = e.Chatter.Until.Add(d)
		}
		dst = b.note(dst, e, Postponed, "", now)
	}
	return dst
}
