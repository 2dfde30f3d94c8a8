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

// Causes of events that are no rules.
const (
	inService     = "in service" // of a facility's first event
	SilentTooLong = "silent for 24 h"
	OpenAlert     = "open alert" // one that a restart found, but not the event it had made
)

// Meter keeps for each facility what it counts as. It belongs to one goroutine
// and reads no clock. It keeps sums, not events: what it needs of memory and of
// time to tell them does not grow with the number of events.
//
// A facility comes into service, Unknown, when the meter first sees it, and is
// Up from its first valid sample. An active alert that impairs makes it Down,
// back-dated to the first bad sample, until the first good one. Without a valid
// sample for longer than its grace it becomes Unknown from the end of the
// grace; if it was Down it stays Down. While it is heard but an alert tells that
// it is blind to its faults, it is Unknown, too, from the start of that alert.
// Unknown for longer than a day, a lift or fire system is Down. Lines and the gateway itself are down
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
	calendar *calendar       // of the meter
	faults   spells          // for which it is down
	blind    spells          // for which nobody knows that it is up
	ended    gateway.Instant // the latest end of a fault of this down time
	heard    gateway.Instant
	silent   bool // Unknown, or Down for silence alone
	backAt   gateway.Instant
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

// reopen goes on with an alert that was active when the gateway stopped. A
// facility that was silent then was heard last before that, not at the
// heartbeat: a gateway that keeps restarting must not keep it up. What the time
// before the heartbeat counts as was settled by the run that saw it.
func (f *facility) reopen(a alerts.Alert, heartbeat, now gateway.Instant) {
	a.Started = min(a.Started, now)
	if s := f.spellsOf(a); s != nil {
		s.follow(a)
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
	dst = f.obey(dst, now)
	f.silent = f.counted && (f.Last.Class == Unknown || f.Last.Class == Down && len(f.faults) == 0)
	return f.checkSilence(dst, now)
}

// obey makes f what its open alerts call for, should what they did to it not
// have reached the disk.
func (f *facility) obey(dst []Event, now gateway.Instant) []Event {
	if from, ok := f.faults.first(); ok {
		return f.become(dst, Down, from, now, OpenAlert)
	}
	if from, ok := f.blind.first(); ok && f.Last.Class.up() {
		return f.become(dst, Unknown, from, now, alerts.Blind)
	}
	return dst
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
	f := &m.facilities[i]
	switch f.spellsOf(ev.Alert) {
	case &f.faults:
		return f.onFault(dst, ev)
	case &f.blind:
		return f.onBlind(dst, ev)
	default:
		return dst
	}
}

func (f *facility) onFault(dst []Event, ev alerts.Event) []Event {
	a := ev.Alert
	began, ended := f.faults.follow(a)
	switch {
	case began:
		f.silent, f.backAt = false, 0
		return f.become(dst, Down, a.Started, ev.At, a.Rule)
	case ended && ev.Kind == alerts.Withdrawn && f.counted && len(f.faults) == 0:
		f.silent = true // down until it is heard: that its rule is gone says nothing of it
	case ended:
		f.ended = max(f.ended, cmp.Or(a.Cleared, ev.At))
		return f.recover(dst, ev.At, a.Rule)
	}
	return dst
}

// recover follows the end of a fault: up from then on, unless another fault has
// begun by then. If the other one began later, the time between was up.
func (f *facility) recover(dst []Event, now gateway.Instant, why string) []Event {
	next, more := f.faults.first()
	if more && next <= f.ended {
		return dst
	}
	dst = f.rise(dst, f.ended, next, now, why)
	f.ended = 0
	if more {
		dst = f.become(dst, Down, next, now, why)
	}
	return dst
}

// rise makes f up from from on, and unknown as soon as it is blind, if that is
// before next, when another fault begins; 0 for none.
func (f *facility) rise(dst []Event, from, next, now gateway.Instant, why string) []Event {
	blind, ok := f.blind.first()
	if !ok || blind > from {
		dst = f.become(dst, Up, from, now, why)
	}
	if ok && (next.IsZero() || blind < next) {
		dst = f.become(dst, Unknown, max(from, blind), now, alerts.Blind)
	}
	return dst
}

// onBlind follows an alert that nobody can see faults of f. What is down stays
// so. When the alert ends, f is up from the first sample that showed no fault,
// unless the alert has ended because nothing is heard of f any more.
func (f *facility) onBlind(dst []Event, ev alerts.Event) []Event {
	a := ev.Alert
	began, ended := f.blind.follow(a)
	switch {
	case began && f.Last.Class.up():
		return f.become(dst, Unknown, a.Started, ev.At, a.Rule)
	case !ended || len(f.faults) > 0 || len(f.blind) > 0:
		return dst
	}
	if from := cmp.Or(a.Cleared, ev.At); f.heard >= from && ev.Kind != alerts.Withdrawn {
		f.silent, f.backAt = false, 0
		return f.become(dst, Up, from, ev.At, a.Rule)
	}
	f.silent = true
	return dst
}

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
// sample on unless it is blind, what has been silent for too long is unknown.
func (m *Meter) Advance(dst []Event, now gateway.Instant) []Event {
	for _, i := range m.back {
		f := &m.facilities[i]
		if f.backAt.IsZero() {
			continue // a fault has begun since
		}
		if f.silent && len(f.blind) == 0 {
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

// Skip follows a clock that was set forward by d, to now. Nobody saw what the
// facilities were in the time that it skipped: what was up is unknown for it, if
// it is long enough to matter, and no silence is as long as it looks.
func (m *Meter) Skip(dst []Event, now gateway.Instant, d time.Duration) []Event {
	const why = "the clock was set forward"
	for i := range m.facilities {
		f := &m.facilities[i]
		f.heard = f.heard.Add(d)
		if !f.counted || d <= f.grace {
			continue
		}
		switch was := f.Last.Class; {
		case was.up():
			dst = f.become(dst, Unknown, now.Add(-d), now, why)
			dst = f.become(dst, was, now, now, why)
		case was == Unknown: // said again: the limit of silence counts from here
			dst = f.record(dst, Event{Facility: f.id, Recorded: now, Effective: now, Class: Unknown, Cause: why})
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
	if !f.silent && f.Last.Class.up() {
		if from := f.heard.Add(f.grace); now > from {
			f.silent = true
			dst = f.become(dst, Unknown, from, now, "silent")
		}
	}
	if last := f.Last; f.lifeSafety && last.Class == Unknown && f.backAt.IsZero() {
		if from := last.Effective.Add(silenceLimit); now >= from {
			dst = f.become(dst, Down, from, now, SilentTooLong)
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
