package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// The points of feederSite.
const (
	i1 gateway.PointRef = iota
	i2
	i3
	trip
	imbalance
	ready
	alone
)

// feederSite is a pump whose three currents make an imbalance, from which and a
// contact it is made whether it is ready.
func feederSite(t testing.TB) *gateway.Site {
	t.Helper()
	amps := func(name string) gateway.Point { return gateway.Point{Name: name, Unit: "A", Period: time.Second} }
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{{ID: "p", Class: gateway.Pump, Points: []gateway.Point{
		amps("i1"), amps("i2"), amps("i3"),
		{Name: "trip", Kind: gateway.Discrete, Period: time.Second},
		{Name: "imbalance", Unit: "A", Formula: "max(i1, i2, i3) - min(i1, i2, i3)"},
		{Name: "ready", Kind: gateway.Discrete, Formula: "imbalance < 5 A && !trip"},
		amps("alone"),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// feeder plays samples to rules on a feederSite.
type feeder struct {
	*rules.Engine
	at      gateway.Instant
	changes []rules.Change
}

func newFeeder(t testing.TB, specs ...rules.Spec) *feeder {
	t.Helper()
	pack := rules.Pack{Class: gateway.Pump}
	for i := range specs {
		specs[i].ID, specs[i].Severity = fmt.Sprintf("r%d", i), "warning"
		pack.Rules = append(pack.Rules, specs[i])
	}
	e := rules.Compile(feederSite(t), []rules.Pack{pack}, rules.Settings{}, func(path, problem, _ string) { t.Fatalf("%s: %s", path, problem) })
	return &feeder{Engine: e}
}

// good makes a sample of the moment f.at.
func (f *feeder) good(ref gateway.PointRef, v float64) gateway.Sample {
	return gateway.Sample{Point: ref, Quality: gateway.Good, Value: v, At: f.at}
}

func (f *feeder) bad(ref gateway.PointRef) gateway.Sample {
	return gateway.Sample{Point: ref, Quality: gateway.BadTimeout, At: f.at}
}

// step plays samples of the next second and returns what they changed.
func (f *feeder) step(samples ...gateway.Sample) []string {
	f.at += 1000
	for i := range samples {
		samples[i].At = f.at
	}
	f.changes = f.Observe(f.changes[:0], samples)
	var got []string
	for _, c := range f.changes {
		word := map[rules.Phase]string{rules.Normal: "normal", rules.Pending: "pending", rules.Active: "active", rules.Clearing: "clearing"}[c.To]
		if c.Stale {
			word += " stale"
		}
		got = append(got, f.Instances()[c.Ref].Rule.ID+" "+word)
	}
	return got
}

// value returns what the latest table says of a point.
func (f *feeder) value(ref gateway.PointRef) string {
	s := f.Latest()[ref]
	if !s.Quality.HasValue() {
		return s.Quality.Reason()
	}
	return fmt.Sprint(s.Value, " ", s.Quality)
}

func TestDerivedPointsFollowTheirInputs(t *testing.T) {
	f := newFeeder(t)
	for _, step := range []struct {
		samples []gateway.Sample
		want    string // imbalance, ready
	}{
		{[]gateway.Sample{f.good(i1, 10)}, "not_seen, not_seen"},
		{[]gateway.Sample{f.good(i2, 11), f.good(i3, 12)}, "2 good, not_seen"},
		{[]gateway.Sample{f.good(trip, 0)}, "2 good, 1 good"},
		{[]gateway.Sample{f.good(i3, 20)}, "10 good, 0 good"},
		{[]gateway.Sample{f.bad(i3)}, "timeout, timeout"},
		{[]gateway.Sample{f.good(trip, 1)}, "timeout, 0 good"}, // tripped, whatever the currents are
		{[]gateway.Sample{{Point: i3, Quality: gateway.Uncertain, Value: 12}}, "2 uncertain, 0 good"},
		{[]gateway.Sample{f.good(trip, 0)}, "2 uncertain, 1 uncertain"},
	} {
		f.step(step.samples...)
		if got := f.value(imbalance) + ", " + f.value(ready); got != step.want {
			t.Errorf("at %d: %s, want %s", f.at, got, step.want)
		}
		if at := f.Latest()[imbalance].At; at != 0 && at != f.at && step.samples[0].Point != trip {
			t.Errorf("at %d the imbalance is of %d", f.at, at)
		}
	}
}

// TestWhatComesAtOneMomentCountsTogether: a pump that is switched on draws the
// same current on all phases, but the new currents come one after the other.
func TestWhatComesAtOneMomentCountsTogether(t *testing.T) {
	f := newFeeder(t,
		rules.Spec{When: when("imbalance > 5 A")},
		rules.Spec{When: when("i1 > 50 A and imbalance < 5 A")},
		rules.Spec{When: when("trip and ready")}, // never true: ready is made from trip
	)
	f.step(f.good(i1, 1), f.good(i2, 1), f.good(i3, 1), f.good(trip, 0))
	for _, step := range []struct {
		samples []gateway.Sample
		want    []string
	}{
		{[]gateway.Sample{f.good(i1, 100), f.good(i2, 100), f.good(i3, 100)}, []string{"r1 active"}},
		{[]gateway.Sample{f.good(trip, 1)}, nil},
		{[]gateway.Sample{f.good(trip, 0)}, nil},
		{[]gateway.Sample{f.good(i1, 1), f.good(i2, 1), f.good(alone, 1), f.good(i3, 1)}, []string{"r1 normal"}},
		{[]gateway.Sample{f.good(i1, 9)}, []string{"r0 active"}},
	} {
		if diff := cmp.Diff(step.want, f.step(step.samples...)); diff != "" {
			t.Errorf("at %d (-want +got):\n%s", f.at, diff)
		}
	}
}

// TestNoChangeOfAContactIsSkipped: two changes of one contact in one millisecond
// are two changes of what is derived from it.
func TestNoChangeOfAContactIsSkipped(t *testing.T) {
	f := newFeeder(t)
	f.step(f.good(i1, 1), f.good(i2, 1), f.good(i3, 1), f.good(trip, 0))
	f.step(f.good(trip, 1), f.good(trip, 0))
	var got []string
	for _, s := range f.Derived() {
		got = append(got, fmt.Sprint(s.Point == ready, " ", s.Value))
	}
	if diff := cmp.Diff([]string{"true 0", "true 1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestMomentsCountApart(t *testing.T) {
	f := newFeeder(t)
	f.at = 1000
	batch := []gateway.Sample{f.good(i1, 1), f.good(i2, 1), f.good(i3, 1)}
	f.at = 2000
	batch = append(batch, f.good(i1, 3), f.good(i2, 3), f.good(i3, 4))
	f.Observe(nil, batch)
	var got []string
	for _, s := range f.Derived() {
		got = append(got, fmt.Sprint(s.Point == imbalance, " ", s.Value, " at ", int64(s.At)))
	}
	if diff := cmp.Diff([]string{"true 0 at 1000", "true 1 at 2000"}, got); diff != "" {
		t.Error(diff)
	}
	if f.Observe(nil, []gateway.Sample{f.good(alone, 1)}); len(f.Derived()) > 0 {
		t.Errorf("derived from nothing: %v", f.Derived())
	}
}

// TestBadDataOfDerivedPoints: the value that is not there neither raises nor
// clears, and counts as bad only once all inputs have told something.
func TestBadDataOfDerivedPoints(t *testing.T) {
	f := newFeeder(t,
		rules.Spec{When: when("imbalance > 5 A")},
		rules.Spec{When: when("imbalance > 5 A"), BadData: "alarm"},
	)
	for _, step := range []struct {
		samples []gateway.Sample
		want    string
	}{
		{[]gateway.Sample{f.good(i1, 1)}, ""},
		{[]gateway.Sample{f.good(i2, 1), f.good(i3, 9)}, "r0 active, r1 active"},
		{[]gateway.Sample{f.bad(i2)}, "r0 active stale, r1 active stale"},
		{[]gateway.Sample{f.good(i2, 1), f.good(i3, 1)}, "r0 normal, r1 normal"},
		{[]gateway.Sample{f.bad(i1)}, "r1 active stale"},
	} {
		if got := strings.Join(f.step(step.samples...), ", "); got != step.want {
			t.Errorf("at %d: %q, want %q", f.at, got, step.want)
		}
	}
}

func TestReadsSeesThroughNothing(t *testing.T) {
	f := newFeeder(t, rules.Spec{When: when("ready == false"), Impairs: true})
	for ref, want := range map[gateway.PointRef]bool{ready: true, trip: false, imbalance: false, i1: false} {
		if read, impairs := f.Reads(ref); read != want || impairs != want {
			t.Errorf("point %d: read %v, impairs %v, want %v", ref, read, impairs, want)
		}
	}
}

func TestADerivedSampleAllocatesNothing(t *testing.T) {
	f := newFeeder(t, rules.Spec{When: when("imbalance > 5 A and ready"), Hold: rules.Hold{Duration: time.Minute}})
	changes, batch := make([]rules.Change, 0, 16), make([]gateway.Sample, 4)
	play := func() {
		f.at += 1000
		batch[0], batch[1], batch[2] = f.good(i1, float64(f.at/1000%2*9)), f.good(i2, 1), f.good(i3, 2)
		batch[3] = f.good(trip, float64(f.at/1000%3))
		changes = f.Observe(changes[:0], batch)
	}
	play()
	if n := testing.AllocsPerRun(1000, play); n != 0 {
		t.Errorf("%v allocations for a sample", n)
	}
}
