package mqtt

import (
	"fmt"
	"math"
	"time"

	"github.com/tidwall/gjson"

	"github.com/intact-gateway/intact/gateway"
)

// The ways in which devices write the time.
const (
	Unix       = "unix"    // seconds since 1970, with or without a fraction
	UnixMillis = "unix_ms" // milliseconds since 1970
	RFC3339    = "rfc3339" // such as 2026-03-10T09:12:00+08:00
)

// Stamp is where a payload says when its values were measured.
type Stamp struct {
	Path    string // as of a Point
	Format  string // Unix, UnixMillis or RFC3339
	MaxSkew time.Duration
}

// stamp is a Stamp ready for use.
type stamp struct {
	Stamp
	path string // as gjson reads it
}

func newStamp(s *Stamp) (*stamp, error) {
	if s == nil {
		return nil, nil
	}
	switch s.Format {
	case Unix, UnixMillis, RFC3339:
	default:
		return nil, fmt.Errorf("time format %q: want %s, %s or %s", s.Format, Unix, UnixMillis, RFC3339)
	}
	path, err := compilePath(s.Path)
	return &stamp{Stamp: *s, path: path}, err
}

// read returns the time that the valid JSON payload names. It is not ok if what
// stands there is no time.
func (s *stamp) read(payload []byte) (at gateway.Instant, found, ok bool) {
	r := gjson.ParseBytes(payload)
	if s.path != "" {
		r = gjson.GetBytes(payload, s.path)
	}
	if !r.Exists() {
		return 0, false, false
	}
	if s.Format == RFC3339 {
		t, err := time.Parse(time.RFC3339, r.Str)
		return gateway.InstantOf(t), true, err == nil && r.Type == gjson.String
	}
	v := r.Float() // of a string that holds a number, too
	if s.Format == Unix {
		v *= 1000
	}
	const endOfTime = 253402300800000 // the year 10000, as milliseconds
	return gateway.Instant(v), true, v > 0 && v < endOfTime && !math.IsNaN(v)
}

// age dates the samples that d has made of m, and takes back the trust in what
// may be old.
//
// A message that the broker had kept, one whose time is off by more than the
// device's clock can be, and one whose time cannot be read leave the values
// Uncertain. A value that is older than its point may be, or may be so because
// a kept message does not say, has none: it would raise yesterday's alarm.
func (c *Client) age(d *device, m *message, samples []gateway.Sample) {
	at, age, dated, doubtful := m.at, time.Duration(0), !m.retained, m.retained
	if d.stamp != nil {
		said, found, ok := d.stamp.read(m.payload)
		if ok {
			age, dated = m.at.Sub(said), true
			at = min(said, m.at) // nothing has been measured in the future
			d.said = max(d.said, at)
		}
		if found && (!ok || age.Abs() > d.stamp.MaxSkew) {
			doubtful = true
			c.misdated.Add(1)
			if c.first("time " + m.feed.topic) {
				c.log.Warn("a message says a time that cannot be", "topic", m.feed.topic, "readable", ok, "late", age)
			}
		}
	}
	outdated := false
	for i, j := 0, 0; i < len(samples); j++ {
		p, s := &d.decoder.points[j], &samples[i]
		if p.Ref != s.Point {
			continue // the payload lacks it
		}
		i++
		s.At = at
		switch {
		case !s.Quality.HasValue():
		case p.MaxAge > 0 && (!dated || age > p.MaxAge):
			s.Quality, s.Value, outdated = gateway.BadStale, 0, true
		case doubtful:
			s.Quality = gateway.Uncertain
		}
	}
	if outdated {
		c.outdated.Add(1)
	}
}

// superseded reports whether the broker had kept m and its device has said
// something newer since.
func (d *device) superseded(m *message) bool {
	if !m.retained || d.stamp == nil || d.said.IsZero() {
		return false
	}
	said, _, ok := d.stamp.read(m.payload)
	return ok && said < d.said
}
