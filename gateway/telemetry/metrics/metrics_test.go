package metrics_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/telemetry/metrics"
	"github.com/intact-gateway/intact/rules"
)

const at = gateway.Instant(1_800_000_000_000)

func newSite(t testing.TB, facilities ...gateway.Facility) *gateway.Site {
	t.Helper()
	site, err := gateway.NewSite("lakeside", gateway.Text{EN: "Lakeside"}, time.UTC, gateway.English, facilities)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

func lift() gateway.Facility {
	return gateway.Facility{ID: "lift-1", Class: gateway.Elevator, Building: "1", Points: []gateway.Point{
		{Name: "load", Unit: "%"}, {Name: "speed", Unit: "m/s"}, {Name: "run", Kind: gateway.Discrete},
	}}
}

func line() gateway.Facility {
	return gateway.Facility{ID: "bus-b1", Class: gateway.Line}
}

// quiet returns a snapshot of the site in which every point is good and 1.
func quiet(site *gateway.Site) *pipeline.Snapshot {
	n := len(site.Facilities())
	s := &pipeline.Snapshot{
		At: at, Site: site, Facilities: make([]pipeline.FacilityState, n),
		Today: make([]intact.Tally, n), Month: make([]intact.Tally, n), Total: make([]intact.Tally, n),
	}
	for ref := range site.Points() {
		s.Values = append(s.Values, gateway.Sample{Point: ref, Quality: gateway.Good, Value: 1, At: at - 2500})
	}
	return s
}

func registry(s *pipeline.Snapshot) *prometheus.Registry {
	return metrics.New(metrics.Options{Snapshot: func() *pipeline.Snapshot { return s }, Version: "v1.2.3"})
}

func expect(t *testing.T, g prometheus.Gatherer, want string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(g, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

func TestPointHasASeriesOnlyWhileItsValueIsGood(t *testing.T) {
	s := quiet(newSite(t, lift()))
	s.Values[0] = gateway.Sample{Point: 0, Quality: gateway.BadTimeout, Value: 77, At: at}
	s.Values[1] = gateway.Sample{Point: 1, Quality: gateway.Good, Value: math.NaN(), At: at}
	expect(t, registry(s), `
# HELP intact_point_age_seconds Time since the newest value of the point came, in seconds; absent while the value is bad.
# TYPE intact_point_age_seconds gauge
intact_point_age_seconds{facility="lift-1",point="run"} 2.5
# HELP intact_point_value Newest value of the point in the unit of its label; absent while the value is bad.
# TYPE intact_point_value gauge
intact_point_value{facility="lift-1",point="run",unit=""} 1
# HELP intact_points Points by the quality of their newest sample.
# TYPE intact_points gauge
intact_points{quality="bad"} 2
intact_points{quality="good"} 1
intact_points{quality="uncertain"} 0
`, "intact_point_value", "intact_point_age_seconds", "intact_points")
}

func TestPointsBeyondTheBoundAreLeftOutAndCounted(t *testing.T) {
	f := gateway.Facility{ID: "plc", Class: gateway.Pump}
	for i := range metrics.MaxPoints + 7 {
		f.Points = append(f.Points, gateway.Point{Name: fmt.Sprintf("p%d", i)})
	}
	r := registry(quiet(newSite(t, f)))
	if n, err := testutil.GatherAndCount(r, "intact_point_value"); n != metrics.MaxPoints || err != nil {
		t.Errorf("%d series of intact_point_value, want %d (%v)", n, metrics.MaxPoints, err)
	}
	expect(t, r, `
# HELP intact_points_left_out Points that have no series of their own because there are too many.
# TYPE intact_points_left_out gauge
intact_points_left_out 7
`, "intact_points_left_out")
}

func TestRateLeavesOutLinesAndIsAbsentWithoutData(t *testing.T) {
	s := quiet(newSite(t, lift(), line()))
	s.Month[0] = intact.Tally{Up: 900, Down: 100, Unknown: 1000}
	s.Month[1] = intact.Tally{Down: 5000}
	s.Today[0] = intact.Tally{Unknown: 400}
	expect(t, registry(s), `
# HELP intact_coverage_ratio Share of the due time of all counted facilities in the window whose state is known, from 0 to 1; absent if none was due.
# TYPE intact_coverage_ratio gauge
intact_coverage_ratio{window="month"} 0.5
intact_coverage_ratio{window="today"} 0
# HELP intact_rate Intact rate of all counted facilities in the window as a ratio from 0 to 1; absent without data.
# TYPE intact_rate gauge
intact_rate{window="month"} 0.9
`, "intact_rate", "intact_coverage_ratio")
}

func TestFacilityCountersNeverFallWhenAnOutageEndsInHindsight(t *testing.T) {
	site := newSite(t, lift())
	s := quiet(site)
	s.Facilities[0].Class = intact.Down
	r := metrics.New(metrics.Options{Snapshot: func() *pipeline.Snapshot { return s }})
	want := func(down, required string) {
		t.Helper()
		expect(t, r, `
# HELP intact_facility_down_seconds_total Time the facility has been down since it came into service, in seconds.
# TYPE intact_facility_down_seconds_total counter
intact_facility_down_seconds_total{building="1",class="elevator",facility="lift-1"} `+down+`
# HELP intact_facility_required_seconds_total Time the facility was due to work and its state was known since it came into service, in seconds.
# TYPE intact_facility_required_seconds_total counter
intact_facility_required_seconds_total{building="1",class="elevator",facility="lift-1"} `+required+`
`, "intact_facility_down_seconds_total", "intact_facility_required_seconds_total")
	}
	s.Total = []intact.Tally{{Up: 50_000, Down: 40_500}}
	want("40.5", "90.5")
	s.Total = []intact.Tally{{Up: 90_000, Down: 10_500}} // 30 s of it turned out to be up again
	want("40.5", "100.5")
	s.Total = []intact.Tally{{Up: 100_000, Down: 41_000}}
	want("41", "141")
}

func TestAlertsAndTicketsAreCountedWithZeros(t *testing.T) {
	s := quiet(newSite(t, lift()))
	s.Alerts = []alerts.Alert{
		{ID: 1, Severity: rules.Critical, Phase: rules.Active, Acked: true},
		{ID: 2, Severity: rules.Critical, Phase: rules.Clearing},
		{ID: 3, Severity: rules.LifeSafety, Phase: rules.Normal},
		{ID: 4, Severity: rules.Warning, Phase: rules.Active, Visibility: alerts.Suppressed, Cause: 1},
		{ID: 5, Severity: rules.Warning, Phase: rules.Active, Shelf: alerts.Shelf{Until: 1}},
	}
	s.Tickets = []tickets.Ticket{
		{ID: 1, Priority: tickets.Emergency, State: tickets.Working},
		{ID: 2, Priority: tickets.Emergency, State: tickets.Working},
	}
	s.Stats.Breaches = map[string]uint64{"arrive": 3}
	r := registry(s)
	expect(t, r, `
# HELP intact_alerts_active Shown alerts whose condition lasts.
# TYPE intact_alerts_active gauge
intact_alerts_active{severity="critical"} 2
intact_alerts_active{severity="info"} 0
intact_alerts_active{severity="life_safety"} 0
intact_alerts_active{severity="warning"} 0
# HELP intact_alerts_shelved Alerts that a person has shelved, whether their condition lasts or not; not counted in the others.
# TYPE intact_alerts_shelved gauge
intact_alerts_shelved 1
# HELP intact_alerts_suppressed Alerts hidden behind the alert that causes them, or held back until a cause is known.
# TYPE intact_alerts_suppressed gauge
intact_alerts_suppressed 1
# HELP intact_alerts_unacknowledged Shown alerts that nobody has acknowledged, whether their condition lasts or not.
# TYPE intact_alerts_unacknowledged gauge
intact_alerts_unacknowledged{severity="critical"} 1
intact_alerts_unacknowledged{severity="info"} 0
intact_alerts_unacknowledged{severity="life_safety"} 1
intact_alerts_unacknowledged{severity="warning"} 0
# HELP intact_sla_breaches_total Ticket clocks that ran out before they were stopped, since the gateway started.
# TYPE intact_sla_breaches_total counter
intact_sla_breaches_total{clock="arrive"} 3
intact_sla_breaches_total{clock="finish"} 0
intact_sla_breaches_total{clock="reply"} 0
intact_sla_breaches_total{clock="respond"} 0
`, "intact_alerts_active", "intact_alerts_shelved", "intact_alerts_suppressed", "intact_alerts_unacknowledged", "intact_sla_breaches_total")
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "intact_tickets_open" {
			continue
		}
		for _, m := range f.GetMetric() {
			open[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetGauge().GetValue()
		}
	}
	if len(open) != 21 || open["emergency working"] != 2 || open["rescue new"] != 0 {
		t.Errorf("tickets open: %v", open)
	}
}

func TestNamesFollowTheRulesOfPrometheus(t *testing.T) {
	promtool := needPromtool(t)
	b := newBound(t)
	b.snap.Month[0].Up = 1
	b.modbus.Units = []modbus.UnitStats{{Unit: 1, Requests: map[string]uint64{"good": 1}}}
	page := httptest.NewRecorder()
	metrics.Handler(b.Registry).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	var ours strings.Builder
	for line := range strings.Lines(page.Body.String()) {
		// The names of the Go and process collectors are not ours to judge.
		if strings.Contains(line, "intact_") {
			ours.WriteString(line)
		}
	}
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = strings.NewReader(ours.String())
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

func TestRegistryHoldsTheRuntimeAndTheBuild(t *testing.T) {
	families, err := registry(quiet(newSite(t, lift()))).Gather()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, f := range families {
		have[f.GetName()] = true
	}
	for _, want := range []string{"intact_build_info", "go_goroutines", "process_resident_memory_bytes"} {
		if !have[want] {
			t.Errorf("%s is missing", want)
		}
	}
}

func BenchmarkScrapeOf20000Points(b *testing.B) {
	var facilities []gateway.Facility
	for i := range 1000 {
		f := gateway.Facility{ID: gateway.FacilityID(fmt.Sprintf("f-%d", i)), Class: gateway.Pump, Building: "1"}
		for j := range 20 {
			f.Points = append(f.Points, gateway.Point{Name: fmt.Sprintf("p%d", j), Unit: "V"})
		}
		facilities = append(facilities, f)
	}
	r := registry(quiet(newSite(b, facilities...)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
