package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/roster"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Ladder says who is told next, and when, of alerts that nobody takes in hand.
// Those match it that match all of what is given.
type Ladder struct {
	Severity  string           `yaml:"severity"` // alerts that have been this bad or worse
	Priority  tickets.Priority `yaml:"priority"` // of the ticket that the rule opens
	Classes   []gateway.Class  `yaml:"classes"`
	Buildings []string         `yaml:"buildings"`
	Steps     []Step           `yaml:"steps,required"`
}

// Step is one step of a ladder.
type Step struct {
	After time.Duration `yaml:"after,required"` // the call: the alert was raised, or its acknowledgement has run out
	// Tell names whom: duty or duty/TRADE, person/ID, team/NAME, receiver/ID, all.
	Tell   []string      `yaml:"tell,required"`
	By     string        `yaml:"by"`     // sms, voice or email: tell people by that alone
	Repeat time.Duration `yaml:"repeat"` // tell them again so often until the next step; the last one for a day
}

// The bounds of ladders.
const (
	leastStep   = time.Minute
	longestStep = 7 * 24 * time.Hour
	repeatFor   = 24 * time.Hour // of the last step
)

// Whom a step can tell.
const (
	tellDuty     = "duty"
	tellPerson   = "person"
	tellTeam     = "team"
	tellReceiver = "receiver"
	tellAll      = "all"
)

const tellForms = "duty, duty/electrician, person/ID, team/NAME, receiver/ID or all"

// Ladders are the ladders of a site. They are pure and own nothing that changes.
type Ladders struct {
	c     Config
	site  *gateway.Site
	rungs [][]rung // by ladder
}

// rung is one time at which a ladder tells.
type rung struct {
	after time.Duration
	step  *Step
}

// NewLadders returns the ladders of a block that Validate found in order; nil if
// there are none.
func NewLadders(c Config, site *gateway.Site) *Ladders {
	if len(c.Ladder) == 0 {
		return nil
	}
	l := &Ladders{c: c, site: site}
	for i := range c.Ladder {
		l.rungs = append(l.rungs, c.Ladder[i].rungs())
	}
	return l
}

// rungs returns every time at which the ladder tells, repetitions included.
func (l *Ladder) rungs() (all []rung) {
	for i := range l.Steps {
		s := &l.Steps[i]
		until := s.After + repeatFor
		if i+1 < len(l.Steps) {
			until = l.Steps[i+1].After
		}
		all = append(all, rung{s.After, s})
		for at := s.After + s.Repeat; s.Repeat > 0 && at < until; at += s.Repeat {
			all = append(all, rung{at, s})
		}
	}
	return all
}

// of returns the rungs of the ladder for a.
func (l *Ladders) of(a *alerts.Alert) []rung {
	for i := range l.c.Ladder {
		if l.c.Ladder[i].matches(a, l.site.Facility(a.Facility)) {
			return l.rungs[i]
		}
	}
	return nil
}

// matches holds an alert against the ladder; f is nil if the facility is no longer
// there.
func (l *Ladder) matches(a *alerts.Alert, f *gateway.Facility) bool {
	least, _ := rules.ParseSeverity(l.Severity)
	if f == nil {
		f = &gateway.Facility{}
	}
	return a.Worst >= least && (l.Priority == "" || a.SLA == string(l.Priority)) &&
		(len(l.Classes) == 0 || slices.Contains(l.Classes, f.Class)) &&
		(len(l.Buildings) == 0 || slices.Contains(l.Buildings, f.Building))
}

// Due implements alerts.Ladders.
func (l *Ladders) Due(a *alerts.Alert, n int) (after time.Duration, ok bool) {
	rungs := l.of(a)
	if n >= len(rungs) {
		return 0, false
	}
	return rungs[n].after, true
}

// Tell implements alerts.Ladders.
func (l *Ladders) Tell(a *alerts.Alert, n int, now gateway.Instant) []string {
	step := l.of(a)[n].step
	var to []string
	tell := func(id string) {
		if !slices.Contains(to, id) {
			to = append(to, id)
		}
	}
	for _, target := range step.Tell {
		kind, name, _ := strings.Cut(target, "/")
		if kind == tellReceiver {
			tell(name)
			continue
		}
		for _, who := range l.c.called(kind, name, a.Why.Role, now) {
			if id, ok := l.c.reach(who, step.By); ok {
				tell(id)
			}
		}
	}
	return to
}

// called returns the people that a target stands for at now.
func (c *Config) called(kind, name, role string, now gateway.Instant) []roster.Person {
	switch kind {
	case tellDuty:
		return c.Roster.Call(roster.Trade(cmp.Or(name, role)), now)
	case tellTeam:
		return c.Roster.Present(c.Roster.Team(name), now)
	case tellPerson:
		who, _ := c.Roster.Person(name)
		return []roster.Person{who}
	default:
		return c.Roster.Present(c.Roster.People(), now)
	}
}

// validateLadders reports ladders that end at nobody.
func (c *Config) validateLadders(report gateway.Report, receivers []string) {
	for i := range c.Ladder {
		l, at := &c.Ladder[i], report.At(fmt.Sprintf("ladder[%d]", i))
		l.validate(at)
		for j := range i {
			if c.Ladder[j].covers(l) {
				at("", fmt.Sprintf("no alert comes to this ladder: all that match it match ladder %d, which is before it", j+1), "put what is special before what is general")
				break
			}
		}
		for k, s := range l.Steps {
			c.validateStep(at.At(fmt.Sprintf("steps[%d]", k)), s, receivers)
		}
	}
}

func (l *Ladder) validate(report gateway.Report) {
	if _, ok := rules.ParseSeverity(l.Severity); l.Severity != "" && !ok {
		report("severity", fmt.Sprintf("unknown severity %q", l.Severity), suggest(l.Severity, severities()))
	}
	if priorities := []string{string(tickets.Rescue), string(tickets.Emergency), string(tickets.Ordinary)}; l.Priority != "" && !l.Priority.Valid() {
		report("priority", fmt.Sprintf("unknown priority %q", l.Priority), suggest(string(l.Priority), priorities))
	}
	for i, c := range l.Classes {
		if !c.Valid() {
			report(fmt.Sprintf("classes[%d]", i), fmt.Sprintf("unknown class %q", c), suggest(string(c), classes()))
		}
	}
	if len(l.Steps) == 0 {
		report("steps", "the ladder has no steps", "such as steps: [{after: 5min, tell: duty}]")
	}
	for i, s := range l.Steps {
		at := report.At(fmt.Sprintf("steps[%d]", i))
		switch {
		case s.After < 0 || s.After > longestStep:
			at("after", fmt.Sprintf("a step cannot be %v after the call", s.After), "between 0s and 7d, such as 5min")
		case i > 0 && s.After < l.Steps[i-1].After+leastStep:
			at("after", fmt.Sprintf("step %d is less than %v after the one before", i+1, leastStep), "steps stand in the order of their times; what happens at once is one step: tell: [duty, person/ID]")
		}
		if s.Repeat != 0 && s.Repeat < leastStep {
			at("repeat", fmt.Sprintf("to tell people every %v helps nobody", s.Repeat), "1min or more, such as 15min")
		}
	}
}

// covers reports whether every alert that matches o matches l.
func (l *Ladder) covers(o *Ladder) bool {
	mine, _ := rules.ParseSeverity(l.Severity)
	its, _ := rules.ParseSeverity(o.Severity)
	return mine <= its && (l.Priority == "" || l.Priority == o.Priority) && holdsAll(l.Classes, o.Classes) && holdsAll(l.Buildings, o.Buildings)
}

// holdsAll reports whether all holds what is in some; an empty list stands for
// everything.
func holdsAll[T comparable](all, some []T) bool {
	return len(all) == 0 || len(some) > 0 && !slices.ContainsFunc(some, func(v T) bool { return !slices.Contains(all, v) })
}

func (c *Config) validateStep(report gateway.Report, s Step, receivers []string) {
	if s.By != "" && !slices.Contains(ways, s.By) {
		report("by", fmt.Sprintf("unknown way %q", s.By), suggest(s.By, ways))
		return
	}
	if len(s.Tell) == 0 {
		report("tell", "the step tells nobody", tellForms)
	}
	for i, target := range s.Tell {
		c.validateTarget(report.At(fmt.Sprintf("tell[%d]", i)), target, s.By, receivers)
	}
}

// validateTarget reports a target that stands for nobody, or for somebody who
// cannot be told.
func (c *Config) validateTarget(report gateway.Report, target, by string, receivers []string) {
	kind, name, named := strings.Cut(target, "/")
	people := c.Roster.People()
	switch {
	case !slices.Contains([]string{tellDuty, tellPerson, tellTeam, tellReceiver, tellAll}, kind),
		named != (kind != tellAll) && kind != tellDuty:
		report("", fmt.Sprintf("%q names nobody", target), tellForms)
		return
	case kind == tellReceiver:
		if !slices.Contains(receivers, name) {
			report("", fmt.Sprintf("there is no receiver %q", name), suggest(name, receivers))
		}
		return
	case c.Roster == nil:
		report("", fmt.Sprintf("%q is looked up in the roster, and the site has none", target), "name its file, tickets: {roster: roster.yaml}, or a receiver: receiver/ID")
		return
	case kind == tellDuty && named && !roster.Trade(name).Valid():
		report("", fmt.Sprintf("unknown trade %q", name), suggest(name, tradeNames()))
		return
	case kind == tellDuty && !c.Roster.HasShifts():
		report("", "nobody is ever on duty: the roster has no shifts", "give it shifts, or name people, a team or all")
		return
	case kind == tellPerson:
		who, known := c.Roster.Person(name)
		if people = []roster.Person{who}; !known {
			report("", fmt.Sprintf("there is no person %q in the roster", name), suggest(name, personIDs(c.Roster.People())))
			return
		}
	case kind == tellTeam:
		if people = c.Roster.Team(name); len(people) == 0 {
			report("", fmt.Sprintf("there is no team %q in the roster", name), "name it under teams: of the roster")
			return
		}
	}
	c.validateReach(report, target, people, by)
}

// validateReach reports the people of a target that no message would reach.
func (c *Config) validateReach(report gateway.Report, target string, people []roster.Person, by string) {
	var lost []string
	for _, who := range people {
		if _, ok := c.reach(who, by); !ok {
			lost = append(lost, who.ID)
		}
	}
	if len(lost) == 0 {
		return
	}
	hint := "give them a mobile or mail that notify: people: has a way to, or a receiver"
	if by != "" {
		hint = "give them a mobile or mail, and the way under notify: people: " + by
	}
	report("", fmt.Sprintf("%s may call %s, whom no message would reach", target, strings.Join(lost, ", ")), hint)
}

func tradeNames() (names []string) {
	for _, t := range roster.Trades() {
		names = append(names, string(t))
	}
	return names
}

func personIDs(people []roster.Person) (ids []string) {
	for _, p := range people {
		ids = append(ids, p.ID)
	}
	return ids
}
