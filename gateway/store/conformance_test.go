package store_test

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/store"
	"github.com/intact-gateway/intact/rules"
)

// fill sets every field of v to a value of its own, so that a field without a
// column, or two fields with the same one, do not survive the round trip.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("值 '%d' \"\x00", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n) + 1<<41)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.1)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(fmt.Appendf(nil, `{"n":%d}`, *n))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(t, v.Index(i), n)
		}
	default:
		t.Fatalf("a field of kind %s: say here how to fill it", v.Kind())
	}
}

func filled[T any](t *testing.T) (row T) {
	t.Helper()
	n := 0
	fill(t, reflect.ValueOf(&row).Elem(), &n)
	return row
}

func TestEveryFieldSurvivesTheRoundTrip(t *testing.T) {
	open := filled[alerts.Alert](t)
	open.Closed = 0
	closed := filled[alerts.Alert](t)
	closed.ID++
	closed.Value, closed.Limit, closed.Stale, closed.Severity = math.NaN(), math.Inf(-1), false, rules.LifeSafety
	waiting := filled[tickets.Ticket](t)
	waiting.ID++
	waiting.State, waiting.Breached = tickets.OnHold, nil
	ended := filled[tickets.Ticket](t)
	ended.State = tickets.Closed
	state := filled[intact.Event](t)
	state.Effective = morning
	notice := filled[notify.Notice](t)
	pending := filled[rules.State](t)
	bare := notify.Notice{Key: "bare", Receiver: "nobody"}
	change := store.Change{
		At: morning, Alerts: []alerts.Alert{open, closed}, Tickets: []tickets.Ticket{ended, waiting},
		States: []intact.Event{state}, Notices: []notify.Notice{notice, bare},
		Rules: []rules.State{pending, {Key: "gone"}},
	}
	db, path := fresh(t)
	commit(t, db, change)
	// A second time, as after a commit whose answer was lost, and over rows that
	// said something else.
	later := change
	later.States = nil
	gone := pending
	gone.Key = "gone"
	commit(t, db, store.Change{Alerts: []alerts.Alert{{ID: open.ID}}, Rules: []rules.State{{Key: pending.Key}, gone}}, store.Change{Tickets: []tickets.Ticket{{ID: ended.ID, State: tickets.Closed}}})
	commit(t, db, later)
	db.Close()
	db = openAgain(t, path)

	gotAlerts, err := db.Alerts(t.Context(), store.Query{Limit: 9})
	compare(t, "alerts", change.Alerts, gotAlerts, err)
	gotTickets, err := db.Tickets(t.Context(), store.Query{Limit: 9})
	compare(t, "tickets", change.Tickets, gotTickets, err)
	gotStates, err := db.States(t.Context(), "", 0, state.Effective+1)
	compare(t, "states", change.States, gotStates, err)
	gotNotices, _, err := db.Due(t.Context(), notice.Receiver, notice.Due, 9)
	compare(t, "notices", []notify.Notice{notice}, gotNotices, err)
	gotNotices, _, err = db.Due(t.Context(), bare.Receiver, 0, 9)
	compare(t, "bare notices", []notify.Notice{bare}, gotNotices, err)

	s, err := db.Load(t.Context(), morning, shanghai)
	want := store.State{
		Heartbeat: morning, Alerts: []alerts.Alert{open}, Tickets: []tickets.Ticket{ended, waiting},
		Rules: []rules.State{pending}, LastAlert: closed.ID, LastTicket: waiting.ID, Numbers: map[string]int{},
		Past: map[gateway.FacilityID]intact.Past{state.Facility: {Last: intact.Event{Facility: state.Facility, Effective: state.Effective, Class: state.Class}}},
	}
	compare(t, "state", want, s, err)
}

func compare[T any](t *testing.T, what string, want, got T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("%s (-want +got)\n%s", what, diff)
	}
}

func openAgain(t *testing.T, path string) *store.DB {
	t.Helper()
	return open(t, path, store.Options{})
}

func TestEverySeverityAndPhaseIsKept(t *testing.T) {
	db, _ := fresh(t)
	var want []alerts.Alert
	for s := rules.Info; s <= rules.LifeSafety; s++ {
		for p := rules.Normal; p <= rules.Clearing; p++ {
			want = append(want, alerts.Alert{ID: alerts.ID(len(want) + 1), Severity: s, Phase: p, Started: gateway.Instant(1)})
		}
	}
	commit(t, db, store.Change{Alerts: want})
	got, err := db.Alerts(t.Context(), store.Query{Limit: 100})
	compare(t, "alerts", want, got, err)
}
