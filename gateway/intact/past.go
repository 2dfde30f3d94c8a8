package intact

import (
	"slices"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Past is the time of one facility up to now, in sums instead of the events they
// come from: however often a facility goes up and down, a month of it takes a
// few kilobytes.
//
// An event takes effect no earlier than the one before it, so the time before
// the newest event is settled; the time after it is open and counts as that
// event says until there is another.
type Past struct {
	Last   Event // the newest; when it was recorded and why does not matter
	Days   []Day // settled time of this month by day, oldest first; a day without any is left out
	Before Tally // settled time before this month
	// Ahead is the newest event if it takes effect later than now: it was
	// recorded by a clock that was ahead and has been put right since. Last is
	// then the newest of those that do not.
	Ahead Event
}

// Day is the settled time within one day of the site's zone.
type Day struct {
	Start, End gateway.Instant
	Tally      Tally
}

// calendar says in which days and in which month time falls.
type calendar struct {
	loc   *time.Location
	month gateway.Instant // the start of this one
}

func newCalendar(now gateway.Instant, loc *time.Location) calendar {
	return calendar{loc, MonthStart(now, loc)}
}

// day returns the day that moment lies in. Where the clocks are put forward at
// midnight, a day may begin an hour early: the date alone does not tell.
func (c calendar) day(moment gateway.Instant) Day {
	y, m, d := moment.In(c.loc).Date()
	midnight := func(d int) gateway.Instant { return gateway.InstantOf(time.Date(y, m, d, 0, 0, 0, 0, c.loc)) }
	if midnight(d+1) <= moment {
		d++
	}
	return Day{Start: midnight(d), End: midnight(d + 1)}
}

// link settles the time from the event e to the event next, which follows it.
func (p *Past) link(e, next Event, c calendar) {
	for from := e.Effective; from < next.Effective; {
		t, end := p.at(from, c)
		end = min(end, next.Effective)
		t.count(e.Class, int64(end-from))
		from = end
	}
	if fails(e.Class, next.Class) {
		t, _ := p.at(next.Effective, c)
		t.Faults++
	}
}

// at returns the sum to which moment belongs, and when the time of it ends.
func (p *Past) at(moment gateway.Instant, c calendar) (*Tally, gateway.Instant) {
	if moment < c.month {
		return &p.Before, c.month
	}
	i, found := slices.BinarySearchFunc(p.Days, moment, func(d Day, moment gateway.Instant) int {
		switch {
		case moment < d.Start:
			return 1
		case moment >= d.End:
			return -1
		default:
			return 0
		}
	})
	if !found {
		p.Days = slices.Insert(p.Days, i, c.day(moment))
	}
	return &p.Days[i].Tally, p.Days[i].End
}

// turn goes over to the month c: the days before it become one sum.
func (p *Past) turn(c calendar) {
	n := 0
	for n < len(p.Days) && p.Days[n].Start < c.month {
		p.Before = p.Before.Add(p.Days[n].Tally)
		n++
	}
	p.Days = slices.Delete(p.Days, 0, n)
}

// since adds up the time from from, the start of a day of this month, to now.
func (p *Past) since(from, now gateway.Instant) Tally {
	var t Tally
	for i := len(p.Days) - 1; i >= 0 && p.Days[i].Start >= from; i-- {
		t = t.Add(p.Days[i].Tally)
	}
	return t.Add(p.open(from, now))
}

// total adds up all time to now.
func (p *Past) total(now gateway.Instant) Tally { return p.Before.Add(p.since(0, now)) }

// open is the time after the newest event, from from to now.
func (p *Past) open(from, now gateway.Instant) (t Tally) {
	if d := int64(now - max(from, p.Last.Effective)); d > 0 {
		t.count(p.Last.Class, d)
	}
	return t
}

// Fold sums up events that were recorded, without keeping them.
type Fold struct {
	now      gateway.Instant
	calendar calendar
	past     map[gateway.FacilityID]*folding
}

// folding is the past of one facility while events before next are still to
// come.
type folding struct {
	Past
	next Event
}

// NewFold returns a Fold for the time up to now. Loc is the zone in which days
// and months begin.
func NewFold(now gateway.Instant, loc *time.Location) *Fold {
	return &Fold{now: now, calendar: newCalendar(now, loc), past: make(map[gateway.FacilityID]*folding)}
}

// Add takes one more event of any facility. Those of one facility come newest
// first: the reverse of the order in which they were recorded. When they were
// recorded and why does not matter.
func (f *Fold) Add(e Event) {
	p := f.past[e.Facility]
	if p == nil {
		p = &folding{}
		f.past[e.Facility] = p
		if e.Effective > f.now {
			p.Ahead = e
		}
	}
	switch {
	case e.Effective > f.now:
	case p.Last.Facility == "":
		p.Last, p.next = e, e
	case e.Effective <= p.next.Effective: // else another has taken its place
		p.link(e, p.next, f.calendar)
		p.next = e
	}
}

// Past returns the sums by facility.
func (f *Fold) Past() map[gateway.FacilityID]Past {
	past := make(map[gateway.FacilityID]Past, len(f.past))
	for id, p := range f.past {
		past[id] = p.Past
	}
	return past
}
