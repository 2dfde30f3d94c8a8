package intact_test

import (
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/rules"
)

var shanghai = time.FixedZone("CST", 8*3600)

// at returns a moment of 10 March 2026 in Shanghai.
func at(t testing.TB, clock string) gateway.Instant {
	t.Helper()
	v, err := time.ParseInLocation("2006-01-02 15:04:05", "2026-03-10 "+clock, shanghai)
	if err != nil {
		t.Fatal(err)
	}
	return gateway.InstantOf(v)
}

func site(t testing.TB) *gateway.Site {
	t.Helper()
	s, err := gateway.NewSite("s", gateway.Text{}, shanghai, gateway.Chinese, []gateway.Facility{
		{ID: "pump", Class: gateway.Pump, Points: []gateway.Point{{Name: "run", Period: time.Second}}},
		{ID: "lift", Class: gateway.Elevator, Points: []gateway.Point{{Name: "floor", Period: time.Second}}},
		{ID: "bus-b1", Class: gateway.Line, Points: []gateway.Point{{Name: "link"}}},
		{ID: "slow", Class: gateway.WaterMeter, Points: []gateway.Point{{Name: "volume", Period: time.Hour}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const pump, lift, line, slow = 0, 1, 2, 3

func active(id alerts.ID, f gateway.FacilityID, started gateway.Instant) alerts.Alert {
	return alerts.Alert{ID: id, Facility: f, Rule: "trip", Impairs: true, Phase: rules.Active, Started: started}
}

// blindTo returns the alert that nobody can see what a is of.
func blindTo(a alerts.Alert) alerts.Alert {
	a.Rule, a.Impairs = alerts.Blind, false
	return a
}

func returned(a alerts.Alert, cleared gateway.Instant) alerts.Alert {
	a.Phase, a.Cleared = rules.Normal, cleared
	return a
}

// watched returns a meter whose facilities have all been heard at 00:00.
func watched(t *testing.T) *intact.Meter {
	t.Helper()
	start := at(t, "00:00:00")
	m, _ := intact.NewMeter(site(t), nil, nil, 0, start)
	for i := range 4 {
		if i != line {
			m.Heard(i, start)
		}
	}
	m.Advance(nil, start)
	return m
}

// past sums up events in the order in which they were recorded, as the store
// does at a restart.
func past(log []intact.Event) map[gateway.FacilityID]intact.Past {
	var now gateway.Instant
	for _, e := range log {
		now = max(now, e.Recorded)
	}
	f := intact.NewFold(now, shanghai)
	for _, e := range slices.Backward(log) {
		f.Add(e)
	}
	return f.Past()
}

// account counts the events of one facility out of those of all.
func account(log []intact.Event, f gateway.FacilityID, from, to gateway.Instant) intact.Tally {
	own := slices.DeleteFunc(slices.Clone(log), func(e intact.Event) bool { return e.Facility != f })
	return intact.Account(own, from, to)
}

func down(t intact.Tally) time.Duration { return time.Duration(t.Down) * time.Millisecond }

func TestAFaultCountsFromItsFirstBadToItsFirstGoodSample(t *testing.T) {
	m := watched(t)
	a := active(1, "pump", at(t, "10:00:00"))
	m.OnAlert(nil, alerts.Event{Kind: alerts.Raised, At: at(t, "10:00:30"), Alert: a})
	m.OnAlert(nil, alerts.Event{Kind: alerts.Returned, At: at(t, "11:00:20"), Alert: returned(a, at(t, "11:00:00"))})
	if got := down(m.Tally(pump, at(t, "00:00:00"), at(t, "12:00:00"))); got != time.Hour {
		t.Errorf("down for %v, want 1h", got)
	}
}

func TestTwoFaultsAtOnceCountOnce(t *testing.T) {
	m := watched(t)
	a, b := active(1, "pump", at(t, "01:00:00")), active(2, "pump", at(t, "02:00:00"))
	m.OnAlert(nil, alerts.Event{At: a.Started, Alert: a})
	m.OnAlert(nil, alerts.Event{At: b.Started, Alert: b})
	m.OnAlert(nil, alerts.Event{At: at(t, "03:00:00"), Alert: returned(a, at(t, "03:00:00"))})
	m.OnAlert(nil, alerts.Event{At: at(t, "04:00:00"), Alert: returned(b, at(t, "04:00:00"))})
	got := m.Tally(pump, at(t, "00:00:00"), at(t, "05:00:00"))
	if down(got) != 3*time.Hour || got.Faults != 1 {
		t.Errorf("down for %v in %d faults, want the union of 3h in 1", down(got), got.Faults)
	}
}

func TestTheTimeBetweenTwoFaultsIsUpEvenIfTheirAlertsOverlap(t *testing.T) {
	m := watched(t)
	a, b := active(1, "pump", at(t, "01:00:00")), active(2, "pump", at(t, "02:00:10"))
	m.OnAlert(nil, alerts.Event{At: a.Started, Alert: a})
	m.OnAlert(nil, alerts.Event{At: at(t, "02:00:15"), Alert: b})
	m.OnAlert(nil, alerts.Event{At: at(t, "02:00:30"), Alert: returned(a, at(t, "02:00:00"))})
	m.OnAlert(nil, alerts.Event{At: at(t, "03:00:10"), Alert: returned(b, at(t, "03:00:10"))})
	got := m.Tally(pump, at(t, "00:00:00"), at(t, "05:00:00"))
	if down(got) != 2*time.Hour || got.Faults != 2 {
		t.Errorf("down for %v in %d faults, want 2h in 2", down(got), got.Faults)
	}
}

func TestAFaultAcrossMidnightCountsInBothDays(t *testing.T) {
	midnight := at(t, "00:00:00")
	events := []intact.Event{
		{Class: intact.Up, Effective: midnight.Add(-24 * time.Hour)},
		{Class: intact.Down, Effective: midnight.Add(-time.Hour)},
		{Class: intact.Up, Effective: midnight.Add(time.Hour)},
	}
	before, after := intact.Account(events, midnight.Add(-24*time.Hour), midnight), intact.Account(events, midnight, midnight.Add(24*time.Hour))
	if down(before) != time.Hour || down(after) != time.Hour {
		t.Errorf("down %v before and %v after midnight, want 1h each", down(before), down(after))
	}
	if before.Faults != 1 || after.Faults != 0 {
		t.Errorf("%d and %d faults: it began once", before.Faults, after.Faults)
	}
}

func TestOnlyAWayFromUpToDownIsAFault(t *testing.T) {
	const hour = 3_600_000
	run := func(classes ...intact.Class) (events []intact.Event) {
		for i, c := range classes {
			events = append(events, intact.Event{Class: c, Effective: gateway.Instant(i * hour)})
		}
		return events
	}
	for _, tt := range []struct {
		events []intact.Event
		from   gateway.Instant
		want   int64
	}{
		{run(intact.Up, intact.Down), 0, 1},
		{run(intact.Degraded, intact.Down), 0, 1},
		{run(intact.Up, intact.Unknown, intact.Down), 0, 0},
		{run(intact.Unknown, intact.Down, intact.Unknown, intact.Down), 0, 0},
		{run(intact.Planned, intact.Down), 0, 0},
		{run(intact.Down), 0, 0},
		{run(intact.Up, intact.Down), hour, 1}, // at the first millisecond of the window
		{run(intact.Up, intact.Down), hour + 1, 0},
	} {
		if got := intact.Account(tt.events, tt.from, 100*hour).Faults; got != tt.want {
			t.Errorf("%v from %d on: %d faults, want %d", tt.events, tt.from, got, tt.want)
		}
	}
}

func TestDownStaysDownWhenTheLineBreaks(t *testing.T) {
	m := watched(t)
	m.Heard(pump, at(t, "10:00:00"))
	a := active(1, "pump", at(t, "10:00:00"))
	m.OnAlert(nil, alerts.Event{At: a.Started, Alert: a})
	m.Heard(pump, at(t, "10:05:00"))
	m.Advance(nil, at(t, "17:00:00"))
	m.Heard(pump, at(t, "18:00:00"))
	m.OnAlert(nil, alerts.Event{At: at(t, "18:00:00"), Alert: returned(a, at(t, "18:00:00"))})
	if got := m.Tally(pump, at(t, "00:00:00"), at(t, "20:00:00")); down(got) != 8*time.Hour || got.Unknown != 0 {
		t.Errorf("down %v, unknown %d ms; want 8h down", down(got), got.Unknown)
	}
}

func TestAStopOfTheGatewayIsUnknownAfterItsGrace(t *testing.T) {
	m := watched(t)
	m.Heard(pump, at(t, "12:00:00"))
	m.Advance(nil, at(t, "12:00:00"))
	events := []intact.Event{{Facility: "pump", Class: intact.Up, Effective: at(t, "00:00:00"), Recorded: at(t, "00:00:00")}}
	again, began := intact.NewMeter(site(t), past(events), nil, at(t, "12:00:00"), at(t, "12:20:00"))
	if len(began) == 0 || began[0].Class != intact.Unknown || began[0].Effective != at(t, "12:10:00") {
		t.Fatalf("the restart recorded %+v", began)
	}
	again.Heard(pump, at(t, "12:20:00"))
	again.Advance(nil, at(t, "12:20:01"))
	got := again.Tally(pump, at(t, "00:00:00"), at(t, "13:00:00"))
	if got.Unknown != (10*time.Minute).Milliseconds() || got.Down != 0 {
		t.Errorf("%+v: want 10 min unknown and nothing down", got)
	}
}

func TestAFaultLastsThroughARestart(t *testing.T) {
	events := []intact.Event{
		{Facility: "pump", Class: intact.Up, Effective: at(t, "00:00:00"), Recorded: at(t, "00:00:00")},
		{Facility: "pump", Class: intact.Down, Effective: at(t, "01:00:00"), Recorded: at(t, "01:00:05")},
	}
	a := active(7, "pump", at(t, "01:00:00"))
	m, _ := intact.NewMeter(site(t), past(events), []alerts.Alert{a}, at(t, "02:00:00"), at(t, "05:00:00"))
	m.Heard(pump, at(t, "05:00:01"))
	m.Advance(nil, at(t, "05:00:02"))
	if c, _ := m.State(pump); c != intact.Down {
		t.Errorf("a sample made it %v although the alert is open", c)
	}
	m.OnAlert(nil, alerts.Event{At: at(t, "05:00:10"), Alert: returned(a, at(t, "05:00:01"))})
	if got := down(m.Tally(pump, at(t, "00:00:00"), at(t, "06:00:00"))); got != 4*time.Hour+time.Second {
		t.Errorf("down for %v", got)
	}
}

func TestADownStateThatNoAlertExplainsEndsWithAGoodSample(t *testing.T) {
	events := []intact.Event{{Facility: "pump", Class: intact.Down, Effective: at(t, "01:00:00"), Recorded: at(t, "01:00:00")}}
	m, _ := intact.NewMeter(site(t), past(events), nil, at(t, "02:00:00"), at(t, "02:00:10"))
	if c, _ := m.State(pump); c != intact.Down {
		t.Errorf("it is %v before anything was heard", c)
	}
	m.Heard(pump, at(t, "02:00:20"))
	m.Advance(nil, at(t, "02:00:20"))
	if c, since := m.State(pump); c != intact.Up || since != at(t, "02:00:20") {
		t.Errorf("it is %v since %v", c, since)
	}
}

func TestSilenceIsUnknownAndOfALiftDownAfterADay(t *testing.T) {
	m := watched(t)
	start := at(t, "00:00:00")
	for h := range 30 {
		m.Advance(nil, start.Add(time.Duration(h)*time.Hour))
	}
	end := start.Add(29 * time.Hour)
	for i, want := range map[int]intact.Tally{
		pump: {Up: 600_000, Unknown: end.Sub(start).Milliseconds() - 600_000},
		lift: {Up: 600_000, Unknown: (24 * time.Hour).Milliseconds(), Down: (5*time.Hour - 10*time.Minute).Milliseconds()},
		slow: {Up: (3 * time.Hour).Milliseconds(), Unknown: (26 * time.Hour).Milliseconds()},
	} {
		if diff := cmp.Diff(want, m.Tally(i, start, end)); diff != "" {
			t.Errorf("facility %d (-want +got):\n%s", i, diff)
		}
	}
	m.Heard(lift, end)
	m.Advance(nil, end)
	if c, _ := m.State(lift); c != intact.Up {
		t.Errorf("heard again, the lift is %v", c)
	}
}

func TestAFacilityThatNeverSpokeIsUnknownAndHasNoRate(t *testing.T) {
	start := at(t, "00:00:00")
	m, began := intact.NewMeter(site(t), nil, nil, 0, start)
	if len(began) != 4 {
		t.Errorf("%d first events", len(began))
	}
	m.Advance(nil, start.Add(time.Hour))
	got := m.Tally(pump, start, start.Add(time.Hour))
	if got.Percent() != "" || got.Pass(98) || got.Required() != 0 {
		t.Errorf("%+v shows %q and passes: %v", got, got.Percent(), got.Pass(98))
	}
}

func TestAHiddenConsequenceIsNotDown(t *testing.T) {
	m := watched(t)
	a := active(1, "pump", at(t, "01:00:00"))
	a.Visibility = alerts.Suppressed
	if got := m.OnAlert(nil, alerts.Event{At: a.Started, Alert: a}); len(got) != 0 {
		t.Errorf("recorded %v", got)
	}
}

func TestALineIsDownWithAnyAlert(t *testing.T) {
	m := watched(t)
	a := alerts.Alert{ID: 1, Facility: "bus-b1", Phase: rules.Active, Started: at(t, "01:00:00")}
	m.OnAlert(nil, alerts.Event{At: a.Started, Alert: a})
	if c, _ := m.State(line); c != intact.Down {
		t.Errorf("the line is %v", c)
	}
}

func TestPercentIsCutAndThePassIsExact(t *testing.T) {
	month := (30 * 24 * time.Hour).Milliseconds()
	tests := []struct {
		down int64
		show string
		pass bool
	}{
		{0, "100.00", true},
		{(10 * time.Hour).Milliseconds(), "98.61", true},
		{51_840_000, "98.00", true},
		{51_840_001, "97.99", false},
		{month, "0.00", false},
	}
	for _, tt := range tests {
		got := intact.Tally{Up: month - tt.down, Down: tt.down}
		if got.Percent() != tt.show || got.Pass(98) != tt.pass {
			t.Errorf("%d ms down: %s, pass %v; want %s, %v", tt.down, got.Percent(), got.Pass(98), tt.show, tt.pass)
		}
	}
}

func TestPercentAgreesWithBigIntegers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		up, d := rng.Int64N(1<<53), rng.Int64N(1<<53)+1
		q := new(big.Int).Mul(big.NewInt(up), big.NewInt(10_000))
		q.Div(q, big.NewInt(up+d))
		want := new(big.Rat).SetFrac(q, big.NewInt(100)).FloatString(2)
		tally := intact.Tally{Up: up, Down: d}
		if got := tally.Percent(); got != want {
			t.Fatalf("%d/%d shows %s, want %s", up, up+d, got, want)
		}
		lhs := new(big.Int).Mul(big.NewInt(100), big.NewInt(d))
		rhs := new(big.Int).Mul(big.NewInt(2), big.NewInt(up+d))
		if got, want := tally.Pass(98), lhs.Cmp(rhs) <= 0; got != want {
			t.Fatalf("%d/%d passes: %v, want %v", d, up+d, got, want)
		}
	}
}

// TestAnyLogAddsUp feeds random faults, silence and restarts over some months and
// checks that no millisecond is lost or counted twice, and that the sums the
// meter keeps are those of the events it gave.
func TestAnyLogAddsUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	start := at(t, "00:00:00")
	for range 200 {
		m, log := intact.NewMeter(site(t), nil, nil, 0, start)
		now, open, id := start, map[alerts.ID]alerts.Alert{}, alerts.ID(0)
		pace := []int{60, 40 * 60, 48 * 3600}[rng.IntN(3)] // seconds from one act to the next
		check := func() {
			t.Helper()
			for _, from := range []gateway.Instant{intact.DayStart(now, shanghai), intact.MonthStart(now, shanghai)} {
				if diff := cmp.Diff(account(log, "pump", from, now+1), m.Tally(pump, from, now+1)); diff != "" {
					t.Fatalf("from %v to %v (-of the events +of the meter):\n%s", from, now, diff)
				}
			}
			if diff := cmp.Diff(account(log, "pump", 0, now+1), m.Total(pump, now+1)); diff != "" {
				t.Fatalf("in all (-of the events +of the meter):\n%s", diff)
			}
		}
		for range 100 {
			now = now.Add(time.Duration(rng.IntN(pace*1000)) * time.Millisecond)
			switch rng.IntN(5) {
			case 0:
				id++
				open[id] = active(id, "pump", now.Add(-time.Duration(rng.IntN(600))*time.Second))
				if rng.IntN(3) == 0 {
					open[id] = blindTo(open[id])
				}
				log = m.OnAlert(log, alerts.Event{At: now, Alert: open[id]})
			case 1:
				for k, a := range open {
					log = m.OnAlert(log, alerts.Event{At: now, Alert: returned(a, now.Add(-time.Duration(rng.IntN(600))*time.Second))})
					delete(open, k)
					break
				}
			case 2, 3:
				m.Heard(pump, now)
			case 4:
				m, log = restarted(t, m, log, slices.Collect(maps.Values(open)), now)
			}
			log = m.Advance(log, now)
			check()
			if c, _ := m.State(pump); c == intact.Up && len(open) > 0 {
				t.Fatalf("it is up while it has the alerts %v", open)
			}
		}
		whole := account(log, "pump", start, now)
		if sum := whole.Up + whole.Down + whole.Unknown; sum != int64(now-start) {
			t.Fatalf("%d of %d ms accounted for", sum, now-start)
		}
		cut := start + gateway.Instant(rng.Int64N(int64(now-start)))
		if diff := cmp.Diff(whole, account(log, "pump", start, cut).Add(account(log, "pump", cut, now))); diff != "" {
			t.Fatalf("two windows do not add up (-whole +parts):\n%s", diff)
		}
		last := map[gateway.FacilityID]intact.Event{}
		for _, e := range log {
			if p := last[e.Facility]; e.Effective < p.Effective || e.Effective > e.Recorded || e.Recorded < p.Recorded {
				t.Fatalf("event %+v after %+v", e, p)
			}
			last[e.Facility] = e
		}
	}
}

// restarted returns the meter that goes on after m, which must not change what
// is past.
func restarted(t *testing.T, m *intact.Meter, log []intact.Event, open []alerts.Alert, now gateway.Instant) (*intact.Meter, []intact.Event) {
	t.Helper()
	before := m.Total(pump, now)
	again, began := intact.NewMeter(site(t), past(log), open, now, now)
	if diff := cmp.Diff(before, again.Total(pump, now)); diff != "" {
		t.Fatalf("a restart changed the past (-before +after):\n%s", diff)
	}
	return again, append(log, began...)
}

func TestWhatIsOlderThanAMonthStillCountsInTheTotal(t *testing.T) {
	m := watched(t)
	start := at(t, "00:00:00")
	now := start
	for i := range 100 {
		a := active(alerts.ID(i+1), "pump", now)
		m.OnAlert(nil, alerts.Event{At: now, Alert: a})
		m.OnAlert(nil, alerts.Event{At: now.Add(time.Hour), Alert: returned(a, now.Add(time.Hour))})
		m.Heard(pump, now.Add(time.Hour))
		now = now.Add(24 * time.Hour)
		m.Heard(pump, now)
		m.Advance(nil, now)
	}
	if got := down(m.Total(pump, now)); got != 100*time.Hour {
		t.Errorf("total down time is %v, want 100h", got)
	}
	if got := m.Total(pump, now); got.Up+got.Down+got.Unknown != int64(now-start) {
		t.Errorf("total %+v does not cover %d ms", got, now-start)
	}
}
