package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
)

// Clock is how often a clock of one priority, of those that ran out or were
// stopped in the month, was met.
type Clock struct {
	Priority tickets.Priority `json:"priority"`
	Name     string           `json:"clock"` // respond, arrive or finish
	Due      int              `json:"due"`
	Met      int              `json:"met"`
	Mean     int64            `json:"mean_ms"` // from the first bad sample to the act, over those that were met at all
	Worst    int64            `json:"worst_ms"`
}

// Late is one clock of one ticket that was not met in time.
type Late struct {
	Ticket   string             `json:"ticket"`
	Facility gateway.FacilityID `json:"facility"`
	Name     gateway.Text       `json:"name"`
	Clock    string             `json:"clock"`
	Deadline time.Time          `json:"deadline"`
	Met      *time.Time         `json:"met"` // null: not at all by now
	Owner    string             `json:"owner"`
}

// Job is one ticket.
type Job struct {
	Ticket   string             `json:"ticket"`
	Facility gateway.FacilityID `json:"facility"`
	Name     gateway.Text       `json:"name"`
	Title    gateway.Text       `json:"title"`
	Priority tickets.Priority   `json:"priority"`
	State    tickets.State      `json:"state"`
	Opened   time.Time          `json:"opened"`
	Finished *time.Time         `json:"finished"`
	Owner    string             `json:"owner"`
	Cause    string             `json:"cause"`
	Action   string             `json:"action"`
}

// priorities are the priorities from the most urgent on.
var priorities = []tickets.Priority{tickets.Rescue, tickets.Emergency, tickets.Ordinary}

// stop is one clock of a ticket: by when it was to be met and when it was.
type stop struct {
	name          string
	deadline, met gateway.Instant
}

func stopsOf(t *tickets.Ticket) [3]stop {
	return [...]stop{
		{"respond", t.Deadlines.Respond, t.Responded},
		{"arrive", t.Deadlines.Arrive, t.ArrivedAt},
		{"finish", t.Deadlines.Finish, t.Finished},
	}
}

// settled returns when it was known whether the clock was met: when it was
// stopped or ran out, whichever came first.
func (s stop) settled() gateway.Instant {
	if s.met.IsZero() {
		return s.deadline
	}
	return min(s.met, s.deadline)
}

// countClocks counts the clocks that were settled in the month. A ticket that was
// cancelled, or closed by itself, was nobody's to answer: only what had run out
// before that counts.
func (r *Report) countClocks(site *gateway.Site, jobs []tickets.Ticket, start, to gateway.Instant) {
	type key struct {
		priority tickets.Priority
		clock    string
	}
	counts, taken := make(map[key]*Clock), make(map[key]int64)
	r.Late = []Late{}
	for i := range jobs {
		t := &jobs[i]
		for _, s := range stopsOf(t) {
			over := !t.Ended.IsZero() && s.met.IsZero() && t.Ended <= s.deadline
			if s.deadline.IsZero() || over || s.settled() < start || s.settled() >= to {
				continue
			}
			k := key{t.Priority, s.name}
			c := counts[k]
			if c == nil {
				c = &Clock{Priority: t.Priority, Name: s.name}
				counts[k] = c
			}
			c.Due++
			if !s.met.IsZero() {
				took := int64(s.met - t.Started)
				c.Worst = max(c.Worst, took)
				c.Mean += took
				taken[k]++
			}
			if !s.met.IsZero() && s.met <= s.deadline {
				c.Met++
				continue
			}
			r.Late = append(r.Late, Late{
				Ticket: t.Number, Facility: t.Facility, Name: nameOf(site, t.Facility), Clock: s.name,
				Deadline: s.deadline.In(site.Location), Met: moment(s.met, site.Location), Owner: t.Owner,
			})
		}
	}
	r.Clocks = []Clock{}
	for _, p := range priorities {
		for _, s := range stopsOf(&tickets.Ticket{}) {
			if c := counts[key{p, s.name}]; c != nil {
				if n := taken[key{p, s.name}]; n > 0 {
					c.Mean /= n
				}
				r.Clocks = append(r.Clocks, *c)
			}
		}
	}
	slices.SortStableFunc(r.Late, func(a, b Late) int { return a.Deadline.Compare(b.Deadline) })
}

// listJobs lists the repairs that were finished in the month, and what was open
// at its end.
func (r *Report) listJobs(site *gateway.Site, jobs []tickets.Ticket, start, to gateway.Instant) {
	r.Done, r.Open = []Job{}, []Job{}
	for _, t := range jobs {
		j := Job{
			Ticket: t.Number, Facility: t.Facility, Name: nameOf(site, t.Facility), Title: t.Title, Priority: t.Priority, State: t.State,
			Opened: t.Opened.In(site.Location), Finished: moment(t.Finished, site.Location), Owner: t.Owner, Cause: t.Cause, Action: t.Action,
		}
		if t.Finished >= start && t.Finished < to {
			r.Done = append(r.Done, j)
		}
		if ended := cmp.Or(t.Ended, to); ended >= to && (t.Finished.IsZero() || t.Finished >= to) {
			r.Open = append(r.Open, j)
		}
	}
}

// moment returns when i was, or nil for never.
func moment(i gateway.Instant, loc *time.Location) *time.Time {
	if i.IsZero() {
		return nil
	}
	return new(i.In(loc))
}
