package pipeline_test

import (
	"slices"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// TestTheWorstValueIsOnRecordWhenAnAlertReturns: the level falls on while the
// alert is active, and rises again.
func TestTheWorstValueIsOnRecordWhenAnAlertReturns(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(3 * time.Second)
		for _, level := range []float64{0.19, 0.12, 0.15, 0.5} {
			b.send(map[gateway.PointRef]float64{pumpLevel: level})
			time.Sleep(time.Second)
		}
		for _, a := range b.store.left(gateway.InstantOf(time.Now())).Alerts {
			if a.Rule == "low" && (a.Phase != rules.Normal || a.Trip != 0.19 || a.TripLimit != 0.2 || a.Peak != 0.12 || a.Value != 0.5) {
				b.t.Errorf("on record is %+v", a)
			}
		}
		if kinds := b.store.kinds("pump-1"); !slices.Contains(kinds, "alert.returned") {
			b.t.Errorf("journal: %v", kinds)
		}
	})
}
