package pipeline_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// counts returns how many alerts, tickets and notices were ever written.
func (m *memory) counts() (alerts, tickets, notices int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids, jobs := make(map[any]bool), make(map[any]bool)
	for _, c := range m.changes {
		for _, a := range c.Alerts {
			ids[a.ID] = true
		}
		for _, t := range c.Tickets {
			jobs[t.ID] = true
		}
		notices += len(c.Notices)
	}
	return len(ids), len(jobs), notices
}

// TestAContactThatFlapsIsOneFault: five times a second for ten minutes, with a
// rule that waits for nothing.
func TestAContactThatFlapsIsOneFault(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(2 * time.Second)
		for i := range 10 * 60 * 5 {
			b.emit([]gateway.Sample{{Point: pumpLevel, Quality: gateway.Good, Value: 0.15 + float64(i%2), At: gateway.InstantOf(time.Now())}})
			if i%5 == 0 {
				b.send(map[gateway.PointRef]float64{lineLink: 1, pumpFault: 0, pumpLink: 1})
			}
			time.Sleep(200 * time.Millisecond)
		}
		synctest.Wait()
		alerts, tickets, notices := b.store.counts()
		if alerts > 4 || tickets != 1 || notices > 8 {
			t.Errorf("%d alerts, %d tickets, %d notices", alerts, tickets, notices)
		}
		moves := slices.DeleteFunc(b.store.kinds("pump-1"), func(kind string) bool { return !strings.HasPrefix(kind, "ticket.") })
		if len(moves) > 8 {
			t.Errorf("the journal tells of %d moves of its ticket", len(moves))
		}
		b.healthy(time.Hour)
		if kinds := b.store.kinds("pump-1"); !slices.Contains(kinds, "ticket.verify") {
			t.Errorf("an hour after the end the ticket is still open: %v", kinds[len(kinds)-5:])
		}
	})
}

// TestAUnitThatComesAndGoesIsOneFault: every three seconds for ten minutes.
func TestAUnitThatComesAndGoesIsOneFault(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(2 * time.Second)
		for i := range 10 * 60 {
			up := float64(i / 3 % 2)
			b.send(map[gateway.PointRef]float64{lineLink: 1, pumpLink: up, pumpFault: 0, pumpLevel: 1})
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if alerts, tickets, _ := b.store.counts(); alerts > 1 || tickets > 1 {
			t.Errorf("%d alerts, %d tickets", alerts, tickets)
		}
	})
}
