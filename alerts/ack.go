package alerts

import (
	"errors"
	"fmt"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// ErrAcked is what Ack refuses.
var ErrAcked = errors.New("the alert is acknowledged already")

// Options are the alerts block of the site file.
type Options struct {
	// AckFor is for how long an acknowledgement holds while the alert is active.
	AckFor AckFor `yaml:"ack_for"`
}

// AckFor is a time for each severity; zero for as long as the alert lasts.
type AckFor struct {
	Info       time.Duration `yaml:"info"`
	Warning    time.Duration `yaml:"warning"`
	Critical   time.Duration `yaml:"critical"`
	LifeSafety time.Duration `yaml:"life_safety"`
}

// leastAckFor keeps a slip of the pen from calling people every second.
const leastAckFor = time.Minute

// Validate reports times in which nobody can mend anything.
func (o *Options) Validate(report gateway.Report) {
	for severity := rules.Info; severity <= rules.LifeSafety; severity++ {
		if d := o.AckFor.of(severity); d != 0 && d < leastAckFor {
			report("ack_for."+severity.String(), fmt.Sprintf("an acknowledgement that holds for %v helps nobody", d), "1min or more, such as 4h; leave it out for no limit")
		}
	}
}

// of returns the time for a severity.
func (f AckFor) of(s rules.Severity) time.Duration {
	return [...]time.Duration{f.Info, f.Warning, f.Critical, f.LifeSafety}[s]
}

// Acknowledgement is what a person says who has seen an alert.
type Acknowledgement struct {
	By   string
	Note string
	Via  string // the channel it came by: page, api, link
}

// Ack acknowledges the open alert id as k says. An alert that has returned leaves
// the book with it, unless it is shelved. One that is active comes back
// unacknowledged when the time that Options give its severity has passed.
func (b *Book) Ack(dst []Event, id ID, k Acknowledgement, now gateway.Instant) ([]Event, error) {
	e := b.byID(id)
	switch {
	case e == nil:
		return dst, fmt.Errorf("alert %d: %w", id, ErrNotFound)
	case k.By == "":
		return dst, fmt.Errorf("alert %d: %w", id, ErrNoName)
	case e.Acked:
		return dst, fmt.Errorf("alert %d: %w by %s", id, ErrAcked, e.AckedBy)
	}
	e.Acked, e.AckedBy, e.AckedAt, e.AckNote, e.AckVia = true, k.By, now, k.Note, k.Via
	b.load.Acked++
	b.load.AckTime += max(0, now.Sub(e.Raised))
	b.limitAck(e, now)
	b.watch(e)
	if e.over() {
		e.Closed = now
		b.forget(e)
	}
	return b.note(dst, e, Acknowledged, k.By, now), nil
}

// limitAck lets the acknowledgement of e, if it has one and is active, run out
// when the time of its severity has passed from from on.
func (b *Book) limitAck(e *entry, from gateway.Instant) {
	if d := b.o.AckFor.of(e.Severity); d > 0 && e.Acked && e.Phase != rules.Normal {
		e.AckUntil = from.Add(d)
	}
}

// unacknowledge takes the acknowledgement of a away.
func (a *Alert) unacknowledge() {
	a.Acked, a.AckedBy, a.AckedAt, a.AckNote, a.AckVia, a.AckUntil = false, "", 0, "", "", 0
}

// realarm takes the acknowledgement of e away, which is still active: whoever
// took it in hand has not mended it.
func (b *Book) realarm(dst []Event, e *entry, now gateway.Instant) []Event {
	e.unacknowledge()
	b.watch(e)
	return b.note(dst, e, Realarmed, "", now)
}

// resumeAck goes on with the acknowledgement of an alert of a former run, whose
// options may have been others.
func (b *Book) resumeAck(e *entry) {
	if b.o.AckFor == (AckFor{}) {
		e.AckUntil = 0
	} else if e.AckUntil.IsZero() {
		b.limitAck(e, e.AckedAt)
	}
}
