package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

var shanghai = time.FixedZone("CST", 8*3600)

// morning is a moment within March 2026.
var morning = gateway.InstantOf(time.Date(2026, 3, 10, 9, 12, 0, 0, shanghai))

func open(t testing.TB, path string, o store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func fresh(t testing.TB) (*store.DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "intact.db")
	return open(t, path, store.Options{}), path
}

func commit(t testing.TB, db *store.DB, changes ...store.Change) {
	t.Helper()
	if err := db.Commit(t.Context(), changes...); err != nil {
		t.Fatal(err)
	}
}

func entry(kind string, at gateway.Instant) store.Entry {
	return store.Entry{Gateway: "lakeside", At: at, Kind: kind, Facility: "lift-1", By: "王工", Body: []byte(`{"value":1}`)}
}

// another goes round the pool: it opens the file with a driver of its own, as
// somebody with a database tool would.
func another(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestOneBadChangeOfManyWritesNothing(t *testing.T) {
	db, _ := fresh(t)
	one := tickets.Ticket{ID: 1, Facility: "lift-1", Family: "door", State: tickets.New}
	two := one
	two.ID = 2
	err := db.Commit(t.Context(),
		store.Change{At: morning, Entries: []store.Entry{entry("a", morning)}, Alerts: []alerts.Alert{{ID: 1}}, Notices: []notify.Notice{{Key: "k", Receiver: "desk"}}},
		store.Change{Tickets: []tickets.Ticket{one, two}, States: []intact.Event{{Facility: "lift-1"}}})
	if err == nil {
		t.Fatal("two open tickets for one facility and fault family were taken")
	}
	s, err := db.Load(t.Context(), morning, shanghai)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(store.State{Numbers: map[string]int{}, Past: map[gateway.FacilityID]intact.Past{}}, s); diff != "" {
		t.Errorf("something of it was written (-want +got)\n%s", diff)
	}
	if rows, err := db.Journal(t.Context(), 0, 10); len(rows) != 0 || err != nil {
		t.Errorf("journal holds %v, %v", rows, err)
	}
}

func TestAnEndedTicketMakesRoomForTheNextOneInWhateverOrderTheyCome(t *testing.T) {
	db, _ := fresh(t)
	ticket := func(id tickets.ID, s tickets.State) tickets.Ticket {
		return tickets.Ticket{ID: id, Facility: "lift-1", Family: "door", State: s}
	}
	commit(t, db, store.Change{Tickets: []tickets.Ticket{ticket(1, tickets.Working)}})
	commit(t, db, store.Change{Tickets: []tickets.Ticket{ticket(2, tickets.New), ticket(1, tickets.Closed)}})
	commit(t, db, store.Change{Tickets: []tickets.Ticket{ticket(1, tickets.Assigned)}}, store.Change{Tickets: []tickets.Ticket{ticket(2, tickets.Cancelled)}})
	got, err := db.Tickets(t.Context(), store.Query{State: "open", Limit: 10})
	if err != nil || len(got) != 1 || got[0].ID != 1 {
		t.Errorf("open tickets are %v, %v", got, err)
	}
}

func TestLoadContinuesWhereItStopped(t *testing.T) {
	db, path := fresh(t)
	alert := func(id alerts.ID, closed gateway.Instant) alerts.Alert {
		return alerts.Alert{ID: id, Key: fmt.Sprint("lift-1/r", id), Value: math.NaN(), Limit: 4.5, Phase: rules.Active, Closed: closed}
	}
	ticket := func(id tickets.ID, number string, family string, opened gateway.Instant, s tickets.State) tickets.Ticket {
		return tickets.Ticket{ID: id, Number: number, Facility: "lift-1", Family: family, Opened: opened, State: s}
	}
	day := gateway.Instant(86_400_000)
	ended := func(t tickets.Ticket, at gateway.Instant) tickets.Ticket {
		t.Ended = at
		return t
	}
	commit(t, db, store.Change{At: morning, Alerts: []alerts.Alert{alert(1, morning), alert(2, 0), alert(7, morning)}, Tickets: []tickets.Ticket{
		ended(ticket(1, "WX20260210-0099", "a", morning-28*day, tickets.Closed), morning-day),
		ended(ticket(2, "WX20260309-0012", "a", morning-day, tickets.Cancelled), morning-day),
		ticket(3, "WX20260310-0009", "a", morning-1, tickets.OnHold),
		ended(ticket(4, "WX20260310-0010", "b", morning-day, tickets.Closed), morning-day+1),
		ticket(5, "by hand", "c", morning, tickets.Done),
	}})
	commit(t, db, store.Change{At: morning + 10_000})
	db.Close()
	db = open(t, path, store.Options{})
	s, err := db.Load(t.Context(), morning, shanghai)
	if err != nil {
		t.Fatal(err)
	}
	want := store.State{
		Heartbeat: morning + 10_000, LastAlert: 7, LastTicket: 5,
		Alerts: []alerts.Alert{alert(2, 0)},
		Tickets: []tickets.Ticket{
			ticket(3, "WX20260310-0009", "a", morning-1, tickets.OnHold),
			ended(ticket(4, "WX20260310-0010", "b", morning-day, tickets.Closed), morning-day+1),
			ticket(5, "by hand", "c", morning, tickets.Done),
		},
		Numbers: map[string]int{"20260309": 12, "20260310": 10},
		Past:    map[gateway.FacilityID]intact.Past{},
	}
	if diff := cmp.Diff(want, s, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("state (-want +got)\n%s", diff)
	}
}

func TestStatesBeginWithTheEventInForce(t *testing.T) {
	db, _ := fresh(t)
	at := func(month time.Month, day, hour int) gateway.Instant {
		return gateway.InstantOf(time.Date(2026, month, day, hour, 0, 0, 0, shanghai))
	}
	event := func(f gateway.FacilityID, effective gateway.Instant, cause string) intact.Event {
		return intact.Event{Facility: f, Recorded: effective + 1000, Effective: effective, Class: intact.Down, Cause: cause}
	}
	for _, e := range []intact.Event{
		event("lift-1", at(1, 5, 0), "old"),
		event("pump-1", at(1, 6, 0), "long ago"),
		event("lift-1", at(1, 31, 23), "in force in February"),
		event("pump-2", at(2, 1, 0), "first, at midnight"),
		event("pump-2", at(2, 1, 0), "second, at midnight"),
		event("lift-1", at(2, 1, 1), "first of February"),
		event("lift-1", at(3, 9, 1), "March"),
		event("pump-1", at(3, 9, 2), "March, too"),
	} {
		commit(t, db, store.Change{States: []intact.Event{e}})
	}
	causes := func(events []intact.Event, err error) (list []string) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			list = append(list, e.Cause)
		}
		return list
	}
	for _, tt := range []struct {
		name     string
		facility gateway.FacilityID
		from, to gateway.Instant
		want     []string
	}{
		{"one facility", "lift-1", at(2, 1, 0), at(3, 9, 1), []string{"in force in February", "first of February"}},
		{"an event at the start has its forerunner", "lift-1", at(2, 1, 1), at(3, 10, 0), []string{"in force in February", "first of February", "March"}},
		{"before anything was known", "pump-2", at(1, 1, 0), at(1, 2, 0), nil},
		{"all facilities", "", at(3, 1, 0), at(3, 9, 2), []string{"long ago", "second, at midnight", "first of February", "March"}},
		{"an unknown facility", "nobody", 0, at(4, 1, 0), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, causes(db.States(t.Context(), tt.facility, tt.from, tt.to))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestLoadSumsUpAllTimeThatIsPast has a pump that is down for the first hour of
// every day of more than a year.
func TestLoadSumsUpAllTimeThatIsPast(t *testing.T) {
	db, _ := fresh(t)
	const days = 400
	midnight := gateway.InstantOf(time.Date(2026, 3, 10, 0, 0, 0, 0, shanghai))
	var log []intact.Event
	add := func(at gateway.Instant, c intact.Class) {
		log = append(log, intact.Event{Facility: "pump-1", Recorded: at, Effective: at, Class: c})
	}
	add(midnight.Add(-(days*24+1)*time.Hour), intact.Up)
	for d := -days; d <= 0; d++ {
		day := midnight.Add(time.Duration(d) * 24 * time.Hour)
		add(day, intact.Down)
		add(day.Add(time.Hour), intact.Up)
	}
	commit(t, db, store.Change{States: log})
	s, err := db.Load(t.Context(), morning, shanghai)
	if err != nil {
		t.Fatal(err)
	}
	pump := s.Past["pump-1"]
	month := gateway.InstantOf(time.Date(2026, 3, 1, 0, 0, 0, 0, shanghai))
	if diff := cmp.Diff(intact.Account(log, 0, month), pump.Before); diff != "" {
		t.Errorf("before this month (-want +got)\n%s", diff)
	}
	if len(pump.Days) != 10 || pump.Days[0].Start != month || pump.Last.Effective != log[len(log)-1].Effective {
		t.Fatalf("%+v", pump)
	}
	for _, d := range pump.Days {
		if want := intact.Account(log, d.Start, min(d.End, pump.Last.Effective)); d.Tally != want {
			t.Errorf("the day from %v is %+v, want %+v", d.Start.In(shanghai), d.Tally, want)
		}
	}
}

func TestListsAreReadInParts(t *testing.T) {
	db, _ := fresh(t)
	var c store.Change
	for id := range 10 {
		a := alerts.Alert{ID: alerts.ID(id + 1)}
		tk := tickets.Ticket{ID: tickets.ID(id + 1), Family: fmt.Sprint(id), State: tickets.New}
		if id%2 == 0 {
			a.Closed, tk.State = morning, tickets.Closed
		}
		c.Alerts, c.Tickets = append(c.Alerts, a), append(c.Tickets, tk)
	}
	commit(t, db, c)
	for _, tt := range []struct {
		q    store.Query
		want []int64
	}{
		{store.Query{State: "open", Limit: 3}, []int64{2, 4, 6}},
		{store.Query{State: "open", After: 6, Limit: 3}, []int64{8, 10}},
		{store.Query{State: "closed", After: 1, Limit: 2}, []int64{3, 5}},
		{store.Query{State: "all", After: 8, Limit: 9}, []int64{9, 10}},
		{store.Query{Limit: 2}, []int64{1, 2}},
		{store.Query{State: "all", After: 10, Limit: 9}, nil},
	} {
		var ofAlerts, ofTickets []int64
		as, err := db.Alerts(t.Context(), tt.q)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range as {
			ofAlerts = append(ofAlerts, int64(a.ID))
		}
		ts, err := db.Tickets(t.Context(), tt.q)
		if err != nil {
			t.Fatal(err)
		}
		for _, tk := range ts {
			ofTickets = append(ofTickets, int64(tk.ID))
		}
		if !cmp.Equal(ofAlerts, tt.want) || !cmp.Equal(ofTickets, tt.want) {
			t.Errorf("%+v: alerts %v, tickets %v, want %v", tt.q, ofAlerts, ofTickets, tt.want)
		}
	}
	if _, err := db.Alerts(t.Context(), store.Query{State: "opne"}); err == nil {
		t.Error("a state that is none was taken")
	}
}

// TestAWindowFindsWhatTouchesIt: alerts and tickets belong to every window in
// which they were open.
func TestAWindowFindsWhatTouchesIt(t *testing.T) {
	db, _ := fresh(t)
	const hour = gateway.Instant(3_600_000)
	from, to := morning, morning+hour
	commit(t, db, store.Change{
		Alerts: []alerts.Alert{{ID: 1, Raised: from - hour, Closed: from - 1}, {ID: 2, Raised: from - hour}, {ID: 3, Raised: to - 1, Closed: to}, {ID: 4, Raised: to}},
		Tickets: []tickets.Ticket{
			{ID: 1, Facility: "a", Opened: from - hour, Ended: from - 1, State: tickets.Closed}, {ID: 2, Facility: "a", Opened: from - hour, Ended: from, State: tickets.Closed},
			{ID: 3, Facility: "b", Opened: from - hour, State: tickets.New}, {ID: 4, Facility: "c", Opened: to - 1, State: tickets.New}, {ID: 5, Facility: "d", Opened: to, State: tickets.New},
		},
	})
	active, err := db.AlertsIn(t.Context(), from, to)
	if err != nil || len(active) != 2 || active[0].ID != 2 || active[1].ID != 3 {
		t.Errorf("alerts %v, %v", active, err)
	}
	var ids []tickets.ID
	open, err := db.TicketsIn(t.Context(), from, to)
	for _, o := range open {
		ids = append(ids, o.ID)
	}
	if err != nil || !slices.Equal(ids, []tickets.ID{2, 3, 4}) {
		t.Errorf("tickets %v, %v", ids, err)
	}
}

func TestOnlyOneProcessOwnsTheDirectory(t *testing.T) {
	db, path := fresh(t)
	_, err := store.Open(path, store.Options{})
	if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("a second opener got %v", err)
	}
	commit(t, db, store.Change{At: morning})
	db.Close()
	open(t, path, store.Options{})
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, path string)
		want    error
		hint    string
	}{
		{"a file that is no database", func(t *testing.T, path string) { write(t, path, []byte(strings.Repeat("garbage ", 1000))) }, store.ErrCorrupt, "move the file"},
		{"a header overwritten", func(t *testing.T, path string) {
			b := closedDatabase(t, path)
			copy(b, strings.Repeat("x", 100))
			write(t, path, b)
		}, store.ErrCorrupt, "move the file"},
		{"the schema overwritten", func(t *testing.T, path string) {
			b := closedDatabase(t, path)
			for i := 100; i < 4096; i++ {
				b[i] = 0xff
			}
			write(t, path, b)
		}, store.ErrCorrupt, "move the file"},
		{"a database of a newer version", func(t *testing.T, path string) {
			closedDatabase(t, path)
			if _, err := another(t, path).Exec("PRAGMA user_version=99"); err != nil {
				t.Fatal(err)
			}
		}, store.ErrNewer, "form 99"},
		{"no directory", func(t *testing.T, path string) { os.RemoveAll(filepath.Dir(path)) }, os.ErrNotExist, "lock"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "d", "intact.db")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			tt.prepare(t, path)
			db, err := store.Open(path, store.Options{})
			if !errors.Is(err, tt.want) || !strings.Contains(fmt.Sprint(err), tt.hint) || !strings.Contains(fmt.Sprint(err), path) {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.hint)
			}
			if db != nil {
				t.Error("got a database, too")
			}
		})
	}
}

func TestDamageInTheMiddleIsToldWhenItIsMet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "intact.db")
	b := closedDatabase(t, path)
	for i := 4096; i < len(b); i++ {
		b[i] = 0xff
	}
	write(t, path, b)
	db, err := store.Open(path, store.Options{})
	if err == nil {
		defer db.Close()
		_, err = db.Load(t.Context(), morning, shanghai)
	}
	if !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

func TestAnEmptyFileBecomesADatabaseAndOpeningAgainChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "what's this? 100%.db")
	write(t, path, nil)
	schema := func() (list []string) {
		rows, err := another(t, path).Query(`SELECT sql FROM sqlite_schema WHERE sql <> '' UNION ALL SELECT 'version ' || user_version FROM pragma_user_version
			UNION ALL SELECT 'mode ' || journal_mode FROM pragma_journal_mode UNION ALL SELECT 'page ' || page_size FROM pragma_page_size ORDER BY 1`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			list = append(list, s)
		}
		return list
	}
	db := open(t, path, store.Options{})
	commit(t, db, store.Change{Entries: []store.Entry{entry("a", morning)}})
	db.Close()
	first := schema()
	for _, want := range []string{"version 8", "mode wal", "page 4096"} {
		if !slices.Contains(first, want) {
			t.Errorf("the database has no %q", want)
		}
	}
	db = open(t, path, store.Options{})
	if diff := cmp.Diff(first, schema()); diff != "" {
		t.Errorf("opening again changed the schema (-want +got)\n%s", diff)
	}
	if n, err := db.Verify(t.Context()); n != 1 || err != nil {
		t.Errorf("the journal has %d rows, %v", n, err)
	}
}

// TestAnAlertOfAnOlderVersionWasToldUnlessItWasHidden: whoever heard of it then
// waits to hear of its end.
func TestAnAlertOfAnOlderVersionWasToldUnlessItWasHidden(t *testing.T) {
	db, path := fresh(t)
	commit(t, db, store.Change{Alerts: []alerts.Alert{{ID: 1, Key: "a", Raised: morning}, {ID: 2, Key: "b", Raised: morning, Visibility: alerts.Suppressed}}})
	db.Close()
	older := another(t, path)
	for _, column := range []string{"shelf_since", "shelf_until", "shelf_by", "shelf_second", "shelf_reason", "shelf_severity", "told", "ack_via", "ack_until",
		"chatter_since", "chatter_until", "chatter_times", "trip", "trip_limit", "peak",
		"call_count", "call_since", "call_rungs", "call_passed", "call_heard"} {
		if _, err := older.Exec("ALTER TABLE alert DROP COLUMN " + column); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := older.Exec("DROP TABLE rule_state; DROP INDEX notice_alert; PRAGMA user_version=2"); err != nil {
		t.Fatal(err)
	}
	older.Close()
	s, err := open(t, path, store.Options{}).Load(t.Context(), morning, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Alerts) != 2 || !s.Alerts[0].Told || s.Alerts[1].Told || s.Alerts[0].Shelved() {
		t.Errorf("the alerts are %+v", s.Alerts)
	}
	if called := s.Alerts[0].Call; called.Count != 1 || called.Since != morning || s.Alerts[1].Call != (alerts.Call{}) {
		t.Errorf("people were called %+v and %+v", called, s.Alerts[1].Call)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// closedDatabase returns the bytes of a database with a journal in it.
func closedDatabase(t *testing.T, path string) []byte {
	t.Helper()
	db := open(t, path, store.Options{})
	for i := range 200 {
		commit(t, db, store.Change{At: morning, Entries: []store.Entry{entry("a", morning)}, Alerts: []alerts.Alert{{ID: alerts.ID(i + 1)}}})
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
