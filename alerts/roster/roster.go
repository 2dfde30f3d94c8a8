// Package roster says who is on duty: people, their trades and teams, the shifts
// they take in turn, swaps, leave and holidays.
//
// A roster is a file of the site. Everything in it goes by the dates and the
// clock of the site: a shift belongs to the date on which it begins, also the
// part of it that is after midnight, and one that spans the change to or from
// summer time is an hour shorter or longer. Rotations count calendar days, never
// hours.
//
// The package is pure: who is on duty at an instant follows from the file and the
// instant alone. It never leaves a question for somebody unanswered: Call widens
// its circle until it has found people. Names, numbers and addresses of people
// belong into messages to them and onto the page, never into metrics.
package roster

import (
	"maps"
	"slices"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Config is a roster file.
type Config struct {
	People   []Person            `yaml:"people,keyed,required"`
	Teams    map[string][]string `yaml:"teams"` // people by the name of their team
	Shifts   []Shift             `yaml:"shifts,keyed"`
	Swaps    []Swap              `yaml:"swaps"`
	Leave    []Leave             `yaml:"leave"`
	Holidays []Dates             `yaml:"holidays"` // on which nobody works, whatever day of the week it is
	Workdays []Dates             `yaml:"workdays"` // on which people work, such as a Saturday in place of a holiday
	// Cover names the trades of which somebody must be on duty at any time. Left
	// out, it is enough that anybody is.
	Cover []Trade `yaml:"cover"`
}

// Person is somebody who can be on duty or be told.
type Person struct {
	ID       string  `yaml:",key"`
	Name     string  `yaml:"name,required"`
	Mobile   string  `yaml:"mobile"`
	Mail     string  `yaml:"mail"`
	Trades   []Trade `yaml:"trades"`
	Receiver string  `yaml:"receiver"` // of the site file, by which they are told instead of by mobile and mail
}

// Trade is what somebody is trained for. Rules name it as their role.
type Trade string

// General is the trade of those who are called for anything.
const General Trade = "general"

var trades = map[Trade]gateway.Text{
	"electrician": {ZH: "电工", EN: "electrician"},
	"plumber":     {ZH: "水工", EN: "plumber"},
	"hvac":        {ZH: "暖通", EN: "HVAC"},
	"lift":        {ZH: "电梯", EN: "lifts"},
	"fire":        {ZH: "消防", EN: "fire"},
	General:       {ZH: "综合", EN: "general"},
}

// Valid reports whether t is one of the trades.
func (t Trade) Valid() bool { _, ok := trades[t]; return ok }

// Name returns what people call the trade.
func (t Trade) Name() gateway.Text { return trades[t] }

// Trades returns every trade in alphabetical order.
func Trades() []Trade { return slices.Sorted(maps.Keys(trades)) }

func tradeNames() (names []string) {
	for _, t := range Trades() {
		names = append(names, string(t))
	}
	return names
}

// knows reports whether the person can be called for a trade; anybody can for "".
func (p *Person) knows(t Trade) bool {
	return t == "" || slices.Contains(p.Trades, t) || slices.Contains(p.Trades, General)
}

// Shift is a time of the day at which the same people are on duty, or groups of
// them in turn.
type Shift struct {
	ID       string    `yaml:",key"`
	Days     []Day     `yaml:"days"`  // default every day
	Hours    Hours     `yaml:"hours"` // default the whole day
	People   []string  `yaml:"people"`
	Rotation *Rotation `yaml:"rotation"` // instead of people
}

// Rotation lets groups take a shift in turn.
type Rotation struct {
	From  Date       `yaml:"from,required"` // the date on which the first group begins
	Days  int        `yaml:"days"`          // how long each has the shift
	Weeks int        `yaml:"weeks"`         // or so many weeks
	Order [][]string `yaml:"order,required"`
}

// span returns how many days each group has the shift.
func (r *Rotation) span() int { return r.Days + 7*r.Weeks }

// Swap lets one person take a shift in place of another.
type Swap struct {
	Shift string `yaml:"shift,required"`
	Date  Date   `yaml:"date,required"` // on which the shift begins
	Out   string `yaml:"out,required"`
	In    string `yaml:"in,required"`
}

// Leave is when a person takes no shift.
type Leave struct {
	Person string `yaml:"person,required"`
	Dates  Dates  `yaml:"dates,required"`
}

// Roster answers who is on duty.
type Roster struct {
	c      Config
	loc    *time.Location
	people map[string]*Person
}

// New returns the Roster of a file that Validate found in order, in the zone of
// the site.
func New(c Config, loc *time.Location) *Roster {
	r := &Roster{c: c, loc: loc, people: make(map[string]*Person, len(c.People))}
	for i := range r.c.People {
		r.people[r.c.People[i].ID] = &r.c.People[i]
	}
	return r
}

// People returns everybody in the order of the file. A nil Roster has nobody.
func (r *Roster) People() []Person {
	if r == nil {
		return nil
	}
	return r.c.People
}

// HasShifts reports whether anybody is ever on duty.
func (r *Roster) HasShifts() bool { return r != nil && len(r.c.Shifts) > 0 }

// Person returns the person with an id.
func (r *Roster) Person(id string) (Person, bool) {
	if r == nil || r.people[id] == nil {
		return Person{}, false
	}
	return *r.people[id], true
}
