package sieve_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/telemetry/sieve"
)

// The points of the test site.
const (
	volts = gateway.PointRef(iota) // deadband 0.5
	door                           // heartbeat alone
	every                          // neither
)

func site(t testing.TB) *gateway.Site {
	t.Helper()
	s, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{{ID: "m", Class: gateway.ElectricMeter, Points: []gateway.Point{
		{Name: "volts", Deadband: 0.5}, {Name: "door", Kind: gateway.Discrete, Heartbeat: time.Minute}, {Name: "every"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsKept(t *testing.T) {
	s := sieve.New(site(t))
	for i, tt := range []struct {
		why     string
		point   gateway.PointRef
		at      time.Duration
		value   float64
		quality gateway.Quality
		want    bool
	}{
		{"the first", volts, 0, 230, gateway.Good, true},
		{"within the deadband", volts, time.Second, 230.5, gateway.Good, false},
		{"beyond it", volts, 2 * time.Second, 230.75, gateway.Good, true},
		{"within that of the one kept last", volts, 3 * time.Second, 230.25, gateway.Good, false},
		{"bad", volts, 4 * time.Second, 0, gateway.BadTimeout, true},
		{"still bad", volts, 5 * time.Second, 0, gateway.BadTimeout, false},
		{"bad for another reason", volts, 6 * time.Second, 0, gateway.BadClosed, true},
		{"good again", volts, 7 * time.Second, 230.75, gateway.Good, true},
		{"before the heartbeat", volts, 7*time.Second + 10*time.Minute - time.Millisecond, 230.75, gateway.Good, false},
		{"the heartbeat", volts, 7*time.Second + 10*time.Minute, 230.75, gateway.Good, true},
		{"a clock set back", volts, time.Minute, 230.75, gateway.Good, true},
		{"shut", door, 0, 0, gateway.Good, true},
		{"still shut", door, time.Second, 0, gateway.Good, false},
		{"open", door, 2 * time.Second, 1, gateway.Good, true},
		{"open for a minute", door, 62 * time.Second, 1, gateway.Good, true},
		{"one of all", every, 0, 5, gateway.Good, true},
		{"the same", every, time.Second, 5, gateway.Good, true},
	} {
		x := gateway.Sample{Point: tt.point, Value: tt.value, Quality: tt.quality, At: gateway.Instant(1_000_000).Add(tt.at)}
		if got := s.Keep(x); got != tt.want {
			t.Errorf("%d, %s: kept %v", i, tt.why, got)
		}
	}
}

// TestTheCourseCanBeDrawnFromWhatIsKept walks at random, with spells without a
// value, and holds the last sample kept against every sample.
func TestTheCourseCanBeDrawnFromWhatIsKept(t *testing.T) {
	for seed := range uint64(50) {
		s, random := sieve.New(site(t)), rand.New(rand.NewPCG(seed, 7))
		var held gateway.Sample
		value, bad, kept := 230.0, 0, 0
		at := gateway.Instant(1_000_000)
		const samples = 5000
		for range samples {
			value += random.NormFloat64() * 0.1
			at = at.Add(time.Duration(random.IntN(3000)) * time.Millisecond)
			x := gateway.Sample{Point: volts, Value: value, At: at}
			if bad = max(bad-1, 0); bad == 0 && random.IntN(100) == 0 {
				bad = random.IntN(20)
			}
			if bad > 0 {
				x.Value, x.Quality = 0, gateway.BadTimeout
			} else {
				x.Quality = gateway.Good
			}
			if s.Keep(x) {
				held = x
				kept++
			}
			if held.Quality != x.Quality || math.Abs(held.Value-x.Value) > 0.5 || x.At.Sub(held.At) >= 10*time.Minute {
				t.Fatalf("seed %d: %+v is held for %+v", seed, held, x)
			}
		}
		if kept > samples/3 {
			t.Errorf("seed %d: %d of %d samples were kept", seed, kept, samples)
		}
	}
}

func TestASieveAllocatesNothing(t *testing.T) {
	s := sieve.New(site(t))
	x := gateway.Sample{Point: volts, Quality: gateway.Good, At: 1_000_000}
	if n := testing.AllocsPerRun(100, func() { x.Value++; s.Keep(x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkKeep(b *testing.B) {
	s := sieve.New(site(b))
	x := gateway.Sample{Point: volts, Quality: gateway.Good, At: 1_000_000}
	for b.Loop() {
		x.Value += 0.1
		s.Keep(x)
	}
}

func TestWhatIsLostIsKeptAgain(t *testing.T) {
	s := sieve.New(site(t))
	x := gateway.Sample{Point: volts, Quality: gateway.Good, Value: 230, At: 1_000_000}
	next := func() gateway.Sample {
		x.At = x.At.Add(time.Second)
		return x
	}
	first := x
	if !s.Keep(first) || s.Keep(next()) {
		t.Fatal("a sample that stands still is kept")
	}
	s.Lost(first)
	if !s.Keep(next()) || s.Keep(next()) {
		t.Error("after the loss of the last one kept, one more is to be kept")
	}
	s.Lost(first)
	if s.Keep(next()) {
		t.Error("the loss of one that has a successor is none")
	}
	s.Reset()
	if !s.Keep(next()) {
		t.Error("after a reset the next one is to be kept")
	}
}
