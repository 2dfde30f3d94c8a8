package metrics_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/telemetry/metrics"
	"github.com/intact-gateway/intact/rules"
)

func TestOpenAlertsCarryTheirNumberAsAValue(t *testing.T) {
	s := quiet(newSite(t, lift()))
	title := gateway.Text{ZH: "超载", EN: "Overload"}
	s.Alerts = []alerts.Alert{
		{ID: 11, Facility: "lift-1", Rule: "overload", Point: "lift-1/load", Title: title, Severity: rules.Warning, Phase: rules.Active, Started: at - 5000},
		{ID: 12, Facility: "lift-1", Rule: "overload", Point: "lift-1/load", Title: title, Severity: rules.Warning, Phase: rules.Active, Started: at},
		{ID: 13, Facility: "lift-1", Rule: "returned", Phase: rules.Normal},
		{ID: 14, Facility: "lift-1", Rule: "hidden", Phase: rules.Active, Visibility: alerts.Suppressed},
		{ID: 15, Facility: "lift-1", Rule: "shelved", Phase: rules.Active, Shelf: alerts.Shelf{Until: 1}},
	}
	expect(t, registry(s), `
# HELP intact_alert_number Number of the shown alert that lasts, as in its address on the page.
# TYPE intact_alert_number gauge
intact_alert_number{facility="lift-1",point="load",rule="overload",severity="warning"} 11
# HELP intact_alert_started_timestamp_seconds When the condition of a shown alert that lasts began, in seconds since 1970.
# TYPE intact_alert_started_timestamp_seconds gauge
intact_alert_started_timestamp_seconds{facility="lift-1",point="load",rule="overload",severity="warning",title_en="Overload",title_zh="超载"} 1.799999995e+09
# HELP intact_alerts_left_out Shown alerts that have no series of their own: there are too many, or an older one has the same labels.
# TYPE intact_alerts_left_out gauge
intact_alerts_left_out 1
`, "intact_alert_number", "intact_alert_started_timestamp_seconds", "intact_alerts_left_out")
}

func TestOpenTicketsShowTheClocksThatRun(t *testing.T) {
	s := quiet(newSite(t, lift()))
	s.Tickets = []tickets.Ticket{{
		ID: 3, Facility: "lift-1", Family: "trapped", Priority: tickets.Rescue, State: tickets.Accepted, Opened: at,
		Deadlines: tickets.Deadlines{Respond: at + 1000, Arrive: at + 30_000}, Responded: at,
	}}
	expect(t, registry(s), `
# HELP intact_ticket_deadline_timestamp_seconds When a clock of the open ticket that still runs runs out, in seconds since 1970.
# TYPE intact_ticket_deadline_timestamp_seconds gauge
intact_ticket_deadline_timestamp_seconds{clock="arrive",facility="lift-1",family="trapped",priority="rescue"} 1.80000003e+09
# HELP intact_ticket_number Number of the open ticket, as in its address on the page.
# TYPE intact_ticket_number gauge
intact_ticket_number{facility="lift-1",family="trapped"} 3
# HELP intact_ticket_opened_timestamp_seconds When the open ticket was written, in seconds since 1970.
# TYPE intact_ticket_opened_timestamp_seconds gauge
intact_ticket_opened_timestamp_seconds{facility="lift-1",family="trapped",priority="rescue",state="accepted"} 1.8e+09
# HELP intact_tickets_left_out Open tickets that have no series of their own: there are too many, or an older one has the same labels.
# TYPE intact_tickets_left_out gauge
intact_tickets_left_out 0
`, "intact_ticket_deadline_timestamp_seconds", "intact_ticket_number", "intact_ticket_opened_timestamp_seconds", "intact_tickets_left_out")
}

func TestAFloodLeavesOutTheLeastSevereAlertsAndCountsThem(t *testing.T) {
	s := quiet(newSite(t, lift()))
	for i := range metrics.MaxOpen + 4 {
		severity := rules.Warning
		if i == metrics.MaxOpen+3 {
			severity = rules.LifeSafety
		}
		rule := fmt.Sprintf("r%d", i)
		s.Alerts = append(s.Alerts, alerts.Alert{ID: alerts.ID(i + 1), Facility: "lift-1", Rule: rule, Severity: severity, Phase: rules.Active})
		s.Tickets = append(s.Tickets, tickets.Ticket{ID: tickets.ID(i + 1), Facility: "lift-1", Family: rule})
	}
	r := registry(s)
	for _, name := range []string{"intact_alert_number", "intact_ticket_number"} {
		if n, err := testutil.GatherAndCount(r, name); n != metrics.MaxOpen || err != nil {
			t.Errorf("%d series of %s, want %d (%v)", n, name, metrics.MaxOpen, err)
		}
	}
	expect(t, r, `
# HELP intact_alerts_left_out Shown alerts that have no series of their own: there are too many, or an older one has the same labels.
# TYPE intact_alerts_left_out gauge
intact_alerts_left_out 4
# HELP intact_tickets_left_out Open tickets that have no series of their own: there are too many, or an older one has the same labels.
# TYPE intact_tickets_left_out gauge
intact_tickets_left_out 4
`, "intact_alerts_left_out", "intact_tickets_left_out")
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range families {
		for _, m := range f.GetMetric() {
			found = found || f.GetName() == "intact_alert_number" && m.GetGauge().GetValue() == metrics.MaxOpen+4
		}
	}
	if !found {
		t.Error("the alert of life safety was left out")
	}
}

func TestWorkIsCountedWithZeros(t *testing.T) {
	s := quiet(newSite(t, lift()))
	s.Stats.Work = pipeline.Work{Met: map[string]uint64{"respond": 2}, ArrivalTime: 50 * time.Minute}
	s.Stats.Work.Arrivals[4], s.Stats.Work.Arrivals[9] = 1, 1
	expect(t, registry(s), `
# HELP intact_sla_met_total Ticket clocks that were stopped before they ran out, since the gateway started.
# TYPE intact_sla_met_total counter
intact_sla_met_total{clock="arrive"} 0
intact_sla_met_total{clock="finish"} 0
intact_sla_met_total{clock="reply"} 0
intact_sla_met_total{clock="respond"} 2
# HELP intact_ticket_arrival_seconds Time from the first bad sample until somebody was on site, in seconds.
# TYPE intact_ticket_arrival_seconds histogram
intact_ticket_arrival_seconds_bucket{le="300"} 0
intact_ticket_arrival_seconds_bucket{le="600"} 0
intact_ticket_arrival_seconds_bucket{le="900"} 0
intact_ticket_arrival_seconds_bucket{le="1200"} 0
intact_ticket_arrival_seconds_bucket{le="1800"} 1
intact_ticket_arrival_seconds_bucket{le="2700"} 1
intact_ticket_arrival_seconds_bucket{le="3600"} 1
intact_ticket_arrival_seconds_bucket{le="7200"} 1
intact_ticket_arrival_seconds_bucket{le="14400"} 1
intact_ticket_arrival_seconds_bucket{le="+Inf"} 2
intact_ticket_arrival_seconds_sum 3000
intact_ticket_arrival_seconds_count 2
`, "intact_sla_met_total", "intact_ticket_arrival_seconds")
}

func TestBudgetIsWhatTheWholeMonthAllows(t *testing.T) {
	s := quiet(newSite(t, lift(), line()))
	// 2027-01-15 08:00 UTC: 16 d 16 h of the month are still to come.
	s.Month[0] = intact.Tally{Up: 100_000_000, Down: 40_000_000, Unknown: 7}
	s.Month[1] = intact.Tally{Down: 9_000_000} // a line is not counted
	expect(t, registry(s), `
# HELP intact_down_budget_left_seconds What is left of the down time that this month allows, in seconds; below 0 once it is used up.
# TYPE intact_down_budget_left_seconds gauge
intact_down_budget_left_seconds -8400
# HELP intact_down_budget_seconds Down time of all counted facilities together that keeps the intact rate of this month at its target, in seconds.
# TYPE intact_down_budget_seconds gauge
intact_down_budget_seconds 31600
# HELP intact_rate_target Intact rate that the site is held to as a ratio from 0 to 1.
# TYPE intact_rate_target gauge
intact_rate_target 0.98
`, "intact_down_budget_left_seconds", "intact_down_budget_seconds", "intact_rate_target")
}

func TestFacilityInfoFallsBackToTheOtherLanguage(t *testing.T) {
	f := lift()
	f.Name, f.Place, f.Criticality = gateway.Text{EN: "Lift 1"}, "roof", "A"
	expect(t, registry(quiet(newSite(t, f))), `
# HELP intact_facility_info Always 1; its labels say what the facility is called and where it is.
# TYPE intact_facility_info gauge
intact_facility_info{building="1",class="elevator",criticality="A",facility="lift-1",name_en="Lift 1",name_zh="Lift 1",place="roof"} 1
`, "intact_facility_info")
}

func TestDiskThatDoesNotAnswerHasNoSeries(t *testing.T) {
	s := quiet(newSite(t, lift()))
	dir := t.TempDir()
	for path, want := range map[string]int{dir: 2, filepath.Join(dir, "none"): 0} {
		r := metrics.New(metrics.Options{Snapshot: func() *pipeline.Snapshot { return s }, Data: path})
		if n, err := testutil.GatherAndCount(r, "intact_data_free_bytes", "intact_data_size_bytes"); n != want || err != nil {
			t.Errorf("%s: %d series, want %d (%v)", path, n, want, err)
		}
	}
}
