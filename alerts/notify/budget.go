package notify

import "time"

// limits is how much a channel takes, as its vendor says.
type limits struct {
	perMinute int
	perSecond int           // 0 for no such limit
	muted     time.Duration // how long it takes nothing after too many
}

// budget says how many messages a channel may send now. We stay a tenth below
// what the vendor allows, in any span of a minute and not only on average: two
// clocks differ, and a robot that is muted for ten minutes costs more than a
// message that waits for a second. A third of it is kept for what is urgent.
type budget struct {
	limits limits
	sent   []time.Time // in the last minute, oldest first
}

// span is one of the limits: n messages within any time of length per.
type span struct {
	n   int
	per time.Duration
}

func (b *budget) spans(urgent bool) []span {
	share := func(n int) int {
		if n -= (n + 9) / 10; !urgent {
			n -= n / 3
		}
		return n
	}
	spans := []span{{share(b.limits.perMinute), time.Minute}}
	if b.limits.perSecond > 0 {
		spans = append(spans, span{share(b.limits.perSecond), time.Second})
	}
	return spans
}

// room returns how many messages may go out now, and if none, how long until one
// may.
func (b *budget) room(now time.Time, urgent bool) (n int, wait time.Duration) {
	n = b.limits.perMinute
	for _, s := range b.spans(urgent) {
		recent := b.since(now.Add(-s.per))
		free := max(0, s.n-len(recent))
		if n = min(n, free); free == 0 {
			// One may go once so many have left the span that n-1 are in it.
			leaves := recent[len(recent)-s.n].Add(s.per)
			wait = max(wait, leaves.Sub(now))
		}
	}
	return n, wait
}

// since returns what was sent after from.
func (b *budget) since(from time.Time) []time.Time {
	for i, at := range b.sent {
		if at.After(from) {
			return b.sent[i:]
		}
	}
	return nil
}

// spend takes note of a message that goes out now.
func (b *budget) spend(now time.Time) {
	b.sent = append(b.since(now.Add(-time.Minute)), now)
}
