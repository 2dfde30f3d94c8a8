package tickets

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// An ordinary ticket that nobody has taken closes by itself when its readings
// have been good for closeAfter, but not a fourth time within a day: what comes
// and goes wants a person.
const (
	closeAfter   = 30 * time.Minute
	closesPerDay = 3
)

// Remembered is for how long a ticket that has ended matters to the Desk.
const Remembered = 24 * time.Hour

// Request is a fault that a person reports.
type Request struct {
	Facility gateway.FacilityID
	Priority Priority // ordinary if not given
	Text     string
	By       string
}

// reported is the family of the faults that people report.
const reported = "reported"

// Desk holds the open tickets: at most one for each facility and family.
type Desk struct {
	site    *gateway.Site
	o       Options
	open    map[gateway.FacilityID][]*Ticket
	last    ID
	numbers map[string]int // last number of each day
	closed  map[key][]gateway.Instant
	since   gateway.Instant // when time first passed: nothing is known from before
	// untold are the alerts of each ticket that come and go, and are gone although
	// no event of the ticket has said so.
	untold map[ID][]alerts.ID

	next  gateway.Instant // what Next returns, 0 for nothing
	moved bool            // since next was worked out
}

type key struct {
	facility gateway.FacilityID
	family   string
}

// NewDesk continues with the tickets of a former run: those that are open, and
// those that ended less than Remembered ago, of which it counts what closed by
// itself. Numbers holds the last ticket number of each day, such as "20260310".
func NewDesk(site *gateway.Site, known []Ticket, last ID, numbers map[string]int, o Options) *Desk {
	d := &Desk{
		site: site, o: o, open: make(map[gateway.FacilityID][]*Ticket), last: last,
		numbers: maps.Clone(numbers), closed: make(map[key][]gateway.Instant), untold: make(map[ID][]alerts.ID), moved: true,
	}
	if d.numbers == nil {
		d.numbers = make(map[string]int)
	}
	for i := range known {
		t := &known[i]
		d.last = max(d.last, t.ID)
		switch {
		case !t.State.Over():
			d.open[t.Facility] = append(d.open[t.Facility], new(t.clone()))
		case t.closedAlone():
			k := key{t.Facility, t.Family}
			d.closed[k] = append(d.closed[k], t.Ended)
		}
	}
	return d
}

// OnAlert takes an event of an alert and appends what it does to tickets to dst.
//
// Alerts that are hidden behind their cause, or open no ticket, open none. The
// silence of a facility is more than a fault of its own, hidden or not: as long
// as it lasts nobody can say that another fault is gone. An alert that is
// withdrawn has not returned: a person has to say what became of the fault.
//
// While an alert comes and goes its ticket follows it, but tells of that only with
// whatever else happens, and when the alert has settled: a contact that flaps must
// not fill the journal. The row on disk says meanwhile that the fault is there.
func (d *Desk) OnAlert(dst []Event, ev alerts.Event) []Event {
	a := ev.Alert
	if ev.Announces() && a.SLA != "" {
		if t := d.find(a.Facility, a.Family); t != nil {
			dst = d.addOccurrence(dst, t, a, ev.At)
		} else {
			dst = append(dst, d.write(d.fromAlert(a), ev.At, ""))
		}
	}
	switch {
	case ev.Kind == alerts.Returned, ev.Kind == alerts.Calmed && a.Phase == rules.Normal:
		for _, t := range d.open[a.Facility] {
			dst = d.recover(dst, t, a, ev.At)
		}
	case a.Rule == alerts.CommLoss && (ev.Kind == alerts.Hidden || ev.Announces()):
		for _, t := range d.open[a.Facility] {
			dst = d.silence(dst, t, a, ev.At)
		}
	}
	return dst
}

// priority returns the SLA an alert asks for.
func priority(a alerts.Alert) Priority { return Priority(a.SLA) }

func (d *Desk) fromAlert(a alerts.Alert) *Ticket {
	return &Ticket{
		Facility: a.Facility, Family: a.Family, Title: a.Title, Priority: priority(a), State: New,
		Alert: a.ID, Latest: a.ID, Active: []alerts.ID{a.ID}, Count: 1, Started: a.Started,
	}
}

// write gives a ticket its number and clocks and puts it on the desk.
func (d *Desk) write(t *Ticket, now gateway.Instant, by string) Event {
	d.last++
	day := now.In(d.site.Location).Format("20060102")
	d.numbers[day]++
	t.ID, t.Number, t.Opened = d.last, fmt.Sprintf("WX%s-%04d", day, d.numbers[day]), now
	d.o.sla(t.Priority).start(t, t.Started)
	d.open[t.Facility] = append(d.open[t.Facility], t)
	return d.event("opened", t, now, by)
}

// event tells of a step of t.
func (d *Desk) event(name string, t *Ticket, now gateway.Instant, by string) Event {
	d.moved = true
	delete(d.untold, t.ID)
	return Event{Name: name, At: now, By: by, From: t.State, Ticket: t.clone()}
}

// clone returns t with slices of its own.
func (t *Ticket) clone() Ticket {
	c := *t
	c.Active, c.Breached = slices.Clone(t.Active), slices.Clone(t.Breached)
	return c
}

// addOccurrence adds an alert to the ticket that is already open for its
// facility and family. A ticket that was done is not.
func (d *Desk) addOccurrence(dst []Event, t *Ticket, a alerts.Alert, now gateway.Instant) []Event {
	name, from := "occurrence", t.State
	if !t.Recovered.IsZero() {
		name = "relapsed"
	}
	t.Latest, t.Recovered = a.ID, 0
	if !slices.Contains(t.Active, a.ID) {
		t.Active = append(t.Active, a.ID)
	}
	t.Count++
	t.again()
	if i := slices.Index(d.untold[t.ID], a.ID); i >= 0 && a.Chattering() && t.State == from {
		d.untold[t.ID] = slices.Delete(d.untold[t.ID], i, i+1) // what was told last holds again
		d.moved = true
		return d.raise(dst, t, priority(a), now)
	}
	e := d.event(name, t, now, "")
	e.From = from
	return d.raise(append(dst, e), t, priority(a), now)
}

// raise gives a ticket a more urgent priority, with new deadlines from now on
// for the clocks that run; that one of them ran out before is in the journal. A
// ticket never becomes less urgent by itself.
func (d *Desk) raise(dst []Event, t *Ticket, p Priority, now gateway.Instant) []Event {
	if p.rank() <= t.Priority.rank() {
		return dst
	}
	from := t.State
	t.Priority = p
	t.again()
	for _, c := range t.clocks() {
		if c.met.IsZero() {
			t.Breached = slices.DeleteFunc(t.Breached, func(name string) bool { return name == c.name })
		}
	}
	d.o.sla(p).start(t, now)
	e := d.event("raised", t, now, "")
	e.From = from
	return append(dst, e)
}

// silence notes that the readings of a facility are not known to be good any
// more, on a ticket that goes by them.
func (d *Desk) silence(dst []Event, t *Ticket, a alerts.Alert, now gateway.Instant) []Event {
	if t.Alert == 0 || slices.Contains(t.Active, a.ID) {
		return dst
	}
	t.Recovered = 0
	t.Active = append(t.Active, a.ID)
	return append(dst, d.event("silent", t, now, ""))
}

// recover notes that an alert of the ticket has returned. The repair is not done
// by that.
func (d *Desk) recover(dst []Event, t *Ticket, a alerts.Alert, now gateway.Instant) []Event {
	i, settled := slices.Index(t.Active, a.ID), slices.Contains(d.untold[t.ID], a.ID)
	if i < 0 && !settled {
		return dst
	}
	if i >= 0 {
		t.Active = slices.Delete(t.Active, i, i+1)
		if len(t.Active) == 0 {
			t.Recovered = cmp.Or(a.Cleared, now)
		}
	}
	if a.Chattering() {
		d.untold[t.ID], d.moved = append(d.untold[t.ID], a.ID), true
		return dst
	}
	if len(t.Active) > 0 {
		return append(dst, d.event("eased", t, now, ""))
	}
	return append(dst, d.event("recovered", t, now, ""))
}

// Open opens a ticket for a fault that a person reports, or adds the report to
// the one that is open for reports on the same facility.
func (d *Desk) Open(dst []Event, r Request, now gateway.Instant) ([]Event, error) {
	r.Priority = cmp.Or(r.Priority, Ordinary)
	f := d.site.Facility(r.Facility)
	switch {
	case f == nil:
		return dst, fmt.Errorf("open: %w: a facility of the site, not %q", ErrIncomplete, r.Facility)
	case strings.TrimSpace(r.By) == "":
		return dst, fmt.Errorf("open: %w: a name (by)", ErrIncomplete)
	case strings.TrimSpace(r.Text) == "":
		return dst, fmt.Errorf("open: %w: what is wrong (text)", ErrIncomplete)
	case !r.Priority.Valid():
		return dst, fmt.Errorf("open: %w: priority rescue, emergency or ordinary, not %q", ErrIncomplete, r.Priority)
	}
	if t := d.find(f.ID, reported); t != nil {
		from := t.State
		t.Count++
		t.Note = r.Text
		t.again()
		e := d.event("occurrence", t, now, r.By)
		e.From = from
		return d.raise(append(dst, e), t, r.Priority, now), nil
	}
	t := &Ticket{
		Facility: f.ID, Family: reported, Title: gateway.Text{ZH: "报修", EN: "Reported fault"},
		Priority: r.Priority, State: New, Count: 1, Started: now, Text: r.Text,
	}
	return append(dst, d.write(t, now, r.By)), nil
}

// Move makes the move m on the open ticket id.
func (d *Desk) Move(dst []Event, id ID, m Move) ([]Event, error) {
	t := d.byID(id)
	if t == nil {
		return dst, fmt.Errorf("ticket %d: %w", id, ErrNotFound)
	}
	moved, err := t.Move(m)
	if err != nil {
		return dst, err
	}
	from, by := t.State, strings.TrimSpace(m.By)
	if second := strings.TrimSpace(m.Second); second != "" {
		by += ", " + second
	}
	*t = moved
	e := d.event(m.Event, t, m.At, by)
	e.From, e.Note = from, m.Note
	if t.State.Over() {
		d.forget(t)
	}
	return append(dst, e), nil
}

// Advance records the clocks that have run out and closes what may close by
// itself.
func (d *Desk) Advance(dst []Event, now gateway.Instant) []Event {
	if d.since.IsZero() {
		d.since, d.moved = now, true
	}
	if at, ok := d.Next(); !ok || at > now {
		return dst
	}
	for _, t := range d.sorted() {
		for c, ok := t.nextDeadline(); ok && c.deadline <= now; c, ok = t.nextDeadline() {
			t.Breached = append(t.Breached, c.name)
			e := d.event("breached", t, now, "")
			e.Note = c.name
			dst = append(dst, e)
		}
		if at, ok := d.closesAt(t); ok && at <= now {
			dst = append(dst, d.closeAlone(t, now))
		}
	}
	return dst
}

// Skip follows a wall clock that was set forward by skipped, to now: nobody could
// repair anything in that time, and no reading was good for it. The clocks of the
// open tickets that still run go on behind it.
func (d *Desk) Skip(dst []Event, now gateway.Instant, skipped time.Duration) []Event {
	d.moved = true
	if !d.since.IsZero() {
		d.since = d.since.Add(skipped)
	}
	for _, t := range d.sorted() {
		if !t.Recovered.IsZero() {
			t.Recovered = t.Recovered.Add(skipped)
		}
		t.postpone(skipped)
		e := d.event("postponed", t, now, "")
		e.Note = skipped.String()
		dst = append(dst, e)
	}
	return dst
}

func (d *Desk) closeAlone(t *Ticket, now gateway.Instant) Event {
	from, note := t.State, gateway.Text{ZH: "读数恢复正常满30分钟，自动关闭", EN: "readings good for 30 min: closed by itself"}
	t.State, t.Ended, t.Note = Closed, now, note.In(d.site.Language)
	k := key{t.Facility, t.Family}
	d.closed[k] = append(d.recentCloses(k, now), now)
	d.forget(t)
	e := d.event("verify", t, now, "")
	e.From, e.Note = from, t.Note
	return e
}

// closedAlone reports whether t has closed by itself: a person can only close
// what somebody has accepted.
func (t *Ticket) closedAlone() bool { return t.State == Closed && t.Responded.IsZero() }

// closesAt returns when t closes by itself, if nothing happens until then. Good
// readings count from when this desk was there to see them.
func (d *Desk) closesAt(t *Ticket) (gateway.Instant, bool) {
	if t.Priority != Ordinary || !t.Responded.IsZero() || t.Recovered.IsZero() || d.since.IsZero() {
		return 0, false
	}
	at := max(t.Recovered, d.since).Add(closeAfter)
	return at, len(d.recentCloses(key{t.Facility, t.Family}, at)) < closesPerDay
}

// recentCloses returns when tickets of k closed by themselves within the day
// before now. What a clock that was ahead has written of later times counts for
// nothing: it would count for too long.
func (d *Desk) recentCloses(k key, now gateway.Instant) []gateway.Instant {
	return slices.DeleteFunc(slices.Clone(d.closed[k]), func(at gateway.Instant) bool { return now.Sub(at) >= Remembered || at > now })
}

// Next returns when the next clock runs out, or the next ticket closes by
// itself.
func (d *Desk) Next() (gateway.Instant, bool) {
	if d.moved {
		d.moved, d.next = false, 0
		for t := range d.all() {
			if c, runs := t.nextDeadline(); runs && (d.next == 0 || c.deadline < d.next) {
				d.next = c.deadline
			}
			if at, closes := d.closesAt(t); closes && (d.next == 0 || at < d.next) {
				d.next = at
			}
		}
	}
	return d.next, d.next != 0
}

// Find returns the open ticket of a facility for a family of faults.
func (d *Desk) Find(f gateway.FacilityID, family string) (Ticket, bool) {
	if t := d.find(f, family); t != nil {
		return t.clone(), true
	}
	return Ticket{}, false
}

func (d *Desk) find(f gateway.FacilityID, family string) *Ticket {
	for _, t := range d.open[f] {
		if t.Family == family {
			return t
		}
	}
	return nil
}

// forget takes a ticket that is over off the desk.
func (d *Desk) forget(t *Ticket) {
	rest := slices.DeleteFunc(d.open[t.Facility], func(x *Ticket) bool { return x == t })
	if len(rest) == 0 {
		delete(d.open, t.Facility)
		return
	}
	d.open[t.Facility] = rest
}

// Tickets returns the open tickets by ID.
func (d *Desk) Tickets() []Ticket {
	sorted := d.sorted()
	all := make([]Ticket, 0, len(sorted))
	for _, t := range sorted {
		all = append(all, t.clone())
	}
	return all
}

func (d *Desk) all() iter.Seq[*Ticket] {
	return func(yield func(*Ticket) bool) {
		for _, of := range d.open {
			for _, t := range of {
				if !yield(t) {
					return
				}
			}
		}
	}
}

func (d *Desk) sorted() []*Ticket {
	return slices.SortedFunc(d.all(), func(a, b *Ticket) int { return cmp.Compare(a.ID, b.ID) })
}

func (d *Desk) byID(id ID) *Ticket {
	for t := range d.all() {
		if t.ID == id {
			return t
		}
	}
	return nil
}
