package pipeline_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/gateway"
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
