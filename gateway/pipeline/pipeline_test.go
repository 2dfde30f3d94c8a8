package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
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
		a, err := b.p.Ack(b.t.Context(), 1, alerts.Acknowledgement{By: "王强"})
		if err != nil || !a.Acked {
			t.Fatalf("acknowledged: %+v, %v", a, err)
		}
		if kinds := b.store.kinds("pump-1"); kinds[len(kinds)-1] != "alert.acknowledged" {
			t.Errorf("answered with %v on disk", kinds)
		}
		if _, err := b.p.Ack(b.t.Context(), 1, alerts.Acknowledgement{By: "王强"}); !errors.Is(err, alerts.ErrAcked) {
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

// TestARestartRemembersThatALatchWasReset: it comes while clear_after still runs.
func TestARestartRemembersThatALatchWasReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := site(t, 1)
		before := start(t, s, nil)
		before.run(func() {
			before.send(map[gateway.PointRef]float64{lineLink: 1, pumpFault: 0, pumpLevel: 0.05, pumpLink: 1})
			before.healthy(3 * time.Second)
			if _, err := before.p.Reset(t.Context(), before.p.Snapshot().Alerts[0].ID, "li"); err != nil {
				t.Fatal(err)
			}
		})
		after := start(t, s, before)
		after.run(func() {
			after.healthy(10 * time.Second)
			for _, a := range after.p.Snapshot().Alerts {
				if a.Rule == "dry" && a.Phase != rules.Normal {
					t.Errorf("somebody has to reset it again: %v, cleared %v", a.Phase, a.Cleared)
				}
			}
		})
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
		b.healthy(5 * time.Second)
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
		if _, err := b.p.Ack(b.t.Context(), 1, alerts.Acknowledgement{By: "li"}); !errors.Is(err, pipeline.ErrNotWritten) {
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
		if _, err := b.p.Ack(t.Context(), 1, alerts.Acknowledgement{By: "li"}); !errors.Is(err, pipeline.ErrStopped) {
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
