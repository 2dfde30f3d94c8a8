package pipeline

import (
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// watch is a wall clock that can be set, beside a steady one.
type watch struct {
	wall   time.Time
	passed time.Duration
}

func (w *watch) pass(d time.Duration) { w.wall, w.passed = w.wall.Add(d), w.passed+d }
func (w *watch) set(by time.Duration) { w.wall = w.wall.Add(by) }

func TestTheClockNeitherStandsStillNorRunsBackwards(t *testing.T) {
	w := &watch{wall: time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)}
	c := &clock{wall: func() time.Time { return w.wall }, steady: func() time.Duration { return w.passed }, base: w.wall}
	last, _ := c.now()
	step := func(what string, set, pass, want, wantSkipped time.Duration) {
		t.Helper()
		w.set(set)
		w.pass(pass)
		now, skipped := c.now()
		if now.Sub(last) != want || skipped != wantSkipped {
			t.Errorf("%s: %v passed, %v skipped; want %v, %v", what, now.Sub(last), skipped, want, wantSkipped)
		}
		last = now
	}
	step("time passes", 0, 3*time.Second, 3*time.Second, 0)
	step("the wall clock is set back", -time.Hour, 2*time.Second, 2*time.Second, 0)
	step("and time passes", 0, 2*time.Second, 2*time.Second, 0)
	step("it is set right again", time.Hour, time.Second, time.Second, 0)
	step("it is set forward by a day", 24*time.Hour, time.Second, 24*time.Hour+time.Second, 24*time.Hour)
	step("it creeps ahead", 700*time.Millisecond, time.Second, time.Second, 0)
	if want := gateway.InstantOf(w.wall); want.Sub(last) > time.Second {
		t.Errorf("the clock says %v, the wall %v", last, want)
	}
}

// skew sets the wall clock of a running pipeline forward by d.
func (p *Pipeline) skew(d time.Duration) {
	done := make(chan struct{})
	p.commands <- command{do: func(gateway.Instant) error {
		wall := p.clock.wall
		p.clock.wall = func() time.Time { return wall().Add(d) }
		close(done)
		return nil
	}, done: make(answer, 1)}
	<-done
}
