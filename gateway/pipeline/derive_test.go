package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/rules"
)

// The points of a lift that says in a derived point alone whether it is ready.
const (
	liftBypass = gateway.PointRef(iota)
	liftTest
	liftReady
	liftLink
)

// liftSite is a site with that lift, and a rule that its repair depends on.
func liftSite(t *testing.T) (*gateway.Site, *rules.Engine) {
	t.Helper()
	points := []gateway.Point{
		{Name: "bypass", Kind: gateway.Discrete, Period: time.Second, MaxAge: 10 * time.Second},
		{Name: "test", Kind: gateway.Discrete, Period: time.Second, MaxAge: 10 * time.Second},
		{Name: "ready", Formula: "link == good && !bypass && !test"},
		{Name: "link", Role: "link", Kind: gateway.Discrete, States: gateway.LinkStates(), Period: 5 * time.Second, MaxAge: time.Minute},
		gateway.BlindnessPoint(),
	}
	formula.Complete(points)
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{{ID: "lift-1", Class: gateway.Elevator, Points: points}})
	if err != nil {
		t.Fatal(err)
	}
	why := rules.Why{Cause: text(), Consequence: text(), Response: text()}
	pack := rules.Pack{Class: gateway.Elevator, Rules: []rules.Spec{
		{ID: "not_ready", Title: text(), Severity: "warning", Why: why, Impairs: true, When: &rules.Condition{Expr: "ready == false"}, Hold: rules.Hold{Duration: 2 * time.Second}},
		{ID: "blind", Title: text(), Severity: "warning", Why: why, When: &rules.Condition{Expr: "blind == faults"}},
	}}
	return site, rules.Compile(site, []rules.Pack{pack}, rules.Settings{}, func(path, problem, _ string) { t.Fatalf("%s: %s", path, problem) })
}

// withLift runs f beside a pipeline that watches the lift, with what sends its
// samples: 1, 0, or less for a bad one. exported holds what went out.
func withLift(t *testing.T, f func(p *pipeline.Pipeline, send func(bypass, test, link float64), exported *[]gateway.Sample)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		site, engine := liftSite(t)
		meter, began := intact.NewMeter(site, nil, nil, 0, gateway.InstantOf(time.Now()))
		var exported []gateway.Sample
		p := pipeline.New(pipeline.Parts{
			Site: site, Engine: engine, Book: alerts.NewBook(site, engine.Instances(), nil, 0, alerts.Options{}),
			Desk: tickets.NewDesk(site, nil, 0, nil, tickets.Options{}), Meter: meter,
			Router: notify.NewRouter(notify.Config{}, site), Store: &memory{},
		}, pipeline.Options{Began: began, Export: func(s []gateway.Sample) { exported = append(exported, s...) }})
		emit := p.Intake("b1")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		f(p, func(bypass, test, link float64) {
			var batch []gateway.Sample
			for ref, v := range map[gateway.PointRef]float64{liftBypass: bypass, liftTest: test, liftLink: link} {
				s := gateway.Sample{Point: ref, Quality: gateway.Good, Value: v, At: gateway.InstantOf(time.Now())}
				if v < 0 {
					s.Quality, s.Value = gateway.BadException, 0
				}
				batch = append(batch, s)
			}
			emit(batch)
			time.Sleep(time.Second)
			synctest.Wait()
		}, &exported)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func openRules(p *pipeline.Pipeline) (open []string) {
	for _, a := range p.Snapshot().Alerts {
		if a.Cleared.IsZero() {
			open = append(open, a.Rule)
		}
	}
	return open
}

func TestDerivedPointsAreSeenEverywhere(t *testing.T) {
	withLift(t, func(p *pipeline.Pipeline, send func(bypass, test, link float64), exported *[]gateway.Sample) {
		send(0, 0, 1)
		if s := p.Snapshot().Values[liftReady]; s.Quality != gateway.Good || s.Value != 1 {
			t.Errorf("the snapshot says %+v", s)
		}
		for range 4 {
			send(1, 0, 1)
		}
		if open := openRules(p); !slices.Equal(open, []string{"not_ready"}) {
			t.Errorf("open are %v", open)
		}
		var told []string
		for _, s := range *exported {
			if s.Point == liftReady {
				told = append(told, fmt.Sprint(s.Value))
			}
		}
		if diff := cmp.Diff([]string{"1", "0", "0", "0", "0"}, told); diff != "" {
			t.Errorf("exported (-want +got):\n%s", diff)
		}
		if stats := p.Snapshot().Stats; stats.Samples < 15 {
			t.Errorf("%d samples", stats.Samples)
		}
	})
}

// TestWhatIsDerivedFromOldInputsIsOld: the driver falls silent altogether.
func TestWhatIsDerivedFromOldInputsIsOld(t *testing.T) {
	withLift(t, func(p *pipeline.Pipeline, send func(bypass, test, link float64), _ *[]gateway.Sample) {
		send(0, 0, 1)
		time.Sleep(12 * time.Second)
		synctest.Wait()
		if s := p.Snapshot().Values[liftReady]; s.Quality != gateway.BadStale {
			t.Errorf("after 12 s without a sample it is %+v", s)
		}
		if open := openRules(p); len(open) > 0 {
			t.Errorf("open are %v", open)
		}
	})
}

// TestARuleIsBlindThroughADerivedPoint: the device answers, but refuses what the
// point is made from; unless another input decides.
func TestARuleIsBlindThroughADerivedPoint(t *testing.T) {
	withLift(t, func(p *pipeline.Pipeline, send func(bypass, test, link float64), _ *[]gateway.Sample) {
		for range 70 {
			send(0, -1, 1)
		}
		if open := openRules(p); !slices.Equal(open, []string{"blind"}) {
			t.Errorf("with a refused input: %v", open)
		}
		for range 5 {
			send(1, -1, 1)
		}
		if open := openRules(p); !slices.Equal(open, []string{"not_ready"}) {
			t.Errorf("with the other input bypassed: %v", open)
		}
	})
}
