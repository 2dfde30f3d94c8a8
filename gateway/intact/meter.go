package intact

import (
	"cmp"
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

// Meter keeps for each facility what it counts as. It belongs to one goroutine
// and reads no clock.
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
	month      gateway.Instant // the one after which old events are let go
}

type facility struct {
	id         gateway.FacilityID
	counted    bool
	lifeSafety bool
	grace      time.Duration

	events []Event // since the start of the previous month, and the one in force then
	before Tally   // of the events let go
	faults []fault
	ended  gateway.Instant // the latest end of a fault of this down time
	heard  gateway.Instant
	silent bool // Unknown, or Down for silence alone
	backAt gateway.Instant
}

type fault struct {
	alert   alerts.ID
	started gateway.Instant
}

// NewMeter continues from the events of a former run, in the order in which
// they were recorded, with the alerts still open and the last sign of life of
// that run. The time since then counts as silence: the events it makes are
// returned. States of facilities that the site no longer has are left alone.
func NewMeter(site *gateway.Site, states []Event, open []alerts.Alert, heartbeat, now gateway.Instant) (*Meter, []Event) {
	m := &Meter{site: site, month: MonthStart(now, site.Location), nextCheck: now}
	for i := range site.Facilities() {
		m.facilities = append(m.facilities, newFacility(&site.Facilities()[i]))
	}
	for _, e := range states {
		if i := site.FacilityIndex(e.Facility); i >= 0 {
			m.facilities[i].events = append(m.facilities[i].events, e)
		}
	}
	heartbeat = min(heartbeat, now) // a clock that was ahead must not hide silence
	for i := range m.facilities {
		m.facilities[i].heard = heartbeat
	}
	for _, a := range open {
		if i := site.FacilityIndex(a.Facility); i >= 0 && a.Phase != rules.Normal {
			m.facilities[i].reopen(a, heartbeat)
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
func (f *facility) reopen(a alerts.Alert, heartbeat gateway.Instant) {
	if f.counts(a) {
		f.faults = append(f.faults, fault{a.ID, a.Started})
	}
	if a.Rule == alerts.CommLoss {
		f.heard = min(f.heard, max(a.Started, heartbeat.Add(-f.grace)))
	}
}

// resume goes on after a stop of the gateway.
func (f *facility) resume(dst []Event, now gateway.Instant) []Event {
	if len(f.events) == 0 {
		first := Unknown
		if !f.counted {
			first = Up
		}
		f.silent = first == Unknown
		return f.become(dst, first, now, now, "in service")
	}
	f.silent = f.counted && (f.class() == Unknown || f.class() == Down && len(f.faults) == 0)
	if !f.counted && len(f.faults) == 0 {
		return f.become(dst, Up, now, now, "")
	}
	return f.checkSilence(dst, now)
}

func (f *facility) class() Class { return f.events[len(f.events)-1].Class }

// become appends the event that makes f count as c from effective on, unless it
// already does. What is already settled is not reopened: an event takes effect
// no earlier than the one before it, and no later than it is recorded.
func (f *facility) become(dst []Event, c Class, effective, now gateway.Instant, cause string) []Event {
	if n := len(f.events); n > 0 {
		last := f.events[n-1]
		if last.Class == c {
			return dst
		}
		now = max(now, last.Recorded)
		effective = max(effective, last.Effective)
	}
	e := Event{Facility: f.id, Recorded: now, Effective: min(effective, now), Class: c, Cause: cause}
	f.events = append(f.events, e)
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
	m.forget(now)
	return dst
}

// checkSilence makes a facility unknown when its grace has passed, and a silent
// lift or fire system down when the limit of silence has.
func (f *facility) checkSilence(dst []Event, now gateway.Instant) []Event {
	if !f.counted || len(f.faults) > 0 {
		return dst
	}
	if c := f.class(); !f.silent && (c == Up || c == Degraded) {
		if from := f.heard.Add(f.grace); now > from {
			f.silent = true
			dst = f.become(dst, Unknown, from, now, "silent")
		}
	}
	if last := f.events[len(f.events)-1]; f.lifeSafety && last.Class == Unknown && f.backAt.IsZero() {
		if from := last.Effective.Add(silenceLimit); now >= from {
			dst = f.become(dst, Down, from, now, "silent for 24 h")
		}
	}
	return dst
}

// forget lets go of events that no window of this or the previous month needs.
func (m *Meter) forget(now gateway.Instant) {
	month := MonthStart(now, m.site.Location)
	if month == m.month {
		return
	}
	m.month = month
	keep := previousMonth(now, m.site.Location)
	for i := range m.facilities {
		f := &m.facilities[i]
		n := 0
		for n+1 < len(f.events) && f.events[n+1].Effective <= keep {
			n++
		}
		if n > 0 {
			f.before = f.before.Add(Account(f.events[:n+1], 0, f.events[n].Effective))
			f.events = slices.Clone(f.events[n:])
		}
	}
}

// State returns what facility number i counts as, and since when.
func (m *Meter) State(i int) (Class, gateway.Instant) {
	last := m.facilities[i].events[len(m.facilities[i].events)-1]
	return last.Class, last.Effective
}

// Tally adds up facility number i over a window that begins no earlier than the
// previous month; for older ones read the events from the store.
func (m *Meter) Tally(i int, from, to gateway.Instant) Tally {
	return Account(m.facilities[i].events, from, to)
}

// Total adds up facility number i over everything the meter knows of it. It
// only grows.
func (m *Meter) Total(i int, now gateway.Instant) Tally {
	return m.facilities[i].before.Add(Account(m.facilities[i].events, 0, now))
}
