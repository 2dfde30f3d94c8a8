package intact_test

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway/intact"
)

func TestBudgetOfDownTimeAt98Percent(t *testing.T) {
	const day = 24 * time.Hour
	for window, budget := range map[time.Duration]time.Duration{
		day:       28*time.Minute + 48*time.Second,
		7 * day:   3*time.Hour + 21*time.Minute + 36*time.Second,
		28 * day:  13*time.Hour + 26*time.Minute + 24*time.Second,
		30 * day:  14*time.Hour + 24*time.Minute,
		31 * day:  14*time.Hour + 52*time.Minute + 48*time.Second,
		365 * day: 175*time.Hour + 12*time.Minute,
	} {
		tally := func(d time.Duration) intact.Tally {
			return intact.Tally{Up: (window - d).Milliseconds(), Down: d.Milliseconds()}
		}
		if in := tally(budget); !in.Pass(98) || in.Percent() != "98.00" {
			t.Errorf("%v down in %v: %s, pass %v", budget, window, in.Percent(), in.Pass(98))
		}
		if over := tally(budget + time.Millisecond); over.Pass(98) || over.Percent() != "97.99" {
			t.Errorf("a millisecond over %v in %v: %s, pass %v", budget, window, over.Percent(), over.Pass(98))
		}
	}
}

func up(t *testing.T) []intact.Event {
	return []intact.Event{{Facility: "pump", Class: intact.Up, Effective: at(t, "00:00:00"), Recorded: at(t, "00:00:00")}}
}

func TestAGatewayThatKeepsRestartingDoesNotKeepADeadDeviceUp(t *testing.T) {
	log := up(t)
	loss := alerts.Alert{ID: 1, Facility: "pump", Rule: alerts.CommLoss, Phase: 2, Visibility: alerts.Suppressed, Started: at(t, "00:01:00")}
	now := at(t, "00:03:00")
	var m *intact.Meter
	for range 20 {
		var began []intact.Event
		m, began = intact.NewMeter(site(t), past(log), []alerts.Alert{loss}, now.Add(-10*time.Second), now)
		log = append(log, began...)
		for range 5 {
			now = now.Add(time.Minute)
			log = m.Advance(log, now)
		}
	}
	if c, since := m.State(pump); c != intact.Unknown || since > at(t, "00:12:00") {
		t.Errorf("dead since 00:01 and restarted every five minutes, it is %v since %v", c, since.In(shanghai))
	}
}

func TestALossOfOneOfTwoSourcesDoesNotRewriteThePast(t *testing.T) {
	loss := alerts.Alert{ID: 1, Facility: "pump", Rule: alerts.CommLoss, Phase: 2, Started: at(t, "01:00:00")}
	heartbeat := at(t, "12:00:00")
	m, began := intact.NewMeter(site(t), past(up(t)), []alerts.Alert{loss}, heartbeat, at(t, "12:00:30"))
	log := append(up(t), began...)
	m.Heard(pump, at(t, "12:00:31"))
	log = m.Advance(log, at(t, "12:00:31"))
	got := account(log, "pump", at(t, "00:00:00"), heartbeat)
	if got.Up != (12*time.Hour).Milliseconds() || got.Unknown != 0 {
		t.Errorf("before the stop it is %+v", got)
	}
}

func TestAWithdrawnAlertLeavesDownWhatHasNotBeenHeardSince(t *testing.T) {
	m := watched(t)
	a := active(1, "pump", at(t, "01:00:00"))
	m.OnAlert(nil, alerts.Event{Kind: alerts.Raised, At: a.Started, Alert: a})
	m.OnAlert(nil, alerts.Event{Kind: alerts.Withdrawn, At: at(t, "02:00:00"), Alert: returned(a, at(t, "02:00:00"))})
	m.Advance(nil, at(t, "03:00:00"))
	if c, _ := m.State(pump); c != intact.Down {
		t.Errorf("it is %v because its rule was taken away", c)
	}
	m.Heard(pump, at(t, "04:00:00"))
	m.Advance(nil, at(t, "04:00:00"))
	if c, since := m.State(pump); c != intact.Up || since != at(t, "04:00:00") {
		t.Errorf("heard, it is %v since %v", c, since)
	}
}

func TestAHeartbeatFromTheFutureDoesNotHideSilence(t *testing.T) {
	now := at(t, "12:00:00")
	m, _ := intact.NewMeter(site(t), past(up(t)), nil, now.Add(365*24*time.Hour), now)
	m.Advance(nil, now.Add(time.Hour))
	if c, _ := m.State(pump); c != intact.Unknown {
		t.Errorf("an hour of silence later it is %v", c)
	}
}

func TestAStopOfTheGatewayLeavesDownWhatWasDown(t *testing.T) {
	log := append(up(t), intact.Event{Facility: "pump", Class: intact.Down, Effective: at(t, "11:00:00"), Recorded: at(t, "11:00:10")})
	a := active(1, "pump", at(t, "11:00:00"))
	m, began := intact.NewMeter(site(t), past(log), []alerts.Alert{a}, at(t, "12:00:00"), at(t, "18:00:00"))
	for _, e := range began {
		if e.Facility == "pump" {
			t.Errorf("recorded %+v", e)
		}
	}
	if got := m.Tally(pump, at(t, "00:00:00"), at(t, "18:00:00")); down(got) != 7*time.Hour {
		t.Errorf("down for %v", down(got))
	}
}

func TestStartAndEndOfAFaultAreClamped(t *testing.T) {
	m := watched(t)
	a := active(1, "pump", at(t, "00:00:00").Add(-time.Hour)) // before it was in service
	got := m.OnAlert(nil, alerts.Event{At: at(t, "01:00:00"), Alert: a})
	if len(got) != 1 || got[0].Effective != at(t, "00:00:00") {
		t.Errorf("begins as %+v", got)
	}
	got = m.OnAlert(nil, alerts.Event{At: at(t, "02:00:00"), Alert: returned(a, at(t, "03:00:00"))}) // after it was known
	if len(got) != 1 || got[0].Effective != at(t, "02:00:00") {
		t.Errorf("ends as %+v", got)
	}
}

func FuzzPercent(f *testing.F) {
	f.Add(int64(2_540_160_000), int64(51_840_001))
	f.Add(int64(0), int64(1))
	f.Add(int64(1)<<62, int64(1)<<61)
	f.Fuzz(func(t *testing.T, up, down int64) {
		if up < 0 || down < 0 || up+down <= 0 {
			return
		}
		whole := new(big.Int).SetInt64(up + down)
		q := new(big.Int).Mul(big.NewInt(up), big.NewInt(10_000))
		q.Div(q, whole)
		tally := intact.Tally{Up: up, Down: down}
		if got, want := tally.Percent(), fmt.Sprintf("%d.%02d", q.Int64()/100, q.Int64()%100); got != want {
			t.Errorf("%d of %d is %s, want %s", up, whole, got, want)
		}
		lhs := new(big.Int).Mul(big.NewInt(100), big.NewInt(down))
		rhs := new(big.Int).Mul(big.NewInt(2), whole)
		if got, want := tally.Pass(98), lhs.Cmp(rhs) <= 0; got != want {
			t.Errorf("%d down of %d passes: %v, want %v", down, whole, got, want)
		}
		if !tally.Pass(98) && q.Int64() >= 9800 {
			t.Errorf("%d down of %d fails and shows %s", down, whole, tally.Percent())
		}
	})
}
