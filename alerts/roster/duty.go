package roster

import (
	"cmp"
	"slices"

	"github.com/intact-gateway/intact/gateway"
)

// Duty is one person's time on duty.
type Duty struct {
	Person
	Shift    string
	From, To gateway.Instant // to the moment at which it is over
	For      string          // the id of the person in whose place it is, "" for none
}

// On returns who is on duty at an instant, in the order of the shifts in the
// file. Somebody on two shifts is there twice. A nil Roster has nobody on duty.
func (r *Roster) On(at gateway.Instant) []Duty {
	if r == nil {
		return nil
	}
	var on []Duty
	today := DateOf(at.In(r.loc))
	for i := range r.c.Shifts {
		// No shift is longer than a day: what began before yesterday is over.
		for date := today - 1; date <= today; date++ {
			for _, d := range r.duties(&r.c.Shifts[i], date) {
				if d.From <= at && at < d.To {
					on = append(on, d)
				}
			}
		}
	}
	return on
}

// Call returns whom to call for a trade at an instant: those of the trade who are
// on duty; if there are none, all who are on duty; if nobody is, all who are not
// on leave, and in the end everybody. A gap in the roster thus calls too many
// rather than nobody.
func (r *Roster) Call(t Trade, at gateway.Instant) []Person {
	if r == nil {
		return nil
	}
	if !t.Valid() {
		t = ""
	}
	on := r.On(at)
	for _, wanted := range []Trade{t, ""} {
		var called []Person
		for _, d := range on {
			if d.knows(wanted) {
				called = append(called, d.Person)
			}
		}
		if len(called) > 0 {
			return once(called)
		}
	}
	return r.Present(r.c.People, at)
}

// Present returns those of people who are not on leave at an instant, or all if
// everybody is.
func (r *Roster) Present(people []Person, at gateway.Instant) []Person {
	today := DateOf(at.In(r.loc))
	there := slices.DeleteFunc(slices.Clone(people), func(p Person) bool { return r.onLeave(p.ID, today) })
	if len(there) == 0 {
		return people
	}
	return there
}

// Team returns the people of a team.
func (r *Roster) Team(name string) []Person {
	if r == nil {
		return nil
	}
	var members []Person
	for _, id := range r.c.Teams[name] {
		members = append(members, *r.people[id])
	}
	return members
}

// once leaves out who is there already.
func once(people []Person) []Person {
	var ids []string
	return slices.DeleteFunc(people, func(p Person) bool {
		twice := slices.Contains(ids, p.ID)
		ids = append(ids, p.ID)
		return twice
	})
}

// duties returns who has the shift that begins on date, if it is on that day.
func (r *Roster) duties(s *Shift, date Date) []Duty {
	ids := r.c.assigned(s, date)
	if len(ids) == 0 {
		return nil
	}
	from, to := s.Hours.bounds()
	begins, ends := gateway.InstantOf(date.at(from, r.loc)), gateway.InstantOf(date.at(to, r.loc))
	var duties []Duty
	for _, id := range ids {
		stands := id
		for _, w := range r.c.Swaps {
			if w.Shift == s.ID && w.Date == date && w.Out == id {
				stands = w.In
			}
		}
		if r.onLeave(stands, date) {
			continue
		}
		d := Duty{Person: *r.people[stands], Shift: s.ID, From: begins, To: ends}
		if stands != id {
			d.For = id
		}
		duties = append(duties, d)
	}
	return duties
}

// assigned returns the ids of those whose turn the shift on date is, before swaps
// and leave.
func (c *Config) assigned(s *Shift, date Date) []string {
	if len(s.Days) > 0 && !slices.ContainsFunc(s.Days, func(d Day) bool { return c.falls(d, date) }) {
		return nil
	}
	if s.Rotation == nil {
		return s.People
	}
	n, groups := floorDiv(int(date-s.Rotation.From), s.Rotation.span()), len(s.Rotation.Order)
	return s.Rotation.Order[n-floorDiv(n, groups)*groups]
}

// floorDiv divides and rounds down, also what is below 0: turns before the first
// date of a rotation run backwards.
func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func (r *Roster) onLeave(id string, date Date) bool {
	return slices.ContainsFunc(r.c.Leave, func(l Leave) bool { return l.Person == id && l.Dates.has(date) })
}

// Gap is a time in which nobody of a trade is on duty; of "" nobody at all.
type Gap struct {
	Trade    Trade
	From, To gateway.Instant
}

// Gaps returns the times within so many days from a date on in which nobody is on
// duty for what Cover names, by time. A roster without shifts has none.
func (r *Roster) Gaps(from Date, n int) []Gap {
	if r == nil || len(r.c.Shifts) == 0 {
		return nil
	}
	begin, end := gateway.InstantOf(from.at(0, r.loc)), gateway.InstantOf((from+Date(n)).at(0, r.loc))
	wanted := r.c.Cover
	if len(wanted) == 0 {
		wanted = []Trade{""}
	}
	all := r.between(from-1, from+Date(n))
	var gaps []Gap
	for _, trade := range wanted {
		covered := begin
		for _, d := range all {
			if !d.knows(trade) {
				continue
			}
			if d.From > covered {
				gaps = append(gaps, Gap{trade, covered, min(d.From, end)})
			}
			if covered = max(covered, d.To); covered >= end {
				break
			}
		}
		if covered < end {
			gaps = append(gaps, Gap{trade, covered, end})
		}
	}
	slices.SortStableFunc(gaps, func(a, b Gap) int { return cmp.Compare(a.From, b.From) })
	return gaps
}

// between returns every duty of the shifts that begin from one date on and before
// another, by time.
func (r *Roster) between(from, to Date) []Duty {
	var all []Duty
	for date := from; date < to; date++ {
		for i := range r.c.Shifts {
			all = append(all, r.duties(&r.c.Shifts[i], date)...)
		}
	}
	slices.SortStableFunc(all, func(a, b Duty) int { return cmp.Compare(a.From, b.From) })
	return all
}

// Overlap is a time for which one person is on two shifts.
type Overlap struct{ First, Second Duty }

// Overlaps returns the first time for each person, within so many days from a
// date on, at which they are on two shifts at once.
func (r *Roster) Overlaps(from Date, n int) []Overlap {
	if r == nil {
		return nil
	}
	var overlaps []Overlap
	last := make(map[string]Duty)
	told := make(map[string]bool)
	for _, d := range r.between(from-1, from+Date(n)) {
		before, known := last[d.ID]
		if known && d.From < before.To && !told[d.ID] {
			told[d.ID] = true
			overlaps = append(overlaps, Overlap{before, d})
		}
		if !known || d.To > before.To {
			last[d.ID] = d
		}
	}
	return overlaps
}

// LacksHolidays returns the first year, of those that so many days from a date on
// fall into, of which no holiday is listed although a shift goes by workdays; 0
// if there is none.
func (r *Roster) LacksHolidays(from Date, n int) int {
	if r == nil || !slices.ContainsFunc(r.c.Shifts, func(s Shift) bool {
		return slices.Contains(s.Days, workday) || slices.Contains(s.Days, restday)
	}) {
		return 0
	}
	for year := from.utc().Year(); year <= (from + Date(n)).utc().Year(); year++ {
		if !slices.ContainsFunc(r.c.Holidays, func(d Dates) bool { return d.From.utc().Year() == year || d.To.utc().Year() == year }) {
			return year
		}
	}
	return 0
}
