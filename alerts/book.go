package alerts

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// CommLoss is the rule on link points whose alert on a line explains that of the
// facilities behind the line.
const CommLoss = "comm_loss"

// Blind is the rule that tells of a facility which answers but whose faults
// cannot be seen: an input of a rule that impairs has had no value for too long.
// While its alert is active nobody knows that the facility is up.
const Blind = "blind"

// How long a silent facility is given before people hear of it: until its line
// is known to be silent, too, or, after the line has come back, until the
// facility has had the time to answer again.
// In all, and however often that begins anew, it is patience.
const (
	settle      = 5 * time.Second
	settleAgain = 30 * time.Second
	patience    = time.Minute
)

// What people are refused.
var (
	ErrNotFound = errors.New("no open alert has this number")
	ErrNoName   = errors.New("a name is needed: who acts?")
	ErrNoLatch  = errors.New("the alert ends by itself when its condition is gone")
)

// Book holds the open alerts: at most one for each rule instance.
//
// A facility that falls silent may be silent because its line is. Its alert is
// recorded at once but held back for a moment, and for as long as that line is
// being judged. If an alert of the line is there by then, the facility's is
// hidden behind it: no ticket, no message, counted as one of its children. When
// the line comes back and the facility does not, its alert is revealed. Of a
// facility with several sources each has a link point and a line of its own: a
// dead line explains the silence of the sources behind it and no other.
//
// A line that comes and goes must not hide a dead device for ever. The time for
// which an alert is held back while no line is known to explain it is added up
// over all returns of the line: after a minute of it the alert is shown,
// whatever the line does, and is not hidden again before it has returned. The
// time behind a line that is dead does not count. A restart begins anew.
//
// That a facility is blind is a consequence, too, while one of its own sources is
// silent: that source's alert explains it.
//
// What the Book marks as Quiet nobody outside is told. People hear of the end of
// an alert if and only if they have heard that it is active.
type Book struct {
	site      *gateway.Site
	o         Options
	instances []rules.Instance
	open      map[string]*entry // by key
	held      map[string]*entry // of them, those held back until they are due
	timed     map[string]*entry // of them, those whose shelf, acknowledgement or chatter runs out
	comings   map[string]comings
	peaks     [][]*entry      // of them, those whose value can be better or worse, by PointRef
	pending   map[string]bool // keys of comm_loss instances whose hold runs
	load      load
	ladders   Ladders           // nil for none
	climbing  map[string]*entry // of open, those that a rung of a ladder waits for, and some that it does no more
	nextRung  gateway.Instant   // no rung is due before; zero if none is
	start     gateway.Instant   // of the gateway; zero without ladders
	last      ID
	begun     bool // time has passed since the start
}

type entry struct {
	Alert
	since gateway.Instant // while held back: since when; 0 until time has passed after a restart
	due   gateway.Instant // while held back: until when; as since
	spent time.Duration   // of patience, in earlier times of being held back
	as    EventKind       // what it is told as once it is due
}

// hold keeps e back, to be told as kind. From when and for how long is for
// postpone to say.
func (b *Book) hold(e *entry, kind EventKind) {
	e.Cause, e.since, e.due, e.as = 0, 0, 0, kind
	b.held[e.Key] = e
}

// postpone gives an entry that is held back another d from now on, as far as
// patience goes.
func (e *entry) postpone(now gateway.Instant, d time.Duration) {
	if e.since.IsZero() {
		e.since = now
	}
	e.due = min(now.Add(d), e.since.Add(patience-e.spent))
}

// patient reports whether an entry that is held back may be so for longer.
func (e *entry) patient(now gateway.Instant) bool { return now.Sub(e.since)+e.spent < patience }

// release ends the holding back of e.
func (b *Book) release(e *entry, now gateway.Instant) {
	if _, held := b.held[e.Key]; held && !e.since.IsZero() {
		e.spent += now.Sub(e.since)
	}
	delete(b.held, e.Key)
}

// NewBook continues with the alerts that were open, numbering new ones from
// last+1. What was held back is held back once more: the facilities that a line
// has just returned to need their time, whenever the gateway was started.
func NewBook(site *gateway.Site, instances []rules.Instance, open []Alert, last ID, o Options) *Book {
	b := &Book{
		site: site, o: o, instances: instances, open: make(map[string]*entry), held: make(map[string]*entry),
		timed: make(map[string]*entry), comings: make(map[string]comings), peaks: make([][]*entry, site.Len()), pending: make(map[string]bool), climbing: make(map[string]*entry), last: last,
	}
	for _, a := range open {
		a.Children = 0 // counted below: no event tells of each child that comes and goes
		e := &entry{Alert: a}
		b.open[a.Key] = e
		b.resumeAck(e)
		b.watch(e)
		b.follow(e)
		b.last = max(b.last, a.ID)
	}
	for _, e := range b.open {
		if e.Visibility != Suppressed {
			continue
		}
		if cause := b.cause(&e.Alert); cause != nil {
			cause.adopt(e)
			continue
		}
		kind := Raised
		if e.Cause != 0 {
			kind = Revealed
		}
		b.hold(e, kind)
	}
	return b
}

// adopt hides child behind e.
func (e *entry) adopt(child *entry) {
	child.Cause = e.ID
	e.Children++
}

// Apply takes a change of a rule instance and appends what it makes of its
// alert to dst.
func (b *Book) Apply(dst []Event, c rules.Change) []Event {
	in := &b.instances[c.Ref]
	if in.Rule.ID == CommLoss {
		b.judge(in.Key, c.To == rules.Pending)
	}
	e := b.open[in.Key]
	if e == nil || e.Phase == rules.Normal {
		if c.To != rules.Active {
			return dst
		}
		var shelf Shelf
		switch {
		case e != nil && e.Chattering():
			return b.again(dst, e, c)
		case e != nil:
			if c.Severity <= e.Shelf.Severity {
				shelf = e.Shelf
			}
			dst = b.close(dst, e, Superseded, c.At)
		}
		return b.raise(dst, in, c, shelf)
	}
	worst, acked := e.Worst, e.Acked
	next, kind := e.Next(c)
	e.Alert = next
	if e.Told && !e.Shelved() && (e.Worst > worst || acked && !e.Acked) {
		b.call(e, c.At)
	}
	b.await(e)
	if e.Worst > worst { // what is worse than ever is news, whatever comes and goes
		e.Chatter = Chatter{}
	}
	b.watch(e)
	if kind == 0 {
		return dst
	}
	dst = b.note(dst, e, kind, "", c.At)
	if kind == Returned {
		return b.returned(dst, e, c.At)
	}
	return b.outgrow(dst, e, c.At)
}

// note appends an event of e to dst, and decides whether people are told.
func (b *Book) note(dst []Event, e *entry, kind EventKind, by string, now gateway.Instant) []Event {
	quiet := !e.Told
	switch {
	case kind == Returned || kind == Withdrawn || kind == Calmed: // who was told that it is active hears of its end, once
		quiet = quiet || e.Chattering() || kind == Calmed && e.Phase != rules.Normal
	case e.Shelved() || kind == Superseded: // of that one's end people heard when it returned
		quiet = true
	case e.Chattering() && e.Told && (kind == LevelChanged || kind == Again):
		quiet = true
	case kind.Calls():
		if quiet = e.Visibility != Shown || e.Phase == rules.Normal; !quiet {
			e.Told = true
			b.call(e, now)
		}
	}
	if kind.Calls() {
		b.await(e)
	}
	if kind.Calls() && !quiet {
		b.load.tell(e.Severity, now)
	}
	return append(dst, Event{Kind: kind, At: now, By: by, Quiet: quiet, Alert: e.Alert})
}

// judge notes whether the hold of a comm_loss instance runs.
func (b *Book) judge(key string, pending bool) {
	if pending {
		b.pending[key] = true
	} else {
		delete(b.pending, key)
	}
}

// raise begins a new occurrence, under the shelf of the one before it if that
// has one.
func (b *Book) raise(dst []Event, in *rules.Instance, c rules.Change, shelf Shelf) []Event {
	b.last++
	e := &entry{Alert: Alert{
		ID: b.last, Key: in.Key, Facility: in.Facility, Rule: in.Rule.ID, Family: in.Rule.Family,
		Title: in.Rule.Title, Why: in.Rule.Why, Severity: c.Severity, Worst: c.Severity, Impairs: in.Rule.Impairs, SLA: in.Rule.SLA, Latch: in.Rule.Latch,
		Phase: c.To, Stale: c.Stale, Peak: math.NaN(), Started: c.Since, Raised: c.At,
		Shelf: shelf,
	}}
	if c.Point != gateway.NoPoint {
		p := b.site.Point(c.Point)
		e.Point, e.Unit = p.ID(), p.Unit
	}
	e.trip(c)
	b.open[in.Key] = e
	b.watch(e)
	b.follow(e)
	b.listen(e, c.At)
	if e.Rule == CommLoss && len(b.linesOf(&e.Alert)) > 0 || b.cause(&e.Alert) != nil {
		return b.holdBack(dst, e, c.At)
	}
	dst = b.note(dst, e, Raised, "", c.At)
	return b.adopt(dst, e, c.At)
}

// holdBack hides an alert: behind its cause if there is one, else until it is
// due.
func (b *Book) holdBack(dst []Event, e *entry, now gateway.Instant) []Event {
	e.Visibility = Suppressed
	if cause := b.cause(&e.Alert); cause != nil {
		cause.adopt(e)
	} else {
		b.hold(e, Raised)
		e.postpone(now, settle)
	}
	return b.note(dst, e, Hidden, "", now)
}

// linesOf returns the lines that can explain the silence a tells of: that of its
// own source, or all of the facility's if its point names none. The other
// source of the facility may be silent for a reason of its own.
func (b *Book) linesOf(a *Alert) []gateway.FacilityID {
	if ref, ok := b.site.Lookup(a.Point); ok && b.site.Point(ref).Line != "" {
		return []gateway.FacilityID{b.site.Point(ref).Line}
	}
	if f := b.site.Facility(a.Facility); f != nil {
		return f.Lines
	}
	return nil
}

// cause returns the active alert that explains a: of a silent source that of its
// line, of a blind facility that of a source of its own.
func (b *Book) cause(a *Alert) *entry {
	var keys []string
	switch a.Rule {
	case CommLoss:
		for _, line := range b.linesOf(a) {
			keys = append(keys, lossOf(line, gateway.LinkPoint))
		}
	case Blind:
		for _, link := range b.linksOf(a.Facility) {
			keys = append(keys, lossOf(a.Facility, link))
		}
	}
	for _, key := range keys {
		if e := b.open[key]; e != nil && e.Phase != rules.Normal {
			return e
		}
	}
	return nil
}

// linksOf returns the names of the points that tell of the sources of f.
func (b *Book) linksOf(f gateway.FacilityID) (links []string) {
	if f := b.site.Facility(f); f != nil {
		for _, p := range f.Points {
			if p.Role == gateway.LinkPoint {
				links = append(links, p.Name)
			}
		}
	}
	return links
}

// lineIsJudged reports whether a line of e may be about to explain it, so that
// it is too early to speak.
func (b *Book) lineIsJudged(e *entry) bool {
	return slices.ContainsFunc(b.linesOf(&e.Alert), func(line gateway.FacilityID) bool { return b.pending[lossOf(line, gateway.LinkPoint)] })
}

// lossOf returns the key of the instance that judges a link of a facility.
func lossOf(f gateway.FacilityID, link string) string {
	return string(f) + "/" + CommLoss + "/" + link
}

// adopt puts what is still held back behind the line that has just fallen
// silent.
func (b *Book) adopt(dst []Event, line *entry, now gateway.Instant) []Event {
	for _, e := range inOrder(b.held) {
		if b.cause(&e.Alert) == line {
			b.release(e, now)
			line.adopt(e)
			dst = b.note(dst, e, Hidden, "", now)
		}
	}
	return dst
}

// returned follows the end of a condition: the alert is closed if nobody needs
// to look at it any more, and what was hidden behind it has to speak for itself.
func (b *Book) returned(dst []Event, e *entry, now gateway.Instant) []Event {
	b.part(e, now)
	if e.Visibility == Suppressed && e.Shelved() { // it stays in the book, and is nobody's consequence any more
		e.Visibility, e.Cause = Shown, 0
		delete(b.held, e.Key)
	}
	if e.over() {
		e.Closed = now
		b.forget(e)
	}
	dst[len(dst)-1].Alert = e.Alert
	return dst
}

// part takes e, which is over, away from its consequences and from its cause.
func (b *Book) part(e *entry, now gateway.Instant) {
	for _, child := range b.open {
		if child.Cause == e.ID {
			b.hold(child, Revealed)
			child.postpone(now, settleAgain)
			e.Children--
		}
	}
	if cause := b.byID(e.Cause); e.Visibility == Suppressed && cause != nil {
		cause.Children--
	}
}

// over reports whether e has returned and nobody needs to look at it any more.
func (e *entry) over() bool {
	return e.Phase == rules.Normal && !e.Shelved() && !e.Chattering() && (e.Acked || e.Worst == rules.Info || e.Visibility == Suppressed)
}

// close ends an alert for a reason of the book's own. Its shelf, if it has one,
// is for the next occurrence to go on with.
func (b *Book) close(dst []Event, e *entry, kind EventKind, now gateway.Instant) []Event {
	e.Closed, e.Shelf = now, Shelf{}
	b.forget(e)
	return b.note(dst, e, kind, "", now)
}

func (b *Book) forget(e *entry) {
	delete(b.open, e.Key)
	delete(b.held, e.Key)
	delete(b.timed, e.Key)
	delete(b.climbing, e.Key)
	b.unfollow(e)
}

// Latched returns the rule instance of the open alert id, whose latch a person
// may end in the name of by.
func (b *Book) Latched(id ID, by string) (rules.Ref, error) {
	e := b.byID(id)
	switch {
	case e == nil || e.Phase == rules.Normal:
		return 0, fmt.Errorf("alert %d: %w", id, ErrNotFound)
	case by == "":
		return 0, fmt.Errorf("alert %d: %w", id, ErrNoName)
	case !e.Latch:
		return 0, fmt.Errorf("alert %d: %w", id, ErrNoLatch)
	}
	i := b.instanceOf(e.Key)
	if i < 0 {
		return 0, fmt.Errorf("alert %d: %w", id, ErrNotFound)
	}
	return rules.Ref(i), nil
}

// Reset records that by has ended the latch of the alert id, which Latched has
// found, and whose rule is in phase to by that. Apply is told so, too: what is
// recorded here lets a restart know that the latch is open.
func (b *Book) Reset(dst []Event, id ID, by string, to rules.Phase, now gateway.Instant) []Event {
	e := b.byID(id)
	if to != rules.Active {
		e.Phase = rules.Clearing
	}
	return b.note(dst, e, Reset, by, now)
}

// Advance shows the alerts that were held back for long enough, ends shelves and
// acknowledgements whose time is over, and tells the next ones of what nobody takes
// in hand.
func (b *Book) Advance(dst []Event, now gateway.Instant) []Event {
	b.load.pass(now)
	if at, ok := b.Next(); !ok || at > now {
		return dst
	}
	dst = b.endTimes(dst, now)
	dst = b.climb(dst, now)
	for _, e := range inOrder(b.held) {
		switch {
		case e.due.IsZero():
			e.postpone(now, settleAgain)
		case e.due > now:
		case b.cause(&e.Alert) != nil: // behind another line or source, which is still silent
			b.release(e, now)
			b.cause(&e.Alert).adopt(e)
			dst = b.note(dst, e, Hidden, "", now)
		case e.patient(now) && (e.Phase == rules.Clearing || b.lineIsJudged(e)): // about to return, or to be explained
			e.postpone(now, settle)
		default:
			b.release(e, now)
			e.Visibility = Shown
			dst = b.note(dst, e, e.as, "", now)
		}
	}
	return dst
}

// Skip puts off by d, until now, what is held back, the end of shelves and
// acknowledgements, and the rungs of ladders: the clock was set forward, and no time
// has passed.
func (b *Book) Skip(dst []Event, now gateway.Instant, d time.Duration) []Event {
	for _, e := range b.held {
		if !e.since.IsZero() {
			e.since, e.due = e.since.Add(d), e.due.Add(d)
		}
	}
	b.load.skip(now, d)
	return b.postponeCalls(b.postponeTimes(dst, now, d), now, d)
}

// Next returns when the next alert that is held back or the next rung of a ladder
// falls due, or the next shelf or acknowledgement runs out. After a start they are
// looked at at once.
func (b *Book) Next() (at gateway.Instant, ok bool) {
	if !b.begun && len(b.timed) > 0 {
		return 0, true
	}
	for _, e := range b.held {
		if !ok || e.due < at {
			at, ok = e.due, true
		}
	}
	for _, e := range b.timed {
		if end := e.runsOut(); !ok || end < at {
			at, ok = end, true
		}
	}
	if !b.nextRung.IsZero() && (!ok || b.nextRung < at) {
		at, ok = b.nextRung, true
	}
	return at, ok
}

// Open returns the open alerts by ID.
func (b *Book) Open() []Alert {
	open := make([]Alert, 0, len(b.open))
	for _, e := range inOrder(b.open) {
		open = append(open, e.Alert)
	}
	return open
}

// inOrder returns entries by ID.
func inOrder(entries map[string]*entry) []*entry {
	return slices.SortedFunc(maps.Values(entries), func(x, y *entry) int { return cmp.Compare(x.ID, y.ID) })
}

func (b *Book) byID(id ID) *entry {
	for _, e := range b.open {
		if e.ID == id {
			return e
		}
	}
	return nil
}
