package pipeline_test

import (
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
)

func TestAHealthyPumpBehindADeadLineIsUnknownAfterItsGraceAndNeverUp(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(3 * time.Second)
		heard := b.p.Snapshot().Facilities[1].Heard
		for range 11 * 12 {
			b.send(map[gateway.PointRef]float64{lineLink: 0, pumpLink: 0}) // as the driver tells it every five seconds
			time.Sleep(5 * time.Second)
		}
		s := b.p.Snapshot()
		if f := s.Facilities[1]; f.Class != intact.Unknown || f.Since.Sub(heard) < 10*time.Minute || f.Since.Sub(heard) > 10*time.Minute+time.Second {
			t.Errorf("last heard at %v, the pump is %v since %v", heard, f.Class, f.Since)
		}
		if month := s.Month[1]; month.Unknown != int64(s.At-s.Facilities[1].Since) || month.Down != 0 {
			t.Errorf("this month it counts as %+v", month)
		}
		if f := s.Facilities[0]; f.Class != intact.Down {
			t.Errorf("the line is %v", f.Class)
		}
		for _, a := range s.Alerts {
			if a.Facility == "pump-1" && a.Visibility != alerts.Suppressed {
				t.Errorf("the consequence is shown: %+v", a)
			}
		}
		b.healthy(2 * time.Second)
		if f := b.p.Snapshot().Facilities[1]; f.Class != intact.Up {
			t.Errorf("heard again, the pump is %v", f.Class)
		}
	})
}
