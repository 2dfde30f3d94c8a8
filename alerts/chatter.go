package alerts

import (
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// An alert chatters when it has come this often within one of these times, and
// until it has not come for calmAfter. The first is the definition of ISA-18.2.
const (
	chatterMinute = 3
	chatterHour   = 10
	calmAfter     = 10 * time.Minute
)

// Chatter is the coming and going of an alert. The zero Chatter is none.
//
// An alert that chatters stays one alert: it comes again under its number instead
// of being raised anew. Each coming and going is recorded, counted and repaired;
// people are told that it has begun to chatter, that it has become worse than
// ever, and, when it has settled, that it has returned.
type Chatter struct {
	Since gateway.Instant `json:"since"`
	Until gateway.Instant `json:"until"` // it has settled if it does not come again before; zero once it has
	Times int             `json:"times"` // how often it has come
}

// Chattering reports whether the alert comes and goes.
func (a Alert) Chattering() bool { return !a.Chatter.Until.IsZero() }

// comings are the newest times at which a rule instance has raised an alert,
// oldest first.
type comings []gateway.Instant

// add notes that the instance has come at now, and returns how often it has if
// that is chatter, else 0.
func (c *comings) add(now gateway.Instant) int {
	if len(*c) == chatterHour {
		copy(*c, (*c)[1:])
		*c = (*c)[:chatterHour-1]
	}
	*c = append(*c, now)
	within := func(n int, d time.Duration) bool { return len(*c) >= n && now.Sub((*c)[len(*c)-n]) < d }
	switch {
	case within(chatterHour, time.Hour):
		return chatterHour
	case within(chatterMinute, time.Minute):
		return chatterMinute
	default:
		return 0
	}
}

// listen notes that e was raised, and that it chatters if it comes too often. Of
// a danger to life people are told every time. What may be the consequence of
// another alert is judged with that one.
func (b *Book) listen(e *entry, now gateway.Instant) {
	if e.Severity == rules.LifeSafety || e.Rule == CommLoss || e.Rule == Blind {
		return
	}
	heard := b.comings[e.Key]
	times := heard.add(now)
	b.comings[e.Key] = heard
	if times > 0 {
		e.Chatter = Chatter{Since: now, Until: now.Add(calmAfter), Times: times}
		b.watch(e)
	}
}

// again lets e, which chatters and had returned, come once more.
func (b *Book) again(dst []Event, e *entry, c rules.Change) []Event {
	worst := e.Worst
	if c.Severity > e.Severity {
		e.unacknowledge()
	}
	heard := b.comings[e.Key]
	heard.add(c.At)
	b.comings[e.Key] = heard
	e.Phase, e.Stale, e.Severity, e.Worst = c.To, c.Stale, c.Severity, max(e.Worst, c.Severity)
	e.trip(c)
	e.Started, e.Raised, e.Cleared = c.Since, c.At, 0
	e.Chatter.Times++
	e.Chatter.Until = c.At.Add(calmAfter)
	if e.Worst > worst { // what is worse than ever is news
		e.Chatter = Chatter{}
	}
	b.limitAck(e, c.At)
	b.watch(e)
	return b.outgrow(b.note(dst, e, Again, "", c.At), e, c.At)
}

// calm ends the chatter of e, which has not come for long enough. If it has
// returned that is what people are told now, and how often it came.
func (b *Book) calm(dst []Event, e *entry, now gateway.Instant) []Event {
	e.Chatter.Until = 0
	b.watch(e)
	if e.over() {
		e.Closed = now
		b.forget(e)
	}
	return b.note(dst, e, Calmed, "", now)
}
