package metrics

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/rules"
)

// What is known of facilities, points, alerts, tickets and the loop.
var (
	facilityState = family("facility_state", "What the facility counts as: 0 up, 1 degraded, 2 down, 3 planned, 4 unknown, 5 excluded.",
		"building", "class", "facility")
	facilityDown = family("facility_down_seconds_total", "Time the facility has been down since it came into service, in seconds.",
		"building", "class", "facility")
	facilityRequired = family("facility_required_seconds_total", "Time the facility was due to work and its state was known since it came into service, in seconds.",
		"building", "class", "facility")
	facilityUnknown = family("facility_unknown_seconds_total", "Time the state of the facility was unknown since it came into service, in seconds.",
		"building", "class", "facility")
	facilityFaults = family("facility_faults_total", "Times the facility went from up to down since it came into service.",
		"building", "class", "facility")
	facilityPlanned = family("facility_planned_seconds_total", "Time the facility was stopped on purpose since it came into service, in seconds.",
		"building", "class", "facility")
	facilityInfo = family("facility_info", "Always 1; its labels say what the facility is called and where it is.",
		"building", "class", "facility", "criticality", "place", "name_zh", "name_en")
	intactRate = family("rate", "Intact rate of all counted facilities in the window as a ratio from 0 to 1; absent without data.", "window")
	coverage   = family("coverage_ratio", "Share of the due time of all counted facilities in the window whose state is known, from 0 to 1; absent if none was due.", "window")

	pointValue = family("point_value", "Newest value of the point in the unit of its label; absent while the value is bad.", "facility", "point", "unit")
	pointAge   = family("point_age_seconds", "Time since the newest value of the point came, in seconds; absent while the value is bad.", "facility", "point")
	rateTarget = family("rate_target", "Intact rate that the site is held to as a ratio from 0 to 1.")
	budget     = family("down_budget_seconds", "Down time of all counted facilities together that keeps the intact rate of this month at its target, in seconds.")
	budgetLeft = family("down_budget_left_seconds", "What is left of the down time that this month allows, in seconds; below 0 once it is used up.")

	points       = family("points", "Points by the quality of their newest sample.", "quality")
	pointsHidden = family("points_left_out", "Points that have no series of their own because there are too many.")

	alertsActive   = family("alerts_active", "Shown alerts whose condition lasts.", "severity")
	alertsUnacked  = family("alerts_unacknowledged", "Shown alerts that nobody has acknowledged, whether their condition lasts or not.", "severity")
	alertsHidden   = family("alerts_suppressed", "Alerts hidden behind the alert that causes them, or held back until a cause is known.")
	alertsShelved  = family("alerts_shelved", "Alerts that a person has shelved, whether their condition lasts or not; not counted in the others.")
	ticketsOpen    = family("tickets_open", "Open tickets.", "priority", "state")
	breaches       = family("sla_breaches_total", "Ticket clocks that ran out before they were stopped, since the gateway started.", "clock")
	samples        = family("samples_total", "Samples held against the rules since the gateway started.")
	samplesBad     = family("samples_bad_total", "Samples without a value since the gateway started.")
	coalesced      = family("samples_coalesced_total", "Analog samples replaced by a newer one under overload since the gateway started.")
	transitions    = family("rule_transitions_total", "Changes of rule instances since the gateway started.")
	commits        = family("journal_commits_total", "Transactions written to disk since the gateway started.")
	commitTime     = family("journal_commit_seconds_total", "Time that the transactions took on their way to disk, in seconds since the gateway started.")
	commitFailures = family("journal_commit_failures_total", "Transactions the disk refused since the gateway started.")
	noticesLost    = family("notices_lost_total", "Notices that nobody will be sent: more waited for their receiver than memory holds while the disk failed. Since the gateway started.")
	rowsLost       = family("journal_rows_lost_total", "Journal rows given up because the disk failed for too long, since the gateway started.")
	snapshotTime   = family("snapshot_timestamp_seconds", "When the loop last showed its state, in seconds since 1970.")
	ownFaults      = family("gateway_faults", "Parts of the gateway itself that do not work right now.")
)

// The label values that are always shown, so that a count of none is a 0 and
// not a gap.
var (
	severities = []rules.Severity{rules.Info, rules.Warning, rules.Critical, rules.LifeSafety}
	priorities = []tickets.Priority{tickets.Rescue, tickets.Emergency, tickets.Ordinary}
	openStates = []tickets.State{tickets.New, tickets.Assigned, tickets.Accepted, tickets.Arrived, tickets.Working, tickets.OnHold, tickets.Done}
	clocks     = []string{"respond", "arrive", "reply", "finish"}
)

// snapshots is the collector of everything that a snapshot tells.
type snapshots struct {
	newest func() *pipeline.Snapshot

	mu   sync.Mutex
	site *gateway.Site
	told []totals // by facility index: the highest that were shown
}

// Describe names nothing: which series exist depends on the site and its values.
func (*snapshots) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *snapshots) Collect(ch chan<- prometheus.Metric) {
	s := c.newest()
	collectFacilities(ch, s, c.rising(s))
	collectRate(ch, "today", s.Site, s.Today)
	collectRate(ch, "month", s.Site, s.Month)
	collectBudget(ch, s)
	collectPoints(ch, s)
	collectAlerts(ch, s)
	collectLoad(ch, s)
	collectOpenAlerts(ch, s.Alerts)
	collectTickets(ch, s)
	collectOpenTickets(ch, s.Tickets)
	collectWork(ch, s.Stats.Work)
	collectLoop(ch, s)
}

// totals are sums over a facility's time in service, in milliseconds.
type totals struct{ down, required, planned, unknown, faults int64 }

// rising returns the totals of s as they may be shown as counters: none of them
// lower than the last time. A fault ends at its first good sample, which is
// known only when the reset has held; the seconds until then are taken back
// from the total, and Prometheus would take a falling counter for a restart.
func (c *snapshots) rising(s *pipeline.Snapshot) []totals {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.site != s.Site {
		c.site, c.told = s.Site, make([]totals, len(s.Total))
	}
	for i, t := range s.Total {
		m := &c.told[i]
		m.down, m.required = max(m.down, t.Down), max(m.required, t.Required())
		m.planned, m.unknown = max(m.planned, t.Planned), max(m.unknown, t.Unknown)
		m.faults = max(m.faults, t.Faults)
	}
	return slices.Clone(c.told)
}

// collectFacilities sends the state and the times of every facility, lines and
// the gateway itself included: they are not counted in the rate, but watched.
func collectFacilities(ch chan<- prometheus.Metric, s *pipeline.Snapshot, sums []totals) {
	for i, f := range s.Site.Facilities() {
		labels := []string{f.Building, string(f.Class), string(f.ID)}
		t := sums[i]
		gauge(ch, facilityState, float64(s.Facilities[i].Class), labels...)
		counter(ch, facilityDown, seconds(t.down), labels...)
		counter(ch, facilityRequired, seconds(t.required), labels...)
		counter(ch, facilityPlanned, seconds(t.planned), labels...)
		counter(ch, facilityUnknown, seconds(t.unknown), labels...)
		counter(ch, facilityFaults, float64(t.faults), labels...)
		gauge(ch, facilityInfo, 1, append(labels, string(f.Criticality), f.Place, f.Name.In(gateway.Chinese), f.Name.In(gateway.English))...)
	}
}

// seconds returns milliseconds in the base unit of Prometheus.
func seconds(ms int64) float64 { return float64(ms) / 1000 }

// collectBudget sends how much of the down time that this month allows is left:
// the rest of the month is taken to be due in full.
func collectBudget(ch chan<- prometheus.Metric, s *pipeline.Snapshot) {
	var all intact.Tally
	counted := int64(0)
	for i, f := range s.Site.Facilities() {
		if f.Class.Counted() {
			all = all.Add(s.Month[i])
			counted++
		}
	}
	start := intact.MonthStart(s.At, s.Site.Location)
	end := intact.MonthStart(start.Add(32*24*time.Hour), s.Site.Location)
	allowed := (all.Required() + int64(end-s.At)*counted) * (100 - intact.Target) / 100
	gauge(ch, rateTarget, intact.Target/100.0)
	gauge(ch, budget, seconds(allowed))
	gauge(ch, budgetLeft, seconds(allowed-all.Down))
}

// collectRate sends the pooled rate of all counted facilities in one window.
func collectRate(ch chan<- prometheus.Metric, window string, site *gateway.Site, tallies []intact.Tally) {
	var all intact.Tally
	for i, f := range site.Facilities() {
		if f.Class.Counted() {
			all = all.Add(tallies[i])
		}
	}
	known := all.Required()
	if known > 0 {
		gauge(ch, intactRate, float64(known-all.Down)/float64(known), window)
	}
	if due := known + all.Unknown; due > 0 {
		gauge(ch, coverage, float64(known)/float64(due), window)
	}
}

// collectPoints sends a value and its age for each point that has one. A driver
// that lets NaN through as good is not believed.
func collectPoints(ch chan<- prometheus.Metric, s *pipeline.Snapshot) {
	byQuality := map[string]int{gateway.Good.Status(): 0, gateway.Uncertain.Status(): 0, gateway.NotSeen.Status(): 0}
	for ref, p := range s.Site.Points() {
		v := s.Values[ref]
		finite := !math.IsNaN(v.Value) && !math.IsInf(v.Value, 0)
		if v.Quality.HasValue() && !finite {
			v.Quality = gateway.BadDecode
		}
		byQuality[v.Quality.Status()]++
		if !v.Quality.HasValue() || ref >= MaxPoints {
			continue
		}
		gauge(ch, pointValue, v.Value, string(p.Facility), p.Name, p.Unit)
		gauge(ch, pointAge, max(0, s.At.Sub(v.At).Seconds()), string(p.Facility), p.Name)
	}
	for _, quality := range slices.Sorted(maps.Keys(byQuality)) {
		gauge(ch, points, float64(byQuality[quality]), quality)
	}
	gauge(ch, pointsHidden, float64(max(0, s.Site.Len()-MaxPoints)))
}

// collectAlerts counts what people are shown; hidden and shelved alerts are
// counted apart.
func collectAlerts(ch chan<- prometheus.Metric, s *pipeline.Snapshot) {
	active, unacked := make(map[rules.Severity]int), make(map[rules.Severity]int)
	hidden, shelved := 0, 0
	for _, a := range s.Alerts {
		switch {
		case a.Shelved():
			shelved++
			continue
		case a.Visibility == alerts.Suppressed:
			hidden++
			continue
		}
		if a.Phase != rules.Normal {
			active[a.Severity]++
		}
		if !a.Acked {
			unacked[a.Severity]++
		}
	}
	for _, severity := range severities {
		gauge(ch, alertsActive, float64(active[severity]), severity.String())
		gauge(ch, alertsUnacked, float64(unacked[severity]), severity.String())
	}
	gauge(ch, alertsHidden, float64(hidden))
	gauge(ch, alertsShelved, float64(shelved))
}

// collectTickets counts the open tickets, and the clocks that ran out.
func collectTickets(ch chan<- prometheus.Metric, s *pipeline.Snapshot) {
	type kind struct {
		priority tickets.Priority
		state    tickets.State
	}
	open := make(map[kind]int)
	for _, t := range s.Tickets {
		open[kind{t.Priority, t.State}]++
	}
	for _, p := range priorities {
		for _, st := range openStates {
			gauge(ch, ticketsOpen, float64(open[kind{p, st}]), string(p), string(st))
		}
	}
	for _, clock := range clocks {
		counter(ch, breaches, float64(s.Stats.Breaches[clock]), clock)
	}
}

// collectLoop sends how the gateway itself fares.
func collectLoop(ch chan<- prometheus.Metric, s *pipeline.Snapshot) {
	counter(ch, samples, float64(s.Stats.Samples))
	counter(ch, samplesBad, float64(s.Stats.BadSamples))
	counter(ch, coalesced, float64(s.Stats.Coalesced))
	counter(ch, transitions, float64(s.Stats.Transitions))
	counter(ch, commits, float64(s.Stats.Commits))
	counter(ch, commitTime, s.Stats.CommitTime.Seconds())
	counter(ch, commitFailures, float64(s.Stats.CommitFailures))
	counter(ch, rowsLost, float64(s.Stats.Lost))
	counter(ch, noticesLost, float64(s.Stats.Unsent))
	gauge(ch, snapshotTime, float64(s.At)/1000)
	gauge(ch, ownFaults, float64(len(s.Degraded)))
}
