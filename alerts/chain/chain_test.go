package chain_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/chain"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
	"github.com/intact-gateway/intact/rules"
)

const start = gateway.Instant(1_773_100_800_000) // 2026-03-10

func site(t *testing.T) *gateway.Site {
	t.Helper()
	s, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{
		{ID: "p", Class: gateway.Pump, Lines: []gateway.FacilityID{"bus"}, Points: []gateway.Point{
			{Name: "link", Role: gateway.LinkPoint, Kind: gateway.Discrete, Line: "bus"},
		}},
		{ID: "bus", Class: gateway.Line, Points: []gateway.Point{{Name: "link", Role: gateway.LinkPoint, Kind: gateway.Discrete}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// played is a chain with the rule comm_loss, and what it told.
type played struct {
	*chain.Chain
	site *gateway.Site
	told []string
}

func play(t *testing.T, open []alerts.Alert, now gateway.Instant) *played {
	t.Helper()
	p := &played{site: site(t)}
	text := gateway.Text{ZH: "文", EN: "text"}
	silent := rules.Spec{ID: alerts.CommLoss, Title: text, Points: []string{"link"}, Ticket: "ordinary", ClearAfter: 2 * time.Second,
		Levels: []rules.Level{{Severity: "warning", Below: "0.5", Hold: rules.Hold{Duration: 3 * time.Second}}}}
	engine := rules.Compile(p.site, []rules.Pack{{Class: "any", Rules: []rules.Spec{silent}}}, rules.Settings{}, func(path, problem, _ string) {
		t.Fatalf("%s: %s", path, problem)
	})
	say := func(at gateway.Instant, format string, args ...any) {
		p.told = append(p.told, fmt.Sprintf("%v ", at.Sub(start))+fmt.Sprintf(format, args...))
	}
	p.Chain = chain.New(chain.Parts{
		Engine: engine, Book: alerts.NewBook(p.site, engine.Instances(), open, 0, alerts.Options{}),
		Desk: tickets.NewDesk(p.site, nil, 0, nil, tickets.Options{}), Router: notify.NewRouter(notify.Config{Receivers: []notify.Receiver{{ID: "desk"}}}, p.site),
	}, chain.Listener{
		Change: func(c rules.Change) { say(c.At, "%s %s", engine.Instances()[c.Ref].Key, c.To) },
		Alert:  func(ev alerts.Event) { say(ev.At, "alert %s %s", ev.Alert.Facility, ev.Kind) },
		Ticket: func(ev tickets.Event) { say(ev.At, "ticket %s %s", ev.Ticket.Facility, ev.Name) },
		Notice: func(n notify.Notice) { say(n.Made, "notice %s", n.Event) },
	}, now)
	return p
}

func (p *played) link(facility string, after time.Duration, v float64) {
	ref, _ := p.site.Lookup(gateway.PointID(facility + "/link"))
	p.Observe([]gateway.Sample{{Point: ref, Value: v, Quality: gateway.Good, At: start.Add(after)}})
}

// A day without a sample is one step for the caller. What ends in it comes in its
// own moment, and a notice behind the ticket that it names.
func TestEverythingComesInItsMoment(t *testing.T) {
	p := play(t, nil, start)
	p.link("p", 0, 1)
	p.link("p", time.Second, 0)
	p.Advance(start.Add(24 * time.Hour))
	want := []string{
		"1s p/comm_loss/link pending",
		"4s p/comm_loss/link active", "4s alert p hidden",
		"9s alert p raised", "9s ticket p opened", "9s notice raised",
		"2h0m1s ticket p breached", "4h0m1s ticket p breached",
	}
	if diff := cmp.Diff(want, p.told); diff != "" {
		t.Error(diff)
	}
	if _, due := p.Next(); !due {
		t.Error("the last clock of the ticket is forgotten")
	}
	p.told = nil
	p.link("p", 25*time.Hour, 1)
	p.Advance(start.Add(25*time.Hour + 2*time.Second))
	want = []string{"25h0m0s p/comm_loss/link clearing", "25h0m2s p/comm_loss/link normal", "25h0m2s alert p returned", "25h0m2s ticket p recovered", "25h0m2s notice returned"}
	if diff := cmp.Diff(want, p.told); diff != "" {
		t.Error(diff)
	}
}

// What was held back before a start is held back from the start on, and what has
// no rule any more is withdrawn.
func TestAStartBeginsInItsMoment(t *testing.T) {
	open := []alerts.Alert{
		{ID: 1, Key: "p/comm_loss/link", Facility: "p", Rule: alerts.CommLoss, Phase: rules.Active, Visibility: alerts.Suppressed, Started: start.Add(-time.Hour)},
		{ID: 2, Key: "p/gone", Facility: "p", Rule: "gone", Phase: rules.Active, Told: true},
	}
	p := play(t, open, start)
	p.Advance(start.Add(time.Minute))
	want := []string{"0s alert p withdrawn", "0s notice withdrawn", "30s alert p raised", "30s notice raised"}
	if diff := cmp.Diff(want, p.told); diff != "" {
		t.Error(diff)
	}
}

// TestTheWorstValueOfADerivedPointIsKnown: an alert follows the point that its
// limit is on, whether that is read or reckoned.
func TestTheWorstValueOfADerivedPointIsKnown(t *testing.T) {
	points := []gateway.Point{{Name: "level", Unit: "m"}, {Name: "margin", Unit: "m", Formula: "level - 1 m"}}
	formula.Complete(points)
	s, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{{ID: "tank", Class: gateway.Pump, Points: points}})
	if err != nil {
		t.Fatal(err)
	}
	text := gateway.Text{ZH: "文", EN: "text"}
	low := func(id, point string) rules.Spec {
		return rules.Spec{ID: id, Title: text, Levels: []rules.Level{{Severity: "warning", Below: "2 m"}}, Points: []string{point}}
	}
	engine := rules.Compile(s, []rules.Pack{{Class: gateway.Pump, Rules: []rules.Spec{low("low", "level"), low("short", "margin")}}}, rules.Settings{}, func(path, problem, _ string) {
		t.Fatalf("%s: %s", path, problem)
	})
	book := alerts.NewBook(s, engine.Instances(), nil, 0, alerts.Options{})
	c := chain.New(chain.Parts{
		Engine: engine, Book: book, Desk: tickets.NewDesk(s, nil, 0, nil, tickets.Options{}), Router: notify.NewRouter(notify.Config{}, s),
	}, chain.Listener{}, start)
	for i, level := range []float64{5, 1.5, 1.1, 1.4} {
		c.Observe([]gateway.Sample{{Point: 0, Quality: gateway.Good, Value: level, At: start.Add(time.Duration(i) * time.Second)}})
	}
	peaks := make(map[gateway.PointID]string)
	for _, a := range book.Open() {
		peaks[a.Point] = fmt.Sprintf("%.1f %.1f", a.Trip, a.Peak)
	}
	if diff := cmp.Diff(map[gateway.PointID]string{"tank/level": "1.5 1.1", "tank/margin": "0.5 0.1"}, peaks); diff != "" {
		t.Errorf("tripped at and at the worst (-want +got):\n%s", diff)
	}
}
