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
