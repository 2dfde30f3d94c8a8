package pipeline_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
)

// laddered tells the desk of everything, and of what nobody takes in hand the
// manager after 5 minutes, the owner after 10 and everybody after 30.
func laddered() notify.Config {
	step := func(after time.Duration, to ...string) notify.Step { return notify.Step{After: after, Tell: to} }
	return notify.Config{
		Receivers: []notify.Receiver{{ID: "desk"}, {ID: "manager"}, {ID: "owner"}},
		Routes:    []notify.Route{{To: []string{"desk"}}},
		Ladder: []notify.Ladder{{Severity: "critical", Steps: []notify.Step{
			step(5*time.Minute, "receiver/manager"), step(10*time.Minute, "receiver/owner"), step(30*time.Minute, "receiver/manager", "receiver/owner"),
		}}},
	}
}

// keys returns the keys of all notices that were written, without the site and the
// time.
func (m *memory) keys() (keys []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.changes {
		for _, n := range c.Notices {
			keys = append(keys, n.Event+" "+n.Receiver)
		}
	}
	return keys
}

// TestALadderClimbsInTheStepThatIsWritten: each rung is told once, whatever
// restarts come between, and with the alert that knows of it in one change.
func TestALadderClimbsInTheStepThatIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := site(t, 1)
		before := startTelling(t, s, packs(), nil, laddered())
		before.run(func() {
			before.healthy(3 * time.Second)
			before.tripped(6 * time.Minute)
		})
		for _, c := range before.store.changes {
			for _, n := range c.Notices {
				if n.Event == "escalated" && (len(c.Alerts) == 0 || c.Alerts[len(c.Alerts)-1].Call.Rungs != 1) {
					t.Errorf("a rung was told in a change whose alerts are %+v", c.Alerts)
				}
			}
		}
		time.Sleep(time.Hour) // the gateway is down
		after := startTelling(t, s, packs(), before, laddered())
		after.run(func() {
			after.tripped(40 * time.Minute)
			if _, err := after.p.Ack(t.Context(), 1, alerts.Acknowledgement{By: "li", Via: "page"}); err != nil {
				t.Fatal(err)
			}
			after.tripped(30 * time.Minute)
		})
		if diff := cmp.Diff([]string{"raised desk", "escalated manager"}, before.store.keys()); diff != "" {
			t.Errorf("before the restart (-want +got):\n%s", diff)
		}
		// Two rungs were due meanwhile: the last one is told.
		want := []string{"escalated manager", "escalated owner", "acknowledged manager", "acknowledged owner"}
		if diff := cmp.Diff(want, after.store.keys()); diff != "" {
			t.Errorf("after it (-want +got):\n%s", diff)
		}
		all := slices.Concat(before.store.changes, after.store.changes)
		seen := make(map[string]bool)
		for _, c := range all {
			for _, n := range c.Notices {
				if seen[n.Key] {
					t.Errorf("notice %s is there twice", n.Key)
				}
				seen[n.Key] = true
			}
		}
	})
}
