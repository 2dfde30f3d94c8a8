package mqtt

import (
	"cmp"

	"github.com/intact-gateway/intact/gateway"
)

// newStills returns a Stillness for each point that may be stuck, nil for the
// others, or nil if there is none.
func newStills(points []Point) []*gateway.Stillness {
	var stills []*gateway.Stillness
	for i := range points {
		if points[i].Stuck <= 0 {
			continue
		}
		if stills == nil {
			stills = make([]*gateway.Stillness, len(points))
		}
		stills[i] = new(gateway.Stillness)
	}
	return stills
}

// judgeStill takes the values from samples, which d has made of one live
// message, whose sensors have not moved for too long. A device that has not been
// heard for so long that it counts as gone was silent, not stuck.
func (c *Client) judgeStill(d *device, samples []gateway.Sample) {
	for i, j := 0, 0; i < len(samples); j++ {
		p, s := &d.decoder.points[j], &samples[i]
		if p.Ref != s.Point {
			continue // the payload lacks it
		}
		i++
		w := d.stills[j]
		if w == nil {
			continue
		}
		read, was := s.Value, w.Stuck()
		still := w.Judge(s, p.Stuck, cmp.Or(patience*d.Expect, p.Stuck))
		switch now := w.Stuck(); {
		case now && !was:
			c.log.Warn("sensor is stuck", "topic", d.Topic, "device", d.Name, "path", p.Path, "at", read, "for", still)
		case was && !now:
			c.log.Info("sensor moves again", "topic", d.Topic, "device", d.Name, "path", p.Path, "value", s.Value)
		}
	}
}
