package intact_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
)

// TestSumsAgreeWithTheEventsWhereverTheClocksChange folds random events of half
// a year in zones whose clocks are put forward and back at midnight.
func TestSumsAgreeWithTheEventsWhereverTheClocksChange(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, name := range []string{"Asia/Shanghai", "America/Santiago", "Asia/Beirut", "America/Sao_Paulo", "Europe/Berlin"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for range 300 {
			year := []int{2018, 2026}[rng.IntN(2)] // São Paulo changed its clocks until 2019
			now := gateway.InstantOf(time.Date(year, time.Month(1+rng.IntN(12)), 1+rng.IntN(28), 0, 0, 0, rng.IntN(1e9), loc)).
				Add(time.Duration(rng.IntN(24*3600)) * time.Second)
			log := randomLog(rng, now, rng.IntN(250))
			fold := intact.NewFold(now, loc)
			for _, e := range slices.Backward(log) {
				fold.Add(e)
			}
			m, began := intact.NewMeter(inZone(t, loc), fold.Past(), nil, now, now)
			log = append(log, began...)
			now++ // what takes effect now begins to count
			for what, from := range map[string]gateway.Instant{"day": intact.DayStart(now, loc), "month": intact.MonthStart(now, loc)} {
				if diff := cmp.Diff(account(log, "pump", from, now), m.Tally(pump, from, now)); diff != "" {
					t.Fatalf("%s, the %s up to %v (-of the events +of the sums):\n%s", name, what, now.In(loc), diff)
				}
			}
			if diff := cmp.Diff(account(log, "pump", 0, now), m.Total(pump, now)); diff != "" {
				t.Fatalf("%s, in all up to %v (-of the events +of the sums):\n%s", name, now.In(loc), diff)
			}
		}
	}
}

// randomLog returns n events of the pump within the half year before now, many
// of them at the same moment as another, and some by a clock that was ahead.
func randomLog(rng *rand.Rand, now gateway.Instant, n int) (log []intact.Event) {
	at := now.Add(-183 * 24 * time.Hour)
	log = append(log, intact.Event{Facility: "pump", Recorded: at, Effective: at, Class: intact.Unknown})
	for range n {
		step := time.Duration(rng.IntN(3*24*3600*1000)) * time.Millisecond
		if rng.IntN(4) == 0 {
			step = 0
		}
		if at = at.Add(step); at >= now {
			break
		}
		e := intact.Event{Facility: "pump", Recorded: at, Effective: at, Class: intact.Class(rng.IntN(6))}
		if rng.IntN(8) == 0 {
			e.Effective = at.Add(time.Duration(rng.IntN(300*24)) * time.Hour)
		}
		log = append(log, e)
	}
	return log
}

func inZone(t *testing.T, loc *time.Location) *gateway.Site {
	t.Helper()
	s, err := gateway.NewSite("s", gateway.Text{}, loc, gateway.English, site(t).Facilities())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAFacilityThatFlapsTakesNoMoreMemory(t *testing.T) {
	m := watched(t)
	now := at(t, "00:00:00")
	var spans []intact.Event
	heap := func() int64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	flap := func(times int) {
		for range times {
			a := active(1, "pump", now)
			spans = m.OnAlert(spans[:0], alerts.Event{At: now, Alert: a})
			now = now.Add(2 * time.Second)
			spans = m.OnAlert(spans[:0], alerts.Event{At: now, Alert: returned(a, now)})
			now = now.Add(2 * time.Second)
			m.Heard(pump, now)
			spans = m.Advance(spans[:0], now)
		}
	}
	flap(1000)
	before := heap()
	const times = 100_000
	flap(times)
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("%d changes took %d KiB", 2*times, grown>>10)
	}
	if got := m.Total(pump, now); got.Faults != 101_000 || down(got) != 101_000*2*time.Second {
		t.Errorf("%+v", got)
	}
}

func BenchmarkTallyOfAFacilityThatFlaps(b *testing.B) {
	start := at(b, "00:00:00")
	m, _ := intact.NewMeter(site(b), nil, nil, 0, start)
	now := start
	for range 1_000_000 {
		a := active(1, "pump", now)
		m.OnAlert(nil, alerts.Event{At: now, Alert: a})
		now = now.Add(time.Second)
		m.OnAlert(nil, alerts.Event{At: now, Alert: returned(a, now)})
		now = now.Add(time.Second)
	}
	day, month := intact.DayStart(now, shanghai), intact.MonthStart(now, shanghai)
	b.ReportAllocs()
	for b.Loop() {
		m.Tally(pump, day, now)
		m.Tally(pump, month, now)
		m.Total(pump, now)
	}
}
