package roster_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts/roster"
	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
)

const people = `
people:
  wang: {name: 王强, mobile: "13800000001", trades: [electrician]}
  li:   {name: 李敏, mobile: "13800000002", trades: [plumber]}
  zhao: {name: 赵军, mail: zhao@example.com, trades: [lift, fire]}
  chen: {name: 陈平, trades: [general]}
`

func decode(t *testing.T, text string) (roster.Config, error) {
	t.Helper()
	var c roster.Config
	err := configs.Decode(fstest.MapFS{"roster.yaml": {Data: []byte(text)}}, "roster.yaml", &c)
	return c, err
}

func load(t *testing.T, zone, text string) *roster.Roster {
	t.Helper()
	c, err := decode(t, people+text)
	if err != nil {
		t.Fatal(err)
	}
	return roster.New(c, location(t, zone))
}

func location(t *testing.T, zone string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func at(t *testing.T, zone, clock string) gateway.Instant {
	t.Helper()
	when, err := time.ParseInLocation("2006-01-02 15:04:05", clock, location(t, zone))
	if err != nil {
		t.Fatal(err)
	}
	return gateway.InstantOf(when)
}

func date(t *testing.T, text string) (d roster.Date) {
	t.Helper()
	if err := d.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return d
}

// on returns who is on duty as "id shift", joined by commas.
func on(r *roster.Roster, when gateway.Instant) string {
	var ids []string
	for _, d := range r.On(when) {
		ids = append(ids, d.ID+" "+d.Shift)
	}
	return strings.Join(ids, ", ")
}

func TestWhoIsOnDuty(t *testing.T) {
	const shanghai = "Asia/Shanghai"
	const rota = `
shifts:
  day:   {days: [workday], hours: 08:00-20:00, people: [wang, li]}
  night: {hours: 20:00-08:00, rotation: {from: 2026-01-05, weeks: 1, order: [zhao, [wang, li]]}}
  rest:  {days: [restday], hours: 08:00-20:00, rotation: {from: 2026-01-03, days: 1, order: [chen, zhao]}}
swaps: [{shift: night, date: 2026-01-07, out: zhao, in: chen}]
leave: [{person: li, dates: 2026-01-12..2026-01-13}]
holidays: [2026-01-01..2026-01-03, 2026-10-01..2026-10-07]
workdays: [2026-01-04, 2026-10-10]
`
	r := load(t, shanghai, rota)
	for clock, want := range map[string]string{
		"2026-01-06 08:00:00": "wang day, li day",
		"2026-01-06 07:59:59": "zhao night",
		"2026-01-06 19:59:59": "wang day, li day",
		"2026-01-06 20:00:00": "zhao night",
		"2026-01-08 03:00:00": "chen night",           // the swap is of the shift that began on the 7th
		"2026-01-08 20:00:00": "zhao night",           // and of no other
		"2026-01-12 07:00:00": "zhao night",           // the last night of the first week ends on Monday
		"2026-01-12 20:00:00": "wang night",           // li is on leave
		"2026-01-14 07:59:59": "wang night",           // also in the part of the 13th that is after midnight
		"2026-01-14 20:00:00": "wang night, li night", // and back
		"2025-12-30 21:00:00": "wang night, li night", // turns run backwards, too
		"2026-01-03 12:00:00": "chen rest",            // a holiday
		"2026-01-04 12:00:00": "wang day, li day",     // a Sunday on which people work
		"2026-01-10 12:00:00": "zhao rest",            // seven turns on
		"2026-10-08 23:59:59": "wang night, li night", // week 39
		"2026-10-10 12:00:00": "wang day, li day",     // a Saturday on which people work
		"2026-10-07 12:00:00": "zhao rest",
	} {
		if got := on(r, at(t, shanghai, clock)); got != want {
			t.Errorf("at %s there are %q on duty, want %q", clock, got, want)
		}
	}
}

// TestANightOfSummerTime has shifts meet within the hour that does not exist, and
// within the one that comes twice.
func TestANightOfSummerTime(t *testing.T) {
	const berlin = "Europe/Berlin"
	r := load(t, berlin, `
shifts:
  late:  {hours: 18:30-02:30, people: [wang]}
  early: {hours: 02:30-10:30, people: [li]}
  day:   {hours: 10:30-18:30, people: [zhao]}
`)
	for _, night := range []struct {
		day   string
		hours int // from half past six in the evening to half past ten
	}{{"2026-03-28", 15}, {"2026-10-24", 17}, {"2026-06-01", 16}} {
		begin := at(t, berlin, night.day+" 18:30:00")
		for i := range night.hours * 60 {
			minute := begin.Add(time.Duration(i) * time.Minute)
			if got := on(r, minute); got != "wang late" && got != "li early" {
				t.Fatalf("at %s there are %q on duty, want one of the night", minute.In(location(t, berlin)), got)
			}
		}
		if got := on(r, begin.Add(time.Duration(night.hours)*time.Hour)); got != "zhao day" {
			t.Errorf("the night of %s is over after %d hours, and there are %q on duty", night.day, night.hours, got)
		}
	}
	if gaps := r.Gaps(date(t, "2026-01-01"), 366); len(gaps) > 0 {
		t.Errorf("there are gaps: %v", gaps)
	}
	if overlaps := r.Overlaps(date(t, "2026-01-01"), 366); len(overlaps) > 0 {
		t.Errorf("there are overlaps: %v", overlaps)
	}
}

func TestSomebodyIsAlwaysCalled(t *testing.T) {
	const zone = "Asia/Shanghai"
	r := load(t, zone, `
shifts:
  day: {days: [mon, tue], hours: 08:00-18:00, people: [wang, li]}
leave: [{person: zhao, dates: 2026-03-11}]
`)
	everybodyAway := load(t, zone, `
shifts: {day: {people: [wang]}}
leave:
  - {person: wang, dates: 2026-03-11}
  - {person: li, dates: 2026-03-11}
  - {person: zhao, dates: 2026-03-11}
  - {person: chen, dates: 2026-03-11}
`)
	for _, c := range []struct {
		name  string
		r     *roster.Roster
		trade roster.Trade
		clock string
		want  string
	}{
		{"of the trade", r, "plumber", "2026-03-10 09:00:00", "li"},
		{"nobody of the trade: all on duty", r, "fire", "2026-03-10 09:00:00", "wang li"},
		{"a role that is no trade: all on duty", r, "caretaker", "2026-03-10 09:00:00", "wang li"},
		{"nobody on duty: all who are not on leave", r, "plumber", "2026-03-11 09:00:00", "wang li chen"},
		{"everybody on leave: everybody", everybodyAway, "plumber", "2026-03-11 09:00:00", "wang li zhao chen"},
	} {
		var ids []string
		for _, p := range c.r.Call(c.trade, at(t, zone, c.clock)) {
			ids = append(ids, p.ID)
		}
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("%s: %q are called, want %q", c.name, got, c.want)
		}
	}
}

func TestGapsAndOverlaps(t *testing.T) {
	const zone = "Asia/Shanghai"
	r := load(t, zone, `
cover: [electrician, lift]
shifts:
  day:   {hours: 08:00-20:00, people: [wang, zhao]}
  night: {hours: 20:00-08:00, people: [wang, zhao]}
  extra: {days: [wed], hours: 19:00-21:00, people: [zhao]}
leave: [{person: wang, dates: 2026-03-12}]
`)
	var got []string
	for _, g := range r.Gaps(date(t, "2026-03-09"), 14) {
		got = append(got, fmt.Sprintf("%s %s %s", g.Trade, g.From.In(location(t, zone)).Format("01-02 15:04"), g.To.In(location(t, zone)).Format("01-02 15:04")))
	}
	// Wang's leave takes the night that begins on the 12th, too.
	if want := []string{"electrician 03-12 08:00 03-13 08:00"}; !cmp.Equal(got, want) {
		t.Errorf("the gaps are %q, want %q", got, want)
	}
	overlaps := r.Overlaps(date(t, "2026-03-09"), 14)
	if len(overlaps) != 1 || overlaps[0].Second.ID != "zhao" || overlaps[0].Second.From != at(t, zone, "2026-03-11 19:00:00") {
		t.Errorf("the overlaps are %+v, want one of zhao on Wednesday at seven", overlaps)
	}
	weekdays := load(t, zone, "\nshifts: {day: {days: [workday], people: [wang]}}")
	if gaps := weekdays.Gaps(date(t, "2026-03-09"), 7); len(gaps) != 1 || gaps[0].From != at(t, zone, "2026-03-14 00:00:00") || gaps[0].To != at(t, zone, "2026-03-16 00:00:00") {
		t.Errorf("the gaps of a roster of workdays are %+v, want one weekend", gaps)
	}
	if year := weekdays.LacksHolidays(date(t, "2026-12-01"), 60); year != 2026 {
		t.Errorf("the holidays of %d are missing, want 2026", year)
	}
}

func TestMistakesInARoster(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"people: {wang: {name: 王强, trades: [plumer]}}", `1:36: unknown trade "plumer"`},
		{"people: {wang: {name: 王强, mobile: 138x}}", `"138x" is not a telephone number`},
		{people + "teams: {crew: [wang, lee]}", `7:22: there is no person "lee" in the roster (one of wang, li, zhao, chen)`},
		{people + "shifts: {day: {hours: 8-20, people: [wang]}}", `want hours such as 08:00-20:00`},
		{people + "shifts: {day: {people: []}}", "shift day has no people"},
		{people + "shifts: {day: {days: [monday], people: [li]}}", `unknown day "monday"`},
		{people + "shifts: {day: {rotation: {from: 2026-01-05, order: [wang, li]}}}", "it is not said for how long each has the shift"},
		{people + "shifts: {day: {rotation: {from: 2026-01-05, weeks: 1, order: [wang]}}}", "a rotation needs two or more"},
		{people + "leave: [{person: li, dates: 2026-02-30}]", `want a date such as 2026-10-01, got "2026-02-30"`},
		{people + "leave: [{person: li, dates: 2026-02-03..2026-02-01}]", "2026-02-01 is before 2026-02-03"},
		{people + "shifts: {day: {people: [wang]}}\nswaps: [{shift: day, date: 2026-02-01, out: li, in: zhao}]", "li does not have shift day on 2026-02-01 (whose turn it is then: wang;"},
		{people + "shifts: {day: {people: [wang]}}\nswaps: [{shift: night, date: 2026-02-01, out: wang, in: zhao}]", `there is no shift "night"`},
		{people + "shifts: {day: {people: [wang]}}\nswaps: [{shift: day, date: 2026-02-01, out: wang, in: zhao}]\nleave: [{person: zhao, dates: 2026-02-01}]", "zhao is on leave on 2026-02-01"},
	} {
		_, err := decode(t, c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "roster.yaml:") {
			t.Errorf("%s\n\tgave %v\n\twant %s", c.text, err, c.want)
		}
	}
}
