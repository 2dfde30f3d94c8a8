package pipeline_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/store"
	"github.com/intact-gateway/intact/rules"
)

// The points of the test site, in the order of their numbers.
const (
	lineLink = gateway.PointRef(iota)
	pumpFault
	pumpLevel
	pumpLink
)

// memory is a store that keeps the changes it is given.
type memory struct {
	mu      sync.Mutex
	broken  error
	busy    chan struct{} // if set, a commit waits until it is closed
	changes []store.Change
}

func (m *memory) Commit(_ context.Context, changes ...store.Change) error {
	m.mu.Lock()
	busy := m.busy
	m.mu.Unlock()
	if busy != nil {
		<-busy
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	m.changes = append(m.changes, changes...)
	return nil
}

func (m *memory) Due(context.Context, string, gateway.Instant, int) ([]notify.Notice, gateway.Instant, error) {
	return nil, 0, nil
}

func (m *memory) Settle(context.Context, notify.Outcome) error { return nil }

// kinds returns the kinds of all journal entries about a facility, in order.
func (m *memory) kinds(f gateway.FacilityID) (kinds []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.changes {
		for _, e := range c.Entries {
			if e.Facility == f {
				kinds = append(kinds, e.Kind)
			}
		}
	}
	return kinds
}

// alertOptions let an acknowledgement of a tripped pump hold for an hour.
var alertOptions = alerts.Options{AckFor: alerts.AckFor{Critical: time.Hour}}

type building struct {
	t     *testing.T
	store *memory
	p     *pipeline.Pipeline
	emit  func([]gateway.Sample)
}

func text() gateway.Text { return gateway.Text{ZH: "文", EN: "text"} }

// within runs f beside a running pipeline in a bubble of its own time.
func within(t *testing.T, f func(*building)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := build(t)
		b.run(func() { f(b) })
	})
}

// site returns a line with a pump on it. If there is a second line, the pump's
// fault comes from a source of its own behind that.
func site(t *testing.T, lines int) *gateway.Site {
	t.Helper()
	link := gateway.Point{Name: "link", Role: "link", Kind: gateway.Discrete, Period: 5 * time.Second, MaxAge: time.Minute}
	own := link
	own.Line = "bus-b1"
	fs := []gateway.Facility{
		{ID: "bus-b1", Class: gateway.Line, Points: []gateway.Point{link}},
		{ID: "pump-1", Class: gateway.Pump, Lines: []gateway.FacilityID{"bus-b1"}, Points: []gateway.Point{
			{Name: "fault", Role: "fault", Kind: gateway.Discrete, Period: time.Second, MaxAge: 10 * time.Second},
			{Name: "level", Unit: "m", Period: time.Second, MaxAge: 10 * time.Second}, own,
			gateway.BlindnessPoint(),
		}},
	}
	if lines == 2 {
		second := link
		second.Name, second.Line = "link.2", "bus-b2"
		fs[1].Lines = append(fs[1].Lines, "bus-b2")
		fs[1].Points = append(fs[1].Points, second)
		fs = append(fs, gateway.Facility{ID: "bus-b2", Class: gateway.Line, Points: []gateway.Point{link}})
	}
	s, err := gateway.NewSite("lakeside", gateway.Text{}, time.UTC, gateway.English, fs)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func packs() []rules.Pack {
	why := rules.Why{Cause: text(), Consequence: text(), Response: text()}
	return []rules.Pack{
		{Class: gateway.Pump, Rules: []rules.Spec{{ID: "tripped", Title: text(), Severity: "critical", Why: why, Impairs: true, Ticket: "emergency",
			When: &rules.Condition{Expr: "fault == true"}, Hold: rules.Hold{Duration: 2 * time.Second}, ClearAfter: time.Second}}},
		{Class: gateway.Pump, Rules: []rules.Spec{
			{ID: "blind", Title: text(), Severity: "warning", Why: why, When: &rules.Condition{Expr: "blind == faults"}},
			{ID: "unread", Title: text(), Severity: "info", Why: why, When: &rules.Condition{Expr: "blind == some"}},
			{ID: "dry", Title: text(), Severity: "warning", Why: why, Latch: true, ClearAfter: 5 * time.Second, When: &rules.Condition{Expr: "level < 0.1 m"}},
			{ID: "low", Title: text(), Severity: "warning", Why: why, Ticket: "ordinary", When: &rules.Condition{Expr: "level < 0.2 m"}},
		}},
		{Class: "any", Rules: []rules.Spec{{ID: "comm_loss", Title: text(), Why: why, Ticket: "ordinary", BadData: "alarm", Points: []string{"link"},
			Levels: []rules.Level{{Severity: "warning", Below: "0.5", Hold: rules.Hold{Polls: 3}}}}}},
	}
}

func build(t *testing.T) *building { return start(t, site(t, 1), nil) }

// start starts a gateway on what the former one has left behind, nil for none.
func start(t *testing.T, site *gateway.Site, former *building) *building {
	t.Helper()
	return startWith(t, site, packs(), former)
}

// startWith is start with rules of its own.
func startWith(t *testing.T, site *gateway.Site, packs []rules.Pack, former *building) *building {
	t.Helper()
	return startTelling(t, site, packs, former, notify.Config{Receivers: []notify.Receiver{{ID: "desk"}}})
}

// startTelling is start with rules and a notify block of its own.
func startTelling(t *testing.T, site *gateway.Site, packs []rules.Pack, former *building, told notify.Config) *building {
	t.Helper()
	engine := rules.Compile(site, packs, rules.Settings{}, func(path, problem, _ string) { t.Fatalf("%s: %s", path, problem) })
	now := gateway.InstantOf(time.Now())
	left := store.State{}
	if former != nil {
		left = former.store.left(now)
	}
	retuned := engine.Resume(rules.Former{States: left.Rules, Open: alerts.Standings(left.Alerts), Stopped: left.Heartbeat}, now)
	meter, began := intact.NewMeter(site, left.Past, left.Alerts, left.Heartbeat, now)
	book := alerts.NewBook(site, engine.Instances(), left.Alerts, left.LastAlert, alertOptions)
	if ladders := notify.NewLadders(told, site); ladders != nil {
		book.Escalate(ladders, now)
	}
	b := &building{t: t, store: &memory{}}
	b.p = pipeline.New(pipeline.Parts{
		Site: site, Engine: engine, Book: book,
		Desk: tickets.NewDesk(site, left.Tickets, 0, nil, tickets.Options{}), Meter: meter,
		Router: notify.NewRouter(told, site), Store: b.store,
	}, pipeline.Options{Gateway: "lakeside", Began: began, Retuned: retuned})
	b.emit = b.p.Intake("b1")
	return b
}

// run runs f beside the pipeline.
func (b *building) run(f func()) {
	b.t.Helper()
	ctx, stop := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.p.Run(ctx) }()
	f()
	stop()
	if err := <-done; err != nil {
		b.t.Error(err)
	}
}

// left returns what a gateway finds at now that starts on the rows written so
// far.
func (m *memory) left(now gateway.Instant) store.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := store.State{}
	states := make(map[string]rules.State)
	open, jobs, fold := make(map[alerts.ID]alerts.Alert), make(map[tickets.ID]tickets.Ticket), intact.NewFold(now, time.UTC)
	for _, c := range m.changes {
		s.Heartbeat = max(s.Heartbeat, c.At)
		for _, r := range c.Rules {
			states[r.Key] = r
		}
		for _, a := range c.Alerts {
			open[a.ID] = a
			s.LastAlert = max(s.LastAlert, a.ID)
		}
		for _, t := range c.Tickets {
			jobs[t.ID] = t
		}
	}
	for _, c := range slices.Backward(m.changes) {
		for _, e := range slices.Backward(c.States) {
			fold.Add(e)
		}
	}
	for _, a := range open {
		if a.Closed.IsZero() {
			s.Alerts = append(s.Alerts, a)
		}
	}
	s.Rules = slices.Collect(maps.Values(states))
	s.Tickets, s.Past = slices.Collect(maps.Values(jobs)), fold.Past()
	return s
}

// send gives samples of good quality, by point.
func (b *building) send(values map[gateway.PointRef]float64) {
	var batch []gateway.Sample
	for _, ref := range []gateway.PointRef{lineLink, pumpFault, pumpLevel, pumpLink} {
		if v, ok := values[ref]; ok {
			batch = append(batch, gateway.Sample{Point: ref, Quality: gateway.Good, Value: v, At: gateway.InstantOf(time.Now())})
		}
	}
	b.emit(batch)
	synctest.Wait()
}

// healthy sends what a pump without faults sends, once a second, for d.
func (b *building) healthy(d time.Duration) {
	for range d / time.Second {
		b.send(map[gateway.PointRef]float64{lineLink: 1, pumpFault: 0, pumpLevel: 1.2, pumpLink: 1})
		time.Sleep(time.Second)
	}
}
