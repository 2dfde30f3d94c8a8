package replay_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
	"github.com/intact-gateway/intact/rules/replay"
)

const start = gateway.Instant(1_773_100_800_000) // 2026-03-10

func at(d time.Duration) gateway.Instant { return start.Add(d) }

// recorded is a recording in memory.
type recorded struct{ lines [][]gateway.Sample }

func (r *recorded) open(*gateway.Site) (replay.Samples, error) {
	return &recorded{slices.Clone(r.lines)}, nil
}

func (r *recorded) Next() ([]gateway.Sample, error) {
	if len(r.lines) == 0 {
		return nil, io.EOF
	}
	line := r.lines[0]
	r.lines = r.lines[1:]
	return line, nil
}

// put adds values of a point, one every step from the moment begin on.
func (r *recorded) put(t *testing.T, site *gateway.Site, id gateway.PointID, begin, step time.Duration, values ...float64) {
	t.Helper()
	ref, ok := site.Lookup(id)
	if !ok {
		t.Fatalf("no point %s", id)
	}
	for i, v := range values {
		s := gateway.Sample{Point: ref, Value: v, Quality: gateway.Good, At: at(begin + time.Duration(i)*step)}
		r.lines = append(r.lines, []gateway.Sample{s})
	}
	slices.SortStableFunc(r.lines, func(a, b []gateway.Sample) int { return int(a[0].At - b[0].At) })
}

// plan returns a site with two pumps behind one line, and rules for them.
func plan(t *testing.T, change ...func(*rules.Spec)) *replay.Plan {
	t.Helper()
	facility := func(id gateway.FacilityID) gateway.Facility {
		return gateway.Facility{ID: id, Class: gateway.Pump, Lines: []gateway.FacilityID{"bus-1"}, Points: []gateway.Point{
			{Name: "inlet", Unit: "bar"}, {Name: "run", Kind: gateway.Discrete},
			{Name: "link", Role: gateway.LinkPoint, Kind: gateway.Discrete, Line: "bus-1"},
		}}
	}
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{
		facility("p1"), facility("p2"),
		{ID: "bus-1", Class: gateway.Line, Points: []gateway.Point{{Name: "link", Role: gateway.LinkPoint, Kind: gateway.Discrete}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := gateway.Text{ZH: "文", EN: "text"}
	why := rules.Why{Cause: text, Consequence: text, Response: text, Within: 10 * time.Minute}
	low := rules.Spec{
		ID: "low", Title: text, Why: why, Points: []string{"inlet"}, Ticket: "ordinary",
		Levels: []rules.Level{{Severity: "critical", Below: "$least", Hold: rules.Hold{Duration: 3 * time.Second}}},
	}
	for _, c := range change {
		c(&low)
	}
	stopped := rules.Spec{ID: "stopped", Title: text, Why: why, Severity: "warning", When: &rules.Condition{Expr: "run == false"}}
	silent := rules.Spec{ID: "comm_loss", Title: text, Why: why, Points: []string{"link"}, Levels: []rules.Level{{Severity: "warning", Below: "0.5", Hold: rules.Hold{Duration: 10 * time.Second}}}}
	return &replay.Plan{
		Site: site,
		Packs: []rules.Pack{
			{Class: gateway.Pump, Params: []rules.Param{{Name: "least", Value: gateway.Quantity{Value: 0.5, Unit: "bar"}}}, Rules: []rules.Spec{low, stopped}},
			{Class: "any", Rules: []rules.Spec{silent}},
		},
		Notify: notify.Config{Receivers: []notify.Receiver{{ID: "desk"}}},
	}
}

// waver is a value that falls below the limit every ten seconds for five, ten
// times, and then for two minutes.
func waver(r *recorded, t *testing.T, site *gateway.Site) {
	t.Helper()
	var values []float64
	for range 10 {
		values = append(values, slices.Concat(slices.Repeat([]float64{0.495}, 5), slices.Repeat([]float64{0.505}, 5))...)
	}
	values = append(values, slices.Repeat([]float64{0.3}, 120)...)
	values = append(values, slices.Repeat([]float64{0.9}, 60)...)
	r.put(t, site, "p1/inlet", 0, time.Second, values...)
}

func TestRun(t *testing.T) {
	p := plan(t)
	var r recorded
	waver(&r, t, p.Site)
	got, err := replay.Run(t.Context(), p, r.open, replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	low := replay.Rule{
		Key: "p1/low/inlet", Title: gateway.Text{ZH: "文", EN: "text"}, Severity: rules.Critical,
		Tally: replay.Tally{
			Activations: 11, Chatter: 10, Active: 10*5*time.Second + 2*time.Minute, Longest: 2 * time.Minute,
			First: at(3 * time.Second), Last: at(103 * time.Second),
		},
	}
	want := &replay.Report{
		Span:  replay.Span{From: at(0), To: at(279 * time.Second), Samples: 280},
		Rules: []replay.Rule{low},
		Blind: []replay.Blind{
			{"p2/low/inlet", []gateway.PointID{"p2/inlet"}, replay.LacksFacility}, {"p1/stopped", []gateway.PointID{"p1/run"}, replay.LacksPoints}, {"p2/stopped", []gateway.PointID{"p2/run"}, replay.LacksFacility},
			{"p1/comm_loss/link", []gateway.PointID{"p1/link"}, replay.LacksOwn}, {"p2/comm_loss/link", []gateway.PointID{"p2/link"}, replay.LacksOwn}, {"bus-1/comm_loss/link", []gateway.PointID{"bus-1/link"}, replay.LacksOwn},
		},
		Alarms: 11, Tickets: map[tickets.Priority]int{tickets.Ordinary: 1}, Notices: 5,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A dead line hides the silence of what is behind it, as it does live.
func TestACauseHidesItsSymptoms(t *testing.T) {
	p := plan(t)
	var r recorded
	for _, id := range []gateway.PointID{"bus-1/link", "p1/link", "p2/link"} {
		r.put(t, p.Site, id, 0, time.Minute, 1, 0, 0, 0)
	}
	got, err := replay.Run(t.Context(), p, r.open, replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hidden := make(map[string]int)
	for _, rule := range got.Rules {
		if rule.Activations != 1 || !rule.StillActive || rule.Longest != 2*time.Minute {
			t.Errorf("%+v", rule)
		}
		hidden[rule.Key] = rule.Hidden
	}
	if diff := cmp.Diff(map[string]int{"bus-1/comm_loss/link": 0, "p1/comm_loss/link": 1, "p2/comm_loss/link": 1}, hidden); diff != "" || got.Alarms != 1 {
		t.Errorf("%d alarms\n%s", got.Alarms, diff)
	}
}

// In a gap nobody knows whether a value held, so no hold ends in it.
func TestNothingIsKnownInAGap(t *testing.T) {
	p := plan(t, func(s *rules.Spec) { s.Levels[0].Hold.Duration = 2 * time.Hour })
	var r recorded
	r.put(t, p.Site, "p1/inlet", 0, 30*time.Minute, 0.3, 0.3)
	r.put(t, p.Site, "p1/inlet", 24*time.Hour, time.Minute, 0.3, 0.3)
	for gap, want := range map[time.Duration]int{0: 1, time.Hour: 0} {
		got, err := replay.Run(t.Context(), p, r.open, replay.Options{Gap: gap})
		if err != nil {
			t.Fatal(err)
		}
		if got.Rules[0].Activations != want {
			t.Errorf("gap %v: %d activations, want %d", gap, got.Rules[0].Activations, want)
		}
		if gap > 0 && !slices.Equal(got.Gaps, []replay.Gap{{at(30 * time.Minute), at(24 * time.Hour)}}) {
			t.Errorf("gaps %v", got.Gaps)
		}
	}
}

func TestCompareSaysWhatWouldBeMissed(t *testing.T) {
	before := plan(t)
	after := plan(t, func(s *rules.Spec) { s.Levels[0].Hold.Duration = 20 * time.Second })
	after.Packs[0].Rules[1].ID = "standing"
	var r recorded
	waver(&r, t, before.Site)
	got, err := replay.Compare(t.Context(), before, after, r.open, replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []replay.Difference{{
		Key:    "p1/low/inlet",
		Before: replay.Tally{Activations: 11, Chatter: 10, Active: 170 * time.Second, Longest: 2 * time.Minute, First: at(3 * time.Second), Last: at(103 * time.Second)},
		After:  replay.Tally{Activations: 1, Active: 2 * time.Minute, Longest: 2 * time.Minute, First: at(2 * time.Minute), Last: at(2 * time.Minute)},
		Missed: replay.Missed{Count: 10, Longest: 5 * time.Second, First: at(3 * time.Second)},
	}}
	if diff := cmp.Diff(want, got.Differences); diff != "" {
		t.Error(diff)
	}
	if got.Before.Notices != 5 || got.After.Notices != 2 {
		t.Errorf("%d notices before, %d after", got.Before.Notices, got.After.Notices)
	}
}

// What one plan tells in the gap between two samples comes before what the other
// tells later in it.
func TestCompareKeepsTheOrderOfTime(t *testing.T) {
	before := plan(t, func(s *rules.Spec) { s.Levels[0].Hold.Duration = 7 * time.Second })
	after := plan(t)
	var r recorded
	r.put(t, before.Site, "p1/inlet", 0, 10*time.Second, 0.3, 0.9)
	got, err := replay.Compare(t.Context(), before, after, r.open, replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Differences) != 1 || got.Differences[0].Missed.Count != 0 || got.Differences[0].After.First != at(3*time.Second) {
		t.Errorf("%+v", got.Differences)
	}
}

func TestRulesOfOnePlanOnly(t *testing.T) {
	before, after := plan(t), plan(t, func(s *rules.Spec) { s.ID = "starved" })
	var r recorded
	waver(&r, t, before.Site)
	got, err := replay.Compare(t.Context(), before, after, r.open, replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Differences) != 2 {
		t.Fatalf("%+v", got.Differences)
	}
	if d := got.Differences[0]; d.Key != "p1/low/inlet" || !d.Removed || d.Added || d.Missed.Count != 11 {
		t.Errorf("%+v", d)
	}
	if d := got.Differences[1]; d.Key != "p1/starved/inlet" || d.Removed || !d.Added || d.After.Activations != 11 {
		t.Errorf("%+v", d)
	}
}

func TestSuggest(t *testing.T) {
	type short struct {
		setting   replay.Setting
		now, then string
		after     [2]int // activations and chatter that are left
		missed    int
		stops     bool
	}
	limit := func(s *rules.Spec) {
		s.Levels, s.Points, s.Severity, s.When = nil, nil, "critical", &rules.Condition{Expr: "inlet < $least"}
		s.Hold.Duration = 3 * time.Second
	}
	for _, tt := range []struct {
		name   string
		change func(*rules.Spec)
		want   []short
	}{
		{"a limit", func(*rules.Spec) {}, []short{
			{replay.Reset, "$least", "$least + 0.01 bar", [2]int{1, 0}, 0, true},
			{replay.ClearAfter, "0s", "10s", [2]int{1, 0}, 0, true},
			{replay.Hold, "3s", "10s", [2]int{1, 0}, 10, true},
		}},
		{"a condition", limit, []short{
			{replay.Reset, "none", "inlet > $least + 0.005 bar", [2]int{1, 0}, 0, true},
			{replay.ClearAfter, "0s", "10s", [2]int{1, 0}, 0, true},
			{replay.Hold, "3s", "10s", [2]int{1, 0}, 10, true},
		}},
		{"a dead band is widened, never narrowed", func(s *rules.Spec) {
			s.Levels[0].Reset = "$least + 0.001 bar"
			s.Levels = append(s.Levels, rules.Level{Severity: "life_safety", Below: "$least - 0.2 bar", Reset: "$least"})
		}, []short{
			{replay.Reset, "critical $least + 0.001 bar", "critical $least + 0.01 bar", [2]int{1, 0}, 0, true},
			{replay.ClearAfter, "0s", "10s", [2]int{1, 0}, 0, true},
		}},
		{"a rule that may save a life", func(s *rules.Spec) { s.Levels[0].Severity = "life_safety" }, []short{
			{replay.Reset, "$least", "$least + 0.01 bar", [2]int{1, 0}, 0, true},
			{replay.ClearAfter, "0s", "10s", [2]int{1, 0}, 0, true},
		}},
		{"somebody has to act soon", func(s *rules.Spec) { s.Why.Within = 4 * time.Second }, []short{
			{replay.Reset, "$least", "$least + 0.01 bar", [2]int{1, 0}, 0, true},
			{replay.ClearAfter, "0s", "10s", [2]int{1, 0}, 0, true},
		}},
		{"a rule that does not chatter", func(s *rules.Spec) { s.ClearAfter = time.Minute }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := plan(t, tt.change)
			var r recorded
			waver(&r, t, p.Site)
			report, err := replay.Run(t.Context(), p, r.open, replay.Options{})
			if err != nil {
				t.Fatal(err)
			}
			suggested, err := replay.Suggest(t.Context(), p, report.Rules, r.open, replay.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []short
			for _, s := range suggested {
				if s.Class != gateway.Pump || s.Rule != "low" || s.Before.Activations != 11 || s.Before.Chatter != 10 {
					t.Errorf("%+v", s)
				}
				got = append(got, short{s.Setting, s.Now, s.Then, [2]int{s.After.Activations, s.After.Chatter}, s.Missed.Count, s.Stops})
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(short{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnErrorEndsAReplay(t *testing.T) {
	p := plan(t)
	broken := errors.New("line 7")
	_, err := replay.Run(t.Context(), p, func(*gateway.Site) (replay.Samples, error) { return nil, broken }, replay.Options{})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	var r recorded
	waver(&r, t, p.Site)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := replay.Run(ctx, p, r.open, replay.Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := replay.Compare(ctx, p, p, r.open, replay.Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
