package intact

import "github.com/intact-gateway/intact/gateway"

// Target is the intact rate that a site is held to, in percent.
const Target = 98

// Group is the facilities that are counted together, and their pooled time.
type Group struct {
	Key        string // what the grouping gives; "" for the whole site
	Name       gateway.Text
	Facilities int
	Tally      Tally
}

// Grouping says to which group a facility belongs and what people call it.
type Grouping func(f *gateway.Facility) (key string, name gateway.Text)

// ByFacility makes each facility a group of its own.
func ByFacility(f *gateway.Facility) (string, gateway.Text) { return string(f.ID), f.Name }

// ByClass counts the facilities of a class together.
func ByClass(f *gateway.Facility) (string, gateway.Text) { return string(f.Class), f.Class.Name() }

// ByBuilding counts the facilities of a building together.
func ByBuilding(f *gateway.Facility) (string, gateway.Text) {
	return f.Building, gateway.Text{ZH: f.Building, EN: f.Building}
}

// Groups adds the tallies, given by facility index, up by group in the order in
// which the groups first occur, and over all. Facilities that are not counted are
// left out.
func Groups(site *gateway.Site, tallies []Tally, by Grouping) (groups []Group, total Group) {
	at := make(map[string]int)
	for i, f := range site.Facilities() {
		if !f.Class.Counted() {
			continue
		}
		key, name := by(&f)
		n, ok := at[key]
		if !ok {
			n = len(groups)
			at[key] = n
			groups = append(groups, Group{Key: key, Name: name})
		}
		groups[n].Facilities++
		groups[n].Tally = groups[n].Tally.Add(tallies[i])
		total.Facilities++
		total.Tally = total.Tally.Add(tallies[i])
	}
	return groups, total
}

// Log is the events of every facility of a site, by facility index, each in the
// order in which they were recorded.
type Log [][]Event

// NewLog sorts events by their facility. Those of facilities that the site does
// not have are left out.
func NewLog(site *gateway.Site, events []Event) Log {
	log := make(Log, len(site.Facilities()))
	for _, e := range events {
		if i := site.FacilityIndex(e.Facility); i >= 0 {
			log[i] = append(log[i], e)
		}
	}
	return log
}

// Tallies is Account of every facility.
func (l Log) Tallies(from, to gateway.Instant) []Tally {
	tallies := make([]Tally, len(l))
	for i := range l {
		tallies[i] = Account(l[i], from, to)
	}
	return tallies
}
