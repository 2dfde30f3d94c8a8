package report_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/report"
)

// everything is a store that has nothing but the month.
type everything rows

func (r everything) States(context.Context, gateway.FacilityID, gateway.Instant, gateway.Instant) ([]intact.Event, error) {
	return r.states, nil
}

func (r everything) AlertsIn(context.Context, gateway.Instant, gateway.Instant) ([]alerts.Alert, error) {
	return append([]alerts.Alert(nil), r.alerts...), nil
}

func (r everything) TicketsIn(context.Context, gateway.Instant, gateway.Instant) ([]tickets.Ticket, error) {
	return r.tickets, nil
}

// BenchmarkReport counts and writes the month of 1,000 facilities with 100,000
// events, 50,000 alerts and 10,000 tickets.
func BenchmarkReport(b *testing.B) {
	var fs []gateway.Facility
	for i := range 1000 {
		fs = append(fs, gateway.Facility{ID: gateway.FacilityID(fmt.Sprint("lift-", i)), Class: gateway.Elevator, Building: fmt.Sprint(i / 20)})
	}
	site, err := gateway.NewSite("s", gateway.Text{}, shanghai, gateway.Chinese, fs)
	if err != nil {
		b.Fatal(err)
	}
	var r everything
	start := at("11-01 00:00")
	for n := range 100 {
		when := start.Add(time.Duration(n) * 7 * time.Hour)
		for i := range fs {
			r.states = append(r.states, intact.Event{Facility: fs[i].ID, Effective: when, Recorded: when, Class: intact.Class(n % 2 * 2), Cause: fmt.Sprint("rule-", n%10)})
			if n%2 == 1 {
				r.alerts = append(r.alerts, alerts.Alert{Facility: fs[i].ID, Rule: fmt.Sprint("rule-", n%10), Raised: when, Impairs: true})
			}
			if n%10 == 0 {
				r.tickets = append(r.tickets, tickets.Ticket{Number: fmt.Sprint(n*1000 + i), Facility: fs[i].ID, Priority: tickets.Ordinary, Opened: when, Started: when,
					Responded: when.Add(time.Hour), Deadlines: tickets.Deadlines{Respond: when.Add(2 * time.Hour)}})
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		rep, err := report.New(b.Context(), site, r, start, at("12-02 00:00"))
		if err != nil {
			b.Fatal(err)
		}
		if err := rep.WriteHTML(io.Discard, gateway.Chinese); err != nil {
			b.Fatal(err)
		}
	}
}
