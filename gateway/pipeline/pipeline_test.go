package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

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
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.p.Run(ctx) }()
		f(b)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func build(t *testing.T) *building {
	t.Helper()
	link := gateway.Point{Name: "link", Role: "link", Kind: gateway.Discrete, Period: 5 * time.Second, MaxAge: time.Minute}
	site, err := gateway.NewSite("lakeside", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{
		{ID: "bus-b1", Class: gateway.Line, Points: []gateway.Point{link}},
		{ID: "pump-1", Class: gateway.Pump, Lines: []gateway.FacilityID{"bus-b1"}, Points: []gateway.Point{
			{Name: "fault", Role: "fault", Kind: gateway.Discrete, Period: time.Second, MaxAge: 10 * time.Second},
			{Name: "level", Unit: "m", Period: time.Second, MaxAge: 10 * time.Second}, link,
			gateway.BlindnessPoint(),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	why := rules.Why{Cause: text(), Consequence: text(), Response: text()}
	packs := []rules.Pack{
		{Class: gateway.Pump, Rules: []rules.Spec{{ID: "tripped", Title: text(), Severity: "critical", Why: why, Impairs: true, Ticket: "emergency",
			When: &rules.Condition{Expr: "fault == true"}, Hold: rules.Hold{Duration: 2 * time.Second}, ClearAfter: time.Second}}},
		{Class: gateway.Pump, Rules: []rules.Spec{
			{ID: "blind", Title: text(), Severity: "warning", Why: why, When: &rules.Condition{Expr: "blind == faults"}},
			{ID: "unread", Title: text(), Severity: "info", Why: why, When: &rules.Condition{Expr: "blind == some"}},
			{ID: "dry", Title: text(), Severity: "warning", Why: why, Latch: true, When: &rules.Condition{Expr: "level < 0.1 m"}},
			{ID: "low", Title: text(), Severity: "warning", Why: why, When: &rules.Condition{Expr: "level < 0.2 m"}},
		}},
		{Class: "any", Rules: []rules.Spec{{ID: "comm_loss", Title: text(), Why: why, Ticket: "ordinary", BadData: "alarm", Points: []string{"link"},
			Levels: []rules.Level{{Severity: "warning", Below: "0.5", Hold: rules.Hold{Polls: 3}}}}}},
	}
	engine := rules.Compile(site, packs, rules.Settings{}, func(path, problem, _ string) { t.Fatalf("%s: %s", path, problem) })
	meter, began := intact.NewMeter(site, nil, nil, 0, gateway.InstantOf(time.Now()))
	b := &building{t: t, store: &memory{}}
	b.p = pipeline.New(pipeline.Parts{
		Site: site, Engine: engine, Book: alerts.NewBook(site, engine.Instances(), nil, 0),
		Desk: tickets.NewDesk(site, nil, 0, nil, tickets.Options{}), Meter: meter,
		Router: notify.NewRouter(notify.Config{Receivers: []notify.Receiver{{ID: "desk"}}}, site), Store: b.store,
	}, pipeline.Options{Gateway: "lakeside", Began: began})
	b.emit = b.p.Intake("b1")
	return b
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

func TestOneStepOfAnAlertIsWrittenWhole(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(3 * time.Second)
		b.send(map[gateway.PointRef]float64{pumpFault: 1})
		began := gateway.InstantOf(time.Now())
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		i := slices.IndexFunc(b.store.changes, func(c store.Change) bool { return len(c.Alerts) > 0 })
		if i < 0 {
			t.Fatalf("no alert on disk; journal of the pump: %v", b.store.kinds("pump-1"))
		}
		c := b.store.changes[i]
		if len(c.Tickets) != 1 || len(c.Notices) != 1 || len(c.States) != 1 || c.Alerts[0].Started != began {
			t.Errorf("with the alert came %d tickets, %d notices, %d states; it started %v, want %v",
				len(c.Tickets), len(c.Notices), len(c.States), c.Alerts[0].Started, began)
		}
		if c.States[0].Class != intact.Down || c.States[0].Effective != began {
			t.Errorf("the pump counts as %+v", c.States[0])
		}
		var m notify.Message
		if err := json.Unmarshal(c.Notices[0].Body, &m); err != nil || m.Ticket == nil || m.Ticket.Number != c.Tickets[0].Number {
			t.Errorf("the notice names ticket %+v, %v", m.Ticket, err)
		}
		want := []string{"intact.unknown", "intact.up", "alert.raised", "intact.down", "ticket.opened"}
		if diff := cmp.Diff(want, b.store.kinds("pump-1")); diff != "" {
			t.Errorf("journal (-want +got):\n%s", diff)
		}
	})
}

func TestAValueThatNobodyRenewsGrowsStaleAndClearsNothing(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(2 * time.Second)
		b.send(map[gateway.PointRef]float64{pumpFault: 1})
		time.Sleep(30 * time.Second) // the driver hangs
		s := b.p.Snapshot()
		if q := s.Values[pumpLevel].Quality; q != gateway.BadStale {
			t.Errorf("the level is %v", q)
		}
		if len(s.Alerts) != 1 || !s.Alerts[0].Stale || s.Alerts[0].Phase != rules.Active {
			t.Errorf("alerts are %+v", s.Alerts)
		}
	})
}

func TestADriverThatHangsFromTheStartIsNoticed(t *testing.T) {
	within(t, func(b *building) {
		time.Sleep(2 * time.Minute)
		var shown []gateway.FacilityID
		for _, a := range b.p.Snapshot().Alerts {
			if a.Visibility == alerts.Shown {
				shown = append(shown, a.Facility)
			}
		}
		if diff := cmp.Diff([]gateway.FacilityID{"bus-b1"}, shown); diff != "" {
			t.Errorf("alerts shown (-want +got):\n%s", diff)
		}
		if c := b.p.Snapshot().Facilities[1].Class; c != intact.Unknown {
			t.Errorf("a pump that never spoke counts as %v", c)
		}
	})
}

func TestACommandIsAnsweredAfterItsCommit(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(2 * time.Second)
		b.send(map[gateway.PointRef]float64{pumpFault: 1})
		time.Sleep(3 * time.Second)
		a, err := b.p.Ack(b.t.Context(), 1, "王强", "")
		if err != nil || !a.Acked {
			t.Fatalf("acknowledged: %+v, %v", a, err)
		}
		if kinds := b.store.kinds("pump-1"); kinds[len(kinds)-1] != "alert.acknowledged" {
			t.Errorf("answered with %v on disk", kinds)
		}
		if _, err := b.p.Ack(b.t.Context(), 1, "王强", ""); !errors.Is(err, alerts.ErrAcked) {
			t.Errorf("a second time: %v", err)
		}
		if _, err := b.p.MoveTicket(b.t.Context(), 1, tickets.Move{Event: "verify", By: "x"}); !errors.Is(err, tickets.ErrNotAllowed) {
			t.Errorf("a step that is not possible: %v", err)
		}
		tk, err := b.p.MoveTicket(b.t.Context(), 1, tickets.Move{Event: "accept", By: "王强"})
		if err != nil || tk.State != tickets.Accepted || tk.Responded != gateway.InstantOf(time.Now()) {
			t.Errorf("accepted: %+v, %v", tk, err)
		}
		if _, err := b.p.OpenTicket(b.t.Context(), tickets.Request{Facility: "pump-1", Text: "noise", By: "li"}); err != nil {
			t.Error(err)
		}
	})
}

func TestALatchedAlertWaitsForAPerson(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(2 * time.Second)
		b.send(map[gateway.PointRef]float64{pumpLevel: 0.05})
		dry := func() alerts.Alert {
			time.Sleep(time.Second)
			synctest.Wait()
			open := b.p.Snapshot().Alerts
			return open[slices.IndexFunc(open, func(a alerts.Alert) bool { return a.Rule == "dry" })]
		}
		a := dry()
		if _, err := b.p.Reset(b.t.Context(), a.ID, "li"); !errors.Is(err, pipeline.ErrStillActive) {
			t.Errorf("reset while the pump is dry: %v", err)
		}
		b.healthy(5 * time.Second)
		if a := dry(); a.Phase != rules.Active {
			t.Errorf("it ended by itself: %+v", a)
		}
		if _, err := b.p.Reset(b.t.Context(), a.ID, ""); !errors.Is(err, alerts.ErrNoName) {
			t.Errorf("reset by nobody: %v", err)
		}
		if _, err := b.p.Reset(b.t.Context(), a.ID, "li"); err != nil {
			t.Fatal(err)
		}
		if a := dry(); a.Phase != rules.Normal {
			t.Errorf("after the reset: %+v", a)
		}
		if kinds := b.store.kinds("pump-1"); !slices.Contains(kinds, "alert.reset") {
			t.Errorf("journal: %v", kinds)
		}
		if _, err := b.p.Reset(b.t.Context(), a.ID, "li"); !errors.Is(err, alerts.ErrNotFound) {
			t.Errorf("reset twice: %v", err)
		}
	})
}

func TestADeadDiskStopsNeitherAlarmsNorPeople(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(2 * time.Second)
		b.store.mu.Lock()
		b.store.broken = errors.New("disk full")
		b.store.mu.Unlock()
		b.send(map[gateway.PointRef]float64{pumpFault: 1})
		time.Sleep(10 * time.Second)
		s := b.p.Snapshot()
		if len(s.Alerts) != 1 || len(s.Tickets) != 1 || len(s.Degraded) == 0 {
			t.Fatalf("%d alerts, %d tickets, degraded %v", len(s.Alerts), len(s.Tickets), s.Degraded)
		}
		if due, _, _ := b.p.Outbox().Due(b.t.Context(), "desk", gateway.InstantOf(time.Now()), 10); len(due) != 1 {
			t.Errorf("%d notices to be sent from memory", len(due))
		}
		if _, err := b.p.Ack(b.t.Context(), 1, "li", ""); !errors.Is(err, pipeline.ErrNotWritten) {
			t.Errorf("an acknowledgement that is not on disk is answered with %v", err)
		}
		b.store.mu.Lock()
		b.store.broken = nil
		b.store.mu.Unlock()
		time.Sleep(3 * time.Second)
		if kinds := b.store.kinds("pump-1"); !slices.Contains(kinds, "alert.raised") || !slices.Contains(kinds, "alert.acknowledged") {
			t.Errorf("on disk are %v", kinds)
		}
		if s := b.p.Snapshot(); len(s.Degraded) != 0 {
			t.Errorf("still degraded: %v", s.Degraded)
		}
	})
}

func TestACommandAfterTheEndIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := build(t)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := b.p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := b.p.Ack(t.Context(), 1, "li", ""); !errors.Is(err, pipeline.ErrStopped) {
			t.Errorf("answered with %v", err)
		}
	})
}

// TestTheStartIsOnDiskBeforeItIsShown: how the time without the gateway counts
// is in the journal before anybody is told.
func TestTheStartIsOnDiskBeforeItIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := build(t)
		busy := make(chan struct{})
		b.store.busy = busy
		restored := b.p.Changed(b.p.Snapshot())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.p.Run(ctx) }()
		time.Sleep(time.Second)
		select {
		case <-restored:
			t.Error("shown before it was written")
		default:
		}
		close(busy)
		<-restored
		if kinds := b.store.kinds("pump-1"); !slices.Contains(kinds, "intact.unknown") {
			t.Errorf("shown with %v on disk", kinds)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
