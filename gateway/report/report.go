// Package report works out the monthly report of a site: what was asked for, what
// came of it, what it was due to, who did what about it, and whether it got better
// than the month before.
//
// Every figure is counted from what the store holds, by the same arithmetic as on
// the page, and carries its integers, so that it can be counted again. Nothing is
// guessed: without required time there is no rate, and a month that is not over
// says up to when it was counted.
package report

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/rules"
)

// Source is where the rows come from. store.Record is one.
type Source interface {
	// States returns the events of one facility, or of all for "", from the event
	// in force at from up to to, in the order in which they were recorded.
	States(ctx context.Context, facility gateway.FacilityID, from, to gateway.Instant) ([]intact.Event, error)
	// AlertsIn and TicketsIn return what was open at any time from from to to.
	AlertsIn(ctx context.Context, from, to gateway.Instant) ([]alerts.Alert, error)
	TicketsIn(ctx context.Context, from, to gateway.Instant) ([]tickets.Ticket, error)
}

// Report is one month of one site. Times are in milliseconds.
type Report struct {
	Site     string           `json:"site"`
	Name     gateway.Text     `json:"name"`
	Language gateway.Language `json:"-"`
	Month    string           `json:"month"` // such as 2026-11
	From     time.Time        `json:"from"`
	To       time.Time        `json:"to"`   // of a month that is not over: when it was made
	Over     bool             `json:"over"` // the month was over then
	Target   int              `json:"target"`

	Total      Rate     `json:"total"`
	Before     Rate     `json:"before"`      // the month before
	Budget     Budget   `json:"budget"`      // of down time
	Unrepaired int      `json:"unrepaired"`  // facilities that were down at To
	Classes    []Rate   `json:"by_class"`    // in the order of the site file, as all that follow
	Buildings  []Rate   `json:"by_building"` //
	Facilities []Rate   `json:"by_facility"` // the longest down time first
	Days       []Day    `json:"days"`        //
	Causes     []Cause  `json:"causes"`      // the longest down time first
	Clocks     []Clock  `json:"clocks"`      // by priority and clock
	Late       []Late   `json:"late"`        // clocks that were not met, in the order of their deadlines
	Repeats    []Repeat `json:"repeats"`     // the most frequent first
	Alarms     Alarms   `json:"alarms"`
	Done       []Job    `json:"done"` // repairs that were finished in the month
	Open       []Job    `json:"open"` // tickets that were open at To
}

// Rate is the intact rate of a group of facilities. Percentages have two decimals
// and are cut, never rounded; they are null where there is nothing to divide by,
// as are the means.
type Rate struct {
	Key        string       `json:"key"`
	Name       gateway.Text `json:"name"`
	Facilities int          `json:"facilities"`
	intact.Tally
	Required   int64   `json:"required_ms"`
	Percent    *string `json:"percent"`
	Pass       *bool   `json:"pass"`
	Coverage   *string `json:"coverage"`
	Sufficient bool    `json:"sufficient"` // at least 90 % of the time is known
	MTBF       *int64  `json:"mtbf_ms"`
	MTTR       *int64  `json:"mttr_ms"`
}

// Budget is how much down time a month has: 2 % of what is required of it, if
// nothing is unknown or planned any more until it is over.
type Budget struct {
	Allowed int64 `json:"allowed_ms"`
	Left    int64 `json:"left_ms"` // negative when it is overdrawn
}

// Day is one day of the site.
type Day struct {
	Date string `json:"date"` // such as 2026-11-03
	Rate
}

// Cause is a rule, or what else kept facilities from being up.
type Cause struct {
	Rule  string       `json:"rule"`
	Title gateway.Text `json:"title"`
	Down  int64        `json:"down_ms"`
	// Faults is how many began in the month.
	Faults int64 `json:"faults"`
	// Share is the down time of this and all longer ones, in percent of all with
	// two decimals, cut.
	Share string `json:"share"`
}

// New counts the month that moment lies in, as far as it has come by now.
func New(ctx context.Context, site *gateway.Site, from Source, month, now gateway.Instant) (*Report, error) {
	start := intact.MonthStart(month, site.Location)
	end := nextMonth(start, site.Location)
	if start >= now {
		return nil, fmt.Errorf("the month %s has not begun", start.In(site.Location).Format("2006-01"))
	}
	to := min(end, now)
	r := &Report{
		Site: site.ID, Name: site.Name, Language: site.Language, Month: start.In(site.Location).Format("2006-01"),
		From: start.In(site.Location), To: to.In(site.Location), Over: end <= now, Target: intact.Target,
	}
	if err := r.countBefore(ctx, site, from, start); err != nil {
		return nil, err
	}
	events, err := from.States(ctx, "", start, to)
	if err != nil {
		return nil, err
	}
	known, err := from.AlertsIn(ctx, start, to)
	if err != nil {
		return nil, err
	}
	jobs, err := from.TicketsIn(ctx, start, to)
	if err != nil {
		return nil, err
	}
	log := intact.NewLog(site, events)
	r.countTime(site, log, start, to, end)
	r.countCauses(site, log, known, start, to)
	r.countAlarms(site, slices.DeleteFunc(known, func(a alerts.Alert) bool { return a.Raised < start }))
	r.countClocks(site, jobs, start, to)
	r.listJobs(site, jobs, start, to)
	return r, nil
}

// nextMonth returns the first moment of the month after the one that begins at
// start.
func nextMonth(start gateway.Instant, loc *time.Location) gateway.Instant {
	t := start.In(loc)
	return gateway.InstantOf(time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, loc))
}

// countBefore counts the month before.
func (r *Report) countBefore(ctx context.Context, site *gateway.Site, from Source, start gateway.Instant) error {
	before := intact.MonthStart(start-1, site.Location)
	events, err := from.States(ctx, "", before, start)
	if err != nil {
		return err
	}
	_, total := intact.Groups(site, intact.NewLog(site, events).Tallies(before, start), intact.ByClass)
	r.Before = rateOf(total)
	return nil
}

func rateOf(g intact.Group) Rate {
	t := g.Tally
	r := Rate{Key: g.Key, Name: g.Name, Facilities: g.Facilities, Tally: t, Required: t.Required(), Sufficient: t.Sufficient()}
	if t.Required() > 0 {
		r.Percent, r.Pass = new(t.Percent()), new(t.Pass(intact.Target))
	}
	if c := t.Coverage(); c != "" {
		r.Coverage = &c
	}
	if d, ok := t.MTBF(); ok {
		r.MTBF = new(d.Milliseconds())
	}
	if d, ok := t.MTTR(); ok {
		r.MTTR = new(d.Milliseconds())
	}
	return r
}

// countTime counts the month by class, building, facility and day.
func (r *Report) countTime(site *gateway.Site, log intact.Log, start, to, end gateway.Instant) {
	tallies := log.Tallies(start, to)
	by := func(g intact.Grouping) []Rate {
		groups, total := intact.Groups(site, tallies, g)
		r.Total = rateOf(total)
		rates := make([]Rate, 0, len(groups))
		for _, g := range groups {
			rates = append(rates, rateOf(g))
		}
		return rates
	}
	r.Classes, r.Buildings, r.Facilities = by(intact.ByClass), by(intact.ByBuilding), by(intact.ByFacility)
	slices.SortStableFunc(r.Facilities, func(a, b Rate) int { return cmp.Compare(b.Down, a.Down) })
	ahead := int64(end-to) * int64(r.Total.Facilities)
	r.Budget.Allowed = (r.Total.Required + ahead) * (100 - intact.Target) / 100
	r.Budget.Left = r.Budget.Allowed - r.Total.Down
	r.Days = []Day{}
	for day := start; day < to; {
		next := dayAfter(day, site.Location)
		_, total := intact.Groups(site, log.Tallies(day, min(next, to)), intact.ByClass)
		r.Days = append(r.Days, Day{Date: day.In(site.Location).Format(time.DateOnly), Rate: rateOf(total)})
		day = next
	}
}

// dayAfter returns the midnight behind the day that begins at day.
func dayAfter(day gateway.Instant, loc *time.Location) gateway.Instant {
	t := day.In(loc)
	return gateway.InstantOf(time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, loc))
}

// otherCauses are the causes of down time that are no rules.
var otherCauses = map[string]gateway.Text{
	intact.SilentTooLong: catalogue["silent_24"],
	intact.OpenAlert:     catalogue["open_at_start"],
}

// countCauses adds the down time up by what it began with.
func (r *Report) countCauses(site *gateway.Site, log intact.Log, known []alerts.Alert, start, to gateway.Instant) {
	titles := maps.Clone(otherCauses)
	for _, a := range known {
		titles[a.Rule] = a.Title
	}
	causes := make(map[string]*Cause)
	for i, f := range site.Facilities() {
		if !f.Class.Counted() {
			continue
		}
		newest := true
		for s := range intact.Spans(log[i], start, to) {
			if s.Class == intact.Down {
				c := causes[s.Cause]
				if c == nil {
					c = &Cause{Rule: s.Cause, Title: titles[s.Cause]}
					if c.Title.IsZero() {
						c.Title = gateway.Text{ZH: s.Cause, EN: s.Cause}
					}
					causes[s.Cause] = c
				}
				c.Down += int64(s.To - s.From)
				if s.Fault {
					c.Faults++
				}
				if newest {
					r.Unrepaired++
				}
			}
			newest = false
		}
	}
	r.Causes = make([]Cause, 0, len(causes))
	for _, c := range causes {
		r.Causes = append(r.Causes, *c)
	}
	slices.SortFunc(r.Causes, func(a, b Cause) int { return cmp.Or(cmp.Compare(b.Down, a.Down), cmp.Compare(a.Rule, b.Rule)) })
	sum := int64(0)
	for i := range r.Causes {
		sum += r.Causes[i].Down
		r.Causes[i].Share = intact.Tally{Up: sum, Down: r.Total.Down - sum}.Percent()
	}
}

// Alarms is how many alerts were raised, and how people got on with them.
type Alarms struct {
	Raised   int            `json:"raised"`
	Hidden   int            `json:"hidden"` // of them, consequences of others
	Severity map[string]int `json:"severity"`
	Acked    int            `json:"acked"`
	// MeanToAck is from raising to acknowledging, over those that were and did not
	// come again since: when these came first is not known any more.
	MeanToAck int64    `json:"mean_to_ack_ms"`
	Top       []Repeat `json:"top"` // the ten that came most often
}

// Repeat is one rule on one facility that raised more than one alert.
type Repeat struct {
	Facility gateway.FacilityID `json:"facility"`
	Name     gateway.Text       `json:"name"`
	Rule     string             `json:"rule"`
	Title    gateway.Text       `json:"title"`
	Count    int                `json:"count"`
	Impairs  bool               `json:"impairs"`
}

// topAlarms is how many of the most frequent alarms are listed.
const topAlarms = 10

// countAlarms counts alerts by severity, and finds what keeps coming back.
func (r *Report) countAlarms(site *gateway.Site, raised []alerts.Alert) {
	r.Alarms.Severity = make(map[string]int)
	type key struct {
		facility gateway.FacilityID
		rule     string
	}
	often := make(map[key]*Repeat)
	waited, answered := int64(0), int64(0)
	for _, a := range raised {
		r.Alarms.Raised++
		if a.Visibility == alerts.Suppressed {
			r.Alarms.Hidden++
			continue
		}
		r.Alarms.Severity[a.Worst.String()]++
		if a.Acked {
			r.Alarms.Acked++
		}
		if a.Acked && a.AckedAt >= a.Raised {
			waited += int64(a.AckedAt - a.Raised)
			answered++
		}
		k := key{a.Facility, a.Rule}
		if often[k] == nil {
			often[k] = &Repeat{Facility: a.Facility, Name: nameOf(site, a.Facility), Rule: a.Rule, Title: a.Title, Impairs: a.Impairs}
		}
		often[k].Count++
	}
	if answered > 0 {
		r.Alarms.MeanToAck = waited / answered
	}
	r.Repeats, r.Alarms.Top = []Repeat{}, []Repeat{}
	for _, o := range often {
		if o.Count > 1 {
			r.Alarms.Top = append(r.Alarms.Top, *o)
		}
		if o.Count > 1 && o.Impairs {
			r.Repeats = append(r.Repeats, *o)
		}
	}
	byCount := func(a, b Repeat) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Facility, b.Facility), cmp.Compare(a.Rule, b.Rule))
	}
	slices.SortFunc(r.Repeats, byCount)
	slices.SortFunc(r.Alarms.Top, byCount)
	r.Alarms.Top = r.Alarms.Top[:min(len(r.Alarms.Top), topAlarms)]
}

// severities are the severities from the worst to the least.
func severities() []string {
	return []string{rules.LifeSafety.String(), rules.Critical.String(), rules.Warning.String(), rules.Info.String()}
}

// nameOf returns what people call a facility; the site may no longer have it.
func nameOf(site *gateway.Site, id gateway.FacilityID) gateway.Text {
	if f := site.Facility(id); f != nil && !f.Name.IsZero() {
		return f.Name
	}
	return gateway.Text{ZH: string(id), EN: string(id)}
}
