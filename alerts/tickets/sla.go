package tickets

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Options are the tickets block of the site file.
type Options struct {
	SLA []SLA `yaml:"sla,keyed"`
	// Roster is the file that says who is on duty, relative to the site file.
	Roster string `yaml:"roster"`
}

// SLA is how long each clock of a priority runs, by the wall clock, day and
// night, and while the ticket is on hold. Zero takes the default.
type SLA struct {
	Priority Priority      `yaml:",key"`
	Respond  time.Duration `yaml:"respond"` // until a named person has accepted it
	Arrive   time.Duration `yaml:"arrive"`  // until somebody is on site
	Finish   time.Duration `yaml:"finish"`  // until it is done; of an emergency: made safe
}

// defaults are the figures the trade is held to: 30 minutes on site in an
// emergency, an answer within 2 hours to anything else.
var defaults = []SLA{
	{Rescue, 3 * time.Minute, 30 * time.Minute, 2 * time.Hour},
	{Emergency, 5 * time.Minute, 30 * time.Minute, 4 * time.Hour},
	{Ordinary, 2 * time.Hour, 4 * time.Hour, 48 * time.Hour},
}

// Validate reports unknown priorities and clocks that run backwards.
func (o *Options) Validate(report gateway.Report) {
	for _, s := range o.SLA {
		at := report.At("sla." + string(s.Priority))
		if !s.Priority.Valid() {
			at("", fmt.Sprintf("unknown priority %q", s.Priority), "one of rescue, emergency, ordinary")
		}
		for _, c := range []struct {
			key  string
			runs time.Duration
		}{{"respond", s.Respond}, {"arrive", s.Arrive}, {"finish", s.Finish}} {
			if c.runs < 0 {
				at(c.key, "a clock cannot run for less than nothing", "such as 30min")
			}
		}
	}
}

// sla returns the clocks of a priority.
func (o *Options) sla(p Priority) SLA {
	byPriority := func(s SLA) bool { return s.Priority == p }
	s := defaults[max(slices.IndexFunc(defaults, byPriority), 0)] // what is unknown is a rescue
	if i := slices.IndexFunc(o.SLA, byPriority); i >= 0 {
		own := o.SLA[i]
		s = SLA{p, cmp.Or(own.Respond, s.Respond), cmp.Or(own.Arrive, s.Arrive), cmp.Or(own.Finish, s.Finish)}
	}
	return s
}

// start sets the deadlines of t as of from. Clocks that are stopped stay so.
func (s SLA) start(t *Ticket, from gateway.Instant) {
	if t.Responded.IsZero() {
		t.Deadlines.Respond = from.Add(s.Respond)
	}
	if t.ArrivedAt.IsZero() {
		t.Deadlines.Arrive = from.Add(s.Arrive)
	}
	t.Deadlines.Finish = from.Add(s.Finish)
}

// clock is one deadline of a ticket and when it was met.
type clock struct {
	name     string
	deadline gateway.Instant
	met      gateway.Instant
}

func (t *Ticket) clocks() [3]clock {
	return [...]clock{
		{"respond", t.Deadlines.Respond, t.Responded},
		{"arrive", t.Deadlines.Arrive, t.ArrivedAt},
		{"finish", t.Deadlines.Finish, t.Finished},
	}
}

// postpone puts the deadlines of the clocks that still run off by d.
func (t *Ticket) postpone(d time.Duration) {
	for _, c := range []struct {
		name          string
		deadline, met *gateway.Instant
	}{
		{"respond", &t.Deadlines.Respond, &t.Responded},
		{"arrive", &t.Deadlines.Arrive, &t.ArrivedAt},
		{"finish", &t.Deadlines.Finish, &t.Finished},
	} {
		if c.met.IsZero() && !c.deadline.IsZero() && !slices.Contains(t.Breached, c.name) {
			*c.deadline = c.deadline.Add(d)
		}
	}
}

// nextDeadline returns the first deadline that is neither met nor breached.
func (t *Ticket) nextDeadline() (c clock, ok bool) {
	for _, k := range t.clocks() {
		if k.met.IsZero() && !k.deadline.IsZero() && !slices.Contains(t.Breached, k.name) && (!ok || k.deadline < c.deadline) {
			c, ok = k, true
		}
	}
	return c, ok
}
