package gateway_test

import (
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// step is n readings of one value, one each minute unless every says otherwise.
type step struct {
	n     int
	value float64
	q     gateway.Quality
	every time.Duration
}

func TestStillness(t *testing.T) {
	const after = 30 * time.Minute
	tests := []struct {
		name  string
		steps []step
		stuck int // readings that are called stuck
		last  gateway.Quality
	}{
		{"moves all the time", []step{{20, 1, gateway.Good, 0}, {20, 2, gateway.Good, 0}, {20, 1, gateway.Good, 0}}, 0, gateway.Good},
		{"stands still just short of the time", []step{{30, 1, gateway.Good, 0}}, 0, gateway.Good},
		{"stands still for the time", []step{{31, 1, gateway.Good, 0}}, 1, gateway.BadStuck},
		{"stays stuck", []step{{40, 1, gateway.Good, 0}}, 10, gateway.BadStuck},
		{"moves again", []step{{40, 1, gateway.Good, 0}, {1, 1.1, gateway.Good, 0}}, 10, gateway.Good},
		{"begins anew after it moved", []step{{40, 1, gateway.Good, 0}, {1, 2, gateway.Good, 0}, {30, 1, gateway.Good, 0}}, 10, gateway.Good},
		{"is stuck at 0", []step{{31, 0, gateway.Good, 0}}, 1, gateway.BadStuck},
		{"is silent", []step{{20, 1, gateway.Good, 0}, {60, 0, gateway.BadTimeout, 0}, {10, 1, gateway.Good, 0}}, 0, gateway.Good},
		{"is stuck before and after a silence", []step{{31, 1, gateway.Good, 0}, {60, 0, gateway.BadTimeout, 0}, {1, 1, gateway.Good, 0}}, 2, gateway.BadStuck},
		{"sends too seldom to tell", []step{{9, 1, gateway.Good, 10 * time.Minute}}, 0, gateway.Good},
		{"is not asked for hours", []step{{12, 1, gateway.Good, 0}, {1, 1, gateway.Good, 5 * time.Hour}}, 0, gateway.Good},
		{"is doubted and stuck", []step{{31, 1, gateway.Uncertain, 0}}, 1, gateway.BadStuck},
		{"has its clock set back", []step{{20, 1, gateway.Good, 0}, {1, 1, gateway.Good, -time.Hour}, {5, 1, gateway.Good, 0}}, 0, gateway.Good},
	}
	for _, tt := range tests {
		at := gateway.InstantOf(time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC))
		var w gateway.Stillness
		var s gateway.Sample
		stuck := 0
		for _, st := range tt.steps {
			every := time.Minute
			if st.every != 0 {
				every = st.every
			}
			for range st.n {
				at = at.Add(every)
				s = gateway.Sample{Value: st.value, Quality: st.q, At: at}
				w.Judge(&s, after, 10*time.Minute)
				if s.Quality == gateway.BadStuck {
					stuck++
					if s.Value != 0 {
						t.Errorf("%s: a stuck sample carries %v", tt.name, s.Value)
					}
				}
			}
		}
		if stuck != tt.stuck || s.Quality != tt.last {
			t.Errorf("%s: %d readings are stuck and the last is %v, want %d and %v", tt.name, stuck, s.Quality, tt.stuck, tt.last)
		}
	}
}

func TestStillnessAllocatesNothing(t *testing.T) {
	var w gateway.Stillness
	at := gateway.Instant(1)
	if n := testing.AllocsPerRun(1000, func() {
		at = at.Add(time.Second)
		s := gateway.Sample{Value: 1, Quality: gateway.Good, At: at}
		w.Judge(&s, time.Minute, time.Minute)
	}); n != 0 {
		t.Errorf("%v allocations for a reading", n)
	}
}
