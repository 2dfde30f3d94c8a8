package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/intact-gateway/intact/gateway"
)

// During is when a rule is at work, by the clock and the calendar of the site.
// Outside of it the condition of the rule counts as false. What is left out is
// always.
type During struct {
	Daily  string   `yaml:"daily"`  // "02:00-05:00"; one over midnight belongs to the day on which it begins
	Days   []string `yaml:"days"`   // mon to sun, ranges such as mon-fri, workday, holiday
	Yearly string   `yaml:"yearly"` // from and to a day, both included: "11-15..03-15"
}

// calendar is a feature of no point: whether it is the time of a During. It is worked
// out anew only when the clock on the wall reaches an edge, at midnight and when the
// clocks change.
type calendar struct {
	zone             *time.Location
	from, to         time.Duration // of the day, by the clock on the wall
	weekdays         [7]bool
	workday, holiday bool
	first, last      int // day of the year as month*100 + day
	isWorkday        func(day time.Time) bool
}

const wholeDay = 24 * time.Hour

// parse makes the calendar of d and reports what is wrong with it.
func (d *During) parse(report gateway.Report) *calendar {
	c := &calendar{zone: time.UTC, to: wholeDay, first: 101, last: 1231, isWorkday: mondayToFriday}
	if d.Daily == "" && d.Days == nil && d.Yearly == "" {
		report("", "during says nothing", `such as during: {daily: "02:00-05:00", days: [mon-fri]}`)
	}
	if d.Daily != "" && !c.setDaily(d.Daily) {
		report("daily", fmt.Sprintf("%q is no time of day from and to", d.Daily), `such as "02:00-05:00", or "22:00-06:00" over midnight`)
	}
	if d.Yearly != "" && !c.setYearly(d.Yearly) {
		report("yearly", fmt.Sprintf("%q is no time of year from and to", d.Yearly), `month and day such as "11-15..03-15"`)
	}
	for i, word := range d.Days {
		if !c.addDay(word) {
			report(fmt.Sprintf("days[%d]", i), fmt.Sprintf("unknown day %q", word), "mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, workday or holiday")
		}
	}
	if d.Days == nil {
		c.workday, c.holiday = true, true
	}
	return c
}

func (c *calendar) setDaily(text string) bool {
	from, to, ok := strings.Cut(text, "-")
	var ok1, ok2 bool
	c.from, ok1 = timeOfDay(from)
	c.to, ok2 = timeOfDay(to)
	return ok && ok1 && ok2 && c.from != c.to && c.from < wholeDay
}

// timeOfDay reads "02:00"; "24:00" is the end of the day.
func timeOfDay(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if text == "24:00" {
		return wholeDay, true
	}
	t, err := time.Parse("15:04", text)
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err == nil
}

func (c *calendar) setYearly(text string) bool {
	first, last, ok := strings.Cut(text, "..")
	a, err1 := time.Parse("2006-01-02", "2000-"+strings.TrimSpace(first)) // a year with 29 February
	b, err2 := time.Parse("2006-01-02", "2000-"+strings.TrimSpace(last))
	c.first, c.last = dayOfYear(a), dayOfYear(b)
	return ok && err1 == nil && err2 == nil
}

func dayOfYear(t time.Time) int { return int(t.Month())*100 + t.Day() }

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func (c *calendar) addDay(word string) bool {
	switch word {
	case "workday":
		c.workday = true
		return true
	case "holiday":
		c.holiday = true
		return true
	}
	from, to, isRange := strings.Cut(word, "-")
	if !isRange {
		to = from
	}
	first, last := slices.Index(weekdays, from), slices.Index(weekdays, to)
	if first < 0 || last < 0 {
		return false
	}
	for day := first; ; day = (day + 1) % 7 {
		c.weekdays[day] = true
		if day == last {
			return true
		}
	}
}

func mondayToFriday(day time.Time) bool {
	return day.Weekday() != time.Saturday && day.Weekday() != time.Sunday
}

// clock returns what the clock on the wall shows.
func clock(t time.Time) time.Duration {
	h, m, s := t.Clock()
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(t.Nanosecond())
}

// inside reports whether t is in the time. It goes by what the clock on the wall
// shows: an hour that comes twice is in or out twice, one that is left out never
// was.
func (c *calendar) inside(t time.Time) bool {
	switch shown := clock(t); {
	case c.from < c.to:
		return shown >= c.from && shown < c.to && c.on(t)
	case shown >= c.from:
		return c.on(t)
	default:
		return shown < c.to && c.on(t.AddDate(0, 0, -1))
	}
}

// on reports whether the day of t is one of the days.
func (c *calendar) on(t time.Time) bool {
	day := dayOfYear(t)
	in := day >= c.first && day <= c.last
	if c.first > c.last {
		in = day >= c.first || day <= c.last
	}
	if !in {
		return false
	}
	if c.weekdays[t.Weekday()] || c.workday && c.holiday {
		return true
	}
	return c.workday && c.isWorkday(t) || c.holiday && !c.isWorkday(t)
}

// edge returns the next moment after t at which inside may change.
func (c *calendar) edge(t time.Time) time.Time {
	wait := wholeDay
	for _, edge := range [...]time.Duration{c.from, c.to, wholeDay} {
		until := edge - clock(t)
		if until <= 0 {
			until += wholeDay
		}
		wait = min(wait, until)
	}
	next := t.Add(wait)
	if _, end := t.ZoneBounds(); !end.IsZero() && end.Before(next) {
		return end // from there on the clock shows another time
	}
	return next
}

func (c *calendar) take(gateway.Sample, gateway.Instant) {}

func (c *calendar) read(now gateway.Instant) reading {
	t := now.In(c.zone)
	r := reading{quality: gateway.Good, certain: anything, next: gateway.InstantOf(c.edge(t))}
	if c.inside(t) {
		r.value = 1
	}
	return r
}

func (c *calendar) skip(time.Duration) {}

func (c *calendar) size() int { return int(unsafe.Sizeof(*c)) }

// String returns the time as it is written.
func (d *During) String() string {
	var parts []string
	if d.Daily != "" {
		parts = append(parts, d.Daily)
	}
	if len(d.Days) > 0 {
		parts = append(parts, strings.Join(d.Days, ", "))
	}
	if d.Yearly != "" {
		parts = append(parts, d.Yearly)
	}
	return "during " + strings.Join(parts, "; ")
}

// only compiles what limits a rule to some of the time: only_when and during.
func (s *scope) only(spec *Spec) (p program) {
	if spec.OnlyWhen != nil {
		p = s.program(spec.OnlyWhen, s.report.At("only_when"))
	}
	if spec.During == nil {
		return p
	}
	ref := s.engine.find(spec.During.String())
	if ref == gateway.NoPoint {
		c := spec.During.parse(func(string, string, string) {}) // Validate has reported what is wrong
		if c.zone = s.site.Location; c.zone == nil {
			c.zone = time.UTC
		}
		if s.set.Workday != nil {
			c.isWorkday = s.set.Workday
		}
		text := spec.During.String()
		in := innerPoint{key: text, means: gateway.Text{ZH: "处于时段 " + strings.TrimPrefix(text, "during "), EN: text}}
		in.Point = gateway.Point{Name: text, Kind: gateway.Discrete}
		ref = s.engine.addInner(in, node{feature: c})
	}
	during := program{s.engine.atom(ref, opNotEqual, 0)}
	if p == nil {
		return during
	}
	return append(append(p, during...), instrAnd)
}

// begin starts what goes by the clock, once the time is known for the first time.
func (e *Engine) begin(dst []Change) []Change {
	for i := range e.derived.nodes {
		if _, ok := e.derived.nodes[i].feature.(*calendar); ok {
			e.derived.demand(int32(i))
		}
	}
	return e.derive(dst)
}

// resumeCalendars has what goes by the clock looked at when the clock, which was set forward
// by d, is told for the first time: the times of day between were not.
func (e *Engine) resumeCalendars(d time.Duration) {
	for i := range e.derived.nodes {
		if _, ok := e.derived.nodes[i].feature.(*calendar); ok && e.begun {
			e.ticks.remove(int32(i))
			e.ticks.add(int32(i), e.now.Add(d))
		}
	}
}
