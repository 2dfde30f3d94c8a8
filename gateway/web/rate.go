package web

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
)

// target is the intact rate that is asked for, in percent.
const target = 98

// rateJSON is the intact rate of one group of facilities. The rate is
// 1 - down_ms/required_ms; the integers are exact, percent is cut to two
// decimals, so that a fail never reads as a pass.
type rateJSON struct {
	Key        string       `json:"key"`
	Name       gateway.Text `json:"name"`
	Facilities int          `json:"facilities"`
	UpMS       int64        `json:"up_ms"`
	DownMS     int64        `json:"down_ms"`
	RequiredMS int64        `json:"required_ms"`
	UnknownMS  int64        `json:"unknown_ms"`
	PlannedMS  int64        `json:"planned_ms"`
	ExcludedMS int64        `json:"excluded_ms"`
	Faults     int64        `json:"faults"`
	NoData     bool         `json:"no_data"`  // required_ms is 0: neither pass nor fail
	Percent    *string      `json:"percent"`  // null without data
	Pass       *bool        `json:"pass"`     // null without data
	Coverage   *float64     `json:"coverage"` // share of the time that is known; null if nothing was due
	Sufficient bool         `json:"sufficient"`
}

// intactJSON is the intact rate over a window, by group and over all. The window
// is given back as it was counted: cut off at the newest snapshot.
type intactJSON struct {
	From   time.Time  `json:"from"`
	To     time.Time  `json:"to"`
	By     string     `json:"by"`
	Target int        `json:"target"` // percent
	Items  []rateJSON `json:"items"`
	Total  rateJSON   `json:"total"`
	Next   *string    `json:"next"`
}

// group adds up the tallies of the facilities that are counted together.
type group struct {
	key        string
	name       gateway.Text
	facilities int
	tally      intact.Tally
}

// view tells the sums of g. Without required time there is no rate: null, where
// a 0 or a 100 would be believed.
func (g group) view() rateJSON {
	t := g.tally
	j := rateJSON{
		Key: g.key, Name: g.name, Facilities: g.facilities,
		UpMS: t.Up, DownMS: t.Down, RequiredMS: t.Required(), UnknownMS: t.Unknown,
		PlannedMS: t.Planned, ExcludedMS: t.Excluded, Faults: t.Faults,
		NoData: t.Required() == 0, Sufficient: sufficient(t),
	}
	if known, due := t.Required(), t.Required()+t.Unknown; due > 0 {
		j.Coverage = new(float64(known) / float64(due))
	}
	if !j.NoData {
		j.Percent, j.Pass = new(t.Percent()), new(t.Pass(target))
	}
	return j
}

// sufficient reports whether at least 90 % of the time that counts is known.
func sufficient(t intact.Tally) bool {
	return t.Required() > 0 && 10*t.Required() >= 9*(t.Required()+t.Unknown)
}

// grouping says which group a facility belongs to and what people call it.
type grouping func(f *gateway.Facility) (key string, name gateway.Text)

// groupings holds the ways in which the intact rate may be asked for.
var groupings = map[string]grouping{
	"facility": func(f *gateway.Facility) (string, gateway.Text) { return string(f.ID), f.Name },
	"class":    func(f *gateway.Facility) (string, gateway.Text) { return string(f.Class), f.Class.Name() },
	"building": func(f *gateway.Facility) (string, gateway.Text) {
		return f.Building, gateway.Text{ZH: f.Building, EN: f.Building}
	},
}

// addUp sums the tallies, given by facility index, by group in the order in
// which the groups first occur, and over all. Facilities that are not counted
// are left out.
func addUp(site *gateway.Site, tallies []intact.Tally, by grouping) (groups []group, total group) {
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
			groups = append(groups, group{key: key, name: name})
		}
		groups[n].facilities++
		groups[n].tally = groups[n].tally.Add(tallies[i])
		total.facilities++
		total.tally = total.tally.Add(tallies[i])
	}
	return groups, total
}

// intactRate counts from the events in the store, so that any window can be
// asked for and anybody can count again.
func (s *server) intactRate(r *http.Request) (any, error) {
	snap := s.desk.Snapshot()
	site := snap.Site
	q := r.URL.Query()
	by := cmp.Or(q.Get("by"), "facility")
	grouped, ok := groupings[by]
	if !ok {
		return nil, badQuery("by", by, "facility, class or building")
	}
	to, err := boundary("to", q.Get("to"), snap.At, site.Location)
	if err != nil {
		return nil, err
	}
	from, err := boundary("from", q.Get("from"), intact.MonthStart(min(to, snap.At), site.Location), site.Location)
	if err != nil {
		return nil, err
	}
	to = min(to, snap.At) // the future belongs to nobody
	if from >= to {
		return nil, badQuery("from", q.Get("from"), "from must be before to, and not in the future")
	}
	events, err := s.history.States(r.Context(), "", from, to)
	if err != nil {
		return nil, err
	}
	groups, total := addUp(site, account(site, events, from, to), grouped)
	answer := intactJSON{
		From: from.In(site.Location), To: to.In(site.Location), By: by, Target: target,
		Items: make([]rateJSON, 0, len(groups)), Total: total.view(),
	}
	for _, g := range groups {
		answer.Items = append(answer.Items, g.view())
	}
	return answer, nil
}

// account tallies the events of all facilities, by facility index.
func account(site *gateway.Site, events []intact.Event, from, to gateway.Instant) []intact.Tally {
	byFacility := make(map[int][]intact.Event)
	for _, ev := range events {
		if i := site.FacilityIndex(ev.Facility); i >= 0 {
			byFacility[i] = append(byFacility[i], ev)
		}
	}
	tallies := make([]intact.Tally, len(site.Facilities()))
	for _, i := range slices.Sorted(maps.Keys(byFacility)) {
		tallies[i] = intact.Account(byFacility[i], from, to)
	}
	return tallies
}

// boundary reads one end of a window: a moment, or a day in the site's zone,
// which stands for its first millisecond.
func boundary(name, value string, otherwise gateway.Instant, loc *time.Location) (gateway.Instant, error) {
	if value == "" {
		return otherwise, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
		return gateway.InstantOf(t), nil
	}
	t, err := time.ParseInLocation(time.DateOnly, value, loc)
	if err != nil {
		return 0, newProblem(http.StatusBadRequest, "bad_"+name, "the time "+value+" cannot be read",
			"RFC 3339 such as 2026-03-10T09:12:00+08:00 (with + written as %2B), or a day such as 2026-03-10")
	}
	return gateway.InstantOf(t), nil
}
