package mqtt

import (
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// patience is how many expected messages may be missing before a device counts
// as silent.
const patience = 3

// line is what is known of the way to the broker. It is replaced, never changed.
type line struct {
	connected bool
	refused   map[string]bool // filters the broker does not let us have
}

// up reports whether the gateway hears all that it asked for.
func (l *line) up() bool { return l.connected && len(l.refused) == 0 }

// reach is what a link point says: nothing yet, 0 or 1.
type reach int8

const (
	unheard reach = iota
	cut
	linked
)

// sample returns the sample of the link point ref for r.
func (r reach) sample(ref gateway.PointRef, now gateway.Instant) gateway.Sample {
	s := gateway.Sample{Point: ref, Quality: gateway.Good, At: now}
	if r == linked {
		s.Value = 1
	}
	return s
}

// device is a configured device with what the delivering goroutine knows of it.
type device struct {
	Device
	decoder *Decoder
	filter  string // under which the broker is asked for it

	stamp *stamp // nil for a device that does not say the time

	stills []*gateway.Stillness // by point; nil if none may be stuck

	leaves map[string]bool // paths listed as unread
	looked gateway.Instant // when a message was last searched for them

	heard gateway.Instant // when its last live message came
	said  gateway.Instant // the newest time it has said
	born  bool            // its birth was the last sign
	gone  bool            // its will has been read, and nothing has come since
	reach reach
}

// reached tells whether the device can be heard at now.
//
// A device that owes no messages and never sent one stays unheard: its silence
// proves nothing, and a retained message is no sign of life unless it is meant as
// one.
func (d *device) reached(l *line, started, now gateway.Instant) reach {
	never := d.heard.IsZero() && !d.born
	switch {
	case l == nil, never && d.Expect == 0 && !d.gone:
		return unheard
	case !l.connected, l.refused[d.filter], d.gone:
		return cut
	case d.Expect == 0:
		return linked
	case now.Sub(max(d.heard, started)) > patience*d.Expect:
		return cut
	case never:
		return d.reach
	default:
		return linked
	}
}

// appendLinks appends the link points that changed, or all that are known.
func (c *Client) appendLinks(dst []gateway.Sample, l *line, now gateway.Instant, all bool) []gateway.Sample {
	if l == nil {
		return dst
	}
	r := cut
	if l.up() {
		r = linked
	}
	if c.config.Link != gateway.NoPoint && (all || r != c.reach) {
		dst = append(dst, r.sample(c.config.Link, now))
	}
	c.reach = r
	for _, d := range c.devices {
		dst = c.appendLink(dst, d, l, now, all)
	}
	return dst
}

// appendLink appends the link point of d if it changed, or if all are wanted.
func (c *Client) appendLink(dst []gateway.Sample, d *device, l *line, now gateway.Instant, all bool) []gateway.Sample {
	r := d.reached(l, c.started, now)
	if r != unheard && d.Link != gateway.NoPoint && (all || r != d.reach) {
		dst = append(dst, r.sample(d.Link, now))
	}
	d.reach = r
	return dst
}

// linkPeriod is how often link points are told without a change, checkPeriod
// how often they are looked at.
const (
	linkPeriod  = 5 * time.Second
	checkPeriod = time.Second
)
