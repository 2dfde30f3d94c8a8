package pipeline_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/rules"
)

// TestASkippedHourMakesNothingLate: a gateway that starts with a wrong clock is
// set right a moment later.
func TestASkippedHourMakesNothingLate(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(5 * time.Second)
		b.send(map[gateway.PointRef]float64{pumpFault: 1}) // the rule holds for 2 s
		pipeline.Skew(b.p, time.Hour)
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		s := b.p.Snapshot()
		if len(s.Alerts) > 0 {
			t.Errorf("1.5 s of trouble raised %s", s.Alerts[0].Rule)
		}
		for _, v := range s.Values {
			if v.Quality == gateway.BadStale {
				t.Errorf("point %d is called stale after a second", v.Point)
			}
		}
		if got := s.Total[1].Unknown; got < time.Hour.Milliseconds() || got > (time.Hour+10*time.Second).Milliseconds() {
			t.Errorf("of the skipped hour %d ms count as unknown", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s := b.p.Snapshot(); len(s.Alerts) != 1 || s.Alerts[0].Phase != rules.Active || s.Facilities[1].Class != intact.Down {
			t.Errorf("after 2.5 s of trouble: %+v, %v", s.Alerts, s.Facilities[1].Class)
		}
	})
}

// TestASkippedTimeRunsOutNoClockOfATicket: what the clock skipped nobody had to
// repair anything in, and no reading was good for.
func TestASkippedTimeRunsOutNoClockOfATicket(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(5 * time.Second)
		b.send(map[gateway.PointRef]float64{pumpFault: 1})
		time.Sleep(4 * time.Second)
		b.healthy(10 * time.Second)
		before := b.p.Snapshot().Tickets[0]
		pipeline.Skew(b.p, 3*time.Hour)
		b.healthy(2 * time.Second)
		b.wroteNone(0, "ticket.breached", "ticket.verify")
		after := b.p.Snapshot().Tickets[0]
		if moved := after.Deadlines.Arrive.Sub(before.Deadlines.Arrive); moved != 3*time.Hour {
			t.Errorf("the deadline to arrive moved by %v", moved)
		}
		written := b.store.left(gateway.InstantOf(time.Now())).Tickets[0]
		if written.Deadlines != after.Deadlines {
			t.Errorf("on disk the deadlines are %v, on the page %v", written.Deadlines, after.Deadlines)
		}
	})
}
