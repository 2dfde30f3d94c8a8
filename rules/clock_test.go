package rules_test

import (
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// TestAClockThatIsSetForwardIsNoTime: a gateway without a battery for its clock
// starts in the past, and is set right within its first minute.
func TestAClockThatIsSetForwardIsNoTime(t *testing.T) {
	const year = 365 * 24 * time.Hour
	phase := func(e *rules.Engine) rules.Phase { return e.Stand(0).Phase }
	at := func(second int) gateway.Instant { return gateway.Instant(second * 1000).Add(year) }

	t.Run("an alert is active for its least time", func(t *testing.T) {
		e := compile(t, rules.Spec{When: when("pressure.inlet < 0.5"), MinActive: time.Minute})
		feed(e, "in=0.3", 1)
		e.Skip(year)
		e.Observe(nil, []gateway.Sample{{Point: inlet, Quality: gateway.Good, Value: 0.9, At: at(2)}})
		if e.Advance(nil, at(60)); phase(e) != rules.Clearing {
			t.Errorf("after 59 s it is %s", phase(e))
		}
		if e.Advance(nil, at(61)); phase(e) != rules.Normal {
			t.Errorf("after 60 s it is %s", phase(e))
		}
	})
	t.Run("a hold that a restart cut short has not passed by it", func(t *testing.T) {
		spec := rules.Spec{When: when("pressure.inlet < 0.5"), Hold: rules.Hold{Duration: 10 * time.Second}}
		e, d := compile(t, spec), make(disk)
		feed(e, "in=0.3", 1)
		e.Advance(nil, 3000)
		d.save(e)
		e = compile(t, spec)
		e.Resume(d.former(nil, 3000), 5000)
		e.Skip(year)
		e.Observe(nil, []gateway.Sample{{Point: inlet, Quality: gateway.Good, Value: 0.3, At: at(6)}})
		if e.Advance(nil, at(10)); phase(e) != rules.Pending {
			t.Errorf("after 9 s it is %s", phase(e))
		}
		if e.Advance(nil, at(11)); phase(e) != rules.Active {
			t.Errorf("after 10 s it is %s", phase(e))
		}
	})
	t.Run("looks are taken at even times again", func(t *testing.T) {
		s := mustStage(t, watched(t, time.Second, 0), rules.Spec{When: when("held(x > 50 degC, 2 of 3 in 30s)")})
		s.tell(1000, "p/x=60")
		s.Skip(7 * time.Second)
		s.tell(9000, "p/x=60")
		if next, _ := s.Next(); next != 20_000 {
			t.Errorf("the next look is at %d", next)
		}
	})
}
