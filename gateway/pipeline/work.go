package pipeline

import (
	"maps"
	"slices"
	"time"

	"github.com/intact-gateway/intact/alerts/tickets"
)

// ArrivalBounds are the upper ends of the ranges in which arrivals are counted.
// 30 minutes is what an emergency has.
var ArrivalBounds = [...]time.Duration{
	5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute,
	45 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
}

// Work counts what was done about tickets since the gateway started.
type Work struct {
	Steps map[string]uint64 // by the name of tickets.Event: opened, accept, relapsed, …
	// Met counts the clocks that were stopped before they ran out. The clock
	// finish counts when the work has been accepted: what was rejected was not done.
	Met map[string]uint64
	// Arrivals counts by how long after the first bad sample somebody was on
	// site; the last is for those beyond all ArrivalBounds.
	Arrivals    [len(ArrivalBounds) + 1]uint64
	ArrivalTime time.Duration // of all arrivals together
}

func newWork() Work {
	return Work{Steps: make(map[string]uint64), Met: make(map[string]uint64)}
}

// clone returns w with maps of its own.
func (w Work) clone() Work {
	w.Steps, w.Met = maps.Clone(w.Steps), maps.Clone(w.Met)
	return w
}

// count takes one step of a ticket.
func (w *Work) count(e tickets.Event) {
	w.Steps[e.Name]++
	t := &e.Ticket
	switch e.Name {
	case "accept":
		if t.Responded == e.At { // not the second to answer
			w.met(t, "respond")
		}
	case "arrive":
		w.met(t, "arrive")
		took := t.ArrivedAt.Sub(t.Started)
		i, _ := slices.BinarySearch(ArrivalBounds[:], took)
		w.Arrivals[i]++
		w.ArrivalTime += took
	case "verify":
		if !t.Finished.IsZero() { // else it closed by itself and nobody finished it
			w.met(t, "finish")
		}
	}
}

func (w *Work) met(t *tickets.Ticket, clock string) {
	if !slices.Contains(t.Breached, clock) {
		w.Met[clock]++
	}
}
