package pipeline_test

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/store"
	"github.com/intact-gateway/intact/rules"
)

// tripsAfter returns the packs of the test with another hold for a tripped pump.
func tripsAfter(hold time.Duration) []rules.Pack {
	p := packs()
	p[0].Rules[0].Hold.Duration = hold
	return p
}

// fault sends once a second, for d, that the pump has tripped.
func (b *building) fault(d time.Duration) {
	for range d / time.Second {
		b.send(map[gateway.PointRef]float64{lineLink: 1, pumpFault: 1, pumpLevel: 1.2, pumpLink: 1})
		time.Sleep(time.Second)
	}
}

// entries returns the journal rows of a kind.
func (m *memory) entries(kind string) (found []store.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.changes {
		for _, e := range c.Entries {
			if e.Kind == kind {
				found = append(found, e)
			}
		}
	}
	return found
}

// TestAHoldOutlivesARestart: half of it passes before the gateway stops.
func TestAHoldOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := site(t, 1)
		before := startWith(t, s, tripsAfter(20*time.Second), nil)
		var began gateway.Instant
		before.run(func() {
			before.healthy(3 * time.Second)
			began = gateway.InstantOf(time.Now())
			before.fault(10 * time.Second)
		})
		time.Sleep(2 * time.Second)
		after := startWith(t, s, tripsAfter(20*time.Second), before)
		after.run(func() {
			after.fault(7 * time.Second)
			if open := after.open(); len(open) != 0 {
				t.Errorf("after 19 s are open %v", open)
			}
			after.fault(2 * time.Second)
			if alerts := after.p.Snapshot().Alerts; len(alerts) != 1 || alerts[0].Started != began {
				t.Errorf("after 21 s are open %+v, began %v", alerts, began)
			}
		})
	})
}

// TestAKillForgetsAtMostAFewSecondsOfAHold: what is not yet written of it was not
// known for long.
func TestAKillForgetsAtMostAFewSecondsOfAHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := site(t, 1)
		before := startWith(t, s, tripsAfter(20*time.Second), nil)
		killed := &building{store: new(memory)}
		before.run(func() {
			before.healthy(3 * time.Second)
			before.fault(6 * time.Second)
			before.store.mu.Lock()
			killed.store.changes = slices.Clone(before.store.changes)
			before.store.mu.Unlock()
		})
		after := startWith(t, s, tripsAfter(20*time.Second), killed)
		after.run(func() {
			after.fault(15 * time.Second)
			if open := after.open(); len(open) != 1 {
				t.Errorf("open are %v", open)
			}
		})
	})
}

// TestARuleThatWasChangedIsOnRecordAndNobodyIsCalled: the alert keeps its number
// and its ticket.
func TestARuleThatWasChangedIsOnRecordAndNobodyIsCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := site(t, 1)
		before := start(t, s, nil)
		before.run(func() {
			before.healthy(3 * time.Second)
			before.fault(5 * time.Second)
		})
		same := start(t, s, before)
		same.run(func() { same.fault(3 * time.Second) })
		if e := same.store.entries("alert.retuned"); len(e) != 0 {
			t.Errorf("nothing was changed, and on record is %s", e[0].Body)
		}
		after := startWith(t, s, tripsAfter(3*time.Second), before)
		after.run(func() {
			after.fault(3 * time.Second)
			if alerts := after.p.Snapshot().Alerts; len(alerts) != 1 || alerts[0].ID != 1 || alerts[0].Phase != rules.Active {
				t.Errorf("open are %+v", alerts)
			}
		})
		e := after.store.entries("alert.retuned")
		if len(e) != 1 {
			t.Fatalf("%d alerts are retuned", len(e))
		}
		var body struct{ Was, Now string }
		if err := json.Unmarshal(e[0].Body, &body); err != nil || body.Was != "critical: fault == 1 for 2s; clear after 1s" || body.Now != "critical: fault == 1 for 3s; clear after 1s" {
			t.Errorf("on record is %+v, %v", body, err)
		}
		if _, _, notices := after.store.counts(); notices != 0 {
			t.Errorf("%d notices are sent", notices)
		}
	})
}
