package replay

import (
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// chatterWithin is how soon after its return an alarm that comes again is chatter.
const chatterWithin = time.Minute

// Tally is what one rule instance, or all of a rule, did.
type Tally struct {
	Activations int
	Chatter     int             // of them, those that came within a minute of the return of the last
	Active      time.Duration   // in all, each from its first bad sample to its first good one
	Longest     time.Duration   // of them
	First, Last gateway.Instant // when it became active for the first and the last time; 0 for never
}

// add joins the tally of another instance of the same rule.
func (t *Tally) add(o Tally) {
	t.Activations += o.Activations
	t.Chatter += o.Chatter
	t.Active += o.Active
	t.Longest = max(t.Longest, o.Longest)
	if t.First == 0 || o.First != 0 && o.First < t.First {
		t.First = o.First
	}
	t.Last = max(t.Last, o.Last)
}

// course is the tally of an instance while it is followed.
type course struct {
	Tally
	active   bool
	began    gateway.Instant // first bad sample of the fault in hand
	raised   gateway.Instant // when it became active
	returned gateway.Instant // when it last became normal; 0 for never
}

// apply takes a change of the instance. Clearing is still active: people see the
// alarm until it has returned.
func (c *course) apply(ch rules.Change) {
	switch active := ch.To == rules.Active || ch.To == rules.Clearing; {
	case active && !c.active:
		c.active, c.began, c.raised = true, ch.Since, ch.At
		c.Activations++
		if c.returned != 0 && ch.At.Sub(c.returned) <= chatterWithin {
			c.Chatter++
		}
		if c.First == 0 {
			c.First = ch.At
		}
		c.Last = ch.At
	case !active && c.active:
		c.active, c.returned = false, ch.At
		c.lasted(ch.Since)
	}
}

// finish counts what is still active when the recording ends.
func (c *course) finish(end gateway.Instant) {
	if c.active {
		c.lasted(end)
	}
}

func (c *course) lasted(until gateway.Instant) {
	d := until.Sub(c.began)
	c.Active += d
	c.Longest = max(c.Longest, d)
}

// pair follows one rule instance as it is and as it would be otherwise, and says
// which faults only the first tells of.
type pair struct {
	before, after course
	told          bool // the fault that before is active for is known to after
	Missed        Missed
}

// Missed is what would not be told of any more.
type Missed struct {
	Count   int
	Longest time.Duration
	First   gateway.Instant // when the first of them became active; 0 for none
}

func (m *Missed) add(o Missed) {
	m.Count += o.Count
	m.Longest = max(m.Longest, o.Longest)
	if m.First == 0 || o.First != 0 && o.First < m.First {
		m.First = o.First
	}
}

func (p *pair) onBefore(ch rules.Change) {
	was := p.before.active
	p.before.apply(ch)
	switch {
	case p.before.active && !was:
		p.told = p.after.active
	case was && !p.before.active:
		p.close(ch.Since)
	}
}

func (p *pair) onAfter(ch rules.Change) {
	p.after.apply(ch)
	p.told = p.told || p.after.active && p.before.active
}

func (p *pair) close(until gateway.Instant) {
	if !p.told {
		p.Missed.add(Missed{1, until.Sub(p.before.began), p.before.raised})
	}
}

// finish counts what is still active when the recording ends.
func (p *pair) finish(end gateway.Instant) {
	if p.before.active {
		p.close(end)
	}
	p.before.finish(end)
	p.after.finish(end)
}
