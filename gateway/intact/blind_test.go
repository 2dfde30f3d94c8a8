package intact_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/rules"
)

// watch is a meter with the log of what it recorded. Its facilities are heard
// every minute unless they are silent.
type watch struct {
	t      *testing.T
	m      *intact.Meter
	log    []intact.Event
	open   map[alerts.ID]alerts.Alert
	now    gateway.Instant
	silent bool
}

func newWatch(t *testing.T) *watch {
	t.Helper()
	w := &watch{t: t, now: at(t, "00:00:00"), open: map[alerts.ID]alerts.Alert{}}
	w.m, w.log = intact.NewMeter(site(t), nil, nil, 0, w.now)
	w.until("00:01:00")
	return w
}

// until lets time pass until the moment clock, or for d after it.
func (w *watch) until(clock string, d ...time.Duration) {
	end := at(w.t, clock)
	for _, more := range d {
		end = end.Add(more)
	}
	for ; w.now <= end; w.now = w.now.Add(time.Minute) {
		if !w.silent {
			w.m.Heard(pump, w.now)
			w.m.Heard(lift, w.now)
		}
		w.log = w.m.Advance(w.log, w.now)
	}
	w.now = end
}

func (w *watch) raise(id alerts.ID, a alerts.Alert, started string) {
	a.ID, a.Phase, a.Started = id, rules.Active, at(w.t, started)
	w.open[id] = a
	w.log = w.m.OnAlert(w.log, alerts.Event{Kind: alerts.Raised, At: w.now, Alert: a})
}

// end ends the alert, good since the moment cleared or, for "", since now.
func (w *watch) end(id alerts.ID, kind alerts.EventKind, cleared string) {
	since := w.now
	if cleared != "" {
		since = at(w.t, cleared)
	}
	a := returned(w.open[id], since)
	delete(w.open, id)
	w.log = w.m.OnAlert(w.log, alerts.Event{Kind: kind, At: w.now, Alert: a})
}

// restart goes on with a new meter that was away for the time given.
func (w *watch) restart(away time.Duration) {
	var open []alerts.Alert
	for _, a := range w.open {
		open = append(open, a)
	}
	heartbeat := w.now
	w.now = w.now.Add(away)
	var began []intact.Event
	w.m, began = intact.NewMeter(site(w.t), past(w.log), open, heartbeat, w.now)
	w.log = append(w.log, began...)
}

// want compares what a facility counted as from midnight until now, given as
// pairs of a class and since when.
func (w *watch) want(f gateway.FacilityID, i int, pairs ...any) {
	w.t.Helper()
	type span struct {
		Class intact.Class
		Since string
	}
	var got, want []span
	var last intact.Event
	for _, e := range w.log {
		if e.Facility == f {
			if len(got) > 0 && e.Effective == last.Effective {
				got = got[:len(got)-1] // for no time at all
			}
			got = append(got, span{e.Class, e.Effective.In(shanghai).Format("02 15:04:05")})
			last = e
		}
	}
	for n := 0; n < len(pairs); n += 2 {
		want = append(want, span{pairs[n].(intact.Class), pairs[n+1].(string)})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", f, diff)
	}
	if diff := cmp.Diff(account(w.log, f, 0, w.now), w.m.Total(i, w.now)); diff != "" {
		w.t.Errorf("%s, sums (-of the events +of the meter):\n%s", f, diff)
	}
}

var (
	blindPump = alerts.Alert{Facility: "pump", Rule: alerts.Blind}
	blindLift = alerts.Alert{Facility: "lift", Rule: alerts.Blind}
	tripped   = alerts.Alert{Facility: "pump", Rule: "trip", Impairs: true}
)

func TestAFacilityWhoseFaultsCannotBeSeenIsNotUp(t *testing.T) {
	w := newWatch(t)
	w.until("10:10:00")
	w.raise(1, blindPump, "10:00:00")
	w.until("11:00:10")
	w.end(1, alerts.Returned, "11:00:00")
	w.until("12:00:00")
	w.want("pump", pump, intact.Up, "10 00:00:00", intact.Unknown, "10 10:00:00", intact.Up, "10 11:00:00")
}

// TestBehindItsCauseAFacilityIsAsBlind: that the alert is hidden says why nobody
// can see the facility, not that somebody can.
func TestBehindItsCauseAFacilityIsAsBlind(t *testing.T) {
	w := newWatch(t)
	w.until("10:10:00")
	hidden := blindPump
	hidden.Visibility = alerts.Suppressed
	w.raise(1, hidden, "10:00:00")
	w.until("12:00:00")
	w.want("pump", pump, intact.Up, "10 00:00:00", intact.Unknown, "10 10:00:00")
}

func TestWhatIsDownStaysDownWhileItIsBlindAndIsUnknownAfterIt(t *testing.T) {
	w := newWatch(t)
	w.until("09:00:00")
	w.raise(1, tripped, "09:00:00")
	w.until("10:10:00")
	w.raise(2, blindPump, "10:00:00")
	w.until("11:00:00")
	w.end(1, alerts.Returned, "11:00:00")
	w.until("12:00:00")
	w.end(2, alerts.Returned, "12:00:00")
	w.until("13:00:00")
	w.want("pump", pump, intact.Up, "10 00:00:00", intact.Down, "10 09:00:00", intact.Unknown, "10 11:00:00", intact.Up, "10 12:00:00")
}

func TestTheTimeBetweenAFaultAndBlindnessIsUp(t *testing.T) {
	w := newWatch(t)
	w.until("09:00:00")
	w.raise(1, tripped, "09:00:00")
	w.until("10:00:10")
	w.raise(2, blindPump, "10:00:05") // the fault was gone by then, but that was not known
	w.end(1, alerts.Returned, "10:00:00")
	w.until("12:00:00")
	w.want("pump", pump, intact.Up, "10 00:00:00", intact.Down, "10 09:00:00", intact.Up, "10 10:00:00", intact.Unknown, "10 10:00:05")
}

func TestAFaultWhileItIsBlindIsDown(t *testing.T) {
	w := newWatch(t)
	w.until("10:10:00")
	w.raise(1, blindPump, "10:00:00")
	w.until("11:00:00")
	w.raise(2, tripped, "10:59:50")
	w.until("12:00:00")
	w.end(1, alerts.Returned, "12:00:00")
	w.until("13:00:00")
	w.end(2, alerts.Returned, "13:00:00")
	w.until("14:00:00")
	w.want("pump", pump, intact.Up, "10 00:00:00", intact.Unknown, "10 10:00:00", intact.Down, "10 10:59:50", intact.Up, "10 13:00:00")
}

func TestABlindLiftIsDownAfterADay(t *testing.T) {
	w := newWatch(t)
	w.until("10:10:00")
	w.raise(1, blindLift, "10:00:00")
	w.until("10:10:00", 30*time.Hour)
	w.end(1, alerts.Returned, "")
	w.until("11:00:00", 30*time.Hour)
	w.want("lift", lift, intact.Up, "10 00:00:00", intact.Unknown, "10 10:00:00", intact.Down, "11 10:00:00", intact.Up, "11 16:10:00")
}

func TestSilenceWithinBlindnessIsOneUnknownTime(t *testing.T) {
	w := newWatch(t)
	w.until("10:10:00")
	w.raise(1, blindPump, "10:00:00")
	w.until("11:00:00")
	w.silent = true
	w.until("12:00:00")
	w.silent = false
	w.until("13:00:00") // heard again, and blind as before
	w.want("pump", pump, intact.Up, "10 00:00:00", intact.Unknown, "10 10:00:00")
	w.end(1, alerts.Returned, "13:00:00")
	w.want("pump", pump, intact.Up, "10 00:00:00", intact.Unknown, "10 10:00:00", intact.Up, "10 13:00:00")
}

func TestBlindnessThatGivesWayToSilenceIsNotUp(t *testing.T) {
	w := newWatch(t)
	w.until("10:10:00")
	w.raise(1, blindPump, "10:00:00")
	w.until("11:00:00")
	w.silent = true
	w.until("11:01:30")
	w.end(1, alerts.Returned, "11:01:10") // nothing is heard any more, so that it is not blind
	w.until("12:00:00")
	w.silent = false
	w.until("12:30:00")
	w.want("pump", pump, intact.Up, "10 00:00:00", intact.Unknown, "10 10:00:00", intact.Up, "10 12:00:00")
}

func TestBlindnessFoundOutAfterSilenceBeginsAgain(t *testing.T) {
	w := newWatch(t)
	w.until("10:00:00")
	w.silent = true
	w.until("11:00:00")
	w.silent = false
	w.until("11:20:00")
	w.raise(1, blindPump, "10:30:00")
	w.until("12:00:00")
	w.want("pump", pump, intact.Up, "10 00:00:00", intact.Unknown, "10 10:10:00", intact.Unknown, "10 11:00:00")
}

func TestABlindAlertThatIsWithdrawnLeavesItUnknownUntilItIsHeard(t *testing.T) {
	w := newWatch(t)
	w.until("10:10:00")
	w.raise(1, blindPump, "10:00:00")
	w.until("11:00:30")
	w.silent = true
	w.end(1, alerts.Withdrawn, "11:00:30")
	w.until("11:05:00")
	w.silent = false
	w.until("12:00:00")
	w.want("pump", pump, intact.Up, "10 00:00:00", intact.Unknown, "10 10:00:00", intact.Up, "10 11:05:00")
}

func TestBlindnessLastsThroughARestart(t *testing.T) {
	w := newWatch(t)
	w.until("10:10:00")
	w.raise(1, blindPump, "10:00:00")
	w.raise(2, blindLift, "10:00:00")
	w.until("11:00:00")
	w.restart(time.Hour)
	w.until("13:00:00")
	w.want("pump", pump, intact.Up, "10 00:00:00", intact.Unknown, "10 10:00:00")
	w.end(1, alerts.Returned, "13:00:00")
	w.until("14:00:00")
	w.want("pump", pump, intact.Up, "10 00:00:00", intact.Unknown, "10 10:00:00", intact.Up, "10 13:00:00")
	w.until("14:00:00", 30*time.Hour)
	w.restart(time.Minute)
	w.until("15:00:00", 30*time.Hour)
	w.want("lift", lift, intact.Up, "10 00:00:00", intact.Unknown, "10 10:00:00", intact.Down, "11 10:00:00")
}

func TestARestartFindsTheStateThatItsOpenAlertsCallFor(t *testing.T) {
	w := newWatch(t)
	w.until("10:00:00")
	// The alerts reached the disk, what they did to the meter did not.
	blind, trip := blindLift, tripped
	blind.ID, blind.Phase, blind.Started = 1, rules.Active, at(t, "09:30:00")
	trip.ID, trip.Phase, trip.Started = 2, rules.Active, at(t, "09:40:00")
	w.open = map[alerts.ID]alerts.Alert{1: blind, 2: trip}
	w.restart(time.Second)
	w.want("lift", lift, intact.Up, "10 00:00:00", intact.Unknown, "10 09:30:00")
	w.want("pump", pump, intact.Up, "10 00:00:00", intact.Down, "10 09:40:00")
}
