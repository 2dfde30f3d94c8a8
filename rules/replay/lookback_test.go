package replay_test

import (
	"slices"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
	"github.com/intact-gateway/intact/rules/replay"
)

// TestRulesOverTimeAreReplayed: a fall of the pressure, and a pump that starts seven
// times within the hour and then no more. The recording of the contact ends with
// its last change; that the hour passes is known all the same.
func TestRulesOverTimeAreReplayed(t *testing.T) {
	p := plan(t)
	text := gateway.Text{ZH: "文", EN: "text"}
	why := rules.Why{Cause: text, Consequence: text, Response: text}
	p.Packs = []rules.Pack{{Class: gateway.Pump, Rules: []rules.Spec{
		{ID: "falling", Title: text, Why: why, Severity: "warning", When: &rules.Condition{Expr: "rate(inlet, 2min) < -0.05 bar/min"}},
		{ID: "cycling", Title: text, Why: why, Severity: "warning", When: &rules.Condition{Expr: "starts(run, 1h) > 6"}},
	}}}
	var r recorded
	var falling []float64
	for i := range 40 {
		falling = append(falling, 2-0.02*float64(i))
	}
	r.put(t, p.Site, "p1/inlet", 0, 10*time.Second, slices.Concat(falling, slices.Repeat([]float64{1.2}, 700))...)
	r.put(t, p.Site, "p1/run", 0, 2*time.Minute, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0)
	got, err := replay.Run(t.Context(), p, r.open, replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	active := make(map[string]replay.Rule)
	for _, rule := range got.Rules {
		active[rule.Key] = rule
	}
	if f := active["p1/falling"]; f.Activations != 1 || f.StillActive || f.First != at(time.Minute) || f.Active < 6*time.Minute || f.Active > 8*time.Minute {
		t.Errorf("falling: %+v", f)
	}
	if c := active["p1/cycling"]; c.Activations != 1 || c.StillActive || c.First != at(26*time.Minute) || c.Active < 36*time.Minute || c.Active > 38*time.Minute {
		t.Errorf("cycling: %+v", c)
	}
}
