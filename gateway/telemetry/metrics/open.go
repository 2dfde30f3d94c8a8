package metrics

import (
	"cmp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/rules"
)

// MaxOpen is how many alerts, and how many tickets, have series of their own.
// It takes a flood to get there, and then the counts tell more than a list.
const MaxOpen = 500

// Each open alert and ticket, for lists and for links to the page. The number
// is the value, not a label: labels say what the site's files can say and no
// more, so that Prometheus does not keep a series for each alert there ever was.
var (
	alertStarted = family("alert_started_timestamp_seconds", "When the condition of a shown alert that lasts began, in seconds since 1970.",
		"facility", "rule", "point", "severity", "title_zh", "title_en")
	alertNumber = family("alert_number", "Number of the shown alert that lasts, as in its address on the page.",
		"facility", "rule", "point", "severity")
	alertsLeftOut = family("alerts_left_out", "Shown alerts that have no series of their own: there are too many, or an older one has the same labels.")

	ticketOpened   = family("ticket_opened_timestamp_seconds", "When the open ticket was written, in seconds since 1970.", "facility", "family", "priority", "state")
	ticketNumber   = family("ticket_number", "Number of the open ticket, as in its address on the page.", "facility", "family")
	ticketDeadline = family("ticket_deadline_timestamp_seconds", "When a clock of the open ticket that still runs runs out, in seconds since 1970.",
		"facility", "family", "priority", "clock")
	ticketsLeftOut = family("tickets_left_out", "Open tickets that have no series of their own: there are too many, or an older one has the same labels.")

	ticketSteps = family("ticket_steps_total", "Steps of tickets by name, such as opened, accept, done, since the gateway started.", "step")
	met         = family("sla_met_total", "Ticket clocks that were stopped before they ran out, since the gateway started.", "clock")
	arrivals    = family("ticket_arrival_seconds", "Time from the first bad sample until somebody was on site, in seconds.")
)

// shownSteps are the steps of tickets that always have a series.
var shownSteps = []string{
	"opened", "occurrence", "relapsed", "raised", "recovered", "breached",
	"assign", "accept", "decline", "arrive", "start", "hold", "resume", "done", "verify", "reject", "cancel",
}

// collectOpenAlerts sends the shown alerts whose condition lasts, the worst
// first. Of two alerts with the same labels the older one is sent.
func collectOpenAlerts(ch chan<- prometheus.Metric, open []alerts.Alert) {
	type label struct {
		facility gateway.FacilityID
		rule     string
		point    gateway.PointID
	}
	shown := slices.DeleteFunc(slices.Clone(open), func(a alerts.Alert) bool {
		return a.Shelved() || a.Visibility == alerts.Suppressed || a.Phase == rules.Normal
	})
	slices.SortStableFunc(shown, func(a, b alerts.Alert) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.ID, b.ID))
	})
	sent := make(map[label]bool)
	for _, a := range shown {
		l := label{a.Facility, a.Rule, a.Point}
		if sent[l] || len(sent) == MaxOpen {
			continue
		}
		sent[l] = true
		point := strings.TrimPrefix(string(a.Point), string(a.Facility)+"/")
		labels := []string{string(a.Facility), a.Rule, point, a.Severity.String()}
		gauge(ch, alertNumber, float64(a.ID), labels...)
		gauge(ch, alertStarted, float64(a.Started)/1000, append(labels, a.Title.ZH, a.Title.EN)...)
	}
	gauge(ch, alertsLeftOut, float64(len(shown)-len(sent)))
}

// collectOpenTickets sends the open tickets, the oldest first.
func collectOpenTickets(ch chan<- prometheus.Metric, open []tickets.Ticket) {
	type label struct {
		facility gateway.FacilityID
		family   string
	}
	sent := make(map[label]bool)
	for _, t := range open {
		l := label{t.Facility, t.Family}
		if sent[l] || len(sent) == MaxOpen {
			continue
		}
		sent[l] = true
		facility := string(t.Facility)
		gauge(ch, ticketOpened, float64(t.Opened)/1000, facility, t.Family, string(t.Priority), string(t.State))
		gauge(ch, ticketNumber, float64(t.ID), facility, t.Family)
		for _, c := range []struct {
			clock         string
			deadline, met gateway.Instant
		}{
			{"respond", t.Deadlines.Respond, t.Responded},
			{"arrive", t.Deadlines.Arrive, t.ArrivedAt},
			{"finish", t.Deadlines.Finish, t.Finished},
		} {
			if c.met.IsZero() && !c.deadline.IsZero() {
				gauge(ch, ticketDeadline, float64(c.deadline)/1000, facility, t.Family, string(t.Priority), c.clock)
			}
		}
	}
	gauge(ch, ticketsLeftOut, float64(len(open)-len(sent)))
}

// collectWork sends what people have done about tickets.
func collectWork(ch chan<- prometheus.Metric, w pipeline.Work) {
	for _, step := range shownSteps {
		counter(ch, ticketSteps, float64(w.Steps[step]), step)
	}
	for _, clock := range clocks {
		counter(ch, met, float64(w.Met[clock]), clock)
	}
	count, buckets := cumulative(pipeline.ArrivalBounds[:], w.Arrivals[:])
	ch <- prometheus.MustNewConstHistogram(arrivals, count, w.ArrivalTime.Seconds(), buckets)
}
