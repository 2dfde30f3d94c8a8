package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/store"
)

func notices(receiver string, keys ...string) (c store.Change) {
	for _, k := range keys {
		alert, _, _ := strings.Cut(k, ".")
		var id alerts.ID
		fmt.Sscan(alert, &id)
		c.Notices = append(c.Notices, notify.Notice{Key: receiver + "/" + k, Receiver: receiver, Alert: id, Made: morning, Body: []byte(`{}`)})
	}
	return c
}

// due returns the keys of the notices that are due, or when the next one is.
func due(t *testing.T, db *store.DB, receiver string, now gateway.Instant, limit int) string {
	t.Helper()
	list, next, err := db.Due(t.Context(), receiver, now, limit)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 && next != 0 {
		return fmt.Sprintf("in %v", next.Sub(now))
	}
	var keys []string
	for _, n := range list {
		keys = append(keys, strings.TrimPrefix(n.Key, receiver+"/"))
	}
	return strings.Join(keys, " ")
}

func settle(t *testing.T, db *store.DB, o notify.Outcome) {
	t.Helper()
	if err := db.Settle(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

func TestOutboxKeepsTheOrderOfEachAlert(t *testing.T) {
	db, _ := fresh(t)
	commit(t, db, notices("desk", "1.raised", "2.raised", "1.returned"), notices("boss", "1.raised"))
	commit(t, db, notices("desk", "1.raised", "3.raised")) // the first is known
	expect := func(now gateway.Instant, limit int, want string) {
		t.Helper()
		if got := due(t, db, "desk", now, limit); got != want {
			t.Errorf("due is %q, want %q", got, want)
		}
	}
	expect(morning, 9, "1.raised 2.raised 1.returned 3.raised")
	expect(morning, 2, "1.raised 2.raised")
	settle(t, db, notify.Outcome{Key: "desk/1.returned", At: morning, Err: "a later one holds nothing up", Next: morning + 1})
	expect(morning, 9, "1.raised 2.raised 3.raised")
	settle(t, db, notify.Outcome{Key: "desk/1.raised", At: morning, Err: "refused", Next: morning + 5000})
	expect(morning, 9, "2.raised 3.raised")
	settle(t, db, notify.Outcome{Key: "desk/2.raised", At: morning})
	settle(t, db, notify.Outcome{Key: "desk/2.raised", At: morning, Err: "settled already", Next: morning})
	settle(t, db, notify.Outcome{Key: "desk/3.raised", At: morning})
	settle(t, db, notify.Outcome{Key: "nobody knows it", At: morning})
	expect(morning+1000, 9, "in 4s")
	expect(morning+5000, 9, "1.raised 1.returned")
	settle(t, db, notify.Outcome{Key: "desk/1.raised", At: morning + 5000})
	expect(morning+5000, 9, "1.returned")
	settle(t, db, notify.Outcome{Key: "desk/1.returned", At: morning + 5000})
	expect(morning+5000, 9, "")
	if got := due(t, db, "boss", morning, 9); got != "1.raised" {
		t.Errorf("the other receiver's are %q", got)
	}
}

func TestAttemptsAreCountedAndAGivenUpNoticeIsADeadLetter(t *testing.T) {
	db, path := fresh(t)
	commit(t, db, notices("desk", "1.raised", "1.returned", "2.raised"))
	settle(t, db, notify.Outcome{Key: "desk/1.raised", At: morning, Err: "status 500", Next: morning})
	settle(t, db, notify.Outcome{Key: "desk/1.raised", At: morning + 1, Err: "status 503"})
	settle(t, db, notify.Outcome{Key: "desk/2.raised", At: morning + 2, Err: "status 404"})
	db.Close()
	db = openAgain(t, path)
	if got := due(t, db, "desk", morning, 9); got != "1.returned" {
		t.Errorf("due is %q: what comes behind a dead letter must go on", got)
	}
	letters, err := db.DeadLetters(t.Context(), 9)
	if err != nil {
		t.Fatal(err)
	}
	c := notices("desk", "1.raised", "2.raised")
	first, second := store.DeadLetter{Notice: c.Notices[0], Err: "status 503", At: morning + 1}, store.DeadLetter{Notice: c.Notices[1], Err: "status 404", At: morning + 2}
	first.Attempts, second.Attempts = 2, 1
	if diff := cmp.Diff([]store.DeadLetter{second, first}, letters); diff != "" {
		t.Errorf("dead letters (-want +got)\n%s", diff)
	}
	if one, err := db.DeadLetters(t.Context(), 1); len(one) != 1 || err != nil {
		t.Errorf("one dead letter is %v, %v", one, err)
	}
}

func TestAClockThatIsSetBackHoldsNoNoticeUp(t *testing.T) {
	db, _ := fresh(t)
	commit(t, db, notices("desk", "1.raised", "1.returned"))
	settle(t, db, notify.Outcome{Key: "desk/1.raised", At: morning, Err: "refused", Next: morning + 60_000})
	if got := due(t, db, "desk", morning, 9); got != "in 1m0s" {
		t.Errorf("due is %q", got)
	}
	for _, back := range []time.Duration{3 * time.Hour, 10 * 365 * 24 * time.Hour} {
		if got := due(t, db, "desk", morning.Add(-back), 9); got != "1.raised 1.returned" {
			t.Errorf("with the clock set back by %v, due is %q", back, got)
		}
	}
}

func TestTheOutboxIsBounded(t *testing.T) {
	db, path := fresh(t)
	commit(t, db, notices("desk", "1.raised", "2.raised"), notices("gone", "3.raised"))
	settle(t, db, notify.Outcome{Key: "desk/1.raised", At: morning, Err: "refused"})
	outside := another(t, path)
	// after makes a notice that this many others came before, and settles it.
	after := func(n int) {
		t.Helper()
		if _, err := outside.Exec("INSERT INTO notice SELECT ?, 'n' || ?, 'desk', 9, event, body, made, 0, 0, 'waiting', 0, '' FROM notice WHERE id = 2", n, n); err != nil {
			t.Fatal(err)
		}
		settle(t, db, notify.Outcome{Key: fmt.Sprint("n", n), At: morning})
	}
	dead := func() (keys string) {
		t.Helper()
		letters, err := db.DeadLetters(t.Context(), 9)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range letters {
			keys += l.Key + ": " + l.Err + "\n"
		}
		return keys
	}
	after(10_000)
	if got := dead(); got != "desk/1.raised: refused\n" {
		t.Errorf("dead letters are %q", got)
	}
	after(10_001)
	if got := dead(); got != "" {
		t.Errorf("dead letters are %q, want the oldest forgotten", got)
	}
	if got := due(t, db, "desk", morning, 9); got != "2.raised" {
		t.Errorf("due is %q: what waits must not be forgotten", got)
	}
	after(100_003)
	if got := dead(); got != "gone/3.raised: never asked for\ndesk/2.raised: never asked for\n" {
		t.Errorf("dead letters are %q, want those that nobody asked for", got)
	}
}

func TestWhoWasToldOfAnAlert(t *testing.T) {
	db, _ := fresh(t)
	made := func(key string, alert alerts.ID) notify.Notice {
		return notify.Notice{Key: key, Receiver: "desk", Alert: alert, Event: "raised", Body: []byte("{}"), Made: morning}
	}
	commit(t, db, store.Change{Notices: []notify.Notice{made("sent", 7), made("other", 8), made("again", 7), made("new", 7)}})
	for _, o := range []notify.Outcome{
		{Key: "sent", At: morning + 1000},
		{Key: "again", At: morning + 2000, Err: "503", Next: morning + 9000},
	} {
		if err := db.Settle(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	list, err := db.Deliveries(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range list {
		got = append(got, fmt.Sprintf("%s %s %d %s %q", d.Key, d.State, d.Attempts, d.At, d.Err))
	}
	want := []string{
		fmt.Sprintf("sent sent 1 %s %q", morning+1000, ""), fmt.Sprintf("again waiting 1 %s %q", morning+2000, "503"), `new waiting 0 - ""`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is on record (-want +got):\n%s", diff)
	}
}
