package configs

import (
	"fmt"
	"time"

	"github.com/intact-gateway/intact/alerts/roster"
	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/gateway"
)

// rosterDays is how far ahead a roster is looked through: so long that somebody
// can still be found.
const rosterDays = 60

// readRoster reads the file that says who is on duty, if the site has one. Gaps
// are warnings: a gateway must start on the day on which one begins, too.
//
// A file with mistakes stands for nobody; then what refers to it is not looked at.
func (l *loader) readRoster(s *Site) *roster.Roster {
	if s.Tickets.Roster == "" {
		return nil
	}
	var c roster.Config
	var doc *yaml.Document
	for _, name := range l.files("tickets.roster", []string{s.Tickets.Roster}) {
		for _, doc = range l.open(name, yaml.Options{Env: l.env, Dir: l.dir}) {
			doc.Decode(&c)
			c.Validate(doc.Report)
		}
	}
	loc, err := s.Site.location()
	if doc == nil || len(doc.Problems()) > 0 || err != nil {
		s.Notify.Ladder = nil
		return nil
	}
	r := roster.New(c, loc)
	l.lintRoster(doc, r, loc)
	return r
}

// lintRoster warns of times at which nobody is on duty or somebody twice.
func (l *loader) lintRoster(doc *yaml.Document, r *roster.Roster, loc *time.Location) {
	today := roster.DateOf(l.now.In(loc))
	clock := func(i gateway.Instant) string { return i.In(loc).Format("2006-01-02 15:04") }
	if gaps := r.Gaps(today, rosterDays); len(gaps) > 0 {
		first, whom := gaps[0], "nobody"
		if first.Trade != "" {
			whom = "nobody of trade " + string(first.Trade)
		}
		l.warn(doc, "shifts", fmt.Sprintf("%s is on duty from %s to %s (%d such times within %d days)", whom, clock(first.From), clock(first.To), len(gaps), rosterDays),
			"give somebody the shift; until then all on duty are called, or everybody if nobody is")
	}
	for _, o := range r.Overlaps(today, rosterDays) {
		l.warn(doc, "shifts."+o.Second.Shift, fmt.Sprintf("%s is on shifts %s and %s at once from %s on", o.Second.ID, o.First.Shift, o.Second.Shift, clock(o.Second.From)), "swap one of them")
	}
	if year := r.LacksHolidays(today, rosterDays); year != 0 {
		l.warn(doc, "holidays", fmt.Sprintf("no holiday of %d is listed, and there are shifts that go by workdays", year), "enter those that the State Council has announced, with the workdays in their place")
	}
}
