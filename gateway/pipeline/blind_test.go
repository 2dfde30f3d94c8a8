package pipeline_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
)

// refuse sends what a pump sends whose device answers, but refuses one point.
func (b *building) refuse(ref gateway.PointRef, d time.Duration) {
	for range d / time.Second {
		at := gateway.InstantOf(time.Now())
		batch := []gateway.Sample{
			{Point: lineLink, Quality: gateway.Good, Value: 1, At: at},
			{Point: pumpFault, Quality: gateway.Good, At: at},
			{Point: pumpLevel, Quality: gateway.Good, Value: 1.2, At: at},
			{Point: pumpLink, Quality: gateway.Good, Value: 1, At: at},
		}
		batch[ref] = gateway.Sample{Point: ref, Quality: gateway.BadException, At: at}
		b.emit(batch)
		time.Sleep(time.Second)
	}
	synctest.Wait()
}

// open returns the rules of the open alerts of the pump.
func (b *building) open() (open []string) {
	for _, a := range b.p.Snapshot().Alerts {
		if a.Facility == "pump-1" {
			open = append(open, a.Rule)
		}
	}
	return open
}

func TestAnInputThatNobodyCanReadIsToldThoughTheDeviceAnswers(t *testing.T) {
	for _, tt := range []struct {
		point gateway.PointRef
		want  string
	}{{pumpFault, "blind"}, {pumpLevel, "unread"}} {
		t.Run(tt.want, func(t *testing.T) {
			within(t, func(b *building) {
				b.healthy(5 * time.Second)
				b.refuse(tt.point, 50*time.Second)
				if open := b.open(); len(open) > 0 {
					t.Errorf("too early: %v", open)
				}
				b.refuse(tt.point, 20*time.Second)
				if open := b.open(); !slices.Equal(open, []string{tt.want}) {
					t.Errorf("open are %v", open)
				}
				b.healthy(10 * time.Second)
				for _, a := range b.p.Snapshot().Alerts {
					if a.Cleared.IsZero() {
						t.Errorf("%s is still active", a.Rule)
					}
				}
			})
		})
	}
}

// TestASilentDeviceIsNotCalledBlind: its link says so already, and when it comes
// back its values get the time to follow.
func TestASilentDeviceIsNotCalledBlind(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(5 * time.Second)
		b.send(map[gateway.PointRef]float64{pumpLink: 0})
		for range 300 {
			b.send(map[gateway.PointRef]float64{lineLink: 1, pumpLink: 0})
			time.Sleep(time.Second)
		}
		if open := b.open(); !slices.Equal(open, []string{"comm_loss"}) {
			t.Errorf("while it is silent: %v", open)
		}
		for range 30 {
			b.send(map[gateway.PointRef]float64{lineLink: 1, pumpLink: 1})
			time.Sleep(time.Second)
		}
		if open := b.open(); slices.Contains(open, "blind") || slices.Contains(open, "unread") {
			t.Errorf("just back: %v", open)
		}
	})
}

// wroteNone fails the test if the journal about the pump holds one of kinds from row
// number from on.
func (b *building) wroteNone(from int, kinds ...string) {
	b.t.Helper()
	for _, kind := range b.store.kinds("pump-1")[from:] {
		if slices.Contains(kinds, kind) {
			b.t.Errorf("%s is in the journal: %v", kind, b.store.kinds("pump-1")[from:])
		}
	}
}

// TestARestartDoesNotHealABlindFacility: the gateway that starts has not seen the
// point either, and has not waited for it yet.
func TestARestartDoesNotHealABlindFacility(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := site(t, 1)
		before := start(t, s, nil)
		before.run(func() {
			before.healthy(5 * time.Second)
			before.refuse(pumpFault, 75*time.Second)
		})
		time.Sleep(5 * time.Second)
		after := start(t, s, before)
		after.run(func() {
			after.refuse(pumpFault, 90*time.Second)
			after.wroteNone(0, "alert.returned", "intact.up")
			after.healthy(10 * time.Second)
			if kinds := after.store.kinds("pump-1"); !slices.Contains(kinds, "alert.returned") || !slices.Contains(kinds, "intact.up") {
				t.Errorf("it sees again, journal: %v", kinds)
			}
		})
	})
}

// TestSilenceDoesNotHealABlindFacility: before its device fell silent a fault
// could not be seen, and after it has come back neither.
func TestSilenceDoesNotHealABlindFacility(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(5 * time.Second)
		b.refuse(pumpFault, 75*time.Second)
		from := len(b.store.kinds("pump-1"))
		for range 60 {
			b.send(map[gateway.PointRef]float64{lineLink: 1, pumpLink: 0})
			time.Sleep(time.Second)
		}
		b.refuse(pumpFault, 90*time.Second)
		b.wroteNone(from, "intact.up")
	})
}

// TestALesserBlindnessIsNotHeldUp: what is still waited for decides what a
// facility may be called at best, no more.
func TestALesserBlindnessIsNotHeldUp(t *testing.T) {
	within(t, func(b *building) {
		b.healthy(5 * time.Second)
		b.refuse(pumpFault, 75*time.Second)
		b.refuse(pumpLevel, 10*time.Second)
		for _, a := range b.p.Snapshot().Alerts {
			if a.Rule == "blind" && a.Cleared.IsZero() {
				t.Error("the fault point has a value, and the facility is still called blind to faults")
			}
		}
	})
}

// TestADeadLineExplainsWhatItsSourceDoesNotTell: one card for the line, none for
// what cannot be seen behind it; nobody knows meanwhile that the pump is up.
func TestADeadLineExplainsWhatItsSourceDoesNotTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, site(t, 2), nil)
		ref := func(id gateway.PointID) gateway.PointRef {
			r, ok := b.p.Snapshot().Site.Lookup(id)
			if !ok {
				t.Fatalf("no point %s", id)
			}
			return r
		}
		line2, link2 := ref("bus-b2/link"), ref("pump-1/link.2")
		play := func(d time.Duration, alive bool) {
			for range d / time.Second {
				at := gateway.InstantOf(time.Now())
				good := func(p gateway.PointRef, v float64) gateway.Sample {
					return gateway.Sample{Point: p, Quality: gateway.Good, Value: v, At: at}
				}
				batch := []gateway.Sample{good(lineLink, 1), good(pumpLink, 1), good(pumpLevel, 1.2)}
				if alive {
					batch = append(batch, good(line2, 1), good(link2, 1), good(pumpFault, 0))
				} else {
					batch = append(batch, good(line2, 0), good(link2, 0), gateway.Sample{Point: pumpFault, Quality: gateway.BadTimeout, At: at})
				}
				b.emit(batch)
				time.Sleep(time.Second)
			}
			synctest.Wait()
		}
		b.run(func() {
			play(10*time.Second, true)
			play(200*time.Second, false)
			var shown []string
			for _, a := range b.p.Snapshot().Alerts {
				if a.Visibility == alerts.Shown {
					shown = append(shown, string(a.Facility)+"/"+a.Rule)
				}
			}
			if !slices.Equal(shown, []string{"bus-b2/comm_loss"}) {
				t.Errorf("shown are %v", shown)
			}
			if got := b.p.Snapshot().Facilities[1].Class; got != intact.Unknown {
				t.Errorf("the pump counts as %v while nobody can see its fault", got)
			}
			play(60*time.Second, true)
			b.wroteNone(0, "alert.revealed")
			if s := b.p.Snapshot(); s.Facilities[1].Class != intact.Up {
				t.Errorf("it sees again and counts as %v", s.Facilities[1].Class)
			}
		})
	})
}
