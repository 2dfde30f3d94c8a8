package app

import (
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// TestAGatewayThatStandsStillIsNotAlive: its heartbeat must stop with it.
func TestAGatewayThatStandsStillIsNotAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := startSite(t, fstest.MapFS{"site.yaml": {Data: []byte(flappingSite)}, "pump.yaml": {Data: []byte(flappingProfile)}}, refuse)
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := a.running.Load().alive(); err != nil {
			t.Errorf("it runs: %v", err)
		}
		if err := a.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(20 * time.Second)
		if err := a.running.Load().alive(); err == nil || !strings.Contains(err.Error(), "old") {
			t.Errorf("it stands still: %v", err)
		}
	})
}
