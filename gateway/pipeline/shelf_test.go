package pipeline_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
)

// notices returns the events that receivers were sent, in order.
func (m *memory) notices() (events []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.changes {
		for _, n := range c.Notices {
			events = append(events, n.Event)
		}
	}
	return events
}

func (b *building) told(want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.store.notices()); diff != "" {
		b.t.Errorf("receivers were told (-want +got):\n%s", diff)
	}
}

// tripped sends once a second, for d, what a pump sends that has tripped.
func (b *building) tripped(d time.Duration) {
	for range d / time.Second {
		b.send(map[gateway.PointRef]float64{lineLink: 1, pumpFault: 1, pumpLevel: 1.2, pumpLink: 1})
		time.Sleep(time.Second)
	}
	synctest.Wait()
}

var forAnHour = alerts.Shelving{By: "li", Reason: "the motor is on order", For: time.Hour}

// TestAShelvedFaultIsRecordedCountedAndRepairedButNotTold goes on over a restart
// and a clock that is set forward: neither ends the shelf.
func TestAShelvedFaultIsRecordedCountedAndRepairedButNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := site(t, 1)
		before := start(t, s, nil)
		before.run(func() {
			before.healthy(3 * time.Second)
			before.tripped(5 * time.Second)
			if a, err := before.p.Shelve(t.Context(), 1, forAnHour); err != nil || a.ISA() != "G" {
				t.Fatalf("shelved: %+v, %v", a, err)
			}
			before.healthy(5 * time.Second) // it returns, and comes again
			before.tripped(5 * time.Second)
			before.told("raised", "returned")
			snap := before.p.Snapshot()
			if len(snap.Alerts) != 1 || snap.Alerts[0].ID != 2 || snap.Alerts[0].ISA() != "G" {
				t.Fatalf("open are %+v", snap.Alerts)
			}
			if c := snap.Facilities[1].Class; c != intact.Down || len(snap.Tickets) != 1 || snap.Tickets[0].Count != 2 {
				t.Errorf("the pump counts as %v, its tickets are %+v", c, snap.Tickets)
			}
		})
		after := start(t, s, before)
		after.run(func() {
			after.tripped(5 * time.Second)
			pipeline.Skew(after.p, 3*time.Hour)
			after.tripped(30 * time.Minute)
			after.told()
			after.tripped(30 * time.Minute)
			after.told("raised")
			if a := after.p.Snapshot().Alerts[0]; a.Shelved() || a.ISA() != "B" {
				t.Errorf("after an hour it is %+v", a)
			}
		})
	})
}

func TestTheShelfThatIsWrittenIsTheOneInForce(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(3 * time.Second)
		b.tripped(5 * time.Second)
		if _, err := b.p.Shelve(b.t.Context(), 1, forAnHour); err != nil {
			b.t.Fatal(err)
		}
		pipeline.Skew(b.p, 3*time.Hour)
		b.tripped(5 * time.Second)
		inForce := b.p.Snapshot().Alerts[0].Shelf
		if written := b.store.left(inForce.Since).Alerts[0].Shelf; written != inForce {
			b.t.Errorf("on disk is %+v, in force %+v", written, inForce)
		}
		if _, err := b.p.Unshelve(b.t.Context(), 1, "wang"); err != nil {
			b.t.Fatal(err)
		}
		b.told("raised", "raised")
	})
}
