package pipeline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/rules"
)

func TestWhereARuleStandsIsToldFromTheLoop(t *testing.T) {
	within(t, func(b *building) {
		rule := func() pipeline.RuleStand {
			t.Helper()
			found, at, err := b.p.Rule(b.t.Context(), "pump-1", "tripped")
			if err != nil || len(found) != 1 || at != gateway.InstantOf(time.Now()) {
				t.Fatalf("found %v at %v, %v", found, at, err)
			}
			return found[0]
		}
		b.healthy(3 * time.Second)
		if r := rule(); r.Phase != rules.Normal || r.Until != "" || r.Alert != nil || r.Point != "pump-1/fault" {
			t.Errorf("while all is well: %+v", r)
		}
		b.fault(time.Second)
		if r := rule(); r.Phase != rules.Pending || r.Ends.Sub(gateway.InstantOf(time.Now())) != time.Second || r.Until != "fault != 1" {
			t.Errorf("while the hold runs: %+v", r)
		}
		b.fault(3 * time.Second)
		if r := rule(); r.Phase != rules.Active || r.Alert == nil || r.Alert.ID != 1 || r.Until != "fault != 1" || r.ClearAfter != time.Second {
			t.Errorf("while it is active: %+v", r)
		}
		b.send(map[gateway.PointRef]float64{pumpFault: 0})
		if r := rule(); r.Phase != rules.Clearing || r.Ends.Sub(gateway.InstantOf(time.Now())) != time.Second {
			t.Errorf("while it clears: %+v", r)
		}
		if found, _, err := b.p.Rule(b.t.Context(), "pump-1", "no such"); len(found) != 0 || err != nil {
			t.Errorf("of no rule: %v, %v", found, err)
		}
		ended, stop := context.WithCancel(b.t.Context())
		stop()
		if _, _, err := b.p.Rule(ended, "pump-1", "tripped"); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("to nobody who listens: %v", err)
		}
	})
}
