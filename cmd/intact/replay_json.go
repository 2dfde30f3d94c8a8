package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules/replay"
)

// What follows is what programs read. Times are by the clock of the site,
// durations in seconds.
type (
	replayJSON struct {
		summaryJSON
		Rules       []ruleJSON        `json:"rules"`
		Blind       []blindJSON       `json:"blind"`
		Suggestions []suggestionJSON  `json:"suggestions"`
		Unknown     []gateway.PointID `json:"unknown_points"`
	}
	comparisonJSON struct {
		Before      summaryJSON       `json:"before"`
		After       summaryJSON       `json:"after"`
		Differences []differenceJSON  `json:"differences"`
		Unknown     []gateway.PointID `json:"unknown_points"`
	}
	summaryJSON struct {
		From    *time.Time               `json:"from"`
		To      *time.Time               `json:"to"`
		Samples int                      `json:"samples"`
		Gaps    []gapJSON                `json:"gaps"`
		Alarms  int                      `json:"alarms"`
		PerHour float64                  `json:"alarms_per_hour"`
		Tickets map[tickets.Priority]int `json:"tickets"`
		Notices int                      `json:"notices"`
	}
	gapJSON struct {
		From *time.Time `json:"from"`
		To   *time.Time `json:"to"`
	}
	tallyJSON struct {
		Activations int        `json:"activations"`
		Chatter     int        `json:"chatter"`
		Active      float64    `json:"active"`
		Longest     float64    `json:"longest"`
		First       *time.Time `json:"first"`
		Last        *time.Time `json:"last"`
	}
	ruleJSON struct {
		Key      string       `json:"key"`
		Title    gateway.Text `json:"title"`
		Severity string       `json:"severity"`
		tallyJSON
		PerHour     float64 `json:"per_hour"`
		StillActive bool    `json:"still_active"`
		Hidden      int     `json:"hidden"`
	}
	blindJSON struct {
		Key    string            `json:"key"`
		Points []gateway.PointID `json:"points"`
		Lacks  replay.Lack       `json:"lacks"`
	}
	missedJSON struct {
		Count   int        `json:"count"`
		Longest float64    `json:"longest"`
		First   *time.Time `json:"first"`
	}
	suggestionJSON struct {
		Class   gateway.Class  `json:"class"`
		Rule    string         `json:"rule"`
		Setting replay.Setting `json:"setting"`
		Now     string         `json:"now"`
		Then    string         `json:"then"`
		Before  tallyJSON      `json:"before"`
		After   tallyJSON      `json:"after"`
		Missed  missedJSON     `json:"missed"`
		Stops   bool           `json:"stops"`
	}
	differenceJSON struct {
		Key     string     `json:"key"`
		Before  tallyJSON  `json:"before"`
		After   tallyJSON  `json:"after"`
		Missed  missedJSON `json:"missed"`
		Removed bool       `json:"removed"`
		Added   bool       `json:"added"`
	}
)

// siteClock writes moments by the clock of a site, null for none.
type siteClock struct{ *time.Location }

func (c siteClock) at(i gateway.Instant) *time.Time {
	if i.IsZero() {
		return nil
	}
	return new(i.In(c.Location))
}

func (c siteClock) tally(t replay.Tally) tallyJSON {
	return tallyJSON{t.Activations, t.Chatter, t.Active.Seconds(), t.Longest.Seconds(), c.at(t.First), c.at(t.Last)}
}

func (c siteClock) missed(m replay.Missed) missedJSON {
	return missedJSON{m.Count, m.Longest.Seconds(), c.at(m.First)}
}

func (c siteClock) summary(r *replay.Report) summaryJSON {
	s := summaryJSON{
		From: c.at(r.From), To: c.at(r.To), Samples: r.Samples, Gaps: []gapJSON{},
		Alarms: r.Alarms, PerHour: perHour(r.Alarms, r.Duration()), Tickets: r.Tickets, Notices: r.Notices,
	}
	for _, g := range r.Gaps {
		s.Gaps = append(s.Gaps, gapJSON{c.at(g.From), c.at(g.To)})
	}
	return s
}

func printReplayJSON(w io.Writer, site *gateway.Site, r *replay.Report, suggested []replay.Suggestion, unknown []gateway.PointID) error {
	c := siteClock{site.Location}
	out := replayJSON{summaryJSON: c.summary(r), Rules: []ruleJSON{}, Blind: []blindJSON{}, Suggestions: []suggestionJSON{}, Unknown: orEmpty(unknown)}
	for _, x := range r.Rules {
		out.Rules = append(out.Rules, ruleJSON{x.Key, x.Title, x.Severity.String(), c.tally(x.Tally), perHour(x.Activations, r.Duration()), x.StillActive, x.Hidden})
	}
	for _, b := range r.Blind {
		out.Blind = append(out.Blind, blindJSON(b))
	}
	for _, s := range suggested {
		out.Suggestions = append(out.Suggestions, suggestionJSON{s.Class, s.Rule, s.Setting, s.Now, s.Then, c.tally(s.Before), c.tally(s.After), c.missed(s.Missed), s.Stops})
	}
	return json.NewEncoder(w).Encode(out)
}

func printComparisonJSON(w io.Writer, site *gateway.Site, d *replay.Comparison, unknown []gateway.PointID) error {
	c := siteClock{site.Location}
	out := comparisonJSON{Before: c.summary(d.Before), After: c.summary(d.After), Differences: []differenceJSON{}, Unknown: orEmpty(unknown)}
	for _, x := range d.Differences {
		out.Differences = append(out.Differences, differenceJSON{x.Key, c.tally(x.Before), c.tally(x.After), c.missed(x.Missed), x.Removed, x.Added})
	}
	return json.NewEncoder(w).Encode(out)
}

// orEmpty keeps a list without entries from being null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
