package rules_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

func benchEngine(tb testing.TB, points, perPoint int) (*rules.Engine, []gateway.Sample) {
	tb.Helper()
	f := gateway.Facility{ID: "f", Class: gateway.Pump}
	for i := range points {
		f.Points = append(f.Points, gateway.Point{Name: fmt.Sprintf("p%d", i), Role: "temperature", Unit: "degC", Period: time.Second})
	}
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{f})
	if err != nil {
		tb.Fatal(err)
	}
	pack := rules.Pack{Class: gateway.Pump}
	for i := range perPoint {
		pack.Rules = append(pack.Rules, rules.Spec{ID: fmt.Sprintf("r%d", i), Points: []string{"temperature"},
			Levels: []rules.Level{{Severity: "warning", Above: fmt.Sprint(70 + i), Reset: fmt.Sprint(65 + i), Hold: rules.Hold{Duration: time.Minute}}}})
	}
	e := rules.Compile(site, []rules.Pack{pack}, rules.Settings{}, func(path, problem, _ string) { tb.Fatal(path, problem) })
	samples := make([]gateway.Sample, points)
	for i := range samples {
		samples[i] = gateway.Sample{Point: gateway.PointRef(i), Quality: gateway.Good, Value: 40 + float64(i%20), At: 1}
	}
	return e, samples
}

// bare is what any gateway must do: keep the newest sample and compare it with
// one limit.
func bare(table []gateway.Sample, limits []float64, samples []gateway.Sample) (over int) {
	for _, s := range samples {
		table[s.Point] = s
		if s.Quality == gateway.Good && s.Value > limits[s.Point] {
			over++
		}
	}
	return over
}

// scanned is a limit of a rule engine that looks at each of its rules for each
// sample.
type scanned struct {
	above, reset float64
	active       bool
}

func scan(table []gateway.Sample, list [][]scanned, samples []gateway.Sample) (active int) {
	for _, s := range samples {
		table[s.Point] = s
		if s.Quality != gateway.Good {
			continue
		}
		for i := range list[s.Point] {
			l := &list[s.Point][i]
			if l.active = s.Value > l.above || l.active && s.Value > l.reset; l.active {
				active++
			}
		}
	}
	return active
}

// BenchmarkQuietSample prints ns for one sample through the latest table and all
// rules on its point, and beside it the ratio to the bare loop, and that of a
// scanned list of rules, timed in turn within the same run.
func BenchmarkQuietSample(b *testing.B) {
	for _, size := range []struct{ points, perPoint int }{
		{1_000, 1}, {1_000, 4}, {1_000, 16}, {100_000, 1}, {100_000, 4}, {100_000, 16}, {1_000_000, 1}, {1_000_000, 4},
	} {
		b.Run(fmt.Sprintf("points=%d/rules=%d", size.points, size.perPoint), func(b *testing.B) {
			e, samples := benchEngine(b, size.points, size.perPoint)
			table, limits := make([]gateway.Sample, size.points), make([]float64, size.points)
			list := make([][]scanned, size.points)
			for i := range limits {
				limits[i] = 70
				for r := range size.perPoint {
					list[i] = append(list[i], scanned{above: 70 + float64(r), reset: 65 + float64(r)})
				}
			}
			var changes []rules.Change
			changes = e.Observe(changes, samples)
			var bareTime, scanTime, ruleTime time.Duration
			b.ReportAllocs()
			for b.Loop() {
				t0 := time.Now()
				over := bare(table, limits, samples)
				t1 := time.Now()
				over += scan(table, list, samples)
				t2 := time.Now()
				changes = e.Observe(changes, samples)
				bareTime, scanTime, ruleTime = bareTime+t1.Sub(t0), scanTime+t2.Sub(t1), ruleTime+time.Since(t2)
				if over > 0 || len(changes) > 0 {
					b.Fatal("not quiet")
				}
			}
			n := float64(b.N * size.points)
			b.ReportMetric(float64(ruleTime.Nanoseconds())/n, "ns/sample")
			b.ReportMetric(float64(bareTime.Nanoseconds())/n, "bare-ns/sample")
			b.ReportMetric(float64(ruleTime)/float64(bareTime), "x-bare")
			b.ReportMetric(float64(scanTime)/float64(bareTime), "scanned-x-bare")
		})
	}
}

// BenchmarkFlip prints the cost of a sample that trips, or takes back, all four
// rules on its point: each arms a hold, or disarms it, while ten thousand others
// are armed.
func BenchmarkFlip(b *testing.B) {
	const others, perPoint = 10_000 / 4, 4
	e, samples := benchEngine(b, others+1, perPoint)
	changes := make([]rules.Change, 0, 2*perPoint*len(samples))
	for i := range samples {
		samples[i].Value = 99
	}
	changes = e.Observe(changes, samples[:others])
	at, batch := gateway.Instant(1), samples[others:]
	batch[0].Value = 40
	b.ReportAllocs()
	for b.Loop() {
		at++ // all of them wait for a minute: none ends meanwhile
		if at > 50_000 {
			b.StopTimer()
			e, _ = benchEngine(b, others+1, perPoint)
			at, batch[0].Value = 1, 40
			changes = e.Observe(changes[:0], samples[:others])
			b.StartTimer()
		}
		batch[0].Value, batch[0].At = 139-batch[0].Value, at // 99 or 40
		if changes = e.Observe(changes[:0], batch); len(changes) != perPoint {
			b.Fatalf("%d rules have flipped", len(changes))
		}
	}
}

// BenchmarkCompile prints the memory that a rule on a point takes.
func BenchmarkCompile(b *testing.B) {
	const points, perPoint = 10_000, 4
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var one, more uint64
	for b.Loop() {
		before := heap()
		e, samples := benchEngine(b, points, 1)
		one = heap() - before
		runtime.KeepAlive(e)
		runtime.KeepAlive(samples)
		before = heap()
		e, samples = benchEngine(b, points, 1+perPoint)
		more = heap() - before
		runtime.KeepAlive(e)
		runtime.KeepAlive(samples)
	}
	b.ReportMetric(float64(more-one)/(points*perPoint), "bytes/rule")
}

// BenchmarkFeature prints the cost of a sample that a feature looks at.
func BenchmarkFeature(b *testing.B) {
	for _, call := range []string{"rate(x, 10min) > 1000 degC/min", "max(x, 10min) > 1000 degC", "mean(x, 10min) > 1000 degC"} {
		b.Run(call[:4], func(b *testing.B) {
			s := mustStage(b, watched(b, time.Second, 0), rules.Spec{When: when(call)})
			var changes []rules.Change
			at, batch := gateway.Instant(0), make([]gateway.Sample, 1)
			b.ReportAllocs()
			for b.Loop() {
				at += 1000
				batch[0] = gateway.Sample{Point: 0, Quality: gateway.Good, Value: float64(at % 7), At: at}
				changes = s.Observe(changes[:0], batch)
			}
		})
	}
}

// TestASampleAllocatesNothing covers the quiet case and the flip.
func TestASampleAllocatesNothing(t *testing.T) {
	e := compile(t, rules.Spec{When: when("temperature > 50 degC and run"), Hold: rules.Hold{Duration: time.Minute}})
	changes := make([]rules.Change, 0, 16)
	at, batch := gateway.Instant(0), make([]gateway.Sample, 3)
	n := testing.AllocsPerRun(1000, func() {
		at += 1000
		changes = e.Advance(changes[:0], at)
		batch[0] = gateway.Sample{Point: run, Quality: gateway.Good, Value: 1, At: at}
		batch[1] = gateway.Sample{Point: temp, Quality: gateway.Good, Value: float64(at / 1000 % 2 * 99), At: at}
		batch[2] = gateway.Sample{Point: temp, Quality: gateway.BadTimeout, At: at}
		changes = e.Observe(changes, batch)
	})
	if n != 0 {
		t.Errorf("%v allocations for a sample", n)
	}
}
