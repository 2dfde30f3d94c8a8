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

// TestTheWorstValueOfADerivedPointIsFollowed: an alert on a point that is
// reckoned knows how bad it was as well as one on a point that is read.
func TestTheWorstValueOfADerivedPointIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		points := []gateway.Point{{Name: "level", Unit: "m"}, {Name: "margin", Unit: "m", Formula: "level - 1 m"}}
		formula.Complete(points)
		site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{{ID: "tank", Class: gateway.Pump, Points: points}})
		if err != nil {
			t.Fatal(err)
		}
		short := rules.Spec{ID: "short", Title: text(), Points: []string{"margin"}, Levels: []rules.Level{{Severity: "warning", Below: "2 m"}}}
		engine := rules.Compile(site, []rules.Pack{{Class: gateway.Pump, Rules: []rules.Spec{short}}}, rules.Settings{}, func(path, problem, _ string) {
			t.Fatalf("%s: %s", path, problem)
		})
		meter, began := intact.NewMeter(site, nil, nil, 0, gateway.InstantOf(time.Now()))
		b := &building{t: t, store: &memory{}}
		b.p = pipeline.New(pipeline.Parts{
			Site: site, Engine: engine, Book: alerts.NewBook(site, engine.Instances(), nil, 0, alerts.Options{}),
			Desk: tickets.NewDesk(site, nil, 0, nil, tickets.Options{}), Meter: meter,
			Router: notify.NewRouter(notify.Config{}, site), Store: b.store,
		}, pipeline.Options{Began: began})
		b.emit = b.p.Intake("b1")
		b.run(func() {
			for _, level := range []float64{5, 1.5, 1.125, 1.25} {
				b.emit([]gateway.Sample{{Point: 0, Quality: gateway.Good, Value: level, At: gateway.InstantOf(time.Now())}})
				time.Sleep(2 * time.Second)
			}
			if open := b.p.Snapshot().Alerts; len(open) != 1 || open[0].Trip != 0.5 || open[0].Peak != 0.125 {
				t.Errorf("open are %+v", open)
			}
		})
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
