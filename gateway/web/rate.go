package web

import (
	"cmp"
	"net/http"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
)

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

// rateOfGroup tells the sums of g. Without required time there is no rate: null, where
// a 0 or a 100 would be believed.
func rateOfGroup(g intact.Group) rateJSON {
	t := g.Tally
	j := rateJSON{
		Key: g.Key, Name: g.Name, Facilities: g.Facilities,
		UpMS: t.Up, DownMS: t.Down, RequiredMS: t.Required(), UnknownMS: t.Unknown,
		PlannedMS: t.Planned, ExcludedMS: t.Excluded, Faults: t.Faults,
		NoData: t.Required() == 0, Sufficient: t.Sufficient(),
	}
	if known, due := t.Required(), t.Required()+t.Unknown; due > 0 {
		j.Coverage = new(float64(known) / float64(due))
	}
	if !j.NoData {
		j.Percent, j.Pass = new(t.Percent()), new(t.Pass(intact.Target))
	}
	return j
}

// groupings holds the ways in which the intact rate may be asked for.
var groupings = map[string]intact.Grouping{
	"facility": intact.ByFacility, "class": intact.ByClass, "building": intact.ByBuilding,
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
	groups, total := intact.Groups(site, intact.NewLog(site, events).Tallies(from, to), grouped)
	answer := intactJSON{
		From: from.In(site.Location), To: to.In(site.Location), By: by, Target: intact.Target,
		Items: make([]rateJSON, 0, len(groups)), Total: rateOfGroup(total),
	}
	for _, g := range groups {
		answer.Items = append(answer.Items, rateOfGroup(g))
	}
	return answer, nil
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
