package pipeline_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/alerts"
)

// TestAFaultThatIsAcknowledgedAndNotMendedAlarmsAgain goes on over a restart.
func TestAFaultThatIsAcknowledgedAndNotMendedAlarmsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := site(t, 1)
		before := start(t, s, nil)
		before.run(func() {
			before.healthy(3 * time.Second)
			before.tripped(5 * time.Second)
			if _, err := before.p.Ack(t.Context(), 1, alerts.Acknowledgement{By: "li", Via: "page"}); err != nil {
				t.Fatal(err)
			}
			before.tripped(30 * time.Minute)
			before.told("raised", "acknowledged")
		})
		after := start(t, s, before)
		after.run(func() {
			after.tripped(31 * time.Minute)
			after.told("raised")
			if a := after.p.Snapshot().Alerts[0]; a.ID != 1 || a.ISA() != "B" {
				t.Errorf("after an hour it is %+v", a)
			}
		})
	})
}
