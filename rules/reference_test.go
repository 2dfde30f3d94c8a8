package rules_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// reference is a limit with hysteresis, hold and clear time written down the
// plain way: it looks at every sample, has no band, no shared comparison and no
// timer heap, and is asked once for every second.
type reference struct {
	above, reset float64
	hold, clear  gateway.Instant

	value   float64
	known   bool
	phase   rules.Phase
	began   gateway.Instant
	ended   gateway.Instant
	waited  gateway.Instant // of hold or clear, while known
	touched gateway.Instant
}

func (r *reference) at(now gateway.Instant, s *gateway.Sample) {
	if r.known {
		r.waited += now - r.touched
	}
	r.touched = now
	r.expire()
	if s != nil {
		r.known, r.value = s.Quality.HasValue(), s.Value
	}
	if !r.known {
		return
	}
	switch {
	case r.phase == rules.Normal && r.value > r.above:
		r.phase, r.began, r.waited = rules.Pending, now, 0
	case r.phase == rules.Pending && r.value <= r.above:
		r.phase = rules.Normal
	case r.phase == rules.Active && r.value <= r.reset:
		r.phase, r.ended, r.waited = rules.Clearing, now, 0
	case r.phase == rules.Clearing && r.value > r.reset:
		r.phase = rules.Active
	}
	r.expire()
}

func (r *reference) expire() {
	switch {
	case r.phase == rules.Pending && r.waited >= r.hold:
		r.phase = rules.Active
	case r.phase == rules.Clearing && r.waited >= r.clear:
		r.phase = rules.Normal
	}
}

func TestTheEngineAgreesWithThePlainWay(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 1))
	for round := range 300 {
		refs := make([]*reference, 1+rng.IntN(5))
		pack := rules.Pack{Class: gateway.Pump}
		for i := range refs {
			above := float64(rng.IntN(10))
			r := &reference{above: above, reset: above - float64(rng.IntN(3)), hold: gateway.Instant(rng.IntN(5) * 1000), clear: gateway.Instant(rng.IntN(4) * 1000)}
			refs[i] = r
			pack.Rules = append(pack.Rules, rules.Spec{
				ID: fmt.Sprintf("r%d", i), Points: []string{"temperature"}, ClearAfter: time.Duration(r.clear) * time.Millisecond,
				Levels: []rules.Level{{Severity: "warning", Above: fmt.Sprint(r.above), Reset: signed(r.reset), Hold: rules.Hold{Duration: time.Duration(r.hold) * time.Millisecond}}},
			})
		}
		e := rules.Compile(pumpSite(t), []rules.Pack{pack}, rules.Settings{}, func(path, problem, _ string) { t.Fatalf("%s: %s", path, problem) })
		stands := make([]rules.Phase, len(refs))
		want := make([]rules.Phase, len(refs))
		var changes []rules.Change
		for second := range 200 {
			now := gateway.Instant(second * 1000)
			var s *gateway.Sample
			switch rng.IntN(4) {
			case 0:
				s = &gateway.Sample{Point: temp, Quality: gateway.BadTimeout, At: now}
			case 1, 2:
				s = &gateway.Sample{Point: temp, Quality: gateway.Good, Value: float64(rng.IntN(12)), At: now}
			}
			changes = e.Advance(changes[:0], now)
			if s != nil {
				changes = e.Observe(changes, []gateway.Sample{*s})
			}
			for _, c := range changes {
				stands[c.Ref] = c.To
			}
			for i, r := range refs {
				r.at(now, s)
				want[i] = r.phase
			}
			if diff := cmp.Diff(want, stands); diff != "" {
				t.Fatalf("seed %d round %d second %d (-plain +engine):\n%s", seed, round, second, diff)
			}
		}
	}
}

func signed(v float64) string {
	if v < 0 {
		return fmt.Sprintf("0 - %v", -v)
	}
	return fmt.Sprint(v)
}

func FuzzExpression(f *testing.F) {
	for _, s := range []string{"run == true", "pressure.inlet < $low - 0.1 bar or not (mode in [stopped, 2])", "mode.bit(4)", "temperature >= -5 degC", "run and link", "usage(temp) > 0",
		"rate(temperature, 1min) > 2 degC/min", "max(temperature, 10s) - min(temperature, 10s) < 1 K", "held(run or mode == normal, 2 of 3 in 1min)",
		"starts(run, 1h) > 6 and peer(p).run", "usage(temperature, 1h, 3 K) > $low * 2", "parent.link == link and abs(-temperature) > 3 degC"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		pack := rules.Pack{Class: gateway.Pump, Params: []rules.Param{{Name: "low"}}, Rules: []rules.Spec{{ID: "r", Severity: "info", When: when(in)}}}
		bad := false
		report := func(string, string, string) { bad = true }
		pack.Validate(report)
		e := rules.Compile(pumpSite(t), []rules.Pack{pack}, rules.Settings{}, report)
		if bad {
			return
		}
		for ref := range gateway.PointRef(5) {
			for _, v := range []float64{0, 1, -3, 1e9} {
				e.Observe(nil, []gateway.Sample{{Point: ref, Quality: gateway.Good, Value: v, At: 1}})
			}
		}
	})
}
