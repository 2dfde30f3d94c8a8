package notify

import (
	"context"
	"errors"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
)

const (
	// digestBatch is how many notices one message may stand for.
	digestBatch = 5000
	// While ordinary notices wait for room, a sender looks for urgent ones this
	// often, or less often if looking takes long.
	glance     = 200 * time.Millisecond
	glanceCost = 5 // times as long as the look took
	// A receiver that has refused a digest gets no other for this long.
	singlyFor = 10 * time.Minute
)

// lane is what waits for a receiver that takes only so many messages: what is
// urgent goes first and may spend the reserve.
type lane struct {
	urgent  bool
	notices []Notice
	singly  int // of an urgent lane, how many at the front are about lives
}

// lanes parts notices, which are in the order in which they were made. The
// notices of one alert stay in order: what comes before an urgent one goes with
// it.
func lanes(notices []Notice) []lane {
	last := make(map[alerts.ID]int) // index of the last urgent notice of an alert
	lives := make(map[alerts.ID]bool)
	for i, n := range notices {
		if urgent, lifeSafety := isUrgent(n); urgent {
			last[n.Alert] = i
			lives[n.Alert] = lives[n.Alert] || lifeSafety
		}
	}
	first, ordinary := lane{urgent: true}, lane{}
	var others []Notice
	for i, n := range notices {
		switch end, urgent := last[n.Alert]; {
		case !urgent || i > end:
			ordinary.notices = append(ordinary.notices, n)
		case lives[n.Alert]:
			first.notices = append(first.notices, n)
		default:
			others = append(others, n)
		}
	}
	first.singly = len(first.notices)
	first.notices = append(first.notices, others...)
	return []lane{first, ordinary}
}

// sendPaced sends what is due to a receiver that takes only so many messages,
// until that is all, an attempt has failed or nothing more may be sent for now.
func (s *Sender) sendPaced(ctx context.Context, to Digester, due []Notice) {
	began := time.Now()
	for _, l := range lanes(due) {
		for len(l.notices) > 0 {
			if ctx.Err() != nil {
				return
			}
			room, wait := to.Room(l.urgent)
			if room == 0 {
				s.restUntil = time.Now().Add(min(wait, max(glance, glanceCost*time.Since(began))))
				return
			}
			n, sent := s.sendFirst(ctx, to, l, room)
			if !sent {
				return
			}
			l.notices, l.singly = l.notices[n:], max(0, l.singly-n)
		}
	}
}

// sendFirst makes the next message of a lane, and reports how many notices it
// stands for and whether the lane may go on. Each notice has a message of its
// own if there is room for all; else one message tells of all of them, but for
// what is about lives, as long as there is room for that.
func (s *Sender) sendFirst(ctx context.Context, to Digester, l lane, room int) (n int, sent bool) {
	if len(l.notices) <= room || l.singly > 0 && room > 1 || time.Now().Before(s.singlyUntil) {
		return 1, s.send(ctx, l.notices[0])
	}
	return len(l.notices), s.sendDigest(ctx, to, l.notices)
}

// sendDigest makes one attempt to tell of all notices at once. If they are taken,
// each is settled under its own key.
func (s *Sender) sendDigest(ctx context.Context, to Digester, notices []Notice) bool {
	err := s.attempt(ctx, func(ctx context.Context) error { return to.Digest(ctx, notices) })
	caveat, taken := errors.AsType[*Caveat](err)
	switch {
	case err == nil || taken:
		s.taken(len(notices))
		s.noteCaveat(caveat)
		now := gateway.InstantOf(time.Now())
		for _, n := range notices {
			s.unsettled = append(s.unsettled, Outcome{Key: n.Key, At: now})
		}
		s.settleAgain(ctx)
		return true
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return false
	}
	s.refused(err)
	// What the receiver does not like in it must not keep it from the rest.
	if no, answered := errors.AsType[*Refusal](err); answered && !no.Throttled {
		s.singlyUntil = time.Now().Add(singlyFor)
	}
	// They stay due, and none is tried before the receiver has rested: to write
	// that down for each of thousands would cost the disk more than it is worth.
	for _, n := range notices {
		if s.spent(n) {
			s.bury(ctx, n, err.Error())
		}
	}
	return false
}
