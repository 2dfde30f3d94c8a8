package intact_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/rules"
)

// ahead returns the events of a pump whose gateway had its clock put four years
// ahead at 12:00, found it silent, heard it again and so on, as end says.
func ahead(t *testing.T, end ...intact.Class) []intact.Event {
	t.Helper()
	future := at(t, "12:00:00").Add(4 * 365 * 24 * time.Hour)
	log := append(up(t), intact.Event{Facility: "pump", Recorded: future, Effective: at(t, "12:10:00"), Class: intact.Unknown, Cause: "silent"})
	for _, c := range end {
		future = future.Add(time.Minute)
		log = append(log, intact.Event{Facility: "pump", Recorded: future, Effective: future, Class: c, Cause: "later"})
	}
	return log
}

// restartAt starts a gateway at now on what log says, with its clock mended.
func restartAt(t *testing.T, log []intact.Event, open []alerts.Alert, now gateway.Instant) (*intact.Meter, []intact.Event) {
	t.Helper()
	fold := intact.NewFold(now, shanghai)
	for i := len(log) - 1; i >= 0; i-- {
		fold.Add(log[i])
	}
	heartbeat := log[len(log)-1].Recorded
	m, began := intact.NewMeter(site(t), fold.Past(), open, heartbeat, now)
	return m, append(log, began...)
}

func TestAClockThatWasAheadDoesNotFreezeTheRate(t *testing.T) {
	start, now := at(t, "00:00:00"), at(t, "13:00:00")
	m, log := restartAt(t, ahead(t, intact.Up), nil, now)
	if c, since := m.State(pump); c != intact.Unknown || since > now {
		t.Errorf("after the restart it is %v since %v", c, since.In(shanghai))
	}
	m.Heard(pump, now.Add(time.Minute))
	log = m.Advance(log, now.Add(time.Minute))
	a := active(1, "pump", at(t, "14:00:00"))
	log = m.OnAlert(log, alerts.Event{At: at(t, "14:00:10"), Alert: a})
	log = m.OnAlert(log, alerts.Event{At: at(t, "15:00:10"), Alert: returned(a, at(t, "15:00:00"))})

	end := at(t, "15:05:00")
	want := intact.Tally{
		Up:      (12*time.Hour + 10*time.Minute + 59*time.Minute + 5*time.Minute).Milliseconds(),
		Unknown: (51 * time.Minute).Milliseconds(),
		Down:    time.Hour.Milliseconds(), Faults: 1,
	}
	if diff := cmp.Diff(want, m.Tally(pump, start, end)); diff != "" {
		t.Errorf("the meter (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, account(log, "pump", start, end)); diff != "" {
		t.Errorf("an auditor (-want +got):\n%s", diff)
	}
	// A second restart finds the rows of the future in the journal still.
	again, _ := restartAt(t, log, nil, end)
	if diff := cmp.Diff(want, again.Tally(pump, start, end)); diff != "" {
		t.Errorf("after another restart (-want +got):\n%s", diff)
	}
}

func TestTheJournalSaysWhyAStateOfTheFutureWasCut(t *testing.T) {
	_, log := restartAt(t, ahead(t, intact.Up), nil, at(t, "13:00:00"))
	for _, e := range log[3:] {
		if e.Facility == "pump" {
			if !strings.Contains(e.Cause, "clock was ahead") || !strings.Contains(e.Cause, "2030-03-09T04:01:00") || e.Recorded != at(t, "13:00:00") {
				t.Errorf("recorded %+v", e)
			}
			return
		}
	}
	t.Error("nothing was recorded")
}

func TestWhatWasDownByAClockThatWasAheadIsDown(t *testing.T) {
	now := at(t, "13:00:00")
	a := active(1, "pump", now.Add(4*365*24*time.Hour))
	m, log := restartAt(t, ahead(t, intact.Up, intact.Down), []alerts.Alert{a}, now)
	m.Heard(pump, now.Add(time.Second))
	log = m.Advance(log, now.Add(time.Second))
	if c, since := m.State(pump); c != intact.Down || since != now {
		t.Errorf("it is %v since %v", c, since.In(shanghai))
	}
	log = m.OnAlert(log, alerts.Event{At: at(t, "14:00:00"), Alert: returned(a, at(t, "14:00:00"))})
	if got := m.Tally(pump, at(t, "00:00:00"), at(t, "15:00:00")); down(got) != time.Hour {
		t.Errorf("down for %v", down(got))
	}
	if got := account(log, "pump", at(t, "00:00:00"), at(t, "15:00:00")); down(got) != time.Hour {
		t.Errorf("an auditor finds it down for %v", down(got))
	}
}

func TestADownStateOfTheFutureWithoutAnAlertEndsWithAGoodSample(t *testing.T) {
	now := at(t, "13:00:00")
	m, _ := restartAt(t, ahead(t, intact.Down), nil, now)
	if c, _ := m.State(pump); c != intact.Down {
		t.Errorf("it is %v", c)
	}
	m.Heard(pump, now.Add(time.Second))
	m.Advance(nil, now.Add(time.Second))
	if c, _ := m.State(pump); c != intact.Up {
		t.Errorf("heard, it is %v", c)
	}
}

func TestAStateOfTheFutureDoesNotGiveASilentLiftMoreThanADay(t *testing.T) {
	var log []intact.Event
	for _, e := range ahead(t, intact.Up) {
		e.Facility = "lift"
		log = append(log, e)
	}
	m, log := restartAt(t, log, nil, at(t, "20:00:00"))
	for h := range 48 {
		log = m.Advance(log, at(t, "20:00:00").Add(time.Duration(h)*time.Hour))
	}
	if c, since := m.State(lift); c != intact.Down || since != at(t, "12:10:00").Add(24*time.Hour) {
		t.Errorf("it is %v since %v", c, since.In(shanghai))
	}
}

func TestAGatewayThatWasSetUpInTheFutureStartsNow(t *testing.T) {
	future := at(t, "00:00:00").Add(4 * 365 * 24 * time.Hour)
	log := []intact.Event{{Facility: "pump", Recorded: future, Effective: future, Class: intact.Up}}
	m, log := restartAt(t, log, nil, at(t, "10:00:00"))
	m.Heard(pump, at(t, "10:00:00"))
	m.Advance(log, at(t, "10:00:00"))
	if got, want := m.Total(pump, at(t, "11:00:00")), (intact.Tally{Up: time.Hour.Milliseconds()}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestALineOfTheFutureIsUpAgain(t *testing.T) {
	future := at(t, "00:00:00").Add(4 * 365 * 24 * time.Hour)
	log := []intact.Event{
		{Facility: "bus-b1", Recorded: at(t, "00:00:00"), Effective: at(t, "00:00:00"), Class: intact.Up},
		{Facility: "bus-b1", Recorded: future, Effective: future, Class: intact.Down},
	}
	loss := alerts.Alert{ID: 1, Facility: "bus-b1", Phase: rules.Active, Started: future}
	m, _ := restartAt(t, log, []alerts.Alert{loss}, at(t, "10:00:00"))
	if c, since := m.State(line); c != intact.Down || since != at(t, "10:00:00") {
		t.Errorf("with its alert it is %v since %v", c, since)
	}
	m.OnAlert(nil, alerts.Event{At: at(t, "11:00:00"), Alert: returned(loss, at(t, "11:00:00"))})
	if c, since := m.State(line); c != intact.Up || since != at(t, "11:00:00") {
		t.Errorf("returned, it is %v since %v", c, since)
	}
	m, _ = restartAt(t, log, nil, at(t, "10:00:00"))
	if c, _ := m.State(line); c != intact.Up {
		t.Errorf("without an alert it is %v", c)
	}
}

func TestAWindowBeforeTheClockWasAheadIsCountedAsEver(t *testing.T) {
	_, log := restartAt(t, ahead(t, intact.Up, intact.Down, intact.Up), nil, at(t, "13:00:00"))
	future := at(t, "12:00:00").Add(4 * 365 * 24 * time.Hour)
	if got := account(log, "pump", at(t, "00:00:00"), at(t, "12:00:00")); got.Up != (12 * time.Hour).Milliseconds() {
		t.Errorf("until noon %+v", got)
	}
	// When that future has come, what was said of it then does not count.
	if got := account(log, "pump", future, future.Add(time.Hour)); got.Up+got.Down != 0 || got.Faults != 0 {
		t.Errorf("four years later %+v", got)
	}
}

// TestASkippedDayMakesNoLiftDown: a gateway without a clock of its own is set
// right by days in its first minute.
func TestASkippedDayMakesNoLiftDown(t *testing.T) {
	now := at(t, "12:00:00")
	m, log := intact.NewMeter(site(t), nil, nil, 0, now)
	skipped := 48 * time.Hour
	now = now.Add(skipped)
	log = m.Advance(m.Skip(log, now, skipped), now.Add(time.Second))
	if c, _ := m.State(lift); c != intact.Unknown {
		t.Errorf("a lift that was never heard is %v", c)
	}
	log = m.Advance(log, now.Add(25*time.Hour))
	if c, since := m.State(lift); c != intact.Down || since != now.Add(24*time.Hour) {
		t.Errorf("after a day of silence it is %v since %v", c, since)
	}
	total := m.Total(lift, now.Add(25*time.Hour))
	var events []intact.Event
	for _, e := range log {
		if e.Facility == "lift" {
			events = append(events, e)
		}
	}
	if diff := cmp.Diff(intact.Account(events, 0, now.Add(25*time.Hour)), total); diff != "" {
		t.Errorf("the sums (-events +meter):\n%s", diff)
	}
}
