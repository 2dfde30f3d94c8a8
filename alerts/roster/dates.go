package roster

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Date is a day of the calendar, in days since 1970-01-01, which is none.
type Date int

const dateForm = "2006-01-02"

// DateOf returns the date of t in its zone.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / int64(24*time.Hour/time.Second))
}

func (d Date) utc() time.Time { return time.Unix(int64(d)*int64(24*time.Hour/time.Second), 0).UTC() }

// String returns the date as 2026-10-01.
func (d Date) String() string { return d.utc().Format(dateForm) }

// UnmarshalText reads what String writes.
func (d *Date) UnmarshalText(b []byte) error {
	t, err := time.Parse(dateForm, string(b))
	if err != nil {
		return fmt.Errorf("want a date such as 2026-10-01, got %q", b)
	}
	*d = DateOf(t)
	return nil
}

// at returns the moment so many minutes by the clock after the date has begun.
func (d Date) at(minutes int, loc *time.Location) time.Time {
	t := d.utc()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, minutes, 0, 0, loc)
}

// Dates are the days from one date to another, both included.
type Dates struct{ From, To Date }

// UnmarshalText reads one date, or two as in 2026-10-01..2026-10-07.
func (d *Dates) UnmarshalText(b []byte) error {
	from, to, several := strings.Cut(string(b), "..")
	if !several {
		to = from
	}
	if err := d.From.UnmarshalText([]byte(from)); err != nil {
		return fmt.Errorf("%w or 2026-10-01..2026-10-07", err)
	}
	if err := d.To.UnmarshalText([]byte(to)); err != nil {
		return fmt.Errorf("%w or 2026-10-01..2026-10-07", err)
	}
	if d.To < d.From {
		return fmt.Errorf("%s is before %s", d.To, d.From)
	}
	return nil
}

func (d Dates) has(date Date) bool { return d.From <= date && date <= d.To }

func anyHas(list []Dates, date Date) bool {
	return slices.ContainsFunc(list, func(d Dates) bool { return d.has(date) })
}

// Day says on which days a shift is: a day of the week, or a kind of day.
type Day string

const (
	workday = "workday" // Monday to Friday and Config.Workdays, but no holiday
	restday = "restday" // any other
)

// days are the words for days; those of the week as time.Weekday counts them.
var days = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat", workday, restday}

// Days returns the words for days.
func Days() []string { return slices.Clone(days) }

// falls reports whether date is such a day.
func (c *Config) falls(day Day, date Date) bool {
	switch weekday := date.utc().Weekday(); day {
	case workday:
		return c.works(date)
	case restday:
		return !c.works(date)
	default:
		return string(day) == days[weekday]
	}
}

func (c *Config) works(date Date) bool {
	if anyHas(c.Workdays, date) {
		return true
	}
	weekday := date.utc().Weekday()
	return weekday != time.Saturday && weekday != time.Sunday && !anyHas(c.Holidays, date)
}

const dayMinutes = 24 * 60

// Hours are a time of the day, in minutes by the clock after midnight. To may be
// on the next day; the zero Hours are the whole day.
type Hours struct{ From, To int }

// UnmarshalText reads hours such as 08:00-20:00, or 20:00-08:00 over midnight.
func (h *Hours) UnmarshalText(b []byte) error {
	from, to, ok := strings.Cut(string(b), "-")
	var err, errTo error
	h.From, err = clockMinutes(from)
	h.To, errTo = clockMinutes(to)
	if !ok || err != nil || errTo != nil || h.From == dayMinutes {
		return fmt.Errorf("want hours such as 08:00-20:00, or 20:00-08:00 over midnight, got %q", b)
	}
	if h.To <= h.From {
		h.To += dayMinutes
	}
	return nil
}

// clockMinutes reads a time of day such as 08:00, up to 24:00.
func clockMinutes(s string) (int, error) {
	hours, minutes, _ := strings.Cut(strings.TrimSpace(s), ":")
	h, err := strconv.ParseUint(hours, 10, 8)
	m, errM := strconv.ParseUint(minutes, 10, 8)
	if err != nil || errM != nil || len(minutes) != 2 || m > 59 || h*60+m > dayMinutes {
		return 0, fmt.Errorf("%q is no time of day", s)
	}
	return int(h*60 + m), nil
}

// bounds returns the hours, or the whole day if none are given.
func (h Hours) bounds() (from, to int) {
	if h == (Hours{}) {
		return 0, dayMinutes
	}
	return h.From, h.To
}
