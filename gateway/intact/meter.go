package intact

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// The limits of silence, from the definition of the rate.
const (
	leastGrace   = 10 * time.Minute // silence up to this says nothing
	gracePolls   = 3                // nor does silence of so many polls
	silenceLimit = 24 * time.Hour   // unknown for longer than this, a lift or fire system is down
	checkEvery   = time.Second
)

// inService is the cause of a facility's first event.
const inService = "in service"

// Meter keeps for each facility what it counts as. It belongs to one goroutine
// and reads no clock. It keeps sums, not events: what it needs of memory and of
// time to tell them does not grow with the number of events.
//
// A facility comes into service, Unknown, when the meter first sees it, and is
// Up from its first valid sample. An active alert that impairs makes it Down,
// back-dated to the first bad sample, until the first good one. Without a valid
// sample for longer than its grace it becomes Unknown from the end of the
// grace; if it was Down it stays Down. Lines and the gateway itself are down
// while they have an alert; they are shown, not counted.
type Meter struct {
	site       *gateway.Site
	facilities []facility
	back       []int // facilities that were silent and have been heard
	nextCheck  gateway.Instant
	calendar   calendar
}

type facility struct {
	id         gateway.FacilityID
	counted    bool
	lifeSafety bool
	grace      time.Duration

	Past
	calendar *calendar // of the meter
	faults   []fault
	ended    gateway.Instant // the latest end of a fault of this down time
	heard    gateway.Instant
	silent   bool // Unknown, or Down for silence alone
	backAt   gateway.Instant
}

type fault struct {
	alert   alerts.ID
	started gateway.Instant
}

// NewMeter continues from the past of each facility as a Fold of its events gives
// it, with the alerts still open and the last sign of life of the former run.
// The time since then counts as silence: the events it makes are returned. The
// past of facilities that the site no longer has is left alone.
func NewMeter(site *gateway.Site, past map[gateway.FacilityID]Past, open []alerts.Alert, heartbeat, now gateway.Instant) (*Meter, []Event) {
	m := &Meter{site: site, calendar: newCalendar(now, site.Location), nextCheck: now}
	for i := range site.Facilities() {
		f := newFacility(&site.Facilities()[i])
		f.Past, f.calendar = past[f.id], &m.calendar
		f.Days = slices.Clone(f.Days)
		m.facilities = append(m.facilities, f)
	}
	heartbeat = min(heartbeat, now) // a clock that was ahead must not hide silence
	for i := range m.facilities {
		m.facilities[i].heard = heartbeat
	}
	for _, a := range open {
		if i := site.FacilityIndex(a.Facility); i >= 0 && a.Phase != rules.Normal {
			m.facilities[i].reopen(a, heartbeat, now)
		}
	}
	var began []Event
	for i := range m.facilities {
		began = m.facilities[i].resume(began, now)
	}
	return m, began
}

func newFacility(f *gateway.Facility) facility {
	var slowest time.Duration
	for _, p := range f.Points {
		slowest = max(slowest, p.Period)
	}
	return facility{id: f.ID, counted: f.Class.Counted(), lifeSafety: f.Class.LifeSafety(), grace: max(leastGrace, gracePolls*slowest)}
}

// counts reports whether an active alert makes the facility down.
func (f *facility) counts(a alerts.Alert) bool {
	return a.Visibility == alerts.Shown && (a.Impairs || !f.counted)
}

// reopen goes on with an alert that was active when the gateway stopped. A
// facility that was silent then was heard last before that, not at the
// heartbeat: a gateway that keeps restarting must not keep it up. What the time
// before the heartbeat counts as was settled by the run that saw it.
func (f *facility) reopen(a alerts.Alert, heartbeat, now gateway.Instant) {
	if f.counts(a) {
		f.faults = append(f.faults, fault{a.ID, min(a.Started, now)})
	}
	if a.Rule == alerts.CommLoss {
		f.heard = min(f.heard, max(a.Started, heartbeat.Add(-f.grace)))
	}
}

// resume goes on after a stop of the gateway.
func (f *facility) resume(dst []Event, now gateway.Instant) []Event {
	switch {
	case f.Ahead.Facility != "":
		dst = f.cut(dst, now)
	case f.Last.Facility == "" && f.counted:
		dst = f.become(dst, Unknown, now, now, inService)
	case f.Last.Facility == "":
		dst = f.become(dst, Up, now, now, inService)
	case !f.counted && len(f.faults) == 0:
		dst = f.become(dst, Up, now, now, "")
	}
	f.silent = f.counted && (f.Last.Class == Unknown || f.Last.Class == Down && len(f.faults) == 0)
	return f.checkSilence(dst, now)
}

// cut ends at now what a clock that was ahead has recorded of later times. What
// was in force counts until now; what the facility is from now on is Down if it
// was that at last, else Unknown until it is heard: since when it was what the
// clock of that time said, nobody can tell. The new event takes the place of
// those that have not come, even if it only says again what is in force.
func (f *facility) cut(dst []Event, now gateway.Instant) []Event {
	e := Event{Facility: f.id, Recorded: now, Effective: now, Class: Unknown,
		Cause: fmt.Sprintf("the clock was ahead: %s from %v on is taken back", f.Ahead.Class, f.Ahead.Effective)}
	switch {
	case len(f.faults) > 0 || f.counted && f.Ahead.Class == Down:
		e.Class = Down
	case !f.counted:
		e.Class = Up
	}
	if f.Last.Facility != "" && f.Last.Class == e.Class {
		e.Effective = f.Last.Effective
	}
	f.Ahead = Event{}
	return f.record(dst, e)
}

// become appends the event that makes f count as c from effective on, unless it
// already does. What is already settled is not reopened: an event takes effect
// no earlier than the one before it, and no later than it is recorded.
func (f *facility) become(dst []Event, c Class, effective, now gateway.Instant, cause string) []Event {
	e := Event{Facility: f.id, Recorded: now, Effective: min(effective, now), Class: c, Cause: cause}
	if last := f.Last; last.Facility != "" {
		if last.Class == c {
			return dst
		}
		e.Effective = max(e.Effective, last.Effective)
		e.Recorded = max(now, e.Effective)
	}
	return f.record(dst, e)
}

// record makes e the newest event of f and appends it to dst.
func (f *facility) record(dst []Event, e Event) []Event {
	if f.Last.Facility != "" {
		f.link(f.Last, e, *f.calendar)
	}
	f.Last = e
	return append(dst, e)
}

// OnAlert takes an event of an alert and appends what it changes to dst.
func (m *Meter) OnAlert(dst []Event, ev alerts.Event) []Event {
	i := m.site.FacilityIndex(ev.Alert.Facility)
	if i < 0 {
		return dst
	}
	f, a := &m.facilities[i], ev.Alert
	at := slices.IndexFunc(f.faults, func(x fault) bool { return x.alert == a.ID })
	active := a.Phase != rules.Normal && a.Closed.IsZero() && f.counts(a)
	switch {
	case active && at < 0:
		f.faults = append(f.faults, fault{a.ID, a.Started})
		f.silent, f.backAt = false, 0
		return f.become(dst, Down, a.Started, ev.At, cause(a))
	case !active && at >= 0:
		f.faults = slices.Delete(f.faults, at, at+1)
		if ev.Kind == alerts.Withdrawn && f.counted && len(f.faults) == 0 {
			f.silent = true // down until it is heard: that its rule is gone says nothing of it
			return dst
		}
		f.ended = max(f.ended, cmp.Or(a.Cleared, ev.At))
		return f.recover(dst, ev.At, cause(a))
	}
	return dst
}

// recover follows the end of a fault: up from then on, unless another fault has
// begun by then. If the other one began later, the time between was up.
func (f *facility) recover(dst []Event, now gateway.Instant, why string) []Event {
	var next gateway.Instant
	for i, x := range f.faults {
		if i == 0 || x.started < next {
			next = x.started
		}
	}
	if len(f.faults) > 0 && next <= f.ended {
		return dst
	}
	dst = f.become(dst, Up, f.ended, now, why)
	f.ended = 0
	if len(f.faults) > 0 {
		dst = f.become(dst, Down, next, now, why)
	}
	return dst
}

func cause(a alerts.Alert) string { return a.Rule }

// Heard says that a valid sample of facility number i came at at.
func (m *Meter) Heard(i int, at gateway.Instant) {
	f := &m.facilities[i]
	f.heard = at
	if f.silent && f.backAt.IsZero() {
		f.backAt = at
		m.back = append(m.back, i)
	}
}

// Advance lets time pass until now: what has been heard again is up from that
// sample on, what has been silent for too long is unknown.
func (m *Meter) Advance(dst []Event, now gateway.Instant) []Event {
	for _, i := range m.back {
		f := &m.facilities[i]
		if f.silent && !f.backAt.IsZero() {
			dst = f.become(dst, Up, f.backAt, now, "heard again")
		}
		f.silent, f.backAt = false, 0
	}
	m.back = m.back[:0]
	if now < m.nextCheck {
		return dst
	}
	m.nextCheck = now.Add(checkEvery)
	for i := range m.facilities {
		dst = m.facilities[i].checkSilence(dst, now)
	}
	if month := MonthStart(now, m.calendar.loc); month != m.calendar.month {
		m.calendar.month = month
		for i := range m.facilities {
			m.facilities[i].turn(m.calendar)
		}
	}
	return dst
}

// checkSilence makes a facility unknown when its grace has passed, and a silent
// lift or fire system down when the limit of silence has.
func (f *facility) checkSilence(dst []Event, now gateway.Instant) []Event {
	if !f.counted || len(f.faults) > 0 {
		return dst
	}
	if c := f.Last.Class; !f.silent && (c == Up || c == Degraded) {
		if from := f.heard.Add(f.grace); now > from {
			f.silent = true
			dst = f.become(dst, Unknown, from, now, "silent")
		}
	}
	if last := f.Last; f.lifeSafety && last.Class == Unknown && f.backAt.IsZero() {
		if from := last.Effective.Add(silenceLimit); now >= from {
			dst = f.become(dst, Down, from, now, "silent for 24 h")
		}
	}
	return dst
}

// State returns what facility number i counts as, and since when.
func (m *Meter) State(i int) (Class, gateway.Instant) {
	last := m.facilities[i].Last
	return last.Class, last.Effective
}

// Tally adds up facility number i from from, the start of a day or of the month
// that now lies in, to now. Other windows are worked out from the events in the
// store.
func (m *Meter) Tally(i int, from, now gateway.Instant) Tally {
	return m.facilities[i].since(from, now)
}

// Total adds up facility number i since it came into service, former runs
// included.
func (m *Meter) Total(i int, now gateway.Instant) Tally { return m.facilities[i].total(now) }
