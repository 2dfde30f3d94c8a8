package mqtt

import (
	"context"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// batchMessages is how many messages are given to emit at once.
const batchMessages = 256

// deliver decodes what is queued and tells the link points, until ctx ends and
// the queue is empty.
func (c *Client) deliver(ctx context.Context, emit func([]gateway.Sample)) {
	tick := time.NewTicker(checkPeriod)
	defer tick.Stop()
	var told time.Time // when all link points were last told
	batch := make([]*message, 0, batchMessages)
	for open := true; open; {
		check := false
		select {
		case <-c.wake:
		case <-tick.C:
			check = true
		case <-ctx.Done():
			open = false
		}
		c.samples = c.samples[:0]
		if l := c.line.Load(); check || l != c.seen {
			now := time.Now()
			if l != c.seen {
				for _, w := range c.watches {
					w.restart(gateway.InstantOf(now))
				}
			}
			all := now.Sub(told) >= linkPeriod
			if all {
				told = now
			}
			c.samples, c.seen = c.appendLinks(c.samples, l, gateway.InstantOf(now), all), l
			c.renewSilent(l, gateway.InstantOf(now))
		}
		batch = c.queue.take(batch[:0], batchMessages)
		c.deliverBatch(batch, emit)
		if len(batch) == batchMessages {
			c.signal()
			open = true
		}
		c.queue.recycle(batch)
	}
}

// deliverBatch emits the link points that wait in c.samples and the samples of
// batch. From then on the messages are owed their acknowledgement.
func (c *Client) deliverBatch(batch []*message, emit func([]gateway.Sample)) {
	for _, m := range batch {
		if m.repeated {
			c.repeated.Add(1)
			continue
		}
		for _, d := range m.feed.devices {
			if !m.retained {
				d.heard, d.gone = m.at, false
				c.samples = c.appendLink(c.samples, d, c.seen, m.at, false)
			}
		}
		for _, s := range m.feed.signs {
			s.heed(m)
			c.samples = c.appendLink(c.samples, s.device, c.seen, m.at, false)
		}
		c.decode(m)
	}
	if len(c.samples) > 0 {
		emit(c.samples)
	}
	c.owed = c.owed[:0]
	for _, m := range batch {
		c.owed = append(c.owed, m.receipt)
	}
	c.dues.owe(c.owed...)
}

// decode appends the samples of m for every device that listens to its topic.
func (c *Client) decode(m *message) {
	valid := true
	for _, d := range m.feed.devices {
		if d.superseded(m) {
			continue
		}
		begin := len(c.samples)
		samples, ok := d.decoder.Decode(c.samples, m.payload, m.at)
		c.samples, valid = samples, valid && ok
		if ok && (m.retained || d.stamp != nil) {
			c.age(d, m, samples[begin:])
		}
		if ok && !m.retained && d.stills != nil {
			c.judgeStill(d, samples[begin:])
		}
		if ok {
			c.lookForLeaves(d, m)
		}
	}
	if valid {
		c.decoded.Add(1)
	} else {
		c.badPayload.Add(1)
	}
}
