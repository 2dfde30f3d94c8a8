package pipeline

import (
	"maps"
	"slices"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
)

// Snapshot is the live state at one moment. It is made by the loop about once
// a second and after every transition, shown when all that it holds is on disk
// or the disk has failed, and never changed afterwards: readers may keep it as
// long as they like.
type Snapshot struct {
	Seq  uint64 // grows with every snapshot
	At   gateway.Instant
	Made time.Time // as At, with the monotonic reading: its age, whoever sets the wall clock
	Site *gateway.Site

	Values     []gateway.Sample // newest sample by PointRef
	Facilities []FacilityState  // by the index of Site.Facilities
	Alerts     []alerts.Alert   // open ones, by ID
	Tickets    []tickets.Ticket // open ones, by ID
	Load       alerts.Load      // what the alerts ask of people
	Today      []intact.Tally   // since midnight in the site's zone, by facility index
	Month      []intact.Tally   // since the first of the month, by facility index
	Total      []intact.Tally   // since it came into service, by facility index
	Stats      Stats
	// Degraded lists what of the gateway itself does not work right now, such
	// as "store: disk full"; empty when all is well.
	Degraded []string

	superseded chan struct{}
}

// FacilityState is what one facility counts as.
type FacilityState struct {
	Class intact.Class
	Since gateway.Instant
	Heard gateway.Instant // newest sample with a value; zero if none came yet
}

// Stats are counters since the start of the gateway.
type Stats struct {
	Samples        uint64        // taken by the loop
	BadSamples     uint64        // of them without a value
	Coalesced      uint64        // analog samples replaced by a newer one before the loop took them
	Transitions    uint64        // changes of rule instances
	Commits        uint64        // transactions of the recorder
	CommitTime     time.Duration // that the transactions took, refused ones included
	CommitFailures uint64
	Lost           uint64            // journal rows given up because the disk failed for too long
	Unsent         uint64            // notices given up with them, before anybody took them
	Breaches       map[string]uint64 // SLA clocks that ran out, by clock
	Work           Work
}

// Changed returns a channel that is closed when there is a newer snapshot than
// s.
func (p *Pipeline) Changed(s *Snapshot) <-chan struct{} { return s.superseded }

// picture makes a snapshot of everything the loop owns.
func (p *Pipeline) picture(now gateway.Instant) *Snapshot {
	p.seq++
	p.dirty, p.made = false, now
	facilities := p.parts.Site.Facilities()
	s := &Snapshot{
		Seq:        p.seq,
		At:         now,
		Made:       time.Now(),
		Site:       p.parts.Site,
		Values:     slices.Clone(p.parts.Engine.Latest()),
		Facilities: make([]FacilityState, len(facilities)),
		Alerts:     p.parts.Book.Open(),
		Tickets:    p.parts.Desk.Tickets(),
		Load:       p.parts.Book.Load(),
		Today:      make([]intact.Tally, len(facilities)),
		Month:      make([]intact.Tally, len(facilities)),
		Total:      make([]intact.Tally, len(facilities)),
		Stats:      p.countStats(),
		superseded: make(chan struct{}),
	}
	day, month := intact.DayStart(now, p.parts.Site.Location), intact.MonthStart(now, p.parts.Site.Location)
	for i := range facilities {
		class, since := p.parts.Meter.State(i)
		s.Facilities[i] = FacilityState{Class: class, Since: since, Heard: p.heard[i]}
		s.Today[i] = p.parts.Meter.Tally(i, day, now)
		s.Month[i] = p.parts.Meter.Tally(i, month, now)
		s.Total[i] = p.parts.Meter.Total(i, now)
	}
	if fault := p.recorder.failing(); fault != "" {
		s.Degraded = append(s.Degraded, "store: "+fault)
	}
	if p.o.Degraded != nil {
		s.Degraded = append(s.Degraded, p.o.Degraded()...)
	}
	return s
}

// show makes s the snapshot that everybody sees.
func (p *Pipeline) show(s *Snapshot) {
	if old := p.snapshot.Swap(s); old != nil {
		close(old.superseded)
	}
}

func (p *Pipeline) countStats() Stats {
	s := p.stats
	s.Breaches, s.Work = maps.Clone(p.stats.Breaches), p.stats.Work.clone()
	s.Commits, s.CommitFailures = p.recorder.commits.Load(), p.recorder.failures.Load()
	s.Lost = p.recorder.lost.Load()
	s.CommitTime = time.Duration(p.recorder.busy.Load())
	s.Unsent = p.recorder.outbox.lost.Load()
	for _, r := range p.sources() {
		s.Coalesced += r.coalescedCount()
	}
	return s
}
