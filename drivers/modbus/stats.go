package modbus

import (
	"slices"
	"sync"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// bounds are the upper ends of the classes of response times.
var bounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second,
}

// Stats are counters since the bus was made.
type Stats struct {
	Connected  bool
	Reconnects uint64        // connections made after the first one
	Stale      uint64        // answers to earlier requests that were thrown away
	Overruns   uint64        // cycles skipped because the one before was not done
	Busy       time.Duration // time spent on requests, waiting for answers included
	Units      []UnitStats   // by unit id
}

// UnitStats are the counters of one unit.
type UnitStats struct {
	Unit      int
	Answering bool // the last cycle got an answer
	// Requests counts the requests by how they ended: "good", or the reason of
	// the bad quality that their points were given.
	Requests map[string]uint64
	Response Histogram // of the requests that were answered, exceptions included
	// Wait is how long the next answer is waited for; on a serial line its time on
	// the wire comes on top.
	Wait time.Duration
}

// Histogram counts response times. Counts[i] is how many were longer than
// Bounds[i-1] and not longer than Bounds[i]; the last count has no upper bound.
type Histogram struct {
	Bounds []time.Duration
	Counts []uint64
	Sum    time.Duration
}

// tally counts for one unit what became of its requests.
type tally struct {
	answering bool
	wait      time.Duration
	results   [gateway.BadOffline + 1]uint64
	response  [len(bounds) + 1]uint64
	sum       time.Duration
	evidence  evidence
}

// counters are what Stats is made from. The bus writes while others read.
type counters struct {
	mu       sync.Mutex
	overruns uint64
	busy     time.Duration
	units    []tally // by the number of the unit on the bus
}

// request counts one request of unit number u, after which the next answer is
// waited for so long. What was never sent is no evidence.
func (c *counters) request(u int, x exchange, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q, took := x.quality, x.took
	c.busy += took
	t := &c.units[u]
	t.wait = wait
	t.results[q]++
	if len(x.sent) > 0 {
		t.evidence.add(x)
	}
	if q == gateway.Good || q == gateway.BadException {
		i := 0
		for i < len(bounds) && took > bounds[i] {
			i++
		}
		t.response[i]++
		t.sum += took
	}
}

// latest returns the latest exchange in which unit number u was asked for r and
// that ended with q, if it is still remembered.
func (c *counters) latest(u int, r *Request, q gateway.Quality) (Exchange, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.units[u].evidence.find(r, q)
}

// cycle notes whether unit number u has answered in its last cycle.
func (c *counters) cycle(u int, answering bool) {
	if c.units[u].answering == answering { // which is only written here
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.units[u].answering = answering
}

// overrun counts skipped cycles.
func (c *counters) overrun(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.overruns += n
}

// Stats returns the counters. It may be called at any time.
func (b *Bus) Stats() Stats {
	s := Stats{Connected: b.line.connected.Load(), Stale: b.line.stale.Load()}
	if n := b.line.dials.Load(); n > 1 {
		s.Reconnects = n - 1
	}
	c := &b.counters
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Overruns, s.Busy = c.overruns, c.busy
	for i := range c.units {
		t := &c.units[i]
		u := UnitStats{
			Unit: int(b.units[i].id), Answering: t.answering, Wait: t.wait, Requests: make(map[string]uint64),
			Response: Histogram{Bounds: slices.Clone(bounds[:]), Counts: slices.Clone(t.response[:]), Sum: t.sum},
		}
		for q, n := range t.results {
			if n > 0 {
				u.Requests[gateway.Quality(q).String()] = n
			}
		}
		s.Units = append(s.Units, u)
	}
	return s
}
