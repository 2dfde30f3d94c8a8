package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
)

func twoPoints(t *testing.T) (site *gateway.Site, level, door gateway.PointRef) {
	t.Helper()
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{{
		ID: "f", Class: gateway.Sump, Points: []gateway.Point{{Name: "level"}, {Name: "door", Kind: gateway.Discrete}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return site, 0, 1
}

func good(p gateway.PointRef, v float64) gateway.Sample {
	return gateway.Sample{Point: p, Quality: gateway.Good, Value: v}
}

func TestAFullRingKeepsEveryChangeOfAStepwisePoint(t *testing.T) {
	site, level, door := twoPoints(t)
	r := newRing(site, func() {})
	r.put([]gateway.Sample{good(door, 1), good(level, -1), {Point: level, Quality: gateway.BadTimeout}})
	for i := range 2 * ringSize {
		r.put([]gateway.Sample{good(level, float64(i))})
		if i == ringSize/2 {
			r.put([]gateway.Sample{good(door, 0), good(door, 1)})
		}
	}
	got := r.take(nil)
	if len(got) > ringSize {
		t.Errorf("%d samples wait, more than the bound of %d", len(got), ringSize)
	}
	var doors []float64
	sawBad := false
	last := -2.0
	for _, s := range got {
		switch {
		case s.Point == door:
			doors = append(doors, s.Value)
		case !s.Quality.HasValue():
			sawBad = true
		case s.Value <= last:
			t.Fatalf("level %v comes after %v", s.Value, last)
		default:
			last = s.Value
		}
	}
	if diff := cmp.Diff([]float64{1, 0, 1}, doors); diff != "" {
		t.Errorf("changes of the door (-want +got):\n%s", diff)
	}
	if !sawBad {
		t.Error("the spell of bad quality was coalesced away")
	}
	if last != 2*ringSize-1 {
		t.Errorf("newest level is %v", last)
	}
	if n := r.coalescedCount(); int(n)+len(got) != 2*ringSize+5 {
		t.Errorf("%d coalesced and %d kept do not add up to what was put in", n, len(got))
	}
}

func TestASourceOfNothingButChangesWaitsForTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site, _, door := twoPoints(t)
		woken := make(chan struct{}, 1)
		r := newRing(site, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
		const all = ringSize*2 + 10
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range all {
				r.put([]gateway.Sample{good(door, float64(i))})
			}
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("the source did not wait although the ring is full of changes")
		default:
		}
		var got []gateway.Sample
		for len(got) < all {
			<-woken
			got = r.take(got)
			synctest.Wait()
		}
		<-done
		for i, s := range got {
			if s.Value != float64(i) {
				t.Fatalf("sample %d is %v: order or a change was lost", i, s.Value)
			}
		}
	})
}

func TestClosingReleasesAWaitingSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site, _, door := twoPoints(t)
		r := newRing(site, func() {})
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.put(make([]gateway.Sample, ringSize))
			batch := make([]gateway.Sample, ringSize)
			for i := range batch {
				batch[i] = good(door, 1)
			}
			r.put(batch)
			r.put(batch)
		}()
		synctest.Wait()
		r.close()
		<-done
	})
}
