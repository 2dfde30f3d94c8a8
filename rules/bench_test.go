package rules_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// benchPoints is a large building: 10,000 analog points.
const benchPoints = 10_000

func benchEngine(b *testing.B, perPoint int) (*rules.Engine, []gateway.Sample) {
	b.Helper()
	f := gateway.Facility{ID: "f", Class: gateway.Pump}
	for i := range benchPoints {
		f.Points = append(f.Points, gateway.Point{Name: fmt.Sprintf("p%d", i), Role: "temperature", Unit: "degC", Period: time.Second})
	}
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{f})
	if err != nil {
		b.Fatal(err)
	}
	pack := rules.Pack{Class: gateway.Pump}
	for i := range perPoint {
		pack.Rules = append(pack.Rules, rules.Spec{ID: fmt.Sprintf("r%d", i), Points: []string{"temperature"},
			Levels: []rules.Level{{Severity: "warning", Above: fmt.Sprint(70 + i), Reset: fmt.Sprint(65 + i), Hold: rules.Hold{Duration: time.Minute}}}})
	}
	e := rules.Compile(site, []rules.Pack{pack}, rules.Settings{}, func(path, problem, _ string) { b.Fatal(path, problem) })
	samples := make([]gateway.Sample, benchPoints)
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

// BenchmarkQuietSample prints ns for one sample through the latest table and all
// rules on its point, and beside it the ratio to the bare loop timed in turn
// within the same run.
func BenchmarkQuietSample(b *testing.B) {
	for _, perPoint := range []int{1, 4, 16} {
		b.Run(fmt.Sprintf("rules=%d", perPoint), func(b *testing.B) {
			e, samples := benchEngine(b, perPoint)
			table, limits := make([]gateway.Sample, benchPoints), make([]float64, benchPoints)
			for i := range limits {
				limits[i] = 70
			}
			var changes []rules.Change
			pass := func() {
				changes = e.Observe(changes, samples)
			}
			pass()
			var bareTime, ruleTime time.Duration
			b.ReportAllocs()
			for b.Loop() {
				t0 := time.Now()
				if bare(table, limits, samples) > 0 {
					b.Fatal("not quiet")
				}
				t1 := time.Now()
				pass()
				bareTime, ruleTime = bareTime+t1.Sub(t0), ruleTime+time.Since(t1)
			}
			if len(changes) > 0 {
				b.Fatal("not quiet")
			}
			n := float64(b.N * benchPoints)
			b.ReportMetric(float64(ruleTime.Nanoseconds())/n, "ns/sample")
			b.ReportMetric(float64(bareTime.Nanoseconds())/n, "bare-ns/sample")
			b.ReportMetric(float64(ruleTime)/float64(bareTime), "x-bare")
		})
	}
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
